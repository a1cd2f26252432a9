//! Upgrades that fail: the session stays on polling, with all it has.

use sockeye_tower::{CloseReason, Limit};

use crate::{
    client::{Sent, masked},
    support::{Polling, Server, as_text, pass, rest, secs, tasks},
};

/// A session with a packet that waits.
async fn waiting(
    server: &Server,
    sessions: &mut crate::support::Sessions,
) -> (Polling, sockeye_tower::Session) {
    let client = server.open().await;
    let session = sessions.recv().await.unwrap();
    session.try_send("waiting").unwrap();
    (client, session)
}

async fn expect_unharmed(client: &Polling, session: &mut sockeye_tower::Session) {
    rest().await;
    assert_eq!(session.close_reason(), None);
    assert_eq!(client.poll_text().await, "4waiting");
    client.send("4hello").await;
    assert_eq!(as_text(session.recv().await), "hello");
    // A later attempt may do better.
    let mut socket = client.upgraded().await;
    session.try_send("moved").unwrap();
    assert_eq!(socket.text().await, "4moved");
}

/// socketioxide 0.18.9: a failed upgrade killed the session.
#[tokio::test(start_paused = true)]
async fn what_is_not_the_dance_closes_the_probe() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let nonsense: [(u8, &[u8]); 12] = [
        (0x81, b"2"),
        (0x81, b"2Probe"),
        (0x81, b"3probe"),
        (0x81, b"4hello"),
        (0x81, b"0{}"),
        (0x81, b"1"),
        (0x81, b"6"),
        (0x81, b""),
        (0x81, b"x"),
        (0x81, b"bAQID"),
        (0x82, b"\x01"),
        (0x81, b"\xff"),
    ];
    for answered in [false, true] {
        for (first, payload) in nonsense {
            let (client, mut session) = waiting(&server, &mut sessions).await;
            let mut socket = match answered {
                true => client.probed().await,
                false => client.probe().await,
            };
            socket.send(first, payload).await;
            assert!(matches!(socket.next().await, Sent::Close(_)), "{payload:?}");
            drop(socket);
            expect_unharmed(&client, &mut session).await;
        }
    }
}

/// CVE-2022-21676: reserved bits and opcodes, during an upgrade.
#[tokio::test(start_paused = true)]
async fn broken_frames_close_the_probe_alone() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.max_message_size(1000));
    let frames: [Vec<u8>; 5] = [
        vec![0x81, 0x01, b'5'],
        masked(0xa1, b"5"),
        masked(0x91, b"5"),
        masked(0x8f, b""),
        masked(0x81, &[b'4'; 2000]),
    ];
    for frame in frames {
        let (client, mut session) = waiting(&server, &mut sessions).await;
        let mut socket = client.probed().await;
        tokio::io::AsyncWriteExt::write_all(&mut socket.stream, &frame)
            .await
            .unwrap();
        assert!(
            matches!(socket.next().await, Sent::Close(_)),
            "{:?}",
            &frame[..2]
        );
        drop(socket);
        expect_unharmed(&client, &mut session).await;
    }
}

/// Limit 13: engineioxide answered 65 of 100.
#[tokio::test(start_paused = true)]
async fn a_second_probe_is_closed_and_the_first_wins() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let (client, session) = waiting(&server, &mut sessions).await;
    let mut first = client.probed().await;
    for _ in 0..20 {
        let mut other = client.probe().await;
        other.send_texts(&["2probe", "5"]).await;
        other.expect_close(None).await;
    }
    assert_eq!(session.close_reason(), None);
    assert_eq!(server.handle.limit_hits(Limit::Upgrade), 20);
    first.send_text("5").await;
    assert_eq!(first.text().await, "4waiting");
    // No limit is behind that of a session which has moved.
    client.probe().await.expect_close(None).await;
    assert_eq!(server.handle.limit_hits(Limit::Upgrade), 20);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_lost() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let (client, mut session) = waiting(&server, &mut sessions).await;
    drop(client.probe().await);
    rest().await;
    drop(client.probed().await);
    rest().await;
    let mut socket = client.probed().await;
    socket.send(0x88, b"").await;
    assert_eq!(socket.next().await, Sent::Close(None));
    expect_unharmed(&client, &mut session).await;
}

