//! SockJS and WebSocket sessions as tower services and layers.
//!
//! This crate is where time, locks and sockets live; what the protocols say is in `sockeye-core`,
//! and the names users type come through the `sockeye` crate.
//!
//! ```text
//!  request ──> layer/service ──> plan ──> answer ──┬──> transport/receiver ──┐
//!                                                  ├──> transport/sender ────┼──> session (machine)
//!                                                  └──> transport/websocket ─┘        │  ^
//!                                                        session/polling: timer ──────┘  │
//!                                                        the application's handler ──────┘
//! ```
#![forbid(unsafe_code)]

mod answer;
mod body;
mod broadcast;
mod clock;
mod common;
mod compression;
mod config;
mod cookie;
mod drain;
pub mod engineio;
mod error;
mod event_stream;
mod events;
mod forwarded;
mod handle;
mod handler;
mod headers;
mod hooks;
mod ident;
mod layer;
mod limit;
mod mount;
pub mod multiplex;
mod options;
mod origins;
mod plan;
mod refusal;
mod registry;
mod request;
mod serve;
mod service;
mod session;
mod static_file;
#[cfg(feature = "test")]
pub mod test;
mod transport;
mod websocket;

pub use body::{Body, EitherBody};
pub use broadcast::{Broadcast, broadcast};
pub use compression::may_compress;
pub use config::SockJs;
pub use cookie::{CookieHook, SameSite};
pub use drain::DrainPolicy;
pub use engineio::EngineIo;
pub use error::{SendError, TrySendError};
pub use event_stream::EventStream;
pub use events::{EventsHandler, SessionEvents};
pub use handle::Handle;
pub use handler::{BoxFuture, Handler, IntoEngineIo, IntoEventStream, IntoSockJs, IntoWebSocket};
pub use hooks::{Accept, ConnectRequest, Hook, Reject};
pub use ident::SessionId;
pub use layer::{MountLayer, Mounted, MountedFuture};
pub use limit::Limit;
pub use origins::Origins;
pub use plan::ExactPath;
pub use request::{PeerAddress, Request, Secure};
pub use serve::{Acceptor, PlainStream, Serve, serve};
pub use service::{MountService, ResponseFuture};
pub use session::{Sender, Session};
pub use sockeye_core::{
    Compression, Event, Message, Prepared, Text,
    session::{Close, CloseReason, Outgoing},
};
pub use static_file::StaticFile;
pub use transport::Transport;
pub use websocket::WebSocket;
