//! JSON strings: by JSON's own rules, and as SockJS writes them.
//!
//! Old browsers and JavaScript engines mangle some characters that JSON leaves alone, so strings
//! inside SockJS frames escape these too. Each outgoing message passes here once, whatever the
//! number of its receivers.

use crate::scan::{CHUNK, clean_chunks};

/// Appends `text` to `out` as a JSON string with its quotes, for use inside a SockJS frame.
///
/// On top of what JSON requires, U+200C to U+200F, U+2028 to U+202F, U+2060 to U+206F, U+FFF0 to
/// U+FFFF and everything above U+FFFF become `\uxxxx` (lower case), the last as surrogate pairs.
/// All else stays as it is.
pub fn quote_into(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    out.reserve(bytes.len() + 2);
    out.push(b'"');
    let mut at = 0;
    while at < bytes.len() {
        let clean = clean_chunks(&bytes[at..], may_start_escaped);
        out.extend_from_slice(&bytes[at..at + clean]);
        at += clean;
        // One chunk with something in it, or the last few bytes: walked, not scanned anew after
        // each character.
        let until = bytes.len().min(at + CHUNK);
        let mut written = Escaped::new();
        while at < until {
            if !may_start_escaped(bytes[at]) {
                written.push(bytes[at]);
                at += 1;
                continue;
            }
            // Continuation bytes never match, so `at` is at the start of a character.
            let Some(character) = text[at..].chars().next() else {
                break;
            };
            let next = at + character.len_utf8();
            if is_escaped(character) {
                written.push_escape(character);
            } else {
                written.extend(&bytes[at..next]);
            }
            at = next;
        }
        out.extend_from_slice(written.as_bytes());
    }
    out.push(b'"');
}

/// What [`quote_plain_into`] does with `<`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Markup {
    /// Leave it: the string is read as JavaScript or JSON.
    Keep,
    /// Write `\u003c`: the string stands inside an HTML script, which `</script>` would end.
    Escape,
}

/// Appends `frame` to `out` as a JSON string with its quotes, by JSON's own rules.
///
/// For transports that hand a whole frame to JavaScript as one literal. The frame has been through
/// [`quote_into`] already, so nothing beyond `"`, `\` and control characters is left to escape;
/// bytes above 7F are copied.
pub fn quote_plain_into(frame: &[u8], markup: Markup, out: &mut Vec<u8>) {
    // With nothing to do for `<`, look for the quote twice rather than branch for each byte.
    let bracket = match markup {
        Markup::Keep => b'"',
        Markup::Escape => b'<',
    };
    let marked = |byte: u8| (byte < 0x20) | (byte == b'"') | (byte == b'\\') | (byte == bracket);
    out.reserve(frame.len() + 2);
    out.push(b'"');
    let mut at = 0;
    while at < frame.len() {
        let clean = clean_chunks(&frame[at..], marked);
        out.extend_from_slice(&frame[at..at + clean]);
        at += clean;
        let until = frame.len().min(at + CHUNK);
        let mut written = Escaped::new();
        for &byte in &frame[at..until] {
            if marked(byte) {
                written.push_escape(char::from(byte));
            } else {
                written.push(byte);
            }
        }
        out.extend_from_slice(written.as_bytes());
        at = until;
    }
    out.push(b'"');
}

/// Whether a character that [`quote_into`] escapes may start with this byte: ASCII ones, E2 for
/// the ranges in U+2000 to U+2FFF, EF for U+FFF0 and on, F0 to F4 for what lies above.
#[inline(always)]
fn may_start_escaped(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'"') | (byte == b'\\') | (byte == 0xE2) | (byte >= 0xEF)
}

fn is_escaped(character: char) -> bool {
    matches!(
        character,
        '\0'..='\x1f'
            | '"'
            | '\\'
            | '\u{200c}'..='\u{200f}'
            | '\u{2028}'..='\u{202f}'
            | '\u{2060}'..='\u{206f}'
            | '\u{fff0}'..='\u{10ffff}'
    )
}

