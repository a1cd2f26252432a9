//! What becomes of a request while its hook thinks, or when the hook fails.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderValue, Method, Response, StatusCode, header};
use http_body_util::{BodyExt, Empty, Full};
use sockeye_tower::{Accept, Body, BoxFuture, ConnectRequest, Hook, Limit, Reject, SockJs};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::Semaphore,
    task::JoinHandle,
};

use crate::{
    every_way::{EVERY_WAY, Way},
    support::{Server, Sessions, drain, pass, receiver, rest, target, to},
};

/// A hook that waits until the test lets it go on.
#[derive(Clone)]
struct Door(Arc<Inside>);

struct Inside {
    asked: AtomicUsize,
    waiting: AtomicUsize,
    keys: Semaphore,
}

impl Door {
    fn new() -> Self {
        Self(Arc::new(Inside {
            asked: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            keys: Semaphore::new(0),
        }))
    }

    /// How often the hook was called, and how many of its futures are there.
    fn counts(&self) -> (usize, usize) {
        let load = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        (load(&self.0.asked), load(&self.0.waiting))
    }

    /// Lets one request in.
    fn unlock(&self) {
        self.0.keys.add_permits(1);
    }
}

struct Waiting(Door);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<'a> Hook<'a> for Door {
    type Future = BoxFuture<Result<Accept, Reject>>;

    fn hook(&self, _: &'a ConnectRequest) -> Self::Future {
        self.0.asked.fetch_add(1, Ordering::Relaxed);
        self.0.waiting.fetch_add(1, Ordering::Relaxed);
        let waiting = Waiting(self.clone());
        Box::pin(async move {
            waiting.0.0.keys.acquire().await?.forget();
            Ok(Accept::new().header(header::SET_COOKIE, HeaderValue::from_static("in=1")))
        })
    }
}

fn in_background<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> JoinHandle<T> {
    tokio::spawn(work)
}

fn open_in_background(way: Way, server: &Server) -> JoinHandle<crate::every_way::Answer> {
    let server = server.clone();
    in_background(async move { way.open(&server, "s").await })
}

