//! Requests that are made to harm: each has one answer, in bounded time, and opens nothing it should not.

use std::collections::HashSet;

use futures_util::FutureExt;
use sockeye_tower::{CloseReason, Limit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{
    client::{Sent, WebSocket, masked},
    support::{Server, pass, rest, secs},
};

const POLLING: &str = "EIO=4&transport=polling";
const WEBSOCKET: &str = "EIO=4&transport=websocket";
const HANDSHAKE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// The status of the answer to some bytes, and that nothing comes behind it unless it is 101.
async fn status(server: &Server, request: &[u8]) -> u16 {
    let mut connection = server.connect();
    connection.write(request).await;
    let mut head = [0; 13];
    connection.stream.read_exact(&mut head).await.unwrap();
    let mut bytes = head.to_vec();
    rest().await;
    while let Some(Ok(length)) = connection.stream.read_buf(&mut bytes).now_or_never() {
        if length == 0 {
            break;
        }
    }
    let text = String::from_utf8_lossy(&bytes);
    assert_eq!(text.matches("HTTP/1.1 ").count(), 1, "{text}");
    text[9..12].parse().unwrap()
}

/// CVE-2026-59725: a POST with the wrong content type was never answered. CVE-2020-7693 and
/// CVE-2023-31125: an upgrade or a transport where none was foreseen ended the process.
#[tokio::test(start_paused = true)]
async fn every_request_has_one_answer() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.allow_eio3(true));
    let methods = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "BREW"];
    let transports = ["polling", "websocket", "webtransport", "__proto__", ""];
    let types = [
        "",
        "application/octet-stream",
        "application/json",
        "\u{fffd}",
    ];
    let upgrades = [
        "",
        HANDSHAKE,
        "Connection: Upgrade\r\nUpgrade: h2c\r\n",
        "Upgrade: websocket\r\n",
    ];
    let mut asked = 0;
    for revision in [3, 4] {
        for transport in transports {
            for sid in ["live", "unknown", ""] {
                for (method, upgrade) in methods.iter().flat_map(|it| upgrades.map(|up| (it, up))) {
                    for kind in types {
                        let sid = match sid {
                            "live" => server.open_with(&format!("EIO={revision}")).await.sid,
                            other => other.into(),
                        };
                        let request = format!(
                            "{method} /?EIO={revision}&transport={transport}&sid={sid} HTTP/1.1\r\n\
                             Host: a\r\nContent-Type: {kind}\r\n{upgrade}{}\r\n{}",
                            if *method == "POST" {
                                "Content-Length: 2\r\n"
                            } else {
                                ""
                            },
                            if *method == "POST" { "4x" } else { "" },
                        );
                        let status = status(&server, request.as_bytes()).await;
                        let is_handshake = upgrade == HANDSHAKE && transport == "websocket";
                        if status == 101 {
                            assert!(is_handshake && *method == "GET", "{request}");
                        }
                        assert!(status < 500, "{request}: {status}");
                        asked += 1;
                    }
                }
            }
        }
        while sessions.try_recv().is_ok() {}
        pass(60).await;
        assert_eq!(server.handle.sessions(), 0);
    }
    assert_eq!(asked, 2 * 5 * 3 * 7 * 4 * 4);
}

