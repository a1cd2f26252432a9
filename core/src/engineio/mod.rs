//! Engine.IO, revisions 3 and 4: its packets, its payloads, and what goes around them.
//!
//! ```text
//! frame ─ Packet::decode_text, decode_binary ─┐                 ┌─ PacketRef::frame ─> frame
//! POST ─ jsonp::decode_form ─ Payload::decode ┼─> Packet  Packet┼─ Payload::encode ─ jsonp::wrap ─> GET
//!                                                   │    ▲
//!                              Session::handle_packet    Session::poll_transmit
//! ```

mod base64;
mod batch;
mod config;
mod encode;
mod error;
mod handshake;
mod heartbeat;
mod link;
mod outcome;
mod packet;
mod payload;
mod payload_v3;
mod payload_v4;
mod query;
mod reason;
mod revision;
mod session;
mod timing;
mod transmit;
mod transport;
mod upgrade;
mod utf16;

pub mod jsonp;

pub use batch::Batch;
pub use config::Config;
pub(crate) use encode::Encodings;
pub use encode::{Binary, PacketRef};
pub use error::{ConnectionError, ErrorCode};
pub use handshake::Handshake;
pub use outcome::{AttachError, Event, Opening, PostEnd, PostError, SendError, Source};
pub use packet::{DecodeError, Packet};
pub use payload::{Packets, Payload};
pub use query::{Query, SessionParam};
pub use reason::{Reason, TransportError, websocket_close};
pub use revision::Revision;
pub use session::{ReceiverId, Session};
pub use transport::Transport;
pub use upgrade::{ProbeId, Probed, Refused};