/// Limit 13: 10 seconds.
#[tokio::test(start_paused = true)]
async fn a_probe_that_takes_too_long() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.ping_interval(secs(600)));
    for answered in [false, true] {
        let (client, mut session) = waiting(&server, &mut sessions).await;
        let mut socket = match answered {
            true => client.probed().await,
            false => client.probe().await,
        };
        pass(9).await;
        socket.expect_silence().await;
        pass(1).await;
        socket.expect_close(None).await;
        expect_unharmed(&client, &mut session).await;
    }
    rest().await;
    assert_eq!(server.handle.limit_hits(Limit::Upgrade), 2);
}

/// Limits 7 and 13.
#[tokio::test(start_paused = true)]
async fn a_probe_that_asks_for_ever_and_reads_nothing() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.ping_interval(secs(600)));
    let (client, mut session) = waiting(&server, &mut sessions).await;
    let mut connection = server.connect_over(1024);
    let query = client.upgrade_query();
    connection.send_handshake("GET", &query, "").await;
    assert_eq!(connection.answer().await.status, 101);
    let asking = tokio::spawn(async move {
        let frame = masked(0x81, b"2probe");
        let mut asked = 0_u32;
        while tokio::io::AsyncWriteExt::write_all(&mut connection.stream, &frame)
            .await
            .is_ok()
        {
            asked += 1;
        }
        asked
    });
    // It is not read on while it takes no answer, and given up at its time.
    pass(9).await;
    assert!(!asking.is_finished());
    pass(7).await;
    let asked = asking.await.unwrap();
    assert!(asked < 10_000, "{asked}");
    expect_unharmed(&client, &mut session).await;
}

#[tokio::test(start_paused = true)]
async fn a_session_that_ends_takes_its_probe_along() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    // Its peer goes, or breaks a rule.
    for body in ["1", "x"] {
        let (client, session) = waiting(&server, &mut sessions).await;
        let mut socket = client.probed().await;
        client.post(body).await;
        socket.expect_close(None).await;
        client.expect_unknown().await;
        drop(session);
    }
    // The application closes it, and its last poll comes.
    let client = server.open().await;
    let session = sessions.recv().await.unwrap();
    let mut poll = client.start_poll().await;
    let mut socket = client.probe().await;
    drop(session);
    assert_eq!(poll.answer().await.text(), "1");
    socket.expect_close(None).await;
    // Heartbeats fail.
    let (_client, session) = waiting(&server, &mut sessions).await;
    pass(46).await;
    assert_eq!(session.close_reason(), Some(CloseReason::NoHeartbeat));
    drop(session);
    rest().await;
    assert_eq!(server.handle.sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_probe_before_the_open_packet_was_taken_is_none() {
    // Its id is nobody's to know before.
    let (server, _sessions) = Server::handing_over(|mount| mount.generate_id(|_| "known".into()));
    let query = "EIO=4&transport=websocket&sid=known";
    let (answer, _) = server.handshake(query).await;
    answer.expect_refused(400, "Session ID unknown");
}

#[tokio::test(start_paused = true)]
async fn upgrades_that_are_not_allowed_are_refused() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.allow_upgrades(false));
    let (client, session) = waiting(&server, &mut sessions).await;
    let (answer, _) = server.handshake(&client.upgrade_query()).await;
    answer.expect_refused(400, "Bad request");
    assert_eq!(client.poll_text().await, "4waiting");
    assert_eq!(session.close_reason(), None);
}

