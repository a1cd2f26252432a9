//! Plain WebSockets and event streams in axum routers.

// clippy.toml allows it in tests, which to clippy are functions with `#[test]`, not their helpers.
#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, OriginalUri},
    http::{Request, StatusCode},
    routing::get,
};
use http_body_util::BodyExt;
use sockeye_axum::RouterExt;
use sockeye_tower::{EventStream, Message, Session, Transport, WebSocket, test::Client};
use tower::ServiceExt;

/// Tells who it is, as the handler sees it, then echoes.
async fn tell(mut session: Session) {
    let request = session.request();
    let original = request.extension::<OriginalUri>();
    let text = format!(
        "{} {} {} {:?}",
        session.transport().name(),
        request.uri(),
        original.map_or_else(String::new, |original| original.0.to_string()),
        request.peer_address().map(|address| address.to_string()),
    );
    if session.send(text).await.is_err() {
        return;
    }
    while let Some(message) = session.recv().await {
        if session.send(message).await.is_err() {
            return;
        }
    }
}

fn mounts() -> Router {
    Router::new()
        .websocket("/ws", tell)
        .event_stream("/events", tell)
        .route("/", get(async || "theirs"))
}

/// Opens both mounts at their paths and below, and finds what the handler sees below the mount.
async fn serves(app: Router, prefix: &str) {
    let address = SocketAddr::from(([10, 0, 0, 7], 4321));
    let client = Client::new(app).extension(ConnectInfo(address));
    for (below, seen) in [
        ("", "/"),
        ("/", "/"),
        ("/a/b?c=d", "/a/b?c=d"),
        ("/%2F", "/%2F"),
    ] {
        let target = format!("{prefix}/ws{below}");
        let session = client.websocket(&target).open().await.unwrap();
        let expected = format!(
            "{} {seen} {target} {:?}",
            Transport::RawWebSocket.name(),
            Some(address.to_string())
        );
        assert_eq!(session.recv().await, Ok(expected.into()));
        session.send(vec![0, 255]).await.unwrap();
        assert_eq!(session.recv().await, Ok(Message::from(vec![0, 255])));

        let target = format!("{prefix}/events{below}");
        let session = client.event_stream(&target).open().await.unwrap();
        let expected = format!(
            "{} {seen} {target} {:?}",
            Transport::EventStream.name(),
            Some(address.to_string())
        );
        assert_eq!(session.recv().await, Ok(expected.into()));
        let head = session.opening();
        assert_eq!(head.header("content-type"), Some("text/event-stream"));
    }
}

#[tokio::test(start_paused = true)]
async fn on_the_router_itself() {
    serves(mounts(), "").await;
}

#[tokio::test(start_paused = true)]
async fn in_nested_routers() {
    serves(Router::new().nest("/api", mounts()), "/api").await;
    let twice = Router::new().nest("/a", Router::new().nest("/b", mounts()));
    serves(twice, "/a/b").await;
}

#[tokio::test(start_paused = true)]
async fn below_parameters_whatever_they_contain() {
    for tenant in ["one", "a%2Fb", "%20"] {
        let app = Router::new().nest("/app/{tenant}", mounts());
        serves(app, &format!("/app/{tenant}")).await;
        let app = Router::new()
            .websocket("/app/{tenant}/ws", tell)
            .event_stream("/app/{tenant}/events", tell);
        serves(app, &format!("/app/{tenant}")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_rest_of_the_app_is_untouched() {
    let app = mounts().fallback(async || StatusCode::IM_A_TEAPOT);
    for (target, status) in [
        ("/", 200),
        ("/wss", 418),
        ("/event", 418),
        ("/ws", 400),
        ("/ws/x", 400),
        ("/events/x", 200),
    ] {
        let request = Request::get(target).header("host", "a");
        let response = app.clone().oneshot(request.body(Body::empty()).unwrap());
        let response = response.await.unwrap();
        assert_eq!(response.status(), status, "{target}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_configured_mount_keeps_its_options() {
    let app: Router = Router::new()
        .websocket("/ws", WebSocket::new(tell).max_sessions(0))
        .event_stream(
            "/events",
            EventStream::new(tell).retry(std::time::Duration::from_secs(2)),
        );
    let client = Client::new(app.clone());
    let refused = client.websocket("/ws").expect_refused().await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    let request = Request::get("/events").header("host", "a");
    let response = app.oneshot(request.body(Body::empty()).unwrap()).await;
    let mut body = response.unwrap().into_body();
    let prelude = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(prelude, "retry: 2000\n\n");
}
