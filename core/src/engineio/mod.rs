//! Engine.IO, revisions 3 and 4: its packets, its payloads, and what goes around them.
//!
//! ```text
//! frame ─ Packet::decode_text, decode_binary ─┐                 ┌─ PacketRef::frame ─> frame
//! POST ─ jsonp::decode_form ─ Payload::decode ┼─> Packet  Packet┼─ Payload::encode ─ jsonp::wrap ─> GET
//! ```

mod base64;
mod encode;
mod error;
mod handshake;
mod packet;
mod payload;
mod payload_v3;
mod payload_v4;
mod query;
mod revision;
mod transport;
mod utf16;

pub mod jsonp;

pub(crate) use encode::Encodings;
pub use encode::{Binary, PacketRef};
pub use error::{ConnectionError, ErrorCode};
pub use handshake::Handshake;
pub use packet::{DecodeError, Packet};
pub use payload::{Packets, Payload};
pub use query::{Query, SessionParam};
pub use revision::Revision;
pub use transport::Transport;
