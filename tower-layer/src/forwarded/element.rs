//! The elements of `Forwarded` (RFC 7239).

use std::borrow::Cow;

use super::{Hop, node, scheme};
use crate::origins::Authority;

/// Splits from the end at a delimiter outside quotes, and trims the pieces.
///
/// From the end, since what a proxy appended is well formed: a quote that a client left open cannot
/// swallow it.
pub(super) fn split_from_right(bytes: &[u8], delimiter: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(bytes);
    std::iter::from_fn(move || {
        let bytes = rest?;
        let mut is_quoted = false;
        let mut at = bytes.len();
        while at > 0 {
            at -= 1;
            if bytes[at] == b'"' {
                let front = &bytes[..at];
                let plain = front.iter().rposition(|byte| *byte != b'\\');
                let start = plain.map_or(0, |plain| plain + 1);
                if (at - start) % 2 == 0 {
                    is_quoted = !is_quoted;
                }
                at = start;
            } else if bytes[at] == delimiter && !is_quoted {
                rest = Some(&bytes[..at]);
                return Some(bytes[at + 1..].trim_ascii());
            }
        }
        rest = None;
        Some(bytes.trim_ascii())
    })
}

/// Reads one element; `None` if any part of it is malformed.
pub(super) fn parse(element: &[u8]) -> Option<Hop> {
    let (mut by_address, mut by_scheme, mut by_host) = (None, None, None);
    for pair in split_from_right(element, b';') {
        if pair.is_empty() {
            continue;
        }
        let (name, value) = std::str::from_utf8(pair).ok()?.split_once('=')?;
        let value = unquoted(value)?;
        if !is_token(name) {
            return None;
        }
        let slot = match name.to_ascii_lowercase().as_str() {
            "for" => &mut by_address,
            "proto" => &mut by_scheme,
            "host" => &mut by_host,
            _ => continue,
        };
        // Section 4: each parameter at most once.
        if slot.replace(value).is_some() {
            return None;
        }
    }
    Some(Hop {
        address: by_address.and_then(|value| node(&value)),
        scheme: by_scheme.and_then(|value| scheme(&value)),
        host: by_host.and_then(|value| Authority::parse(&value)),
    })
}

/// A value without its quotes and escapes.
fn unquoted(value: &str) -> Option<Cow<'_, str>> {
    let Some(inner) = value.strip_prefix('"') else {
        // More than a token, since hosts and addresses are often left unquoted.
        let is_plain = |byte: u8| is_token_byte(byte) || matches!(byte, b':' | b'[' | b']');
        return (!value.is_empty() && value.bytes().all(is_plain)).then_some(value.into());
    };
    let inner = inner.strip_suffix('"')?;
    let mut text = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => return None,
            '\\' => text.push(characters.next()?),
            plain => text.push(plain),
        }
    }
    Some(text.into())
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
