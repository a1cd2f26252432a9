//! Limits on requests at a time, or in a time: who counts, and for how long.

use axum::error_handling::HandleErrorLayer;
use http::StatusCode;
use sockeye_tower::Message;
use tokio::time::{Instant, sleep};
use tower::{
    BoxError, ServiceBuilder,
    buffer::BufferLayer,
    limit::{ConcurrencyLimitLayer, GlobalConcurrencyLimitLayer, RateLimitLayer},
    load_shed::LoadShedLayer,
};
use tower_http::timeout::TimeoutLayer;

use crate::support::{echoing, get, handing_over, host, receiver, secs, sender};

async fn answer(error: BoxError) -> (StatusCode, String) {
    (StatusCode::SERVICE_UNAVAILABLE, error.to_string())
}

/// One request at a time; another is answered 503 at once, so that who counts can be seen.
macro_rules! one_or_503 {
    () => {
        ServiceBuilder::new()
            .layer(HandleErrorLayer::new(answer))
            .layer(LoadShedLayer::new())
            .layer(GlobalConcurrencyLimitLayer::new(1))
    };
}

#[tokio::test(start_paused = true)]
async fn a_stream_a_websocket_and_a_waiting_poll_hold_no_permit() {
    let mut tried = 0;
    for endpoint in ["xhr_streaming", "eventsource", "htmlfile", "xhr", "jsonp"] {
        for host in around!(echoing(), one_or_503!()) {
            let first = host.receive(endpoint).await;
            let _held = if matches!(endpoint, "xhr" | "jsonp") {
                first.rest().await;
                host.receive(endpoint).await
            } else {
                first
            };
            let plain = host.ask(get("/plain")).await.status();
            assert_eq!(plain, StatusCode::OK, "{} {endpoint}", host.name);
            tried += 1;
        }
    }
    for host in around!(echoing(), one_or_503!()) {
        let _framed = host.websocket("/0/s/websocket").await;
        let _raw = host.websocket("/websocket").await;
        assert_eq!(host.ask(get("/plain")).await.status(), StatusCode::OK);
        tried += 1;
    }
    assert_eq!(tried, 12);
}

#[tokio::test(start_paused = true)]
async fn a_waiting_poll_holds_a_permit_for_a_moment() {
    for host in around!(echoing(), one_or_503!()) {
        assert_eq!(host.poll().await, "o\n");
        let waits = host.ask(receiver("xhr"));
        let asks = async {
            sleep(std::time::Duration::from_millis(5)).await;
            let soon = host.ask(get("/plain")).await.status();
            sleep(std::time::Duration::from_millis(10)).await;
            (soon, host.ask(get("/plain")).await.status())
        };
        let (_poll, statuses) = tokio::join!(waits, asks);
        let expected = (StatusCode::SERVICE_UNAVAILABLE, StatusCode::OK);
        assert_eq!(statuses, expected, "{}", host.name);
    }
}

#[tokio::test(start_paused = true)]
async fn a_held_send_holds_its_permit_until_the_handler_takes() {
    let (mount, mut sessions) = handing_over();
    let mount = mount.inbox_limits(1, 1 << 10);
    for host in around!(mount.clone(), one_or_503!()) {
        let stream = host.receive("xhr_streaming").await;
        let mut session = sessions.recv().await.unwrap();
        assert_eq!(host.send("[\"one\"]").await, StatusCode::NO_CONTENT);
        let held = host.send("[\"two\"]");
        let meanwhile = async {
            sleep(secs(1)).await;
            let during = host.ask(get("/plain")).await.status();
            assert_eq!(session.recv().await, Some(Message::from("one")));
            sleep(secs(1)).await;
            (during, host.ask(get("/plain")).await.status())
        };
        let (sent, statuses) = tokio::join!(held, meanwhile);
        assert_eq!(sent, StatusCode::NO_CONTENT, "{}", host.name);
        let expected = (StatusCode::SERVICE_UNAVAILABLE, StatusCode::OK);
        assert_eq!(statuses, expected, "{}", host.name);
        drop((stream, session));
        sleep(secs(6)).await;
    }
}

