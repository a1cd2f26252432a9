//! Handlers that panic: their session ends, and no other.

use sockeye_tower::{EngineIo, Session};

use crate::{
    client::Sent,
    support::{Server, rest},
};

/// Echoes, but for one message.
async fn fragile(mut session: Session) {
    while let Some(message) = session.recv().await {
        assert_ne!(message.as_text(), Some("die"));
        session.send(message).await.unwrap();
    }
}

/// GHSA-7xpx-rcqc-8qjh and its like: a panic ends its own session alone.
#[tokio::test(start_paused = true)]
async fn its_peer_is_told_and_no_other() {
    let server = Server::new(EngineIo::new(fragile));
    let other = server.open().await;
    let client = server.open().await;
    let mut poll = client.start_poll().await;
    client.send("4die").await;
    assert_eq!(poll.answer().await.text(), "1");
    client.expect_unknown().await;

    let mut socket = server.open_websocket().await;
    socket.send_text("4die").await;
    assert_eq!(socket.next().await, Sent::Close(Some(1011)));
    drop(socket);

    // Also once it has moved.
    let client = server.open().await;
    let mut socket = client.upgraded().await;
    socket.send_texts(&["4one", "4die"]).await;
    assert_eq!(socket.text().await, "4one");
    assert_eq!(socket.next().await, Sent::Close(Some(1011)));
    drop(socket);
    rest().await;
    assert_eq!(server.handle.sessions(), 1);
    other.send("4alive").await;
    assert_eq!(other.poll_text().await, "4alive");
}
