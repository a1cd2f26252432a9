//! Packets on their way out.

use std::sync::OnceLock;

use bytes::Bytes;

use super::{Packet, Revision, base64, packet::Kind, utf16};
use crate::{Message, Prepared, Text, session::Outgoing};

/// How binary messages reach a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Binary {
    /// As bytes, where the transport carries bytes.
    Bytes,
    /// As base64 in text, on every transport: the client asked for it with `b64`, or by JSONP.
    Base64,
}

/// A [`Packet`] to encode, wherever its data is kept; cheap to copy.
///
/// Messages that many sessions share ([`Prepared`]) are encoded once for all of them.
///
/// # Example
///
/// ```
/// use sockeye_core::{Message, engineio::{Binary, Packet, PacketRef, Revision}};
///
/// let packet = Packet::from("hello");
/// let frame = PacketRef::from(&packet).frame(Revision::V4, Binary::Bytes);
/// assert_eq!(frame, Message::from("4hello"));
/// ```
#[derive(Clone, Copy, Debug)]
pub enum PacketRef<'a> {
    /// As [`Packet::Open`].
    Open(&'a str),
    /// As [`Packet::Close`].
    Close,
    /// As [`Packet::Ping`].
    Ping(&'a str),
    /// As [`Packet::Pong`].
    Pong(&'a str),
    /// As [`Packet::Message`].
    Message(&'a Message),
    /// A message sent to many.
    Prepared(&'a Prepared),
    /// As [`Packet::Upgrade`].
    Upgrade,
    /// As [`Packet::Noop`].
    Noop,
}

impl PacketRef<'_> {
    /// The WebSocket frame that carries the packet: a text frame or a binary one.
    ///
    /// A binary message of revision 4 and everything in a [`Prepared`] share memory; the rest is
    /// copied once, as something stands before it.
    pub fn frame(self, revision: Revision, binary: Binary) -> Message {
        match (self.parts(), binary, revision) {
            (Parts::Text(kind, text), ..) => Message::Text(self.text_packet(kind, text)),
            (Parts::Binary(bytes), Binary::Bytes, Revision::V4) => Message::Binary(bytes.clone()),
            (Parts::Binary(bytes), Binary::Bytes, Revision::V3) => {
                Message::Binary(self.binary_packet_v3(bytes))
            }
            (Parts::Binary(bytes), Binary::Base64, Revision::V4) => {
                Message::Text(self.base64_packet_v4(bytes))
            }
            (Parts::Binary(bytes), Binary::Base64, Revision::V3) => {
                let mut packet = String::with_capacity(2 + base64::encoded_len(bytes.len()));
                packet.push_str(BASE64_V3);
                match self.encoded_base64(bytes) {
                    Some(encoded) => packet.push_str(encoded),
                    None => base64::encode_into_string(bytes, &mut packet),
                }
                Message::Text(packet.into())
            }
        }
    }

    /// Appends the payload of the WebSocket frame that carries the packet: what [`frame`](Self::frame)
    /// gives, without memory of its own.
    pub fn push_frame(self, revision: Revision, binary: Binary, out: &mut Vec<u8>) {
        match (self.parts(), binary, revision) {
            (Parts::Binary(bytes), Binary::Bytes, Revision::V4) => out.extend_from_slice(bytes),
            (Parts::Binary(bytes), Binary::Bytes, Revision::V3) => {
                out.push(Kind::Message.digit() - b'0');
                out.extend_from_slice(bytes);
            }
            (Parts::Text(..), ..) | (Parts::Binary(_), Binary::Base64, _) => {
                self.push_text(revision, out);
            }
        }
    }

    /// About as many bytes as [`push_frame`](Self::push_frame) appends.
    pub fn len_hint(self, binary: Binary) -> usize {
        match (self.parts(), binary) {
            (Parts::Text(_, text), _) => 1 + text.len(),
            (Parts::Binary(bytes), Binary::Bytes) => 1 + bytes.len(),
            (Parts::Binary(bytes), Binary::Base64) => 2 + base64::encoded_len(bytes.len()),
        }
    }

    /// Whether the packet is a binary message.
    pub fn is_binary(self) -> bool {
        matches!(self.parts(), Parts::Binary(_))
    }

    /// Appends the packet's text form; a binary message becomes base64.
    pub(super) fn push_text(self, revision: Revision, out: &mut Vec<u8>) {
        match self.parts() {
            Parts::Text(kind, text) => {
                out.push(kind.digit());
                out.extend_from_slice(text.as_bytes());
            }
            Parts::Binary(bytes) => {
                out.extend_from_slice(match revision {
                    Revision::V4 => BASE64_V4.as_bytes(),
                    Revision::V3 => BASE64_V3.as_bytes(),
                });
                match self.encoded_base64(bytes) {
                    Some(encoded) => out.extend_from_slice(encoded.as_bytes()),
                    None => base64::encode_into(bytes, out),
                }
            }
        }
    }

    /// The length of revision 3's text form in UTF-16 code units.
    pub(super) fn units_v3(self) -> usize {
        1 + match (self.parts(), self) {
            (Parts::Text(_, text), Self::Prepared(prepared)) => {
                *prepared.engineio().units.get_or_init(|| utf16::units(text))
            }
            (Parts::Text(_, text), _) => utf16::units(text),
            (Parts::Binary(bytes), _) => 1 + base64::encoded_len(bytes.len()),
        }
    }

    /// What the packet says: its type and its data.
    pub(super) fn parts(&self) -> Parts<'_> {
        match self {
            Self::Open(data) => Parts::Text(Kind::Open, data),
            Self::Close => Parts::Text(Kind::Close, ""),
            Self::Ping(data) => Parts::Text(Kind::Ping, data),
            Self::Pong(data) => Parts::Text(Kind::Pong, data),
            Self::Upgrade => Parts::Text(Kind::Upgrade, ""),
            Self::Noop => Parts::Text(Kind::Noop, ""),
            Self::Message(message) => (*message).into(),
            Self::Prepared(prepared) => prepared.message().into(),
        }
    }

    fn text_packet(&self, kind: Kind, text: &str) -> Text {
        let encode = || {
            let mut packet = String::with_capacity(1 + text.len());
            packet.push(kind.digit().into());
            packet.push_str(text);
            Text::from(packet)
        };
        match self {
            Self::Prepared(prepared) => prepared.engineio().text.get_or_init(encode).clone(),
            _ => encode(),
        }
    }

    fn base64_packet_v4(&self, bytes: &[u8]) -> Text {
        let encode = || {
            let mut packet = String::with_capacity(1 + base64::encoded_len(bytes.len()));
            packet.push_str(BASE64_V4);
            base64::encode_into_string(bytes, &mut packet);
            Text::from(packet)
        };
        match self {
            Self::Prepared(prepared) => prepared.engineio().text.get_or_init(encode).clone(),
            _ => encode(),
        }
    }

    /// The base64 of a shared message, which other sessions need too.
    fn encoded_base64(&self, bytes: &[u8]) -> Option<&str> {
        let Self::Prepared(prepared) = self else {
            return None;
        };
        let packet = prepared
            .engineio()
            .text
            .get_or_init(|| PacketRef::Message(prepared.message()).base64_packet_v4(bytes));
        packet.strip_prefix(BASE64_V4)
    }

    fn binary_packet_v3(&self, bytes: &[u8]) -> Bytes {
        let encode = || {
            let mut packet = Vec::with_capacity(1 + bytes.len());
            packet.push(Kind::Message as u8);
            packet.extend_from_slice(bytes);
            Bytes::from(packet)
        };
        match self {
            Self::Prepared(prepared) => prepared.engineio().binary_v3.get_or_init(encode).clone(),
            _ => encode(),
        }
    }
}

impl<'a> From<&'a Packet> for PacketRef<'a> {
    fn from(packet: &'a Packet) -> Self {
        match packet {
            Packet::Open(data) => Self::Open(data),
            Packet::Close => Self::Close,
            Packet::Ping(data) => Self::Ping(data),
            Packet::Pong(data) => Self::Pong(data),
            Packet::Message(message) => Self::Message(message),
            Packet::Upgrade => Self::Upgrade,
            Packet::Noop => Self::Noop,
        }
    }
}

impl<'a> From<&'a Message> for PacketRef<'a> {
    fn from(message: &'a Message) -> Self {
        Self::Message(message)
    }
}

