//! Payloads of revision 3: packets behind their lengths, as text or as bytes.

use std::{borrow::Cow, ops::Range};

use bytes::Bytes;

use super::{
    DecodeError, Packet, PacketRef, Revision,
    encode::Parts,
    packet::Kind,
    payload::{TextBody, is_shared},
    utf16,
};
use crate::Text;

/// The packets of a body in text form, one by one.
///
/// Each is `<length>:<packet>`; the length counts UTF-16 code units. Empty ones are passed over.
#[derive(Debug)]
pub(super) struct TextDecoder {
    body: TextBody,
    /// Where the next length starts; `None` behind an error.
    next: Option<usize>,
    /// The whole body is refused, and this is still to be said.
    refused: Option<DecodeError>,
}

impl TextDecoder {
    pub(super) fn new(body: Bytes, max_packets: usize) -> Self {
        let body = TextBody::new(body);
        let refused = if body.text.is_empty() && body.is_whole {
            Some(DecodeError::Empty)
        } else {
            let step = |at| text_packet(&body.text, at).map(|range| range.end);
            refuse_too_many(max_packets, body.text.len() / SHORTEST_IN_TEXT, step)
        };
        Self {
            next: refused.is_none().then_some(0),
            body,
            refused,
        }
    }

    /// The next packet that is not empty; `None` at the end.
    fn decode(&mut self) -> Result<Option<Packet>, DecodeError> {
        while let Some(at) = self.next.take() {
            if at == self.body.text.len() && self.body.is_whole {
                break;
            }
            let range = match text_packet(&self.body.text, at) {
                // Whatever it looks like, it was cut for this.
                Err(_) if !self.body.is_whole => return Err(DecodeError::NotUtf8),
                range => range?,
            };
            let end = range.end;
            let packet = self.body.text.get(range).unwrap_or_default();
            if !packet.is_empty() {
                let keep = |data: &str| self.body.keep(data);
                let packet = Packet::decode_str(Revision::V3, packet, keep)?;
                self.next = Some(end);
                return Ok(Some(packet));
            }
            self.next = Some(end);
        }
        Ok(None)
    }
}

impl Iterator for TextDecoder {
    type Item = Result<Packet, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.refused.take() {
            Some(error) => Some(Err(error)),
            None => self.decode().transpose(),
        }
    }
}

/// The packets of a body in binary form, one by one.
///
/// Each is a byte 0 for text or 1 for binary, the decimal digits of its length in bytes as the
/// numbers 0 to 9, FF, and the packet.
#[derive(Debug)]
pub(super) struct BinaryDecoder {
    body: Bytes,
    /// Where the next packet starts; `None` behind an error.
    next: Option<usize>,
    /// The whole body is refused, and this is still to be said.
    refused: Option<DecodeError>,
}

impl BinaryDecoder {
    pub(super) fn new(body: Bytes, max_packets: usize) -> Self {
        let step = |at| binary_packet(&body, at).map(|(_, range)| range.end);
        let refused = refuse_too_many(max_packets, body.len() / SHORTEST_IN_BYTES, step);
        Self {
            next: refused.is_none().then_some(0),
            body,
            refused,
        }
    }

    /// The next packet; `None` at the end.
    fn decode(&mut self) -> Result<Option<Packet>, DecodeError> {
        let Some(at) = self.next.take().filter(|&at| at < self.body.len()) else {
            return Ok(None);
        };
        let (is_text, range) = binary_packet(&self.body, at)?;
        let end = range.end;
        let bytes = self.body.get(range).unwrap_or_default();
        let packet = if is_text {
            let text = lossy_surrogates(bytes)?;
            Packet::decode_str(Revision::V3, &text, |data| match &text {
                // The body shares its bytes, not the check that they are text.
                Cow::Borrowed(_) if is_shared(data.len(), self.body.len()) => {
                    Text::try_from(self.body.slice_ref(data.as_bytes())).unwrap_or_default()
                }
                _ => data.into(),
            })
        } else {
            Packet::decode_bytes_v3(bytes, |data| match is_shared(data.len(), self.body.len()) {
                true => self.body.slice_ref(data),
                false => Bytes::copy_from_slice(data),
            })
        }?;
        self.next = Some(end);
        Ok(Some(packet))
    }
}

impl Iterator for BinaryDecoder {
    type Item = Result<Packet, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.refused.take() {
            Some(error) => Some(Err(error)),
            None => self.decode().transpose(),
        }
    }
}

