//! Floods: of each thing that a client can make, as many as it likes. Nothing panics, and afterwards
//! nothing is left.

use regex::Regex;
use sockeye_socketio::{AckError, Binary, Data, EmitError, Recovery, Refusal, Socket};

use crate::{
    acks::only,
    support::{Count, Log, Peer, Server, note_departures, pass, secs, settle},
};

/// What a flood is let loose on: every socket holds itself in every way that there is.
struct Flooded {
    server: Server,
    count: Count,
    left: Log,
}

fn flooded(recovers: bool) -> Flooded {
    let server = Server::with(|builder| match recovers {
        true => builder.recovery(Recovery::new().max_disconnection(secs(60))),
        false => builder,
    });
    let (count, left) = (Count::new(), Log::new());
    let (its_count, its_left) = (count.clone(), left.clone());
    let hold = async move |socket: Socket| {
        socket.insert(its_count.one());
        socket.insert(socket.clone());
        let own = socket.clone();
        socket.on("self", async move || drop(own.clone()));
        let own = socket.clone();
        socket.on_any(async move || drop(own.clone()));
        let own = socket.clone();
        socket.on_any_outgoing(async move || drop(own.clone()));
        let own = socket.clone();
        socket.on_disconnecting(async move || drop(own.clone()));
        note_departures(&socket, &its_left);
        socket.on("join", async |socket: Socket, Data(room): Data<String>| {
            socket.join(room)
        });
        socket.on("bytes", async |_: Binary| {});
        socket.on("ask", async |socket: Socket| {
            let asked = socket
                .emit_with_ack::<u32, _>("q", &())
                .timeout(secs(5))
                .await;
            drop(asked);
        });
    };
    server.root().on_connect(hold.clone());
    let dynamic = server.io.dynamic(Regex::new(r"^/dyn-\d+$").unwrap());
    dynamic.on_connect(hold);
    dynamic.middleware(async |socket: Socket| {
        socket.join("asked").unwrap();
        match socket.namespace().name().ends_with('7') {
            true => Err(Refusal::new("no sevens")),
            false => Ok(()),
        }
    });
    Flooded {
        server,
        count,
        left,
    }
}

impl Flooded {
    /// Nothing is left, and whoever was connected has left once.
    async fn assert_dry(&self, connections: usize) {
        // What may come back is forgotten as well.
        pass(130).await;
        self.server.assert_empty().await;
        assert_eq!(self.server.io.namespaces().len(), 1, "namespaces");
        assert_eq!(self.count.get(), 0, "sockets are kept");
        let left = self.left.take();
        assert_eq!(left.len(), 2 * connections, "departures");
        // And the server goes on as before.
        let peer = self.server.join().await;
        let socket = only(&self.server);
        assert_eq!(socket.rooms(), [peer.sid()]);
        peer.leave().await;
        self.server.empty().await;
        self.left.take();
    }
}

