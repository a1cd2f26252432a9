//! Coming back in unforeseen moments.

use std::{
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use sockeye_socketio::{Ack, Recovery, Socket};
use tokio::sync::oneshot;

use crate::support::{Log, Peer, Server, note_departures, settle};

fn recovering() -> Server {
    Server::with(|builder| builder.recovery(Recovery::new()))
}

/// Hears one event, and gives the CONNECT by which its client comes back.
async fn coming_back(peer: &Peer) -> String {
    let event = peer.hear().await;
    let elements: Vec<serde_json::Value> = serde_json::from_str(&event[1..]).unwrap();
    let (pid, offset) = (peer.pid.as_ref().unwrap(), elements.last().unwrap());
    format!(r#"0{{"pid":"{pid}","offset":{offset}}}"#)
}

#[tokio::test(start_paused = true)]
async fn an_emit_is_queued_by_the_call_with_recovery_too() {
    let server = recovering();
    server.root().on_connect(async |socket: Socket| {
        drop(socket.emit("not awaited", &()));
        socket.on("ask", async |socket: Socket, ack: Ack| {
            let told = socket.emit("before", &());
            ack.send(&"answer").unwrap();
            told.await
        });
    });
    let peer = server.join().await;
    peer.say(r#"27["ask"]"#).await;
    let heard = peer.heard().await;
    let names: Vec<_> = heard
        .iter()
        .map(|it| it.split(',').next().unwrap())
        .collect();
    assert_eq!(
        names,
        [r#"2["not awaited""#, r#"2["before""#, r#"37["answer"]"#]
    );
}

#[tokio::test(start_paused = true)]
async fn who_was_sent_away_comes_back_as_a_new_one_however_fast() {
    let server = recovering();
    let io = server.io.clone();
    server.root().on_connect(async |socket: Socket| {
        socket.join("a")?;
        socket.emit("recovered", &socket.is_recovered()).await?;
        Ok::<_, sockeye_socketio::BoxError>(())
    });
    server.io.of("/admin").on_connect(async |socket: Socket| {
        socket.on("kick", async move || {
            let _ = io.of("/").disconnect_sockets(false);
        });
    });
    let old = server.join().await;
    let back = coming_back(&old).await;
    let mut new = server.open().await;
    new.connect("/admin").await;
    // Both are there before the old connection's task can know that its socket was sent away.
    let kick = new.say(r#"2/admin,["kick"]"#);
    tokio::join!(kick, new.say(&back));
    let sid = new.connected("/").await;
    assert_ne!(sid, old.sid());
    assert!(new.hear().await.starts_with(r#"2["recovered",false"#));
    settle().await;
    assert_eq!(server.root().rooms().len("a"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_back_while_its_end_is_being_told_is_in_its_rooms() {
    let server = recovering();
    let (tell, told) = oneshot::channel();
    let (let_go, wait) = mpsc::channel::<()>();
    let gate = Arc::new(Mutex::new(Some((tell, wait))));
    let log = Log::new();
    let its_log = log.clone();
    server.root().on_connect(async move |socket: Socket| {
        let (gate, log) = (gate.clone(), its_log.clone());
        socket.join("a")?;
        socket.on_disconnecting(async move || {
            let gate = gate.lock().unwrap().take();
            if let Some((tell, wait)) = gate {
                tell.send(()).unwrap();
                let _ = wait.recv_timeout(Duration::from_secs(20));
            }
        });
        socket.on_disconnect(async move || log.note("left"));
        socket.emit("hello", &()).await?;
        Ok::<_, sockeye_socketio::BoxError>(())
    });
    let old = server.join().await;
    let back = coming_back(&old).await;
    old.vanish();
    told.await.unwrap();
    // The old connection's task is in its handler; another thread has the new one.
    let mut new = server.open().await;
    new.say(&back).await;
    new.connected("/").await;
    let_go.send(()).unwrap();
    assert_eq!(log.next().await, "left");
    assert_eq!(server.root().sockets().len(), 1);
    assert_eq!(server.root().rooms().len("a"), 1);
}

#[tokio::test(start_paused = true)]
async fn who_missed_more_than_its_queue_takes_comes_back_as_a_new_one() {
    let server = recovering();
    server
        .root()
        .on_connect(async |socket: Socket| socket.emit("hello", &()).await);
    let old = server.join().await;
    let back = coming_back(&old).await;
    old.vanish();
    server.empty().await;
    // Less than is kept, and more than may wait for one client.
    let much = "x".repeat(500_000);
    for _ in 0..12 {
        server.root().emit("much", &much).await.unwrap();
    }
    let new = server.open().await;
    new.say(&back).await;
    let heard = new.heard().await;
    let is_joined = heard.iter().any(|it| it.starts_with(r#"0{"sid""#));
    assert!(
        is_joined,
        "{} messages, none of them lets it in",
        heard.len()
    );
}

#[tokio::test(start_paused = true)]
async fn a_parse_error_is_no_reason_to_recover_from() {
    // As in Node: what broke Engine.IO's rules has no claim to go on where it was.
    let server = recovering();
    server
        .root()
        .on_connect(async |socket: Socket| socket.emit("hello", &()).await);
    let old = server.join().await;
    let back = coming_back(&old).await;
    let id = old.sid().to_owned();
    let _ = old.session.send_frame("x").await;
    server.empty().await;
    let mut new = server.open().await;
    new.say(&back).await;
    assert_ne!(new.connected("/").await, id);
}

#[tokio::test(start_paused = true)]
async fn who_is_superseded_disconnects_from_its_rooms() {
    let server = recovering();
    let log = Log::new();
    let its_log = log.clone();
    server.root().on_connect(async move |socket: Socket| {
        socket.join("a")?;
        note_departures(&socket, &its_log);
        socket.emit("hello", &()).await?;
        Ok::<_, sockeye_socketio::BoxError>(())
    });
    let old = server.join().await;
    let back = coming_back(&old).await;
    let new = server.open().await;
    new.say(&back).await;
    assert_eq!(
        log.all().await,
        ["disconnecting from 2 rooms", "transport close"]
    );
}
