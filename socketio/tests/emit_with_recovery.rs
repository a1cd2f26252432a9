//! An emit is the same with recovery and without: it is queued by its call.

use sockeye_socketio::{Builder, Recovery, Socket, SocketIo};
use sockeye_tower::test::Client;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

async fn emits_that_nobody_awaits(options: fn(Builder) -> Builder) -> Result<[String; 2]> {
    let io = options(SocketIo::builder()).build();
    io.of("/").on_connect(async |socket: Socket| {
        drop(socket.emit("first", &()));
        drop(socket.broadcast().emit("not to this one", &()));
        drop(socket.within(socket.id().as_str()).emit("second", &()));
    });
    let client = Client::new(io.service());
    let session = client.engineio("/").open().await?;
    session.send("0").await?;
    session.recv().await?;
    let mut names = [const { String::new() }; 2];
    for name in &mut names {
        let event = session.recv().await?;
        let quoted = event.as_text().and_then(|event| event.split('"').nth(1));
        *name = quoted.ok_or("no event")?.to_owned();
    }
    Ok(names)
}

#[tokio::test(start_paused = true)]
async fn an_emit_that_nobody_awaits_is_sent_in_the_order_of_the_calls() {
    let plain = emits_that_nobody_awaits(|builder| builder).await.unwrap();
    assert_eq!(plain, ["first", "second"]);
    let kept = emits_that_nobody_awaits(|builder| builder.recovery(Recovery::new()))
        .await
        .unwrap();
    assert_eq!(kept, ["first", "second"]);
}
