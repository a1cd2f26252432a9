//! The server loop for apps that need no other host: TCP in, the app's service behind it.
//!
//! ```text
//! accept ──> connection (preface, HTTP/1.1 or HTTP/2) ──> door (limits, Host) ──> the service
//!               │ one timer, from `activity`
//!               ├── acceptor (TLS, where there is one), which an upgrade carries along
//!               └── io (stalled writes end in a reset), and this below it
//! ```
//!
//! This module alone knows TCP. Everything above it sees requests and an upgraded stream.

mod accept;
mod acceptor;
mod activity;
mod connection;
mod door;
mod io;
mod preface;
mod versions;

pub use self::{acceptor::Acceptor, io::PlainStream};

use self::acceptor::AnyAcceptor;
use crate::Handle;
use http_body::Body;
use hyper::body::Incoming;
use std::{
    convert::Infallible,
    error::Error,
    fmt,
    future::{Future, IntoFuture},
    io::Result,
    marker::PhantomData,
    pin::Pin,
    time::Duration,
};
use tokio::net::TcpListener;
use tower_service::Service;

/// Serves `service` on `listener`: HTTP/1.1 with upgrades, and HTTP/2 to whoever starts with its
/// preface; over plain TCP, or over TLS with an [`acceptor`](Serve::acceptor).
///
/// The service is whatever answers requests: a mount, a tower stack around one, an `axum::Router`.
/// It is cloned for each request. HTTP/2 comes with extended CONNECT (RFC 8441), so a WebSocket
/// can be opened over either version. Each request carries the peer's address as
/// [`PeerAddress`](crate::PeerAddress) in its extensions.
///
/// The limits that a service cannot enforce itself, since they concern bytes it never sees, are
/// kept here; see the setters of [`Serve`]. A panic in the service ends the connection (over
/// HTTP/2, the stream) it happened on and nothing else.
///
/// # Errors
///
/// The future resolves to `Ok` at the end of a drain and not before: when no descriptor or memory
/// is left for a new connection, the loop pauses and tries again. The error is there so that `main`
/// can return it and later versions can have something to say.
///
/// # Cancel safety
///
/// Dropping the future closes the listener and cuts the connections; those that were upgraded over
/// HTTP/1.1 belong to their sessions and go on.
///
/// # Example
///
/// ```
/// use http_body_util::Full;
/// use hyper::{Request, Response, body::{Bytes, Incoming}};
/// use sockeye_tower::{Handle, serve};
/// use std::convert::Infallible;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let service = tower::service_fn(async |_: Request<Incoming>| {
///     Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"hello"))))
/// });
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// let handle = Handle::new();
/// # let _ = handle.drain(sockeye_tower::DrainPolicy::new());
/// // elsewhere, when a signal comes: handle.drain(DrainPolicy::new()).await
/// serve(listener, service).handle(&handle).await
/// # }
/// ```
pub fn serve<S, B>(listener: TcpListener, service: S) -> Serve<S, B>
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
    Serve {
        listener,
        service,
        handle: None,
        limits: Limits::default(),
        acceptor: None,
        _body: PhantomData,
    }
}

/// The server of [`serve`], with its options; await it to run it.
#[must_use = "a server does nothing unless awaited"]
pub struct Serve<S, B> {
    listener: TcpListener,
    service: S,
    handle: Option<Handle>,
    limits: Limits,
    acceptor: Option<AnyAcceptor>,
    _body: PhantomData<fn() -> B>,
}

impl<S, B> Serve<S, B> {
    /// The handle that drains this server.
    ///
    /// Give it the handle of the mounts. When the drain starts, connections that wait for a request
    /// are closed and the others after the answer in progress. New ones are accepted until the end
    /// and closed after one answer, so that a load balancer's health check still gets its 503. The
    /// server ends when the handle counts no more sessions and the connections that were open have
    /// ended, or at the bound of the drain's policy. Default: none, the server runs for ever.
    pub fn handle(mut self, handle: &Handle) -> Self {
        self.handle = Some(handle.clone());
        self
    }

