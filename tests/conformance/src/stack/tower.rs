//! Layers over a plain service: no framework at all.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::Full;
use hyper::body::Incoming;
use sockeye::Handle;
use tower::{Service, ServiceBuilder, service_fn};

use super::health;
use crate::mounts::Mounts;

/// The host's own service, with one layer per mount in front of it.
pub(super) fn app(
    mounts: Mounts,
    handle: &Handle,
) -> impl Service<
    Request<Incoming>,
    Response = Response<impl Body<Data = Bytes, Error = Infallible> + Send + 'static>,
    Error = Infallible,
    Future: Send + 'static,
> + Clone
+ Send
+ 'static {
    let handle = handle.clone();
    let host = service_fn(move |request| {
        let answer = host(&request, &handle);
        async move { Ok::<_, Infallible>(answer) }
    });
    let [
        echo,
        no_websocket,
        cookie,
        close,
        amplify,
        broadcast,
        ticker,
        multiplex,
    ] = mounts.sockjs.map(|(path, mount)| mount.layer(path));
    let [engineio, legacy_engineio] = mounts.engineio.map(|(path, mount)| mount.layer(path));
    let [
        socketio,
        legacy_socketio,
        fast,
        recovery,
        msgpack,
        options,
        ws_only,
        poll_only,
        no_upgrade,
    ] = mounts.socketio.map(|(path, io)| io.layer(path));
    ServiceBuilder::new()
        .layer(echo)
        .layer(no_websocket)
        .layer(cookie)
        .layer(close)
        .layer(amplify)
        .layer(broadcast)
        .layer(ticker)
        .layer(multiplex)
        .layer(engineio)
        .layer(legacy_engineio)
        .layer(socketio)
        .layer(legacy_socketio)
        .layer(fast)
        .layer(recovery)
        .layer(msgpack)
        .layer(options)
        .layer(ws_only)
        .layer(poll_only)
        .layer(no_upgrade)
        .service(host)
}

fn host(request: &Request<Incoming>, handle: &Handle) -> Response<Full<Bytes>> {
    let (status, text) = match (request.method(), request.uri().path()) {
        (&Method::GET, "/healthz") => health(handle),
        _ => (StatusCode::NOT_FOUND, "not found"),
    };
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    response
}