/// granian: a byte beyond ASCII in a header was a panic. CVE-2021-32640, CVE-2020-7662: long ones were
/// parsed in quadratic time.
#[tokio::test(start_paused = true)]
async fn bytes_that_no_client_sends_in_heads() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let session = sessions.recv().await.unwrap();
    let names = [
        "Origin",
        "Cookie",
        "Sec-WebSocket-Protocol",
        "Sec-WebSocket-Extensions",
        "Sec-WebSocket-Key",
        "Content-Type",
        "Content-Encoding",
        "Accept-Encoding",
        "User-Agent",
        "X-Forwarded-For",
        "Forwarded",
        "Referer",
    ];
    let long = "a; b=\"\\\"".repeat(4_000);
    let values: [&[u8]; 5] = [
        b"\x80\xff",
        "é€😀".as_bytes(),
        b"\"",
        b"a;=,\\\"",
        long.as_bytes(),
    ];
    for name in names {
        for value in values {
            for (query, upgrade) in [
                (POLLING, ""),
                (WEBSOCKET, HANDSHAKE),
                (&client.upgrade_query(), HANDSHAKE),
            ] {
                let head = format!("GET /?{query} HTTP/1.1\r\nHost: a\r\n{upgrade}{name}: ");
                let request = [head.as_bytes(), value, b"\r\n\r\n"].concat();
                let status = status(&server, &request).await;
                assert!(
                    matches!(status, 101 | 200 | 400 | 403 | 431),
                    "{status}: {head}{value:?}"
                );
            }
        }
    }
    // Nor in the target, wherever; whatever is let in says polling.
    for target in [
        &b"/\x80?EIO=4&transport=polling"[..],
        b"/?EIO=4&transport=polling&x=\xff",
        b"/?EIO=4&transport=\xc3\x28",
        b"/?EIO=4&transport=polling&sid=\xff\xfe",
        b"/?%=&&=%G1&EIO=%34&transport=polling",
        b"/?transport=polling&transport[__proto__]=x&EIO=4",
        b"/%2e%2e/?EIO=4&transport=polling",
    ] {
        let request = [b"GET ", target, b" HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
        let status = status(&server, &request).await;
        assert!(matches!(status, 200 | 400), "{status}");
    }
    assert_eq!(session.close_reason(), None);
    client.send("4still here").await;
}

/// CVE-2024-37890: more headers than the server takes, and among them what it looks for.
#[tokio::test(start_paused = true)]
async fn more_headers_than_there_may_be() {
    let (server, _sessions) = Server::handing_over(|mount| mount);
    let many: String = (0..2_000).map(|n| format!("X-{n}: 1\r\n")).collect();
    for headers in [
        format!("{many}{HANDSHAKE}"),
        format!("{HANDSHAKE}{many}"),
        many,
    ] {
        for query in [POLLING, WEBSOCKET] {
            let request = format!("GET /?{query} HTTP/1.1\r\nHost: a\r\n{headers}\r\n");
            assert_eq!(status(&server, request.as_bytes()).await, 431);
        }
    }
    assert_eq!(server.handle.sessions(), 0);
}

/// RFC 9112 section 3.2: whose pages are our own cannot be told without one host.
#[tokio::test(start_paused = true)]
async fn requests_without_one_host() {
    let (server, _sessions) = Server::handing_over(|mount| mount);
    for host in ["", "Host: a\r\nHost: b\r\n", "Host: a\r\nHost: a\r\n"] {
        for (query, upgrade) in [(POLLING, ""), (WEBSOCKET, HANDSHAKE)] {
            let request = format!("GET /?{query} HTTP/1.1\r\n{host}{upgrade}\r\n");
            assert_eq!(status(&server, request.as_bytes()).await, 400, "{host}");
        }
    }
    assert_eq!(server.handle.sessions(), 0);
}

/// CVE-2017-16031: ids that could be guessed. 120 bits at least, of which none stays the same.
#[tokio::test(start_paused = true)]
async fn secret_ids_are_not_to_be_guessed() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.max_sessions(10_000));
    let mut sids = HashSet::new();
    let mut public = HashSet::new();
    let mut letters = vec![HashSet::new(); 20];
    for _ in 0..2_000 {
        let client = server.open().await;
        let session = sessions.recv().await.unwrap();
        for (seen, letter) in letters.iter_mut().zip(client.sid.bytes()) {
            seen.insert(letter);
        }
        assert!(client.sid.len() >= 20);
        public.insert(session.id().to_string());
        sids.insert(client.sid);
    }
    assert_eq!((sids.len(), public.len()), (2_000, 2_000));
    assert!(sids.is_disjoint(&public));
    // Each letter of the first 20, six bits each, takes nearly all of its 64 values.
    assert!(letters.iter().all(|seen| seen.len() > 60), "{letters:?}");
}

