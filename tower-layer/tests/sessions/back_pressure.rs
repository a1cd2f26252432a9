//! Queues that are full, in both directions.

use std::future::poll_fn;

use sockeye_tower::{CloseReason, Limit, Outgoing, SendError, TrySendError, broadcast};
use tokio::{
    io::AsyncWriteExt,
    time::{Instant, timeout},
};

use crate::support::{Sent, Server, masked, rest, secs, since, text};

#[tokio::test(start_paused = true)]
async fn send_waits_at_the_soft_limit_and_goes_on_once_a_receiver_took() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.outbox_limits(3, 1000));
    assert_eq!(server.poll("s").await, "o\n");
    let session = sessions.recv().await.unwrap();
    for n in 1..=3 {
        session.send(n.to_string()).await.unwrap();
    }
    assert_eq!(
        session.try_send("4"),
        Err(TrySendError::Full(Outgoing::from("4")))
    );
    let sending = tokio::spawn(async move {
        session.send("4").await.unwrap();
        session
    });
    rest().await;
    assert!(!sending.is_finished());
    assert_eq!(server.poll("s").await, "a[\"1\",\"2\",\"3\"]\n");
    let _session = sending.await.unwrap();
    assert_eq!(server.poll("s").await, "a[\"4\"]\n");
}

