//! Fields of a query string or of a form body.
//!
//! Crates for this replace bytes that are no UTF-8 by U+FFFD, but a body is refused for them, so
//! the values here stay bytes.

/// The fields `name=value` of `text` in their order, each side still encoded.
pub(crate) fn fields(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    text.split(|&byte| byte == b'&')
        .filter(|field| !field.is_empty())
        .map(|field| match field.iter().position(|&byte| byte == b'=') {
            Some(equals) => (&field[..equals], &field[equals + 1..]),
            None => (field, &[][..]),
        })
}

/// Whether `encoded` is the encoded form of `name`.
pub(crate) fn is_named(encoded: &[u8], name: &str) -> bool {
    decoded(encoded).eq(name.bytes())
}

/// The bytes that `encoded` stands for: `+` is a blank and `%xx` a byte. A `%` that is not
/// followed by two hex digits stands for itself, as browsers and the URL standard have it.
pub(crate) fn decoded(encoded: &[u8]) -> impl Iterator<Item = u8> {
    let mut rest = encoded;
    std::iter::from_fn(move || {
        let (&first, after) = rest.split_first()?;
        rest = after;
        match first {
            b'+' => Some(b' '),
            b'%' => match after {
                [high, low, after @ ..] => match (hex(*high), hex(*low)) {
                    (Some(high), Some(low)) => {
                        rest = after;
                        Some(high << 4 | low)
                    }
                    _ => Some(b'%'),
                },
                _ => Some(b'%'),
            },
            byte => Some(byte),
        }
    })
}

/// The value of a hex digit.
pub(crate) fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_fields() {
        let pairs = |text: &'static str| -> Vec<(&str, &str)> {
            let text_of = |bytes| std::str::from_utf8(bytes).unwrap();
            fields(text.as_bytes())
                .map(|(name, value)| (text_of(name), text_of(value)))
                .collect()
        };
        #[rustfmt::skip]
        let cases = [
            // text           expected
            ("",              vec![]),
            ("a=1",           vec![("a", "1")]),
            ("a=1&b=2",       vec![("a", "1"), ("b", "2")]),
            ("a&b=&=c",       vec![("a", ""), ("b", ""), ("", "c")]),
            ("&&a=1&",        vec![("a", "1")]),
            ("a=b=c%26",      vec![("a", "b=c%26")]),
        ];
        for (text, expected) in cases {
            assert_eq!(pairs(text), expected, "{text}");
        }
    }

    #[test]
    fn decodes_values() {
        #[rustfmt::skip]
        let cases: [(&str, &[u8]); 9] = [
            // encoded        expected
            ("",              b""),
            ("abc",           b"abc"),
            ("a+b%20c",       b"a b c"),
            ("%2b%2B",        b"++"),
            ("%ff%00",        b"\xff\0"),
            ("%",             b"%"),
            ("%4",            b"%4"),
            ("%zz%%41",       b"%zz%A"),
            ("%2525",         b"%25"),
        ];
        for (encoded, expected) in cases {
            let bytes: Vec<u8> = decoded(encoded.as_bytes()).collect();
            assert_eq!(bytes, expected, "{encoded}");
        }
        assert!(is_named(b"%63allbac%6B", "callback"));
        assert!(!is_named(b"callbac", "callback"));
    }
}