/// What one chunk becomes. Where quotes are dense, as in JSON sent as a message, gathering it here
/// was a quarter faster than copying the short runs between them to the output one by one.
struct Escaped {
    bytes: [u8; ESCAPED_CHUNK],
    len: usize,
}

impl Escaped {
    #[inline(always)]
    fn new() -> Self {
        Self {
            bytes: [0; ESCAPED_CHUNK],
            len: 0,
        }
    }

    #[inline(always)]
    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    #[inline(always)]
    fn push(&mut self, byte: u8) {
        self.bytes[self.len] = byte;
        self.len += 1;
    }

    #[inline(always)]
    fn extend(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.push(byte);
        }
    }

    #[inline(always)]
    fn push_escape(&mut self, character: char) {
        match character {
            '"' => self.extend(br#"\""#),
            '\\' => self.extend(br"\\"),
            '\x08' => self.extend(br"\b"),
            '\t' => self.extend(br"\t"),
            '\n' => self.extend(br"\n"),
            '\x0c' => self.extend(br"\f"),
            '\r' => self.extend(br"\r"),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    let digit = |shift: u16| HEX[usize::from(*unit >> shift & 0xF)];
                    self.extend(&[b'\\', b'u', digit(12), digit(8), digit(4), digit(0)]);
                }
            }
        }
    }
}

/// Every byte of a chunk may become `\uxxxx`; its last one may start an astral character, which
/// becomes two of these.
const ESCAPED_CHUNK: usize = (CHUNK + 1) * 6;

const HEX: &[u8; 16] = b"0123456789abcdef";

#[cfg(test)]
mod tests {
    use super::*;

    fn quoted(text: &str) -> String {
        let mut out = b"before:".to_vec();
        quote_into(text, &mut out);
        let out = String::from_utf8(out).unwrap();
        out.strip_prefix("before:").unwrap().to_owned()
    }

    fn quoted_plain(text: &str, markup: Markup) -> String {
        let mut out = Vec::new();
        quote_plain_into(text.as_bytes(), markup, &mut out);
        String::from_utf8(out).unwrap()
    }

    /// The rules of the protocol, one character at a time.
    fn naive(text: &str) -> String {
        let mut out = String::from("\"");
        for character in text.chars() {
            match u32::from(character) {
                0x22 => out.push_str("\\\""),
                0x5C => out.push_str("\\\\"),
                0x08 => out.push_str("\\b"),
                0x09 => out.push_str("\\t"),
                0x0A => out.push_str("\\n"),
                0x0C => out.push_str("\\f"),
                0x0D => out.push_str("\\r"),
                code @ (0x00..=0x1F
                | 0x200C..=0x200F
                | 0x2028..=0x202F
                | 0x2060..=0x206F
                | 0xFFF0..=0xFFFF) => out.push_str(&format!("\\u{code:04x}")),
                code @ 0x1_0000.. => {
                    let high = 0xD800 + ((code - 0x1_0000) >> 10);
                    let low = 0xDC00 + ((code - 0x1_0000) & 0x3FF);
                    out.push_str(&format!("\\u{high:04x}\\u{low:04x}"));
                }
                _ => out.push(character),
            }
        }
        out.push('"');
        out
    }

