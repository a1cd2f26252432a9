//! How much a client may miss and still come back.

use sockeye_socketio::{Recovery, Socket};

use crate::{
    session_store::{begun, servers},
    support::{Server, settle},
    traveller::Traveller,
};

/// A client that is away, and has an offset.
async fn away(server: &Server) -> Traveller {
    let mut ann = Traveller::join(server).await;
    server.root().emit("n", &"first").await.unwrap();
    ann.hear().await;
    ann.vanish();
    settle().await;
    ann
}

/// Comes back as a new one, which is not closed for what it missed.
async fn comes_back_as_another(mut ann: Traveller, server: &Server) {
    let before = ann.sid.clone();
    assert_eq!(ann.come_back(server).await, (false, vec![]));
    assert_ne!(ann.sid, before);
    server.root().emit("n", &"next").await.unwrap();
    assert_eq!(ann.hear().await, r#""n" "next""#);
}

#[tokio::test(start_paused = true)]
async fn as_many_events_as_the_queue_is_sure_to_take() {
    // Otherwise its session was closed as too slow, and it came back to the same again and again.
    let server = Server::with(|builder| {
        let builder = builder.engine_io(|engine| engine.outbox_limits(16, 1 << 20));
        builder.recovery(Recovery::new())
    });
    let half = 2 * 16;
    for events in [half - 1, half, half + 1] {
        let mut ann = away(&server).await;
        for n in 0..events {
            server.root().emit("n", &n).await.unwrap();
        }
        if events > half {
            comes_back_as_another(ann, &server).await;
        } else {
            let (is_same, missed) = ann.come_back(&server).await;
            assert_eq!((is_same, missed.len()), (true, events));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn as_many_bytes_as_the_queue_is_sure_to_take() {
    let server = Server::with(|builder| {
        let builder = builder.engine_io(|engine| engine.outbox_limits(1_000, 1_000));
        builder.recovery(Recovery::new())
    });
    let ann = away(&server).await;
    for _ in 0..3 {
        server.root().emit("n", &"x".repeat(700)).await.unwrap();
    }
    comes_back_as_another(ann, &server).await;
}

#[tokio::test(start_paused = true)]
async fn small_events_are_counted_as_well() {
    let options = Recovery::new().max_packets(10_000);
    let server = Server::with(|builder| builder.recovery(options));
    let ann = away(&server).await;
    for n in 0..8_193 {
        server.root().emit("n", &n).await.unwrap();
    }
    comes_back_as_another(ann, &server).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_store_brings_is_bounded_too() {
    let (_stream, a, b) = servers(|it| it);
    b.root().on_connect(async |socket: Socket| {
        assert!(!socket.is_recovered());
    });
    let mut ann = begun(&a).await;
    ann.vanish();
    settle().await;
    for _ in 0..5 {
        let sent = a.root().to("x").emit("n", &"x".repeat(500_000));
        sent.await.unwrap();
    }
    comes_back_as_another(ann, &b).await;
    let missed = sockeye_tower::Limit::RecoveryMissed;
    assert_eq!(b.handle.limit_hits(missed), 1);
}
