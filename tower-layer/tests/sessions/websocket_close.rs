//! The end of a WebSocket: who says what, and how long it may take.

use sockeye_tower::{CloseReason, Limit, SockJs};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::Instant,
};

use crate::support::{Sent, Server, close, echo, masked, pass, rest, since, text};

#[tokio::test(start_paused = true)]
async fn a_framed_close_carries_the_applications_code_and_the_websocket_closes_normally() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let mut websocket = server.websocket("/0/s/websocket").await;
    let session = sessions.recv().await.unwrap();
    session.send("last").await.unwrap();
    session.close(3456, "bye");
    assert_eq!(websocket.next().await, text("o"));
    assert_eq!(websocket.next().await, text(r#"a["last"]"#));
    assert_eq!(websocket.next().await, text(r#"c[3456,"bye"]"#));
    assert_eq!(websocket.next().await, close(1000, "Normal closure"));
    websocket.send_close(1000, "").await;
    assert_eq!(websocket.next().await, Sent::End);
}

#[tokio::test(start_paused = true)]
async fn a_raw_close_carries_the_applications_code() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let mut websocket = server.websocket("/websocket").await;
    sessions.recv().await.unwrap().close(3456, "bye");
    assert_eq!(websocket.next().await, close(3456, "bye"));
    // One close frame is one side's last: the answer is not answered again.
    websocket.send_close(3456, "bye").await;
    assert_eq!(websocket.next().await, Sent::End);
}

#[tokio::test(start_paused = true)]
async fn a_close_reason_is_cut_at_123_bytes_and_whole_in_the_frame() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    for (sent, received) in [(122, 122), (123, 123), (124, 123)] {
        let mut websocket = server.websocket("/websocket").await;
        sessions.recv().await.unwrap().close(3000, "x".repeat(sent));
        assert_eq!(
            websocket.next().await,
            close(3000, &"x".repeat(received)),
            "{sent}"
        );
    }
    let mut websocket = server.websocket("/0/s/websocket").await;
    let long = "x".repeat(500);
    sessions.recv().await.unwrap().close(3000, long.as_str());
    assert_eq!(websocket.next().await, text("o"));
    assert_eq!(websocket.next().await, text(&format!("c[3000,\"{long}\"]")));
}

#[tokio::test(start_paused = true)]
async fn what_arrives_after_our_close_is_dropped_until_the_answer() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let mut websocket = server.websocket("/websocket").await;
    let mut session = sessions.recv().await.unwrap();
    session.close(1000, "");
    assert_eq!(websocket.next().await, close(1000, ""));
    websocket.send_text("late").await;
    rest().await;
    assert_eq!(session.recv().await, None);
    websocket.send_close(1000, "").await;
    assert_eq!(websocket.next().await, Sent::End);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_answers_is_dropped_after_the_close_timeout() {
    for seconds in [5, 60] {
        let (server, mut sessions) = Server::handing_over(|mount| {
            mount.close_timeout(std::time::Duration::from_secs(seconds))
        });
        let mut websocket = server.websocket("/websocket").await;
        let start = Instant::now();
        drop(sessions.recv().await);
        assert_eq!(websocket.next().await, close(1000, "Normal closure"));
        // Traffic that is no answer does not put the end off.
        pass(1).await;
        websocket.send_text("still talking").await;
        assert_eq!(websocket.next().await, Sent::End);
        assert_eq!(since(start), seconds);
        rest().await;
        assert_eq!(server.handle.sessions(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn the_peers_close_is_echoed_and_the_connection_ended() {
    let server = Server::new(SockJs::new(echo));
    for target in ["/websocket", "/0/s/websocket"] {
        let mut websocket = server.websocket(target).await;
        let start = Instant::now();
        if target != "/websocket" {
            assert_eq!(websocket.next().await, text("o"));
        }
        websocket.send_close(3010, "done here").await;
        assert_eq!(websocket.next().await, close(3010, "done here"), "{target}");
        assert_eq!(websocket.next().await, Sent::End, "{target}");
        assert_eq!(since(start), 0);
    }
    rest().await;
    assert_eq!(server.handle.sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn messages_before_the_peers_close_are_delivered_in_the_same_read() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let mut websocket = server.websocket("/websocket").await;
    let mut session = sessions.recv().await.unwrap();
    let both = [
        masked(0x81, b"last"),
        masked(0x88, &[0x0b, 0xb8]),
        masked(0x81, b"never"),
    ]
    .concat();
    websocket.stream.write_all(&both).await.unwrap();
    assert_eq!(session.recv().await, Some("last".into()));
    assert_eq!(session.recv().await, None);
    assert!(matches!(
        session.close_reason(),
        Some(CloseReason::PeerClosed(Some(close))) if close.code == 3000
    ));
}

#[tokio::test(start_paused = true)]
async fn a_violation_is_told_and_its_peer_read_until_it_hangs_up() {
    let start = Instant::now();
    #[rustfmt::skip]
    let cases = [
        // target            bytes                         code  reason               limit
        ("/websocket",       masked(0xc1, b"a"),           1002, "Protocol error",    None),
        ("/websocket",       masked(0x81, b"\xff"),        1007, "Invalid UTF-8",     None),
        ("/websocket",       masked(0x81, &[b'a'; 101]),   1009, "Message too big",   Some(Limit::MessageSize)),
        ("/0/s/websocket",   masked(0x82, b"a"),           1003, "Unsupported data",  None),
        ("/0/s/websocket",   masked(0x81, b"{}"),          3000, "Broken framing.",   None),
        ("/0/s/websocket",   masked(0x81, br#"["","",""]"#), 1009, "Too many messages", Some(Limit::Messages)),
        ("/websocket",       [masked(0x01, b""), masked(0x00, b"").repeat(10)].concat(),
                                                           1008, "Too many fragments", Some(Limit::Fragments)),
    ];
    for (target, bytes, code, reason, limit) in cases {
        let (server, mut sessions) = Server::handing_over(|mount| {
            mount
                .max_message_size(100)
                .max_fragments(10)
                .max_messages(2)
        });
        let mut websocket = server.websocket(target).await;
        let session = sessions.recv().await.unwrap();
        if target != "/websocket" {
            assert_eq!(websocket.next().await, text("o"));
        }
        websocket.stream.write_all(&bytes).await.unwrap();
        assert_eq!(websocket.next().await, close(code, reason), "{reason}");
        // Our side is at its end, and the peer may go on to talk for a while.
        assert_eq!(websocket.next().await, Sent::End, "{reason}");
        assert!(
            matches!(session.close_reason(), Some(CloseReason::Violation(close)) if close.code == code)
        );
        for _ in 0..100 {
            websocket.stream.write_all(&[b'x'; 1000]).await.unwrap();
        }
        rest().await;
        assert_eq!(server.handle.sessions(), 1, "{reason}");
        drop(websocket);
        rest().await;
        assert_eq!(server.handle.sessions(), 0, "{reason}");
        for counted in [Limit::MessageSize, Limit::Messages, Limit::Fragments] {
            let hits = u64::from(limit == Some(counted));
            assert_eq!(server.hits(counted), hits, "{reason}");
        }
    }
    assert_eq!(since(start), 0);
}

#[tokio::test(start_paused = true)]
async fn a_close_behind_broken_framing_is_not_answered_too() {
    let server = Server::new(SockJs::new(echo));
    let mut websocket = server.websocket("/0/s/websocket").await;
    assert_eq!(websocket.next().await, text("o"));
    let frames = [masked(0x81, b"{}"), masked(0x88, b"")].concat();
    websocket.stream.write_all(&frames).await.unwrap();
    assert_eq!(websocket.next().await, close(3000, "Broken framing."));
    assert_eq!(websocket.next().await, Sent::End);
}

#[tokio::test(start_paused = true)]
async fn a_violator_that_does_not_hang_up_is_dropped_after_the_close_timeout() {
    let server = Server::new(SockJs::new(echo));
    let mut websocket = server.websocket("/websocket").await;
    websocket.send(0xc1, b"").await;
    assert_eq!(websocket.next().await, close(1002, "Protocol error"));
    pass(4).await;
    websocket.stream.write_all(b"more").await.unwrap();
    rest().await;
    assert_eq!(server.handle.sessions(), 1);
    pass(1).await;
    rest().await;
    assert_eq!(server.handle.sessions(), 0);
    assert!(websocket.stream.write_all(b"more").await.is_err());
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_breaks_the_protocol_ends_the_connection_too() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let mut websocket = server.websocket("/websocket").await;
    drop(sessions.recv().await);
    assert_eq!(websocket.next().await, close(1000, "Normal closure"));
    websocket.stream.write_all(&[0xff; 20]).await.unwrap();
    assert_eq!(websocket.next().await, Sent::End);
    drop(websocket);
    rest().await;
    assert_eq!(server.handle.sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_half_closed_connection_is_a_lost_one() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let mut websocket = server.websocket("/websocket").await;
    let mut session = sessions.recv().await.unwrap();
    websocket.stream.shutdown().await.unwrap();
    assert_eq!(session.recv().await, None);
    assert_eq!(session.close_reason(), Some(CloseReason::Disconnected));
    let mut rest = Vec::new();
    websocket.stream.read_to_end(&mut rest).await.unwrap();
    assert!(rest.is_empty());
}