#[tokio::test(start_paused = true)]
async fn of_two_first_requests_at_once_one_is_asked_about_and_the_other_is_told() {
    for way in EVERY_WAY {
        let Way::Response(first, _) = way else {
            continue;
        };
        for second in ["xhr", "xhr_streaming", "eventsource", "htmlfile", "jsonp"] {
            let door = Door::new();
            let (server, mut sessions) = way.server(door.clone());
            let opening = open_in_background(way, &server);
            rest().await;
            assert_eq!(door.counts(), (1, 1), "{first} {second}");

            let receiving = server.receive(&target("s", second)).await;
            let told = receiving.rest().await.replace('\\', "");
            assert!(
                told.contains(r#"c[2010,"Another connection still open"]"#),
                "{first} {second}: {told}"
            );
            assert_eq!(door.counts(), (1, 1), "{first} {second}");
            assert_eq!(server.handle.sessions(), 0, "{first} {second}");

            door.unlock();
            let answer = opening.await.unwrap();
            answer.expect_open(way);
            assert_eq!(answer.headers["set-cookie"], "in=1");
            assert_eq!(door.counts(), (1, 0), "{first} {second}");
            assert!(sessions.recv().await.is_some());
            assert!(sessions.try_recv().is_err());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_meanwhile_takes_hook_id_and_place_with_it() {
    for way in EVERY_WAY {
        let door = Door::new();
        let (server, mut sessions) = way.crowded_server(1, door.clone());
        for round in 1..4 {
            let opening = open_in_background(way, &server);
            rest().await;
            assert_eq!(door.counts(), (round, 1), "{way:?}");
            // The one place is taken while the hook thinks.
            let other = way.open(&server, "other").await;
            assert_eq!(other.status, StatusCode::SERVICE_UNAVAILABLE, "{way:?}");
            assert_eq!(door.counts(), (round, 1), "{way:?}");
            opening.abort();
            rest().await;
            assert_eq!(door.counts(), (round, 0), "{way:?}");
            assert_eq!(server.handle.sessions(), 0, "{way:?}");
        }
        assert!(sessions.try_recv().is_err(), "{way:?}");
        door.unlock();
        way.open(&server, "s").await.expect_open(way);
        assert!(sessions.recv().await.is_some(), "{way:?}");
    }
}

#[derive(Clone)]
struct PanicsAtOnce;

impl<'a> Hook<'a> for PanicsAtOnce {
    type Future = BoxFuture<Result<Accept, Reject>>;

    fn hook(&self, _: &'a ConnectRequest) -> Self::Future {
        panic!("this hook panics")
    }
}

async fn panics_later(request: &ConnectRequest) -> Result<Accept, Reject> {
    tokio::task::yield_now().await;
    match request.cookie("calm") {
        Some(_) => Ok(Accept::new()),
        None => panic!("this hook panics"),
    }
}

async fn errs(_: &ConnectRequest) -> Result<Accept, Reject> {
    let number: u8 = "postgres://user:password@db".parse()?;
    Ok(Accept::new().data(number))
}

/// What every way answers with this hook: 500, and nothing about why.
async fn answers_500(hook: impl for<'a> Hook<'a> + Clone) {
    for way in EVERY_WAY {
        let (server, mut sessions) = way.crowded_server(1, hook.clone());
        for _ in 0..3 {
            let request = way.request("s").header("origin", "http://a");
            let answer = way.ask(&server, request).await;
            assert_eq!(answer.status, 500, "{way:?}");
            let is_open = answer.headers.contains_key("access-control-allow-origin");
            assert_eq!(is_open, way.has_cors(), "{way:?}");
            assert_eq!(answer.body().await, "", "{way:?}");
            assert_eq!(server.handle.sessions(), 0, "{way:?}");
        }
        assert!(sessions.try_recv().is_err(), "{way:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_panics_is_answered_500() {
    answers_500(PanicsAtOnce).await;
    answers_500(panics_later).await;
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_errs_is_answered_500_without_the_errors_text() {
    answers_500(errs).await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_leaves_id_and_place_free() {
    for way in EVERY_WAY {
        let (server, mut sessions) = way.crowded_server(1, panics_later);
        assert_eq!(way.open(&server, "s").await.status, 500, "{way:?}");
        let request = way.request("s").header("cookie", "calm=1");
        way.ask(&server, request).await.expect_open(way);
        assert!(sessions.recv().await.is_some(), "{way:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_drain_that_starts_meanwhile_refuses_the_session() {
    for way in EVERY_WAY {
        let door = Door::new();
        let (server, mut sessions) = way.server(door.clone());
        let opening = open_in_background(way, &server);
        rest().await;
        assert_eq!(door.counts(), (1, 1), "{way:?}");
        drain(&server.handle);
        // The drain does not wait for what is no session yet.
        assert!(server.handle.idle().now_or_never().is_some(), "{way:?}");
        door.unlock();
        let answer = opening.await.unwrap();
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{way:?}");
        assert_eq!(answer.headers["retry-after"], "5", "{way:?}");
        assert!(sessions.try_recv().is_err(), "{way:?}");
        // From now on nobody is asked.
        let late = way.open(&server, "late").await;
        assert_eq!(late.status, StatusCode::SERVICE_UNAVAILABLE, "{way:?}");
        assert_eq!(door.counts(), (1, 0), "{way:?}");
    }
}

/// A server whose hook lets everyone in, and how often it was asked.
fn counting(way: Way, max_sessions: usize) -> (Server, Sessions, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let (server, sessions) = way.crowded_server(max_sessions, {
        let asked = asked.clone();
        async move |_: &ConnectRequest| {
            asked.fetch_add(1, Ordering::Relaxed);
            Ok(Accept::new())
        }
    });
    (server, sessions, asked)
}

#[tokio::test(start_paused = true)]
async fn limits_origins_and_malformed_requests_are_refused_before_it_is_asked() {
    for way in EVERY_WAY {
        let (server, _sessions, asked) = counting(way, 0);
        assert_eq!(way.open(&server, "s").await.status, 503, "{way:?}");
        assert_eq!(server.hits(Limit::Sessions), 1, "{way:?}");

        let foreign = way.request("s").header("origin", "http://elsewhere");
        assert_eq!(way.ask(&server, foreign).await.status, 403, "{way:?}");
        assert_eq!(server.hits(Limit::Origin), 1, "{way:?}");

        let two_hosts = way.request("s").header("host", "b");
        assert_eq!(way.ask(&server, two_hosts).await.status, 400, "{way:?}");
        assert_eq!(asked.load(Ordering::Relaxed), 0, "{way:?}");
    }
    let (server, _sessions, asked) = counting(Way::Framed, 100);
    for target in [
        "/0/s/jsonp",
        "/0/s/htmlfile?c=%3C",
        "/info",
        "/",
        "/iframe.html",
    ] {
        let request = receiver(target).body(Empty::new()).unwrap();
        drop(server.request(request).await);
    }
    let no_key = Way::Framed
        .request("s")
        .header("sec-websocket-key", "another");
    assert_eq!(Way::Framed.ask(&server, no_key).await.status, 400);
    let preflight = to(Method::OPTIONS, "/0/s/xhr").body(Empty::new()).unwrap();
    assert_eq!(server.request(preflight).await.status(), 204);
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn messages_for_a_session_that_is_not_let_in_yet_are_answered_404() {
    for way in EVERY_WAY {
        let Way::Response(..) = way else { continue };
        let door = Door::new();
        let (server, mut sessions) = way.server(door.clone());
        let opening = open_in_background(way, &server);
        rest().await;
        assert_eq!(server.send("s", r#"["early"]"#).await, 404, "{way:?}");
        let body = Full::new(Bytes::from_static(br#"["early"]"#));
        let by_jsonp = to(Method::POST, "/0/s/jsonp_send")
            .header("content-type", "text/plain")
            .body(body);
        let answer = server.request(by_jsonp.unwrap()).await;
        assert_eq!(answer.status(), 404, "{way:?}");
        door.unlock();
        opening.await.unwrap().take_opening(way).await;
        let mut session = sessions.recv().await.unwrap();
        assert!(session.recv().now_or_never().is_none(), "{way:?}");
        assert_eq!(server.send("s", r#"["in time"]"#).await, 204, "{way:?}");
        assert_eq!(session.recv().await.unwrap().as_text(), Some("in time"));
    }
}

/// The body of an opening POST is nobody's; it is read before anyone is asked.
#[tokio::test(start_paused = true)]
async fn a_rejected_request_with_a_body_leaves_its_connection_usable() {
    let (server, _sessions) = Server::handing_over(|mount| {
        mount.on_connect(async |_: &ConnectRequest| -> Result<Accept, Reject> {
            Err(Reject::status(401).body("no"))
        })
    });
    let mut stream = server.connect(1 << 16);
    for _ in 0..3 {
        let request = "POST /0/s/xhr HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\nno") {
            answer.push(stream.read_u8().await.unwrap());
        }
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
        assert!(
            !answer.to_lowercase().contains("connection: close"),
            "{answer}"
        );
    }
}

/// A hook that thinks for a while costs its own session time, and no other.
#[tokio::test(start_paused = true)]
async fn others_are_served_while_it_thinks() {
    let door = Door::new();
    let server = Server::new(SockJs::new(crate::support::echo).on_connect({
        let door = door.clone();
        async move |request: &ConnectRequest| match request.cookie("known") {
            Some(_) => Ok(Accept::new()),
            None => door.hook(request).await,
        }
    }));
    let slow = open_in_background(Way::Framed, &server);
    pass(100).await;
    let known = receiver("/0/known/xhr").header("cookie", "known=1");
    let response: Response<Body> = server.request(known.body(Empty::new()).unwrap()).await;
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "o\n");
    assert_eq!(door.counts(), (1, 1));
    door.unlock();
    slow.await.unwrap().expect_open(Way::Framed);
}
