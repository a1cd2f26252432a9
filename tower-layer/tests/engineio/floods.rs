//! Clients that send without end, or never read: the cost is bounded, and the session as it was.

use sockeye_tower::{CloseReason, Limit, Session};
use tokio::io::AsyncWriteExt;

use crate::{
    client::{Connection, Sent, WebSocket, masked},
    support::{Server, as_text, pass, rest, secs, tasks},
};

/// Pings or pongs of WebSocket, numbered, with as much in them as there may be.
fn control_frames(first: u8, count: u32) -> Vec<u8> {
    (0..count)
        .flat_map(|number| {
            let mut payload = [b'.'; 125];
            payload[..4].copy_from_slice(&number.to_be_bytes());
            masked(first, &payload)
        })
        .collect()
}

/// A session's WebSocket over pipes that hold little, its open packet taken.
async fn narrow_websocket(server: &Server, query: &str) -> WebSocket {
    let mut connection = server.connect_over(1024);
    connection.send_handshake("GET", query, "").await;
    assert_eq!(connection.answer().await.status, 101);
    let mut socket = WebSocket::new(connection.stream);
    assert!(socket.text().await.starts_with("0{"));
    socket
}

/// Limit 7, ws 8.23.0, CVE-2019-9512: 2.5 MB of pings to a client that takes no answer kept 48 MiB in
/// other servers. What comes once it reads again is what the pipe held, and the latest.
#[tokio::test(start_paused = true)]
async fn pings_of_a_websocket_that_does_not_read_queue_no_pongs() {
    let server = Server::echoing(|mount| mount);
    let mut socket = narrow_websocket(&server, "EIO=4&transport=websocket").await;
    let before = tasks();
    socket
        .stream
        .write_all(&control_frames(0x89, 20_000))
        .await
        .unwrap();
    rest().await;
    assert_eq!(tasks(), before);
    let mut pongs = Vec::new();
    while pongs.last() != Some(&19_999) {
        match socket.next().await {
            Sent::Pong(payload) => {
                assert_eq!(payload[4..], [b'.'; 121]);
                pongs.push(u32::from_be_bytes(*payload.first_chunk().unwrap()));
            }
            other => panic!("no pong: {other:?}"),
        }
    }
    assert!(pongs.is_sorted());
    // The pipe holds eight of them.
    assert!(pongs.len() < 20, "{}", pongs.len());
    socket.send_text("4alive").await;
    assert_eq!(socket.text().await, "4alive");
}

/// Limits 7 and 13: a WebSocket that only probes is not read on while it takes no answer.
#[tokio::test(start_paused = true)]
async fn pings_of_a_probe_that_does_not_read_are_not_even_read() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.ping_interval(secs(600)));
    let client = server.open().await;
    let session = sessions.recv().await.unwrap();
    session.try_send("waiting").unwrap();
    for answered in [false, true] {
        let mut connection = server.connect_over(1024);
        connection
            .send_handshake("GET", &client.upgrade_query(), "")
            .await;
        assert_eq!(connection.answer().await.status, 101);
        let mut socket = WebSocket::new(connection.stream);
        if answered {
            socket.send_text("2probe").await;
            assert_eq!(socket.text().await, "3probe");
        }
        // More than both pipes and one read can hold.
        let mut flood = std::pin::pin!(async {
            let _ = socket.stream.write_all(&control_frames(0x89, 2_000)).await;
        });
        tokio::select! {
            () = &mut flood => panic!("all of it was read"),
            () = pass(9) => {}
        }
        // It is given up at its time, and the session is as it was.
        pass(7).await;
        flood.await;
        assert_eq!(session.close_reason(), None);
    }
    assert_eq!(client.poll_text().await, "4waiting");
}

/// CVE-2026-48802, ws 8.23.0: what nobody asked for is answered by nothing and starts nothing.
#[tokio::test(start_paused = true)]
async fn pongs_of_a_websocket_cost_nothing() {
    let server = Server::echoing(|mount| mount);
    let mut socket = narrow_websocket(&server, "EIO=4&transport=websocket").await;
    let before = tasks();
    socket
        .stream
        .write_all(&control_frames(0x8a, 20_000))
        .await
        .unwrap();
    rest().await;
    assert_eq!(tasks(), before);
    socket.expect_silence().await;
    socket.send_text("4alive").await;
    assert_eq!(socket.text().await, "4alive");
}

/// Limit 11: only Engine.IO's own heartbeat keeps a session, or a dead client's proxy would.
#[tokio::test(start_paused = true)]
async fn control_frames_of_a_websocket_are_no_heartbeat() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let mut socket = server.open_websocket().await;
    let session = sessions.recv().await.unwrap();
    for _ in 0..44 {
        socket.send(0x8a, b"").await;
        socket.send(0x89, b"").await;
        pass(1).await;
    }
    assert_eq!(session.close_reason(), None);
    pass(2).await;
    assert_eq!(session.close_reason(), Some(CloseReason::NoHeartbeat));
    drop((session, socket));
    rest().await;
    assert_eq!(server.handle.limit_hits(Limit::Heartbeat), 1);
}

/// That exactly one ping comes after each interval, as if there had been no flood.
async fn expect_one_ping(mut socket: WebSocket, session: &Session) {
    for _ in 0..3 {
        let start = tokio::time::Instant::now();
        assert_eq!(socket.text().await, "2");
        assert_eq!(start.elapsed().as_secs(), 25);
        socket.expect_silence().await;
        socket.send_text("3").await;
    }
    pass(24).await;
    socket.expect_silence().await;
    assert_eq!(session.close_reason(), None);
}