/// Limit 3, RUSTSEC-2022-0035, CVE-2016-10542: a length is refused where it is read, before any of its
/// bytes has come.
#[tokio::test(start_paused = true)]
async fn a_frame_of_endless_length_is_refused_on_its_header() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let polling = sessions.recv().await.unwrap();
    for length in [1_000_001_u64, 1 << 40, (1 << 63) - 1] {
        for first in [0x81, 0x82, 0x01] {
            let header = [&[first, 0xff][..], &length.to_be_bytes(), &[0; 4]].concat();
            let mut socket = server.open_websocket().await;
            let session = sessions.recv().await.unwrap();
            socket.stream.write_all(&header).await.unwrap();
            assert_eq!(socket.next().await, Sent::Close(Some(1009)), "{length}");
            assert!(session.close_reason().is_some());
            // A probe is closed without a word of the session's.
            let mut probe = client.probed().await;
            probe.stream.write_all(&header).await.unwrap();
            assert!(matches!(probe.next().await, Sent::Close(_)), "{length}");
        }
    }
    assert_eq!(polling.close_reason(), None);
    client.send("4still here").await;
}

/// Limit 4, CVE-2026-48779: fragments cost no bytes, so they are counted; in a probe as well.
#[tokio::test(start_paused = true)]
async fn a_message_of_endless_fragments() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let fragments = |count: usize, last: u8| {
        let mut bytes = masked(0x01, b"4");
        bytes.extend(masked(0x00, b"").repeat(count - 2));
        bytes.extend(masked(last, b""));
        bytes
    };
    let mut socket = server.open_websocket().await;
    let mut session = sessions.recv().await.unwrap();
    let whole = fragments(16_384, 0x80);
    socket.stream.write_all(&whole).await.unwrap();
    assert_eq!(crate::support::as_text(session.recv().await), "");
    let flood = fragments(16_385, 0x00);
    socket.stream.write_all(&flood).await.unwrap();
    assert_eq!(socket.next().await, Sent::Close(Some(1008)));
    drop((socket, session));
    rest().await;
    assert_eq!(server.handle.limit_hits(Limit::Fragments), 1);

    let client = server.open().await;
    let session = sessions.recv().await.unwrap();
    let mut probe = client.probed().await;
    probe.stream.write_all(&flood).await.unwrap();
    assert!(matches!(probe.next().await, Sent::Close(_)));
    assert_eq!(session.close_reason(), None);
    client.send("4still here").await;
}

/// Limit 15: a byte now and then keeps a body alive for a minute and no longer.
#[tokio::test(start_paused = true)]
async fn a_body_that_trickles_is_given_up() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.ping_interval(secs(600)));
    let client = server.open().await;
    let session = sessions.recv().await.unwrap();
    let mut post = client.start_post(1_000, b"4").await;
    for _ in 0..11 {
        pass(5).await;
        post.write(b"a").await;
        assert_eq!(session.close_reason(), None);
    }
    pass(6).await;
    assert_eq!(post.answer().await.status, 408);
    assert_eq!(server.handle.limit_hits(Limit::BodyTime), 1);
    assert_eq!(session.close_reason(), Some(CloseReason::Disconnected));
    client.expect_unknown().await;
}

/// Limits 5 and 6: what is sent to everybody waits for nobody, and a queue has its end.
#[tokio::test(start_paused = true)]
async fn a_broadcast_ends_a_session_that_is_too_far_behind() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.ping_interval(secs(600)));
    let client = server.open().await;
    let behind = sessions.recv().await.unwrap();
    let other = server.open().await;
    let keeping_up = sessions.recv().await.unwrap();
    let members = [behind.sender(), keeping_up.sender()];
    let text = "x".repeat(200_000);
    let mut reached = 0;
    let ended = loop {
        let told = sockeye_tower::broadcast(&members, text.clone());
        assert!(other.poll_text().await.ends_with(&text));
        if told.closed > 0 {
            break told;
        }
        reached += 1;
    };
    // 4 MiB of 200 kB each.
    assert_eq!((reached, ended.reached, ended.closed), (21, 1, 1));
    assert_eq!(behind.close_reason(), Some(CloseReason::TooSlow));
    client.expect_unknown().await;
    assert_eq!(keeping_up.close_reason(), None);
    drop(behind);
    rest().await;
    assert_eq!(server.handle.limit_hits(Limit::SlowPeer), 1);
    assert_eq!(server.handle.sessions(), 1);
}

