//! A mount of event streams: what they carry, how they end, what a slow reader costs.

use bytes::Bytes;
use http_body_util::Empty;
use sockeye_tower::{
    Close, CloseReason, Event, EventStream, Limit, Message, Prepared, SendError, Sender, Session,
    SessionEvents, Transport, TrySendError, broadcast,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::mpsc,
    time::Instant,
};

use crate::support::{Server, drain, pass, receiver, rest, secs, since};

/// An attached stream whose prelude is taken, and its session.
macro_rules! opened {
    ($server:ident, $sessions:ident) => {{
        let mut stream = $server.receive("/").await;
        assert_eq!(stream.next().await.unwrap(), ":\n\n");
        (stream, $sessions.recv().await.unwrap())
    }};
}

#[tokio::test(start_paused = true)]
async fn the_stream_begins_before_anything_is_said() {
    let (server, mut sessions) = Server::streaming(|mount| mount);
    let mut stream = server.receive("/prices").await;
    assert_eq!(stream.next_now().unwrap().unwrap(), ":\n\n");
    let session = sessions.recv().await.unwrap();
    assert_eq!(session.transport(), Transport::EventStream);
    assert!(stream.next_now().is_none());
    drop(session);
    let (server, _sessions) = Server::streaming(|mount| mount.retry(secs(7)));
    let mut stream = server.receive("/").await;
    assert_eq!(stream.next_now().unwrap().unwrap(), "retry: 7000\n\n");
}

#[tokio::test(start_paused = true)]
async fn messages_are_events_and_events_have_names_and_ids() {
    let (server, mut sessions) = Server::streaming(|mount| mount);
    let (mut stream, session) = opened!(server, sessions);
    session.send("plain").await.unwrap();
    assert_eq!(stream.next().await.unwrap(), "data: plain\n\n");
    session.send("two\nlines").await.unwrap();
    assert_eq!(stream.next().await.unwrap(), "data: two\ndata: lines\n\n");
    let event = Event::new("17.25").name("price").id("42").retry(secs(1));
    session.send(event).await.unwrap();
    let expected = "event: price\nid: 42\nretry: 1000\ndata: 17.25\n\n";
    assert_eq!(stream.next().await.unwrap(), expected);
    // What waits together is written together, each event whole.
    session.try_send("a").unwrap();
    session.try_send(Prepared::new("b")).unwrap();
    session.try_send(Event::new("c").id("1")).unwrap();
    assert_eq!(
        stream.next().await.unwrap(),
        "data: a\n\ndata: b\n\nid: 1\ndata: c\n\n"
    );
}

#[tokio::test(start_paused = true)]
async fn binary_is_refused_and_the_stream_goes_on() {
    let (server, mut sessions) = Server::streaming(|mount| mount);
    let (mut stream, session) = opened!(server, sessions);
    assert_eq!(session.send(vec![1, 2]).await, Err(SendError::Binary));
    assert_eq!(session.try_send(vec![1, 2]), Err(TrySendError::Binary));
    let told = broadcast(&[session.sender()], Message::from(vec![1]));
    assert_eq!((told.reached, told.closed), (0, 0));
    session.send("text").await.unwrap();
    assert_eq!(stream.next().await.unwrap(), "data: text\n\n");
}

#[tokio::test(start_paused = true)]
async fn heartbeats_are_comments_and_nobody_answers_them() {
    let (server, mut sessions) = Server::streaming(|mount| mount.heartbeat_interval(secs(10)));
    let (mut stream, session) = opened!(server, sessions);
    let start = Instant::now();
    for beat in 1..=20 {
        assert_eq!(stream.next().await.unwrap(), ":\n\n");
        assert_eq!(since(start), 10 * beat);
    }
    assert_eq!(session.close_reason(), None);
}

/// Nobody can come back to an event stream, so none is kept: its place is free at once.
#[tokio::test(start_paused = true)]
async fn the_end_is_a_comment_and_the_end_of_the_response_and_the_place_is_free_at_once() {
    type Ends = fn(Session) -> Option<Session>;
    #[rustfmt::skip]
    let cases: [(&str, Ends); 3] = [
        (": 1000 Normal closure\n\n", |session| { drop(session); None }),
        (": 4000 see you\n\n",        |session| { session.close(4000, "see\n you"); Some(session) }),
        (": 4401 Credentials expired\n\n", |session| {
            session.admit_until(Instant::now().into_std());
            Some(session)
        }),
    ];
    for (expected, end) in cases {
        let (server, mut sessions) = Server::streaming(|mount| mount.max_sessions(1));
        let (stream, session) = opened!(server, sessions);
        session.send("last").await.unwrap();
        let start = Instant::now();
        let kept = end(session);
        let expected = format!("data: last\n\n{expected}");
        assert_eq!(stream.rest().await, expected);
        rest().await;
        assert_eq!(since(start), 0);
        assert_eq!(server.handle.sessions(), 0, "{expected}");
        opened!(server, sessions);
        drop(kept);
    }
}

