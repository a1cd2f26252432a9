//! Realtime transports for Rust web apps, as tower middleware: SockJS with every transport, Socket.IO,
//! and raw WebSocket, under a path next to an app's ordinary routes.
//!
//! ```no_run
//! use axum::{Router, routing::get};
//! use sockeye::{Session, axum::sockjs_layer};
//!
//! async fn echo(mut session: Session) {
//!     while let Some(message) = session.recv().await {
//!         if session.send(message).await.is_err() { break }
//!     }
//! }
//!
//! #[tokio::main]
//! async fn main() -> std::io::Result<()> {
//!     let app = Router::new()
//!         .route("/", get(|| async { "an ordinary route" }))
//!         .nest("/chat", sockjs_layer(echo));
//!     let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//!     sockeye::serve(listener, app).await
//! }
//! ```
//!
//! | to do this | look at |
//! |---|---|
//! | configure a mount | [`SockJs`] |
//! | talk to a peer | [`Session`], [`Sender`], [`SessionEvents`] |
//! | send to many | [`Rooms`], [`broadcast`] |
//! | serve plain WebSockets, event streams | [`WebSocket`], [`EventStream`] |
//! | serve Engine.IO clients | [`EngineIo`], [`engineio`] |
//! | serve Socket.IO clients | `SocketIo`, `socketio` (feature `socketio`) |
//! | look at requests before sessions begin | [`SockJs::on_connect`], [`Accept`], [`Reject`] |
//! | share a session among channels | [`multiplex`] |
//! | mount in axum | [`axum::sockjs_layer`], [`axum::RouterExt`] |
//! | mount in warp | `warp::sockjs`, `warp::engineio` and others (feature `warp`) |
//! | mount in any tower stack | [`SockJs::layer`], [`SockJs::service`] |
//! | serve, and stop without losing anyone | [`serve`](fn@serve), [`Handle`] |
//! | say whose pages may use it | [`Origins`] |
//! | test a handler without a socket | `test::Client`, with the feature `test` |
//!
//! # Features
//!
//! - `axum` (default): the axum adapter.
//! - `warp`: the warp adapter.
//! - `socketio`: `socketio`, Socket.IO servers.
//! - `test`: `test`, a client in the same process for an application's own tests.
#![forbid(unsafe_code)]

pub use sockeye_tower::*;

/// Rooms of sessions: whoever joins is reached by what is sent to the room, whatever its transport.
///
/// SockJS, WebSocket and event stream sessions can share one room. A session leaves all its rooms
/// when it ends.
///
/// ```
/// use sockeye::{Rooms, Session};
///
/// async fn chat(rooms: Rooms, mut session: Session) {
///     if rooms.join("lobby", &session).is_err() { return }
///     while let Some(message) = session.recv().await {
///         rooms.to("lobby").except(&session).send(message);
///     }
/// }
/// ```
pub type Rooms = rooms::Rooms<Sender>;

/// Membership and broadcast for every kind of session, and the adapter that joins several nodes.
pub use sockeye_rooms as rooms;

/// Socket.IO servers: events, namespaces, rooms and acks.
#[cfg(feature = "socketio")]
#[doc(inline)]
pub use sockeye_socketio as socketio;

#[cfg(feature = "socketio")]
#[doc(no_inline)]
pub use sockeye_socketio::SocketIo;

/// axum: routers to nest, and mounts as methods.
#[cfg(feature = "axum")]
pub mod axum {
    pub use sockeye_axum::{RouterExt, sockjs_layer};
}

#[cfg(feature = "warp")]
#[doc(inline)]
pub use sockeye_warp as warp;

/// The README's code, compiled. It shows what features add, so it wants them all.
#[cfg(all(
    doctest,
    feature = "axum",
    feature = "socketio",
    feature = "test",
    feature = "warp"
))]
#[doc = include_str!("../README.md")]
mod readme {}
