//! How clients get into namespaces, and how they are refused.

use std::sync::Arc;

use sockeye_socketio::{Data, Extension, Refusal, Socket, State};
use sockeye_tower::{Accept, ConnectRequest, Reject};
use tokio::sync::Semaphore;

use crate::support::{Count, Log, Peer, Server, pass, settle};

#[derive(serde::Deserialize)]
struct Auth {
    token: String,
}

#[tokio::test(start_paused = true)]
async fn middlewares_run_in_order_and_the_first_refusal_counts() {
    let server = Server::new();
    let log = Log::new();
    for name in ["one", "two", "three"] {
        let its_log = log.clone();
        server
            .root()
            .middleware(async move |Data(auth): Data<Auth>| {
                settle().await;
                its_log.note(name);
                match (name, &*auth.token) {
                    ("two", "bad") => Err(Refusal::new("unauthorized").data(&("try", 2))),
                    _ => Ok(()),
                }
            });
    }
    let its_log = log.clone();
    server
        .root()
        .on_connect(async move || its_log.note("connected"));
    let mut peer = server.open().await;
    peer.say(r#"0{"token":"bad"}"#).await;
    assert_eq!(
        peer.hear().await,
        r#"4{"message":"unauthorized","data":["try",2]}"#
    );
    assert_eq!(log.take(), ["one", "two"]);
    // What it lacks is told as well, and it may try again on the same session.
    peer.say("0").await;
    let refusal = peer.hear().await;
    assert!(
        refusal.starts_with(r#"4{"message":"missing field `token`"#),
        "{refusal}"
    );
    peer.connect_with("/", r#"{"token":"good"}"#).await;
    assert_eq!(log.all().await, ["one", "two", "three", "connected"]);
}

#[tokio::test(start_paused = true)]
async fn who_is_refused_leaves_the_rooms_that_a_middleware_put_it_in() {
    // socketioxide 0.18.8; 0.18.1 (#627): a socket left over after a failed connection.
    let server = Server::new();
    let (log, count) = (Log::new(), Count::new());
    let its_count = count.clone();
    server.root().middleware(async move |socket: Socket| {
        socket.insert(its_count.one());
        socket.insert(socket.clone());
        socket.join_all(["a", "b"]).unwrap();
        let own = socket.clone();
        socket.on("x", async move || drop(own.clone()));
        Ok::<_, Refusal>(())
    });
    let its_log = log.clone();
    server.root().middleware(async move |socket: Socket| {
        its_log.note(format!(
            "{} {}",
            socket.is_connected(),
            socket.rooms().len()
        ));
        settle().await;
        Err(Refusal::new("no"))
    });
    let peer = server.open().await;
    for _ in 0..5 {
        peer.say("0").await;
        assert_eq!(peer.hear().await, r#"4{"message":"no"}"#);
        assert_eq!(log.next().await, "false 3");
        assert!(server.root().rooms().is_empty());
        assert_eq!(count.get(), 0, "a socket is kept");
    }
    peer.leave().await;
    server.assert_empty().await;
}

#[tokio::test(start_paused = true)]
async fn rooms_joined_in_a_middleware_stay_when_the_client_is_let_in() {
    let server = Server::new();
    server.root().middleware(async |socket: Socket| {
        socket.join("early").map_err(|_| Refusal::new("full"))?;
        socket.insert(7_u32);
        Ok::<_, Refusal>(())
    });
    let log = Log::new();
    let its_log = log.clone();
    server
        .root()
        .on_connect(async move |Extension(n): Extension<u32>| its_log.note(n));
    let peer = server.join().await;
    assert_eq!(log.next().await, "7");
    assert_eq!(
        server
            .root()
            .to("early")
            .emit("x", &())
            .await
            .unwrap()
            .reached,
        1
    );
    assert_eq!(peer.hear().await, r#"2["x"]"#);
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_does_not_reach_who_is_not_connected_yet() {
    let server = Server::new();
    let gate = Arc::new(Semaphore::new(0));
    let its_gate = gate.clone();
    server.root().middleware(async move |socket: Socket| {
        socket.join("early").unwrap();
        its_gate.acquire().await.unwrap().forget();
        Ok::<_, Refusal>(())
    });
    let mut peer = server.open().await;
    peer.say("0").await;
    settle().await;
    server.root().emit("secret", &()).await.unwrap();
    server.root().to("early").emit("secret", &()).await.unwrap();
    let asked = server
        .root()
        .to("early")
        .emit_with_ack::<u32, _>("secret", &())
        .await;
    assert_eq!(asked.unwrap().missing, 0);
    // Nor is it found.
    let found = server.root().to("early").fetch_sockets().await.unwrap();
    assert_eq!((server.root().sockets().len(), found.len()), (0, 0));
    let early = server.root().rooms().members("early");
    assert!(server.root().socket(early[0].id().as_str()).is_none());
    gate.add_permits(1);
    peer.connected("/").await;
    assert_eq!(server.root().sockets().len(), 1);
    assert!(server.root().socket(peer.sid()).is_some());
    assert_eq!(peer.heard().await, [] as [&str; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_closes_during_a_middleware_leaves_nothing() {
    // socketioxide #627.
    let pattern = regex::Regex::new("^/dyn").unwrap();
    for is_admitted in [true, false] {
        let server = Server::new();
        let (log, count, gate) = (Log::new(), Count::new(), Arc::new(Semaphore::new(0)));
        let (its_log, its_count, its_gate) = (log.clone(), count.clone(), gate.clone());
        server
            .io
            .dynamic(pattern.clone())
            .middleware(async move |socket: Socket| {
                socket.insert(its_count.one());
                socket.join("room").unwrap();
                let called = its_log.clone();
                socket.on_disconnect(async move || called.note("disconnected"));
                its_gate.acquire().await.unwrap().forget();
                its_log.note("decided");
                match is_admitted {
                    true => Ok(()),
                    false => Err(Refusal::new("no")),
                }
            });
        let peer = server.open().await;
        peer.say("0/dyn,").await;
        settle().await;
        assert_eq!(count.get(), 1);
        peer.vanish();
        settle().await;
        gate.add_permits(1);
        assert_eq!(log.next().await, "decided");
        server.assert_empty().await;
        assert_eq!(log.take(), [] as [&str; 0], "it never was connected");
        assert_eq!(count.get(), 0, "a socket is kept");
    }
}

#[tokio::test(start_paused = true)]
async fn a_middleware_may_send_its_socket_away() {
    let server = Server::new();
    server.root().middleware(async |socket: Socket| {
        socket.disconnect(true);
        Ok::<_, Refusal>(())
    });
    let peer = server.open().await;
    peer.say("0").await;
    assert_eq!(peer.closed().await.code, 1005);
    server.assert_empty().await;
}

#[tokio::test(start_paused = true)]
async fn connections_are_answered_before_their_handlers_run() {
    let server = Server::new();
    server.root().on_connect(async |socket: Socket| {
        assert!(socket.is_connected());
        socket.emit("first", &()).await
    });
    server
        .root()
        .on_connect(async |socket: Socket| socket.emit("second", &()).await);
    for is_polling in [false, true] {
        let peer = match is_polling {
            false => server.join().await,
            true => server.join_polling().await,
        };
        assert_eq!(peer.heard().await, [r#"2["first"]"#, r#"2["second"]"#]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_that_joins_nothing_is_closed_after_the_connect_timeout() {
    // Row 12 of the limits: 45 seconds.
    let server = Server::new();
    for is_polling in [false, true] {
        let began = tokio::time::Instant::now();
        let idle = match is_polling {
            false => server.open().await,
            true => server.open_polling().await,
        };
        // What is refused does not count.
        idle.say("0/nowhere").await;
        assert_eq!(
            idle.hear().await,
            r#"4/nowhere,{"message":"Invalid namespace"}"#
        );
        idle.closed().await;
        assert_eq!(began.elapsed().as_secs(), 45);
        server.assert_empty().await;
    }
    let peer = server.join().await;
    pass(200).await;
    peer.say("1").await;
    pass(200).await;
    assert_eq!(server.handle.sessions(), 1, "once is enough");
}

#[tokio::test(start_paused = true)]
async fn the_connect_timeout_ends_slow_middlewares_too() {
    let server = Server::with(|builder| builder.connect_timeout(crate::support::secs(3)));
    let log = Log::new();
    let its_log = log.clone();
    server.root().middleware(async move |socket: Socket| {
        socket.join("room").unwrap();
        pass(5).await;
        its_log.note("decided");
        Ok::<_, Refusal>(())
    });
    let its_log = log.clone();
    server
        .root()
        .on_connect(async move || its_log.note("connected"));
    let peer = server.open().await;
    peer.say("0").await;
    let began = tokio::time::Instant::now();
    peer.closed().await;
    assert_eq!(began.elapsed().as_secs(), 3);
    server.assert_empty().await;
    assert_eq!(log.take(), ["decided"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_said_to_a_namespace_before_it_is_joined_closes_the_session() {
    let server = Server::new();
    server.root().middleware(async || {
        settle().await;
        Ok::<_, Refusal>(())
    });
    #[rustfmt::skip]
    let packets = [
        r#"2["x"]"#, "30[1]", "1", "0", r#"2/other,["x"]"#, r#"4{"message":"x"}"#,
        r#"51-["x",{"_placeholder":true,"num":0}]"#,
    ];
    for packet in packets {
        let peer = server.open().await;
        peer.say("0").await;
        peer.say(packet).await;
        if packet.starts_with("51-") {
            peer.say_bytes(&[1]).await;
        }
        let close = peer.closed().await;
        assert!([1002, 1005].contains(&close.code), "{packet}: {close:?}");
        server.assert_empty().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_connect_to_a_namespace_closes_the_session_and_tells_its_handlers() {
    // socketioxide #801: it replaced the socket without a word to the first.
    let server = Server::new();
    let log = Log::new();
    let its_log = log.clone();
    server.root().on_connect(async move |socket: Socket| {
        crate::support::note_departures(&socket, &its_log);
        its_log.note("connected");
    });
    let peer = server.join().await;
    peer.say(r#"0{"again":1}"#).await;
    peer.closed().await;
    server.assert_empty().await;
    assert_eq!(
        log.take(),
        ["connected", "disconnecting from 1 rooms", "forced close"]
    );
}

#[tokio::test(start_paused = true)]
async fn clients_of_revision_3_are_in_the_root_by_themselves() {
    let server = Server::new();
    server.root().on_connect(async |socket: Socket| {
        assert_eq!(socket.protocol(), 3);
        socket.on("echo", async |socket: Socket, Data(all): Data<Vec<u32>>| {
            socket.emit("echo", &all).await
        });
    });
    let log = Log::new();
    let its_log = log.clone();
    server
        .io
        .of("/ns")
        .on_connect(async move |socket: Socket, Data(auth): Data<Auth>| {
            its_log.note(format!("{} {}", socket.id(), auth.token));
        });
    let peer = server.open_v3().await;
    assert_eq!(peer.hear().await, "0");
    let own = server.root().sockets()[0].id().to_string();
    assert_eq!(own, peer.session.id());
    peer.say(r#"2["echo",1,2]"#).await;
    assert_eq!(peer.hear().await, r#"2["echo",1,2]"#);
    peer.say("0/ns?token=a%20b&x=1").await;
    assert_eq!(peer.hear().await, "0/ns,");
    assert_eq!(log.next().await, format!("/ns#{own} a b"));
    // Its own room in a namespace is its id there.
    server
        .io
        .of("/ns")
        .to(format!("/ns#{own}"))
        .emit("you", &())
        .await
        .unwrap();
    assert_eq!(peer.hear().await, r#"2/ns,["you"]"#);
    peer.say("0/none?x=1").await;
    assert_eq!(
        peer.hear().await,
        r#"4/none,{"message":"Invalid namespace"}"#
    );
    peer.leave().await;
    server.assert_empty().await;
}

#[tokio::test(start_paused = true)]
async fn clients_of_revision_3_are_refused_in_their_own_words() {
    let server = Server::new();
    server.root().middleware(
        async |socket: Socket| match socket.handshake().parameter("who") {
            Some(who) if who == "friend" => Ok(()),
            Some(_) => Err(Refusal::new("no").data(&("code", 5))),
            None => Err(Refusal::new("who?")),
        },
    );
    let v3 = || {
        server
            .websocket()
            .revision(sockeye_tower::engineio::Revision::V3)
    };
    assert_eq!(Peer::over(v3()).await.hear().await, r#"4"who?""#);
    let stranger = Peer::over(v3().query("who", "me")).await;
    assert_eq!(stranger.hear().await, r#"4["code",5]"#);
    let friend = Peer::over(v3().query("who", "friend")).await;
    assert_eq!(friend.hear().await, "0");
    drop((stranger, friend));
    server.assert_empty().await;
}

#[tokio::test(start_paused = true)]
async fn what_the_request_and_the_application_bring_is_at_hand() {
    #[derive(Clone)]
    struct User(&'static str);
    #[derive(Clone)]
    struct Database(u32);
    let server = Server::with(|builder| {
        builder.state(Database(7)).engine_io(|engine| {
            engine.on_connect(async |request: &ConnectRequest| {
                match request.query().unwrap_or_default().contains("user=ann") {
                    true => Ok(Accept::new().data(User("ann"))),
                    false => Err(Reject::status(401)),
                }
            })
        })
    });
    let log = Log::new();
    let its_log = log.clone();
    server.root().on_connect(
        async move |socket: Socket,
                    Extension(user): Extension<User>,
                    State(db): State<Database>| {
            let handshake = socket.handshake();
            its_log.note(format!("{} {}", user.0, db.0));
            its_log.note(format!("{:?}", handshake.header("x-test")));
            its_log.note(format!("{:?}", handshake.parameter("user")));
        },
    );
    let ann = server
        .websocket()
        .query("user", "ann")
        .header("x-test", "yes");
    let mut ann = Peer::over(ann).await;
    ann.connect("/").await;
    assert_eq!(
        log.all().await,
        ["ann 7", r#"Some("yes")"#, r#"Some("ann")"#]
    );
    let refused = server.websocket().expect_refused().await;
    assert_eq!(refused.status(), 401);
}

#[tokio::test(start_paused = true)]
async fn ids_are_long_differ_and_say_nothing_of_the_session() {
    // CVE-2017-16031; socketioxide 0.18.9 gave the session's secret id away as the socket's.
    let server = Server::with(|builder| builder.recovery(sockeye_socketio::Recovery::new()));
    server.io.of("/other");
    let mut seen = std::collections::HashSet::new();
    for _ in 0..50 {
        let mut peer = server.join().await;
        let secret = peer.pid.clone().unwrap();
        peer.connect("/other").await;
        let ids = [
            secret,
            peer.pid.clone().unwrap(),
            peer.session.id().to_owned(),
        ];
        let public = peer.joined.iter().map(|(_, id)| id.clone());
        for id in ids.into_iter().chain(public) {
            // 20 characters of 6 bits: 120 bits.
            assert!(id.len() >= 20, "{id}");
            assert!(seen.insert(id), "an id came twice");
        }
    }
}