impl<'a> From<&'a Prepared> for PacketRef<'a> {
    fn from(prepared: &'a Prepared) -> Self {
        Self::Prepared(prepared)
    }
}

impl<'a> From<&'a Outgoing> for PacketRef<'a> {
    fn from(outgoing: &'a Outgoing) -> Self {
        match outgoing {
            Outgoing::Own(message) => Self::Message(message),
            Outgoing::Shared(prepared) => Self::Prepared(prepared),
        }
    }
}

/// A packet taken apart.
pub(super) enum Parts<'a> {
    Text(Kind, &'a str),
    /// Only messages are binary.
    Binary(&'a Bytes),
}

impl<'a> From<&'a Message> for Parts<'a> {
    fn from(message: &'a Message) -> Self {
        match message {
            Message::Text(text) => Self::Text(Kind::Message, text),
            Message::Binary(bytes) => Self::Binary(bytes),
        }
    }
}

/// The encodings of a shared message that cannot be written without work or a copy; the others are
/// a few bytes and the message itself.
#[derive(Debug, Default)]
pub(crate) struct Encodings {
    /// The text packet: `4` and the text, in both revisions; or `b` and base64, as revision 4 has
    /// it, from which revision 3's is copied.
    text: OnceLock<Text>,
    /// The frame of a binary message in revision 3, which starts with its type.
    binary_v3: OnceLock<Bytes>,
    /// The length of a text in UTF-16 code units.
    units: OnceLock<usize>,
}

