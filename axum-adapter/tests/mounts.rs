//! SockJS mounts in axum routers of every shape.

// clippy.toml allows it in tests, which to clippy are functions with `#[test]`, not their helpers.
#![allow(clippy::unwrap_used)]

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Extension, Router,
    body::Body,
    extract::{ConnectInfo, State},
    http::{Method, Request, Response, StatusCode},
    routing::get,
};
use http_body_util::BodyExt;
use sockeye_axum::{RouterExt, sockjs_layer};
use sockeye_tower::{Close, PeerAddress, Session, SockJs, Transport, test::Client};
use tokio::sync::mpsc;
use tower::ServiceExt;

async fn echo(mut session: Session) {
    while let Some(message) = session.recv().await {
        if session.send(message).await.is_err() {
            break;
        }
    }
}

/// A mount that hands its sessions to the test.
fn handing_over() -> (
    impl sockeye_tower::Handler,
    mpsc::UnboundedReceiver<Session>,
) {
    let (sender, sessions) = mpsc::unbounded_channel();
    let handler = move |session| {
        let _ = sender.send(session);
        std::future::ready(())
    };
    (handler, sessions)
}

fn to(method: Method, target: &str) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri(target)
        .header("host", "a")
        .body(Body::empty())
        .unwrap()
}

async fn ask(app: &Router, request: Request<Body>) -> Response<Body> {
    let Ok(response) = app.clone().oneshot(request).await;
    response
}

async fn text(response: Response<Body>) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.into()).unwrap()
}

/// Sessions open on every transport and carry messages, and everything around them is found.
async fn serves(app: &Router, mount: &str) {
    answers(app, mount).await;
    let client = Client::new(app.clone());
    for transport in Transport::SOCKJS {
        let session = client.session(mount).transport(transport);
        let session = session.open().await.unwrap();
        for text in ["hello", "é"] {
            session.send(text).await.unwrap();
            let received = session.recv().await;
            assert_eq!(received, Ok(text.into()), "{transport} at {mount}");
        }
        session.close().await.unwrap();
    }
}

/// A session of polls carries a message, byte for byte, and everything around it is found.
async fn answers(app: &Router, mount: &str) {
    let greeting = ask(app, to(Method::GET, mount)).await;
    assert_eq!(greeting.status(), StatusCode::OK, "{mount}");
    assert_eq!(text(greeting).await, "Welcome to SockJS!\n", "{mount}");
    let doubled = ask(app, to(Method::GET, &format!("{mount}//"))).await;
    assert_eq!(doubled.status(), StatusCode::NOT_FOUND, "{mount}");
    let info = ask(app, to(Method::GET, &format!("{mount}/info?t=1"))).await;
    assert_eq!(info.status(), StatusCode::OK, "{mount}");
    let poll = || ask(app, to(Method::POST, &format!("{mount}/0/s/xhr")));
    assert_eq!(text(poll().await).await, "o\n", "{mount}");
    let mut send = to(Method::POST, &format!("{mount}/0/s/xhr_send"));
    *send.body_mut() = Body::from("[\"hello\"]");
    assert_eq!(ask(app, send).await.status(), StatusCode::NO_CONTENT);
    assert_eq!(text(poll().await).await, "a[\"hello\"]\n", "{mount}");
    for missing in [
        "//",
        "//info",
        "/nothing",
        "/info//",
        "/0/s/xhr//",
        "/0/a.b/xhr",
        "/0//xhr",
    ] {
        let target = format!("{mount}{missing}");
        let response = ask(app, to(Method::POST, &target)).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{target}");
    }
}

