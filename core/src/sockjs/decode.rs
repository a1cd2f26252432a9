//! Request bodies and WebSocket texts of clients, to messages.
//!
//! Clients send one thing only: JSON strings, alone or in an array. So this reads just that, with
//! no tree, no recursion and no allocation per message; anything else is refused as it is met.

use std::{fmt, iter::FusedIterator, ops::Range};

use super::{form, scan};
use crate::Text;

/// Appends the messages of an `xhr_send` body, a JSON array of strings, to `into`.
///
/// # Errors
///
/// When the body is empty, is not such an array or holds more than `max_messages`; `into` is then
/// as it was before.
///
/// # Protocol
///
/// Escaped surrogates without their other half become U+FFFD; bytes that are no UTF-8 make the
/// whole body broken.
pub fn decode_array(
    body: &[u8],
    max_messages: usize,
    into: &mut Decoded,
) -> Result<(), DecodeError> {
    if body.is_empty() {
        return Err(DecodeError::PayloadExpected);
    }
    let body = std::str::from_utf8(body).map_err(|_| DecodeError::BrokenJson)?;
    into.all_or_nothing(|into| {
        let mut parser = Parser::new(body);
        parser.array(max_messages, into)?;
        parser.end()
    })
}

/// Appends the messages of a `jsonp_send` form to `into`: its field `d` is the JSON array.
///
/// # Errors
///
/// As [`decode_array`]; also when `d` is absent or empty ([`DecodeError::PayloadExpected`]) or
/// given twice ([`DecodeError::BrokenJson`], as nothing says which of them is meant).
pub fn decode_form(
    body: &[u8],
    max_messages: usize,
    into: &mut Decoded,
) -> Result<(), DecodeError> {
    let mut values = form::fields(body)
        .filter(|(name, _)| form::is_named(name, "d"))
        .map(|(_, value)| value);
    let value = values.next().ok_or(DecodeError::PayloadExpected)?;
    if values.next().is_some() {
        return Err(DecodeError::BrokenJson);
    }
    let json: Vec<u8> = form::decoded(value).collect();
    decode_array(&json, max_messages, into)
}

/// Appends the messages of one text message on a framed WebSocket to `into`.
///
/// That is an array of strings, or one bare string; an empty payload holds none.
///
/// # Errors
///
/// When the payload is anything else or holds more than `max_messages`; `into` is then as it was
/// before.
pub fn decode_text_frame(
    payload: &str,
    max_messages: usize,
    into: &mut Decoded,
) -> Result<(), DecodeError> {
    if payload.is_empty() {
        return Ok(());
    }
    into.all_or_nothing(|into| {
        let mut parser = Parser::new(payload);
        if parser.peek_token() == Some(b'[') {
            parser.array(max_messages, into)?;
        } else if max_messages == 0 {
            return Err(DecodeError::TooManyMessages { limit: 0 });
        } else {
            parser.message(into)?;
        }
        parser.end()
    })
}

/// How the body of a sender's request holds its JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKind {
    /// The body is the JSON: for [`decode_array`].
    Json,
    /// The JSON is a field of a form: for [`decode_form`].
    Form,
}

/// Whether an `xhr_send` body of this `Content-Type` is read; parameters and case do not matter.
///
/// The others are answered like an empty body, [`DecodeError::PayloadExpected`].
pub fn body_kind_xhr(content_type: Option<&[u8]>) -> bool {
    // The reference server's list, `T` included.
    const ACCEPTED: [&[u8]; 6] = [
        b"",
        b"text/plain",
        b"t",
        b"application/json",
        b"application/xml",
        b"text/xml",
    ];
    let essence = essence(content_type);
    ACCEPTED
        .iter()
        .any(|accepted| essence.eq_ignore_ascii_case(accepted))
}

/// How to read a `jsonp_send` body of this `Content-Type`; parameters and case do not matter.
///
/// `None` is answered like an empty body, [`DecodeError::PayloadExpected`].
pub fn body_kind_jsonp(content_type: Option<&[u8]>) -> Option<BodyKind> {
    let essence = essence(content_type);
    if essence.eq_ignore_ascii_case(b"application/x-www-form-urlencoded") {
        Some(BodyKind::Form)
    } else if essence.is_empty() || essence.eq_ignore_ascii_case(b"text/plain") {
        Some(BodyKind::Json)
    } else {
        None
    }
}