/// CVE-2022-41940, socketioxide #731.
#[tokio::test(start_paused = true)]
async fn a_thousand_aborted_probes_leave_nothing() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.ping_interval(secs(6000)));
    let (client, mut session) = waiting(&server, &mut sessions).await;
    rest().await;
    let tasks = tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks();
    for number in 0..1000 {
        match number % 4 {
            // Before the answer.
            0 => {
                let mut connection = server.connect();
                connection
                    .send_handshake("GET", &client.upgrade_query(), "")
                    .await;
            }
            1 => drop(client.probe().await),
            2 => drop(client.probed().await),
            _ => {
                let mut socket = client.probe().await;
                socket.send_text("nonsense").await;
            }
        }
        rest().await;
    }
    // A request that is refused, and a peer that is gone by then.
    for _ in 0..1000 {
        let mut connection = server.connect();
        connection
            .send_handshake("GET", "EIO=4&transport=websocket&sid=x", "")
            .await;
    }
    pass(6).await;
    assert_eq!(
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks(),
        tasks
    );
    assert_eq!(server.handle.sessions(), 1);
    expect_unharmed(&client, &mut session).await;
}

/// netty-socketio #327, python-socketio #265: proxies that let the handshake through and then nothing,
/// or cut it anywhere.
#[tokio::test(start_paused = true)]
async fn a_proxy_that_cuts_the_dance_at_any_byte() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.ping_interval(secs(6000)));
    let dance = [masked(0x81, b"2probe"), masked(0x81, b"5")].concat();
    for silently in [false, true] {
        for cut in 0..dance.len() {
            let (client, mut session) = waiting(&server, &mut sessions).await;
            let mut poll = None;
            if cut % 3 == 1 {
                assert_eq!(client.poll_text().await, "4waiting");
                poll = Some(client.start_poll().await);
            }
            let mut socket = client.probe().await;
            tokio::io::AsyncWriteExt::write_all(&mut socket.stream, &dance[..cut])
                .await
                .unwrap();
            rest().await;
            session.try_send("meanwhile").unwrap();
            match silently {
                false => drop(socket),
                true => pass(11).await,
            }
            rest().await;
            assert_eq!(session.close_reason(), None, "{cut}");
            // All that waits comes by polling, once and in order; a noop may end the first poll.
            let mut heard = match &mut poll {
                Some(poll) => poll.answer().await.text(),
                None => String::new(),
            };
            while !heard.ends_with("4meanwhile") {
                heard = format!("{heard}\u{1e}{}", client.poll_text().await);
            }
            let messages: Vec<&str> =
                (heard.split('\u{1e}').filter(|it| it.starts_with('4'))).collect();
            match cut % 3 {
                1 => assert_eq!(messages, ["4meanwhile"]),
                _ => assert_eq!(messages, ["4waiting", "4meanwhile"]),
            }
            session.try_send("waiting").unwrap();
            expect_unharmed(&client, &mut session).await;
        }
    }
}

/// socketioxide #731: each upgrade that a client had begun and left was kept for good.
#[tokio::test(start_paused = true)]
async fn an_answer_that_nobody_takes_is_not_waited_for() {
    let (server, mut sessions) =
        Server::handing_over(|mount| mount.ping_interval(secs(6000)).max_sessions(2));
    let (client, mut session) = waiting(&server, &mut sessions).await;
    rest().await;
    let before = tasks();
    for query in [&client.upgrade_query(), "EIO=4&transport=websocket"] {
        let hits = server.handle.limit_hits(Limit::SlowPeer);
        let mut connection = server.connect_over(16);
        let handshake = connection.send_handshake("GET", query, "");
        handshake.await;
        pass(29).await;
        // The connection's, and one that waits for it.
        assert_eq!(tasks(), before + 2);
        pass(2).await;
        assert_eq!(tasks(), before + 1);
        assert_eq!(server.handle.limit_hits(Limit::SlowPeer), hits + 1);
        assert_eq!(server.handle.sessions(), 1);
        drop(connection);
        rest().await;
        assert_eq!(tasks(), before);
    }
    assert!(sessions.try_recv().is_err());
    expect_unharmed(&client, &mut session).await;
}