#[tokio::test(start_paused = true)]
async fn of_namespaces() {
    // Row 25: Node answers 5,000 errors, socketioxide drops what its queue does not hold.
    for recovers in [false, true] {
        let flood = flooded(recovers);
        let mut connections = 0;
        let mut peer = flood.server.join().await;
        connections += 1;
        for n in 0..5_000 {
            peer.say(&format!("0/nowhere-{n},")).await;
        }
        for n in 0..5_000 {
            let answer = format!(r#"4/nowhere-{n},{{"message":"Invalid namespace"}}"#);
            assert_eq!(peer.hear().await, answer, "each is answered");
        }
        // Those that come into being by being asked for, each left again.
        for n in 0..500 {
            let name = format!("/dyn-{n}");
            peer.say(&format!("0{name},")).await;
            if n % 10 == 7 {
                assert_eq!(
                    peer.hear().await,
                    format!(r#"4{name},{{"message":"no sevens"}}"#)
                );
            } else {
                peer.connected(&name).await;
                connections += 1;
                peer.say(&format!("1{name},")).await;
            }
        }
        settle().await;
        assert_eq!(flood.server.io.namespaces().len(), 1);
        peer.leave().await;
        // And each kept, by clients that vanish.
        for client in 0..10 {
            let mut peer = flood.server.open().await;
            for n in 0..30 {
                if n % 10 != 7 {
                    peer.connect(&format!("/dyn-{client}{n}")).await;
                    connections += 1;
                }
            }
            peer.vanish();
        }
        flood.assert_dry(connections).await;
    }
}

#[tokio::test(start_paused = true)]
async fn of_rooms() {
    for recovers in [false, true] {
        let flood = flooded(recovers);
        for client in 0..4 {
            let peer = flood.server.join().await;
            for n in 0..1_500 {
                peer.say(&format!(r#"2["join","room {n} of {client}"]"#))
                    .await;
            }
            peer.say(&format!(r#"2["join","{}"]"#, "long".repeat(100)))
                .await;
            settle().await;
            let socket = only(&flood.server);
            assert_eq!(socket.rooms().len(), 1_025);
            assert_eq!(flood.server.root().rooms().rooms().len(), 1_024);
            match client % 2 {
                0 => peer.vanish(),
                _ => peer.leave().await,
            }
            flood.server.empty().await;
            assert!(flood.server.root().rooms().is_empty());
        }
        flood.assert_dry(4).await;
    }
}

#[tokio::test(start_paused = true)]
async fn of_acks() {
    for recovers in [false, true] {
        let flood = flooded(recovers);
        let peer = flood.server.join().await;
        // Answers to nothing.
        for n in 0..5_000 {
            peer.say(&format!("3{n}[1]")).await;
        }
        // Questions to one who never answers.
        let socket = only(&flood.server);
        let asked: Vec<_> = (0..5_000)
            .map(|_| socket.emit_with_ack::<u32, _>("q", &()).timeout(secs(3)))
            .collect();
        let mut refused = 0;
        for asked in asked {
            match asked.await {
                Err(AckError::Timeout) => {}
                Err(AckError::Emit(EmitError::TooManyAcks { limit: 1_024 })) => refused += 1,
                other => panic!("{other:?}"),
            }
            // Makes room for what the others have to say.
            peer.heard().await;
        }
        assert_eq!(refused, 5_000 - 1_024);
        for _ in 0..2_000 {
            drop(flood.server.root().emit_with_ack::<u32, _>("q", &()));
            peer.hear().await;
        }
        // And questions that it has the server ask it.
        for _ in 0..300 {
            peer.say(r#"2["ask"]"#).await;
        }
        settle().await;
        drop(socket);
        peer.vanish();
        flood.assert_dry(1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn of_attachments() {
    // CVE-2026-33151, CVE-2026-48804, GHSA-55mf-67qm-4wpg.
    let flood = flooded(false);
    for n in 0..100 {
        let peer = flood.server.join().await;
        match n % 4 {
            // Announced, and never sent.
            0 => peer.say(r#"510-["bytes"]"#).await,
            1 => {
                peer.say(r#"510-["bytes",{"_placeholder":true,"num":9}]"#)
                    .await;
                for _ in 0..9 {
                    peer.say_bytes(&[0; 10_000]).await;
                }
            }
            2 => {
                let _ = peer.try_say(r#"599999999-["bytes"]"#).await;
            }
            _ => {
                for _ in 0..50 {
                    peer.say(r#"51-["bytes",{"_placeholder":true,"num":0}]"#)
                        .await;
                    peer.say_bytes(&[0; 1_000]).await;
                }
            }
        }
        match n % 8 {
            // Left waiting: the server ends it after 60 seconds.
            0 | 1 => {
                let ending = tokio::spawn(async move { peer.closed().await });
                drop(ending);
            }
            _ => peer.vanish(),
        }
    }
    flood.assert_dry(100).await;
}

#[tokio::test(start_paused = true)]
async fn of_connections_whose_handlers_wait() {
    // One client that joins and leaves the same namespace again and again, while the handlers of its
    // connections or departures ask a database: they are bounded as those of its events are.
    for at_the_end in [false, true] {
        let server = Server::new();
        let started = Count::new();
        let its_started = started.clone();
        server.root().on_connect(async move |socket: Socket| {
            let wait = async move || {
                let _started = its_started.one();
                pass(5).await;
            };
            match at_the_end {
                true => socket.on_disconnect(wait),
                false => wait().await,
            }
        });
        let peer = server.open().await;
        let sending = tokio::spawn(async move {
            for _ in 0..3_000 {
                peer.say("0").await;
                peer.hear().await;
                peer.say("1").await;
            }
            peer
        });
        settle().await;
        let waiting = started.get();
        assert!((64..1_000).contains(&waiting), "{waiting} handlers wait");
        // It goes on when they have ended, at its own pace.
        let peer = sending.await.unwrap();
        peer.leave().await;
        pass(10).await;
        assert_eq!(started.get(), 0);
        server.assert_empty().await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_leaves_while_its_handlers_wait_has_left() {
    let server = Server::new();
    let gate = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
    let its_gate = gate.clone();
    server.root().on_connect(async move |socket: Socket| {
        socket.join("room").unwrap();
        its_gate.acquire().await.unwrap().forget();
    });
    let peer = server.open().await;
    let sending = tokio::spawn(async move {
        for _ in 0..3_000 {
            peer.say("0").await;
            peer.hear().await;
            peer.say("1").await;
        }
    });
    settle().await;
    assert!(!sending.is_finished());
    // The client is gone in the middle of it.
    sending.abort();
    settle().await;
    assert_eq!(server.root().sockets(), []);
    assert!(server.root().rooms().is_empty());
    assert_eq!(server.handle.sessions(), 1, "its handlers wait");
    gate.add_permits(3_000);
    server.assert_empty().await;
}

#[tokio::test(start_paused = true)]
async fn of_connections_that_join_nothing() {
    let flood = flooded(false);
    let mut peers: Vec<Peer> = Vec::new();
    for n in 0..200 {
        peers.push(match n % 2 {
            0 => flood.server.open().await,
            _ => flood.server.open_polling().await,
        });
    }
    assert_eq!(
        (flood.server.handle.sessions(), flood.server.io.clients()),
        (200, 200)
    );
    pass(46).await;
    assert_eq!(flood.server.io.clients(), 0);
    drop(peers);
    // And of those that speak before they have joined.
    for n in 0..200 {
        let peer = flood.server.open().await;
        let _ = peer.try_say(&format!(r#"2["x",{n}]"#)).await;
        peer.closed().await;
    }
    flood.assert_dry(0).await;
}
