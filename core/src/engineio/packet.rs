//! One packet of Engine.IO, and how it looks in a WebSocket frame.

use std::fmt;

use bytes::Bytes;

use super::{Revision, base64};
use crate::{Message, Text};

/// What the two ends of an Engine.IO session tell each other.
///
/// In text a packet is a digit and its data. Only messages can be binary: as bytes where the
/// transport carries them, else in base64.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet {
    /// `0`, from the server: the session is open; the data is JSON that tells its id and timing.
    Open(Text),
    /// `1`: the session ends.
    Close,
    /// `2`: a heartbeat, or with the data `probe` the first packet on an upgrading WebSocket.
    Ping(Text),
    /// `3`: the answer to a ping.
    Pong(Text),
    /// `4`: a message of the application.
    Message(Message),
    /// `5`, from the client: the probed WebSocket is the session's transport from now on.
    Upgrade,
    /// `6`, from the server: says nothing, and ends a poll.
    Noop,
}

impl Packet {
    /// The packet in a WebSocket text frame, or between the separators of a payload.
    ///
    /// Its data shares the memory of `text`, unless it is base64. Data behind a type that has none
    /// (close, upgrade, noop) is passed over.
    ///
    /// # Errors
    ///
    /// When the first character is neither a type's digit nor `b`, or there is none; in revision 3
    /// also when no digit follows that `b`. Whatever base64 a `b` comes with is read.
    pub fn decode_text(revision: Revision, text: &Text) -> Result<Self, DecodeError> {
        Self::decode_str(revision, text, |data| text.slice_ref(data))
    }

    /// The message in a WebSocket text frame, where it stands; `None` when the frame holds any other
    /// packet or none.
    ///
    /// For who has a place for many messages: [`decode_text`](Self::decode_text) wants memory for
    /// each frame, and reads the other packets.
    pub fn text_message(frame: &str) -> Option<&str> {
        match split_first(frame) {
            Ok((first, data)) if first == Kind::Message.digit() => Some(data),
            Ok(_) | Err(_) => None,
        }
    }

    /// As [`decode_text`](Self::decode_text); `keep` makes the data one's own.
    pub(super) fn decode_str(
        revision: Revision,
        text: &str,
        keep: impl FnOnce(&str) -> Text,
    ) -> Result<Self, DecodeError> {
        let (first, data) = split_first(text)?;
        if first == b'b' {
            return Self::decode_base64(revision, data.as_bytes());
        }
        Ok(match Kind::from_digit(first)? {
            Kind::Open => Self::Open(keep(data)),
            Kind::Close => Self::Close,
            Kind::Ping => Self::Ping(keep(data)),
            Kind::Pong => Self::Pong(keep(data)),
            Kind::Message => Self::Message(Message::Text(keep(data))),
            Kind::Upgrade => Self::Upgrade,
            Kind::Noop => Self::Noop,
        })
    }

    /// The packet in a WebSocket binary frame.
    ///
    /// Revision 4 sends nothing but a message's bytes. Revision 3 puts the type before them, as a
    /// number. Its data shares the memory of `frame`.
    ///
    /// # Errors
    ///
    /// In revision 3, when the first byte is no type, or there is none.
    pub fn decode_binary(revision: Revision, frame: &Bytes) -> Result<Self, DecodeError> {
        match revision {
            Revision::V4 => Ok(Self::Message(Message::Binary(frame.clone()))),
            Revision::V3 => Self::decode_bytes_v3(frame, |data| frame.slice_ref(data)),
        }
    }

    /// A binary packet of revision 3; `keep` makes the data one's own.
    pub(super) fn decode_bytes_v3(
        packet: &[u8],
        keep: impl FnOnce(&[u8]) -> Bytes,
    ) -> Result<Self, DecodeError> {
        let (&kind, data) = packet.split_first().ok_or(DecodeError::Empty)?;
        Ok(Kind::from_number(kind)?.with_binary(|| keep(data)))
    }

    fn decode_base64(revision: Revision, data: &[u8]) -> Result<Self, DecodeError> {
        match revision {
            Revision::V4 => Ok(Kind::Message.with_binary(|| base64::decode(data).into())),
            Revision::V3 => {
                let (&kind, data) = data.split_first().ok_or(DecodeError::Empty)?;
                Ok(Kind::from_digit(kind)?.with_binary(|| base64::decode(data).into()))
            }
        }
    }
}

