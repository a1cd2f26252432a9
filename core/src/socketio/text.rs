//! The default parser: text, with bytes as attachments.

use serde::Serialize;

use super::{Decoder, EncodeError, Encoded, Packet, Parser, ParserLimits, TextDecoder};

/// The default parser: each packet a text, and bytes within it as attachments behind it.
#[derive(Clone, Copy, Debug, Default)]
pub struct TextParser;

impl Parser for TextParser {
    fn encode(&self, packet: &Packet) -> Result<Encoded, EncodeError> {
        todo!()
    }

    fn decoder(&self, limits: ParserLimits) -> Box<dyn Decoder> {
        Box::new(TextDecoder::new(limits))
    }
}

pub(super) fn encode_event<T: Serialize + ?Sized>(
    namespace: &str,
    id: Option<u64>,
    name: &str,
    args: &T,
    offset: Option<&str>,
) -> Result<Encoded, EncodeError> {
    todo!()
}

pub(super) fn encode_ack<T: Serialize + ?Sized>(
    namespace: &str,
    id: u64,
    args: &T,
) -> Result<Encoded, EncodeError> {
    todo!()
}
