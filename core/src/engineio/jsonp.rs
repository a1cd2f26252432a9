//! Polling by script tags, for browsers without cross-domain requests.

use bytes::Bytes;

use super::DecodeError;
use crate::{
    escape::{Markup, quote_plain_into},
    form, scan,
};

/// Appends the script that hands `payload` to the client's callback number `index`:
/// `___eio[<index>]("<payload>");`.
///
/// `index` is what [`Query::jsonp`](super::Query::jsonp) tells: digits, or nothing. The payload is
/// one in text form, that is, UTF-8: [`Payload::V4`](super::Payload::V4) or
/// [`Payload::V3Text`](super::Payload::V3Text).
pub fn wrap(index: &str, payload: &[u8], out: &mut Vec<u8>) {
    out.reserve(payload.len() + index.len() + 16);
    out.extend_from_slice(b"___eio[");
    out.extend(index.bytes().filter(u8::is_ascii_digit));
    out.extend_from_slice(b"](");
    let start = out.len();
    quote_plain_into(payload, Markup::Keep, out);
    escape_line_separators(start, out);
    out.extend_from_slice(b");");
}

/// The payload in a form that a JSONP client posts; `None` when it has no field `d`, which is
/// answered like any other.
///
/// Line feeds are told apart from what browsers make of line ends in forms: `\n` (a backslash and
/// an n) is a line feed, and `\\n` is `\n`. Every other backslash stays.
///
/// # Errors
///
/// [`DecodeError::RepeatedField`] when nothing says which `d` is meant.
pub fn decode_form(body: &[u8]) -> Result<Option<Bytes>, DecodeError> {
    let mut values = form::fields(body)
        .filter(|(name, _)| form::is_named(name, "d"))
        .map(|(_, value)| value);
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(DecodeError::RepeatedField);
    }
    let mut payload = Vec::with_capacity(value.len());
    // Whether the byte at the end of `payload` is a backslash of the form, and the one before.
    let (mut is_escape, mut is_escaped) = (false, false);
    for byte in form::decoded(value) {
        match (byte, is_escape, is_escaped) {
            (b'n', true, true) => {
                payload.pop();
                payload.push(b'n');
            }
            (b'n', true, false) => {
                payload.pop();
                payload.push(b'\n');
            }
            _ => payload.push(byte),
        }
        is_escaped = is_escape;
        is_escape = byte == b'\\';
    }
    Ok(Some(payload.into()))
}

/// Escapes U+2028 and U+2029 in `out[start..]`: JSON allows them in strings, and scripts did not
/// before ECMAScript 2019.
fn escape_line_separators(start: usize, out: &mut Vec<u8>) {
    let first = start + scan::find(&out[start..], |byte| byte == 0xE2);
    if first == out.len() {
        return;
    }
    let rest = out.split_off(first);
    let mut at = 0;
    while at < rest.len() {
        match rest[at..].first_chunk::<3>() {
            Some([0xE2, 0x80, 0xA8]) => {
                out.extend_from_slice(br"\u2028");
                at += 3;
            }
            Some([0xE2, 0x80, 0xA9]) => {
                out.extend_from_slice(br"\u2029");
                at += 3;
            }
            _ => {
                let next = at + 1 + scan::find(&rest[at + 1..], |byte| byte == 0xE2);
                out.extend_from_slice(&rest[at..next]);
                at = next;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Read<'a> = Result<Option<&'a str>, DecodeError>;

    #[test]
    fn wraps_payloads_for_the_callback() {
        #[rustfmt::skip]
        let cases = [
            // index   payload                 expected
            ("0",      "6",                    r#"___eio[0]("6");"#),
            ("12",     "4a\u{1e}4b",           r#"___eio[12]("4a\u001e4b");"#),
            ("",       "",                     r#"___eio[]("");"#),
            ("1]x(",   "6",                    r#"___eio[1]("6");"#),
            ("3",      "2:4\"",                r#"___eio[3]("2:4\"");"#),
            ("3",      "4\\\n\r\t\x08\x0c\0",  r#"___eio[3]("4\\\n\r\t\b\f\u0000");"#),
            ("3",      "4\u{2028}x\u{2029}\u{2029}", r#"___eio[3]("4\u2028x\u2029\u2029");"#),
            ("3",      "4€\u{2028}€\u{2027}😀é",     "___eio[3](\"4€\\u2028€\u{2027}😀é\");"),
            ("3",      "4</script>",           r#"___eio[3]("4</script>");"#),
        ];
        for (index, payload, expected) in cases {
            let mut out = b"before:".to_vec();
            wrap(index, payload.as_bytes(), &mut out);
            let out = String::from_utf8(out).unwrap();
            assert_eq!(out, format!("before:{expected}"), "{payload:?}");
        }
    }

    #[test]
    fn reads_the_forms_of_clients() {
        use DecodeError::RepeatedField;
        #[rustfmt::skip]
        let cases: [(&str, &str, Read<'_>); 19] = [
            // case                         body                     expected
            ("of the client",               "d=4hello",              Ok(Some("4hello"))),
            ("encoded",                     "d=4a%1E4b+c%2B%E2%82%AC", Ok(Some("4a\u{1e}4b c+€"))),
            ("name encoded",                "x=1&%64=4a",            Ok(Some("4a"))),
            ("empty",                       "d=",                    Ok(Some(""))),
            ("without equals",              "d",                     Ok(Some(""))),
            ("no field",                    "",                      Ok(None)),
            ("other fields",                "dd=1&D=2",              Ok(None)),
            ("twice",                       "d=4a&d=4b",             Err(RepeatedField)),
            ("a line feed",                 r"d=4a\nb",              Ok(Some("4a\nb"))),
            ("encoded backslash",           r"d=4a%5Cnb",            Ok(Some("4a\nb"))),
            ("two line feeds",              r"d=\n\n",               Ok(Some("\n\n"))),
            ("an escaped one",              r"d=4a\\nb",             Ok(Some(r"4a\nb"))),
            ("three backslashes",           r"d=4a\\\nb",            Ok(Some(r"4a\\nb"))),
            ("four backslashes",            r"d=4a\\\\nb",           Ok(Some(r"4a\\\nb"))),
            ("backslashes without n",       r"d=\\\a\",              Ok(Some(r"\\\a\"))),
            ("line feed, escaped one",      r"d=\n\\n",              Ok(Some("\n\\n"))),
            ("escaped one, line feed",      r"d=\\n\n",              Ok(Some("\\n\n"))),
            ("raw line feeds",              "d=\n%0A",               Ok(Some("\n\n"))),
            ("an n alone",                  "d=nn",                  Ok(Some("nn"))),
        ];
        for (case, body, expected) in cases {
            let payload = decode_form(body.as_bytes());
            let payload = payload.map(|payload| payload.map(|bytes| bytes.to_vec()));
            let expected = expected.map(|text| text.map(|text| text.as_bytes().to_vec()));
            assert_eq!(payload, expected, "{case}");
        }
    }
}
