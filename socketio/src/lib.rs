//! Socket.IO: events, namespaces, rooms and acks, on the Engine.IO sessions of `sockeye-tower`.
//!
//! ```text
//! SocketIo ──> Namespace ──> Socket            what the application holds
//!    │             │            │
//!    │         rooms (sockeye-rooms), recovery
//!    v
//! EngineIo ──> Session ──> client (one task per session) ──> handlers, polled in line
//! ```
//!
//! The protocol is Socket.IO's fifth (clients 3 and 4), and with
//! [`allow_eio3`](sockeye_tower::EngineIo::allow_eio3) those before it (clients 1 and 2).
//!
//! # Example
//!
//! ```
//! use sockeye_socketio::{Ack, Data, Socket, SocketIo};
//!
//! let io = SocketIo::new();
//! io.of("/").on_connect(async |socket: Socket| {
//!     socket.on("message", async |socket: Socket, Data(text): Data<String>, ack: Ack| {
//!         socket.broadcast().emit("message", &text).await?;
//!         ack.send("stored")
//!     });
//! });
//! let service = io.service(); // to nest under "/socket.io"
//! # let _ = service;
//! ```
//!
//! | to do this | look at |
//! |---|---|
//! | configure a server, mount it | [`SocketIo::builder`], [`SocketIo::service`], [`SocketIo::layer`] |
//! | hear of connections, refuse them | [`Namespace::on_connect`], [`Namespace::middleware`], [`Refusal`] |
//! | have namespaces made on demand | [`SocketIo::dynamic`] |
//! | hear events, answer them | [`Socket::on`], [`Data`], [`Ack`], [`Extract`] |
//! | look at each event first | [`Socket::intercept`], [`Socket::on_any`] |
//! | hear of what went wrong | [`Socket::on_error`], [`TryData`] |
//! | send an event, and get its answer | [`Socket::emit`], [`Socket::emit_with_ack`] |
//! | send to many, from anywhere | [`Namespace::to`], [`Socket::to`], [`Broadcast`] |
//! | send and get bytes | [`Binary`] |
//! | keep something with a socket, or with the server | [`Socket::set_data`], [`Socket::insert`], [`Builder::state`] |
//! | know who is there | [`Namespace::sockets`], [`Namespace::fetch_sockets`], [`Handshake`] |
//! | know why someone left | [`Socket::on_disconnect`], [`Reason`] |
//! | let clients come back to where they were | [`Recovery`] |
//! | see which limits clients run into | [`SocketIo::handle`], [`Limit`](sockeye_tower::Limit) |
//! | say which pages, how much, how long; drain | [`Builder::engine_io`] and [`EngineIo`](sockeye_tower::EngineIo) |
//! | speak msgpack, or a format of your own | [`Builder::parser`], [`MsgpackParser`], [`Parser`] |
//! | join several nodes | [`Builder::adapter`], [`Namespace::server_side_emit`] |
//! | write an adapter | [`Adapter`](sockeye_rooms::Adapter), [`Packet`], [`Answers`], [`RemoteSocket::describe`], [`SessionStore`] |
//!
//! # Order
//!
//! A client's events start in the order in which they arrive. Each handler is polled in line first, in
//! the connection's own task: one that never waits has ended before the next starts. Those that wait
//! go on side by side, at most [64](Builder::max_waiting_handlers) of a connection, and run to their
//! end after a disconnection; [`Namespace::sequential`] has a socket's events handled one after
//! another instead. Answers never wait behind events, and what is sent keeps its order, also while a
//! client moves from polling to a WebSocket.
//!
//! # Errors
//!
//! A handler may return a `Result`. Its error, an argument of another type than the handler asks for
//! and an event that a middleware refused go to [`Socket::on_error`], or to the log. A handler that
//! panics ends its client's session, and no other.
//!
//! # Testing
//!
//! `sockeye_tower::test`, with that crate's feature `test`, has a client in the same process. It
//! speaks Engine.IO, so a test writes Socket.IO's packets itself:
//!
//! ```
//! use sockeye_socketio::{Ack, Data, Socket, SocketIo};
//! use sockeye_tower::test::Client;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let io = SocketIo::new();
//! io.of("/").on_connect(async |socket: Socket| {
//!     socket.on("add", async |Data((a, b)): Data<(i64, i64)>, ack: Ack| ack.send(&(a + b)));
//! });
//! let client = Client::new(io.service());
//! let session = client.engineio("/").open().await?;
//! session.send("0").await?; // CONNECT to `/`
//! assert!(session.recv().await?.as_text().unwrap().starts_with(r#"0{"sid":"#));
//! session.send(r#"27["add",1,2]"#).await?; // EVENT, to be answered as 7
//! assert_eq!(session.recv().await?, "37[3]".into());
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! None: all is there.
#![forbid(unsafe_code)]

mod ack;
mod answers;
mod broadcast;
mod call;
mod client;
mod client_files;
mod clock;
mod connecting;
mod dispatch;
mod dynamic;
mod emit;
mod error;
mod event;
mod extract;
mod handler;
mod handshake;
mod id;
mod limits;
mod listeners;
mod name;
mod namespace;
mod packet;
mod reason;
mod recovery;
mod remote;
mod server;
mod server_side;
mod socket;
mod start;
mod unicast;

pub use ack::{Ack, EmitWithAck};
pub use answers::{Answers, BroadcastWithAck, Responses};
pub use broadcast::Broadcast;
pub use call::Call;
pub use dynamic::{ByClosure, ByPattern, DynamicNamespace, Matcher};
pub use emit::Emit;
pub use error::{AckError, BoxError, EmitError, EventError, EventErrorKind, ExtractError, Refusal};
pub use event::Event;
pub use extract::{Arguments, Data, EventName, Extension, Extract, State, TryData};
pub use handler::{Handler, Returned};
pub use handshake::Handshake;
pub use id::SocketId;
pub use listeners::ListenerId;
pub use namespace::Namespace;
pub use packet::Packet;
pub use reason::Reason;
pub use recovery::{Recovery, Restored, SessionStore, StoredSession};
pub use remote::{FetchedSockets, RemoteSocket};
pub use server::{Builder, Runner, SocketIo};
pub use socket::Socket;
/// What a packet carries, before it is of any type; [`Parser`]s and adapters deal with it.
pub use sockeye_core::socketio::Data as WireData;
pub use sockeye_core::socketio::{
    Binary, DataError, Decoder, EncodeError, Encoded, MsgpackParser, Packet as WirePacket,
    PacketKind, ParseError, Parser, ParserLimits, TextParser, Value,
};
pub use start::BoxFuture;
pub use unicast::Unicast;