    #[test]
    fn quotes_strings_for_frames() {
        #[rustfmt::skip]
        let cases = [
            // case                        text                  expected
            ("nothing",                    "",                   r#""""#),
            ("plain",                      "abc",                r#""abc""#),
            ("quote and backslash",        "\"\\",               r#""\"\\""#),
            ("short escapes",              "\x08\t\n\x0c\r",     r#""\b\t\n\f\r""#),
            ("other controls",             "\0\x07\x0b\x0e\x1f", r#""\u0000\u0007\u000b\u000e\u001f""#),
            ("slash, angle, ampersand",    "/</script>&'",       "\"/</script>&'\""),
            ("delete and C1",              "\x7f\u{80}\u{9f}",   "\"\x7f\u{80}\u{9f}\""),
            ("soft hyphen",                "\u{ad}",             "\"\u{ad}\""),
            ("before 200C",                "\u{200b}",           "\"\u{200b}\""),
            ("200C and 200F",              "\u{200c}\u{200f}",   r#""\u200c\u200f""#),
            ("after 200F",                 "\u{2010}",           "\"\u{2010}\""),
            ("before 2028",                "\u{2027}",           "\"\u{2027}\""),
            ("2028 and 202F",              "\u{2028}\u{202f}",   r#""\u2028\u202f""#),
            ("after 202F",                 "\u{2030}",           "\"\u{2030}\""),
            ("before 2060",                "\u{205f}",           "\"\u{205f}\""),
            ("2060 and 206F",              "\u{2060}\u{206f}",   r#""\u2060\u206f""#),
            ("after 206F",                 "\u{2070}",           "\"\u{2070}\""),
            ("last before the surrogates", "\u{d7ff}",           "\"\u{d7ff}\""),
            ("first after them",           "\u{e000}",           "\"\u{e000}\""),
            ("byte order mark",            "\u{feff}",           "\"\u{feff}\""),
            ("before FFF0",                "\u{ffef}",           "\"\u{ffef}\""),
            ("FFF0 and FFFF",              "\u{fff0}\u{ffff}",   r#""\ufff0\uffff""#),
            ("the replacement character",  "\u{fffd}",           r#""\ufffd""#),
            ("first astral",               "\u{10000}",          r#""\ud800\udc00""#),
            ("a face",                     "😀",                 r#""\ud83d\ude00""#),
            ("last astral",                "\u{10ffff}",         r#""\udbff\udfff""#),
        ];
        for (case, text, expected) in cases {
            assert_eq!(quoted(text), expected, "{case}");
        }
    }

    #[test]
    fn agrees_with_a_naive_quoter_for_every_character() {
        for character in '\0'..=char::MAX {
            let text = character.to_string();
            assert_eq!(quoted(&text), naive(&text));
        }
    }

    #[test]
    fn agrees_with_a_naive_quoter_wherever_a_chunk_ends() {
        for length in 0..3 * CHUNK {
            for tail in 0..4 {
                for special in [
                    "\"", "\n", "é", "\u{2028}", "“", "\u{feff}", "\u{fff0}", "😀",
                ] {
                    let mut text = "x".repeat(length);
                    text.push_str(special);
                    text.push_str(&"y".repeat(tail * CHUNK / 2));
                    text.push_str(special);
                    assert_eq!(quoted(&text), naive(&text));
                }
            }
        }
    }

    #[test]
    fn a_chunk_may_grow_as_much_as_characters_can() {
        for controls in 0..2 * CHUNK {
            let text = format!("{}😀{}", "\x01".repeat(controls), "\x01".repeat(2 * CHUNK));
            assert_eq!(quoted(&text), naive(&text), "{controls}");
        }
    }

    #[test]
    fn quotes_frames_by_plain_json_rules() {
        #[rustfmt::skip]
        let cases = [
            // case           frame                markup          expected
            ("open",          "o",                 Markup::Keep,   r#""o""#),
            ("messages",      r#"a["x"]"#,         Markup::Keep,   r#""a[\"x\"]""#),
            ("an escape",     r#"a["\u2028"]"#,    Markup::Keep,   r#""a[\"\\u2028\"]""#),
            ("line ends",     "\r\n\0",            Markup::Keep,   r#""\r\n\u0000""#),
            ("beyond ASCII",  "é\u{200b}",         Markup::Keep,   "\"é\u{200b}\""),
            ("tag kept",      "</script>",         Markup::Keep,   r#""</script>""#),
            ("tag escaped",   "</script>",         Markup::Escape, r#""\u003c/script>""#),
            ("comment",       r#"a["<!--"]"#,      Markup::Escape, r#""a[\"\u003c!--\"]""#),
        ];
        for (case, frame, markup, expected) in cases {
            assert_eq!(quoted_plain(frame, markup), expected, "{case}");
            let padding = "p".repeat(CHUNK - 1);
            let padded = format!("{padding}{frame}{padding}");
            let inner = &expected[1..expected.len() - 1];
            let expected = format!("\"{padding}{inner}{padding}\"");
            assert_eq!(
                quoted_plain(&padded, markup),
                expected,
                "{case}, across chunks"
            );
        }
    }
}
