//! POSTs of a session: what they bring, and what breaks them.

use sockeye_tower::{Close, CloseReason, Limit, Message};

use crate::support::{Server, as_text, pass, rest, secs};

#[tokio::test(start_paused = true)]
async fn a_post_is_answered_ok() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let mut session = sessions.recv().await.unwrap();
    let answer = client.post("4one\u{1e}4\u{1e}bAQID\u{1e}b\u{1e}4€😀").await;
    assert_eq!((answer.status, &*answer.text()), (200, "ok"));
    assert_eq!(answer.all("content-type"), ["text/html"]);
    assert_eq!(answer.all("content-length"), ["2"]);
    assert_eq!(answer.all("cache-control"), ["no-store"]);
    assert_eq!(answer.all("x-content-type-options"), ["nosniff"]);
    for expected in [
        Message::from("one"),
        Message::from(""),
        Message::Binary(vec![1, 2, 3].into()),
        Message::Binary(Vec::new().into()),
        Message::from("€😀"),
    ] {
        assert_eq!(session.recv().await, Some(expected));
    }
}

#[tokio::test(start_paused = true)]
async fn any_content_type_but_bytes_is_text() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let mut session = sessions.recv().await.unwrap();
    for kind in [
        "text/plain;charset=UTF-8",
        "application/json",
        "image/png",
        "x",
    ] {
        let headers = format!("Content-Type: {kind}\r\n");
        let answer = server
            .ask_with("POST", &client.query, &headers, b"4hello")
            .await;
        assert_eq!(answer.text(), "ok", "{kind}");
        assert_eq!(as_text(session.recv().await), "hello");
    }
}

/// CVE-2026-59725: they were never answered.
#[tokio::test(start_paused = true)]
async fn bytes_in_revision_4_are_answered_and_end_the_session() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let mut session = sessions.recv().await.unwrap();
    let mut poll = client.start_poll().await;
    let headers = "Content-Type: application/octet-stream\r\n";
    let answer = server
        .ask_with("POST", &client.query, headers, b"4hello")
        .await;
    answer.expect_empty(400);
    assert_eq!(poll.answer().await.text(), "1");
    assert_eq!(session.recv().await, None);
    let violation = CloseReason::Violation(Close::PROTOCOL_ERROR);
    assert_eq!(session.close_reason(), Some(violation));
    client.expect_unknown().await;
}

