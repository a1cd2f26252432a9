//! Clients that leave while handlers of theirs still wait.

use std::{future::pending, sync::Arc, time::Duration};

use sockeye_socketio::{AckError, Reason, Socket, SocketIo};
use sockeye_tower::{Transport, test::Client};
use tokio::sync::Notify;

/// On a paused clock, so that only what never happens takes this long.
const PATIENCE: Duration = Duration::from_secs(3600);

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_while_its_events_are_held_back_has_left() {
    let io = SocketIo::builder().max_waiting_handlers(1).build();
    let left = Arc::new(Notify::new());
    let leaving = left.clone();
    io.of("/").on_connect(async move |socket: Socket| {
        socket.on("ask", async |socket: Socket| {
            let answer: Result<(), AckError> = socket.emit_with_ack("question", &()).await;
            answer
        });
        socket.on_disconnect(async move |_: Reason| leaving.notify_one());
    });
    let client = Client::new(io.service());
    let session = client.engineio("/").transport(Transport::WebSocket);
    let session = session.open().await.unwrap();
    session.send("0").await.unwrap();
    session.recv().await.unwrap();
    // One waits for an answer that does not come, and behind it too many to be read on.
    for _ in 0..300 {
        session.send(r#"2["ask"]"#).await.unwrap();
    }
    session.recv().await.unwrap();
    session.close().await.unwrap();

    let has_left = tokio::time::timeout(PATIENCE, left.notified()).await;
    assert!(has_left.is_ok(), "its departure was not seen");
    assert_eq!(io.of("/").sockets(), []);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_has_left_is_not_counted_whatever_still_waits() {
    let io = SocketIo::new();
    let left = Arc::new(Notify::new());
    let leaving = left.clone();
    io.of("/").on_connect(async move |socket: Socket| {
        socket.on("wait", async |socket: Socket| {
            let _ = socket.emit("waiting", &()).await;
            pending::<()>().await;
        });
        socket.on_disconnect(async move |_: Reason| leaving.notify_one());
    });
    let client = Client::new(io.service());
    let session = client.engineio("/").open().await.unwrap();
    session.send("0").await.unwrap();
    session.recv().await.unwrap();
    session.send(r#"2["wait"]"#).await.unwrap();
    session.recv().await.unwrap();
    assert_eq!(io.clients(), 1);

    session.close().await.unwrap();
    let has_left = tokio::time::timeout(PATIENCE, left.notified()).await;
    assert!(has_left.is_ok(), "its departure was not seen");
    assert_eq!(io.clients(), 0);
}
