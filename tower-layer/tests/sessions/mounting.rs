//! The service and the layer: what is theirs, and what a mount cannot be built from.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    panic::catch_unwind,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Full};
use sockeye_tower::{
    Body, EitherBody, ExactPath, Handle, MountLayer, MountService, Mounted, Sender, Session, SockJs,
};
use tower::{Layer, Service, ServiceExt};

use crate::support::{echo, to};

type Asked = Request<Full<Bytes>>;

/// An inner service that is ready at its second poll, and tells what reached it.
#[derive(Clone, Debug, Default)]
struct Inner {
    polls: usize,
    calls: Arc<AtomicUsize>,
}

impl Service<Asked> for Inner {
    type Response = Response<Full<Bytes>>;
    type Error = &'static str;
    type Future = Ready<Result<Self::Response, &'static str>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        self.polls += 1;
        if self.polls < 2 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Asked) -> Self::Future {
        assert!(self.polls >= 2, "called before it was ready");
        self.calls.fetch_add(1, Ordering::SeqCst);
        if request.uri().path() == "/fails" {
            return ready(Err("the inner service's own error"));
        }
        assert_eq!(request.extensions().get(), Some(&7));
        let mut response = Response::new(request.into_body());
        *response.status_mut() = StatusCode::IM_A_TEAPOT;
        ready(Ok(response))
    }
}

