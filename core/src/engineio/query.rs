//! What the query of a request asks for.

use std::borrow::Cow;

use super::{Revision, Transport};
use crate::{Text, form, limits::ID_LENGTH, scan};

/// The query of an Engine.IO request, read once.
///
/// Names and values are decoded as forms are (`+` is a blank; bytes that are no UTF-8 become
/// U+FFFD). Of a repeated name the last counts.
///
/// # Example
///
/// ```
/// use sockeye_core::engineio::{Query, Revision, SessionParam, Transport};
///
/// let query = Query::parse("EIO=4&transport=polling&t=O1x&token=a+b");
/// assert_eq!(query.revision(), Revision::V4);
/// assert_eq!(query.transport(), Some(Transport::Polling));
/// assert_eq!(*query.session(), SessionParam::Absent);
/// assert_eq!(query.get("token").as_deref(), Some("a b"));
/// ```
#[derive(Clone, Debug)]
pub struct Query {
    raw: Text,
    revision: Revision,
    transport: Option<Transport>,
    session: SessionParam,
    jsonp: Option<Box<str>>,
    b64: bool,
}

/// What a request says about its session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionParam {
    /// No `sid`, or an empty one: a new session is asked for.
    Absent,
    /// An id that some session may have.
    Id(Text),
    /// What no session's id is: longer than [`ID_LENGTH`] bytes, or with other characters than the
    /// printable ones of ASCII. It is answered like any id that is unknown.
    Malformed,
}

impl Query {
    /// Reads a query, without its `?`. The cost is linear in its length, whatever is in it.
    pub fn parse(query: impl Into<Text>) -> Self {
        let raw = query.into();
        // What nearly all queries are, and read as it stands.
        if is_plain(raw.as_bytes()) {
            let mut last = [None; KNOWN.len()];
            let mut rest = &*raw;
            while !rest.is_empty() {
                let (field, others) = cut(rest, b'&');
                rest = others;
                let (name, value) = cut(field, b'=');
                if let Some(known) = KNOWN.iter().position(|known| *known == name) {
                    last[known] = Some(value);
                }
            }
            let query = Self::of(last);
            return Self { raw, ..query };
        }
        let mut last: [Option<&[u8]>; KNOWN.len()] = Default::default();
        for (name, value) in form::fields(raw.as_bytes()) {
            if let Some(known) = KNOWN.iter().position(|known| form::is_named(name, known)) {
                last[known] = Some(value);
            }
        }
        let last = last.map(|value| value.map(text));
        let query = Self::of(last.each_ref().map(Option::as_deref));
        Self { raw, ..query }
    }

    /// What the last values of the known parameters say.
    fn of(last: [Option<&str>; KNOWN.len()]) -> Self {
        let [revision, transport, session, jsonp, b64] = last;
        Self {
            revision: Revision::from_query(revision),
            transport: transport.and_then(Transport::from_name),
            session: session.map_or(SessionParam::Absent, session_param),
            jsonp: jsonp.map(index_digits),
            b64: b64.is_some_and(|value| !value.is_empty()),
            raw: Text::from_static(""),
        }
    }

    /// The revision that `EIO` names.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// What `transport` names; `None` is "Transport unknown".
    pub fn transport(&self) -> Option<Transport> {
        self.transport
    }

    /// The session that `sid` names.
    pub fn session(&self) -> &SessionParam {
        &self.session
    }

    /// The digits of `j`, if the client polls by JSONP: the number of its callback, for
    /// [`jsonp::wrap`](super::jsonp::wrap). Cut after ten, which every index of an array fits in.
    pub fn jsonp(&self) -> Option<&str> {
        self.jsonp.as_deref()
    }

    /// Whether `b64` says that the client cannot take binary.
    pub fn b64(&self) -> bool {
        self.b64
    }

