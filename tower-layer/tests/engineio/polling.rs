//! GETs of a session: what they wait for, and what ends them.

use std::io::Read;

use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use sockeye_tower::{Close, CloseReason, Limit, Message, SendError};
use tokio::io::AsyncReadExt;
use tower::Service;

use crate::support::{Server, pass, rest, secs};

#[tokio::test(start_paused = true)]
async fn a_poll_waits_for_a_message() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let session = sessions.recv().await.unwrap();
    let mut poll = client.start_poll().await;
    session.try_send("hello €😀").unwrap();
    let answer = poll.answer().await;
    assert_eq!((answer.status, &*answer.text()), (200, "4hello €😀"));
    assert_eq!(answer.all("content-type"), ["text/plain; charset=UTF-8"]);
    assert_eq!(answer.all("content-length"), ["14"]);
    assert_eq!(answer.all("cache-control"), ["no-store"]);
    assert_eq!(answer.all("x-content-type-options"), ["nosniff"]);
    // The connection goes on, and so does the session.
    poll.send("GET", &client.query, "", b"").await;
    poll.expect_silence().await;
    session.try_send("").unwrap();
    assert_eq!(poll.answer().await.text(), "4");
}

#[tokio::test(start_paused = true)]
async fn a_payload_is_all_that_waits() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.max_message_size(8));
    let client = server.open().await;
    let session = sessions.recv().await.unwrap();
    let mut expected = Vec::new();
    for number in 0..100 {
        session.try_send(format!("m{number}")).unwrap();
        session.try_send(vec![number, 255, 0]).unwrap();
        expected.push(format!("4m{number}"));
        let base64 =
            base64::Engine::encode(&base64::engine::general_purpose::STANDARD, [number, 255, 0]);
        expected.push(format!("b{base64}"));
    }
    session
        .try_send(Message::Binary(Vec::new().into()))
        .unwrap();
    expected.push("b".into());
    assert_eq!(client.poll_text().await, expected.join("\u{1e}"));
}

/// Limit 30; engine.io #166: polls that overlap never wedge a session.
#[tokio::test(start_paused = true)]
async fn a_second_poll_ends_the_session() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let mut session = sessions.recv().await.unwrap();
    let mut first = client.start_poll().await;
    client.poll().await.expect_empty(400);
    assert_eq!(server.handle.limit_hits(Limit::Receivers), 1);
    let answer = first.answer().await;
    assert_eq!((answer.status, &*answer.text()), (200, "1"));
    assert_eq!(session.recv().await, None);
    let violation = CloseReason::Violation(Close::PROTOCOL_ERROR);
    assert_eq!(session.close_reason(), Some(violation));
    client.expect_unknown().await;
    drop(session);
    rest().await;
    assert_eq!(server.handle.sessions(), 0);
}

/// socketioxide #399.
#[tokio::test(start_paused = true)]
async fn a_poll_that_is_aborted_ends_the_session() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let mut session = sessions.recv().await.unwrap();
    drop(client.start_poll().await);
    assert_eq!(session.recv().await, None);
    assert_eq!(session.close_reason(), Some(CloseReason::Disconnected));
    client.expect_unknown().await;
    rest().await;
    assert_eq!(server.handle.sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_close_answers_the_poll_that_waits() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let session = sessions.recv().await.unwrap();
    let mut poll = client.start_poll().await;
    session.close(1000, "");
    assert_eq!(poll.answer().await.text(), "1");
    client.expect_unknown().await;
}

#[tokio::test(start_paused = true)]
async fn a_close_waits_for_the_next_poll() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let session = sessions.recv().await.unwrap();
    session.close(1000, "");
    assert!(matches!(session.send("late").await, Err(SendError::Closed)));
    pass(29).await;
    assert_eq!(client.poll_text().await, "6\u{1e}1");
    client.expect_unknown().await;

    // What was sent before goes out first.
    let client = server.open().await;
    let session = sessions.recv().await.unwrap();
    session.try_send("last words").unwrap();
    drop(session);
    let answer = client.poll_text().await;
    assert!(answer.ends_with("4last words"), "{answer}");
    let answer = client.poll_text().await;
    assert!(answer.ends_with('1'), "{answer}");
    client.expect_unknown().await;
}

/// Limit 11: a session that is closed is not kept for a poll that does not come.
#[tokio::test(start_paused = true)]
async fn a_close_waits_no_longer_than_30_seconds_or_what_is_set() {
    let usual = Server::handing_over(|mount| mount);
    let set = Server::handing_over(|mount| mount.closing_timeout(secs(7)));
    for ((server, mut sessions), timeout) in [(usual, 30), (set, 7)] {
        let client = server.open().await;
        drop(sessions.recv().await.unwrap());
        pass(timeout - 1).await;
        assert_eq!(server.handle.sessions(), 1);
        pass(2).await;
        assert_eq!(server.handle.sessions(), 0);
        client.expect_unknown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_text_that_polling_cannot_carry_is_refused() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.allow_eio3(true));
    let client = server.open().await;
    let session = sessions.recv().await.unwrap();
    let refused = session.send("a\u{1e}b").await;
    assert_eq!(refused, Err(SendError::Separator));
    assert_eq!(session.send(b"a\x1eb".to_vec()).await, Ok(()));
    assert_eq!(client.poll_text().await, "bYR5i");

    let client = server.open_with("EIO=3").await;
    let session = sessions.recv().await.unwrap();
    assert_eq!(session.send("a\u{1e}b").await, Ok(()));
    assert_eq!(client.poll_text().await, "4:4a\u{1e}b");

    let mut socket = server.open_websocket().await;
    let session = sessions.recv().await.unwrap();
    assert_eq!(session.send("a\u{1e}b").await, Ok(()));
    assert_eq!(socket.text().await, "4a\u{1e}b");
}

