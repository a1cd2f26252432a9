//! Limits on request bodies outside a mount.

use std::convert::Infallible;

use axum::{Router, extract::DefaultBodyLimit};
use bytes::Bytes;
use futures_util::stream;
use http::{Method, StatusCode};
use http_body::Frame;
use http_body_util::StreamBody;
use sockeye_axum::sockjs_layer;
use tower_http::limit::RequestBodyLimitLayer;

use crate::support::{Receiving, echoing, host, sender, to};

const LONG: &str = "[\"longer than the limit\"]";

#[tokio::test(start_paused = true)]
async fn a_limit_below_ours_answers_413_itself_and_the_session_lives() {
    for host in around!(echoing(), RequestBodyLimitLayer::new(10)) {
        assert_eq!(host.poll().await, "o\n");
        for endpoint in ["xhr_send", "jsonp_send"] {
            let refused = host.ask(sender(endpoint, LONG)).await;
            assert_eq!(
                refused.status(),
                StatusCode::PAYLOAD_TOO_LARGE,
                "{}",
                host.name
            );
            // The layer's answer: none of our headers, CORS among them.
            assert_eq!(refused.headers().get("access-control-allow-origin"), None);
            assert_eq!(refused.headers().get("cache-control"), None);
        }
        assert_eq!(host.send("[\"1234\"]").await, StatusCode::NO_CONTENT);
        assert_eq!(host.poll().await, "a[\"1234\"]\n", "{}", host.name);
    }
}

/// Without a length the layer can only break the body off, which looks like a broken connection.
#[tokio::test(start_paused = true)]
async fn a_chunked_body_beyond_the_layers_limit_is_incomplete_to_us() {
    for host in around!(echoing(), RequestBodyLimitLayer::new(10)) {
        assert_eq!(host.poll().await, "o\n");
        let chunks = [Ok::<_, Infallible>(Frame::data(Bytes::from_static(
            LONG.as_bytes(),
        )))];
        let request = to(Method::POST, "/chat/0/s/xhr_send")
            .body(StreamBody::new(stream::iter(chunks)))
            .unwrap();
        let refused = host.ask(request).await;
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "{}", host.name);
        let body = Receiving::new(refused).rest().await;
        assert_eq!(body, "the body is incomplete", "{}", host.name);
        assert_eq!(host.send("[\"1234\"]").await, StatusCode::NO_CONTENT);
        assert_eq!(host.poll().await, "a[\"1234\"]\n", "{}", host.name);
    }
}

#[tokio::test(start_paused = true)]
async fn axums_limit_neither_lowers_nor_raises_ours() {
    let mount = || echoing().max_message_size(1000);
    let app = |limit| {
        host(
            "axum",
            Router::new()
                .nest("/chat", sockjs_layer(mount()))
                .layer(limit),
        )
    };
    for host in [
        app(DefaultBodyLimit::max(10)),
        app(DefaultBodyLimit::disable()),
    ] {
        assert_eq!(host.poll().await, "o\n");
        assert_eq!(host.send(LONG).await, StatusCode::NO_CONTENT);
        assert_eq!(host.poll().await, "a[\"longer than the limit\"]\n");
        let beyond = format!("[\"{}\"]", "x".repeat(3000));
        assert_eq!(host.send(&beyond).await, StatusCode::PAYLOAD_TOO_LARGE);
    }
}
