//! From messages to packets.

use bytes::Bytes;

use super::{
    Data, Packet, PacketKind, ParseError, ParserLimits,
    attachments::{COPIED, Partial},
    is_reserved, json,
    plain::Plain,
    text::BINARY,
};
use crate::{Message, Text, scan};

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
///
/// Strings with half of a surrogate pair, which only JavaScript has, are read with U+FFFD in its
/// place.
#[derive(Debug)]
pub struct TextDecoder {
    limits: ParserLimits,
    partial: Option<Box<Partial>>,
}

impl TextDecoder {
    /// A decoder for one client.
    pub fn new(limits: ParserLimits) -> Self {
        Self {
            limits,
            partial: None,
        }
    }

    fn decode_text(&mut self, message: Text) -> Result<Option<Packet>, ParseError> {
        if self.partial.is_some() {
            return Err(ParseError::TextInsteadOfAttachment);
        }
        let length = message.len();
        let message = match message.as_bytes() {
            // It has to wait, and is not to keep the buffer that it was read into.
            [b'5' | b'6', ..] if length < COPIED => Text::from(message.as_str()),
            _ => message,
        };
        let (packet, attachments) = decode_header(message, &self.limits)?;
        if attachments == 0 {
            return Ok(Some(packet));
        }
        self.partial = Some(Box::new(Partial::new(packet, length, attachments)));
        Ok(None)
    }

    fn decode_binary(&mut self, message: Bytes) -> Result<Option<Packet>, ParseError> {
        let partial = self.partial.as_mut().ok_or(ParseError::UnexpectedBinary)?;
        if !partial.push(message, &self.limits)? {
            return Ok(None);
        }
        let complete = self.partial.take();
        complete.map(|partial| partial.into_packet()).transpose()
    }
}

impl Decoder for TextDecoder {
    fn decode(&mut self, message: Message) -> Result<Option<Packet>, ParseError> {
        match message {
            Message::Text(text) => self.decode_text(text),
            Message::Binary(bytes) => self.decode_binary(bytes),
        }
    }

    fn is_partial(&self) -> bool {
        self.partial.is_some()
    }
}

/// Reads a text, as `type [ attachments "-" ] [ nsp "," ] [ ack-id ] [ json ]`, and says how many
/// attachments follow.
fn decode_header(message: Text, limits: &ParserLimits) -> Result<(Packet, usize), ParseError> {
    let (kind, is_binary, rest) = split_kind(&message)?;
    let (attachments, rest) = match is_binary {
        true => split_attachments(rest, limits.attachments)?,
        false => (0, rest),
    };
    let (namespace, rest) = split_namespace(rest);
    let (id, json) = split_id(rest)?;

    let namespace = match namespace {
        None | Some(Packet::ROOT) => Text::from_static(Packet::ROOT),
        Some(other) => message.slice_ref(other),
    };
    let id = match kind {
        PacketKind::Connect | PacketKind::Disconnect => None,
        PacketKind::Event | PacketKind::Ack | PacketKind::ConnectError => id,
    };
    let start = message.len() - json.len();
    let data = if json.is_empty() {
        None
    } else if let Some(plain) = Plain::read(json) {
        let behind_name = check_plain(kind, json, plain, limits)?;
        Some(Data::from_plain(message, start, behind_name))
    } else {
        let (message, start) = match json::mend_surrogates(json) {
            Some(mended) => (mended.into(), 0),
            None => (message, start),
        };
        check_payload(kind, &message[start..], limits)?;
        Some(Data::from_json(message, start))
    };
    let packet = Packet {
        kind,
        namespace,
        id,
        data,
    };
    Ok((packet, attachments))
}

/// The type, and whether it is one with attachments.
fn split_kind(packet: &str) -> Result<(PacketKind, bool, &str), ParseError> {
    let first = packet.as_bytes().first().ok_or(ParseError::Empty)?;
    let number = match first {
        b'0'..=b'6' => first - b'0',
        _ => return Err(ParseError::UnknownType),
    };
    let is_binary = number > PacketKind::ConnectError.number();
    let number = if is_binary { number - BINARY } else { number };
    let kind = PacketKind::from_number(number.into()).ok_or(ParseError::UnknownType)?;
    Ok((kind, is_binary, &packet[1..]))
}

fn split_attachments(rest: &str, limit: usize) -> Result<(usize, &str), ParseError> {
    let (digits, behind) = split_digits(rest);
    let behind = behind
        .strip_prefix('-')
        .ok_or(ParseError::BadAttachmentCount)?;
    if digits.is_empty() || digits.starts_with('0') {
        return Err(ParseError::BadAttachmentCount);
    }
    // What is no `usize` is more than any limit.
    match digits.parse() {
        Ok(count) if count <= limit => Ok((count, behind)),
        _ => Err(ParseError::TooManyAttachments { limit }),
    }
}

fn split_namespace(rest: &str) -> (Option<&str>, &str) {
    if !rest.starts_with('/') {
        return (None, rest);
    }
    let end = scan::find_near(rest.as_bytes(), |byte| byte == b',');
    let behind = rest.get(end + 1..).unwrap_or_default();
    (Some(&rest[..end]), behind)
}

fn split_id(rest: &str) -> Result<(Option<u64>, &str), ParseError> {
    let (digits, behind) = split_digits(rest);
    if digits.is_empty() {
        return Ok((None, behind));
    }
    if digits.len() > MAX_ID_DIGITS {
        return Err(ParseError::BadAckId);
    }
    match digits.parse() {
        Ok(id) => Ok((Some(id), behind)),
        Err(_) => Err(ParseError::BadAckId),
    }
}

/// As many as 2^64-1 has.
const MAX_ID_DIGITS: usize = 20;

fn split_digits(rest: &str) -> (&str, &str) {
    let end = rest.bytes().position(|byte| !byte.is_ascii_digit());
    rest.split_at(end.unwrap_or(rest.len()))
}

/// As `check_payload`, of what is JSON for certain. Says where an event's name ends that is a
/// string.
fn check_plain(
    kind: PacketKind,
    json: &str,
    plain: Plain<'_>,
    limits: &ParserLimits,
) -> Result<usize, ParseError> {
    let limit = limits.arguments;
    match kind {
        PacketKind::Event | PacketKind::Ack if plain.count > limit => {
            Err(ParseError::TooManyArguments { limit })
        }
        PacketKind::Event => match plain.name {
            Some(name) if is_reserved(name) => Err(ParseError::ReservedEventName),
            Some(name) => Ok(name.len() + r#"[""#.len() + 1),
            None => json::check_event_name(json).map(|()| 0),
        },
        PacketKind::Ack => Ok(0),
        PacketKind::Connect | PacketKind::Disconnect | PacketKind::ConnectError => {
            Err(ParseError::BadPayload)
        }
    }
}

/// Checks what is behind the packet's id: all of it, so that nothing is wrong with it later but the
/// type that someone wants.
fn check_payload(kind: PacketKind, json: &str, limits: &ParserLimits) -> Result<(), ParseError> {
    match kind {
        PacketKind::Disconnect => return Err(ParseError::BadPayload),
        PacketKind::Event => {
            json::check_array(json, limits.arguments)?;
            return json::check_event_name(json);
        }
        PacketKind::Ack => return json::check_array(json, limits.arguments),
        PacketKind::Connect | PacketKind::ConnectError => {}
    }
    json::check(json)?;
    match (kind, json.as_bytes().first()) {
        (_, Some(b'{')) | (PacketKind::ConnectError, Some(b'"')) => Ok(()),
        _ => Err(ParseError::BadPayload),
    }
}
