//! Handlers and clients that are slow, and the order of messages.

use sockeye_tower::{CloseReason, TrySendError};

use crate::{
    client::masked,
    support::{Server, as_text, pass, rest, secs},
};

/// Limits 5 and 31: a POST is held, not answered 503.
#[tokio::test(start_paused = true)]
async fn a_slow_handler_holds_the_post() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.inbox_limits(2, 1 << 20));
    let client = server.open().await;
    let mut session = sessions.recv().await.unwrap();
    client.send("4one\u{1e}4two").await;
    let mut post = client.start_post(10, "4three\u{1e}4fo".as_bytes()).await;
    post.expect_silence().await;
    pass(10).await;
    post.expect_silence().await;
    assert_eq!(as_text(session.recv().await), "one");
    assert_eq!(post.answer().await.text(), "ok");
    for expected in ["two", "three", "fo"] {
        assert_eq!(as_text(session.recv().await), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_held_post_that_is_aborted_ends_the_session() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.inbox_limits(1, 1 << 20));
    let client = server.open().await;
    let mut session = sessions.recv().await.unwrap();
    client.send("4one").await;
    let post = client.start_post(4, b"4two").await;
    rest().await;
    drop(post);
    rest().await;
    assert_eq!(session.close_reason(), Some(CloseReason::Disconnected));
    assert_eq!(as_text(session.recv().await), "one");
    assert_eq!(session.recv().await, None);
    client.expect_unknown().await;
}

/// Limit 5: what is not taken stays in the socket.
#[tokio::test(start_paused = true)]
async fn a_slow_handler_stops_the_reading_of_its_socket() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.inbox_limits(16, 1 << 20));
    let mut connection = server.connect_over(4096);
    connection
        .send_handshake("GET", "EIO=4&transport=websocket", "")
        .await;
    connection.answer().await;
    let mut session = sessions.recv().await.unwrap();
    let (_reader, mut writer) = tokio::io::split(connection.stream);
    let written = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = written.clone();
    let writing = tokio::spawn(async move {
        for number in 0..1000 {
            let frame = masked(0x81, format!("4{number:01000}").as_bytes());
            tokio::io::AsyncWriteExt::write_all(&mut writer, &frame)
                .await
                .unwrap();
            count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
        writer
    });
    rest().await;
    let taken = written.load(std::sync::atomic::Ordering::Relaxed);
    assert!(taken < 200, "{taken}");
    pass(5).await;
    assert_eq!(written.load(std::sync::atomic::Ordering::Relaxed), taken);
    for number in 0..1000 {
        assert_eq!(as_text(session.recv().await), format!("{number:01000}"));
    }
    writing.await.unwrap();
}

/// engine.io-client 6 closes by itself when 45 seconds have brought no ping.
#[tokio::test(start_paused = true)]
async fn a_handler_that_is_busy_for_minutes_keeps_its_client() {
    let busy = async |mut session: sockeye_tower::Session| {
        while let Some(message) = session.recv().await {
            tokio::time::sleep(secs(301)).await;
            session.send(message).await.unwrap();
        }
    };
    let server = Server::new(sockeye_tower::EngineIo::new(busy).inbox_limits(1, 1 << 20));
    let mut socket = server.open_websocket().await;
    socket.send_texts(&["4one"]).await;
    rest().await;
    socket.send_texts(&["4two"]).await;
    let mut echoes = Vec::new();
    let mut pinged = tokio::time::Instant::now();
    while echoes.len() < 2 {
        match &*socket.text().await {
            "2" => {
                // What the client allows for, less the time that a ping is on its way.
                assert!(pinged.elapsed() < secs(44), "{:?}", pinged.elapsed());
                pinged = tokio::time::Instant::now();
                socket.send_text("3").await;
            }
            other => echoes.push(other.to_owned()),
        }
    }
    assert_eq!(echoes, ["4one", "4two"]);
}

/// Limits 5 and 6: nothing is dropped; `send` waits or errs.
#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_poll_holds_send() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.outbox_limits(2, 1 << 20));
    let client = server.open().await;
    let session = sessions.recv().await.unwrap();
    session.try_send("one").unwrap();
    session.try_send("two").unwrap();
    let full = session.try_send("three");
    assert!(matches!(full, Err(TrySendError::Full(_))), "{full:?}");
    let sender = session.sender();
    let sending = tokio::spawn(async move { sender.send("three").await });
    rest().await;
    assert!(!sending.is_finished());
    assert_eq!(client.poll_text().await, "4one\u{1e}4two");
    assert_eq!(sending.await.unwrap(), Ok(()));
    assert_eq!(client.poll_text().await, "4three");
}

/// Limits 11 and 16, RUSTSEC-2020-0043: a reader that does not read.
#[tokio::test(start_paused = true)]
async fn a_poll_whose_client_takes_nothing_does_not_keep_the_session() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.ping_interval(secs(10)));
    let client = server.open().await;
    let session = sessions.recv().await.unwrap();
    let mut connection = server.connect_over(256);
    connection.send("GET", &client.query, "", b"").await;
    rest().await;
    session.try_send("a".repeat(10_000)).unwrap();
    pass(31).await;
    assert_eq!(session.close_reason(), Some(CloseReason::NoHeartbeat));
    client.expect_unknown().await;
}

/// socketioxide PR #231, python-socketio #284: one queue, in order.
#[tokio::test(start_paused = true)]
async fn messages_keep_their_order_both_ways() {
    let server = Server::echoing(|mount| mount);
    let client = server.open().await;
    let mut socket = server.open_websocket().await;
    for round in 0..50 {
        let packets: Vec<String> = (0..20).map(|n| format!("4{round}-{n}")).collect();
        client.send(packets.join("\u{1e}")).await;
        assert_eq!(client.poll_text().await, packets.join("\u{1e}"));
        let packets: Vec<&str> = packets.iter().map(|it| &**it).collect();
        socket.send_texts(&packets).await;
        for packet in packets {
            assert_eq!(socket.text().await, packet);
        }
    }
}

/// A client that has its `3probe` polls no more, and waits for its POST before it says `5`.
#[tokio::test(start_paused = true)]
async fn a_post_that_an_upgrade_waits_for_is_not_held() {
    let server = Server::echoing(|mount| mount.inbox_limits(1, 1 << 20).outbox_limits(1, 1 << 20));
    let client = server.open().await;
    // One waits in the outbox, one in the handler's hands, and one in the inbox.
    for number in 0..3 {
        client.send(format!("4{number}")).await;
        rest().await;
    }
    let mut post = client.start_post(2, b"43").await;
    post.expect_silence().await;
    let mut socket = client.probed().await;
    assert_eq!(post.answer().await.text(), "ok");
    // Sent before it heard of the answer.
    client.send("44").await;
    socket.send_texts(&["5", "45"]).await;
    for number in 0..6 {
        assert_eq!(socket.text().await, format!("4{number}"));
    }
}

/// Who probes and never goes on may not fill the server by POSTs that are let in.
#[tokio::test(start_paused = true)]
async fn an_upgrade_lets_in_so_many_posts() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.inbox_limits(1, 1 << 20));
    let client = server.open().await;
    let mut session = sessions.recv().await.unwrap();
    client.send("4first").await;
    let _socket = client.probed().await;
    for number in 1..4 {
        client.send(format!("4{number}")).await;
    }
    let mut post = client.start_post(6, b"4later").await;
    post.expect_silence().await;
    assert_eq!(as_text(session.recv().await), "first");
    assert_eq!(post.answer().await.text(), "ok");
}