    /// The value of any parameter: the last one of that name. Looked for each time.
    pub fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        form::fields(self.raw.as_bytes())
            .filter(|(field, _)| form::is_named(field, name))
            .last()
            .map(|(_, value)| text(value))
    }

    /// All parameters in their order, repeated ones too.
    pub fn pairs(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        form::fields(self.raw.as_bytes()).map(|(name, value)| (text(name), text(value)))
    }

    /// The query without its session's id, which is a secret; the other parameters as they were sent.
    pub fn without_session(&self) -> String {
        let fields = self.raw.split('&');
        let others = fields.filter(|field| {
            let name = field.split_once('=').map_or(*field, |(name, _)| name);
            !form::is_named(name.as_bytes(), "sid")
        });
        others.collect::<Vec<_>>().join("&")
    }

    /// The query as it was sent.
    pub fn as_str(&self) -> &str {
        &self.raw
    }
}

/// The parameters that mean something here, in the order in which `parse` takes them apart.
const KNOWN: [&str; 5] = ["EIO", "transport", "sid", "j", "b64"];

/// Digits of a callback's index.
const INDEX_DIGITS: usize = 10;

/// What is in front of the first `mark` and what is behind it; all and nothing if there is none.
///
/// These texts are short: to search them a byte at a time is quicker than to prepare for more.
fn cut(text: &str, mark: u8) -> (&str, &str) {
    match text.bytes().position(|byte| byte == mark) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, ""),
    }
}

fn session_param(id: &str) -> SessionParam {
    match id.len() {
        0 => SessionParam::Absent,
        1..=ID_LENGTH if id.bytes().all(|byte| byte.is_ascii_graphic()) => {
            SessionParam::Id(id.into())
        }
        _ => SessionParam::Malformed,
    }
}

/// Only digits, as this ends up in a script.
fn index_digits(value: &str) -> Box<str> {
    value
        .chars()
        .filter(char::is_ascii_digit)
        .take(INDEX_DIGITS)
        .collect()
}

/// What `encoded` stands for.
fn text(encoded: &[u8]) -> Cow<'_, str> {
    if is_plain(encoded) {
        return utf8(encoded);
    }
    let bytes: Vec<u8> = form::decoded(encoded).collect();
    String::from_utf8_lossy(&bytes).into_owned().into()
}

fn utf8(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => String::from_utf8_lossy(bytes),
    }
}