/// Limit 18: who does not answer our close is not waited for.
#[tokio::test(start_paused = true)]
async fn a_close_that_is_not_answered() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let moved = server.open().await.upgraded().await;
    let direct = server.open_websocket().await;
    for mut socket in [moved, direct] {
        drop(sessions.recv().await.unwrap());
        assert_eq!(socket.next().await, Sent::Close(None));
        pass(4).await;
        socket.expect_silence().await;
        pass(1).await;
        assert_eq!(socket.next().await, Sent::End);
    }
    rest().await;
    assert_eq!(server.handle.sessions(), 0);
}

/// Limit 32, CVE-2014-4671, CVE-2020-8823: of the callback's name only digits come back.
#[tokio::test(start_paused = true)]
async fn callbacks_reflect_digits_alone() {
    let (server, _sessions) = Server::handing_over(|mount| mount);
    for (index, digits) in [
        ("0", "0"),
        ("", ""),
        ("alert(1)", "1"),
        ("%3C/script%3E%3Cscript%3E7", "7"),
        ("CWSMIKI0hCD0Up0IZUnnnnnnnn", "000"),
        ("%E2%80%A81%00%0A", "1"),
        ("__proto__", ""),
    ] {
        let answer = server.get(&format!("{POLLING}&j={index}")).await;
        let text = answer.text();
        let head = format!("___eio[{digits}](\"0{{");
        assert!(text.starts_with(&head), "{index}: {text}");
        // A browser runs no script of this type that it may not sniff.
        assert!(answer.all("x-content-type-options").is_empty());
    }
}

/// CVE-2015-5211: what clients have written is text, whatever it looks like.
#[tokio::test(start_paused = true)]
async fn answers_are_not_to_be_sniffed() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let opening = server.get(POLLING).await;
    let client = server.open().await;
    sessions.recv().await.unwrap();
    let session = sessions.recv().await.unwrap();
    session.try_send("<script>alert(1)</script>").unwrap();
    for answer in [opening, client.poll().await, client.post("4x").await] {
        assert_eq!(answer.all("x-content-type-options"), ["nosniff"]);
    }
}

/// CVE-2016-10518: a pong says what its ping said, and nothing else.
#[tokio::test(start_paused = true)]
async fn a_pong_echoes_its_ping() {
    let server = Server::echoing(|mount| mount);
    let mut moved: WebSocket = server.open().await.upgraded().await;
    for length in [0, 1, 124, 125] {
        let payload: Vec<u8> = (0..length).collect();
        moved.send(0x89, &payload).await;
        assert_eq!(moved.next().await, Sent::Pong(payload));
    }
    // One byte more is no ping.
    moved.send(0x89, &[0; 126]).await;
    assert_eq!(moved.next().await, Sent::Close(Some(1002)));
}

/// CVE-2018-12541, RUSTSEC-2022-0055: the limit on bodies is the mount's own, where nothing else has one.
#[tokio::test(start_paused = true)]
async fn bodies_of_requests_that_have_none() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let session = sessions.recv().await.unwrap();
    session.try_send("waiting").unwrap();
    let endless = "Transfer-Encoding: chunked\r\n\r\n8000\r\n";
    for (method, query) in [
        ("GET", POLLING),
        ("GET", &client.query),
        ("PUT", &client.query),
        ("POST", POLLING),
    ] {
        let mut connection = server.connect();
        let head = format!("{method} /?{query} HTTP/1.1\r\nHost: a\r\n{endless}");
        connection.write(head.as_bytes()).await;
        let chunk = [&vec![b'x'; 0x8000][..], b"\r\n8000\r\n"].concat();
        let flood = async {
            // Whoever reads all of it would never stop.
            for _ in 0..10_000 {
                if connection.stream.write_all(&chunk).await.is_err() {
                    return;
                }
            }
            panic!("320 MB were read: {method} {query}");
        };
        // Not taken any more is as good as refused.
        let _ = tokio::time::timeout(secs(70), flood).await;
    }
    assert_eq!(session.close_reason(), None);
}
