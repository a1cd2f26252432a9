//! A parser that counts.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use sockeye_socketio::{
    Decoder, EncodeError, Encoded, PacketKind, Parser, ParserLimits, TextParser, WirePacket,
};

/// The text parser, which counts the events that it writes.
#[derive(Clone, Default)]
pub(crate) struct Counting(pub(crate) Arc<AtomicUsize>);

impl Parser for Counting {
    fn encode(&self, packet: &WirePacket) -> Result<Encoded, EncodeError> {
        if packet.kind == PacketKind::Event {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
        TextParser.encode(packet)
    }

    fn decoder(&self, limits: ParserLimits) -> Box<dyn Decoder> {
        TextParser.decoder(limits)
    }
}
