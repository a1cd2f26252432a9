//! From messages to packets.

use super::{Packet, ParseError, ParserLimits};
use crate::Message;

/// Reads one client's messages, in their order.
pub trait Decoder: Send {
    /// Reads the next message; gives a packet when one is complete.
    ///
    /// # Errors
    ///
    /// When the message is not what a client may send; no more is to be decoded then.
    fn decode(&mut self, message: Message) -> Result<Option<Packet>, ParseError>;

    /// Whether a packet has begun and is not complete.
    fn is_partial(&self) -> bool;
}

/// The decoder of the default parser. Small while no attachment is due.
#[derive(Debug)]
pub struct TextDecoder {
    limits: ParserLimits,
}

impl TextDecoder {
    /// A decoder for one client.
    pub fn new(limits: ParserLimits) -> Self {
        Self { limits }
    }
}

impl Decoder for TextDecoder {
    fn decode(&mut self, message: Message) -> Result<Option<Packet>, ParseError> {
        todo!()
    }

    fn is_partial(&self) -> bool {
        todo!()
    }
}
