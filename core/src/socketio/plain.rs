//! Arrays that can be judged at one look, which those of most events and acks are.

use crate::scan;

/// An array of plain elements: strings without an escape, integers, `true`, `false` and `null`,
/// with no blank between them. It is JSON for certain, nested nowhere, and holds no surrogates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plain<'a> {
    /// How many elements there are, at least one.
    pub(super) count: usize,
    /// The first element, if it is a string: what it says.
    pub(super) name: Option<&'a str>,
}

impl<'a> Plain<'a> {
    /// Reads an array; `None` says only that someone else has to.
    pub(super) fn read(json: &'a str) -> Option<Self> {
        let bytes = json.as_bytes();
        if bytes.first() != Some(&b'[') {
            return None;
        }
        let mut at = 1;
        let mut count = 0;
        let mut name = None;
        loop {
            let start = at;
            at += element(&bytes[at..])?;
            if count == 0 && bytes[start] == b'"' {
                name = json.get(start + 1..at - 1);
            }
            count += 1;
            match bytes.get(at)? {
                b',' => at += 1,
                b']' if at + 1 == bytes.len() => return Some(Self { count, name }),
                _ => return None,
            }
        }
    }
}

/// Bytes of the plain element that `rest` begins with.
fn element(rest: &[u8]) -> Option<usize> {
    match rest.first()? {
        b'"' => {
            let end = 1 + find_special(&rest[1..]);
            (rest.get(end) == Some(&b'"')).then_some(end + 1)
        }
        b'0' => Some(1),
        b'1'..=b'9' => {
            let is_end = |byte: &u8| !byte.is_ascii_digit();
            rest.iter().position(is_end)
        }
        b't' if rest.starts_with(b"true") => Some(4),
        b'f' if rest.starts_with(b"false") => Some(5),
        b'n' if rest.starts_with(b"null") => Some(4),
        _ => None,
    }
}

/// Where the first byte is that ends a plain string, or may not be in one: a quote, a backslash or a
/// control character. The length of `bytes` if there is none.
fn find_special(bytes: &[u8]) -> usize {
    let mut at = 0;
    // Names are short, and so are most strings: eight bytes in one register.
    while let Some(&word) = bytes[at..].first_chunk() {
        let special = special(u64::from_le_bytes(word));
        if special != 0 {
            // The lowest bit is the first byte's.
            return at + special.trailing_zeros() as usize / 8;
        }
        at += word.len();
        if at == NEAR {
            at += scan::clean_chunks(&bytes[at..], scan::is_escaped_in_json);
        }
    }
    let rest = &bytes[at..];
    let found = rest.iter().position(|&byte| scan::is_escaped_in_json(byte));
    at + found.unwrap_or(rest.len())
}

/// Behind so many bytes a string is taken for a long one.
const NEAR: usize = 64;

/// The high bit of each byte that is special; above the lowest of them, bits may be set for others
/// too, since what is subtracted below carries over.
fn special(word: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    let less = |word: u64, than: u8| word.wrapping_sub(ONES * u64::from(than)) & !word;
    let is = |byte: u8| less(word ^ (ONES * u64::from(byte)), 1);
    (less(word, 0x20) | is(b'"') | is(b'\\')) & HIGH
}

#[cfg(test)]
mod tests {
    use proptest::{
        collection::vec, prelude::any, prop_assert, prop_assert_eq, proptest, sample::select,
    };

    use super::*;

    #[test]
    fn reads_arrays_of_plain_elements() {
        #[rustfmt::skip]
        let cases = [
            // json                              elements and the first, if read
            (r#"["a"]"#,                         Some((1, Some("a")))),
            (r#"["",1]"#,                        Some((2, Some("")))),
            (r#"["é",0,10,true,false,null]"#,    Some((6, Some("é")))),
            (r#"[7,"a"]"#,                       Some((2, None))),
            ("[0]",                              Some((1, None))),
            (r#"["a long enough string to be taken in steps, and in more of them"]"#,
                Some((1, Some("a long enough string to be taken in steps, and in more of them")))),
            // JSON for someone else.
            ("[]",                               None),
            (r#"["a\n"]"#,                       None),
            (r#"["a", 1]"#,                      None),
            (r#"[ "a"]"#,                        None),
            ("[-1]",                             None),
            ("[1.5]",                            None),
            ("[1e3]",                            None),
            (r#"["a",{}]"#,                      None),
            (r#"["a",["b"]]"#,                   None),
            // No JSON.
            ("",                                 None),
            ("[",                                None),
            (r#"["a"#,                           None),
            (r#"["a"]]"#,                        None),
            (r#"["a"] "#,                        None),
            (r#"["a",]"#,                        None),
            (r#"["a""b"]"#,                      None),
            ("[\"a\n\"]",                        None),
            ("[01]",                             None),
            ("[truely]",                         None),
            ("[nul]",                            None),
            ("[1",                               None),
        ];
        for (json, expected) in cases {
            let read = Plain::read(json).map(|plain| (plain.count, plain.name));
            assert_eq!(read, expected, "{json}");
        }
    }

    #[test]
    fn finds_what_is_special_at_every_place() {
        for length in (0..20).chain(NEAR - 2..NEAR + 50) {
            for fill in [
                b'a', b'!', b'#', b' ', b'[', b']', 0x7f, 0xff, 0xa2, 0xdc, 0x9f,
            ] {
                let mut bytes = vec![fill; length];
                assert_eq!(find_special(&bytes), length, "{fill:x}");
                for place in 0..length {
                    for special in [b'"', b'\\', 0, 0x0a, 0x1f] {
                        bytes[place] = special;
                        assert_eq!(find_special(&bytes), place, "{special:x} in {fill:x}");
                    }
                    bytes[place] = fill;
                }
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_plain_is_what_serde_json_reads(
            pieces in vec(select(PIECES), 0..8),
            text in any::<String>(),
        ) {
            for json in [pieces.concat(), format!("[{}]", pieces.join(",")), format!("[\"{text}\"]")] {
                let Some(plain) = Plain::read(&json) else { continue };
                let read = serde_json::from_str::<Vec<serde_json::Value>>(&json);
                prop_assert!(read.is_ok(), "{json}");
                let read = read.unwrap_or_default();
                prop_assert_eq!(plain.count, read.len());
                prop_assert_eq!(plain.name, read[0].as_str());
            }
        }
    }

    const PIECES: &[&str] = &[
        "[",
        "]",
        ",",
        "\"",
        "\\",
        "a",
        "0",
        "12",
        "-3",
        "true",
        "false",
        "null",
        "{}",
        "\"b\"",
        "\"\\u0041\"",
        " ",
        "\u{1f}",
        "\u{7f}",
        "é",
        "1.5",
        "t",
        "tru",
    ];
}