/// Whether the encoded form is what it stands for.
fn is_plain(encoded: &[u8]) -> bool {
    scan::find(encoded, |byte| matches!(byte, b'+' | b'%')) == encoded.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(id: &str) -> SessionParam {
        SessionParam::Id(id.into())
    }

    #[test]
    fn reads_what_clients_ask_for() {
        use Revision::{V3, V4};
        use SessionParam::{Absent, Malformed};
        use Transport::{Polling, WebSocket};
        #[rustfmt::skip]
        let cases = [
            // query                                   revision transport        session    jsonp        b64
            ("",                                       V3, None,            Absent,    None,        false),
            ("EIO=4&transport=polling&t=O1x",          V4, Some(Polling),   Absent,    None,        false),
            ("EIO=4&transport=websocket&sid=a-_B0",    V4, Some(WebSocket), id("a-_B0"), None,      false),
            ("EIO=3&transport=polling&b64=1&j=7",      V3, Some(Polling),   Absent,    Some("7"),   true),
            ("%45IO=%34&trans%70ort=polli%6Eg",        V4, Some(Polling),   Absent,    None,        false),
            ("EIO=3&EIO=4&transport=x&transport=polling", V4, Some(Polling), Absent,   None,        false),
            ("EIO=4&EIO=3&transport=polling&transport=x", V3, None,         Absent,    None,        false),
            ("EIO[]=4&transport[]=polling",            V3, None,            Absent,    None,        false),
            ("EIO=4+&transport=+polling",              V3, None,            Absent,    None,        false),
            ("eio=4&TRANSPORT=polling",                V3, None,            Absent,    None,        false),
            ("transport=webtransport",                 V3, None,            Absent,    None,        false),
            ("transport=__proto__&sid=__proto__",      V3, None,            id("__proto__"), None,  false),
            ("transport=constructor&sid=constructor",  V3, None,            id("constructor"), None, false),
            ("sid=&b64=&j=",                           V3, None,            Absent,    Some(""),    false),
            ("sid&b64&j",                              V3, None,            Absent,    Some(""),    false),
            ("sid=a&sid=",                             V3, None,            Absent,    None,        false),
            ("sid=&sid=a",                             V3, None,            id("a"),   None,        false),
            ("sid=a%2Fb&b64=0",                        V3, None,            id("a/b"), None,        true),
            ("sid=a+b&b64=false",                      V3, None,            Malformed, None,        true),
            ("sid=%00",                                V3, None,            Malformed, None,        false),
            ("sid=%C3%A9",                             V3, None,            Malformed, None,        false),
            ("sid=%FF",                                V3, None,            Malformed, None,        false),
            ("sid=a%0D%0Ab",                           V3, None,            Malformed, None,        false),
            ("j=%3Cscript%3E1%002",                    V3, None,            Absent,    Some("12"),  false),
            ("j=12345678901234",                       V3, None,            Absent,    Some("1234567890"), false),
            ("j=%D9%A3x",                              V3, None,            Absent,    Some(""),    false),
        ];
        for (query, revision, transport, session, jsonp, b64) in cases {
            let read = Query::parse(query);
            assert_eq!(read.revision(), revision, "{query}");
            assert_eq!(read.transport(), transport, "{query}");
            assert_eq!(*read.session(), session, "{query}");
            assert_eq!(read.jsonp(), jsonp, "{query}");
            assert_eq!(read.b64(), b64, "{query}");
            assert_eq!(read.as_str(), query);
        }
    }

    #[test]
    fn shows_itself_without_the_id() {
        #[rustfmt::skip]
        let cases = [
            ("EIO=4&transport=polling&sid=secret", "EIO=4&transport=polling"),
            ("sid=secret&a=%20+&&b",               "a=%20+&&b"),
            ("a=sid&%73i%64=secret&sid=&sid&b=1",  "a=sid&b=1"),
            ("sid=secret",                         ""),
            ("SID=a&sids=b&=sid",                  "SID=a&sids=b&=sid"),
            ("",                                   ""),
        ];
        for (query, expected) in cases {
            assert_eq!(Query::parse(query).without_session(), expected, "{query}");
        }
    }

    #[test]
    fn ids_are_limited_in_length() {
        for length in [1, ID_LENGTH - 1, ID_LENGTH, ID_LENGTH + 1] {
            let long = "x".repeat(length);
            let expected = match length <= ID_LENGTH {
                true => id(&long),
                false => SessionParam::Malformed,
            };
            assert_eq!(*Query::parse(format!("sid={long}")).session(), expected);
        }
    }

    #[test]
    fn keeps_what_it_does_not_know() {
        let query = Query::parse("a=1&EIO=4&a=2%26&b&%C3%A9=%E2%82%AC+%FF&=x&&c=d=e");
        let pairs: Vec<_> = query.pairs().collect();
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(n, v)| (&**n, &**v)).collect();
        #[rustfmt::skip]
        let expected = [
            ("a", "1"), ("EIO", "4"), ("a", "2&"), ("b", ""), ("é", "€ \u{fffd}"), ("", "x"), ("c", "d=e"),
        ];
        assert_eq!(pairs, expected);
        assert_eq!(query.get("a").as_deref(), Some("2&"));
        assert_eq!(query.get("é").as_deref(), Some("€ \u{fffd}"));
        assert_eq!(query.get("b").as_deref(), Some(""));
        assert_eq!(query.get("EIO").as_deref(), Some("4"));
        assert_eq!(query.get("A"), None);
    }
}