#[tokio::test(start_paused = true)]
async fn long_answers_are_compressed_where_that_is_taken() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let session = sessions.recv().await.unwrap();
    let poll = async |length: usize, accepts: &str| {
        session.try_send("a".repeat(length)).unwrap();
        let headers = format!("Accept-Encoding: {accepts}\r\n");
        let answer = server.ask_with("GET", &client.query, &headers, b"").await;
        let coding = answer.all("content-encoding");
        let coding = coding.first().map(|&coding| coding.to_owned());
        let mut text = String::new();
        let body = &answer.body[..];
        match coding.as_deref() {
            None => text = answer.text(),
            Some("gzip") => {
                let mut decoder = flate2::read::GzDecoder::new(body);
                decoder.read_to_string(&mut text).unwrap();
            }
            Some("deflate") => {
                let mut decoder = flate2::read::ZlibDecoder::new(body);
                decoder.read_to_string(&mut text).unwrap();
            }
            Some(other) => panic!("{other}"),
        }
        assert_eq!(text, format!("4{}", "a".repeat(length)));
        assert_eq!(answer.all("content-type"), ["text/plain; charset=UTF-8"]);
        coding
    };
    // The threshold counts the packet's digit.
    assert_eq!(poll(1022, "gzip").await, None);
    assert_eq!(poll(1023, "gzip").await.as_deref(), Some("gzip"));
    assert_eq!(poll(5000, "deflate, gzip").await.as_deref(), Some("gzip"));
    assert_eq!(poll(5000, "deflate").await.as_deref(), Some("deflate"));
    assert_eq!(poll(5000, "br").await, None);
    assert_eq!(poll(5000, "*").await.as_deref(), Some("gzip"));
}

#[tokio::test(start_paused = true)]
async fn internet_explorers_filter_is_switched_off() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let session = async |headers: &str| {
        let opened = server
            .ask_with("GET", "EIO=4&transport=polling", headers, b"")
            .await;
        let query = format!("EIO=4&transport=polling&sid={}", opened.sid());
        let posted = server.ask_with("POST", &query, headers, b"4x").await;
        [opened, posted]
    };
    let cases = [
        ("Mozilla/4.0 (compatible;MSIE 7.0; Windows NT 6.0)", true),
        (
            "Mozilla/5.0 (Windows NT 6.1; Trident/7.0; rv:11.0) like Gecko",
            true,
        ),
        // As engine.io looks for it, without a blank.
        ("Mozilla/5.0 (compatible; MSIE 7.0)", false),
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            false,
        ),
    ];
    for (browser, is_explorer) in cases {
        for answer in session(&format!("User-Agent: {browser}\r\n")).await {
            let expected: &[&str] = if is_explorer { &["0"] } else { &[] };
            assert_eq!(answer.status, 200);
            assert_eq!(answer.all("x-xss-protection"), expected, "{browser}");
        }
        sessions.recv().await.unwrap().close(1000, "");
    }
    for answer in session("").await {
        assert!(answer.all("x-xss-protection").is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_poll_whose_answer_is_dropped_ends_the_session() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let session = sessions.recv().await.unwrap();
    session.try_send("lost").unwrap();
    let request = Request::get(format!("/?{}", client.query))
        .header("host", "a")
        .body(Empty::<Bytes>::new())
        .unwrap();
    // A host whose connection breaks drops the answer.
    let response = server.service.clone().call(request).await.unwrap();
    drop(response.into_body());
    rest().await;
    let _ = session.try_send("next");
    let answer = client.poll().await;
    assert_ne!(answer.text(), "4next", "a gap");
    assert!(session.close_reason().is_some());
}

/// What the host has taken whole it may lose, and nobody learns of it; of a long answer it takes a
/// part.
#[tokio::test(start_paused = true)]
async fn a_long_answer_that_breaks_off_ends_the_session() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.http_compression(None));
    let client = server.open().await;
    let session = sessions.recv().await.unwrap();
    session.try_send("long".repeat(250_000)).unwrap();
    let mut poll = server.connect_over(4096);
    poll.send("GET", &client.query, "", b"").await;
    let mut begun = [0; 8192];
    poll.stream.read_exact(&mut begun).await.unwrap();
    rest().await;
    assert_eq!(session.close_reason(), None);
    drop(poll);
    rest().await;
    assert_eq!(session.close_reason(), Some(CloseReason::Disconnected));
    client.expect_unknown().await;
}

#[tokio::test(start_paused = true)]
async fn the_noop_that_an_upgrade_leaves_a_poll_may_be_lost() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let session = sessions.recv().await.unwrap();
    let mut socket = client.probe().await;
    let request = Request::get(format!("/?{}", client.query))
        .header("host", "a")
        .body(Empty::<Bytes>::new())
        .unwrap();
    let response = tokio::spawn(server.service.clone().call(request));
    rest().await;
    // Without a word before, so that the poll is outstanding still.
    socket.send_text("5").await;
    let response = response.await.unwrap().unwrap();
    assert_eq!(response.status(), 200);
    drop(response.into_body());
    rest().await;
    assert_eq!(session.close_reason(), None);
    session.try_send("next").unwrap();
    assert_eq!(socket.text().await, "4next");
}
