//! The end of a WebSocket that is not read because its handler is behind.

use std::{
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
};

use sockeye_tower::{CloseReason, Session, SockJs};
use tokio::{
    io::AsyncWriteExt,
    sync::{Notify, mpsc},
    task::yield_now,
    time::Instant,
};

use crate::support::{Sent, Server, WebSocket, close, drain, masked, rest, since, text};

/// Fills the inbox, so that what follows stays in the pipe.
async fn fill(websocket: &mut WebSocket, is_framed: bool) {
    let message: &[u8] = if is_framed { br#"["x"]"# } else { b"x" };
    if is_framed {
        assert_eq!(websocket.next().await, text("o"));
    }
    let message = masked(0x81, message);
    websocket.stream.write_all(&message).await.unwrap();
    rest().await;
    let more = message.repeat(100);
    websocket.stream.write_all(&more).await.unwrap();
    rest().await;
}

/// Answers the server's close, behind all that it has not read; the connection ends at once.
async fn answer(mut websocket: WebSocket, server: &Server, case: &str) {
    let start = Instant::now();
    let code = loop {
        match websocket.next().await {
            Sent::Close(code, _) => break code,
            Sent::Text(farewell) => assert!(farewell.starts_with("c["), "{case}: {farewell}"),
            other => panic!("{case}: {other:?}"),
        }
    };
    // The close is waited for, not only read together with something else.
    rest().await;
    websocket.send_close(code, "").await;
    assert_eq!(websocket.next().await, Sent::End, "{case}");
    assert_eq!(since(start), 0, "{case}");
    rest().await;
    assert_eq!(server.handle.sessions(), 0, "{case}");
}

#[tokio::test(start_paused = true)]
async fn a_close_hears_its_answer_behind_what_was_not_read() {
    for case in ["dropped", "closed", "drained"] {
        for target in ["/websocket", "/0/s/websocket"] {
            let (server, mut sessions) = Server::handing_over(|mount| mount.inbox_limits(1, 1000));
            let mut websocket = server.websocket(target).await;
            let session = sessions.recv().await.unwrap();
            fill(&mut websocket, target != "/websocket").await;
            // What is kept takes nothing, so the inbox stays as full as it is.
            let kept = match case {
                "dropped" => {
                    drop(session);
                    None
                }
                "closed" => {
                    session.close(1000, "");
                    Some(session)
                }
                _ => {
                    drain(&server.handle);
                    assert_eq!(session.close_reason(), Some(CloseReason::GoingAway));
                    Some(session)
                }
            };
            answer(websocket, &server, &format!("{case} {target}")).await;
            drop(kept);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_returns_without_reading_ends_its_connection_in_good_order() {
    let returns = Arc::new(Notify::new());
    let told = returns.clone();
    let server = Server::new(
        SockJs::new(move |session: Session| {
            let told = told.clone();
            async move {
                told.notified().await;
                drop(session);
            }
        })
        .inbox_limits(1, 1000),
    );
    for target in ["/websocket", "/0/s/websocket"] {
        let mut websocket = server.websocket(target).await;
        fill(&mut websocket, target != "/websocket").await;
        returns.notify_one();
        answer(websocket, &server, target).await;
    }
}

/// What the application takes after the end makes no room that anyone waits for.
#[tokio::test(start_paused = true)]
async fn messages_taken_after_the_close_do_not_keep_the_driver_busy() {
    let (hand_over, mut sessions) = mpsc::unbounded_channel();
    let polls = Arc::<AtomicUsize>::default();
    let counted = polls.clone();
    let server = Server::new(
        SockJs::new(move |session: Session| {
            let _ = hand_over.send(session);
            let counted = counted.clone();
            // It is polled whenever the driver is at work.
            poll_fn(move |_| {
                counted.fetch_add(1, Ordering::SeqCst);
                Poll::<()>::Pending
            })
        })
        .inbox_limits(1, 1000),
    );
    let mut websocket = server.websocket("/websocket").await;
    let mut session = sessions.recv().await.unwrap();
    fill(&mut websocket, false).await;
    session.close(1000, "");
    assert_eq!(websocket.next().await, close(1000, ""));
    rest().await;
    assert_eq!(session.recv().await, Some("x".into()));
    assert_eq!(session.recv().await, None);
    yield_now().await;
    let before = polls.load(Ordering::SeqCst);
    for _ in 0..100 {
        yield_now().await;
    }
    assert_eq!(polls.load(Ordering::SeqCst), before);
}
