//! The server goes away.

use sockeye_tower::CloseReason;

use crate::{
    client::Sent,
    support::{Server, drain, rest},
};

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
