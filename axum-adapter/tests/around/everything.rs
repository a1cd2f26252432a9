//! Layers under which every transport works out of the box, or with what `docs/middleware.md` says.

use axum::{error_handling::HandleErrorLayer, extract::DefaultBodyLimit};
use futures_util::{SinkExt, StreamExt};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use sockeye_tower::{EventStream, Session, WebSocket, may_compress};
use tokio_tungstenite::tungstenite::Message;
use tower::{
    BoxError, ServiceBuilder,
    buffer::BufferLayer,
    limit::{ConcurrencyLimitLayer, GlobalConcurrencyLimitLayer, RateLimitLayer},
    load_shed::LoadShedLayer,
    timeout::TimeoutLayer,
};
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::{CompressionLayer, DefaultPredicate, Predicate},
    cors::CorsLayer,
    limit::RequestBodyLimitLayer,
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
    set_header::SetResponseHeaderLayer,
    timeout::{
        RequestBodyDeadlineLayer, RequestBodyTimeoutLayer, ResponseBodyTimeoutLayer,
        TimeoutLayer as HttpTimeoutLayer,
    },
    trace::TraceLayer,
};

use crate::{
    support::{ORIGIN, Plain, Receiving, echo, echoing, get, host, secs},
    walk::serves_everything,
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Layers that fail with an error of their own want it made into an answer.
async fn answer(error: BoxError) -> (StatusCode, String) {
    (StatusCode::SERVICE_UNAVAILABLE, error.to_string())
}

/// One test per layer, on both stacks.
macro_rules! works_under {
    ($($name:ident: $layer:expr;)*) => {
        $(
            #[tokio::test(start_paused = true)]
            async fn $name() {
                for host in around!(echoing(), $layer) {
                    serves_everything(&host).await;
                }
            }
        )*
    };
}

works_under! {
    nothing: tower::layer::util::Identity::new();
    a_trace: TraceLayer::new_for_http();
    request_ids: ServiceBuilder::new()
        .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
        .layer(PropagateRequestIdLayer::new(REQUEST_ID));
    headers_where_there_are_none: SetResponseHeaderLayer::if_not_present(
        http::header::CACHE_CONTROL,
        HeaderValue::from_static("private"),
    );
    a_panic_catcher: CatchPanicLayer::new();
    compression_with_our_predicate:
        CompressionLayer::new().compress_when(DefaultPredicate::new().and(may_compress));
    a_timeout_shorter_than_a_poll: HttpTimeoutLayer::with_status_code(
        StatusCode::GATEWAY_TIMEOUT,
        secs(1),
    );
    towers_timeout_shorter_than_a_poll: ServiceBuilder::new()
        .layer(HandleErrorLayer::new(answer))
        .layer(TimeoutLayer::new(secs(1)));
    a_timeout_between_the_pieces_of_a_request: RequestBodyTimeoutLayer::new(secs(1));
    a_deadline_of_requests: RequestBodyDeadlineLayer::new(secs(1));
    a_timeout_of_responses_above_the_heartbeat: ResponseBodyTimeoutLayer::new(secs(30));
    a_limit_of_request_bodies: RequestBodyLimitLayer::new(1 << 20);
    axums_limit_of_request_bodies: DefaultBodyLimit::max(1);
    a_concurrency_limit_of_one: ConcurrencyLimitLayer::new(1);
    a_global_concurrency_limit_of_one: GlobalConcurrencyLimitLayer::new(1);
    load_shedding: ServiceBuilder::new()
        .layer(HandleErrorLayer::new(answer))
        .layer(LoadShedLayer::new())
        .layer(ConcurrencyLimitLayer::new(2));
    a_buffered_rate_limit: ServiceBuilder::new()
        .layer(HandleErrorLayer::new(answer))
        .layer(BufferLayer::new(8))
        .layer(RateLimitLayer::new(100, secs(1)));
}

#[tokio::test(start_paused = true)]
async fn cors_written_by_a_layer_alone() {
    let cors = || {
        CorsLayer::new()
            .allow_origin([HeaderValue::from_static(ORIGIN)])
            .allow_credentials(true)
            .allow_methods([Method::GET, Method::POST])
            .allow_headers([HeaderName::from_static("x-token")])
    };
    for host in around!(echoing().cors(false), cors()) {
        serves_everything(&host).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_whole_stack() {
    let stack = || {
        ServiceBuilder::new()
            // Its body has no default, which layers outside it want that answer themselves.
            .layer(ResponseBodyTimeoutLayer::new(secs(30)))
            .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
            .layer(TraceLayer::new_for_http())
            .layer(PropagateRequestIdLayer::new(REQUEST_ID))
            .layer(CatchPanicLayer::new())
            .layer(CompressionLayer::new().compress_when(DefaultPredicate::new().and(may_compress)))
            .layer(CorsLayer::very_permissive().allow_origin([HeaderValue::from_static(ORIGIN)]))
            .layer(HttpTimeoutLayer::with_status_code(
                StatusCode::GATEWAY_TIMEOUT,
                secs(1),
            ))
            .layer(RequestBodyLimitLayer::new(1 << 20))
            .layer(RequestBodyTimeoutLayer::new(secs(1)))
    };
    for host in around!(echoing().cors(false), stack()) {
        serves_everything(&host).await;
    }
}

/// The mounts for peers without SockJS, whose streams are `text/event-stream` and WebSockets.
#[tokio::test(start_paused = true)]
async fn plain_mounts_in_a_stack_without_further_care() {
    let events = EventStream::new(async |session: Session| {
        for number in 0..3 {
            let _ = session.send(format!("number {number}")).await;
            tokio::time::sleep(secs(20)).await;
        }
    });
    let stack = ServiceBuilder::new()
        .layer(ResponseBodyTimeoutLayer::new(secs(30)))
        .layer(TraceLayer::new_for_http())
        .layer(CompressionLayer::new())
        .layer(HttpTimeoutLayer::with_status_code(
            StatusCode::GATEWAY_TIMEOUT,
            secs(1),
        ))
        .layer(RequestBodyTimeoutLayer::new(secs(1)))
        .layer(GlobalConcurrencyLimitLayer::new(1))
        .layer(events.allowed_origins([ORIGIN]).layer("/chat/events"))
        .layer(
            WebSocket::new(echo)
                .allowed_origins([ORIGIN])
                .layer("/chat/ws"),
        )
        .service(Plain);
    let host = host("tower", stack);
    let mut stream = Receiving::new(host.ask(get("/chat/events")).await);
    assert_eq!(stream.response.headers().get("content-encoding"), None);
    stream.until("data: number 0\n\n").await;
    let mut socket = host.websocket("/ws").await;
    for number in [1, 2] {
        // The client answers pings only while it is read, so the socket rests below a heartbeat.
        tokio::time::sleep(secs(20)).await;
        stream.until(&format!("data: number {number}\n\n")).await;
        if number == 1 {
            socket.send(Message::text("one")).await.unwrap();
            let echoed = socket.next().await.unwrap().unwrap();
            assert_eq!(echoed, Message::text("one"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_mount_added_after_the_layers() {
    // Each of these breaks a mount inside it, as the other tests show.
    let stack = || {
        ServiceBuilder::new()
            .layer(CompressionLayer::new())
            .layer(SetResponseHeaderLayer::overriding(
                http::header::CACHE_CONTROL,
                HeaderValue::from_static("public"),
            ))
            .layer(tower_http::timeout::ResponseBodyDeadlineLayer::new(secs(
                10,
            )))
    };
    let axum = axum::Router::new()
        .route("/plain", axum::routing::get(|| async { "ordinary" }))
        .layer(stack())
        .nest("/chat", sockeye_axum::sockjs_layer(echoing()));
    serves_everything(&host("axum", axum)).await;
    let tower = ServiceBuilder::new()
        .layer(echoing().layer("/chat"))
        .layer(stack())
        .service(Plain);
    serves_everything(&host("tower", tower)).await;
}
