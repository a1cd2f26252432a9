//! The JavaScript callback that a jsonp or htmlfile receiver names in its query.
//!
//! The name is written into script that another site's page runs, so only characters that can do
//! no harm there pass, and few of them (CVE-2020-8823, CVE-2014-4671).

use std::fmt;

use crate::form::{decoded, fields, is_named};

/// The callback named by the fields `c` or `callback` of a query (without its `?`).
///
/// `c` wins over `callback`; an empty value counts as absent. `limit` is the longest name
/// accepted, in bytes; [`CALLBACK_LENGTH`](crate::limits::CALLBACK_LENGTH) is the usual one.
///
/// # Errors
///
/// [`CallbackError::Missing`] when neither field has a value, [`CallbackError::Invalid`] when the
/// field is given twice, is longer than `limit` or has a character outside `A-Z a-z 0-9 - _ .`.
pub fn parse_callback(query: Option<&str>, limit: usize) -> Result<Box<str>, CallbackError> {
    let query = query.unwrap_or_default();
    for name in ["c", "callback"] {
        match only_value(query, name)? {
            Some(value) => return check(value, limit),
            None => continue,
        }
    }
    Err(CallbackError::Missing)
}

/// Why a receiver's callback was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallbackError {
    /// Neither `c` nor `callback` was there with a value.
    Missing,
    /// The name was too long, had a forbidden character or was given twice.
    Invalid,
}

impl CallbackError {
    /// The body of the response, with status 500, that tells the client.
    pub fn wire_text(self) -> &'static str {
        match self {
            Self::Missing => r#""callback" parameter required"#,
            Self::Invalid => r#"invalid "callback" parameter"#,
        }
    }
}

impl fmt::Display for CallbackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "no callback in the query",
            Self::Invalid => "callback with forbidden characters, too long or given twice",
        })
    }
}

impl std::error::Error for CallbackError {}

/// The encoded value of the field `name`, if it is there once and not empty.
fn only_value<'a>(query: &'a str, name: &str) -> Result<Option<&'a [u8]>, CallbackError> {
    let mut values = fields(query.as_bytes())
        .filter(|(field, _)| is_named(field, name))
        .map(|(_, value)| value);
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(CallbackError::Invalid),
        (value, None) => Ok(value.filter(|value| !value.is_empty())),
    }
}

fn check(encoded: &[u8], limit: usize) -> Result<Box<str>, CallbackError> {
    let is_harmless = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let mut callback = String::new();
    for byte in decoded(encoded) {
        if callback.len() == limit || !is_harmless(byte) {
            return Err(CallbackError::Invalid);
        }
        callback.push(char::from(byte));
    }
    Ok(callback.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::CALLBACK_LENGTH;

    #[test]
    fn parses_callbacks() {
        use CallbackError::{Invalid, Missing};
        let longest = "x".repeat(CALLBACK_LENGTH);
        #[rustfmt::skip]
        let cases = [
            // case                     query                              expected
            ("of the client",           "c=_jp.aabcdef",                   Ok("_jp.aabcdef")),
            ("long name",               "callback=cb",                     Ok("cb")),
            ("name encoded",            "%63allback=cb",                   Ok("cb")),
            ("short name encoded",      "%63=cb",                          Ok("cb")),
            ("value encoded",           "c=%63%62",                        Ok("cb")),
            ("among others",            "t=1&c=cb&x",                      Ok("cb")),
            ("every kind",              "c=aZ09-_.",                       Ok("aZ09-_.")),
            ("c wins",                  "callback=no&c=yes",               Ok("yes")),
            ("c wins though bad",       "callback=fine&c=%3C",             Err(Invalid)),
            ("callback twice, c once",  "callback=a&c=yes&callback=b",     Ok("yes")),
            ("empty c counts as none",  "c=&callback=cb",                  Ok("cb")),
            ("no query",                "",                                Err(Missing)),
            ("other fields",            "d=1&cc=2&C=3",                    Err(Missing)),
            ("empty",                   "c=",                              Err(Missing)),
            ("without equals",          "callback",                        Err(Missing)),
            ("twice",                   "c=a&c=a",                         Err(Invalid)),
            ("twice, once encoded",     "callback=a&%63allback=b",         Err(Invalid)),
            ("markup",                  "c=%3Cscript%3E",                  Err(Invalid)),
            ("parenthesis",             "c=alert(1)",                      Err(Invalid)),
            ("blank",                   "c=a+b",                           Err(Invalid)),
            ("plus",                    "c=a%2Bb",                         Err(Invalid)),
            ("NUL",                     "c=a%00",                          Err(Invalid)),
            ("beyond ASCII",            "c=%C3%A9",                        Err(Invalid)),
            ("stray percent",           "c=a%zz",                          Err(Invalid)),
            ("encoded twice",           "c=%2561",                         Err(Invalid)),
        ];
        for (case, query, expected) in cases {
            let expected = expected.map(Box::from);
            assert_eq!(
                parse_callback(Some(query), CALLBACK_LENGTH),
                expected,
                "{case}"
            );
        }
        assert_eq!(parse_callback(None, CALLBACK_LENGTH), Err(Missing));

        let at = |length: usize| {
            parse_callback(Some(&format!("c={}", "x".repeat(length))), CALLBACK_LENGTH)
        };
        assert_eq!(
            at(CALLBACK_LENGTH - 1).map(|callback| callback.len()),
            Ok(CALLBACK_LENGTH - 1)
        );
        assert_eq!(at(CALLBACK_LENGTH), Ok(longest.into()));
        assert_eq!(at(CALLBACK_LENGTH + 1), Err(Invalid));
    }

    #[test]
    fn tells_the_client_in_the_words_of_the_protocol() {
        assert_eq!(
            CallbackError::Missing.wire_text(),
            "\"callback\" parameter required"
        );
        assert_eq!(
            CallbackError::Invalid.wire_text(),
            "invalid \"callback\" parameter"
        );
    }
}
