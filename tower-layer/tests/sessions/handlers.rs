//! The forms of a handler, and what a session can do in each.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_core::Stream;
use futures_sink::Sink;
use sockeye_tower::{
    BoxFuture, Close, CloseReason, Handler, Message, SendError, Session, SockJs, Transport,
    TrySendError,
};
use std::future::poll_fn;
use tokio::sync::mpsc;

use crate::support::{Server, echo, pass, rest, text};

async fn greets(server: &Server) {
    for transport in Transport::SOCKJS {
        let session = server.client().session("/").transport(transport);
        let session = session.open().await.unwrap();
        assert_eq!(session.recv().await, Ok("hello".into()), "{transport}");
        assert_eq!(session.closed().await, Ok(Close::NORMAL), "{transport}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_function_is_a_handler() {
    async fn greet(session: Session) {
        session.send("hello").await.unwrap();
    }
    greets(&Server::new(SockJs::new(greet))).await;
}

#[tokio::test(start_paused = true)]
async fn an_async_closure_is_a_handler() {
    greets(&Server::new(SockJs::new(async |session: Session| {
        session.send("hello").await.unwrap();
    })))
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_closure_is_cloned_with_its_captures_for_each_session() {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    let server = Server::new(SockJs::new(move |session: Session| {
        let counted = counted.clone();
        async move {
            counted.fetch_add(1, Ordering::SeqCst);
            session.send("hello").await.unwrap();
        }
    }));
    greets(&server).await;
    assert_eq!(server.poll("another").await, "o\n");
    rest().await;
    assert_eq!(count.load(Ordering::SeqCst), Transport::SOCKJS.len() + 1);
}

#[tokio::test(start_paused = true)]
async fn a_type_with_configuration_is_a_handler() {
    #[derive(Clone)]
    struct Greeter {
        greeting: Arc<str>,
    }
    impl Handler for Greeter {
        fn run(self, session: Session) -> BoxFuture<()> {
            Box::pin(async move { session.send(&*self.greeting).await.unwrap() })
        }
    }
    greets(&Server::new(SockJs::new(Greeter {
        greeting: "hello".into(),
    })))
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_session_moved_to_another_task_lives_on_after_its_handler_returned() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    assert_eq!(server.poll("s").await, "o\n");
    let mut session = sessions.recv().await.unwrap();
    let task = tokio::spawn(async move {
        while let Some(message) = session.recv().await {
            session.send(message).await.unwrap();
        }
        session.close_reason()
    });
    for round in ["one", "two"] {
        assert_eq!(server.send("s", &format!("[{round:?}]")).await, 204);
        assert_eq!(server.poll("s").await, format!("a[{round:?}]\n"));
    }
    pass(6).await;
    assert_eq!(task.await.unwrap(), Some(CloseReason::Expired));
    assert_eq!(server.handle.sessions(), 0);

    for transport in Transport::SOCKJS {
        let client = server.client().session("/").transport(transport);
        let client = client.open().await.unwrap();
        let session = sessions.recv().await.unwrap();
        session.send("still here").await.unwrap();
        assert_eq!(client.recv().await, Ok("still here".into()), "{transport}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_may_go_on_after_its_session_and_counts_until_it_returns() {
    let server = Server::new(SockJs::new(async |session: Session| {
        drop(session);
        tokio::time::sleep(Duration::from_secs(100)).await;
    }));
    assert_eq!(server.poll("s").await, "o\n");
    assert_eq!(server.poll("s").await, "c[1000,\"Normal closure\"]\n");
    pass(90).await;
    assert_eq!(server.handle.sessions(), 1);
    pass(11).await;
    assert_eq!(server.handle.sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_sender_outlives_its_session_and_then_errs() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    assert_eq!(server.poll("s").await, "o\n");
    let session = sessions.recv().await.unwrap();
    let sender = session.sender();
    assert!(!sender.is_closed());
    assert_eq!(sender.close_reason(), None);
    assert_eq!(sender.id(), session.id());
    drop(session);
    assert!(sender.is_closed());
    assert_eq!(sender.send("late").await, Err(SendError::Closed));
    assert_eq!(sender.try_send("late"), Err(TrySendError::Closed));
    assert!(matches!(
        sender.close_reason(),
        Some(CloseReason::Application(close)) if close.code == 1000
    ));
    sender.close(3001, "the first close counts");
    assert_eq!(server.poll("s").await, "c[1000,\"Normal closure\"]\n");
}

#[tokio::test(start_paused = true)]
async fn a_sender_does_not_keep_its_session_open() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    for transport in Transport::SOCKJS {
        let client = server.client().session("/").transport(transport);
        let client = client.open().await.unwrap();
        let _sender = sessions.recv().await.unwrap().sender();
        assert_eq!(client.closed().await, Ok(Close::NORMAL), "{transport}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_sender_ends_the_session_from_another_task() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    for transport in Transport::SOCKJS {
        let client = server.client().session("/").transport(transport);
        let client = client.open().await.unwrap();
        let mut session = sessions.recv().await.unwrap();
        let sender = session.sender();
        tokio::spawn(async move {
            sender.send("last words").await.unwrap();
            sender.close(4000, "enough");
        });
        assert_eq!(session.recv().await, None, "{transport}");
        assert_eq!(client.recv().await, Ok("last words".into()), "{transport}");
        let close = Close::new(4000, "enough");
        assert_eq!(client.closed().await, Ok(close), "{transport}");
    }
}

#[tokio::test(start_paused = true)]
async fn messages_that_arrived_before_the_end_are_still_received() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let mut websocket = server.websocket("/websocket").await;
    let mut session = sessions.recv().await.unwrap();
    websocket.send_text("one").await;
    websocket.send(0x82, b"two").await;
    websocket.send_close(1000, "").await;
    rest().await;
    assert_eq!(session.recv().await, Some("one".into()));
    assert_eq!(session.recv().await, Some(b"two".to_vec().into()));
    assert_eq!(session.recv().await, None);
    assert_eq!(session.recv().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_session_is_a_stream_and_a_sink() {
    let (end, mut ended) = mpsc::unbounded_channel();
    let server = Server::new(SockJs::new(move |mut session: Session| {
        let end = end.clone();
        async move {
            while let Some(message) = poll_fn(|cx| Pin::new(&mut session).poll_next(cx)).await {
                poll_fn(|cx| Pin::new(&mut session).poll_ready(cx))
                    .await
                    .unwrap();
                Pin::new(&mut session).start_send(message).unwrap();
                poll_fn(|cx| Pin::new(&mut session).poll_flush(cx))
                    .await
                    .unwrap();
            }
            let refused: Result<(), SendError> =
                poll_fn(|cx| Pin::new(&mut session).poll_ready(cx)).await;
            end.send((session.close_reason(), refused)).unwrap();
        }
    }));
    let mut websocket = server.websocket("/websocket").await;
    for message in ["one", "two"] {
        websocket.send_text(message).await;
        assert_eq!(websocket.next().await, text(message));
    }
    websocket.send_close(4001, "bye").await;
    let (reason, refused) = ended.recv().await.unwrap();
    assert!(matches!(
        reason,
        Some(CloseReason::PeerClosed(Some(close))) if close.code == 4001 && &*close.reason == "bye"
    ));
    assert_eq!(refused, Err(SendError::Closed));
}

#[tokio::test(start_paused = true)]
async fn a_sink_waits_for_room_and_closing_it_closes_the_session() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.outbox_limits(1, 1000));
    assert_eq!(server.poll("s").await, "o\n");
    let mut session = sessions.recv().await.unwrap();
    poll_fn(|cx| Pin::new(&mut session).poll_ready(cx))
        .await
        .unwrap();
    Pin::new(&mut session).start_send("one".into()).unwrap();
    let waiting = tokio::spawn(async move {
        poll_fn(|cx| Pin::new(&mut session).poll_ready(cx))
            .await
            .unwrap();
        session
    });
    rest().await;
    assert!(!waiting.is_finished());
    assert_eq!(server.poll("s").await, "a[\"one\"]\n");
    let mut session = waiting.await.unwrap();
    poll_fn(|cx| Pin::new(&mut session).poll_close(cx))
        .await
        .unwrap();
    assert_eq!(server.poll("s").await, "c[1000,\"Normal closure\"]\n");
}

#[tokio::test(start_paused = true)]
async fn binary_messages_are_for_raw_websockets() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    for transport in Transport::SOCKJS {
        let client = server.client().session("/").transport(transport);
        let client = client.open().await.unwrap();
        let session = sessions.recv().await.unwrap();
        let binary = Message::from(vec![0, 255]);
        if transport == Transport::RawWebSocket {
            session.send(binary.clone()).await.unwrap();
            assert_eq!(client.recv().await, Ok(binary));
        } else {
            let refused = session.send(binary.clone()).await;
            assert_eq!(refused, Err(SendError::Binary), "{transport}");
            assert_eq!(session.try_send(binary), Err(TrySendError::Binary));
        }
        session.send("text").await.unwrap();
        assert_eq!(client.recv().await, Ok("text".into()), "{transport}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_of_the_largest_size_is_sent_and_a_larger_one_is_an_error() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.max_message_size(10));
    let mut websocket = server.websocket("/websocket").await;
    let session = sessions.recv().await.unwrap();
    for size in [9, 10] {
        session.send("x".repeat(size)).await.unwrap();
        assert_eq!(websocket.next().await, text(&"x".repeat(size)));
    }
    let too_large = Err(SendError::TooLarge { limit: 10 });
    assert_eq!(session.send("x".repeat(11)).await, too_large);
    assert_eq!(
        session.try_send("x".repeat(11)),
        Err(TrySendError::TooLarge { limit: 10 })
    );
}

#[tokio::test(start_paused = true)]
async fn an_echo_keeps_the_order_of_a_burst() {
    let server = Server::new(SockJs::new(echo));
    let sent: Vec<String> = (0..500).map(|n| n.to_string()).collect();
    for transport in Transport::SOCKJS {
        let session = server.client().session("/").transport(transport);
        let session = session.open().await.unwrap();
        for message in &sent {
            session.send(message).await.unwrap();
        }
        for message in &sent {
            assert_eq!(session.recv().await, Ok(message.into()), "{transport}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_recv_that_is_dropped_loses_nothing() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    assert_eq!(server.poll("s").await, "o\n");
    let mut session = sessions.recv().await.unwrap();
    let waited = tokio::time::timeout(Duration::from_secs(1), session.recv()).await;
    assert!(waited.is_err());
    assert_eq!(server.send("s", r#"["one","two"]"#).await, 204);
    assert_eq!(session.recv().await, Some(Message::from("one")));
    assert_eq!(session.recv().await, Some(Message::from("two")));
}
