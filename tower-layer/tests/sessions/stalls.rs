//! Peers that take nothing.

use http_body::Body;
use http_body_util::BodyExt;
use sockeye_tower::{CloseReason, Limit, SendError, Session, SockJs};
use tokio::{io::AsyncReadExt, sync::mpsc, time::Instant};

use crate::support::{Sent, Server, close, pass, rest, since, target, text};

/// Bytes that each pipe of these tests holds.
const PIPE: usize = 4096;

#[tokio::test(start_paused = true)]
async fn a_websocket_that_never_reads_is_ended_after_the_stall_timeout_and_dropped() {
    for path in ["/websocket", "/0/s/websocket"] {
        let start = Instant::now();
        let (told, mut ends) = mpsc::unbounded_channel();
        let server = Server::new(
            SockJs::new(move |session: Session| {
                let told = told.clone();
                async move {
                    // Floods for as long as it is let.
                    let mut taken = 0;
                    while session.send("x".repeat(1000)).await.is_ok() {
                        taken += 1;
                    }
                    told.send((taken, session.close_reason(), Instant::now()))
                        .unwrap();
                }
            })
            .outbox_limits(100, 50_000),
        );
        let mut websocket = server.websocket_over(path, PIPE).await;
        let (taken, reason, at) = ends.recv().await.unwrap();
        assert_eq!(reason, Some(CloseReason::TooSlow), "{path}");
        assert_eq!((at - start).as_secs(), 30, "{path}");
        // The outbox twice, what is being written, and the pipe: not one message more.
        assert!((50..=250).contains(&taken), "{taken}");
        assert_eq!(server.handle.sessions(), 1, "{path}");
        pass(4).await;
        assert_eq!(server.handle.sessions(), 1, "{path}");
        pass(1).await;
        rest().await;
        assert_eq!(server.handle.sessions(), 0, "{path}");
        assert_eq!(server.hits(Limit::SlowPeer), 1, "{path}");
        // What the pipe held is all there is.
        let mut left = Vec::new();
        websocket.stream.read_to_end(&mut left).await.unwrap();
        assert!(left.len() <= PIPE, "{}", left.len());
    }
}

#[tokio::test(start_paused = true)]
async fn a_websocket_that_reads_again_before_it_is_dropped_hears_why() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let mut websocket = server.websocket_over("/websocket", PIPE).await;
    let session = sessions.recv().await.unwrap();
    session.send("x".repeat(10_000)).await.unwrap();
    session.send("lost").await.unwrap();
    pass(32).await;
    assert_eq!(session.close_reason(), Some(CloseReason::TooSlow));
    assert_eq!(session.send("late").await, Err(SendError::Closed));
    assert_eq!(websocket.next().await, text(&"x".repeat(10_000)));
    assert_eq!(websocket.next().await, text("lost"));
    assert_eq!(websocket.next().await, close(1013, "Too slow"));
    websocket.send_close(1013, "").await;
    assert_eq!(websocket.next().await, Sent::End);
    rest().await;
    assert_eq!(server.handle.sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_websocket_that_reads_slowly_is_no_stalled_one() {
    let (server, mut sessions) = Server::handing_over(|mount| {
        mount.heartbeat_interval(std::time::Duration::from_secs(1000))
    });
    let mut websocket = server.websocket_over("/websocket", PIPE).await;
    let session = sessions.recv().await.unwrap();
    let mut part = [0; PIPE];
    for _ in 0..10 {
        session.send("x".repeat(PIPE)).await.unwrap();
        pass(20).await;
        websocket.stream.read_exact(&mut part).await.unwrap();
        pass(9).await;
        websocket.stream.read_exact(&mut part[..4]).await.unwrap();
    }
    assert_eq!(session.close_reason(), None);
}

#[tokio::test(start_paused = true)]
async fn a_long_message_that_is_taken_slowly_is_no_stall() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let mut websocket = server.websocket_over("/websocket", PIPE).await;
    let session = sessions.recv().await.unwrap();
    session.send("x".repeat(10 * PIPE)).await.unwrap();
    session.send("waits").await.unwrap();
    let mut part = [0; PIPE];
    for _ in 0..10 {
        pass(10).await;
        websocket.stream.read_exact(&mut part).await.unwrap();
    }
    assert_eq!(session.close_reason(), None);
}

