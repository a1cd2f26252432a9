//! Base64 as Engine.IO carries binary messages in text.

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};

/// The length of the base64 form of `length` bytes, with its padding.
pub(super) const fn encoded_len(length: usize) -> usize {
    length.div_ceil(3) * 4
}

/// Appends the base64 form of `bytes`: standard alphabet, with padding.
pub(super) fn encode_into(bytes: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + encoded_len(bytes.len()), 0);
    // The space is exactly what was asked for, so this cannot fail.
    let written = STANDARD.encode_slice(bytes, &mut out[start..]);
    debug_assert_eq!(written.ok(), Some(out.len() - start));
}

/// The same for a text.
pub(super) fn encode_into_string(bytes: &[u8], out: &mut String) {
    STANDARD.encode_string(bytes, out);
}

/// What `text` stands for, as Node reads it: both alphabets, padding or none; anything in neither
/// alphabet is passed over, and the first `=` ends it.
pub(super) fn decode(text: &[u8]) -> Vec<u8> {
    LENIENT
        .decode(text)
        .unwrap_or_else(|_| decode_skipping(text))
}

/// For what no client of the protocol sends.
fn decode_skipping(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    let (mut bits, mut count) = (0u32, 0);
    let text = text.iter().copied().take_while(|&byte| byte != b'=');
    for value in text.filter_map(value) {
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xFF) as u8);
        }
    }
    bytes
}

/// What a character of either alphabet stands for.
fn value(character: u8) -> Option<u8> {
    match character {
        b'A'..=b'Z' => Some(character - b'A'),
        b'a'..=b'z' => Some(character - b'a' + 26),
        b'0'..=b'9' => Some(character - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

/// Padding and the unused bits at the end are as the client likes.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_node_reads() {
        #[rustfmt::skip]
        let cases: [(&str, &str, &[u8]); 19] = [
            // case                     text            expected
            ("nothing",                 "",             b""),
            ("one byte",                "AQ==",         &[1]),
            ("two bytes",               "AQI=",         &[1, 2]),
            ("three bytes",             "AQID",         &[1, 2, 3]),
            ("four bytes",              "AQIDBA==",     &[1, 2, 3, 4]),
            ("no padding",              "AQIDBA",       &[1, 2, 3, 4]),
            ("half the padding",        "AQIDBA=",      &[1, 2, 3, 4]),
            ("unused bits set",         "AR==",         &[1]),
            ("standard alphabet",       "+/+/",         &[0xfb, 0xff, 0xbf]),
            ("alphabet for URLs",       "-_-_",         &[0xfb, 0xff, 0xbf]),
            ("both alphabets",          "+_-/",         &[0xfb, 0xff, 0xbf]),
            ("bad characters",          "!!!!",         b""),
            ("among bad characters",    "A!Q I\nD\u{e9}", &[1, 2, 3]),
            ("one character",           "A",            b""),
            ("five characters",         "AQIDB",        &[1, 2, 3]),
            ("padding alone",           "====",         b""),
            ("behind padding",          "YWJjZA==ZGVm", b"abcd"),
            ("padding early",           "A=QID",        b""),
            ("lines",                   "AQID\r\nBA==", &[1, 2, 3, 4]),
        ];
        for (case, text, expected) in cases {
            assert_eq!(decode(text.as_bytes()), expected, "{case}");
        }
    }

    #[test]
    fn both_ways_of_reading_agree() {
        for length in 0..70u8 {
            let bytes: Vec<u8> = (0..length).map(|at| at.wrapping_mul(37)).collect();
            let mut out = b"before".to_vec();
            encode_into(&bytes, &mut out);
            let text = out.strip_prefix(b"before").unwrap();
            assert_eq!(text.len(), encoded_len(bytes.len()));
            assert_eq!(decode(text), bytes);
            assert_eq!(decode_skipping(text), bytes);
        }
    }
}
