//! What timeouts outside a mount cut, and what the peer and the session see of it.

use std::convert::Infallible;

use axum::error_handling::HandleErrorLayer;
use bytes::Bytes;
use futures_util::stream;
use http::{Method, Request, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{Full, StreamBody};
use sockeye_tower::{Accept, CloseReason, ConnectRequest, Message};
use tokio::time::{Instant, sleep, timeout};
use tower::{BoxError, ServiceBuilder, timeout::TimeoutLayer};
use tower_http::timeout::{
    RequestBodyTimeoutLayer, ResponseBodyDeadlineLayer, ResponseBodyTimeoutLayer,
    TimeoutLayer as HttpTimeoutLayer,
};

use crate::support::{Receiving, echoing, handing_over, handshake, receiver, secs, sender, to};

fn one_second() -> HttpTimeoutLayer {
    HttpTimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, secs(1))
}

/// A message whose second half comes two seconds after its first.
fn slow_send() -> Request<impl Body<Data = Bytes, Error = Infallible> + Send + 'static> {
    let pieces = stream::unfold(0, |piece| async move {
        let data = ["[\"slow", "ly\"]"].get(piece)?;
        sleep(secs(2 * piece as u64)).await;
        Some((
            Ok(Frame::data(Bytes::from_static(data.as_bytes()))),
            piece + 1,
        ))
    });
    to(Method::POST, "/chat/0/s/xhr_send")
        .body(StreamBody::new(pieces))
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_timeout_answers_a_slow_body_in_our_stead_and_the_session_lives() {
    for host in around!(echoing(), one_second()) {
        assert_eq!(host.poll().await, "o\n");
        let start = Instant::now();
        let response = host.ask(slow_send()).await;
        assert_eq!(
            response.status(),
            StatusCode::GATEWAY_TIMEOUT,
            "{}",
            host.name
        );
        assert_eq!(start.elapsed().as_secs(), 1, "{}", host.name);
        // Nothing of it was delivered; the client closes for itself, but the session could go on.
        assert_eq!(host.send("[\"next\"]").await, StatusCode::NO_CONTENT);
        assert_eq!(host.poll().await, "a[\"next\"]\n", "{}", host.name);
    }
}