#[tokio::test(start_paused = true)]
async fn nested_once() {
    let app = Router::new()
        .route("/", get(|| async { "theirs" }))
        .nest("/chat", sockjs_layer(echo));
    serves(&app, "/chat").await;
    assert_eq!(text(ask(&app, to(Method::GET, "/")).await).await, "theirs");
    let other = ask(&app, to(Method::GET, "/chatter")).await;
    assert_eq!(other.status(), StatusCode::NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn nested_twice() {
    let app = Router::new().nest("/api", Router::new().nest("/chat", sockjs_layer(echo)));
    serves(&app, "/api/chat").await;
}

#[tokio::test(start_paused = true)]
async fn nested_three_deep() {
    let inner = Router::new().nest("/c", sockjs_layer(echo));
    let app = Router::new().nest("/a", Router::new().nest("/b", inner));
    serves(&app, "/a/b/c").await;
}

#[tokio::test(start_paused = true)]
async fn as_a_method_the_mount_owns_its_path_with_a_slash_too() {
    let app = Router::new()
        .route("/", get(|| async { "theirs" }))
        .sockjs("/chat", echo)
        .fallback(|| async { (StatusCode::IM_A_TEAPOT, "theirs") });
    serves(&app, "/chat").await;
    let greeting = ask(&app, to(Method::GET, "/chat/")).await;
    assert_eq!(text(greeting).await, "Welcome to SockJS!\n");
    for theirs in ["/chatter", "/other", "//chat"] {
        let response = ask(&app, to(Method::GET, theirs)).await;
        assert_eq!(response.status(), StatusCode::IM_A_TEAPOT, "{theirs}");
    }
}

#[tokio::test(start_paused = true)]
async fn as_a_method_inside_a_nested_router() {
    let app = Router::new().nest("/a", Router::new().sockjs("/chat", echo));
    serves(&app, "/a/chat").await;
    let greeting = ask(&app, to(Method::GET, "/a/chat/")).await;
    assert_eq!(text(greeting).await, "Welcome to SockJS!\n");
}

#[tokio::test(start_paused = true)]
async fn under_parameters_whatever_they_contain() {
    let apps = [
        Router::new().nest("/app/{tenant}/chat", sockjs_layer(echo)),
        Router::new().nest(
            "/app/{tenant}",
            Router::new().nest("/chat", sockjs_layer(echo)),
        ),
        Router::new().sockjs("/app/{tenant}/chat", echo),
    ];
    for tenant in [
        "one", "a%2Fb", "%2F", "%2f%2f", "a%20b", "chat", "a.b", "%C3%A9",
    ] {
        for app in &apps {
            serves(app, &format!("/app/{tenant}/chat")).await;
            tokio::time::sleep(std::time::Duration::from_secs(6)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn merged_routers_keep_their_mounts() {
    let one = Router::new().nest("/one", sockjs_layer(echo));
    let two = Router::new()
        .sockjs("/two", echo)
        .route("/two-plain", get(|| async { "theirs" }));
    let app = Router::new().merge(one).merge(two);
    serves(&app, "/one").await;
    serves(&app, "/two").await;
    let plain = ask(&app, to(Method::GET, "/two-plain")).await;
    assert_eq!(text(plain).await, "theirs");
}

#[tokio::test(start_paused = true)]
async fn two_mounts_have_their_own_sessions_and_options() {
    let quiet = SockJs::new(echo).websocket(false);
    let app = Router::new()
        .nest("/one", sockjs_layer(echo))
        .nest("/two", sockjs_layer(quiet));
    // The same session id at both.
    serves(&app, "/one").await;
    answers(&app, "/two").await;
    let client = Client::new(app.clone());
    let refused = client.session("/two").expect_refused().await;
    assert_eq!(refused.status(), StatusCode::NOT_FOUND);
    for (mount, websocket) in [("/one", true), ("/two", false)] {
        let info = text(ask(&app, to(Method::GET, &format!("{mount}/info"))).await).await;
        assert!(
            info.contains(&format!("\"websocket\":{websocket}")),
            "{info}"
        );
    }
}

#[test]
#[should_panic(expected = "/chat")]
fn two_mounts_on_one_path_panic() {
    let _: Router = Router::new().sockjs("/chat", echo).sockjs("/chat", echo);
}

#[tokio::test(start_paused = true)]
async fn every_form_of_a_handler_mounts() {
    let greeting: Arc<str> = "hello".into();
    let closure = {
        let greeting = greeting.clone();
        move |session: Session| {
            let greeting = greeting.clone();
            async move {
                let _ = session.send(&*greeting).await;
            }
        }
    };
    let app = Router::new()
        .nest("/function", sockjs_layer(echo))
        .nest("/built", sockjs_layer(SockJs::new(echo).cors(false)))
        .nest("/closure", sockjs_layer(closure));
    serves(&app, "/function").await;
    serves(&app, "/built").await;
    let session = Client::new(app).session("/closure").open().await.unwrap();
    assert_eq!(session.recv().await, Ok("hello".into()));
    assert_eq!(session.closed().await, Ok(Close::NORMAL));
}

#[tokio::test(start_paused = true)]
async fn a_router_with_state_takes_mounts() {
    #[derive(Clone)]
    struct App(&'static str);
    let router: Router<App> = Router::new()
        .route("/", get(|State(app): State<App>| async move { app.0 }))
        .nest("/nested", sockjs_layer(echo))
        .sockjs("/method", echo);
    let app = router.with_state(App("the state"));
    serves(&app, "/nested").await;
    serves(&app, "/method").await;
    assert_eq!(
        text(ask(&app, to(Method::GET, "/")).await).await,
        "the state"
    );
}

#[tokio::test(start_paused = true)]
async fn the_peers_address_comes_from_connect_info() {
    let (handler, mut sessions) = handing_over();
    let app = Router::new().nest("/chat", sockjs_layer(handler));
    let address: SocketAddr = "10.0.0.1:4000".parse().unwrap();
    let other: SocketAddr = "10.0.0.2:5000".parse().unwrap();
    let mut request = to(Method::POST, "/chat/0/one/xhr");
    request.extensions_mut().insert(ConnectInfo(address));
    ask(&app, request).await;
    let session = sessions.recv().await.unwrap();
    assert_eq!(session.request().peer_address(), Some(address));

    // Who put the address there in our own terms knew better.
    let mut request = to(Method::POST, "/chat/0/two/xhr");
    request.extensions_mut().insert(ConnectInfo(address));
    request.extensions_mut().insert(PeerAddress(other));
    ask(&app, request).await;
    let session = sessions.recv().await.unwrap();
    assert_eq!(session.request().peer_address(), Some(other));

    ask(&app, to(Method::POST, "/chat/0/three/xhr")).await;
    let session = sessions.recv().await.unwrap();
    assert_eq!(session.request().peer_address(), None);
}

#[tokio::test(start_paused = true)]
async fn what_a_layer_puts_into_the_request_reaches_the_session() {
    #[derive(Clone, Debug, PartialEq)]
    struct Login(&'static str);
    for nested in [true, false] {
        let (handler, mut sessions) = handing_over();
        let app = if nested {
            Router::new().nest("/chat", sockjs_layer(handler))
        } else {
            Router::new().sockjs("/chat", handler)
        };
        let app = app.layer(Extension(Login("ann")));
        ask(&app, to(Method::POST, "/chat/0/s/xhr?token=1")).await;
        let request = sessions.recv().await.unwrap().request();
        assert_eq!(request.extension(), Some(&Login("ann")), "{nested}");
        assert_eq!(request.uri(), "/0/s/xhr?token=1", "{nested}");
        assert_eq!(request.header("host"), Some(&b"a"[..]), "{nested}");
    }
}

#[tokio::test(start_paused = true)]
async fn methods_that_a_target_lacks_are_answered_by_the_mount() {
    let app = Router::new()
        .nest("/nested", sockjs_layer(echo))
        .sockjs("/method", echo);
    for mount in ["/nested", "/method"] {
        for (method, path, allow) in [
            (Method::GET, "/0/s/xhr", "POST, OPTIONS"),
            (Method::PUT, "/info", "OPTIONS, GET"),
            (Method::POST, "", "GET"),
        ] {
            let response = ask(&app, to(method, &format!("{mount}{path}"))).await;
            assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
            assert_eq!(response.headers()["allow"], allow, "{mount}{path}");
        }
    }
}
