//! The server goes away.

use std::time::Duration;

use sockeye_tower::{CloseReason, DrainPolicy};
use tokio::io::AsyncWriteExt;

use crate::{
    client::Sent,
    support::{Server, as_text, drain, rest, tasks},
};

/// Limit 35; axum #3003: a shutdown that waited for upgrades for ever.
#[tokio::test(start_paused = true)]
async fn everyone_is_told_in_their_way() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let polling = sessions.recv().await.unwrap();
    let mut poll = client.start_poll().await;
    let between = server.open().await;
    let waiting = sessions.recv().await.unwrap();
    let mut socket = server.open_websocket().await;
    let websocket = sessions.recv().await.unwrap();
    drain(&server.handle);
    assert_eq!(poll.answer().await.text(), "1");
    assert_eq!(socket.next().await, Sent::Close(Some(1001)));
    // The session that is between two polls hears of it in the next.
    assert_eq!(between.poll_text().await, "6\u{1e}1");
    for session in [polling, waiting, websocket] {
        assert_eq!(session.close_reason(), Some(CloseReason::GoingAway));
    }
    drop(socket);
    rest().await;
    assert_eq!(server.handle.sessions(), 0);
    client.expect_unknown().await;
}

/// Limits 8 and 35.
#[tokio::test(start_paused = true)]
async fn no_more_sessions_begin() {
    let (server, _sessions) = Server::handing_over(|mount| mount);
    drain(&server.handle);
    let answer = server.get("EIO=4&transport=polling").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.all("retry-after").len(), 1);
    let (answer, _) = server.handshake("EIO=4&transport=websocket").await;
    assert_eq!(answer.status, 503);
}

/// Limit 35: what a client has begun to send is answered, and its session is over.
#[tokio::test(start_paused = true)]
async fn a_post_in_flight_is_answered() {
    for polls in [false, true] {
        let (server, mut sessions) = Server::handing_over(|mount| mount);
        let client = server.open().await;
        let mut session = sessions.recv().await.unwrap();
        client.send("4before").await;
        let mut post = client.start_post(6, b"4lat").await;
        let poll = match polls {
            true => Some(client.start_poll().await),
            false => None,
        };
        drain(&server.handle);
        rest().await;
        assert_eq!(session.close_reason(), Some(CloseReason::GoingAway));
        match poll {
            // The client knows, and thinks of nothing as delivered.
            Some(mut poll) => {
                assert_eq!(poll.answer().await.text(), "1");
                let _ = post.stream.write_all(b"er").await;
                let answer = post.answer().await;
                assert!(matches!(answer.status, 200 | 400), "{answer:?}");
            }
            // It is to hear of the close, and not of an error.
            None => {
                post.write(b"er").await;
                let answer = post.answer().await;
                assert_eq!((answer.status, &*answer.text()), (200, "ok"));
                assert_eq!(client.poll_text().await, "6\u{1e}1");
            }
        }
        // What came before the end is the application's to take, and nothing else is.
        assert_eq!(as_text(session.recv().await), "before");
        assert_eq!(session.recv().await, None);
        drop(session);
        rest().await;
        assert_eq!(server.handle.sessions(), 0);
        client.expect_unknown().await;
    }
}

/// Limits 31 and 35: nor does a drain wait for a POST that waits for its handler.
#[tokio::test(start_paused = true)]
async fn a_post_that_is_held_is_let_go() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.inbox_limits(1, 1 << 20));
    let client = server.open().await;
    let mut session = sessions.recv().await.unwrap();
    client.send("4one").await;
    let mut post = client.start_post(4, b"4two").await;
    post.expect_silence().await;
    drain(&server.handle);
    assert_eq!(post.answer().await.text(), "ok");
    assert_eq!(client.poll_text().await, "6\u{1e}1");
    assert_eq!(as_text(session.recv().await), "one");
    assert_eq!(session.recv().await, None);
}

/// Limit 35: whatever clients do not answer, read or finish, and whatever handlers do, the drain has
/// its bound.
#[tokio::test(start_paused = true)]
async fn it_ends_at_its_bound() {
    let stubborn = async |session: sockeye_tower::Session| {
        std::future::pending::<()>().await;
        drop(session);
    };
    let server = Server::new(sockeye_tower::EngineIo::new(stubborn).inbox_limits(1, 1 << 20));
    let before = tasks();
    let mut held = Vec::new();
    // Between polls, with a poll, with a POST half sent, with one held, probing, moved, blocked.
    server.open().await;
    held.push(server.open().await.start_poll().await);
    held.push(server.open().await.start_post(10, b"4hel").await);
    let client = server.open().await;
    client.send("4one").await;
    held.push(client.start_post(4, b"4two").await);
    let probing = server.open().await.probed().await;
    let moved = server.open().await.upgraded().await;
    let direct = server.open_websocket().await;
    let mut unanswered = server.connect_over(16);
    let query = "EIO=4&transport=websocket";
    unanswered.send_handshake("GET", query, "").await;
    rest().await;
    assert_eq!(server.handle.sessions(), 8);
    let start = tokio::time::Instant::now();
    let policy = DrainPolicy::new().window(Duration::ZERO);
    let cut = server.handle.drain(policy).await;
    assert_eq!(start.elapsed().as_secs(), 8);
    assert!(cut >= 7, "{cut}");
    drop((held, probing, moved, direct, unanswered));
    rest().await;
    assert_eq!(server.handle.sessions(), 0);
    assert_eq!(tasks(), before);
}