/// What was sent goes out before the close, also to a slow peer that is reading all the time.
#[tokio::test(start_paused = true)]
async fn a_close_waits_for_a_slow_reader_that_goes_on_reading() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let mut websocket = server.websocket_over("/websocket", PIPE).await;
    let session = sessions.recv().await.unwrap();
    const MESSAGES: usize = 40;
    for _ in 0..MESSAGES {
        session.send("x".repeat(PIPE - 4)).await.unwrap();
    }
    session.close(1000, "done");
    let mut part = vec![0; PIPE];
    for n in 0..MESSAGES {
        pass(1).await;
        let read = websocket.stream.read_exact(&mut part).await;
        assert!(read.is_ok(), "cut off at message {n}");
    }
    assert_eq!(websocket.next().await, close(1000, "done"));
}

#[tokio::test(start_paused = true)]
async fn a_streaming_receiver_that_is_not_polled_is_too_slow_and_told_at_its_next_poll() {
    for endpoint in ["xhr_streaming", "eventsource", "htmlfile"] {
        let (server, mut sessions) = Server::handing_over(|mount| mount);
        let mut receiving = server.receive(&target("s", endpoint)).await;
        let mut session = sessions.recv().await.unwrap();
        receiving.next().await.unwrap();
        receiving.next().await.unwrap();
        assert!(receiving.next_now().is_none());
        let start = Instant::now();
        session.send("waits").await.unwrap();
        assert_eq!(session.recv().await, None);
        assert_eq!(session.close_reason(), Some(CloseReason::TooSlow));
        assert_eq!(since(start), 30, "{endpoint}");
        pass(29).await;
        let last = receiving.next().await.unwrap();
        assert!(last.contains("1013"), "{endpoint}: {last}");
        assert!(last.contains("Too slow"), "{endpoint}: {last}");
        assert_eq!(receiving.next().await, None, "{endpoint}");
        drop((receiving, session));
        pass(6).await;
        assert_eq!(server.handle.sessions(), 0, "{endpoint}");
        assert_eq!(server.hits(Limit::SlowPeer), 1, "{endpoint}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_streaming_receiver_that_is_never_polled_again_ends_its_session_all_the_same() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let mut receiving = server.receive("/0/s/xhr_streaming").await;
    let session = sessions.recv().await.unwrap();
    session.send("waits").await.unwrap();
    drop(session);
    pass(61).await;
    assert_eq!(server.handle.sessions(), 0);
    // The prelude, and then the end: the goodbye was given up as well.
    assert!(receiving.next().await.unwrap().starts_with("hhhh"));
    assert_eq!(receiving.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_with_nothing_to_take_is_not_slow() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let mut receiving = server.receive("/0/s/xhr_streaming").await;
    let session = sessions.recv().await.unwrap();
    // As hyper does: one frame is taken, and the next is asked for at once.
    for expected in ["o\n", "h\n", "h\n", "h\n"] {
        loop {
            let chunk = receiving.next().await.unwrap();
            if !chunk.starts_with("hhh") {
                assert_eq!(chunk, expected);
                break;
            }
        }
    }
    assert_eq!(session.close_reason(), None);
    assert!(!receiving.0.is_end_stream());
}

#[tokio::test(start_paused = true)]
async fn a_flooding_handler_is_bounded_by_the_outbox_while_nobody_polls() {
    let (told, mut ends) = mpsc::unbounded_channel();
    let server = Server::new(
        SockJs::new(move |session: Session| {
            let told = told.clone();
            async move {
                let mut taken = 0;
                while session.send("x".repeat(1000)).await.is_ok() {
                    taken += 1;
                }
                told.send(taken).unwrap();
            }
        })
        .outbox_limits(1000, 10_000),
    );
    assert_eq!(server.poll("s").await, "o\n");
    assert_eq!(ends.recv().await, Some(10));
    assert_eq!(server.handle.sessions(), 0);
    let refused = server.receive("/0/s/xhr").await.0.collect().await.unwrap();
    assert_eq!(refused.to_bytes(), "o\n");
}
