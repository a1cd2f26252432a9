//! hyper's connection of either version, with what we set on it.

use super::{
    acceptor::Stream,
    activity::{Activity, Busy},
    door::Door,
};
use http_body::Body;
use hyper::{
    body::Incoming,
    rt::Executor,
    server::conn::{http1, http2},
};
use hyper_util::rt::TokioIo;
use std::{
    convert::Infallible,
    error::Error,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tower_service::Service;

type Http1<S> = http1::UpgradeableConnection<TokioIo<Stream>, Door<S>>;
type Http2<S> = http2::Connection<TokioIo<Stream>, Door<S>, Spawn>;

/// An HTTP connection.
///
/// hyper's are large: boxed, each takes what its version needs, and the task stays small.
pub(super) enum Http<S>
where
    S: Service<http::Request<Incoming>, Error = Infallible> + Clone,
    Door<S>: hyper::service::HttpService<Incoming>,
{
    Version1(Pin<Box<Http1<S>>>),
    Version2(Pin<Box<Http2<S>>>),
}

impl<S, B> Http<S>
where
    S: Service<http::Request<Incoming>, Response = http::Response<B>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    pub(super) fn version1(stream: Stream, door: Door<S>, is_late: bool) -> Self {
        let limit = door.activity.shared.limits.max_head_size;
        let mut builder = http1::Builder::new();
        builder
            .keep_alive(!is_late)
            // Our timer covers it, and the time before and after as well.
            .header_read_timeout(None)
            .max_header_size(limit)
            // Also what is kept of an answer that the peer is slow to read.
            .max_buf_size(limit.max(SMALLEST_HTTP1_BUFFER));
        let connection = builder.serve_connection(TokioIo::new(stream), door);
        Self::Version1(Box::pin(connection.with_upgrades()))
    }

    pub(super) fn version2(stream: Stream, door: Door<S>) -> Self {
        let limit = door.activity.shared.limits.max_head_size;
        let mut builder = http2::Builder::new(Spawn(door.activity.clone()));
        builder
            .enable_connect_protocol()
            .adaptive_window(false)
            .max_concurrent_streams(MAX_STREAMS)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buf_size(STREAM_SEND_BUFFER)
            .max_header_list_size(u32::try_from(limit).unwrap_or(u32::MAX));
        Self::Version2(Box::pin(
            builder.serve_connection(TokioIo::new(stream), door),
        ))
    }

    /// Ready when it has ended or was upgraded.
    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Version1(connection) => connection.as_mut().poll(cx).map(drop),
            Self::Version2(connection) => connection.as_mut().poll(cx).map(drop),
        }
    }

    /// Lets hyper close it once the answers in progress are out.
    pub(super) fn finish(&mut self) {
        match self {
            Self::Version1(connection) => connection.as_mut().graceful_shutdown(),
            Self::Version2(connection) => connection.as_mut().graceful_shutdown(),
        }
    }
}

/// Spawns HTTP/2's streams and tunnels; while one lives its connection is busy.
#[derive(Clone, Debug)]
pub(super) struct Spawn(Arc<Activity>);

impl<F> Executor<F> for Spawn
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        let busy = Busy::new(&self.0);
        tokio::spawn(async move {
            let _busy = busy;
            future.await;
        });
    }
}

/// hyper takes no smaller one.
const SMALLEST_HTTP1_BUFFER: usize = 8 * 1024;

/// One tab's worth of polling sessions is a handful; a proxy that joins many clients on one
/// connection opens another beyond this.
const MAX_STREAMS: u32 = 250;

/// A tunnel whose session is not reading holds this much, and leaves room for its neighbours in
/// the connection's window.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 2 * 1024 * 1024;

/// Bytes of one stream's answer that wait for a peer who is slow to read.
const STREAM_SEND_BUFFER: usize = 64 * 1024;
