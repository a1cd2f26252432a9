//! Sessions that begin on WebSocket.

use sockeye_tower::{Close, CloseReason, Limit, Message};

use crate::{
    client::Sent,
    support::{Server, as_text, pass, rest, secs},
};

#[tokio::test(start_paused = true)]
async fn echoes_texts_and_bytes() {
    let server = Server::echoing(|mount| mount);
    let mut socket = server.open_websocket().await;
    socket.send_texts(&["4one", "4", "4€😀"]).await;
    for expected in ["4one", "4", "4€😀"] {
        assert_eq!(socket.text().await, expected);
    }
    socket.send(0x82, &[0, 255]).await;
    assert_eq!(socket.next().await, Sent::Binary(vec![0, 255]));
    socket.send(0x82, &[]).await;
    assert_eq!(socket.next().await, Sent::Binary(vec![]));
    // Bytes as text are taken as well.
    socket.send_text("bAQID").await;
    assert_eq!(socket.next().await, Sent::Binary(vec![1, 2, 3]));
    // A message in two frames.
    socket.send(0x01, b"4ab").await;
    socket.send(0x80, b"cd").await;
    assert_eq!(socket.text().await, "4abcd");
    // WebSocket's own ping is its own matter.
    socket.send(0x89, b"x").await;
    assert_eq!(socket.next().await, Sent::Pong(b"x".to_vec()));
}

#[tokio::test(start_paused = true)]
async fn bytes_are_base64_where_the_client_says_so() {
    let server = Server::echoing(|mount| mount);
    let mut socket = server.websocket("EIO=4&transport=websocket&b64=1").await;
    socket.text().await;
    socket.send(0x82, &[1, 2, 3, 4]).await;
    assert_eq!(socket.text().await, "bAQIDBA==");
}

#[tokio::test(start_paused = true)]
async fn packets_that_mean_nothing_here_are_ignored() {
    let server = Server::echoing(|mount| mount);
    let mut socket = server.open_websocket().await;
    socket
        .send_texts(&["0", "5", "6", "3", "3probe", "4hello"])
        .await;
    assert_eq!(socket.text().await, "4hello");
    socket.expect_silence().await;
}

/// engineioxide PR #794: a character of several bytes in place of the type was a panic.
#[tokio::test(start_paused = true)]
async fn what_is_no_packet_ends_the_session() {
    for text in ["", "x", "7", "€", "é"] {
        let (server, mut sessions) = Server::handing_over(|mount| mount);
        let mut socket = server.open_websocket().await;
        let mut session = sessions.recv().await.unwrap();
        socket.send_texts(&["4before", text, "4behind"]).await;
        socket.expect_close(Some(1002)).await;
        assert_eq!(as_text(session.recv().await), "before");
        assert_eq!(session.recv().await, None, "{text}");
        let violation = CloseReason::Violation(Close::PROTOCOL_ERROR);
        assert_eq!(session.close_reason(), Some(violation));
    }
}

/// CVE-2022-21676, CVE-2016-10542: frames that break a rule, and what the server's close says of them.
const VIOLATIONS: [(&[u8], u16); 6] = [
    (&[0x81, 0x83, 0, 0, 0, 0, b'4', 0xff, 0xfe], 1007),
    (&[0x81, 0x01, b'4'], 1002),
    (&[0xa1, 0x81, 0, 0, 0, 0, b'4'], 1002),
    (&[0x83, 0x81, 0, 0, 0, 0, b'4'], 1002),
    (&[0x80, 0x81, 0, 0, 0, 0, b'4'], 1002),
    (&[0x81, 0x8b, 0, 0, 0, 0], 1009),
];

#[tokio::test(start_paused = true)]
async fn broken_frames_end_the_session_with_their_code() {
    for (frame, code) in VIOLATIONS {
        let (server, mut sessions) = Server::handing_over(|mount| mount.max_message_size(10));
        let mut socket = server.open_websocket().await;
        let mut session = sessions.recv().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut socket.stream, frame)
            .await
            .unwrap();
        assert_eq!(socket.next().await, Sent::Close(Some(code)), "{frame:?}");
        assert_eq!(session.recv().await, None);
        let reason = session.close_reason();
        assert!(
            matches!(reason, Some(CloseReason::Violation(_))),
            "{reason:?}"
        );
        drop((socket, session));
        rest().await;
        assert_eq!(server.handle.sessions(), 0, "{frame:?}");
    }
}

/// Limits 1 and 3: the same as of a POST, and 1009.
#[tokio::test(start_paused = true)]
async fn the_largest_message_and_one_byte_more() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.max_message_size(10));
    let mut socket = server.open_websocket().await;
    let mut session = sessions.recv().await.unwrap();
    socket.send_text("4aaaaaaaaa").await;
    assert_eq!(as_text(session.recv().await), "aaaaaaaaa");
    socket.send(0x82, &[7; 10]).await;
    assert_eq!(
        session.recv().await,
        Some(Message::Binary(vec![7; 10].into()))
    );
    socket.send_text("4aaaaaaaaaa").await;
    socket.expect_close(Some(1009)).await;
    assert_eq!(session.recv().await, None);
    drop((socket, session));
    rest().await;
    assert_eq!(server.handle.limit_hits(Limit::MessageSize), 1);
}

