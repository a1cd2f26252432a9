//! What a plain WebSocket's peer, and its slow reader, can make the server hold.

use sockeye_tower::{
    CloseReason, Event, Limit, Message, Prepared, SendError, TrySendError, broadcast,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, timeout},
};

use crate::{
    plain_websocket::{handshake_answer, handshake_over},
    support::{Sent, Server, close, masked, peer, rest, secs, since, text},
};

/// Bytes that each pipe of the slow peers holds.
const PIPE: usize = 4096;

#[tokio::test(start_paused = true)]
async fn a_message_beyond_the_size_is_closed_with_1009_by_its_header() {
    let (server, mut sessions) = Server::plain(|mount| mount.max_message_size(100));
    for opcode in [0x81, 0x82] {
        for (length, fits) in [(99, true), (100, true), (101, false)] {
            let mut websocket = server.websocket("/").await;
            let mut session = sessions.recv().await.unwrap();
            if fits {
                websocket.send(opcode, &vec![b'x'; length]).await;
                assert_eq!(session.recv().await.unwrap().len(), length);
            } else {
                // The header alone: nobody waits for what it announces.
                let frame = masked(opcode, &vec![b'x'; length]);
                websocket.stream.write_all(&frame[..6]).await.unwrap();
                assert_eq!(websocket.next().await, close(1009, "Message too big"));
                assert_eq!(session.recv().await, None);
            }
        }
    }
    rest().await;
    assert_eq!(server.hits(Limit::MessageSize), 2);
}

