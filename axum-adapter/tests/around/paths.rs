//! A layer that rewrites paths.

use axum::{Router, routing::get};
use http::StatusCode;
use sockeye_axum::{RouterExt, sockjs_layer};
use tower::{Layer, ServiceBuilder};
use tower_http::normalize_path::NormalizePathLayer;

use crate::{
    support::{self, Host, Plain, echoing, host},
    walk::serves_everything,
};

/// The layer has to stand outside the router, where no route is chosen yet.
fn hosts(layer: &NormalizePathLayer) -> [Host; 3] {
    let router = || Router::new().route("/plain", get(|| async { "ordinary" }));
    [
        host(
            "nest",
            layer.layer(router().nest("/chat", sockjs_layer(echoing()))),
        ),
        host("method", layer.layer(router().sockjs("/chat", echoing()))),
        host(
            "tower",
            ServiceBuilder::new()
                .layer(*layer)
                .layer(echoing().layer("/chat"))
                .service(Plain),
        ),
    ]
}

async fn status(host: &Host, path: &str) -> StatusCode {
    host.ask(support::get(path)).await.status()
}

#[tokio::test(start_paused = true)]
async fn trimmed_paths_serve_everything_with_any_number_of_slashes() {
    for host in hosts(&NormalizePathLayer::trim_trailing_slash()) {
        serves_everything(&host).await;
        for path in ["/chat/", "/chat//", "/chat/info//", "/chat/iframe.html/"] {
            assert_eq!(
                status(&host, path).await,
                StatusCode::OK,
                "{} {path}",
                host.name
            );
        }
        assert_eq!(
            status(&host, "/chat//info").await,
            StatusCode::NOT_FOUND,
            "{}",
            host.name
        );
    }
}

/// One slash at the end is as good as none to a mount; to other routes of axum, and to `/chat/`
/// under `nest`, it is not.
#[tokio::test(start_paused = true)]
async fn appended_slashes_want_the_mount_as_a_method() {
    for host in hosts(&NormalizePathLayer::append_trailing_slash()) {
        for path in ["/chat/info", "/chat/iframe.html"] {
            assert_eq!(
                status(&host, path).await,
                StatusCode::OK,
                "{} {path}",
                host.name
            );
        }
        assert_eq!(host.poll().await, "o\n", "{}", host.name);
        assert_eq!(
            host.send("[\"x\"]").await,
            StatusCode::NO_CONTENT,
            "{}",
            host.name
        );
        assert_eq!(host.poll().await, "a[\"x\"]\n", "{}", host.name);
        host.websocket("/0/s/websocket").await;
        let greeting = if host.name == "nest" {
            StatusCode::NOT_FOUND
        } else {
            StatusCode::OK
        };
        assert_eq!(status(&host, "/chat").await, greeting, "{}", host.name);
    }
}