impl<M: Into<Message>> From<M> for Packet {
    fn from(message: M) -> Self {
        Self::Message(message.into())
    }
}

/// Why what a client sent is not Engine.IO; the session ends with `parse error`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// A packet, or a whole body, was empty.
    Empty,
    /// A packet started with something else than a type.
    UnknownType,
    /// Text was no UTF-8.
    NotUtf8,
    /// A packet's length, in revision 3, was missing or no number.
    BadLength,
    /// A packet was announced longer, in revision 3, than what was left of the body.
    Truncated,
    /// A body held more packets than allowed; none was taken.
    TooManyPackets {
        /// The limit in force, in packets.
        limit: usize,
    },
    /// A JSONP form had its field `d` more than once.
    RepeatedField,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("packet without a type"),
            Self::UnknownType => f.write_str("packet of an unknown type"),
            Self::NotUtf8 => f.write_str("text that is not UTF-8"),
            Self::BadLength => f.write_str("packet without a proper length"),
            Self::Truncated => f.write_str("packet shorter than announced"),
            Self::TooManyPackets { limit } => write!(f, "body with more than {limit} packets"),
            Self::RepeatedField => f.write_str("form with more than one field d"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// The type of a packet, by its number.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Open = 0,
    Close,
    Ping,
    Pong,
    Message,
    Upgrade,
    Noop,
}

impl Kind {
    fn from_number(number: u8) -> Result<Self, DecodeError> {
        Ok(match number {
            0 => Self::Open,
            1 => Self::Close,
            2 => Self::Ping,
            3 => Self::Pong,
            4 => Self::Message,
            5 => Self::Upgrade,
            6 => Self::Noop,
            _ => return Err(DecodeError::UnknownType),
        })
    }

    fn from_digit(digit: u8) -> Result<Self, DecodeError> {
        Self::from_number(digit.wrapping_sub(b'0'))
    }

    pub(super) fn digit(self) -> u8 {
        b'0' + self as u8
    }

    /// The packet of this type that came with bytes. Only in a message they mean something.
    fn with_binary(self, data: impl FnOnce() -> Bytes) -> Packet {
        match self {
            Self::Open => Packet::Open(Text::default()),
            Self::Close => Packet::Close,
            Self::Ping => Packet::Ping(Text::default()),
            Self::Pong => Packet::Pong(Text::default()),
            Self::Message => Packet::Message(Message::Binary(data())),
            Self::Upgrade => Packet::Upgrade,
            Self::Noop => Packet::Noop,
        }
    }
}

/// The first byte of `text` and what follows it, if that byte is a whole character.
fn split_first(text: &str) -> Result<(u8, &str), DecodeError> {
    let first = *text.as_bytes().first().ok_or(DecodeError::Empty)?;
    // Not there behind the first byte of a longer character.
    let data = text.get(1..).ok_or(DecodeError::UnknownType)?;
    Ok((first, data))
}

#[cfg(test)]
mod tests {
    use DecodeError::{Empty, UnknownType};
    use Revision::{V3, V4};

    use super::*;

    type Decoded = Result<Packet, DecodeError>;

    fn ping(data: &str) -> Packet {
        Packet::Ping(data.into())
    }

    fn bytes(data: &'static [u8]) -> Packet {
        Bytes::from_static(data).into()
    }

