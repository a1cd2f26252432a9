//! Request bodies and WebSocket texts of clients, to messages.
//!
//! Clients send one thing only: JSON strings, alone or in an array. So this reads just that, with
//! no tree, no recursion and no allocation per message; anything else is refused as it is met.

use std::fmt;

use crate::form;

mod collector;
mod strings;

pub use collector::{Decoded, Drain};
use strings::Parser;

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
pub enum DecodeError {
    /// The body was empty where at least one message is required.
    PayloadExpected,
    /// The body was not a JSON array of strings.
    BrokenJson,
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
            Self::TooManyMessages { .. } => "Too many messages.",
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PayloadExpected => f.write_str("body without messages"),
            Self::BrokenJson => f.write_str("body is not a JSON array of strings"),
            Self::TooManyMessages { limit } => write!(f, "body with more than {limit} messages"),
        }
    }
}

impl std::error::Error for DecodeError {}

#[cfg(test)]
mod tests;
