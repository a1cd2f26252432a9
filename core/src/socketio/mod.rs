//! Socket.IO, protocols 5 and before: its packets, in both parsers, and the machine of one client.
//!
//! ```text
//! message ─ Decoder::decode ─> Packet ─> Connection ─> Incoming ─ Data::arguments ─> handler
//! handler ─ ParserKind::encode_event, encode_ack ─> Encoded: a header and its attachments
//! ```
//!
//! A client is one Engine.IO session; the messages here are that session's.

mod arguments;
mod attachments;
mod binary;
mod config;
mod connection;
mod data;
mod decoder;
mod error;
mod json;
mod msgpack;
mod packet;
mod parser;
mod place;
mod plain;
mod revision;
mod text;
mod value;

pub use arguments::EventBody;
pub use binary::Binary;
pub use config::{Config, ParserLimits};
pub use connection::{Connection, Incoming, Violation};
pub use data::{Data, DataError};
pub use decoder::{Decoder, TextDecoder};
pub use error::{EncodeError, ParseError};
pub use msgpack::{MsgpackDecoder, MsgpackParser};
pub use packet::{Packet, PacketKind, RESERVED_EVENTS, is_reserved};
pub use parser::{Encoded, Parser, ParserKind};
pub use place::Place;
pub use revision::Protocol;
pub use text::TextParser;
pub use value::Value;