/// CVE-2026-48802: each pong started a heartbeat of its own. socketioxide #817: an extra one ended the
/// session.
#[tokio::test(start_paused = true)]
async fn pongs_of_engineio_start_no_heartbeats() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let mut socket = narrow_websocket(&server, "EIO=4&transport=websocket").await;
    let session = sessions.recv().await.unwrap();
    let before = tasks();
    let pongs = masked(0x81, b"3").repeat(50_000);
    socket.stream.write_all(&pongs).await.unwrap();
    rest().await;
    assert_eq!(tasks(), before);
    // Counted from the last of them.
    pass(24).await;
    socket.expect_silence().await;
    socket.send_text("3").await;
    expect_one_ping(socket, &session).await;
}

/// CVE-2026-48802, on polling.
#[tokio::test(start_paused = true)]
async fn pongs_by_post_start_no_heartbeats() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let session = sessions.recv().await.unwrap();
    rest().await;
    let before = tasks();
    for _ in 0..20 {
        client.send(vec!["3"; 10_000].join("\u{1e}")).await;
    }
    rest().await;
    assert_eq!(tasks(), before);
    for _ in 0..3 {
        let start = tokio::time::Instant::now();
        assert_eq!(client.poll_text().await, "2");
        assert!((24..26).contains(&start.elapsed().as_secs()));
        client.send("3\u{1e}3\u{1e}3").await;
    }
    let mut poll = client.start_poll().await;
    pass(24).await;
    poll.expect_silence().await;
    assert_eq!(session.close_reason(), None);
}

/// Limit 7: in revision 3 the client pings. However often it does, one pong waits.
#[tokio::test(start_paused = true)]
async fn pings_of_revision_3_have_one_pong() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.allow_eio3(true));
    let client = server.open_with("EIO=3&b64=1").await;
    client.send("1:2".repeat(10_000)).await;
    client.send("1:2".repeat(10_000)).await;
    assert_eq!(client.poll_text().await, "1:3");
    client.start_poll().await.expect_silence().await;
    sessions.recv().await.unwrap();

    let mut socket = narrow_websocket(&server, "EIO=3&transport=websocket").await;
    let session = sessions.recv().await.unwrap();
    let pings = masked(0x81, b"2").repeat(50_000);
    socket.stream.write_all(&pings).await.unwrap();
    rest().await;
    session.try_send("behind").unwrap();
    let mut pongs = 0;
    loop {
        match &*socket.text().await {
            "3" => pongs += 1,
            other => break assert_eq!(other, "4behind"),
        }
    }
    // What the pipe holds, at three bytes each, and a little more.
    assert!((1..1024).contains(&pongs), "{pongs}");
}

/// Limit 28: three payloads of a megabyte, all of them packets of one byte, were 143 MiB in engine.io.
#[tokio::test(start_paused = true)]
async fn a_payload_of_tiny_packets_is_refused_before_any_is_taken() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.allow_eio3(true));
    let bytes = "Content-Type: application/octet-stream\r\n";
    #[rustfmt::skip]
    let floods: [(&str, &str, Vec<u8>); 6] = [
        ("EIO=4", "", vec!["4"; 500_000].join("\u{1e}").into()),
        ("EIO=4", "", vec!["6"; 500_000].join("\u{1e}").into()),
        ("EIO=4", "", vec!["b"; 500_000].join("\u{1e}").into()),
        ("EIO=3&b64=1", "", "1:4".repeat(333_333).into()),
        ("EIO=3&b64=1", "", "0:".repeat(500_000).into()),
        ("EIO=3", bytes, b"\x00\x01\xff4".repeat(250_000)),
    ];
    for (revision, headers, flood) in floods {
        let client = server.open_with(revision).await;
        let mut session = sessions.recv().await.unwrap();
        let hits = server.handle.limit_hits(Limit::Messages);
        for _ in 0..3 {
            let answer = server
                .ask_with("POST", &client.query, headers, &flood)
                .await;
            answer.expect_empty(413);
        }
        assert_eq!(server.handle.limit_hits(Limit::Messages), hits + 3);
        client
            .send(if revision == "EIO=4" {
                "4alive"
            } else {
                "6:4alive"
            })
            .await;
        assert_eq!(as_text(session.recv().await), "alive");
        assert_eq!(session.close_reason(), None);
    }
}

/// Limits 28 and 31: as many packets as are allowed, POST after POST, to a handler that takes none.
#[tokio::test(start_paused = true)]
async fn posts_of_many_packets_wait_for_their_handler() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.ping_interval(secs(600)));
    let client = server.open().await;
    let mut session = sessions.recv().await.unwrap();
    let payload = |round: usize| {
        let packets: Vec<String> = (0..10_000).map(|n| format!("4{round}.{n}")).collect();
        packets.join("\u{1e}")
    };
    client.send(payload(0)).await;
    for round in 1..4 {
        let body = payload(round);
        let mut post = client.start_post(body.len(), body.as_bytes()).await;
        post.expect_silence().await;
        // Nothing of it is in the session while it waits.
        for n in 0..10_000 {
            let expected = format!("{}.{n}", round - 1);
            assert_eq!(as_text(session.recv().await), expected);
        }
        assert_eq!(post.answer().await.text(), "ok");
    }
}

/// Limit 31, and limit 7's idea on POST: a client that never reads its answers is not read either.
#[tokio::test(start_paused = true)]
async fn posts_whose_answers_nobody_reads_stop() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let _session = sessions.recv().await.unwrap();
    let mut connection: Connection = server.connect_over(1024);
    let head = format!(
        "POST /?{} HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n6",
        client.query
    );
    let mut sent = 0;
    while tokio::time::timeout(secs(1), connection.write(head.as_bytes()))
        .await
        .is_ok()
    {
        sent += 1;
        assert!(sent < 1_000, "it is read without end");
    }
    drop(connection);
}
