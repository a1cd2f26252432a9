//! What users of other servers suffered, seen from a Socket.IO server: one test for each story that
//! is not told beside the feature it belongs to.

use bytes::Bytes;
use http_body_util::Full;
use sockeye_socketio::{Data, Socket};
use sockeye_tower::{
    Transport,
    test::{Client, Frame},
};

use crate::{
    acks::only,
    support::{Log, Peer, Server, note_departures, pass, secs, settle},
};

/// A server that answers `n` events with the same, and notes departures.
fn echoing() -> (Server, Log) {
    let server = Server::new();
    let log = Log::new();
    let its_log = log.clone();
    server.root().on_connect(async move |socket: Socket| {
        note_departures(&socket, &its_log);
        socket.on("n", async |socket: Socket, Data(n): Data<u64>| {
            socket.emit("n", &n).await
        });
    });
    (server, log)
}

async fn echoes(peer: &Peer, n: u64) {
    let event = format!(r#"2["n",{n}]"#);
    peer.say(&event).await;
    assert_eq!(peer.hear().await, event);
}

#[tokio::test(start_paused = true)]
async fn pongs_that_nobody_asked_for_are_no_heartbeat_timeout_and_start_nothing() {
    // socketioxide #817; CVE-2026-48802: a pong started another heartbeat.
    let (server, log) = echoing();
    let peer = server.join().await;
    for _ in 0..5_000 {
        peer.session.send_frame("3").await.unwrap();
    }
    echoes(&peer, 1).await;
    let before = peer.session.heartbeats();
    pass(110).await;
    let beats = peer.session.heartbeats() - before;
    assert_eq!(beats, 4, "one heartbeat, every 25 seconds");
    echoes(&peer, 2).await;
    assert_eq!(log.take(), [] as [&str; 0]);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_session_is_refused_and_opens_none() {
    // socketioxide #815.
    let (server, _) = echoing();
    for sid in ["AAAAAAAAAAAAAAAAAAAA", "__proto__", "x"] {
        let target = format!("/?EIO=4&transport=polling&sid={sid}");
        let answer = server.client.get(&target).await.unwrap();
        assert_eq!(answer.status(), 400);
        let request = http::Request::post(&target).body("40").unwrap();
        assert_eq!(server.client.request(request).await.unwrap().status(), 400);
        let refused = server.websocket().query("sid", sid).expect_refused().await;
        assert_eq!(refused.status(), 400);
    }
    assert_eq!((server.handle.sessions(), server.io.clients()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_path_that_only_begins_like_the_mounts_is_somebody_elses() {
    // socketioxide #816: `/socket.io-admin` was captured; #36, loco #34: mounts below a path.
    let io = sockeye_socketio::SocketIo::new();
    let inner = tower::service_fn(|request: http::Request<hyper::body::Incoming>| async move {
        let body = Full::new(Bytes::from(request.uri().path().to_owned()));
        Ok::<_, std::convert::Infallible>(http::Response::new(body))
    });
    let client = Client::new(tower::Layer::layer(&io.layer("/socket.io"), inner));
    for path in [
        "/socket.io-admin",
        "/socket.io-admin/?EIO=4&transport=polling",
        "/socket.iox",
        "/",
    ] {
        let answer = client.get(path).await.unwrap();
        assert_eq!(answer.text(), path.split('?').next().unwrap());
    }
    let mut peer = Peer::over(client.engineio("/socket.io")).await;
    peer.connect("/").await;
    assert_eq!(io.clients(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_takes_no_heartbeat_and_no_poll_too_many() {
    // socketioxide PR #487 (#479), #497: 25 seconds; 0.17.2: it never ended.
    let (server, _) = echoing();
    for _ in 0..20 {
        let peer = server.join_polling().await;
        assert_eq!(only(&server).transport(), Transport::Polling);
        let began = tokio::time::Instant::now();
        peer.session.upgrade().await.unwrap();
        echoes(&peer, 1).await;
        assert!(began.elapsed().as_secs() < 1, "{:?}", began.elapsed());
        assert_eq!(only(&server).transport(), Transport::WebSocket);
        peer.leave().await;
        server.assert_empty().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_that_fails_leaves_polling_as_it_was() {
    // netty-socketio #327, open-webui PR #20725, python-socketio #265: a proxy that lets WebSockets
    // open and then drops them.
    let (server, log) = echoing();
    let peer = server.join_polling().await;
    let sid = peer.session.id().to_owned();
    for n in 0..3 {
        let probe = server
            .client
            .websocket(&format!("/?EIO=4&transport=websocket&sid={sid}"));
        let probe = probe.open().await.unwrap();
        probe.send("2probe").await.unwrap();
        probe.abort();
        echoes(&peer, n).await;
    }
    // One that never says a word has its time, and costs nothing.
    let silent = server
        .client
        .websocket(&format!("/?EIO=4&transport=websocket&sid={sid}"));
    let silent = silent.open().await.unwrap();
    pass(15).await;
    drop(silent);
    echoes(&peer, 9).await;
    peer.session.upgrade().await.unwrap();
    echoes(&peer, 10).await;
    assert_eq!(log.take(), [] as [&str; 0]);
    peer.leave().await;
    server.assert_empty().await;
}

#[tokio::test(start_paused = true)]
async fn sessions_abandoned_in_whatever_state_are_let_go_of() {
    // socketioxide #731, #399: 19 GiB in 20 days; eclipse-vertx #373.
    let (server, _) = echoing();
    for _ in 0..10 {
        // Opened; joined; polling; probing before and after its word; upgraded; half a packet.
        for state in 0..7 {
            let mut peer = match state {
                6 => server.open().await,
                _ => server.open_polling().await,
            };
            if state > 0 {
                peer.connect("/").await;
            }
            let target = format!("/?EIO=4&transport=websocket&sid={}", peer.session.id());
            match state {
                2 => settle().await,
                3 | 4 => {
                    let probe = server.client.websocket(&target).open().await.unwrap();
                    if state == 4 {
                        probe.send("2probe").await.unwrap();
                        settle().await;
                    }
                    probe.abort();
                }
                5 => peer.session.upgrade().await.unwrap(),
                6 => peer.say(r#"52-["n"]"#).await,
                _ => {}
            }
            peer.vanish();
        }
    }
    // Two heartbeats are the longest that anyone may be away.
    pass(90).await;
    server.assert_empty().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_closes_and_comes_back_a_thousand_times_leaves_nothing() {
    // engineioxide 0.17.2: leaky sockets.
    let (server, log) = echoing();
    for n in 0..1_000_u64 {
        let peer = server.join().await;
        match n % 3 {
            0 => peer.vanish(),
            1 => peer.leave().await,
            _ => {
                peer.say("1").await;
                peer.vanish();
            }
        }
        if n % 100 == 0 {
            server.empty().await;
            assert_eq!((server.io.clients(), server.root().sockets().len()), (0, 0));
        }
    }
    server.assert_empty().await;
    assert_eq!(log.take().len(), 2_000, "each was told once");
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_holds_no_more_than_itself() {
    // ws 8.23: a slice of a message kept its whole buffer. A namespace's name, a room's and an
    // event's are copies: a long packet around them is gone when it has been handled.
    let server = Server::new();
    let log = Log::new();
    let its_log = log.clone();
    server.root().on_connect(async move |socket: Socket| {
        socket.on(
            "join",
            async move |socket: Socket,
                        Data((room, bytes)): Data<(String, sockeye_socketio::Binary)>| {
                socket.join(room).unwrap();
                its_log.note(bytes.len());
            },
        );
    });
    let peer = server.join().await;
    peer.say(r#"51-["join","room",{"_placeholder":true,"num":0}]"#)
        .await;
    peer.say_bytes(&vec![1; 100_000]).await;
    assert_eq!(log.next().await, "100000");
    assert_eq!(server.root().rooms().rooms(), ["room"]);
}

#[tokio::test(start_paused = true)]
async fn pings_are_answered_while_handlers_wait_and_the_client_is_held_back() {
    // socket.io #4040 #3507: clients that were alive and held to be dead.
    let server = Server::new();
    server.root().on_connect(async |socket: Socket| {
        socket.on("wait", async || pass(50).await);
    });
    // A client that waits for as long as it takes until it is read again.
    let client = server.client.clone().patience(secs(3_600));
    for events in [100, 1_000] {
        let session = client.engineio("/").transport(Transport::WebSocket);
        let mut peer = Peer::over(session).await;
        peer.connect("/").await;
        let sending = tokio::spawn(async move {
            let filling = "x".repeat(1_000);
            for _ in 0..events {
                peer.say(&format!(r#"2["wait","{filling}"]"#)).await;
            }
            peer
        });
        pass(200).await;
        assert_eq!(server.root().sockets().len(), 1, "{events}");
        // Once it is read again it is as before.
        pass(100 + 50 * events / 64).await;
        let peer = sending.await.unwrap();
        assert!(peer.session.heartbeats() >= 7);
        assert_eq!(server.root().sockets().len(), 1, "{events}");
        peer.leave().await;
        server.assert_empty().await;
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_behind_a_goodbye() {
    let (server, _) = echoing();
    let peer = server.join().await;
    let socket = only(&server);
    socket.disconnect(true);
    assert!(!socket.is_connected());
    assert!(socket.emit("late", &()).await.is_err());
    server.root().emit("late", &()).await.unwrap();
    let mut frames = Vec::new();
    while let Ok(frame) = peer.session.recv_frame().await {
        frames.push(frame);
    }
    frames.retain(|frame| *frame != Frame::Open && *frame != Frame::Heartbeat);
    assert_eq!(frames, [Frame::Messages(vec!["1".into()])]);
}
