//! The parser `socket.io-msgpack-parser`: one binary message for each packet.

use super::{Decoder, EncodeError, Encoded, Packet, ParseError, Parser, ParserLimits};
use crate::Message;

/// Packets in msgpack, as npm's `socket.io-msgpack-parser` has them.
#[derive(Clone, Copy, Debug, Default)]
pub struct MsgpackParser;

impl Parser for MsgpackParser {
    fn encode(&self, packet: &Packet) -> Result<Encoded, EncodeError> {
        todo!()
    }

    fn decoder(&self, limits: ParserLimits) -> Box<dyn Decoder> {
        Box::new(MsgpackDecoder::new(limits))
    }
}

/// The decoder of [`MsgpackParser`]; it keeps nothing between messages.
#[derive(Debug)]
pub struct MsgpackDecoder {
    limits: ParserLimits,
}

impl MsgpackDecoder {
    /// A decoder for one client.
    pub fn new(limits: ParserLimits) -> Self {
        Self { limits }
    }
}

impl Decoder for MsgpackDecoder {
    fn decode(&mut self, message: Message) -> Result<Option<Packet>, ParseError> {
        todo!()
    }

    fn is_partial(&self) -> bool {
        false
    }
}