fn ask(method: Method, target: &str) -> Asked {
    let body = Full::new(Bytes::from_static(b"the body"));
    to(method, target).extension(7).body(body).unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_is_not_the_mounts_reaches_the_inner_service_untouched() {
    let inner = Inner::default();
    let calls = inner.calls.clone();
    let app = SockJs::new(echo).layer("/echo").layer(inner);
    let theirs = [
        "/",
        "/echofoo",
        "/ech",
        "/Echo",
        "/other/echo",
        "/echo%2F",
        "//echo",
        "/echo?",
        "*",
    ];
    for target in theirs {
        let is_ours = target == "/echo?";
        let mut request = ask(Method::POST, target);
        if is_ours {
            *request.method_mut() = Method::GET;
        }
        let response = app.clone().oneshot(request).await.unwrap();
        if is_ours {
            assert_eq!(response.status(), StatusCode::OK);
            continue;
        }
        assert_eq!(response.status(), StatusCode::IM_A_TEAPOT, "{target}");
        let body = response.collect().await.unwrap().to_bytes();
        assert_eq!(body, "the body");
    }
    assert_eq!(calls.load(Ordering::SeqCst), theirs.len() - 1);
    let failed = app.oneshot(ask(Method::GET, "/fails")).await;
    assert_eq!(failed.unwrap_err(), "the inner service's own error");
}

#[tokio::test(start_paused = true)]
async fn the_mount_owns_its_path_and_everything_below() {
    let app = SockJs::new(echo)
        .layer("/deep/echo")
        .layer(Inner::default());
    for (target, status) in [
        ("/deep/echo", 200),
        ("/deep/echo/", 200),
        ("/deep/echo//", 404),
        ("/deep/echo/nothing", 404),
        ("/deep/echo/info", 200),
        ("/deep/echo/info/", 200),
        ("/deep/echo/info//", 404),
        ("/deep/echo/a/b/xhr", 405),
    ] {
        let response = app.clone().oneshot(ask(Method::GET, target)).await.unwrap();
        assert_eq!(response.status(), status, "{target}");
    }
}

#[tokio::test(start_paused = true)]
async fn layers_stack_and_each_has_its_sessions() {
    let app = SockJs::new(echo)
        .layer("/one")
        .layer(SockJs::new(echo).layer("/two").layer(Inner::default()));
    for target in ["/one/0/s/xhr", "/two/0/s/xhr"] {
        let response = app
            .clone()
            .oneshot(ask(Method::POST, target))
            .await
            .unwrap();
        let body = response.collect().await.unwrap().to_bytes();
        assert_eq!(body, "o\n", "{target}");
    }
    let response = app.oneshot(ask(Method::POST, "/three/0/s/xhr")).await;
    assert_eq!(response.unwrap().status(), StatusCode::IM_A_TEAPOT);
}

#[tokio::test(start_paused = true)]
async fn an_exact_path_wins_over_the_uri() {
    let service = SockJs::new(echo).service();
    let cases = [
        ("/", None, 200),
        ("/", Some(""), 200),
        ("/", Some("//"), 404),
        ("/nothing", Some("/info"), 200),
        ("/info", Some("/info//"), 404),
        ("/info", Some("/nothing"), 404),
    ];
    for (target, exact, status) in cases {
        let mut request = to(Method::GET, target);
        if let Some(exact) = exact {
            request = request.extension(ExactPath(exact.into()));
        }
        let Ok(response) = service
            .clone()
            .oneshot(request.body(Empty::new()).unwrap())
            .await;
        assert_eq!(response.status(), status, "{target} {exact:?}");
    }
}

#[test]
fn public_types_move_between_threads() {
    fn is_send_and_sync<T: Send + Sync + 'static>() {}
    fn is_clone<T: Clone>() {}
    is_send_and_sync::<Body>();
    is_send_and_sync::<EitherBody<Full<Bytes>>>();
    is_send_and_sync::<MountService>();
    is_send_and_sync::<MountLayer>();
    is_send_and_sync::<Mounted<Inner>>();
    is_send_and_sync::<Session>();
    is_send_and_sync::<Sender>();
    is_send_and_sync::<Handle>();
    is_clone::<MountService>();
    is_clone::<MountLayer>();
    is_clone::<Mounted<Inner>>();
    is_clone::<Sender>();
    is_clone::<Handle>();

    fn is_send<T: Send>(_: T) {}
    let service = SockJs::new(echo).service();
    is_send(service.clone().call(Request::new(Empty::<Bytes>::new())));
    fn never_fails<S: Service<Request<Empty<Bytes>>, Error = Infallible>>(_: S) {}
    never_fails(service);
}

#[test]
fn options_that_cannot_be_served_panic_with_their_name() {
    fn mount() -> SockJs<fn(Session) -> Ready<()>> {
        SockJs::new(|_| ready(()))
    }
    type Build = fn();
    #[rustfmt::skip]
    let cases: [(&str, Build); 15] = [
        ("layer: the path \"\"",       || drop(mount().layer(""))),
        ("layer: the path \"/\"",      || drop(mount().layer("/"))),
        ("layer: the path \"echo\"",   || drop(mount().layer("echo"))),
        ("layer: the path \"/echo/\"", || drop(mount().layer("/echo/"))),
        ("heartbeat_interval",         || drop(mount().heartbeat_interval(Duration::ZERO).service())),
        ("disconnect_delay",           || drop(mount().disconnect_delay(Duration::ZERO).service())),
        ("body_timeouts",              || drop(mount().body_timeouts(Duration::from_secs(2), Duration::from_secs(1)).service())),
        ("sockjs_url",                 || drop(mount().sockjs_url("javascript:alert(1)").service())),
        ("sockjs_url",                 || drop(mount().sockjs_url("").service())),
        ("allowed_origins",            || drop(mount().allowed_origins(["example.com"]).service())),
        ("allowed_origins",            || drop(mount().allowed_origins(["https://example.com/path"]).service())),
        ("allowed_origins",            || drop(mount().allowed_origins([""]).service())),
        ("allowed_origins",            || drop(mount().allowed_origins(["*"]).service())),
        ("allowed_origins: \"https://*\"", || drop(mount().allowed_origins(["null", "https://*"]).service())),
        ("trusted_proxies: \"10.0.0.0/33\"", || drop(mount().trusted_proxies(["::1", "10.0.0.0/33"]).service())),
    ];
    for (named, build) in cases {
        let panic = catch_unwind(build).expect_err(named);
        let message = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap();
        assert!(message.contains(named), "{named}: {message}");
    }
    mount().layer("/echo");
    mount().sockjs_url("/sockjs.js").service();
    mount()
        .allowed_origins(["https://example.com", "http://localhost:5173"])
        .service();
}

/// An option that means "never" must not overflow the clock.
#[tokio::test(start_paused = true)]
async fn the_longest_times_are_accepted() {
    let longest = Duration::MAX;
    let service = SockJs::new(echo)
        .heartbeat_interval(longest)
        .heartbeat_timeout(longest)
        .disconnect_delay(longest)
        .stall_timeout(longest)
        .close_timeout(longest)
        .body_timeouts(longest, longest)
        .service();
    let poll = to(Method::POST, "/0/s/xhr").body(Full::default()).unwrap();
    let Ok(response) = service.clone().oneshot(poll).await;
    assert_eq!(response.collect().await.unwrap().to_bytes(), "o\n");
    let send = to(Method::POST, "/0/s/xhr_send")
        .body(Full::new(Bytes::from_static(b"[\"a\"]")))
        .unwrap();
    let Ok(response) = service.clone().oneshot(send).await;
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    let poll = to(Method::POST, "/0/s/xhr").body(Full::default()).unwrap();
    let Ok(response) = service.oneshot(poll).await;
    assert_eq!(response.collect().await.unwrap().to_bytes(), "a[\"a\"]\n");
}