#[tokio::test(start_paused = true)]
async fn a_timeout_cuts_a_send_that_is_held_while_the_handler_is_behind() {
    for timed in [true, false] {
        let (mount, mut sessions) = handing_over();
        let mount = mount.inbox_limits(1, 1 << 10);
        let patience = if timed { secs(1) } else { secs(3600) };
        let layer = || HttpTimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, patience);
        for host in around!(mount.clone(), layer()) {
            let stream = host.receive("xhr_streaming").await;
            let mut session = sessions.recv().await.unwrap();
            assert_eq!(host.send("[\"one\"]").await, StatusCode::NO_CONTENT);
            let held = host.send("[\"two\"]");
            let takes = async {
                sleep(secs(10)).await;
                session.recv().await
            };
            let (status, one) = tokio::join!(held, takes);
            assert_eq!(one, Some(Message::from("one")), "{}", host.name);
            if timed {
                assert_eq!(status, StatusCode::GATEWAY_TIMEOUT, "{}", host.name);
                // What was cut was not delivered, and what comes now has its turn.
                assert_eq!(host.send("[\"three\"]").await, StatusCode::NO_CONTENT);
                assert_eq!(session.recv().await, Some(Message::from("three")));
            } else {
                assert_eq!(status, StatusCode::NO_CONTENT, "{}", host.name);
                assert_eq!(session.recv().await, Some(Message::from("two")));
            }
            drop((stream, session));
            sleep(secs(6)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn towers_timeout_without_an_error_handler_drops_the_connection() {
    async fn answer(error: BoxError) -> (StatusCode, String) {
        (StatusCode::GATEWAY_TIMEOUT, error.to_string())
    }
    let bare = ServiceBuilder::new()
        .layer(TimeoutLayer::new(secs(1)))
        .layer(echoing().layer("/chat"))
        .service(crate::support::Plain);
    let bare = crate::support::host("tower", bare);
    assert_eq!(bare.poll().await, "o\n");
    assert!(bare.try_ask(slow_send()).await.is_err());

    let handled = || {
        ServiceBuilder::new()
            .layer(HandleErrorLayer::new(answer))
            .layer(TimeoutLayer::new(secs(1)))
    };
    for host in around!(echoing(), handled()) {
        assert_eq!(host.poll().await, "o\n");
        let response = host.ask(slow_send()).await;
        assert_eq!(
            response.status(),
            StatusCode::GATEWAY_TIMEOUT,
            "{}",
            host.name
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_timeout_of_request_bodies_makes_them_incomplete_and_the_session_lives() {
    for host in around!(echoing(), RequestBodyTimeoutLayer::new(secs(1))) {
        assert_eq!(host.poll().await, "o\n");
        let response = host.ask(slow_send()).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{}", host.name);
        assert_eq!(response.headers()["connection"], "close", "{}", host.name);
        let body = Receiving::new(response).rest().await;
        assert_eq!(body, "the body is incomplete", "{}", host.name);
        assert_eq!(host.send("[\"next\"]").await, StatusCode::NO_CONTENT);
        assert_eq!(host.poll().await, "a[\"next\"]\n", "{}", host.name);
    }
}

/// The layer's body never knows that it is at its end; a handshake with a body is still told apart.
#[tokio::test(start_paused = true)]
async fn under_a_timeout_of_request_bodies_a_handshake_has_no_body() {
    for host in around!(echoing(), RequestBodyTimeoutLayer::new(secs(1))) {
        for (body, status) in [
            ("", StatusCode::SWITCHING_PROTOCOLS),
            ("x", StatusCode::BAD_REQUEST),
        ] {
            let request = handshake("/0/s/websocket").map(|_| Full::from(body));
            let response = host.ask(request).await;
            assert_eq!(response.status(), status, "{} {body:?}", host.name);
        }
    }
}

const RECEIVERS: [&str; 5] = ["xhr_streaming", "eventsource", "htmlfile", "xhr", "jsonp"];

#[tokio::test(start_paused = true)]
async fn a_timeout_of_responses_below_the_heartbeat_ends_every_session() {
    for endpoint in RECEIVERS {
        let (mount, mut sessions) = handing_over();
        for host in around!(mount.clone(), ResponseBodyTimeoutLayer::new(secs(10))) {
            if !matches!(endpoint, "xhr" | "jsonp") {
                let stream = host.receive(endpoint).await;
                let start = Instant::now();
                assert!(stream.try_rest().await.is_err(), "{} {endpoint}", host.name);
                assert_eq!(start.elapsed().as_secs(), 10, "{} {endpoint}", host.name);
            } else {
                host.receive(endpoint).await.rest().await;
                let waiting = host.receive(endpoint).await;
                assert!(
                    waiting.try_rest().await.is_err(),
                    "{} {endpoint}",
                    host.name
                );
            }
            let mut session = sessions.recv().await.unwrap();
            assert_eq!(session.recv().await, None, "{} {endpoint}", host.name);
            assert_eq!(
                session.close_reason(),
                Some(CloseReason::Disconnected),
                "{endpoint}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_below_the_timeout_of_responses_keeps_every_session() {
    for endpoint in RECEIVERS {
        let mount = echoing().heartbeat_interval(secs(5));
        for host in around!(mount.clone(), ResponseBodyTimeoutLayer::new(secs(10))) {
            if !matches!(endpoint, "xhr" | "jsonp") {
                let stream = host.receive(endpoint).await;
                let cut = timeout(secs(60), stream.try_rest()).await;
                assert!(cut.is_err(), "{} {endpoint} {cut:?}", host.name);
            } else {
                for _ in 0..5 {
                    host.receive(endpoint).await.rest().await;
                }
            }
            sleep(secs(6)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_of_responses_ends_every_stream_whatever_comes() {
    for endpoint in ["xhr_streaming", "eventsource", "htmlfile"] {
        let (mount, mut sessions) = handing_over();
        let mount = mount.heartbeat_interval(secs(5));
        for host in around!(mount.clone(), ResponseBodyDeadlineLayer::new(secs(60))) {
            let stream = host.receive(endpoint).await;
            let start = Instant::now();
            assert!(stream.try_rest().await.is_err(), "{} {endpoint}", host.name);
            assert_eq!(start.elapsed().as_secs(), 60, "{} {endpoint}", host.name);
            let mut session = sessions.recv().await.unwrap();
            assert_eq!(session.recv().await, None, "{} {endpoint}", host.name);
        }
    }
}

/// A hook is waited for before the head, and what it had begun is undone.
#[tokio::test(start_paused = true)]
async fn a_timeout_cuts_a_slow_connect_hook_and_no_session_opens() {
    for patience in [1, 10] {
        let (mount, mut sessions) = handing_over();
        let mount = mount.on_connect(async |_: &ConnectRequest| {
            sleep(secs(5)).await;
            Ok(Accept::new())
        });
        let layer =
            || HttpTimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, secs(patience));
        for host in around!(mount.clone(), layer()) {
            for request in RECEIVERS
                .map(receiver)
                .into_iter()
                .chain([handshake("/0/s/websocket")])
            {
                let endpoint = request.uri().clone();
                // Twice, so that an id which stayed taken would be seen.
                for _ in 0..2 {
                    let response = host.ask(request.clone()).await;
                    let is_cut = response.status() == StatusCode::GATEWAY_TIMEOUT;
                    assert_eq!(is_cut, patience == 1, "{} {endpoint}", host.name);
                    drop(response);
                    sleep(secs(6)).await;
                    let is_open = sessions.try_recv().is_ok();
                    assert_eq!(is_open, patience == 10, "{} {endpoint}", host.name);
                }
            }
        }
    }
}

/// A timeout of the whole request counts until the head alone.
#[tokio::test(start_paused = true)]
async fn no_head_takes_longer_than_a_moment() {
    for host in around!(echoing(), one_second()) {
        for endpoint in RECEIVERS {
            for _ in 0..2 {
                let start = Instant::now();
                let response = host.ask(receiver(endpoint)).await;
                assert_eq!(
                    response.status(),
                    StatusCode::OK,
                    "{} {endpoint}",
                    host.name
                );
                assert!(
                    start.elapsed().as_millis() <= 12,
                    "{} {endpoint}",
                    host.name
                );
                drop(response);
            }
            sleep(secs(6)).await;
        }
        let start = Instant::now();
        let response = host.ask(sender("xhr_send", "[]")).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{}", host.name);
        assert!(start.elapsed().as_millis() <= 12, "{}", host.name);
    }
}