/// A `Content-Type` without its parameters; empty if there is none.
fn essence(content_type: Option<&[u8]>) -> &[u8] {
    content_type
        .unwrap_or_default()
        .split(|&byte| byte == b';')
        .next()
        .unwrap_or_default()
        .trim_ascii()
}

/// Why a client's message body was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// The body was empty where at least one message is required.
    PayloadExpected,
    /// The body was not a JSON array of strings.
    BrokenJson,
    /// The body was longer than allowed; reading stopped there.
    TooLarge {
        /// The limit in force, in bytes.
        limit: usize,
    },
    /// The body held more messages than allowed; none was taken.
    TooManyMessages {
        /// The limit in force, in messages.
        limit: usize,
    },
}

impl DecodeError {
    /// The body of the response that tells the client.
    pub fn wire_text(self) -> &'static str {
        match self {
            Self::PayloadExpected => "Payload expected.",
            Self::BrokenJson => "Broken JSON encoding.",
            Self::TooLarge { .. } => "Payload too large.",
            Self::TooManyMessages { .. } => "Too many messages.",
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PayloadExpected => f.write_str("body without messages"),
            Self::BrokenJson => f.write_str("body is not a JSON array of strings"),
            Self::TooLarge { limit } => write!(f, "body longer than {limit} bytes"),
            Self::TooManyMessages { limit } => write!(f, "body with more than {limit} messages"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// Decoded messages on their way to the application, in memory that is used again.
///
/// All of them stand in one buffer, so decoding allocates nothing once that has grown;
/// [`drain`](Self::drain) makes texts that can be kept.
#[derive(Debug, Default)]
pub struct Decoded {
    text: String,
    /// Where in `text` each message ends; it starts where the one before ends.
    ends: Vec<usize>,
}

impl Decoded {
    /// No messages and no memory yet.
    pub const fn new() -> Self {
        Self {
            text: String::new(),
            ends: Vec::new(),
        }
    }

    /// How many messages there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no message.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The length of all messages together, in bytes.
    pub fn bytes(&self) -> usize {
        self.text.len()
    }

    /// Forgets the messages. The memory is kept for the next ones up to 64 KiB, given back above.
    pub fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        if self.text.capacity() > KEPT_BYTES {
            self.text = String::new();
        }
        if self.ends.capacity() > KEPT_BYTES / size_of::<usize>() {
            self.ends = Vec::new();
        }
    }

    /// Takes the messages out, in their order. What is not taken is forgotten, as by
    /// [`clear`](Self::clear).
    ///
    /// Small messages share memory: one that is kept may keep up to 4 KiB from being freed. A
    /// message that stands alone or is longer than 1 KiB has its own.
    pub fn drain(&mut self) -> Drain<'_> {
        Drain {
            decoded: self,
            next: 0,
            block: Text::default(),
            block_range: 0..0,
        }
    }

    fn all_or_nothing(
        &mut self,
        decode: impl FnOnce(&mut Self) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        let (bytes, messages) = (self.text.len(), self.ends.len());
        let result = decode(self);
        if result.is_err() {
            self.text.truncate(bytes);
            self.ends.truncate(messages);
            if self.is_empty() {
                self.clear();
            }
        }
        result
    }

    fn range(&self, index: usize) -> Option<Range<usize>> {
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        Some(start..end)
    }

    /// Where a block that starts with the message `index` ends.
    fn block_end(&self, index: usize) -> usize {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        let mut end = start;
        for &next in &self.ends[index..] {
            if next - end > OWN_BYTES || next - start > BLOCK_BYTES {
                break;
            }
            end = next;
        }
        end
    }
}

/// The messages of a [`Decoded`], taken out one by one.
#[derive(Debug)]
pub struct Drain<'a> {
    decoded: &'a mut Decoded,
    next: usize,
    /// A copy of `block_range` of the buffer, which the messages in it share.
    block: Text,
    block_range: Range<usize>,
}

impl Iterator for Drain<'_> {
    type Item = Text;

    fn next(&mut self) -> Option<Text> {
        let range = self.decoded.range(self.next)?;
        let index = self.next;
        self.next += 1;
        if range.is_empty() {
            return Some(Text::default());
        }
        if range.end > self.block_range.end {
            let end = self.decoded.block_end(index);
            if end <= range.end {
                return Some(Text::from(&self.decoded.text[range]));
            }
            self.block_range = range.start..end;
            self.block = Text::from(&self.decoded.text[self.block_range.clone()]);
        }
        let start = self.block_range.start;
        Some(
            self.block
                .slice_ref(&self.block[range.start - start..range.end - start]),
        )
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.decoded.len() - self.next;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Drain<'_> {}

impl FusedIterator for Drain<'_> {}

impl Drop for Drain<'_> {
    fn drop(&mut self) {
        self.decoded.clear();
    }
}