/// Limit 31.
#[tokio::test(start_paused = true)]
async fn a_second_post_ends_the_session() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let mut session = sessions.recv().await.unwrap();
    let mut poll = client.start_poll().await;
    let mut first = client.start_post(6, b"4he").await;
    client.post("4two").await.expect_empty(400);
    assert_eq!(server.handle.limit_hits(Limit::Posts), 1);
    assert_eq!(poll.answer().await.text(), "1");
    // The first is not waited for: nothing of either is delivered, and its client shall not think
    // that it was.
    let answer = first.answer().await;
    answer.expect_empty(400);
    assert_eq!(answer.all("connection"), ["close"]);
    first.expect_end().await;
    assert_eq!(session.recv().await, None);
    client.expect_unknown().await;
    rest().await;
    assert_eq!(server.handle.sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_post_in_flight_when_the_session_ends_is_not_answered_ok() {
    // By a poll that comes twice, while the body is read.
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let mut session = sessions.recv().await.unwrap();
    let _poll = client.start_poll().await;
    let mut post = client.start_post(6, b"4he").await;
    client.poll().await.expect_empty(400);
    post.answer().await.expect_empty(400);
    assert_eq!(session.recv().await, None);

    // By the same, while the whole body waits for a handler that is behind.
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let mut session = sessions.recv().await.unwrap();
    client.send(vec!["4"; 1024].join("\u{1e}")).await;
    let mut post = client.start_post(5, b"4late").await;
    post.expect_silence().await;
    let _poll = client.start_poll().await;
    client.poll().await.expect_empty(400);
    post.answer().await.expect_empty(400);
    for _ in 0..1024 {
        assert_eq!(as_text(session.recv().await), "");
    }
    assert_eq!(session.recv().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_post_in_flight_when_the_application_closes_is_answered_ok_until_the_peer_knows() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let session = sessions.recv().await.unwrap();
    let mut post = client.start_post(6, b"4hello").await;
    post.answer().await;
    let mut post = client.start_post(6, b"4he").await;
    session.close(1000, "");
    post.write(b"llo").await;
    assert_eq!(post.answer().await.text(), "ok");
    let mut post = client.start_post(6, b"4he").await;
    assert_eq!(client.poll_text().await, "6\u{1e}1");
    post.answer().await.expect_empty(400);
}

#[tokio::test(start_paused = true)]
async fn a_post_that_is_aborted_ends_the_session() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let mut session = sessions.recv().await.unwrap();
    let mut poll = client.start_poll().await;
    drop(client.start_post(10, b"4hello").await);
    assert_eq!(poll.answer().await.text(), "1");
    assert_eq!(session.recv().await, None);
    assert_eq!(session.close_reason(), Some(CloseReason::Disconnected));
    client.expect_unknown().await;
}

/// Limit 15: 30 seconds without a byte.
#[tokio::test(start_paused = true)]
async fn a_post_that_never_comes_is_given_up() {
    let (server, mut sessions) =
        Server::handing_over(|mount| mount.ping_interval(std::time::Duration::from_secs(600)));
    let client = server.open().await;
    let session = sessions.recv().await.unwrap();
    let mut post = client.start_post(10, b"4hello").await;
    pass(31).await;
    assert_eq!(post.answer().await.status, 408);
    assert_eq!(session.close_reason(), Some(CloseReason::Disconnected));
    client.expect_unknown().await;
}

/// Limit 1, CVE-2020-36048: 413, of whatever length it says it is.
#[tokio::test(start_paused = true)]
async fn the_largest_payload_and_one_byte_more() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.max_message_size(10));
    let client = server.open().await;
    let mut session = sessions.recv().await.unwrap();
    for length in [9, 10] {
        let body = format!("4{}", "a".repeat(length - 1));
        client.send(&body).await;
        assert_eq!(as_text(session.recv().await), body[1..]);
    }
    let answer = client.post("4aaaaaaaaaa").await;
    answer.expect_empty(413);
    assert_eq!(answer.all("connection"), ["close"]);
    // However it is sent.
    let mut connection = server.connect();
    let head = format!(
        "POST /?{} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n4aaaaa\r\n5\r\naaaaa\r\n",
        client.query
    );
    connection.write(head.as_bytes()).await;
    connection.answer().await.expect_empty(413);
    // And not read at all when its length is told.
    let mut post = client.start_post(1 << 30, b"").await;
    post.answer().await.expect_empty(413);
    assert_eq!(server.handle.limit_hits(Limit::MessageSize), 3);
    // The session lives.
    client.send("4hello").await;
    assert_eq!(as_text(session.recv().await), "hello");
    assert_eq!(session.close_reason(), None);
}

/// engineioxide PR #794: truncated and multibyte packets; and text that is no UTF-8.
#[tokio::test(start_paused = true)]
async fn what_is_no_payload_ends_the_session_behind_what_came_before() {
    let cases: [(&[u8], &[&str]); 8] = [
        (b"", &[]),
        (b"x", &[]),
        (b"7hello", &[]),
        (b"4one\x1e", &["one"]),
        (b"\x1e4one", &[]),
        (b"4one\x1e4two\x1ex\x1e4three", &["one", "two"]),
        (b"4one\x1e4\xff\xfe", &["one"]),
        ("4one\x1e€".as_bytes(), &["one"]),
    ];
    for (body, expected) in cases {
        let (server, mut sessions) = Server::handing_over(|mount| mount);
        let client = server.open().await;
        let mut session = sessions.recv().await.unwrap();
        let mut poll = client.start_poll().await;
        client.post(body).await.expect_empty(400);
        assert_eq!(poll.answer().await.text(), "1");
        for expected in expected {
            assert_eq!(as_text(session.recv().await), *expected);
        }
        assert_eq!(session.recv().await, None, "{body:?}");
        let violation = CloseReason::Violation(Close::PROTOCOL_ERROR);
        assert_eq!(session.close_reason(), Some(violation));
        client.expect_unknown().await;
    }
}

