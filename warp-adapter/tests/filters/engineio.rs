//! Engine.IO as a filter: what it owns, and where it rejects.

use http::StatusCode;
use sockeye_tower::{Session, Transport, test::Client};
use sockeye_warp::engineio;
use warp::Filter;

use crate::support::{ask, echo, get, text};

async fn greet(session: Session) {
    let _ = session.send("welcome").await;
}

/// Asks the mount, and behind it a route that takes what the mount leaves.
async fn answer(target: &str) -> (StatusCode, String) {
    let engine = warp::path("engine.io").and(engineio(greet));
    let app = warp::service(engine.or(warp::any().map(|| "the application")));
    let response = ask(&app, get(target)).await;
    (response.status(), text(response).await)
}

#[tokio::test]
async fn below_its_path_it_answers_everything() {
    for path in ["/engine.io/", "/engine.io/any/thing", "/engine.io//"] {
        let (status, text) = answer(&format!("{path}?EIO=4&transport=polling")).await;
        assert_eq!(status, StatusCode::OK, "{path}: {text}");
        assert!(text.starts_with(r#"0{"sid":""#), "{path}: {text}");
        let (status, text) = answer(path).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path}");
        assert_eq!(
            text, r#"{"code":0,"message":"Transport unknown"}"#,
            "{path}"
        );
    }
}

#[tokio::test]
async fn without_a_slash_it_leaves_the_path_to_others() {
    for path in ["/engine.io", "/engine.iox/", "/"] {
        let (status, text) = answer(&format!("{path}?EIO=4&transport=polling")).await;
        assert_eq!(
            (status, text.as_str()),
            (StatusCode::OK, "the application"),
            "{path}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn sessions_go_over_to_websocket_and_leave() {
    let engine = warp::path("engine.io").and(engineio(echo));
    let app = warp::service(engine.or(warp::any().map(|| "the application")));
    for transport in [Transport::Polling, Transport::WebSocket] {
        let client = Client::new(app.clone());
        let session = client.engineio("/engine.io/").transport(transport);
        let session = session.open().await.unwrap();
        session.send_all(["one", "two"]).await.unwrap();
        assert_eq!(session.recv().await, Ok("one".into()));
        if transport == Transport::Polling {
            session.upgrade().await.unwrap();
        }
        assert_eq!(session.transport(), Transport::WebSocket);
        assert_eq!(session.recv().await, Ok("two".into()));
        session.send(vec![3]).await.unwrap();
        assert_eq!(session.recv().await, Ok(vec![3].into()));
        session.close().await.unwrap();
    }
}
