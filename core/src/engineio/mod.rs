//! Engine.IO, revisions 3 and 4: its packets, its payloads, and what goes around them.

mod base64;
mod encode;
mod packet;
mod payload;
mod payload_v3;
mod payload_v4;
mod revision;
mod utf16;

pub(crate) use encode::Encodings;
pub use encode::{Binary, PacketRef};
pub use packet::{DecodeError, Packet};
pub use payload::{Packets, Payload};
pub use revision::Revision;