#[tokio::test(start_paused = true)]
async fn a_close_packet_ends_the_session() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let mut socket = server.open_websocket().await;
    let mut session = sessions.recv().await.unwrap();
    socket.send_texts(&["4before", "1", "4behind"]).await;
    socket.expect_close(None).await;
    assert_eq!(as_text(session.recv().await), "before");
    assert_eq!(session.recv().await, None);
    assert_eq!(session.close_reason(), Some(CloseReason::PeerClosed(None)));
}

#[tokio::test(start_paused = true)]
async fn the_peers_close_ends_the_session() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let mut socket = server.open_websocket().await;
    let mut session = sessions.recv().await.unwrap();
    socket.send(0x88, &[0x0f, 0xa0, b'x']).await;
    assert_eq!(socket.next().await, Sent::Close(Some(4000)));
    assert_eq!(session.recv().await, None);
    let reason = CloseReason::PeerClosed(Some(Close::new(4000, "x")));
    assert_eq!(session.close_reason(), Some(reason));

    let socket = server.open_websocket().await;
    let mut session = sessions.recv().await.unwrap();
    drop(socket);
    assert_eq!(session.recv().await, None);
    assert_eq!(session.close_reason(), Some(CloseReason::Disconnected));
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_closed_says_what_it_has_first() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let mut socket = server.open_websocket().await;
    let session = sessions.recv().await.unwrap();
    session.try_send("last words").unwrap();
    session.close(3000, "for itself");
    assert_eq!(socket.text().await, "4last words");
    // Engine.IO's close has no code.
    socket.expect_close(None).await;
    rest().await;
    assert_eq!(server.handle.sessions(), 0);
}

/// Limits 5 and 16, ws-rs #91.
#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_nothing_is_given_up() {
    let (server, mut sessions) =
        Server::handing_over(|mount| mount.ping_interval(secs(600)).stall_timeout(secs(30)));
    let mut connection = server.connect_over(512);
    connection
        .send_handshake("GET", "EIO=4&transport=websocket", "")
        .await;
    assert_eq!(connection.answer().await.status, 101);
    let session = sessions.recv().await.unwrap();
    for _ in 0..10 {
        session.try_send("a".repeat(1000)).unwrap();
    }
    pass(29).await;
    assert_eq!(session.close_reason(), None);
    pass(2).await;
    assert_eq!(session.close_reason(), Some(CloseReason::TooSlow));
    drop(session);
    pass(40).await;
    assert_eq!(server.handle.sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_too_long_is_told_if_it_comes_back() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.ping_interval(secs(600)));
    let mut connection = server.connect_over(512);
    connection
        .send_handshake("GET", "EIO=4&transport=websocket", "")
        .await;
    assert_eq!(connection.answer().await.status, 101);
    let session = sessions.recv().await.unwrap();
    for _ in 0..3 {
        session.try_send("a".repeat(1000)).unwrap();
    }
    pass(31).await;
    assert_eq!(session.close_reason(), Some(CloseReason::TooSlow));
    let mut socket = crate::client::WebSocket::new(connection.stream);
    let mut texts = 0;
    let end = loop {
        match socket.next().await {
            Sent::Text(_) => texts += 1,
            other => break other,
        }
    };
    // The open packet, and what was encoded by then.
    assert_eq!((texts, end), (4, Sent::Close(Some(1013))));
}

/// Limit 4, CVE-2026-48779.
#[tokio::test(start_paused = true)]
async fn a_message_in_too_many_frames_ends_the_session() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.max_fragments(10));
    let mut socket = server.open_websocket().await;
    let mut session = sessions.recv().await.unwrap();
    socket.send(0x01, b"4").await;
    for _ in 0..20 {
        socket.send(0x00, b"").await;
    }
    assert_eq!(socket.next().await, Sent::Close(Some(1008)));
    assert_eq!(session.recv().await, None);
}

/// Limit 8, CVE-2022-41940: its place is free again.
#[tokio::test(start_paused = true)]
async fn an_upgrade_answer_that_nobody_takes_begins_no_session() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.max_sessions(1));
    for _ in 0..20 {
        let mut connection = server.connect();
        connection
            .send_handshake("GET", "EIO=4&transport=websocket", "")
            .await;
        drop(connection);
        rest().await;
        while let Ok(session) = sessions.try_recv() {
            drop(session);
        }
        rest().await;
        assert_eq!(server.handle.sessions(), 0);
    }
}
