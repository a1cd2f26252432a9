//! Heartbeats of revision 4: the server's pings.

use std::time::Duration;

use sockeye_tower::CloseReason;

use crate::{
    client::masked,
    support::{Server, as_text, pass, rest},
};

#[tokio::test(start_paused = true)]
async fn websocket_is_pinged() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let mut socket = server.open_websocket().await;
    let session = sessions.recv().await.unwrap();
    let mut start = tokio::time::Instant::now();
    for _ in 0..3 {
        assert_eq!(socket.text().await, "2");
        assert_eq!(start.elapsed().as_secs(), 25);
        // Counted from the pong.
        pass(5).await;
        start = tokio::time::Instant::now();
        socket.send_text("3").await;
        rest().await;
    }
    assert_eq!(socket.text().await, "2");
    pass(19).await;
    assert_eq!(session.close_reason(), None);
    pass(2).await;
    assert_eq!(session.close_reason(), Some(CloseReason::NoHeartbeat));
    socket.expect_close(None).await;
}

#[tokio::test(start_paused = true)]
async fn a_ping_ends_an_idle_poll() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let mut session = sessions.recv().await.unwrap();
    for _ in 0..3 {
        let start = tokio::time::Instant::now();
        assert_eq!(client.poll_text().await, "2");
        assert!((24..26).contains(&start.elapsed().as_secs()));
        client.send("3").await;
    }
    assert_eq!(client.poll_text().await, "2");
    // Packets give it its time anew, once.
    pass(15).await;
    client.send("4hello").await;
    assert_eq!(as_text(session.recv().await), "hello");
    let mut poll = client.start_poll().await;
    pass(15).await;
    client.send("4again").await;
    assert_eq!(as_text(session.recv().await), "again");
    assert_eq!(session.close_reason(), None);
    pass(6).await;
    assert_eq!(poll.answer().await.text(), "1");
    assert_eq!(session.close_reason(), Some(CloseReason::NoHeartbeat));
    client.expect_unknown().await;
}

/// Limit 11; eclipse-vertx #373.
#[tokio::test(start_paused = true)]
async fn an_abandoned_session_is_forgotten() {
    let server = Server::echoing(|mount| mount);
    let client = server.open().await;
    pass(44).await;
    assert_eq!(server.handle.sessions(), 1);
    pass(2).await;
    assert_eq!(server.handle.sessions(), 0);
    client.expect_unknown().await;
}

#[tokio::test(start_paused = true)]
async fn a_ping_is_not_the_clients_to_send() {
    let server = Server::echoing(|mount| mount);
    let mut socket = server.open_websocket().await;
    socket.send_text("2").await;
    socket.expect_close(Some(1002)).await;
    // Whoever broke a rule is read to nowhere until it hangs up.
    drop(socket);
    rest().await;
    assert_eq!(server.handle.sessions(), 0);
}

/// sockjs-node #185, aio-libs/sockjs #10: timers of something that is gone.
#[tokio::test(start_paused = true)]
async fn an_upgrade_does_not_disturb_them() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let session = sessions.recv().await.unwrap();
    pass(20).await;
    let mut socket = client.upgraded().await;
    let start = tokio::time::Instant::now();
    assert_eq!(socket.text().await, "2");
    assert!((4..=5).contains(&start.elapsed().as_secs()));
    socket.send_text("3").await;
    assert_eq!(socket.text().await, "2");
    pass(21).await;
    assert_eq!(session.close_reason(), Some(CloseReason::NoHeartbeat));
    socket.expect_close(None).await;
}

/// CVE-2026-48802, socketioxide #817; see `floods` as well.
#[tokio::test(start_paused = true)]
async fn a_flood_of_pongs_changes_nothing() {
    let server = Server::echoing(|mount| mount);
    let mut socket = server.open_websocket().await;
    for _ in 0..100 {
        socket.send_texts(&["3"; 100]).await;
    }
    socket.send_text("4hello").await;
    assert_eq!(socket.text().await, "4hello");
    socket.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_polls_no_more_times_out_with_a_post_on_hold() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.inbox_limits(1, 1));
    let client = server.open().await;
    let session = sessions.recv().await.unwrap();
    client.send("4first").await;
    let _held = client.start_post(7, b"4second").await;
    // It vanishes: neither polls nor closes anything, and nobody takes its messages.
    pass(24 * 3600).await;
    assert_eq!(session.close_reason(), Some(CloseReason::NoHeartbeat));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_polls_on_lives_while_its_post_is_on_hold() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.inbox_limits(1, 1));
    let client = server.open().await;
    let mut session = sessions.recv().await.unwrap();
    client.send("4first").await;
    let mut held = client.start_post(7, b"4second").await;
    for _ in 0..100 {
        // It hears of the server, as its own timer wants, though its pongs wait behind the POST.
        assert_eq!(client.poll_text().await, "2");
        pass(5).await;
    }
    assert_eq!(as_text(session.recv().await), "first");
    assert_eq!(held.answer().await.text(), "ok");
    assert_eq!(as_text(session.recv().await), "second");
    client.send("3").await;
    assert_eq!(session.close_reason(), None);
}

#[tokio::test(start_paused = true)]
async fn a_websocket_that_is_not_read_and_takes_nothing_is_given_up() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.inbox_limits(1, 1));
    let mut connection = server.connect_over(300);
    let query = "EIO=4&transport=websocket";
    connection.send_handshake("GET", query, "").await;
    assert_eq!(connection.answer().await.status, 101);
    let session = sessions.recv().await.unwrap();
    connection.write(&masked(0x81, b"4untaken")).await;
    // Pings fill what is between the two.
    pass(3600).await;
    assert_eq!(session.close_reason(), Some(CloseReason::TooSlow));
}

/// A browser's timer that is set longer than 2^31 - 1 milliseconds fires at once.
#[tokio::test(start_paused = true)]
async fn clients_can_hold_the_times_that_they_are_told() {
    let ever = Duration::MAX;
    let server = Server::echoing(|mount| mount.ping_interval(ever).ping_timeout(ever));
    let client = server.open().await;
    let text = server.get("EIO=4&transport=polling").await.text();
    let told = |name: &str| -> u64 {
        let (_, rest) = text.split_once(name).unwrap();
        rest.split([',', '}']).next().unwrap().parse().unwrap()
    };
    let (interval, timeout) = (told("pingInterval\":"), told("pingTimeout\":"));
    assert!(interval + timeout < 1 << 31, "{interval}, {timeout}");
    // And the server keeps to them.
    let start = tokio::time::Instant::now();
    assert_eq!(client.poll_text().await, "2");
    assert_eq!(start.elapsed().as_secs(), interval / 1000);
}