/// Appends a payload in text form; binary messages become base64.
pub(super) fn encode_text<'a>(packets: impl IntoIterator<Item = PacketRef<'a>>, out: &mut Vec<u8>) {
    let start = out.len();
    for packet in packets {
        out.extend_from_slice(packet.units_v3().to_string().as_bytes());
        out.push(b':');
        packet.push_text(Revision::V3, out);
    }
    if out.len() == start {
        out.extend_from_slice(b"0:");
    }
}

/// Appends a payload in binary form.
pub(super) fn encode_binary<'a>(
    packets: impl IntoIterator<Item = PacketRef<'a>>,
    out: &mut Vec<u8>,
) {
    for packet in packets {
        let (form, kind, data) = match packet.parts() {
            Parts::Text(kind, text) => (TEXT, kind.digit(), text.as_bytes()),
            Parts::Binary(bytes) => (BINARY, Kind::Message as u8, &bytes[..]),
        };
        out.push(form);
        let digits = (data.len() + 1).to_string();
        out.extend(digits.bytes().map(|digit| digit - b'0'));
        out.push(END_OF_LENGTH);
        out.push(kind);
        out.extend_from_slice(data);
    }
}

/// Where the packet is whose length starts at `at`, in text form.
fn text_packet(text: &str, at: usize) -> Result<Range<usize>, DecodeError> {
    let rest = text.get(at..).unwrap_or_default();
    let (units, digits) = read_length(rest.as_bytes(), b'0', b':')?;
    let packet = rest.get(digits..).unwrap_or_default();
    let length = utf16::prefix(packet, units).ok_or(DecodeError::Truncated)?;
    let start = at + digits;
    Ok(start..start + length)
}

/// Whether the packet that starts at `at` is text, and where it is, in binary form.
fn binary_packet(body: &[u8], at: usize) -> Result<(bool, Range<usize>), DecodeError> {
    let (&form, rest) = body
        .get(at..)
        .and_then(<[u8]>::split_first)
        .ok_or(DecodeError::Truncated)?;
    if form != TEXT && form != BINARY {
        return Err(DecodeError::BadLength);
    }
    let (length, digits) = read_length(rest, 0, END_OF_LENGTH)?;
    if length > rest.len() - digits {
        return Err(DecodeError::Truncated);
    }
    let start = at + 1 + digits;
    Ok((form == TEXT, start..start + length))
}

/// The number at the start of `bytes` and how many bytes it takes, its end mark included.
fn read_length(bytes: &[u8], zero: u8, end: u8) -> Result<(usize, usize), DecodeError> {
    let mut number = 0usize;
    for (index, &byte) in bytes.iter().take(MAX_DIGITS + 1).enumerate() {
        if byte == end && index > 0 {
            return Ok((number, index + 1));
        }
        let digit = byte.wrapping_sub(zero);
        if digit > 9 {
            break;
        }
        // What does not fit is longer than any body.
        number = number.saturating_mul(10).saturating_add(digit.into());
    }
    Err(DecodeError::BadLength)
}

/// The error for a body with more packets than allowed, if it is one. `step` finds where the packet
/// at some place ends.
///
/// Only a body that could hold so many is walked for it.
fn refuse_too_many(
    max_packets: usize,
    at_most: usize,
    step: impl Fn(usize) -> Result<usize, DecodeError>,
) -> Option<DecodeError> {
    if at_most <= max_packets {
        return None;
    }
    let mut at = 0;
    for _ in 0..=max_packets {
        at = step(at).ok()?;
    }
    Some(DecodeError::TooManyPackets { limit: max_packets })
}

/// `bytes` as text. JavaScript strings may hold one half of a surrogate pair, and clients write it
/// as if it were a character; it becomes U+FFFD, as Node has it. Anything else must be UTF-8.
fn lossy_surrogates(bytes: &[u8]) -> Result<Cow<'_, str>, DecodeError> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Ok(text.into());
    }
    let mut bytes = bytes.to_vec();
    for at in 0..bytes.len() {
        if let Some([0xED, 0xA0..=0xBF, 0x80..=0xBF]) = bytes[at..].first_chunk::<3>() {
            bytes[at..at + 3].copy_from_slice("\u{fffd}".as_bytes());
        }
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text.into()),
        Err(_) => Err(DecodeError::NotUtf8),
    }
}

/// The first byte of a text packet in binary form.
const TEXT: u8 = 0;
/// The first byte of a binary packet in binary form.
const BINARY: u8 = 1;
/// What ends a length in binary form.
const END_OF_LENGTH: u8 = 0xFF;

