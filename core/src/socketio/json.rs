//! What has to be known of JSON before anyone asks for a type.

use std::{borrow::Cow, fmt};

use serde::{
    Deserializer,
    de::{IgnoredAny, SeqAccess, Visitor},
};

use super::{ParseError, is_reserved};
use crate::{limits::NESTING_DEPTH, scan};

/// Checks that `json` is JSON and nested no deeper than allowed.
pub(super) fn check(json: &str) -> Result<(), ParseError> {
    check_depth(json)?;
    match serde_json::from_str::<IgnoredAny>(json) {
        Ok(_) => Ok(()),
        Err(_) => Err(ParseError::Malformed),
    }
}

/// Checks that `json` is an array of at most `limit` elements, as [`check`] does.
pub(super) fn check_array(json: &str, limit: usize) -> Result<(), ParseError> {
    if !json.starts_with('[') {
        return Err(check(json).err().unwrap_or(ParseError::BadPayload));
    }
    check_depth(json)?;
    let mut count = 0;
    let read = read_count(json, limit, &mut count);
    if count > limit {
        return Err(ParseError::TooManyArguments { limit });
    }
    read.map_err(|_| ParseError::Malformed)
}

/// How many elements an array has that was checked.
pub(super) fn count(json: &str) -> usize {
    let mut count = 0;
    match read_count(json, usize::MAX, &mut count) {
        Ok(()) => count,
        Err(_) => 0,
    }
}

/// Checks the first element of an array that was checked.
pub(super) fn check_event_name(json: &str) -> Result<(), ParseError> {
    match first_element(json) {
        Some(First::Text(name)) if is_reserved(&name) => Err(ParseError::ReservedEventName),
        Some(First::Text(_) | First::Number(_)) => Ok(()),
        None => Err(ParseError::BadEventName),
    }
}

/// The event's name in an array that was checked.
pub(super) fn event_name(json: &str) -> Option<Cow<'_, str>> {
    match first_element(json)? {
        First::Text(name) => Some(name),
        First::Number(number) => Some(number_text(number)),
    }
}

/// The same JSON with U+FFFD for each half of a surrogate pair that stands alone: JavaScript has
/// such strings, and Rust has not. `None` if there is none.
pub(super) fn mend_surrogates(json: &str) -> Option<String> {
    let bytes = json.as_bytes();
    let mut mended: Option<Vec<u8>> = None;
    let mut at = 0;
    loop {
        at += scan::find(&bytes[at..], |byte| byte == b'\\');
        match surrogate(&bytes[at..]) {
            Some(Half::High)
                if surrogate(&bytes[at + ESCAPE.len()..]).is_some_and(Half::is_low) =>
            {
                at += 2 * ESCAPE.len();
            }
            Some(_) => {
                let mended = mended.get_or_insert_with(|| bytes.to_vec());
                mended[at..at + ESCAPE.len()].copy_from_slice(ESCAPE);
                at += ESCAPE.len();
            }
            // Past the backslash and what it escapes, which may be another backslash.
            None => at = (at + 2).min(bytes.len()),
        }
        if at == bytes.len() {
            return mended.and_then(|mended| String::from_utf8(mended).ok());
        }
    }
}

const ESCAPE: &[u8] = br"\ufffd";

#[derive(Clone, Copy)]
enum Half {
    High,
    Low,
}

impl Half {
    fn is_low(self) -> bool {
        matches!(self, Self::Low)
    }
}

/// Which half of a pair `bytes` start with.
fn surrogate(bytes: &[u8]) -> Option<Half> {
    let [b'\\', b'u', b'd' | b'D', second, third, fourth, ..] = bytes else {
        return None;
    };
    if !third.is_ascii_hexdigit() || !fourth.is_ascii_hexdigit() {
        return None;
    }
    match second {
        b'8' | b'9' | b'a' | b'b' | b'A' | b'B' => Some(Half::High),
        b'c'..=b'f' | b'C'..=b'F' => Some(Half::Low),
        _ => None,
    }
}

/// `serde_json` bounds the depth of what it reads into types, not of what it passes over.
fn check_depth(json: &str) -> Result<(), ParseError> {
    // So deep there is an opening and a closing bracket each.
    if json.len() < 2 * NESTING_DEPTH {
        return Ok(());
    }
    let is_opening = |byte: u8| matches!(byte, b'[' | b'{');
    // Nothing is deeper than it has brackets, in whatever place.
    let openings = json.bytes().filter(|&byte| is_opening(byte)).count();
    if openings < NESTING_DEPTH || depth(json.as_bytes()) < NESTING_DEPTH {
        return Ok(());
    }
    Err(ParseError::TooDeep {
        limit: NESTING_DEPTH,
    })
}

/// How deep the deepest of `json` is, if it is JSON.
fn depth(json: &[u8]) -> usize {
    let (mut depth, mut deepest, mut at) = (0_usize, 0, 0);
    while let Some(&byte) = json.get(at) {
        at += 1;
        match byte {
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' => at += string_length(&json[at..]),
            _ => {}
        }
    }
    deepest
}

/// Bytes of a string's rest, the closing quote included.
fn string_length(rest: &[u8]) -> usize {
    let mut at = 0;
    loop {
        at += scan::find_near(&rest[at..], |byte| matches!(byte, b'"' | b'\\'));
        match rest.get(at) {
            Some(b'\\') => at = (at + 2).min(rest.len()),
            Some(_) => return at + 1,
            None => return at,
        }
    }
}

