//! JSON reduced to what clients send: strings, and arrays of them.

use super::{DecodeError, Decoded};
use crate::{form, scan};

/// A reader of JSON strings and arrays of them.
pub(super) struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn array(
        &mut self,
        max_messages: usize,
        into: &mut Decoded,
    ) -> Result<(), DecodeError> {
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

    pub(super) fn message(&mut self, into: &mut Decoded) -> Result<(), DecodeError> {
        self.expect_token(b'"')?;
        into.push_with(|text| self.string_tail(text))
    }

    /// Nothing but blanks may follow.
    pub(super) fn end(&mut self) -> Result<(), DecodeError> {
        match self.peek_token() {
            None => Ok(()),
            Some(_) => Err(DecodeError::BrokenJson),
        }
    }

    /// The rest of a string whose opening quote has been read.
    fn string_tail(&mut self, out: &mut String) -> Result<(), DecodeError> {
        let ends_run = |byte: u8| (byte == b'"') | (byte == b'\\') | (byte < 0x20);
        let mut follows_escape = false;
        loop {
            let rest = &self.text[self.at..];
            let run = if follows_escape {
                scan::find_near(rest.as_bytes(), ends_run)
            } else {
                scan::find(rest.as_bytes(), ends_run)
            };
            follows_escape = true;
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
        let digits = self.text.as_bytes()[self.at..].first_chunk::<4>();
        let mut unit = 0;
        for &digit in digits.ok_or(DecodeError::BrokenJson)? {
            let value = form::hex(digit).ok_or(DecodeError::BrokenJson)?;
            unit = unit << 4 | u16::from(value);
        }
        self.at += 4;
        Ok(unit)
    }

    fn expect_token(&mut self, token: u8) -> Result<(), DecodeError> {
        if self.peek_token() != Some(token) {
            return Err(DecodeError::BrokenJson);
        }
        self.at += 1;
        Ok(())
    }

    /// The next byte that is no blank, which is then at `self.at`.
    pub(super) fn peek_token(&mut self) -> Option<u8> {
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