#[tokio::test(start_paused = true)]
async fn the_session_ends_as_soon_as_the_peer_has_gone() {
    let (server, mut sessions) = Server::streaming(|mount| mount);
    // The body is dropped before anything was taken, and after.
    for takes in [false, true] {
        let mut stream = server.receive("/").await;
        if takes {
            stream.next().await.unwrap();
        }
        let mut session = sessions.recv().await.unwrap();
        drop(stream);
        let start = Instant::now();
        assert_eq!(session.recv().await, None);
        assert_eq!(since(start), 0);
        assert_eq!(session.close_reason(), Some(CloseReason::Disconnected));
        assert_eq!(session.send("late").await, Err(SendError::Closed));
    }
    // A connection that breaks while nothing is sent.
    let mut connection = server.connect(1 << 16);
    connection
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    let mut session = sessions.recv().await.unwrap();
    rest().await;
    drop(connection);
    assert_eq!(session.recv().await, None);
    rest().await;
    assert_eq!(server.handle.sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_drain_ends_the_stream_and_new_ones_are_answered_503() {
    let (server, mut sessions) = Server::streaming(|mount| mount);
    let (stream, session) = opened!(server, sessions);
    session.send("sent before").await.unwrap();
    let start = Instant::now();
    drain(&server.handle);
    let expected = "data: sent before\n\n: 1001 Going away\n\n";
    assert_eq!(stream.rest().await, expected);
    assert_eq!(session.close_reason(), Some(CloseReason::GoingAway));
    drop(session);
    server.handle.idle().await;
    assert_eq!(since(start), 0);
    let request = receiver("/").body(Empty::new()).unwrap();
    let response = server.request::<Empty<Bytes>>(request).await;
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "5");
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_panics_ends_its_stream_alone() {
    let mount = EventStream::new(async |session: Session| {
        session.send("hello").await.unwrap();
        tokio::time::sleep(secs(1)).await;
        let uri = session.request().uri().to_owned();
        assert_ne!(uri, "/panic", "as this test wants it");
        session.send("still here").await.unwrap();
    });
    let server = Server::around(|handle| mount.handle(handle).service());
    let one = server.receive("/panic").await;
    let two = server.receive("/").await;
    assert_eq!(
        one.rest().await,
        ":\n\ndata: hello\n\n: 1011 Internal error\n\n"
    );
    assert_eq!(
        two.rest().await,
        ":\n\ndata: hello\n\ndata: still here\n\n: 1000 Normal closure\n\n"
    );
}

#[tokio::test(start_paused = true)]
async fn a_stream_has_no_limit_and_never_makes_the_browser_come_back() {
    let (server, mut sessions) = Server::streaming(|mount| mount);
    let (mut stream, session) = opened!(server, sessions);
    let data = "x".repeat(100_000);
    for _ in 0..20 {
        session.send(data.as_str()).await.unwrap();
        assert_eq!(stream.next().await.unwrap().len(), data.len() + 8);
    }
    assert_eq!(session.close_reason(), None);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_takes_nothing_ends_after_the_stall_timeout() {
    let (server, mut sessions) = Server::streaming(|mount| mount);
    let (mut stream, mut session) = opened!(server, sessions);
    let start = Instant::now();
    session.send("waits").await.unwrap();
    assert_eq!(session.recv().await, None);
    assert_eq!(since(start), 30);
    assert_eq!(session.close_reason(), Some(CloseReason::TooSlow));
    // It may still take the goodbye, for as long again.
    pass(29).await;
    assert_eq!(stream.next().await.unwrap(), ": 1013 Too slow\n\n");
    assert_eq!(stream.next().await, None);
    rest().await;
    assert_eq!(server.handle.sessions(), 0);
    assert_eq!(server.hits(Limit::SlowPeer), 1);

    let (_unread, session) = opened!(server, sessions);
    session.send("waits").await.unwrap();
    drop(session);
    pass(61).await;
    assert_eq!(server.handle.sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_costs_no_more_than_its_queue_and_the_connections_buffers() {
    const PIPE: usize = 4096;
    let (told, mut ends) = mpsc::unbounded_channel();
    let mount = EventStream::new(move |session: Session| {
        let told = told.clone();
        async move {
            let mut taken = 0;
            // Lines weigh the most on the wire: each is a field of its own.
            while session.send("\n".repeat(1000)).await.is_ok() {
                taken += 1;
            }
            told.send((taken, session.close_reason())).unwrap();
        }
    });
    let server =
        Server::around(|handle| mount.outbox_limits(1000, 10_000).handle(handle).service());
    let mut connection = server.connect(PIPE);
    connection
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let (taken, reason) = ends.recv().await.unwrap();
    assert_eq!(reason, Some(CloseReason::TooSlow));
    // hyper takes 400 KiB of a body before it stops; a thousand lines are 7 KB of fields.
    assert!((10..=90).contains(&taken), "{taken}");
    rest().await;
    let mut got = Vec::new();
    let _ = connection.read_to_end(&mut got).await;
    assert!(got.len() < 700_000, "{}", got.len());
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_beyond_the_hard_limit_closes_that_stream_alone() {
    let (server, mut sessions) = Server::streaming(|mount| mount.outbox_limits(1, 1000));
    let (mut slow, one) = opened!(server, sessions);
    let (mut quick, two) = opened!(server, sessions);
    let members = [one.sender(), two.sender()];
    for n in 0..4 {
        let told = broadcast(&members, n.to_string());
        assert_eq!((told.reached, told.closed), (2, 0));
        assert_eq!(quick.next().await.unwrap(), format!("data: {n}\n\n"));
    }
    let told = broadcast(&members, "4");
    assert_eq!((told.reached, told.closed), (1, 1));
    assert_eq!(one.close_reason(), Some(CloseReason::TooSlow));
    assert_eq!(quick.next().await.unwrap(), "data: 4\n\n");
    // What waited is dropped: nobody goes on with a gap.
    assert_eq!(slow.next().await.unwrap(), ": 1013 Too slow\n\n");
    assert_eq!(slow.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn send_waits_at_the_soft_limit_and_names_and_ids_count() {
    let (server, mut sessions) =
        Server::streaming(|mount| mount.outbox_limits(100, 20).max_message_size(10));
    let (mut stream, session) = opened!(server, sessions);
    let event = |id: &str| Event::new("1234").name("name").id(id);
    assert_eq!(
        session.send(event("123")).await,
        Err(SendError::TooLarge { limit: 10 })
    );
    session.try_send(event("12")).unwrap();
    session.try_send(event("12")).unwrap();
    assert!(matches!(
        session.try_send(event("12")),
        Err(TrySendError::Full(_))
    ));
    let sending = tokio::spawn(async move {
        session.send(event("3")).await.unwrap();
        session
    });
    rest().await;
    assert!(!sending.is_finished());
    stream.next().await.unwrap();
    let _session = sending.await.unwrap();
    assert_eq!(
        stream.next().await.unwrap(),
        "event: name\nid: 3\ndata: 1234\n\n"
    );
}

#[tokio::test(start_paused = true)]
async fn the_callback_form_serves_it_too() {
    struct Greet(mpsc::UnboundedSender<CloseReason>);
    #[async_trait::async_trait]
    impl SessionEvents for Greet {
        async fn on_open(&self, session: &Sender) {
            let _ = session.send("hello").await;
            session.close(3000, "that was all");
        }
        async fn on_close(&self, _: &Sender, reason: CloseReason) {
            let _ = self.0.send(reason);
        }
    }
    let (told, mut ends) = mpsc::unbounded_channel();
    let mount = EventStream::events(Greet(told));
    let server = Server::around(|handle| mount.handle(handle).service());
    let all = server.receive("/").await.rest().await;
    assert_eq!(all, ":\n\ndata: hello\n\n: 3000 that was all\n\n");
    let reason = CloseReason::Application(Close::new(3000, "that was all"));
    assert_eq!(ends.recv().await, Some(reason));
}

/// Its data alone would be another event.
#[tokio::test(start_paused = true)]
async fn an_event_that_found_no_room_comes_back_whole() {
    let mount = EventStream::new(async move |session: Session| {
        session.try_send("first").unwrap();
        let event = Event::new("17.25").name("price").id("42");
        let Err(TrySendError::Full(back)) = session.try_send(event) else {
            return;
        };
        session.send(back).await.unwrap();
    })
    .outbox_limits(1, 1);
    let server = Server::around(|handle| mount.handle(handle).service());
    let all = server.receive("/").await.rest().await;
    let price = "event: price\nid: 42\ndata: 17.25\n\n";
    assert!(all.contains(price), "{all}");
}