/// Limit 28, at its edge.
#[tokio::test(start_paused = true)]
async fn more_packets_than_a_payload_may_have_are_refused_and_the_session_lives() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let mut session = sessions.recv().await.unwrap();
    client.send(vec!["4"; 10_000].join("\u{1e}")).await;
    for _ in 0..10_000 {
        assert_eq!(as_text(session.recv().await), "");
    }
    let answer = client.post(vec!["4"; 10_001].join("\u{1e}")).await;
    answer.expect_empty(413);
    assert_eq!(server.handle.limit_hits(Limit::Messages), 1);
    client.send("4alive").await;
    assert_eq!(as_text(session.recv().await), "alive");
}

#[tokio::test(start_paused = true)]
async fn a_close_packet_ends_the_session() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let mut session = sessions.recv().await.unwrap();
    let mut poll = client.start_poll().await;
    client.send("4before\u{1e}1\u{1e}4behind").await;
    assert_eq!(poll.answer().await.text(), "6");
    assert_eq!(as_text(session.recv().await), "before");
    assert_eq!(session.recv().await, None);
    assert_eq!(session.close_reason(), Some(CloseReason::PeerClosed(None)));
    client.expect_unknown().await;
    drop(session);
    rest().await;
    assert_eq!(server.handle.sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn packets_that_mean_nothing_here_are_ignored() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let mut session = sessions.recv().await.unwrap();
    client.send("0{}\u{1e}5\u{1e}6\u{1e}3\u{1e}4hello").await;
    assert_eq!(as_text(session.recv().await), "hello");
    assert_eq!(session.close_reason(), None);
    // Nor does what follows a close.
    client.send("1\u{1e}x").await;
    client.expect_unknown().await;
}

#[tokio::test(start_paused = true)]
async fn text_is_whole_across_the_pieces_of_a_body() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let mut session = sessions.recv().await.unwrap();
    let body = "4€😀".as_bytes();
    let mut post = client.start_post(body.len(), &body[..2]).await;
    for byte in &body[2..] {
        post.write(&[*byte]).await;
        rest().await;
    }
    assert_eq!(post.answer().await.text(), "ok");
    assert_eq!(as_text(session.recv().await), "€😀");
}

/// Limit 36.
#[tokio::test(start_paused = true)]
async fn compressed_bodies_are_not_taken() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let _session = sessions.recv().await.unwrap();
    let headers = "Content-Encoding: gzip\r\n";
    let answer = server.ask_with("POST", &client.query, headers, b"4a").await;
    assert_eq!(answer.status, 415);
}

#[tokio::test(start_paused = true)]
async fn a_post_that_breaks_a_rule_halfway_is_not_answered_ok() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let mut session = sessions.recv().await.unwrap();
    // The server's own heartbeat is not the client's to send.
    let answer = client.post("4before\u{1e}2\u{1e}4lost").await;
    answer.expect_empty(400);
    assert_eq!(as_text(session.recv().await), "before");
    assert_eq!(session.recv().await, None);
    let violation = CloseReason::Violation(Close::PROTOCOL_ERROR);
    assert_eq!(session.close_reason(), Some(violation));
    client.expect_unknown().await;
}

#[tokio::test(start_paused = true)]
async fn the_limits_of_a_post_can_be_set() {
    let (server, mut sessions) = Server::handing_over(|mount| {
        let mount = mount.max_messages(2);
        mount.body_timeouts(secs(3), secs(5))
    });
    let client = server.open().await;
    let mut session = sessions.recv().await.unwrap();
    client.send("4one\u{1e}4two").await;
    let answer = client.post("4one\u{1e}4two\u{1e}4three").await;
    answer.expect_empty(413);
    assert_eq!(as_text(session.recv().await), "one");
    assert_eq!(as_text(session.recv().await), "two");
    // A pause.
    let mut post = client.start_post(5, b"4he").await;
    pass(2).await;
    assert_eq!(session.close_reason(), None);
    pass(2).await;
    assert_eq!(post.answer().await.status, 408);
    assert_eq!(session.close_reason(), Some(CloseReason::Disconnected));
    // The time in all.
    let client = server.open().await;
    let session = sessions.recv().await.unwrap();
    let mut post = client.start_post(5, b"4").await;
    for _ in 0..2 {
        pass(2).await;
        post.write(b"a").await;
        rest().await;
        assert_eq!(session.close_reason(), None);
    }
    pass(2).await;
    assert_eq!(post.answer().await.status, 408);
    assert_eq!(session.close_reason(), Some(CloseReason::Disconnected));
}
