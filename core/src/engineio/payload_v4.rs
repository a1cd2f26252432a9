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
        // No body has more separators than bytes.
        let is_refused = body.len() >= max_packets && separators(&body) >= max_packets;
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

fn separators(body: &[u8]) -> usize {
    // A sum that fits into a byte is what makes this quick.
    let in_chunk = |chunk: &[u8]| {
        chunk
            .iter()
            .map(|&byte| u8::from(byte == SEPARATOR))
            .sum::<u8>()
    };
    body.chunks(128)
        .map(|chunk| usize::from(in_chunk(chunk)))
        .sum()
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

#[cfg(test)]
mod tests {
    use DecodeError::{Empty, NotUtf8, UnknownType};

    use super::*;
    use crate::Message;

    type Items = Vec<Result<Packet, DecodeError>>;

    fn decoded(body: &[u8]) -> Items {
        Decoder::new(Bytes::copy_from_slice(body), 100).collect()
    }

    #[test]
    fn decodes_bodies() {
        let text = |text: &str| Ok(Packet::from(text));
        let binary = |bytes: &[u8]| Ok(Packet::from(bytes.to_vec()));
        let ping = |text: &str| Ok(Packet::Ping(text.into()));
        #[rustfmt::skip]
        let cases: [(&[u8], Items); 17] = [
            (b"",                               vec![Err(Empty)]),
            (b"4hello",                         vec![text("hello")]),
            (b"4",                              vec![text("")]),
            (b"4test1\x1e4test2\x1e4test3",     vec![text("test1"), text("test2"), text("test3")]),
            (b"6\x1e1",                         vec![Ok(Packet::Noop), Ok(Packet::Close)]),
            (b"4a\x1ebAQIDBA==\x1eb",           vec![text("a"), binary(b"\x01\x02\x03\x04"), binary(b"")]),
            (b"b!!!!",                          vec![binary(b"")]),
            ("2probe\x1e4€😀".as_bytes(),       vec![ping("probe"), text("€😀")]),
            (b"4a\x1e",                         vec![text("a"), Err(Empty)]),
            (b"\x1e4a",                         vec![Err(Empty)]),
            (b"4a\x1e\x1e4b",                   vec![text("a"), Err(Empty)]),
            (b"4a\x1exyz\x1e4b",                vec![text("a"), Err(UnknownType)]),
            (b"abc",                            vec![Err(UnknownType)]),
            ("é".as_bytes(),                    vec![Err(UnknownType)]),
            (b"4a\x1e4\xff",                    vec![text("a"), Err(NotUtf8)]),
            (b"4a\xff\x1e4b",                   vec![Err(NotUtf8)]),
            (b"4a\x1e\xed\xa0\x80",             vec![text("a"), Err(NotUtf8)]),
        ];
        for (body, expected) in cases {
            assert_eq!(decoded(body), expected, "{}", body.escape_ascii());
        }
    }

    #[test]
    fn encodes_bodies() {
        let packets = [
            Packet::from("€"),
            Packet::from(vec![1, 2, 3, 4]),
            Packet::Ping("".into()),
            Packet::from(""),
        ];
        let mut out = b"before:".to_vec();
        encode(packets.iter().map(PacketRef::from), &mut out);
        assert_eq!(out, "before:4€\x1ebAQIDBA==\x1e2\x1e4".as_bytes());
        assert_eq!(decoded(&out[7..]), packets.map(Ok));
    }

    #[test]
    fn a_text_with_a_separator_cannot_be_carried() {
        for (message, expected) in [
            (Message::from(""), true),
            (Message::from("a\u{1f}b\u{1d}"), true),
            (Message::from("a\u{1e}1"), false),
            (Message::from("\u{1e}"), false),
            (Message::from(vec![0x1E]), true),
        ] {
            assert_eq!(
                can_carry(PacketRef::from(&message)),
                expected,
                "{message:?}"
            );
        }
    }
}
