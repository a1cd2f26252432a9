//! How a handler's end ends its session, panics above all.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use sockeye_core::Member;
use sockeye_tower::{BoxFuture, CloseReason, Handler, Session, SockJs};
use tokio::{sync::mpsc, time::Instant};

use crate::support::{Sent, Server, close, pass, rest, since, text};

/// What a peer sees whose handler panicked at once.
async fn sees_the_panic<H: Handler>(handler: H) {
    let server = Server::new(SockJs::new(handler));
    assert_eq!(server.poll("s").await, "o\n");
    assert_eq!(server.poll("s").await, "c[1011,\"Internal error\"]\n");

    let mut framed = server.websocket("/0/w/websocket").await;
    assert_eq!(framed.next().await, text("o"));
    assert_eq!(framed.next().await, text(r#"c[1011,"Internal error"]"#));
    assert_eq!(framed.next().await, close(1011, "Internal error"));

    let mut raw = server.websocket("/websocket").await;
    assert_eq!(raw.next().await, close(1011, "Internal error"));

    pass(10).await;
    assert_eq!(server.handle.sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_panics_closes_with_1011() {
    sees_the_panic(async |_session: Session| panic!("this handler panics")).await;
}

/// Unwinding drops the session, which must not pass for a normal close.
#[tokio::test(start_paused = true)]
async fn a_handler_that_panics_holding_its_session_closes_with_1011() {
    sees_the_panic(async |session: Session| {
        let id = session.id();
        panic!("the handler of {id} panics");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_closure_that_panics_before_its_future_closes_with_1011() {
    fn never(_: &Session) -> std::future::Ready<()> {
        panic!("this closure panics")
    }
    sees_the_panic(|session: Session| never(&session)).await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_panics_after_a_wait_closes_with_1011_and_what_was_sent_goes_first() {
    let server = Server::new(SockJs::new(async |mut session: Session| {
        session.recv().await;
        session.send("before").await.unwrap();
        panic!("this handler panics");
    }));
    let mut websocket = server.websocket("/websocket").await;
    websocket.send_text("go").await;
    assert_eq!(websocket.next().await, text("before"));
    assert_eq!(websocket.next().await, close(1011, "Internal error"));
}

#[tokio::test(start_paused = true)]
async fn a_task_that_panics_with_the_session_it_was_given_closes_with_1011() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let mut websocket = server.websocket("/websocket").await;
    let session = sessions.recv().await.unwrap();
    let sender = session.sender();
    let task = tokio::spawn(async move {
        let id = session.id();
        panic!("the task of {id} panics");
    });
    assert!(task.await.is_err());
    assert_eq!(sender.close_reason(), Some(CloseReason::HandlerPanicked));
    assert_eq!(websocket.next().await, close(1011, "Internal error"));
}

#[tokio::test(start_paused = true)]
async fn a_panic_harms_no_other_session_of_the_same_connection_or_mount() {
    let server = Server::new(SockJs::new(async |mut session: Session| {
        while let Some(message) = session.recv().await {
            assert_ne!(message.as_text(), Some("panic"));
            session.send(message).await.unwrap();
        }
    }));
    for session in ["bad", "good"] {
        assert_eq!(server.poll(session).await, "o\n");
    }
    assert_eq!(server.send("bad", r#"["panic"]"#).await, 204);
    assert_eq!(server.poll("bad").await, "c[1011,\"Internal error\"]\n");
    assert_eq!(server.send("good", r#"["fine"]"#).await, 204);
    assert_eq!(server.poll("good").await, "a[\"fine\"]\n");
}

/// A future whose destructor panics as well.
#[derive(Clone)]
struct Worse;

impl Handler for Worse {
    fn run(self, session: Session) -> BoxFuture<()> {
        struct Bomb(#[expect(dead_code, reason = "dropped with the bomb")] Session);
        impl Future for Bomb {
            type Output = ();
            fn poll(
                self: std::pin::Pin<&mut Self>,
                _: &mut std::task::Context<'_>,
            ) -> std::task::Poll<()> {
                panic!("this future panics")
            }
        }
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("and so does its destructor");
            }
        }
        Box::pin(Bomb(session))
    }
}

#[tokio::test(start_paused = true)]
async fn a_future_that_panics_again_when_dropped_is_contained() {
    sees_the_panic(Worse).await;
}

#[tokio::test(start_paused = true)]
async fn dropping_a_session_synchronously_greets_before_it_closes() {
    let server = Server::new(SockJs::new(|session: Session| {
        drop(session);
        std::future::ready(())
    }));
    assert_eq!(server.poll("s").await, "o\n");
    assert_eq!(server.poll("s").await, "c[1000,\"Normal closure\"]\n");
    let mut websocket = server.websocket("/0/w/websocket").await;
    assert_eq!(websocket.next().await, text("o"));
    assert_eq!(websocket.next().await, text(r#"c[1000,"Normal closure"]"#));
}

#[tokio::test(start_paused = true)]
async fn the_farewell_is_repeated_until_the_disconnect_delay_is_over() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    assert_eq!(server.poll("s").await, "o\n");
    let session = sessions.recv().await.unwrap();
    session.send("last").await.unwrap();
    session.close(3333, "enough");
    session.close(4444, "too late");
    drop(session);
    assert_eq!(server.poll("s").await, "a[\"last\"]\n");
    for _ in 0..3 {
        pass(4).await;
        assert_eq!(server.poll("s").await, "c[3333,\"enough\"]\n");
    }
    pass(6).await;
    assert_eq!(server.handle.sessions(), 0);
    assert_eq!(server.poll("s").await, "o\n");
}

#[tokio::test(start_paused = true)]
async fn a_session_of_an_ended_runtime_errs_and_says_that_it_ended() {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let runtime = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let (server, mut sessions) = Server::handing_over(|mount| mount);
            assert_eq!(server.poll("s").await, "o\n");
            sender.send(sessions.recv().await.unwrap()).unwrap();
        });
    });
    runtime.join().unwrap();
    let mut session = receiver.recv().await.unwrap();
    assert!(session.send("late").await.is_err());
    assert_eq!(session.recv().await, None);
    assert_eq!(session.close_reason(), Some(CloseReason::Disconnected));
}

#[tokio::test(start_paused = true)]
async fn a_websocket_session_is_gone_once_both_sides_have_closed() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let start = Instant::now();
    let mut websocket = server.websocket("/websocket").await;
    sessions.recv().await.unwrap().close(1000, "done");
    assert_eq!(websocket.next().await, close(1000, "done"));
    assert_eq!(server.handle.sessions(), 1);
    websocket.send_close(1000, "").await;
    assert_eq!(websocket.next().await, Sent::End);
    rest().await;
    assert_eq!(server.handle.sessions(), 0);
    assert_eq!(since(start), 0);
}

/// Otherwise a room would let in a session that has ended, until the handler's poll is over.
#[tokio::test(start_paused = true)]
async fn a_farewell_of_an_ended_session_is_called_at_once_in_a_handler_too() {
    let at_once = Arc::new(AtomicBool::new(false));
    let seen = at_once.clone();
    let server = Server::new(SockJs::new(async move |session: Session| {
        session.close(1000, "done");
        let called = Arc::new(AtomicBool::new(false));
        let flag = called.clone();
        session
            .sender()
            .on_end(Box::new(move || flag.store(true, Ordering::Relaxed)));
        seen.store(called.load(Ordering::Relaxed), Ordering::Relaxed);
    }));
    server.poll("s").await;
    rest().await;
    assert!(at_once.load(Ordering::Relaxed));
}