#[tokio::test(start_paused = true)]
async fn a_message_in_too_many_pieces_is_closed_with_1008() {
    let (server, mut sessions) = Server::plain(|mount| mount.max_fragments(10));
    for (pieces, fits) in [(9, true), (10, true), (11, false)] {
        let mut websocket = server.websocket("/").await;
        let mut session = sessions.recv().await.unwrap();
        websocket.send(0x01, b"").await;
        for _ in 2..pieces {
            websocket.send(0x00, b"").await;
        }
        websocket.send(0x80, b"x").await;
        if fits {
            assert_eq!(session.recv().await, Some("x".into()), "{pieces}");
        } else {
            assert!(matches!(websocket.next().await, Sent::Close(1008, _)));
            assert_eq!(session.recv().await, None);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn bytes_that_break_the_protocol_are_closed_with_its_code() {
    let (server, mut sessions) = Server::plain(|mount| mount);
    #[rustfmt::skip]
    let cases: [(&str, &[u8], u16); 4] = [
        ("not UTF-8",       &masked(0x81, b"\xff"), 1007),
        ("reserved bits",   &masked(0xf1, b"x"),    1002),
        ("unmasked",        b"\x81\x01x",           1002),
        ("reserved opcode", &masked(0x83, b"x"),    1002),
    ];
    for (case, bytes, code) in cases {
        let mut websocket = server.websocket("/").await;
        let mut session = sessions.recv().await.unwrap();
        websocket.stream.write_all(bytes).await.unwrap();
        match websocket.next().await {
            Sent::Close(sent, _) => assert_eq!(sent, code, "{case}"),
            other => panic!("{case}: {other:?}"),
        }
        assert_eq!(session.recv().await, None);
    }
}

#[tokio::test(start_paused = true)]
async fn sessions_are_limited_in_all_and_per_address() {
    let (server, _sessions) = Server::plain(|mount| mount.max_sessions(1));
    let first = server.websocket("/").await;
    let head = handshake_answer(&server, "").await;
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    assert!(head.contains("\r\nretry-after: 5\r\n"), "{head}");
    assert_eq!(server.hits(Limit::Sessions), 1);
    drop(first);
    rest().await;
    server.websocket("/").await;

    let (server, mut sessions) = Server::plain(|mount| mount.max_sessions_per_address(1));
    let mut peers = Vec::new();
    for (address, is_admitted) in [("10.0.0.1", true), ("10.0.0.1", false), ("10.0.0.2", true)] {
        let stream = server.connect_from(1 << 20, Some(peer(address)));
        let head = handshake_over(stream).await;
        let status = if is_admitted { "101" } else { "503" };
        assert!(
            head.0.starts_with(&format!("HTTP/1.1 {status} ")),
            "{address}"
        );
        peers.push(head.1);
    }
    assert_eq!(server.hits(Limit::SessionsPerAddress), 1);
    assert_eq!(
        sessions.recv().await.unwrap().request().peer_address(),
        Some(peer("10.0.0.1").0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_nothing_is_closed_with_1013_after_the_stall_timeout() {
    let (server, mut sessions) = Server::plain(|mount| mount.outbox_limits(100, 10_000));
    let mut websocket = server.websocket_over("/", PIPE).await;
    let session = sessions.recv().await.unwrap();
    let start = Instant::now();
    let mut taken = 0;
    while session.send(vec![b'x'; 1000]).await.is_ok() {
        taken += 1;
    }
    assert_eq!(session.close_reason(), Some(CloseReason::TooSlow));
    assert_eq!(since(start), 30);
    // The outbox, one piece on its way, and the pipe.
    assert!((10..=30).contains(&taken), "{taken}");
    drop(session);
    // What had left before is whole; the rest is not sent to a peer that takes nothing.
    let mut rest_of_it = Vec::new();
    let _ = websocket.stream.read_to_end(&mut rest_of_it).await;
    assert!(rest_of_it.len() <= 40_000, "{}", rest_of_it.len());
    assert_eq!(server.handle.sessions(), 0);
    assert_eq!(server.hits(Limit::SlowPeer), 1);
}

#[tokio::test(start_paused = true)]
async fn send_waits_while_the_peer_reads_nothing_and_goes_on_when_it_does() {
    let (server, mut sessions) = Server::plain(|mount| mount.outbox_limits(10, 1 << 20));
    let mut websocket = server.websocket_over("/", PIPE).await;
    let session = sessions.recv().await.unwrap();
    const TOTAL: usize = 200;
    let message = |n: usize| format!("{n:0>1000}");
    let sending = tokio::spawn(async move {
        for n in 0..TOTAL {
            session.send(message(n)).await.unwrap();
        }
    });
    tokio::time::sleep(secs(1)).await;
    assert!(!sending.is_finished());
    for n in 0..TOTAL {
        assert_eq!(websocket.next().await, text(&message(n)));
    }
    sending.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_peer_is_not_read_while_the_handler_is_behind() {
    let (server, mut sessions) = Server::plain(|mount| mount.inbox_limits(10, 1 << 20));
    let mut websocket = server.websocket_over("/", PIPE).await;
    let mut session = sessions.recv().await.unwrap();
    let bytes = masked(0x82, &[7; 100]).repeat(1000);
    let mut written = 0;
    while let Ok(count) = timeout(secs(1), websocket.stream.write(&bytes[written..])).await {
        written += count.unwrap();
    }
    assert!(written <= 2 * PIPE, "{written}");
    let writer = tokio::spawn(async move {
        websocket.stream.write_all(&bytes[written..]).await.unwrap();
        websocket
    });
    for _ in 0..1000 {
        assert_eq!(session.recv().await, Some(Message::from(vec![7; 100])));
    }
    writer.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_beyond_the_hard_limit_closes_that_peer_alone() {
    let (server, mut sessions) = Server::plain(|mount| mount.outbox_limits(1, 1000));
    let _slow = server.websocket_over("/", PIPE).await;
    let slow = sessions.recv().await.unwrap();
    let mut quick = server.websocket("/").await;
    let held = sessions.recv().await.unwrap();
    let members = [slow.sender(), held.sender()];
    // More than a pipe holds, so that the slow one's queue stays.
    let told = broadcast(&members, vec![0; 2 * PIPE]);
    assert_eq!((told.reached, told.closed), (2, 0));
    assert_eq!(quick.next().await, Sent::Binary(vec![0; 2 * PIPE]));
    for n in 0..4 {
        let told = broadcast(&members, n.to_string());
        assert_eq!((told.reached, told.closed), (2, 0), "{n}");
        assert_eq!(quick.next().await, text(&n.to_string()));
    }
    let told = broadcast(&members, "one too many");
    assert_eq!((told.reached, told.closed), (1, 1));
    assert_eq!(slow.close_reason(), Some(CloseReason::TooSlow));
    assert_eq!(quick.next().await, text("one too many"));
    assert_eq!(held.close_reason(), None);
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_is_measured_with_an_events_name_and_id() {
    let (server, mut sessions) =
        Server::plain(|mount| mount.max_message_size(10).outbox_limits(100, 20));
    let mut websocket = server.websocket_over("/", 1).await;
    let session = sessions.recv().await.unwrap();
    let event = |length: usize| Event::new("1234").name("name").id("x".repeat(length));
    assert_eq!(
        session.send(event(3)).await,
        Err(SendError::TooLarge { limit: 10 })
    );
    assert_eq!(
        session.try_send("12345678901"),
        Err(TrySendError::TooLarge { limit: 10 })
    );
    assert_eq!(Prepared::from(event(2)).weight(), 10);
    // One is on its way, and two fill the queue.
    session.send(event(2)).await.unwrap();
    rest().await;
    session.try_send(event(2)).unwrap();
    session.try_send(event(2)).unwrap();
    let full = session.try_send(event(2));
    assert!(matches!(full, Err(TrySendError::Full(_))), "{full:?}");
    // To this peer the data is the message.
    for _ in 0..3 {
        assert_eq!(websocket.next().await, text("1234"));
    }
}
