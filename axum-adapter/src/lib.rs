//! sockeye mounts in axum.
//!
//! ```
//! use axum::{Router, routing::get};
//! use sockeye_axum::sockjs_layer;
//! use sockeye_tower::Session;
//!
//! async fn echo(mut session: Session) {
//!     while let Some(message) = session.recv().await {
//!         if session.send(message).await.is_err() { break }
//!     }
//! }
//!
//! let app: Router = Router::new()
//!     .route("/", get(|| async { "an ordinary route" }))
//!     .nest("/chat", sockjs_layer(echo));
//! ```
#![forbid(unsafe_code)]

mod exact;

use axum::Router;
use sockeye_tower::{IntoEngineIo, IntoEventStream, IntoSockJs, IntoWebSocket, MountService};

use exact::{Below, Exact, Secret};

/// A router to nest: `.nest("/chat", sockjs_layer(handler))`.
///
/// It takes a handler, or a configured [`SockJs`](sockeye_tower::SockJs). Under `.nest`, axum
/// itself answers `/chat/` (with a slash and nothing more) with the outer router's fallback; where
/// that matters use [`RouterExt::sockjs`].
///
/// # Panics
///
/// When options contradict each other.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use axum::Router;
/// use sockeye_axum::sockjs_layer;
/// use sockeye_tower::{Session, SockJs};
///
/// let chat = SockJs::new(async |session: Session| { let _ = session.send("welcome").await; })
///     .heartbeat_interval(Duration::from_secs(20));
/// let app: Router = Router::new().nest("/chat", sockjs_layer(chat));
/// ```
pub fn sockjs_layer<S, M>(mount: M) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    M: IntoSockJs,
{
    let service = Exact(mount.into_sockjs().service());
    // Routes rather than a fallback, since a nested router's fallback is lost when it is nested
    // once more. The tail's name is private: a user's extractors see it among their parameters.
    Router::new()
        .route_service("/", service.clone())
        .route_service("/{*sockeye_tail}", service)
}

/// Mounts on a router, as methods.
pub trait RouterExt {
    /// Mounts SockJS under `path`, which owns `path`, `path/` and everything below.
    ///
    /// # Panics
    ///
    /// When options contradict each other, and as `Router::nest_service` does: when `path` has a
    /// route already.
    ///
    /// # Example
    ///
    /// ```
    /// use axum::Router;
    /// use sockeye_axum::RouterExt;
    /// use sockeye_tower::Session;
    ///
    /// let app: Router = Router::new().sockjs("/chat", async |session: Session| {
    ///     let _ = session.send("welcome").await;
    /// });
    /// ```
    #[must_use]
    fn sockjs<M: IntoSockJs>(self, path: &str, mount: M) -> Self;

    /// Mounts plain WebSockets at `path` and everywhere below.
    ///
    /// # Panics
    ///
    /// As [`sockjs`](Self::sockjs).
    ///
    /// # Example
    ///
    /// ```
    /// use axum::Router;
    /// use sockeye_axum::RouterExt;
    /// use sockeye_tower::Session;
    ///
    /// let app: Router = Router::new().websocket("/ws", async |session: Session| {
    ///     let _ = session.send("welcome").await;
    /// });
    /// ```
    #[must_use]
    fn websocket<M: IntoWebSocket>(self, path: &str, mount: M) -> Self;

    /// Mounts Server-Sent Events at `path` and everywhere below.
    ///
    /// # Panics
    ///
    /// As [`sockjs`](Self::sockjs).
    ///
    /// # Example
    ///
    /// ```
    /// use axum::Router;
    /// use sockeye_axum::RouterExt;
    /// use sockeye_tower::{Event, Session};
    ///
    /// let app: Router = Router::new().event_stream("/prices", async |session: Session| {
    ///     let _ = session.send(Event::new("17.25").name("price")).await;
    /// });
    /// ```
    #[must_use]
    fn event_stream<M: IntoEventStream>(self, path: &str, mount: M) -> Self;

    /// Mounts Engine.IO under `path`, which owns `path/` and everything below.
    ///
    /// Its clients ask for `path/`, with a slash behind it. `path` alone is the application's: it
    /// may have a route of its own, and is otherwise answered by the router's fallback. A slash at
    /// the end of `path` makes no difference.
    ///
    /// # Panics
    ///
    /// When options contradict each other, and as `Router::route_service` does: when `path` does
    /// not start with a slash, or something below it has a route already.
    ///
    /// # Example
    ///
    /// ```
    /// use axum::Router;
    /// use sockeye_axum::RouterExt;
    /// use sockeye_tower::Session;
    ///
    /// let app: Router = Router::new().engineio("/engine.io", async |session: Session| {
    ///     let _ = session.send("welcome").await;
    /// });
    /// ```
    #[must_use]
    fn engineio<M: IntoEngineIo>(self, path: &str, mount: M) -> Self;

    /// Mounts a Socket.IO server at `path`, as [`engineio`](Self::engineio) does: `io` is a reference
    /// to it.
    ///
    /// # Panics
    ///
    /// As [`sockjs`](Self::sockjs).
    #[must_use]
    fn socketio(self, path: &str, io: impl Into<MountService>) -> Self;
}

impl<S> RouterExt for Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    fn sockjs<M: IntoSockJs>(self, path: &str, mount: M) -> Self {
        self.nest_service(path, Exact(mount.into_sockjs().service()))
    }

    fn websocket<M: IntoWebSocket>(self, path: &str, mount: M) -> Self {
        self.nest_service(path, Exact(mount.into_websocket().service()))
    }

    fn event_stream<M: IntoEventStream>(self, path: &str, mount: M) -> Self {
        self.nest_service(path, Exact(mount.into_event_stream().service()))
    }

    fn engineio<M: IntoEngineIo>(self, path: &str, mount: M) -> Self {
        self.socketio(path, mount.into_engineio().service())
    }

    fn socketio(self, path: &str, io: impl Into<MountService>) -> Self {
        let path = path.trim_end_matches('/');
        let service = Exact(Below::new(path, Secret(io.into())));
        // Routes rather than `nest_service`, which would take the path without a slash as well.
        self.route_service(&format!("{path}/"), service.clone())
            .route_service(&format!("{path}/{{*sockeye_tail}}"), service)
    }
}
