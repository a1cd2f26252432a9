//! What the tests of this folder share.

use std::time::Instant;

use bytes::Bytes;
use sockeye_core::{
    Message,
    socketio::{Decoder, Encoded, Packet, ParseError, ParserLimits, TextDecoder},
};

/// A packet in one line: kind, namespace, id and data.
pub(crate) fn shown(packet: &Packet) -> String {
    let mut line = format!("{:?} {}", packet.kind, packet.namespace);
    if let Some(id) = packet.id {
        line += &format!(" {id}");
    }
    if let Some(data) = &packet.data {
        line += &format!(" {data:?}");
    }
    line
}

/// What a text decoder makes of a single text.
pub(crate) fn decoded(text: &str) -> Result<Option<String>, ParseError> {
    let packet = TextDecoder::new(ParserLimits::default()).decode(text.into())?;
    Ok(packet.as_ref().map(shown))
}

/// What a decoder makes of several messages, of which the last completes a packet.
pub(crate) fn decoded_all(
    decoder: &mut dyn Decoder,
    messages: impl IntoIterator<Item = Message>,
) -> Result<Packet, ParseError> {
    let mut last = None;
    for message in messages {
        assert!(last.is_none(), "a packet before its last message");
        last = decoder.decode(message)?;
        assert_eq!(decoder.is_partial(), last.is_none());
    }
    Ok(last.expect("a packet at the last message"))
}

/// The header of a packet, as text.
pub(crate) fn header(encoded: &Encoded) -> &str {
    encoded.header.as_text().expect("a text")
}

pub(crate) fn binary(bytes: &[u8]) -> Message {
    Bytes::copy_from_slice(bytes).into()
}

/// When a test begins.
#[expect(
    clippy::disallowed_methods,
    reason = "the core is given a time, and tests count from one"
)]
pub(crate) fn start() -> Instant {
    Instant::now()
}
