//! sockeye mounts as warp filters.
//!
//! ```
//! use sockeye_tower::Session;
//! use warp::Filter;
//!
//! async fn echo(mut session: Session) {
//!     while let Some(message) = session.recv().await {
//!         if session.send(message).await.is_err() { break }
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let index = warp::path::end().map(|| "an ordinary route");
//! let chat = warp::path("chat").and(sockeye_warp::sockjs(echo));
//! let routes = index.or(chat);
//!
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! # let handle = sockeye_tower::Handle::new();
//! # let _drained = handle.drain(sockeye_tower::DrainPolicy::new());
//! sockeye_tower::serve(listener, warp::service(routes))
//! #     .handle(&handle)
//!     .await
//! # }
//! ```
//!
//! A mount is a filter like any other. A path that is not below the filters in front of it
//! rejects, so that `.or` goes on; below them the mount answers everything, 404 and 405 included.
//! Put filters that may reject in front of it: one behind it rejects when the mount has answered.
//!
//! # What warp cannot do
//!
//! - **Extensions by type only.** A filter cannot hand a request's extensions on as a whole. The
//!   types that a handler wants to see are named up front, with [`extension`]; the peer's address
//!   and what the protocols need come by themselves.
//! - **The peer's address** is known under `sockeye::serve` and `warp::serve`. Under another host,
//!   put a [`PeerAddress`](sockeye_tower::PeerAddress) into the request.
//! - **WebSocket over HTTP/2** (extended CONNECT) is refused by `warp::serve`, which does not switch
//!   it on; sessions then open over HTTP/1.1. `sockeye::serve(listener, warp::service(routes))` has
//!   it, and the timeouts, limits and drain that `warp::serve` has not.
//! - **`.with(warp::cors())`** answers preflights itself and needs each of the mount's methods and
//!   headers listed. The mount writes CORS headers of its own, so it is needed for other routes only.
//! - **`.with(warp::compression::..)`** compresses whatever passes, streams too: not around a mount.
//! - **A request's body** can be read once. A filter in front that reads it leaves the mount a 500.
//! - **Trailers** of requests and answers are lost.
#![forbid(unsafe_code)]

mod body;
mod extensions;
mod head;

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use sockeye_tower::{IntoEngineIo, IntoEventStream, IntoSockJs, IntoWebSocket, MountService};
use tower_service::Service;
use warp::{Filter, Rejection};

pub use body::RequestBody;
pub use extensions::{WithExtensions, extension};

/// A SockJS mount: `warp::path("chat").and(sockjs(handler))`.
///
/// It takes a handler, or a configured [`SockJs`](sockeye_tower::SockJs). It owns the path in front
/// of it, with and without a slash, and everything below.
///
/// # Panics
///
/// When options contradict each other.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use sockeye_tower::{Session, SockJs};
/// use warp::Filter;
///
/// let chat = SockJs::new(async |session: Session| { let _ = session.send("welcome").await; })
///     .heartbeat_interval(Duration::from_secs(20));
/// let routes = warp::path!("api" / "chat" / ..).and(sockeye_warp::sockjs(chat));
/// ```
pub fn sockjs<M>(
    mount: M,
) -> impl Filter<Extract = (warp::reply::Response,), Error = Rejection> + Clone + Send + Sync + 'static
where
    M: IntoSockJs,
{
    service(mount.into_sockjs().service())
}

/// A plain WebSocket mount: `warp::path("feed").and(websocket(handler))`.
///
/// It takes a handler, or a configured [`WebSocket`](sockeye_tower::WebSocket), and answers
/// everywhere below its path.
///
/// # Panics
///
/// When options contradict each other.
pub fn websocket<M>(
    mount: M,
) -> impl Filter<Extract = (warp::reply::Response,), Error = Rejection> + Clone + Send + Sync + 'static
where
    M: IntoWebSocket,
{
    service(mount.into_websocket().service())
}

/// A Server-Sent Events mount: `warp::path("events").and(event_stream(handler))`.
///
/// It takes a handler, or a configured [`EventStream`](sockeye_tower::EventStream), and answers
/// everywhere below its path.
///
/// # Panics
///
/// When options contradict each other.
pub fn event_stream<M>(
    mount: M,
) -> impl Filter<Extract = (warp::reply::Response,), Error = Rejection> + Clone + Send + Sync + 'static
where
    M: IntoEventStream,
{
    service(mount.into_event_stream().service())
}

/// An Engine.IO mount: `warp::path("engine.io").and(engineio(handler))`.
///
/// It takes a handler, or a configured [`EngineIo`](sockeye_tower::EngineIo), and owns everything
/// below its path: `/engine.io/`, which is what clients ask for, and what follows. At the path
/// itself, without a slash behind it, the filter rejects, so that `.or` goes on.
///
/// # Panics
///
/// When options contradict each other.
///
/// # Example
///
/// ```
/// use sockeye_tower::{EngineIo, Session};
/// use warp::Filter;
///
/// let engine = EngineIo::new(async |session: Session| { let _ = session.send("welcome").await; })
///     .allow_eio3(true);
/// let routes = warp::path("engine.io").and(sockeye_warp::engineio(engine));
/// ```
pub fn engineio<M>(
    mount: M,
) -> impl Filter<Extract = (warp::reply::Response,), Error = Rejection> + Clone + Send + Sync + 'static
where
    M: IntoEngineIo,
{
    socketio(mount.into_engineio().service())
}

/// A Socket.IO mount: `warp::path("socket.io").and(socketio(&io))`.
///
/// It takes a reference to the server, and owns what an [`engineio`] mount owns.
///
/// # Panics
///
/// When options contradict each other.
pub fn socketio(
    io: impl Into<MountService>,
) -> impl Filter<Extract = (warp::reply::Response,), Error = Rejection> + Clone + Send + Sync + 'static
{
    head::has_slash().and(service(io.into()))
}

/// Any mount, or another tower service: it gets every request that reaches the filter.
///
/// The service sees the request as it was sent, with the path below the filters in front in its
/// extensions, as an [`ExactPath`](sockeye_tower::ExactPath). An error in an answer's body cuts the
/// answer short.
///
/// # Example
///
/// ```
/// use sockeye_tower::{Session, SockJs};
/// use warp::Filter;
///
/// let mount = SockJs::new(async |session: Session| { let _ = session.send("welcome").await; });
/// let routes = warp::path("chat").and(sockeye_warp::service(mount.service()));
/// ```
pub fn service<S, B>(
    service: S,
) -> impl Filter<Extract = (warp::reply::Response,), Error = Rejection> + Clone + Send + Sync + 'static
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send + 'static,
{
    extensions::none().service(service)
}