const BASE64_V4: &str = "b";
/// Revision 3 puts the type there too.
const BASE64_V3: &str = "b4";

#[cfg(test)]
mod tests {
    use Binary::{Base64, Bytes as Raw};
    use Revision::{V3, V4};

    use super::*;

    const EVERY_FORM: [(Revision, Binary); 4] = [(V3, Raw), (V3, Base64), (V4, Raw), (V4, Base64)];

    #[test]
    fn encodes_frames() {
        let binary = || Packet::from(vec![1, 2, 3, 4]);
        let empty = || Packet::from(Vec::new());
        let text = Message::from;
        let bytes = |bytes: &[u8]| Message::from(bytes.to_vec());
        #[rustfmt::skip]
        let cases = [
            // packet                      forms                                            frame
            (Packet::Open("{}".into()),    &EVERY_FORM[..],                                 text("0{}")),
            (Packet::Close,                &EVERY_FORM,                                     text("1")),
            (Packet::Ping("".into()),      &EVERY_FORM,                                     text("2")),
            (Packet::Pong("probe".into()), &EVERY_FORM,                                     text("3probe")),
            (Packet::from(""),             &EVERY_FORM,                                     text("4")),
            (Packet::from("€😀"),          &EVERY_FORM,                                     text("4€😀")),
            (Packet::Upgrade,              &EVERY_FORM,                                     text("5")),
            (Packet::Noop,                 &EVERY_FORM,                                     text("6")),
            (binary(),                     &[(V4, Raw)],                                    bytes(b"\x01\x02\x03\x04")),
            (binary(),                     &[(V3, Raw)],                                    bytes(b"\x04\x01\x02\x03\x04")),
            (binary(),                     &[(V4, Base64)],                                 text("bAQIDBA==")),
            (binary(),                     &[(V3, Base64)],                                 text("b4AQIDBA==")),
            (empty(),                      &[(V4, Raw)],                                    bytes(b"")),
            (empty(),                      &[(V3, Raw)],                                    bytes(b"\x04")),
            (empty(),                      &[(V4, Base64)],                                 text("b")),
            (empty(),                      &[(V3, Base64)],                                 text("b4")),
        ];
        for (packet, forms, expected) in cases {
            for &(revision, binary) in forms {
                let frame = PacketRef::from(&packet).frame(revision, binary);
                assert_eq!(frame, expected, "{revision:?} {binary:?}");
                if let Packet::Message(message) = &packet {
                    let prepared = Prepared::from(message.clone());
                    for packet in [PacketRef::from(message), PacketRef::from(&prepared)] {
                        assert_eq!(packet.frame(revision, binary), expected);
                    }
                }
            }
        }
    }

    #[test]
    fn a_shared_message_is_encoded_once() {
        for message in [Message::from("hello"), Message::from(vec![7; 50])] {
            let prepared = Prepared::new(message);
            for (revision, binary) in EVERY_FORM {
                if prepared.message().as_text().is_none() && (revision, binary) == (V3, Base64) {
                    // Made from revision 4's, so that only one of them is kept.
                    continue;
                }
                let [first, second] =
                    [(); 2].map(|()| PacketRef::from(&prepared.clone()).frame(revision, binary));
                assert_eq!(first, second);
                assert_eq!(first.as_bytes().as_ptr(), second.as_bytes().as_ptr());
            }
        }
    }

    #[test]
    fn what_is_encoded_reads_back_as_itself_in_whatever_order() {
        for message in [Message::from("a€😀"), Message::from(vec![1, 2, 3, 4])] {
            for first in EVERY_FORM {
                let prepared = Prepared::new(message.clone());
                for (revision, binary) in [first].into_iter().chain(EVERY_FORM) {
                    let packet = match PacketRef::from(&prepared).frame(revision, binary) {
                        Message::Text(text) => Packet::decode_text(revision, &text),
                        Message::Binary(bytes) => Packet::decode_binary(revision, &bytes),
                    };
                    assert_eq!(packet, Ok(message.clone().into()));
                }
            }
        }
    }
}