    /// engineioxide-core before 0.2.3 took a first character of several bytes apart and panicked.
    #[test]
    fn decodes_text_frames() {
        use Packet::{Close, Noop, Open, Pong, Upgrade};
        #[rustfmt::skip]
        let cases: [(&str, Decoded, Option<Decoded>); 36] = [
            // text           revision 4                   revision 3, if different
            ("",              Err(Empty),                  None),
            ("0",             Ok(Open("".into())),         None),
            ("0{}",           Ok(Open("{}".into())),       None),
            ("1",             Ok(Close),                   None),
            ("1x",            Ok(Close),                   None),
            ("2",             Ok(ping("")),                None),
            ("2probe",        Ok(ping("probe")),           None),
            ("3probe",        Ok(Pong("probe".into())),    None),
            ("4",             Ok("".into()),               None),
            ("4€",            Ok("€".into()),              None),
            ("4😀!",          Ok("😀!".into()),            None),
            ("4\0",           Ok("\0".into()),             None),
            ("44",            Ok("4".into()),              None),
            ("5",             Ok(Upgrade),                 None),
            ("6",             Ok(Noop),                    None),
            ("7",             Err(UnknownType),            None),
            ("9",             Err(UnknownType),            None),
            ("/",             Err(UnknownType),            None),
            (" 4",            Err(UnknownType),            None),
            ("a",             Err(UnknownType),            None),
            ("B",             Err(UnknownType),            None),
            ("\0",            Err(UnknownType),            None),
            ("\u{4}x",        Err(UnknownType),            None),
            ("é",             Err(UnknownType),            None),
            ("€4",            Err(UnknownType),            None),
            ("😀",            Err(UnknownType),            None),
            ("b",             Ok(bytes(b"")),              Some(Err(Empty))),
            ("b4",            Ok(bytes(b"")),              Some(Ok(bytes(b"")))),
            ("bAQIDBA==",     Ok(bytes(b"\x01\x02\x03\x04")), Some(Err(UnknownType))),
            ("b4AQIDBA==",    Ok(bytes(b"\xe0\x04\x08\x0c\x10")), Some(Ok(bytes(b"\x01\x02\x03\x04")))),
            ("b!!!!",         Ok(bytes(b"")),              Some(Err(UnknownType))),
            ("b4!!!!",        Ok(bytes(b"")),              Some(Ok(bytes(b"")))),
            ("b4-_-_",        Ok(bytes(b"\xe3\xef\xfe")),  Some(Ok(bytes(b"\xfb\xff\xbf")))),
            ("bé",            Ok(bytes(b"")),              Some(Err(UnknownType))),
            ("b2cHJvYmU=",    Ok(bytes(b"\xd9\xc1\xc9\xbd\x89\x94")), Some(Ok(ping("")))),
            ("b7AQID",        Ok(bytes(b"\xec\x04\x08")),  Some(Err(UnknownType))),
        ];
        for (text, v4, v3) in cases {
            let v3 = v3.unwrap_or(v4.clone());
            assert_eq!(Packet::decode_text(V4, &text.into()), v4, "{text}");
            assert_eq!(Packet::decode_text(V3, &text.into()), v3, "{text}");
            // Text messages are the same in both, and nothing else is one.
            let message = match v4 {
                Ok(Packet::Message(Message::Text(message))) => Some(message),
                _ => None,
            };
            assert_eq!(Packet::text_message(text), message.as_deref(), "{text}");
        }
    }

    #[test]
    fn decodes_binary_frames() {
        #[rustfmt::skip]
        let cases: [(&[u8], Decoded); 11] = [
            // frame                  revision 3
            (b"",                     Err(Empty)),
            (b"\x04",                 Ok(bytes(b""))),
            (b"\x04\x01\x02\x03\x04", Ok(bytes(b"\x01\x02\x03\x04"))),
            (b"\x04\xff",             Ok(bytes(b"\xff"))),
            (b"\x01",                 Ok(Packet::Close)),
            (b"\x02probe",            Ok(ping(""))),
            (b"\x03",                 Ok(Packet::Pong("".into()))),
            (b"\x05",                 Ok(Packet::Upgrade)),
            (b"\x06",                 Ok(Packet::Noop)),
            (b"\x07",                 Err(UnknownType)),
            (b"4x",                   Err(UnknownType)),
        ];
        for (frame, v3) in cases {
            let frame = Bytes::copy_from_slice(frame);
            assert_eq!(Packet::decode_binary(V3, &frame), v3, "{frame:?}");
            // Revision 4 has nothing but messages there.
            let v4 = Packet::decode_binary(V4, &frame);
            assert_eq!(v4, Ok(frame.into()));
        }
    }

    #[test]
    fn decoded_data_shares_the_memory_of_its_frame() {
        let text = Text::from("4hello".repeat(100));
        let frame = Bytes::from(text.as_bytes().to_vec());
        for revision in [V3, V4] {
            let Ok(Packet::Message(message)) = Packet::decode_text(revision, &text) else {
                panic!("no message");
            };
            assert_eq!(message.as_bytes().as_ptr(), text[1..].as_ptr());
        }
        let Ok(Packet::Message(message)) = Packet::decode_binary(V4, &frame) else {
            panic!("no message");
        };
        assert_eq!(message.as_bytes().as_ptr(), frame.as_ptr());
    }
}