fn read_count(json: &str, limit: usize, count: &mut usize) -> serde_json::Result<()> {
    struct Count<'a>(&'a mut usize, usize);

    impl<'de> Visitor<'de> for Count<'_> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
            let Self(count, limit) = self;
            while *count <= limit && seq.next_element::<IgnoredAny>()?.is_some() {
                *count += 1;
            }
            Ok(())
        }
    }

    let mut deserializer = serde_json::Deserializer::from_str(json);
    deserializer.deserialize_seq(Count(count, limit))?;
    deserializer.end()
}

/// The first element of an array, if an event may be named so.
enum First<'a> {
    Text(Cow<'a, str>),
    Number(&'a str),
}

fn first_element(json: &str) -> Option<First<'_>> {
    let first = json.strip_prefix('[')?.trim_start_matches(is_blank);
    match first.as_bytes().first()? {
        b'"' => {
            let text = &first[1..];
            let end = scan::find_near(text.as_bytes(), |byte| matches!(byte, b'"' | b'\\'));
            if text.as_bytes().get(end) == Some(&b'"') {
                return Some(First::Text(text[..end].into()));
            }
            let mut strings = serde_json::Deserializer::from_str(first).into_iter::<String>();
            Some(First::Text(strings.next()?.ok()?.into()))
        }
        b'-' | b'0'..=b'9' => {
            let is_end = |character| is_blank(character) || matches!(character, ',' | ']');
            let end = first.find(is_end).unwrap_or(first.len());
            Some(First::Number(&first[..end]))
        }
        _ => None,
    }
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r')
}

/// A number as JavaScript writes it, which is what it takes as an event's name.
fn number_text(number: &str) -> Cow<'_, str> {
    if number.bytes().all(|byte| byte.is_ascii_digit()) {
        return number.into();
    }
    match number.parse::<f64>() {
        Ok(f64::INFINITY) => "Infinity".into(),
        Ok(f64::NEG_INFINITY) => "-Infinity".into(),
        // There is no negative zero in text.
        Ok(0.0) => "0".into(),
        Ok(number) => number.to_string().into(),
        Err(_) => number.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_events() {
        #[rustfmt::skip]
        let cases = [
            // json                       expected
            (r#"["a",1]"#,                Some("a")),
            ("[ \t\n\r\"a\" ]",           Some("a")),
            (r#"["a\"b"]"#,               Some("a\"b")),
            (r#"["\u0063onnect"]"#,       Some("connect")),
            (r#"[""]"#,                   Some("")),
            ("[0]",                       Some("0")),
            ("[-0.0,1]",                  Some("0")),
            ("[12 ]",                     Some("12")),
            ("[-1.50]",                   Some("-1.5")),
            ("[1e3]",                     Some("1000")),
            ("[1e999]",                   Some("Infinity")),
            ("[-1e999]",                  Some("-Infinity")),
            ("[]",                        None),
            ("[null]",                    None),
            ("[true]",                    None),
            (r#"[["a"]]"#,                None),
            (r#"[{"a":1}]"#,              None),
        ];
        for (json, expected) in cases {
            assert_eq!(event_name(json).as_deref(), expected, "{json}");
        }
    }

    #[test]
    fn replaces_halves_of_surrogate_pairs() {
        #[rustfmt::skip]
        let cases = [
            // json                       expected
            (r#""a""#,                    None),
            (r#""\ud83d\ude00""#,         None),
            (r#""\ud83d""#,               Some(r#""\ufffd""#)),
            (r#""\uDE00""#,               Some(r#""\ufffd""#)),
            (r#""\ude00\ud83d""#,         Some(r#""\ufffd\ufffd""#)),
            (r#""\ud83d\ud83d\ude00""#,   Some(r#""\ufffd\ud83d\ude00""#)),
            (r#""\\ud83d""#,              None),
            (r#""\\\ud83d""#,             Some(r#""\\\ufffd""#)),
            (r#""\ud7ff\ue000""#,         None),
            (r#""\ud83"#,                 None),
            (r"\",                        None),
            (r"\ud83d\",                  Some(r"\ufffd\")),
            ("",                          None),
        ];
        for (json, expected) in cases {
            assert_eq!(mend_surrogates(json).as_deref(), expected, "{json}");
        }
    }

    #[test]
    fn judges_depth_by_brackets_outside_of_strings() {
        let limit = NESTING_DEPTH;
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert_eq!(check(&nested(limit - 1)), Ok(()));
        assert_eq!(check(&nested(limit)), Err(ParseError::TooDeep { limit }));
        assert_eq!(
            check(&nested(limit + 1)),
            Err(ParseError::TooDeep { limit })
        );
        let objects = |depth: usize| r#"{"a":"#.repeat(depth) + "1" + &"}".repeat(depth);
        assert_eq!(check(&objects(limit - 1)), Ok(()));
        assert_eq!(check(&objects(limit)), Err(ParseError::TooDeep { limit }));
        assert_eq!(check(&format!("\"{}\"", "[".repeat(1_000))), Ok(()));
        assert_eq!(check(&format!("\"\\\"{}\"", "{".repeat(1_000))), Ok(()));
        assert_eq!(check(&format!("[{}]", vec!["[]"; 1_000].join(","))), Ok(()));
    }

    #[test]
    fn what_is_let_through_is_read_into_types() {
        let nested = "[".repeat(NESTING_DEPTH - 1) + &"]".repeat(NESTING_DEPTH - 1);
        assert!(serde_json::from_str::<serde_json::Value>(&nested).is_ok());
        assert!(serde_json::from_str::<super::super::Value>(&nested).is_ok());
        let deeper = format!("[{nested}]");
        assert!(serde_json::from_str::<super::super::Value>(&deeper).is_err());
    }
}