/// With every permit in held sends no poll comes through, and without polls the sessions expire,
/// which is what frees the permits.
#[tokio::test(start_paused = true)]
async fn held_sends_can_keep_their_own_polls_out_until_the_session_expires() {
    let (mount, mut sessions) = handing_over();
    let mount = mount.inbox_limits(1, 1 << 10);
    for host in around!(mount.clone(), GlobalConcurrencyLimitLayer::new(1)) {
        assert_eq!(host.poll().await, "o\n");
        let session = sessions.recv().await.unwrap();
        assert_eq!(host.send("[\"one\"]").await, StatusCode::NO_CONTENT);
        let start = Instant::now();
        let polls = async {
            sleep(secs(1)).await;
            (host.poll().await, start.elapsed().as_secs())
        };
        let (_, (frame, waited)) = tokio::join!(host.send("[\"two\"]"), polls);
        // A session of its own: the first one is gone.
        assert_eq!((&*frame, waited), ("o\n", 5), "{}", host.name);
        drop(session);
        drop(sessions.recv().await);
        sleep(secs(6)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_timeout_outside_the_limit_frees_the_permit_of_a_held_send() {
    let stack = || {
        ServiceBuilder::new()
            .layer(TimeoutLayer::with_status_code(
                StatusCode::GATEWAY_TIMEOUT,
                secs(2),
            ))
            .layer(GlobalConcurrencyLimitLayer::new(1))
    };
    let (mount, mut sessions) = handing_over();
    let mount = mount.inbox_limits(1, 1 << 10);
    for host in around!(mount.clone(), stack()) {
        assert_eq!(host.poll().await, "o\n");
        let session = sessions.recv().await.unwrap();
        session.send("for the poll").await.unwrap();
        assert_eq!(host.send("[\"one\"]").await, StatusCode::NO_CONTENT);
        let polls = async {
            sleep(secs(1)).await;
            host.poll().await
        };
        let (sent, frame) = tokio::join!(host.send("[\"two\"]"), polls);
        assert_eq!(sent, StatusCode::GATEWAY_TIMEOUT, "{}", host.name);
        assert_eq!(frame, "a[\"for the poll\"]\n", "{}", host.name);
        drop(session);
        sleep(secs(6)).await;
    }
}

/// axum gives every route a copy of the layer, and so a semaphore of its own.
#[tokio::test(start_paused = true)]
async fn a_concurrency_limit_counts_per_route_in_axum_and_a_global_one_counts_all() {
    for global in [true, false] {
        let (mount, mut sessions) = handing_over();
        let mount = mount.inbox_limits(1, 1 << 10);
        let app = axum::Router::new()
            .route("/plain", axum::routing::get(|| async { "ordinary" }))
            .nest("/chat", sockeye_axum::sockjs_layer(mount));
        let host = if global {
            host("global", app.layer(GlobalConcurrencyLimitLayer::new(1)))
        } else {
            host("own", app.layer(ConcurrencyLimitLayer::new(1)))
        };
        let _stream = host.receive("xhr_streaming").await;
        let mut session = sessions.recv().await.unwrap();
        assert_eq!(host.send("[\"one\"]").await, StatusCode::NO_CONTENT);
        let start = Instant::now();
        let plain = async {
            sleep(secs(1)).await;
            assert_eq!(host.ask(get("/plain")).await.status(), StatusCode::OK);
            start.elapsed().as_secs()
        };
        let takes = async {
            sleep(secs(10)).await;
            session.recv().await
        };
        let (_, answered, _) = tokio::join!(host.send("[\"two\"]"), plain, takes);
        assert_eq!(answered, if global { 10 } else { 1 });
    }
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_counts_polls_and_sends_but_no_frames() {
    let (mount, mut sessions) = handing_over();
    let hosts = around!(
        mount.clone(),
        ServiceBuilder::new()
            .layer(HandleErrorLayer::new(answer))
            .layer(BufferLayer::new(8))
            .layer(RateLimitLayer::new(3, secs(10)))
    );
    for host in hosts {
        let start = Instant::now();
        let mut stream = host.receive("xhr_streaming").await;
        let session = sessions.recv().await.unwrap();
        stream.until("o\n").await;
        for _ in 0..100 {
            session.send("x").await.unwrap();
            stream.until("a[\"x\"]\n").await;
        }
        for waited in [0, 0, 10] {
            let sent = host.ask(sender("xhr_send", "[\"y\"]")).await;
            assert_eq!(sent.status(), StatusCode::NO_CONTENT, "{}", host.name);
            assert_eq!(start.elapsed().as_secs(), waited, "{}", host.name);
        }
        drop((stream, session));
        sleep(secs(6)).await;
    }
}
