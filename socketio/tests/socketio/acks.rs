//! Answers, both ways.

use std::sync::Arc;

use sockeye_socketio::{Ack, AckError, Data, EmitError, Handshake, Responses, Socket};
use tokio::sync::Notify;

use crate::support::{Log, Server, pass, secs, settle};

/// The server's side of the only client in `/`.
pub(crate) fn only(server: &Server) -> Socket {
    let [socket] = <[Socket; 1]>::try_from(server.root().sockets()).unwrap();
    socket
}

#[tokio::test(start_paused = true)]
async fn a_client_is_answered_once_with_what_the_handler_sends() {
    let server = Server::new();
    server.root().on_connect(async |socket: Socket| {
        socket.on("none", async |ack: Ack| ack.send(&()));
        socket.on("one", async |ack: Ack| ack.send("yes"));
        socket.on("two", async |ack: Ack| ack.send(&(1, "b")));
        socket.on("twice", async |ack: Ack| {
            assert!(ack.is_wanted());
            ack.send(&1).unwrap();
            assert!(!ack.is_wanted());
            ack.send(&2)
        });
        // Both hear the event, and one answer goes out.
        socket.on("both", async |ack: Ack| ack.send("first"));
        socket.on("both", async |ack: Ack| ack.send("second"));
        socket.on("later", async |ack: Ack| {
            pass(10).await;
            ack.send("at last")
        });
    });
    let peer = server.join().await;
    #[rustfmt::skip]
    let cases = [
        (r#"27["none"]"#,  "37[]"),
        (r#"28["one"]"#,   r#"38["yes"]"#),
        (r#"29["two"]"#,   r#"39[1,"b"]"#),
        (r#"210["twice"]"#, "310[1]"),
        (r#"211["both"]"#, r#"311["first"]"#),
        (r#"218446744073709551615["one"]"#, r#"318446744073709551615["yes"]"#),
        (r#"212["later"]"#, r#"312["at last"]"#),
    ];
    for (event, answer) in cases {
        peer.say(event).await;
        assert_eq!(peer.hear().await, answer);
    }
    // Where no answer is wanted none is sent.
    peer.say(r#"2["one"]"#).await;
    assert_eq!(peer.heard().await, [] as [&str; 0]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_who_has_left_is_an_error_to_its_sender() {
    let server = Server::new();
    let (log, gate) = (Log::new(), Arc::new(Notify::new()));
    let (its_log, its_gate) = (log.clone(), gate.clone());
    server.root().on_connect(async move |socket: Socket| {
        socket.on("late", async move |ack: Ack| {
            its_gate.notified().await;
            its_log.note(format!("{:?}", ack.send(&1)));
        });
    });
    let peer = server.join().await;
    peer.say(r#"21["late"]"#).await;
    settle().await;
    peer.leave().await;
    settle().await;
    gate.notify_one();
    assert_eq!(log.next().await, "Err(Disconnected)");
    server.assert_empty().await;
}

#[tokio::test(start_paused = true)]
async fn the_server_is_answered() {
    let server = Server::new();
    let peer = server.join().await;
    let socket = only(&server);
    let asking = socket.emit_with_ack::<(u32, String), _>("two", &(1, 2));
    let (answer, ()) = tokio::join!(asking, async {
        assert_eq!(peer.hear().await, r#"20["two",1,2]"#);
        // Unknown ones before and after mean nothing.
        peer.say("399[1]").await;
        peer.say(r#"30[5,"b"]"#).await;
        peer.say(r#"30[6,"c"]"#).await;
    });
    assert_eq!(answer.unwrap(), (5, "b".to_owned()));

    let (wrong, ()) = tokio::join!(socket.emit_with_ack::<u32, _>("one", &()), async {
        peer.hear().await;
        peer.say(r#"31["no number"]"#).await;
    });
    assert!(matches!(wrong, Err(AckError::Data(_))), "{wrong:?}");
    assert!(socket.is_connected());
}

#[tokio::test(start_paused = true)]
async fn the_nonsense_of_one_client_costs_a_broadcast_that_answer_alone() {
    let server = Server::new();
    let (sound, broken) = (server.join().await, server.join().await);
    let asking = server.root().emit_with_ack::<u32, _>("one", &());
    let (answers, ()) = tokio::join!(asking, async {
        broken.hear().await;
        broken.say(r#"30["no number"]"#).await;
        sound.hear().await;
        sound.say("30[5]").await;
    });
    let answers = answers.unwrap();
    assert_eq!((answers.received, answers.missing), (vec![5], 1));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_come_in_time_is_a_timeout() {
    let server = Server::new();
    let peer = server.join().await;
    let socket = only(&server);
    let before = tokio::time::Instant::now();
    let asked = socket
        .emit_with_ack::<u32, _>("q", &())
        .timeout(secs(5))
        .await;
    assert!(matches!(asked, Err(AckError::Timeout)), "{asked:?}");
    assert_eq!(asked.unwrap_err().to_string(), "operation has timed out");
    let asked = socket
        .timeout(secs(7))
        .emit_with_ack::<u32, _>("q", &())
        .await;
    assert!(matches!(asked, Err(AckError::Timeout)), "{asked:?}");
    assert_eq!(before.elapsed(), secs(12));
    // Late, they are nobody's.
    peer.say("30[1]").await;
    peer.say("31[1]").await;
    assert_eq!(peer.heard().await, [r#"20["q"]"#, r#"21["q"]"#]);
    assert!(socket.is_connected());
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_an_answer_is_told_when_the_client_leaves() {
    // socketioxide #820: pending acks leaked.
    let server = Server::new();
    let peer = server.join().await;
    let socket = only(&server);
    let asking = tokio::spawn({
        let socket = socket.clone();
        async move { socket.emit_with_ack::<u32, _>("q", &()).await }
    });
    assert_eq!(peer.hear().await, r#"20["q"]"#);
    peer.vanish();
    let answer = asking.await.unwrap();
    assert!(matches!(answer, Err(AckError::Disconnected)), "{answer:?}");
    let asked = socket.emit_with_ack::<u32, _>("q", &()).await;
    let is_gone = matches!(asked, Err(AckError::Emit(EmitError::Disconnected)));
    assert!(is_gone, "{asked:?}");
    server.assert_empty().await;
}

#[tokio::test(start_paused = true)]
async fn pending_acks_are_bounded_and_given_back() {
    // Row 24 of the limits; socketioxide #820.
    let server = Server::with(|builder| builder.pending_acks(3));
    let _peer = server.join().await;
    let socket = only(&server);
    let ask = |socket: &Socket| socket.emit_with_ack::<u32, _>("q", &()).timeout(secs(5));
    let mut asked: Vec<_> = (0..3).map(|_| ask(&socket)).collect();
    let refused = ask(&socket).await;
    let expected = matches!(
        refused,
        Err(AckError::Emit(EmitError::TooManyAcks { limit: 3 }))
    );
    assert!(expected, "{refused:?}");
    // One that is dropped makes room, sent or not.
    asked.pop();
    asked.push(ask(&socket));
    for asked in asked {
        assert!(matches!(asked.await, Err(AckError::Timeout)));
    }
    // And so do those whose time is over.
    let asked: Vec<_> = (0..3).map(|_| ask(&socket)).collect();
    for asked in asked {
        assert!(matches!(asked.await, Err(AckError::Timeout)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_and_twenty_four_acks_may_be_pending() {
    let server = Server::new();
    let _peer = server.join().await;
    let socket = only(&server);
    let asked: Vec<_> = (0..1_024)
        .map(|_| socket.emit_with_ack::<u32, _>("q", &()))
        .collect();
    let refused = socket.emit_with_ack::<u32, _>("q", &()).await;
    let expected = matches!(
        refused,
        Err(AckError::Emit(EmitError::TooManyAcks { limit: 1_024 }))
    );
    assert!(expected, "{refused:?}");
    drop(asked);
    let again = socket
        .emit_with_ack::<u32, _>("q", &())
        .timeout(secs(1))
        .await;
    assert!(matches!(again, Err(AckError::Timeout)), "{again:?}");
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_gathers_the_answers_that_come_in_time() {
    let server = Server::new();
    let peers = [
        server.join().await,
        server.join_polling().await,
        server.join().await,
    ];
    let asking = server
        .root()
        .timeout(secs(3))
        .emit_with_ack::<u32, _>("q", "x");
    let (responses, ()) = tokio::join!(asking, async {
        for (n, peer) in peers.iter().enumerate().take(2) {
            assert_eq!(peer.hear().await, r#"20["q","x"]"#);
            peer.say(&format!("30[{n}]")).await;
            peer.say("30[99]").await;
        }
    });
    let mut responses = responses.unwrap();
    responses.received.sort_unstable();
    let (received, missing) = (responses.received, responses.missing);
    assert_eq!((received, missing), (vec![0, 1], 1));
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_waits_for_nobody_who_has_left() {
    let server = Server::new();
    let stays = server.join().await;
    let leaves = server.join().await;
    let before = tokio::time::Instant::now();
    let asking = server
        .root()
        .timeout(secs(30))
        .emit_with_ack::<u32, _>("q", &());
    let (responses, ()) = tokio::join!(asking, async {
        stays.hear().await;
        leaves.hear().await;
        stays.say("30[1]").await;
        leaves.leave().await;
    });
    let responses = responses.unwrap();
    assert_eq!((responses.received, responses.missing), (vec![1], 1));
    assert!(before.elapsed() < secs(1), "{:?}", before.elapsed());
    // Of nobody there is nothing to wait for.
    stays.leave().await;
    server.empty().await;
    let asked = server
        .root()
        .emit_with_ack::<u32, _>("q", &())
        .await
        .unwrap();
    assert_eq!((asked.received, asked.missing), (Vec::new(), 0));
    server.assert_empty().await;
}

#[tokio::test(start_paused = true)]
async fn broadcasts_that_nobody_answers_do_not_use_up_a_sockets_acks() {
    // socketioxide #820: what was asked and never answered stayed behind.
    let server = Server::with(|builder| builder.pending_acks(3));
    let peer = server.join().await;
    for id in 0..10 {
        let asked = server
            .root()
            .timeout(secs(1))
            .emit_with_ack::<u32, _>("q", &());
        let asked: Responses<u32> = asked.await.unwrap();
        assert_eq!(asked.missing, 1, "of {id}");
        assert_eq!(peer.hear().await, format!(r#"2{id}["q"]"#));
    }
    // Nor do those that nobody waits for any more.
    for id in 10..20 {
        drop(server.root().emit_with_ack::<u32, _>("q", &()));
        assert_eq!(peer.hear().await, format!(r#"2{id}["q"]"#));
    }
    // While those that are waited for count.
    let waiting: Vec<_> = (0..3)
        .map(|_| server.root().emit_with_ack::<u32, _>("q", &()))
        .collect();
    let asked = only(&server).emit_with_ack::<u32, _>("q", &()).await;
    let is_refused = matches!(asked, Err(AckError::Emit(EmitError::TooManyAcks { .. })));
    assert!(is_refused, "{asked:?}");
    drop(waiting);
}

#[tokio::test(start_paused = true)]
async fn one_of_many_is_asked_by_its_remote_handle() {
    let server = Server::new();
    let peer = server.join().await;
    let _other = server.join().await;
    let found = server.root().to(peer.sid()).fetch_sockets().await.unwrap();
    assert_eq!(found.len(), 1);
    let asking = found[0].emit_with_ack::<u32, _>("q", &(), secs(2));
    let (answer, ()) = tokio::join!(asking, async {
        assert_eq!(peer.hear().await, r#"20["q"]"#);
        peer.say("30[4]").await;
    });
    assert_eq!(answer.unwrap(), 4);
    let silent = found[0].emit_with_ack::<u32, _>("q", &(), secs(2)).await;
    assert!(matches!(silent, Err(AckError::Timeout)), "{silent:?}");
}

#[tokio::test(start_paused = true)]
async fn a_connections_handler_may_ask_its_client_at_once() {
    let server = Server::new();
    let log = Log::new();
    let its_log = log.clone();
    server.root().on_connect(
        async move |socket: Socket, Data(auth): Data<serde_json::Value>, it: Handshake| {
            let same: serde_json::Value = it.auth().unwrap();
            assert_eq!(auth, same);
            let name: String = socket.emit_with_ack("name?", &()).await.unwrap();
            its_log.note(name);
        },
    );
    let mut peer = server.open().await;
    peer.connect_with("/", r#"{"a":1}"#).await;
    assert_eq!(peer.hear().await, r#"20["name?"]"#);
    peer.say(r#"30["ann"]"#).await;
    assert_eq!(log.next().await, "ann");
}
