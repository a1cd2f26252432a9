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
#![forbid(unsafe_code)]

mod ack;
mod answers;
mod broadcast;
mod call;
mod client;
mod client_files;
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
mod listeners;
mod namespace;
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
pub use emit::{Emit, Packet};
pub use error::{AckError, BoxError, EmitError, EventError, EventErrorKind, ExtractError, Refusal};
pub use event::Event;
pub use extract::{Arguments, Data, EventName, Extension, Extract, State, TryData};
pub use handler::{Handler, Returned};
pub use handshake::Handshake;
pub use id::SocketId;
pub use listeners::ListenerId;
pub use namespace::Namespace;
pub use reason::Reason;
pub use recovery::Recovery;
pub use remote::RemoteSocket;
pub use server::{Builder, Runner, SocketIo};
pub use socket::Socket;
pub use sockeye_core::socketio::{
    Binary, DataError, Decoder, EncodeError, Encoded, MsgpackParser, Packet as WirePacket,
    PacketKind, ParseError, Parser, ParserLimits, TextParser, Value,
};
pub use start::BoxFuture;
pub use unicast::Unicast;