#[tokio::test(start_paused = true)]
async fn an_outbox_is_full_by_bytes_too_and_an_empty_one_takes_any_message() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.outbox_limits(100, 10));
    for (lengths, full) in [
        (&[9][..], false),
        (&[10], true),
        (&[11], true),
        (&[4, 5], false),
    ] {
        assert_eq!(server.poll("s").await, "o\n");
        let session = sessions.recv().await.unwrap();
        for &length in lengths {
            session.try_send("x".repeat(length)).unwrap();
        }
        let is_full = matches!(session.try_send("y"), Err(TrySendError::Full(_)));
        assert_eq!(is_full, full, "{lengths:?}");
        drop(session);
        while server.handle.sessions() > 0 {
            tokio::time::sleep(secs(1)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn messages_wait_for_room_for_their_answers_where_that_is_asked_for() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.outbox_limits(1, 1000));
    assert_eq!(server.poll("s").await, "o\n");
    let mut session = sessions.recv().await.unwrap();
    assert_eq!(server.send("s", r#"["1","2"]"#).await, 204);
    session.send("full").await.unwrap();
    // Neither what still waits in the session is given, nor, once that is taken, what comes.
    let mut answering = tokio::spawn(async move {
        let mut taken = Vec::new();
        while let Some(message) = poll_fn(|cx| session.poll_recv_with_room(cx)).await {
            taken.push(message.as_text().unwrap_or_default().to_owned());
            let is_sent = session.try_send(message).is_ok();
            assert_eq!(is_sent, taken.len() <= 3);
            if taken.len() == 3 {
                session.close(3000, "three");
            }
        }
        taken
    });
    rest().await;
    assert_eq!(server.poll("s").await, "a[\"full\"]\n");
    assert_eq!(server.poll("s").await, "a[\"1\"]\n");
    assert_eq!(server.poll("s").await, "a[\"2\"]\n");
    assert!(timeout(secs(1), &mut answering).await.is_err());
    assert_eq!(server.send("s", r#"["3","4"]"#).await, 204);
    assert_eq!(server.poll("s").await, "a[\"3\"]\n");
    // What was taken before the end is given whether there is room or not.
    assert_eq!(answering.await.unwrap(), ["1", "2", "3", "4"]);
}

#[tokio::test(start_paused = true)]
async fn a_waiting_send_that_is_dropped_queues_nothing() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.outbox_limits(1, 1000));
    assert_eq!(server.poll("s").await, "o\n");
    let session = sessions.recv().await.unwrap();
    session.send("one").await.unwrap();
    assert!(timeout(secs(1), session.send("dropped")).await.is_err());
    assert_eq!(server.poll("s").await, "a[\"one\"]\n");
    session.send("two").await.unwrap();
    assert_eq!(server.poll("s").await, "a[\"two\"]\n");
}

#[tokio::test(start_paused = true)]
async fn every_waiting_send_ends_with_the_session() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.outbox_limits(1, 1000));
    assert_eq!(server.poll("s").await, "o\n");
    let session = sessions.recv().await.unwrap();
    session.send("one").await.unwrap();
    let sending: Vec<_> = (0..3)
        .map(|_| {
            let sender = session.sender();
            tokio::spawn(async move { sender.send("waits").await })
        })
        .collect();
    let start = Instant::now();
    for task in sending {
        assert_eq!(task.await.unwrap(), Err(SendError::Closed));
    }
    assert_eq!(session.close_reason(), Some(CloseReason::Expired));
    assert_eq!(since(start), 5);
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_closes_the_slow_member_alone_and_counts_it() {
    // The hard limit is four times the soft one.
    let (server, mut sessions) = Server::handing_over(|mount| mount.outbox_limits(1, 1000));
    let mut members = Vec::new();
    let mut held = Vec::new();
    for name in ["slow", "fast"] {
        assert_eq!(server.poll(name).await, "o\n");
        let session = sessions.recv().await.unwrap();
        members.push(session.sender());
        held.push(session);
    }
    let mut websocket = server.websocket("/websocket").await;
    let session = sessions.recv().await.unwrap();
    members.push(session.sender());
    held.push(session);
    for round in 0..4 {
        let told = broadcast(&members, format!("{round}"));
        assert_eq!((told.reached, told.closed), (3, 0), "{round}");
        assert_eq!(server.poll("fast").await, format!("a[\"{round}\"]\n"));
        assert_eq!(websocket.next().await, text(&round.to_string()));
    }
    let told = broadcast(&members, "4");
    assert_eq!((told.reached, told.closed), (2, 1));
    assert_eq!(members[0].close_reason(), Some(CloseReason::TooSlow));
    assert!(!members[1].is_closed() && !members[2].is_closed());
    assert_eq!(server.poll("slow").await, "c[1013,\"Too slow\"]\n");
    assert_eq!(server.poll("fast").await, "a[\"4\"]\n");
    let told = broadcast(&members, "5");
    assert_eq!((told.reached, told.closed), (2, 1));
    tokio::time::sleep(secs(6)).await;
    // Both polling sessions have gone, one of them too slow.
    assert_eq!(server.hits(Limit::SlowPeer), 1);
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_of_binary_reaches_raw_websockets_alone_and_closes_nobody() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let mut raw = server.websocket("/websocket").await;
    let one = sessions.recv().await.unwrap();
    let mut framed = server.websocket("/0/s/websocket").await;
    let two = sessions.recv().await.unwrap();
    let members = [one.sender(), two.sender()];
    let told = broadcast(&members, vec![1, 2, 3]);
    assert_eq!((told.reached, told.closed), (1, 0));
    assert_eq!(raw.next().await, Sent::Binary(vec![1, 2, 3]));
    let told = broadcast(&members, "to all");
    assert_eq!((told.reached, told.closed), (2, 0));
    assert_eq!(framed.next().await, text("o"));
    assert_eq!(framed.next().await, text(r#"a["to all"]"#));
    assert_eq!(raw.next().await, text("to all"));
}

#[tokio::test(start_paused = true)]
async fn xhr_send_is_held_while_the_handler_is_behind_and_released_in_order() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.inbox_limits(2, 1000));
    assert_eq!(server.poll("s").await, "o\n");
    let mut session = sessions.recv().await.unwrap();
    let _stream = server.receive("/0/s/xhr_streaming").await;
    assert_eq!(server.send("s", r#"["1","2","3"]"#).await, 204);
    let held = tokio::spawn({
        let server = server.clone();
        async move { server.send("s", r#"["4"]"#).await }
    });
    rest().await;
    assert!(!held.is_finished());
    assert_eq!(session.recv().await, Some("1".into()));
    assert_eq!(held.await.unwrap(), 204);
    for n in 2..=4 {
        assert_eq!(session.recv().await, Some(n.to_string().into()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_held_xhr_send_is_answered_when_the_session_ends() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.inbox_limits(1, 1000));
    assert_eq!(server.poll("s").await, "o\n");
    let session = sessions.recv().await.unwrap();
    assert_eq!(server.send("s", r#"["1"]"#).await, 204);
    let held = tokio::spawn({
        let server = server.clone();
        async move { server.send("s", r#"["2"]"#).await }
    });
    rest().await;
    assert!(!held.is_finished());
    session.close(1000, "");
    assert_eq!(held.await.unwrap(), 204);
}

#[tokio::test(start_paused = true)]
async fn a_websocket_is_not_read_while_the_inbox_is_full_and_the_order_is_kept() {
    const PIPE: usize = 4096;
    const TOTAL: usize = 1000;
    let (server, mut sessions) = Server::handing_over(|mount| mount.inbox_limits(10, 1 << 20));
    let websocket = server.websocket_over("/websocket", PIPE).await;
    let mut session = sessions.recv().await.unwrap();
    let message = |n: usize| format!("{n:0>100}");
    let bytes: Vec<u8> = (0..TOTAL)
        .flat_map(|n| masked(0x81, message(n).as_bytes()))
        .collect();
    let mut stream = websocket.stream;
    let mut written = 0;
    while let Ok(count) = timeout(secs(1), stream.write(&bytes[written..])).await {
        written += count.unwrap();
    }
    // One read filled the inbox; what came after it waits in the pipe.
    assert!(written <= 2 * PIPE, "{written}");
    let writer = tokio::spawn(async move {
        stream.write_all(&bytes[written..]).await.unwrap();
        stream
    });
    rest().await;
    assert!(!writer.is_finished());
    for n in 0..TOTAL {
        assert_eq!(session.recv().await, Some(message(n).into()));
    }
    assert!(writer.is_finished());
}

/// A socket that is not read shows no pong; its peer is not to blame for that.
#[tokio::test(start_paused = true)]
async fn a_peer_is_not_taken_for_dead_while_the_handler_is_behind() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.inbox_limits(1, 1000));
    let mut websocket = server.websocket("/websocket").await;
    let mut session = sessions.recv().await.unwrap();
    for message in ["one", "two"] {
        websocket.send_text(message).await;
        rest().await;
    }
    for _ in 0..4 {
        assert_eq!(websocket.next().await, Sent::Ping);
        websocket.send(0x8a, b"").await;
    }
    assert_eq!(session.close_reason(), None);
    for message in ["one", "two"] {
        assert_eq!(session.recv().await, Some(message.into()));
    }
    // From now on it is read again, and its silence counts again.
    let start = Instant::now();
    assert_eq!(session.recv().await, None);
    assert_eq!(session.close_reason(), Some(CloseReason::NoHeartbeat));
    assert!(since(start) <= 36, "{}", since(start));
}
