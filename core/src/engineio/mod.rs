//! Engine.IO, revisions 3 and 4: its packets, its payloads, and what goes around them.

mod base64;
mod packet;
mod revision;

pub use packet::{DecodeError, Packet};
pub use revision::Revision;
