//! Requests with messages take turns, and those that wait are not read.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use bytes::Bytes;
use http::{Method, StatusCode};
use http_body::Frame;
use sockeye_tower::{Message, Session, SockJs};
use tokio::{
    sync::oneshot,
    task::JoinHandle,
    time::{Instant, timeout},
};

use crate::support::{HandOver, Receiving, Server, pass, rest, secs, since, to};

/// A body with one message that tells whether it was asked for, and waits at its gate.
struct Gated {
    message: Option<Bytes>,
    is_asked: Arc<AtomicBool>,
    gate: Option<oneshot::Receiver<()>>,
}

impl http_body::Body for Gated {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.is_asked.store(true, Ordering::SeqCst);
        if let Some(gate) = &mut self.gate {
            if Pin::new(gate).poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.gate = None;
        }
        Poll::Ready(self.message.take().map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// An `xhr_send` under way.
struct Post {
    is_asked: Arc<AtomicBool>,
    answer: JoinHandle<StatusCode>,
}

impl Post {
    fn is_asked(&self) -> bool {
        self.is_asked.load(Ordering::SeqCst)
    }
}

fn post(server: &Server, message: &str) -> Post {
    begin(server, message, None)
}

/// A post whose body comes once the sender says so.
fn gated_post(server: &Server, message: &str) -> (Post, oneshot::Sender<()>) {
    let (open, gate) = oneshot::channel();
    (begin(server, message, Some(gate)), open)
}

fn begin(server: &Server, message: &str, gate: Option<oneshot::Receiver<()>>) -> Post {
    let is_asked = Arc::<AtomicBool>::default();
    let body = Gated {
        message: Some(format!("[\"{message}\"]").into()),
        is_asked: is_asked.clone(),
        gate,
    };
    let server = server.clone();
    let answer = tokio::spawn(async move {
        let request = to(Method::POST, "/0/s/xhr_send").body(body).unwrap();
        server.request(request).await.status()
    });
    Post { is_asked, answer }
}

/// The open session `s`, which takes `messages` until its handler takes some, and its stream.
async fn started(messages: usize) -> (Server, Session, Receiving) {
    let (server, mut sessions) =
        Server::handing_over(|mount: SockJs<HandOver>| mount.inbox_limits(messages, 1 << 20));
    assert_eq!(server.poll("s").await, "o\n");
    let session = sessions.recv().await.unwrap();
    let stream = server.receive("/0/s/xhr_streaming").await;
    (server, session, stream)
}

fn asked(posts: &[Post]) -> usize {
    posts.iter().filter(|post| post.is_asked()).count()
}

#[tokio::test(start_paused = true)]
async fn held_requests_are_not_read_and_go_on_one_by_one_as_the_handler_takes() {
    const POSTS: usize = 50;
    let (server, mut session, _stream) = started(1).await;
    let posts: Vec<Post> = (0..POSTS).map(|n| post(&server, &n.to_string())).collect();
    let mut taken = Vec::new();
    while taken.len() < POSTS {
        rest().await;
        // What filled the inbox was read; the others wait in their connections.
        assert_eq!(asked(&posts), taken.len() + 1);
        let answered = posts.iter().filter(|post| post.answer.is_finished());
        assert_eq!(answered.count(), taken.len() + 1);
        taken.push(session.recv().await.unwrap());
    }
    for n in 0..POSTS {
        assert!(taken.contains(&Message::from(n.to_string())), "{n}");
    }
    for post in posts {
        assert_eq!(post.answer.await.unwrap(), StatusCode::NO_CONTENT);
    }
}

#[tokio::test(start_paused = true)]
async fn one_body_is_read_at_a_time_even_if_there_is_room_for_all() {
    let (server, mut session, _stream) = started(100).await;
    let (first, open) = gated_post(&server, "first");
    rest().await;
    let others: Vec<Post> = (0..10).map(|_| post(&server, "other")).collect();
    rest().await;
    assert!(first.is_asked());
    assert_eq!(asked(&others), 0);
    open.send(()).unwrap();
    rest().await;
    assert_eq!(first.answer.await.unwrap(), StatusCode::NO_CONTENT);
    for post in others {
        assert_eq!(post.answer.await.unwrap(), StatusCode::NO_CONTENT);
    }
    assert_eq!(session.recv().await, Some("first".into()));
    for _ in 0..10 {
        assert_eq!(session.recv().await, Some("other".into()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_aborted_does_not_keep_the_turn() {
    let (server, mut session, _stream) = started(1).await;
    // One that has the turn and is being read.
    let (reading, _open) = gated_post(&server, "never");
    rest().await;
    assert!(reading.is_asked());
    let mut posts: Vec<Post> = (0..5).map(|n| post(&server, &n.to_string())).collect();
    rest().await;
    assert_eq!(asked(&posts), 0);
    // Some that wait, the first and the last among them.
    for n in [4, 2, 0] {
        posts.remove(n).answer.abort();
    }
    rest().await;
    reading.answer.abort();
    for message in ["1", "3"] {
        rest().await;
        assert_eq!(session.recv().await, Some(message.into()));
    }
    for post in posts {
        assert_eq!(post.answer.await.unwrap(), StatusCode::NO_CONTENT);
    }
    assert_eq!(server.send("s", "[\"on\"]").await, 204);
    assert_eq!(session.recv().await, Some("on".into()));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_gives_the_turn_back_with_its_408() {
    let (server, mut session, _stream) = started(1).await;
    let start = Instant::now();
    let (stuck, _open) = gated_post(&server, "never");
    rest().await;
    let next = post(&server, "next");
    assert_eq!(session.recv().await, Some("next".into()));
    assert_eq!(since(start), 30);
    assert_eq!(stuck.answer.await.unwrap(), StatusCode::REQUEST_TIMEOUT);
    assert_eq!(next.answer.await.unwrap(), StatusCode::NO_CONTENT);
}

#[tokio::test(start_paused = true)]
async fn the_sessions_end_lets_all_waiting_requests_go() {
    for is_aborted in [false, true] {
        let (server, session, stream) = started(1).await;
        let posts: Vec<Post> = (0..10).map(|_| post(&server, "x")).collect();
        rest().await;
        assert_eq!(asked(&posts), 1);
        let start = Instant::now();
        let expected = if is_aborted {
            drop(stream);
            StatusCode::NOT_FOUND
        } else {
            session.close(3000, "enough");
            StatusCode::NO_CONTENT
        };
        let mut answers = Vec::new();
        for post in posts {
            let answer = timeout(secs(1), post.answer).await.expect("it is let go");
            answers.push(answer.unwrap());
        }
        assert_eq!(answers.remove(0), StatusCode::NO_CONTENT);
        assert_eq!(answers, [expected; 9]);
        assert_eq!(since(start), 0);
    }
}

/// A request that came before its session has no turn, and can fill the inbox in between.
#[tokio::test(start_paused = true)]
async fn a_turn_goes_on_after_a_request_that_came_before_the_session() {
    let (server, mut sessions) =
        Server::handing_over(|mount: SockJs<HandOver>| mount.inbox_limits(1, 1 << 20));
    let (early, open_early) = gated_post(&server, "early");
    rest().await;
    assert!(early.is_asked());
    assert_eq!(server.poll("s").await, "o\n");
    let mut session = sessions.recv().await.unwrap();
    let _stream = server.receive("/0/s/xhr_streaming").await;
    let (late, open_late) = gated_post(&server, "late");
    rest().await;
    assert!(late.is_asked());
    open_early.send(()).unwrap();
    assert_eq!(early.answer.await.unwrap(), StatusCode::NO_CONTENT);
    open_late.send(()).unwrap();
    pass(1).await;
    assert!(!late.answer.is_finished());
    let start = Instant::now();
    assert_eq!(session.recv().await, Some("early".into()));
    assert_eq!(late.answer.await.unwrap(), StatusCode::NO_CONTENT);
    assert_eq!(since(start), 0);
    assert_eq!(session.recv().await, Some("late".into()));
}

/// Stands for a connection's task, which lives as long as somebody may wake it.
struct Task;

impl Wake for Task {
    fn wake(self: Arc<Self>) {}
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_aborted_while_it_waits_leaves_nothing_behind() {
    let (server, _session, _stream) = started(1).await;
    assert_eq!(server.send("s", "[\"fills\"]").await, 204);
    let task = Arc::new(Task);
    for _ in 0..3 {
        let request = to(Method::POST, "/0/s/xhr_send").body(http_body_util::Full::new(
            Bytes::from_static(b"[\"waits\"]"),
        ));
        let mut answer = Box::pin(server.request(request.unwrap()));
        let waker = Waker::from(task.clone());
        assert!(
            answer
                .as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
        );
        assert!(Arc::strong_count(&task) > 2, "it waits");
        drop((answer, waker));
        assert_eq!(Arc::strong_count(&task), 1);
    }
}
