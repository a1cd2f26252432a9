//! Realtime transports for Rust web apps, as tower middleware: SockJS with every transport, Engine.IO,
//! Socket.IO, raw WebSocket and event streams, under a path next to an app's ordinary routes.
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
//! | serve Socket.IO clients: events, namespaces, acks | `SocketIo`, and the front page of `socketio` (feature `socketio`) |
//! | look at requests before sessions begin | [`SockJs::on_connect`], [`Accept`], [`Reject`] |
//! | share a session among channels | [`multiplex`] |
//! | mount in axum | [`axum::sockjs_layer`], [`axum::RouterExt`] |
//! | mount in warp | `warp::sockjs`, `warp::engineio`, `warp::socketio` and others (feature `warp`) |
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
///
/// In an application, with axum:
///
/// ```
/// use axum::{Router, extract::State, http::StatusCode, routing::post};
/// use sockeye::{SocketIo, axum::RouterExt, socketio::{Data, Socket}};
///
/// // Any route can send: a POST to a room.
/// async fn notify(State(io): State<SocketIo>, text: String) -> Result<(), StatusCode> {
///     let sent = io.to("lobby").emit("notice", &text).await;
///     sent.map(drop).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
/// }
///
/// fn app() -> Router {
///     let io = SocketIo::new();
///     io.of("/").on_connect(async |socket: Socket| {
///         socket.on("message", async |socket: Socket, Data(text): Data<String>| {
///             socket.to("lobby").emit("message", &text).await
///         });
///         socket.join("lobby")
///     });
///     Router::new()
///         .route("/notify", post(notify))
///         .with_state(io.clone())
///         .socketio("/socket.io", &io)
/// }
/// ```
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

/// The guide for those who come from other servers: each line of its code is compiled.
#[cfg(all(doctest, feature = "axum", feature = "socketio"))]
#[doc = include_str!("../docs/moving.md")]
mod moving {}