/// Digits of a length, as many as JavaScript's longest number has.
const MAX_DIGITS: usize = 310;

/// Bytes of the shortest packet in text form, `0:`.
const SHORTEST_IN_TEXT: usize = 2;
/// Bytes of the shortest packet in binary form: form, digit, FF.
const SHORTEST_IN_BYTES: usize = 3;

#[cfg(test)]
mod tests {
    use std::slice;

    use DecodeError::{BadLength, Empty, NotUtf8, Truncated, UnknownType};

    use super::*;

    type Items = Vec<Result<Packet, DecodeError>>;

    fn text(text: &str) -> Result<Packet, DecodeError> {
        Ok(text.into())
    }

    fn binary(bytes: &[u8]) -> Result<Packet, DecodeError> {
        Ok(bytes.to_vec().into())
    }

    fn decoded_text(body: &[u8]) -> Items {
        TextDecoder::new(Bytes::copy_from_slice(body), 100).collect()
    }

    fn decoded_binary(body: &[u8]) -> Items {
        BinaryDecoder::new(Bytes::copy_from_slice(body), 100).collect()
    }

    #[test]
    fn decodes_bodies_of_text() {
        #[rustfmt::skip]
        let cases: [(&[u8], Items); 35] = [
            (b"",                           vec![Err(Empty)]),
            (b"0:",                         vec![]),
            (b"0:2:4a",                     vec![text("a")]),
            (b"2:4a0:",                     vec![text("a")]),
            (b"1:4",                        vec![text("")]),
            (b"6:4hello",                   vec![text("hello")]),
            (b"1:61:1",                     vec![Ok(Packet::Noop), Ok(Packet::Close)]),
            ("3:4€€2:4a".as_bytes(),        vec![text("€€"), text("a")]),
            ("4:4😀!2:4a".as_bytes(),       vec![text("😀!"), text("a")]),
            ("3:4😀1:6".as_bytes(),         vec![text("😀"), Ok(Packet::Noop)]),
            (b"10:b4AQIDBA==2:4a",          vec![binary(b"\x01\x02\x03\x04"), text("a")]),
            (b"2:b4",                       vec![binary(b"")]),
            (b"6:2probe",                   vec![Ok(Packet::Ping("probe".into()))]),
            (b"0002:4a",                    vec![text("a")]),
            (b"3:4:1",                      vec![text(":1")]),
            (b":",                          vec![Err(BadLength)]),
            (b":4a",                        vec![Err(BadLength)]),
            (b"4a",                         vec![Err(BadLength)]),
            (b"x:4a",                       vec![Err(BadLength)]),
            (b"+2:4a",                      vec![Err(BadLength)]),
            (b"-2:4a",                      vec![Err(BadLength)]),
            (b" 2:4a",                      vec![Err(BadLength)]),
            (b"2e0:4a",                     vec![Err(BadLength)]),
            (b"2.0:4a",                     vec![Err(BadLength)]),
            ("\u{662}:4a".as_bytes(),       vec![Err(BadLength)]),
            (b"2",                          vec![Err(BadLength)]),
            (b"2:4a5",                      vec![text("a"), Err(BadLength)]),
            (b"2:4a\n",                     vec![text("a"), Err(BadLength)]),
            (b"3:4a",                       vec![Err(Truncated)]),
            (b"99999999999999999999999999:4a", vec![Err(Truncated)]),
            ("2:4😀".as_bytes(),            vec![Err(Truncated)]),
            (b"2:4a2:7b2:4c",               vec![text("a"), Err(UnknownType)]),
            (b"2:4a2:\xc3\xa9x",            vec![text("a"), Err(UnknownType)]),
            (b"2:4a2:4\xff",                vec![text("a"), Err(NotUtf8)]),
            (b"2:4a\xff",                   vec![text("a"), Err(NotUtf8)]),
        ];
        for (body, expected) in cases {
            assert_eq!(decoded_text(body), expected, "{}", body.escape_ascii());
        }
    }

