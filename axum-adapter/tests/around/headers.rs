//! Layers that write response headers.

use http::{HeaderValue, StatusCode, header};
use sockeye_tower::may_compress;
use tower::ServiceBuilder;
use tower_http::{
    compression::{CompressionLayer, DefaultPredicate, Predicate},
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
    set_header::SetResponseHeaderLayer,
};

use crate::support::{NO_CACHE, echoing, receiver};

fn compressing() -> CompressionLayer<impl Predicate> {
    CompressionLayer::new().compress_when(DefaultPredicate::new().and(may_compress))
}

#[tokio::test(start_paused = true)]
async fn an_overridden_cache_control_takes_no_transform_away() {
    let cache = HeaderValue::from_static("private");
    for (overriding, encoding) in [(true, Some("gzip")), (false, None)] {
        let stack = || {
            let name = header::CACHE_CONTROL;
            ServiceBuilder::new()
                .layer(compressing())
                .layer(if overriding {
                    SetResponseHeaderLayer::overriding(name, cache.clone())
                } else {
                    SetResponseHeaderLayer::if_not_present(name, cache.clone())
                })
        };
        for host in around!(echoing(), stack()) {
            let stream = host.receive("xhr_streaming").await;
            let headers = stream.response.headers();
            let found = headers.get(header::CONTENT_ENCODING);
            assert_eq!(found.map(|value| value.to_str().unwrap()), encoding);
            let expected = if overriding { "private" } else { NO_CACHE };
            assert_eq!(headers[header::CACHE_CONTROL], expected, "{}", host.name);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_requests_id_is_on_streams_and_on_a_websockets_handshake() {
    let name = http::HeaderName::from_static("x-request-id");
    let ids = || {
        ServiceBuilder::new()
            .layer(SetRequestIdLayer::new(name.clone(), MakeRequestUuid))
            .layer(PropagateRequestIdLayer::new(name.clone()))
    };
    for host in around!(echoing(), ids()) {
        let mut stream = receiver("xhr_streaming");
        let mut handshake = crate::support::handshake("/0/s/websocket");
        for (request, status) in [
            (&mut stream, StatusCode::OK),
            (&mut handshake, StatusCode::SWITCHING_PROTOCOLS),
        ] {
            request
                .headers_mut()
                .insert(&name, HeaderValue::from_static("id-1"));
            let response = host.ask(request.clone()).await;
            assert_eq!(response.status(), status, "{}", host.name);
            assert_eq!(response.headers()[&name], "id-1", "{}", host.name);
        }
    }
}
