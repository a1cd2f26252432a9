//! Payloads of revision 4: text packets with a record separator between them.

use bytes::Bytes;

use super::{DecodeError, Packet, PacketRef, Revision, encode::Parts, payload::TextBody};
use crate::scan;

/// The packets of a body, one by one.
#[derive(Debug)]
pub(super) struct Decoder {
    body: TextBody,
    /// Where the next packet starts; `None` behind the last one, and behind an error.
    next: Option<usize>,
    /// The whole body is refused, and this is still to be said.
    refused: Option<DecodeError>,
}

impl Decoder {
    pub(super) fn new(body: Bytes, max_packets: usize) -> Self {
        let separators = body.iter().filter(|&&byte| byte == SEPARATOR).count();
        let is_refused = separators >= max_packets;
        Self {
            body: TextBody::new(body),
            next: (!is_refused).then_some(0),
            refused: is_refused.then_some(DecodeError::TooManyPackets { limit: max_packets }),
        }
    }

    fn decode_from(&mut self, start: usize) -> Result<Packet, DecodeError> {
        let rest = self.body.text.get(start..).unwrap_or_default();
        let length = scan::find(rest.as_bytes(), |byte| byte == SEPARATOR);
        let is_last = length == rest.len();
        if is_last && !self.body.is_whole {
            return Err(DecodeError::NotUtf8);
        }
        let packet = rest.get(..length).unwrap_or_default();
        let packet = Packet::decode_str(Revision::V4, packet, |data| self.body.keep(data))?;
        if !is_last {
            self.next = Some(start + length + 1);
        }
        Ok(packet)
    }
}

impl Iterator for Decoder {
    type Item = Result<Packet, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(error) = self.refused.take() {
            return Some(Err(error));
        }
        let start = self.next.take()?;
        Some(self.decode_from(start))
    }
}

/// Appends a payload.
pub(super) fn encode<'a>(packets: impl IntoIterator<Item = PacketRef<'a>>, out: &mut Vec<u8>) {
    for (index, packet) in packets.into_iter().enumerate() {
        if index > 0 {
            out.push(SEPARATOR);
        }
        packet.push_text(Revision::V4, out);
    }
}

/// Whether the packet has no separator in it.
pub(super) fn can_carry(packet: PacketRef<'_>) -> bool {
    match packet.parts() {
        Parts::Text(_, text) => scan::find(text.as_bytes(), |byte| byte == SEPARATOR) == text.len(),
        Parts::Binary(_) => true,
    }
}

/// ASCII's record separator, U+001E.
const SEPARATOR: u8 = 0x1E;