    /// What makes of each accepted connection the stream that HTTP is spoken on: TLS, say.
    ///
    /// Handshakes run side by side, each within [`head_timeout`](Self::head_timeout) of its
    /// connection's start; one that fails or lasts too long is closed and logged. All other limits
    /// and the drain hold as without. Requests carry [`Secure`](crate::Secure) in their extensions.
    /// Default: none, plain TCP.
    pub fn acceptor(mut self, acceptor: impl Acceptor) -> Self {
        self.acceptor = Some(AnyAcceptor::new(acceptor));
        self
    }

    /// How long a peer may take to send a request head, from its first byte to the empty line.
    ///
    /// On a new connection the time starts when it is accepted, so that one which says nothing, or
    /// an HTTP/2 preface and then nothing, is closed as well; an [`acceptor`](Self::acceptor)'s
    /// handshake is within it. The connection is closed without an
    /// answer. Default: 30 seconds.
    pub fn head_timeout(mut self, timeout: Duration) -> Self {
        self.limits.head_timeout = timeout;
        self
    }

    /// How long a connection is kept open after an answer while no further request comes.
    ///
    /// A connection that was upgraded, or an HTTP/2 one with an open stream, is not idle. HTTP/2
    /// is told with GOAWAY. Default: 75 seconds, more than the 60 for which nginx and other proxies
    /// keep their side: the one that forwards requests must be the first to close, or a request
    /// can meet a connection that is closing.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.limits.idle_timeout = timeout;
        self
    }

    /// Bytes of a request head, from the method to the empty line; a longer one is answered 431.
    ///
    /// HTTP/2 counts as RFC 9113 says: names, values and 32 for each field. In either version more
    /// than 100 header lines are 431 too. Over HTTP/1.1 the connection is closed after it, as the
    /// next request cannot be found. Default: 65 536 (64 KiB).
    pub fn max_head_size(mut self, bytes: usize) -> Self {
        self.limits.max_head_size = bytes;
        self
    }

    /// Bytes of a request's path and query; a longer one is answered 414.
    ///
    /// When the whole head is beyond [`max_head_size`](Self::max_head_size) the answer is 431,
    /// whatever made it long. Default: 8 192 (8 KiB).
    pub fn max_target_length(mut self, bytes: usize) -> Self {
        self.limits.max_target_length = bytes;
        self
    }

    /// How long a peer may take nothing while there are bytes to write.
    ///
    /// Then the connection is reset, upgraded ones too: a close would leave what is queued to the
    /// kernel, which goes on trying for many minutes. A peer that is slow but takes something is
    /// left alone. A connection that is dropped while a write waits is reset at once. Default: 30
    /// seconds.
    pub fn write_stall(mut self, timeout: Duration) -> Self {
        self.limits.write_stall = timeout;
        self
    }

    /// Connections that may be open at the same time, upgraded ones included.
    ///
    /// Further ones wait in the listener's backlog until one ends, health checks too, so this is a
    /// last resort to stay within memory; mounts have a limit of sessions that answers 503.
    /// Default: none but the process's limit of descriptors. 0 is taken as 1.
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.limits.max_connections = Some(connections.max(1));
        self
    }
}

impl<S, B> IntoFuture for Serve<S, B>
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
    type Output = Result<()>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            accept::run(
                self.listener,
                self.service,
                self.handle,
                self.limits,
                self.acceptor,
            )
            .await;
            Ok(())
        })
    }
}

impl<S, B> fmt::Debug for Serve<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve")
            .field("listener", &self.listener)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Debug)]
struct Limits {
    head_timeout: Duration,
    idle_timeout: Duration,
    max_head_size: usize,
    max_target_length: usize,
    write_stall: Duration,
    max_connections: Option<usize>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(75),
            max_head_size: 64 * 1024,
            max_target_length: 8 * 1024,
            write_stall: Duration::from_secs(30),
            max_connections: None,
        }
    }
}
