//! Handlers that panic: their session ends, and no other.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use sockeye_tower::{Close, EngineIo, Session};

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
    let client = server.client();
    let other = client.engineio("/").open().await.unwrap();
    let session = client.engineio("/").open().await.unwrap();
    // Its poll is under way.
    rest().await;
    session.send("die").await.unwrap();
    assert_eq!(session.closed().await, Ok(Close::new(1005, "")));

    let mut socket = server.open_websocket().await;
    socket.send_text("4die").await;
    assert_eq!(socket.next().await, Sent::Close(Some(1011)));
    drop(socket);

    // Also once it has moved.
    let session = client.engineio("/").open().await.unwrap();
    session.upgrade().await.unwrap();
    session.send_all(["one", "die"]).await.unwrap();
    assert_eq!(session.recv().await, Ok("one".into()));
    assert_eq!(session.closed().await, Ok(Close::INTERNAL_ERROR));
    rest().await;
    assert_eq!(server.handle.sessions(), 1);
    other.send("alive").await.unwrap();
    assert_eq!(other.recv().await, Ok("alive".into()));
}

#[tokio::test(start_paused = true)]
async fn what_makes_ids_and_what_hears_of_errors_harm_nobody_by_a_panic() {
    let panicking = Arc::new(AtomicBool::new(true));
    let (server, _sessions) = Server::handing_over(|mount| {
        let panicking = panicking.clone();
        mount
            .generate_id(move |_| {
                assert!(!panicking.load(Ordering::Relaxed), "no id");
                "mine".into()
            })
            .on_connection_error(|_, _| panic!("nobody listens"))
    });
    let mut connection = server.connect();
    let query = "EIO=4&transport=polling";
    for _ in 0..2 {
        connection.send("GET", query, "", b"").await;
        let answer = connection.answer().await;
        answer.expect_error(400, 3, "Bad request");
    }
    let (answer, _) = server.handshake("EIO=4&transport=websocket").await;
    answer.expect_refused(400, "Bad request");
    assert_eq!(server.handle.sessions(), 0);
    panicking.store(false, Ordering::Relaxed);
    assert_eq!(server.open().await.sid, "mine");
}
