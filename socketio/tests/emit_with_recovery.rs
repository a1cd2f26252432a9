//! An emit is the same with recovery and without: it is queued by its call.

use sockeye_socketio::{Builder, Recovery, Socket, SocketIo};
use sockeye_tower::test::Client;

async fn emits_that_nobody_awaits(options: impl FnOnce(Builder) -> Builder) -> [String; 2] {
    let io = options(SocketIo::builder()).build();
    io.of("/").on_connect(async |socket: Socket| {
        drop(socket.emit("first", &()));
        drop(socket.broadcast().emit("not to this one", &()));
        drop(socket.within(socket.id().as_str()).emit("second", &()));
    });
    let client = Client::new(io.service());
    let session = client.engineio("/").open().await.unwrap();
    session.send("0").await.unwrap();
    session.recv().await.unwrap();
    let mut names = [const { String::new() }; 2];
    for name in &mut names {
        let event = session.recv().await.unwrap();
        let event = event.as_text().unwrap();
        *name = event.split('"').nth(1).unwrap().to_owned();
    }
    names
}

#[tokio::test(start_paused = true)]
async fn an_emit_that_nobody_awaits_is_sent_in_the_order_of_the_calls() {
    let plain = emits_that_nobody_awaits(|builder| builder).await;
    assert_eq!(plain, ["first", "second"]);
    let kept = emits_that_nobody_awaits(|builder| builder.recovery(Recovery::new())).await;
    assert_eq!(kept, ["first", "second"]);
}