/// A reader of JSON strings and arrays of them.
struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn array(&mut self, max_messages: usize, into: &mut Decoded) -> Result<(), DecodeError> {
        self.expect_token(b'[')?;
        if self.peek_token() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        let mut room = max_messages;
        loop {
            if room == 0 {
                return Err(DecodeError::TooManyMessages {
                    limit: max_messages,
                });
            }
            self.message(into)?;
            room -= 1;
            match self.peek_token() {
                Some(b',') => self.at += 1,
                _ => return self.expect_token(b']'),
            }
        }
    }

    fn message(&mut self, into: &mut Decoded) -> Result<(), DecodeError> {
        self.expect_token(b'"')?;
        self.string_tail(&mut into.text)?;
        into.ends.push(into.text.len());
        Ok(())
    }

    /// Nothing but blanks may follow.
    fn end(&mut self) -> Result<(), DecodeError> {
        match self.peek_token() {
            None => Ok(()),
            Some(_) => Err(DecodeError::BrokenJson),
        }
    }

    /// The rest of a string whose opening quote has been read.
    fn string_tail(&mut self, out: &mut String) -> Result<(), DecodeError> {
        loop {
            let rest = &self.text[self.at..];
            let run = scan::find(rest.as_bytes(), |byte| {
                (byte == b'"') | (byte == b'\\') | (byte < 0x20)
            });
            out.push_str(&rest[..run]);
            self.at += run;
            match self.next_byte() {
                Some(b'"') => return Ok(()),
                Some(b'\\') => out.push(self.escape()?),
                // A control character, or the end.
                _ => return Err(DecodeError::BrokenJson),
            }
        }
    }

    /// The character of an escape whose backslash has been read.
    fn escape(&mut self) -> Result<char, DecodeError> {
        Ok(match self.next_byte() {
            Some(literal @ (b'"' | b'\\' | b'/')) => char::from(literal),
            Some(b'b') => '\x08',
            Some(b'f') => '\x0c',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let unit = self.hex_digits()?;
                self.code_point(unit)
            }
            _ => return Err(DecodeError::BrokenJson),
        })
    }

    /// The character that starts with the UTF-16 unit `first`, with its other half if that follows.
    fn code_point(&mut self, first: u16) -> char {
        let after_first = self.at;
        if (0xD800..0xDC00).contains(&first) {
            if let Some(second) = self.low_surrogate() {
                let bits = u32::from(first - 0xD800) << 10 | u32::from(second - 0xDC00);
                return char::from_u32(0x1_0000 + bits).unwrap_or(char::REPLACEMENT_CHARACTER);
            }
            // What follows stands for itself, and is read (and refused, if need be) as such.
            self.at = after_first;
        }
        char::from_u32(first.into()).unwrap_or(char::REPLACEMENT_CHARACTER)
    }

    fn low_surrogate(&mut self) -> Option<u16> {
        if self.next_byte()? != b'\\' || self.next_byte()? != b'u' {
            return None;
        }
        self.hex_digits()
            .ok()
            .filter(|unit| (0xDC00..0xE000).contains(unit))
    }

    fn hex_digits(&mut self) -> Result<u16, DecodeError> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self
                .next_byte()
                .and_then(|byte| char::from(byte).to_digit(16));
            unit = unit << 4 | digit.ok_or(DecodeError::BrokenJson)?;
        }
        u16::try_from(unit).map_err(|_| DecodeError::BrokenJson)
    }

    fn expect_token(&mut self, token: u8) -> Result<(), DecodeError> {
        if self.peek_token() != Some(token) {
            return Err(DecodeError::BrokenJson);
        }
        self.at += 1;
        Ok(())
    }

    /// The next byte that is no blank, which is then at `self.at`.
    fn peek_token(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = bytes.get(self.at) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    fn next_byte(&mut self) -> Option<u8> {
        let byte = *self.text.as_bytes().get(self.at)?;
        self.at += 1;
        Some(byte)
    }
}

/// Memory that a [`Decoded`] keeps between uses, per buffer and in bytes.
const KEPT_BYTES: usize = 64 * 1024;

/// The most that small messages share, in bytes.
const BLOCK_BYTES: usize = 4 * 1024;

/// Messages longer than this share nothing.
const OWN_BYTES: usize = 1024;

#[cfg(test)]
mod tests;
