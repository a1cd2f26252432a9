//! Engine.IO in axum routers: what the mount owns, and what stays the application's.

// clippy.toml allows it in tests, which to clippy are functions with `#[test]`, not their helpers.
#![allow(clippy::unwrap_used)]

use axum::{
    Router,
    body::Body,
    extract::OriginalUri,
    http::{Request, StatusCode},
    routing::get,
};
use http_body_util::BodyExt;
use sockeye_axum::RouterExt;
use sockeye_tower::{
    Accept, ConnectRequest, EngineIo, Session, StaticFile, Transport, engineio::ErrorCode,
    test::Client,
};
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
async fn hooks_do_not_see_the_secret_id() {
    let (shown, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let mount = EngineIo::new(greet).on_request(move |request: &ConnectRequest| {
        let OriginalUri(uri) = request.extension().unwrap();
        shown.send((uri.clone(), request.uri().clone())).unwrap();
        std::future::ready(Ok(Accept::new()))
    });
    let app = Router::new().engineio("/engine.io", mount);
    assert_opens(&app, &format!("/engine.io/?{HELLO}")).await;
    let expected = format!("/engine.io/?{HELLO}");
    let (original, uri) = seen.recv().await.unwrap();
    assert_eq!(
        (&*original.to_string(), &*uri.to_string()),
        (&*expected, &*expected)
    );
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

#[tokio::test]
async fn files_are_found_below_the_mount_wherever_it_is() {
    let mount = || {
        let script = StaticFile::new("let client", "application/javascript");
        EngineIo::new(greet).file("client.js", script)
    };
    let found = (StatusCode::OK, "let client".to_owned());
    let inner = Router::new().engineio("/engine.io", mount());
    for (app, path) in [
        (Router::new().engineio("/engine.io", mount()), "/engine.io"),
        (Router::new().engineio("/", mount()), ""),
        (Router::new().engineio("/{app}/eio/", mount()), "/a%2Fb/eio"),
        (
            Router::new().nest_service("/eio", mount().service()),
            "/eio",
        ),
        (Router::new().nest("/deep/{er}", inner), "/deep/1/engine.io"),
    ] {
        assert_eq!(
            ask(&app, &format!("{path}/client.js?v=2")).await,
            found,
            "{path}"
        );
        let (status, _) = ask(&app, &format!("{path}/x/client.js")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path}");
        assert_opens(&app, &format!("{path}/?{HELLO}")).await;
    }
}