    #[test]
    fn decodes_bodies_of_bytes() {
        #[rustfmt::skip]
        let cases: [(&[u8], Items); 27] = [
            (b"",                                     vec![]),
            (b"\x00\x04\xff4\xe2\x82\xac\x01\x05\xff\x04\x01\x02\x03\x04\x00\x02\xff4z",
                vec![text("€"), binary(b"\x01\x02\x03\x04"), text("z")]),
            (b"\x01\x01\xff\x04",                     vec![binary(b"")]),
            (b"\x00\x01\xff6\x00\x01\xff1",           vec![Ok(Packet::Noop), Ok(Packet::Close)]),
            (b"\x00\x00\x02\xff4a",                   vec![text("a")]),
            (b"\x00\x01\x00\xffb4AQIDBA==",           vec![binary(b"\x01\x02\x03\x04")]),
            (b"\x00\x04\xff4\xed\xa0\x80",            vec![text("\u{fffd}")]),
            (b"\x00\x07\xff4\xed\xa0\xbd\xed\xb8\x80", vec![text("\u{fffd}\u{fffd}")]),
            (b"\x00\x05\xff4\xed\xbf\xbfx",           vec![text("\u{fffd}x")]),
            (b"\x00\x05\xff4\xf0\x9f\x98\x80",        vec![text("😀")]),
            (b"\x00",                                 vec![Err(BadLength)]),
            (b"\x02\x02\xff4a",                       vec![Err(BadLength)]),
            (b"4hello",                               vec![Err(BadLength)]),
            (b"\x00\xff4a",                           vec![Err(BadLength)]),
            (b"\x00\x02",                             vec![Err(BadLength)]),
            (b"\x00\x0a\xff4a",                       vec![Err(BadLength)]),
            (b"\x00\x02\xfe4a",                       vec![Err(BadLength)]),
            (b"\x002\xff4a",                          vec![Err(BadLength)]),
            (b"\x00\x00\xff",                         vec![Err(Empty)]),
            (b"\x01\x00\xff",                         vec![Err(Empty)]),
            (b"\x00\x03\xff4a",                       vec![Err(Truncated)]),
            (b"\x00\x02\xff4a\x00",                   vec![text("a"), Err(BadLength)]),
            (b"\x00\x02\xff4a\x00\x02\xff7a",         vec![text("a"), Err(UnknownType)]),
            (b"\x00\x02\xff4a\x01\x02\xff4a",         vec![text("a"), Err(UnknownType)]),
            (b"\x00\x02\xff4\xff\x00\x02\xff4a",      vec![Err(NotUtf8)]),
            (b"\x00\x03\xff4\xc0\xaf",                vec![Err(NotUtf8)]),
            (b"\x00\x03\xff4\xed\xa0",                vec![Err(NotUtf8)]),
        ];
        for (body, expected) in cases {
            assert_eq!(decoded_binary(body), expected, "{}", body.escape_ascii());
        }
    }

    #[test]
    fn lengths_have_a_bounded_number_of_digits() {
        for (zeros, is_read) in [
            (MAX_DIGITS - 2, true),
            (MAX_DIGITS - 1, true),
            (MAX_DIGITS, false),
        ] {
            let expected = match is_read {
                true => text("a"),
                false => Err(BadLength),
            };
            let body = format!("{}2:4a", "0".repeat(zeros));
            assert_eq!(decoded_text(body.as_bytes()), slice::from_ref(&expected));
            let body = [&[0], &vec![0; zeros][..], b"\x02\xff4a"].concat();
            assert_eq!(decoded_binary(&body), [expected]);
        }
        let body = [&[0], &[9; MAX_DIGITS][..], b"\xff4a"].concat();
        assert_eq!(decoded_binary(&body), [Err(Truncated)]);
    }

    #[test]
    fn encodes_bodies() {
        let packets = [
            Packet::from("€"),
            Packet::from(vec![1, 2, 3, 4]),
            Packet::from("z😀"),
            Packet::Pong("".into()),
        ];
        let mut out = b"before:".to_vec();
        encode_text(packets.iter().map(PacketRef::from), &mut out);
        assert_eq!(out, "before:2:4€10:b4AQIDBA==4:4z😀1:3".as_bytes());
        assert_eq!(decoded_text(&out[7..]), packets.clone().map(Ok));

        let mut out = b"before:".to_vec();
        encode_binary(packets.iter().map(PacketRef::from), &mut out);
        assert_eq!(
            out,
            b"before:\x00\x04\xff4\xe2\x82\xac\x01\x05\xff\x04\x01\x02\x03\x04\
              \x00\x06\xff4z\xf0\x9f\x98\x80\x00\x01\xff3"
        );
        assert_eq!(decoded_binary(&out[7..]), packets.map(Ok));

        let long = [Packet::from("x".repeat(1233))];
        let mut out = Vec::new();
        encode_binary(long.iter().map(PacketRef::from), &mut out);
        assert!(out.starts_with(b"\x00\x01\x02\x03\x04\xff4x"));

        let mut out = Vec::new();
        encode_text([], &mut out);
        assert_eq!(out, b"0:");
    }
}
