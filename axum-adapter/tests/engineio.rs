//! Engine.IO in axum routers: what the mount owns, and what stays the application's.

// clippy.toml allows it in tests, which to clippy are functions with `#[test]`, not their helpers.
#![allow(clippy::unwrap_used)]

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode},
    routing::get,
};
use http_body_util::BodyExt;
use sockeye_axum::RouterExt;
use sockeye_tower::{EngineIo, Session, Transport, engineio::ErrorCode, test::Client};
use tower::ServiceExt;

async fn greet(session: Session) {
    let _ = session.send("welcome").await;
}

async fn ask(app: &Router, target: &str) -> (StatusCode, String) {
    let request = Request::builder().uri(target).header("host", "a");
    let request = request.body(Body::empty()).unwrap();
    let Ok(response) = app.clone().oneshot(request).await;
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(bytes.into()).unwrap())
}

/// Opens a session at a target with a query, and hears its greeting.
async fn assert_opens(app: &Router, target: &str) {
    let (status, opened) = ask(app, target).await;
    assert_eq!(status, StatusCode::OK, "{target}: {opened}");
    let (_, rest) = opened.split_once(r#"0{"sid":""#).unwrap();
    let (sid, _) = rest.split_once('"').unwrap();
    let (status, greeting) = ask(app, &format!("{target}&sid={sid}")).await;
    assert_eq!(
        (status, greeting.as_str()),
        (StatusCode::OK, "4welcome"),
        "{target}"
    );
}

const HELLO: &str = "EIO=4&transport=polling";

#[tokio::test]
async fn the_path_with_a_slash_and_below_is_the_mounts() {
    let app = Router::new().engineio("/engine.io", EngineIo::new(greet));
    assert_opens(&app, &format!("/engine.io/?{HELLO}")).await;
    assert_opens(&app, &format!("/engine.io/any/thing?{HELLO}")).await;
    let unknown = (
        StatusCode::BAD_REQUEST,
        r#"{"code":0,"message":"Transport unknown"}"#.to_owned(),
    );
    assert_eq!(ask(&app, "/engine.io/").await, unknown);
}

#[tokio::test]
async fn a_slash_behind_the_path_makes_no_difference() {
    let app = Router::new().engineio("/engine.io/", greet);
    assert_opens(&app, &format!("/engine.io/?{HELLO}")).await;
}

#[tokio::test]
async fn the_path_without_a_slash_is_the_applications() {
    let app = Router::new()
        .engineio("/engine.io", greet)
        .fallback(async || "the fallback");
    let target = format!("/engine.io?{HELLO}");
    assert_eq!(ask(&app, &target).await.1, "the fallback");
    let neighbour = format!("/engine.iox/?{HELLO}");
    assert_eq!(ask(&app, &neighbour).await.1, "the fallback");
    let app = app.route("/engine.io", get(async || "a route"));
    assert_eq!(ask(&app, &target).await.1, "a route");
    assert_opens(&app, &format!("/engine.io/?{HELLO}")).await;
}

#[tokio::test]
async fn it_is_found_however_deep_it_is_nested() {
    let inner = Router::new().engineio("/engine.io", greet);
    let app = Router::new().nest("/api/{tenant}", Router::new().nest("/v1", inner));
    assert_opens(&app, &format!("/api/a%2Fb/v1/engine.io/?{HELLO}")).await;
}

#[tokio::test(start_paused = true)]
async fn sessions_go_over_to_websocket_and_leave() {
    let mount = EngineIo::new(async |mut session: Session| {
        while let Some(message) = session.recv().await {
            if session.send(message).await.is_err() {
                break;
            }
        }
    });
    let app = Router::new().nest("/api", Router::new().engineio("/engine.io", mount));
    for client in [Client::new(app.clone()), Client::new(app).http2()] {
        let session = client.engineio("/api/engine.io/").open().await.unwrap();
        assert_eq!(session.handshake().upgrades, [Transport::WebSocket]);
        session.send_all(["one", "two"]).await.unwrap();
        assert_eq!(session.recv().await, Ok("one".into()));
        session.upgrade().await.unwrap();
        assert_eq!(session.recv().await, Ok("two".into()));
        session.send(vec![3]).await.unwrap();
        assert_eq!(session.recv().await, Ok(vec![3].into()));
        session.close().await.unwrap();
        // What is no mount's is not answered in its words.
        let missing = client.engineio("/engine.io/").expect_refused().await;
        assert_eq!(missing.status(), StatusCode::NOT_FOUND);
        assert_eq!(missing.engineio_error(), None);
        let socket = client.engineio("/api/engine.io/").query("sid", "x");
        let unknown = socket.transport(Transport::WebSocket);
        let unknown = unknown.expect_refused().await.engineio_error().unwrap();
        assert_eq!(unknown.0, ErrorCode::SessionUnknown);
    }
}
