//! What differs between clients of Socket.IO's protocol 5 and those before.

use std::{borrow::Cow, collections::BTreeMap};

use super::{Data, EncodeError, Encoded, Packet, PacketKind, ParserKind, Value};
use crate::{Text, engineio::Revision, form, limits::NAMESPACE_QUERY_FIELDS};

/// The protocol that a client speaks; its packets look the same, its CONNECT does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Clients 3.x and 4.x, on Engine.IO revision 4.
    V5,
    /// Clients 1.x and 2.x, on Engine.IO revision 3: they are joined to `/` without asking, and
    /// send auth as the query of a namespace.
    V4,
}

impl From<Revision> for Protocol {
    fn from(revision: Revision) -> Self {
        match revision {
            Revision::V3 => Self::V4,
            Revision::V4 => Self::V5,
        }
    }
}

impl Protocol {
    /// The name of the namespace that a packet names, and the query behind it. In protocol 5 all of
    /// it is the name.
    pub(super) fn split_namespace(self, named: &str) -> (&str, Option<&str>) {
        // As in a URL, nothing behind a `#` belongs to either.
        let end = match self {
            Self::V5 => None,
            Self::V4 => named.find(['?', '#']),
        };
        let Some(end) = end else {
            return (named, None);
        };
        let query = named[end..].strip_prefix('?');
        let query = query.map(|query| query.split('#').next().unwrap_or_default());
        match &named[..end] {
            "" => (Packet::ROOT, query),
            name => (name, query),
        }
    }

    /// What a client's CONNECT brings with it: an object, empty if there is nothing.
    pub(super) fn auth(self, data: Option<Data>, query: Option<&str>) -> Data {
        match (self, data, query) {
            (Self::V5, Some(data), _) => data,
            (Self::V4, _, Some(query)) => Data::from_value(object_of(query)),
            (Self::V5, None, _) | (Self::V4, _, None) => Data::empty_object(),
        }
    }
}

/// A query as an object: a name that is there several times has an array of its texts. Fields beyond
/// the limit are passed over, as in Node.
fn object_of(query: &str) -> Value {
    let mut members: Vec<(Text, Value)> = Vec::new();
    let mut places: BTreeMap<Text, usize> = BTreeMap::new();
    for (name, value) in form::fields(query.as_bytes()).take(NAMESPACE_QUERY_FIELDS) {
        let (name, value) = (text_of(name), Value::String(text_of(value)));
        let Some(&place) = places.get(&name) else {
            places.insert(name.clone(), members.len());
            members.push((name, value));
            continue;
        };
        match &mut members[place].1 {
            Value::Array(values) => values.push(value),
            first => *first = vec![std::mem::take(first), value].into(),
        }
    }
    Value::Object(members)
}

fn text_of(encoded: &[u8]) -> Text {
    let bytes: Vec<u8> = form::decoded(encoded).collect();
    match String::from_utf8_lossy(&bytes) {
        Cow::Borrowed(text) => text.into(),
        Cow::Owned(text) => text.into(),
    }
}

impl ParserKind {
    /// Writes that the client has joined, as the socket `sid`; `pid` is for clients that recover.
    /// Clients before protocol 5 get neither.
    ///
    /// # Errors
    ///
    /// When the parser cannot write the namespace's name.
    pub fn connect_answer(
        &self,
        protocol: Protocol,
        namespace: &str,
        sid: &str,
        pid: Option<&str>,
    ) -> Result<Encoded, EncodeError> {
        let data = match protocol {
            Protocol::V4 => None,
            Protocol::V5 => {
                let mut members = vec![(Text::from_static("sid"), sid.into())];
                members.extend(pid.map(|pid| (Text::from_static("pid"), pid.into())));
                Some(Value::Object(members))
            }
        };
        self.encode_value(PacketKind::Connect, namespace, data)
    }

    /// Writes that the client is refused. Clients before protocol 5 get `data`, if there is any, and
    /// else the message alone.
    ///
    /// # Errors
    ///
    /// When the parser cannot write the namespace's name, or `data` has bytes in it and the parser is
    /// the default one.
    pub fn connect_error(
        &self,
        protocol: Protocol,
        namespace: &str,
        message: &str,
        data: Option<&Value>,
    ) -> Result<Encoded, EncodeError> {
        let data = match (protocol, data) {
            (Protocol::V4, Some(data)) => data.clone(),
            (Protocol::V4, None) => message.into(),
            (Protocol::V5, data) => {
                let mut members = vec![(Text::from_static("message"), message.into())];
                members.extend(data.map(|data| (Text::from_static("data"), data.clone())));
                Value::Object(members)
            }
        };
        self.encode_value(PacketKind::ConnectError, namespace, Some(data))
    }

    /// Writes that there is no such namespace: `{"message":"Invalid namespace"}` for every client.
    ///
    /// # Errors
    ///
    /// When the parser cannot write the namespace's name.
    pub fn invalid_namespace(&self, namespace: &str) -> Result<Encoded, EncodeError> {
        self.connect_error(Protocol::V5, namespace, "Invalid namespace", None)
    }

    fn encode_value(
        &self,
        kind: PacketKind,
        namespace: &str,
        data: Option<Value>,
    ) -> Result<Encoded, EncodeError> {
        self.encode(&Packet {
            kind,
            namespace: namespace.into(),
            id: None,
            data: data.map(Data::from_value),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_the_query_of_older_clients_alone() {
        #[rustfmt::skip]
        let cases = [
            // protocol      named              name       query
            (Protocol::V5,   "/ns?token=1",     "/ns?token=1", None),
            (Protocol::V5,   "/ns#a",           "/ns#a",   None),
            (Protocol::V4,   "/ns",             "/ns",     None),
            (Protocol::V4,   "/ns?token=1",     "/ns",     Some("token=1")),
            (Protocol::V4,   "/ns?",            "/ns",     Some("")),
            (Protocol::V4,   "/?a=1",           "/",       Some("a=1")),
            (Protocol::V4,   "/ns?a=1?b#c",     "/ns",     Some("a=1?b")),
            (Protocol::V4,   "/ns#a?b=1",       "/ns",     None),
            (Protocol::V4,   "?a=1",            "/",       Some("a=1")),
        ];
        for (protocol, named, name, query) in cases {
            let found = protocol.split_namespace(named);
            assert_eq!(found, (name, query), "{protocol:?} {named}");
        }
    }

    #[test]
    fn a_query_is_an_object() {
        #[rustfmt::skip]
        let cases = [
            // query                expected
            ("",                    "{}"),
            ("token=a%20b&x=1",     r#"{"token":"a b","x":"1"}"#),
            ("a+b=c%2Bd&e",         r#"{"a b":"c+d","e":""}"#),
            ("a=1&b=2&a=3&a=4",     r#"{"a":["1","3","4"],"b":"2"}"#),
            ("%ff=1",               "{\"\u{fffd}\":\"1\"}"),
            ("__proto__=1",         r#"{"__proto__":"1"}"#),
        ];
        for (query, expected) in cases {
            let json = serde_json::to_string(&object_of(query)).unwrap();
            assert_eq!(json, expected, "{query}");
        }
        let count = |fields: usize| {
            let fields: Vec<String> = (0..fields).map(|field| format!("a{field}=1")).collect();
            object_of(&fields.join("&")).as_object().unwrap().len()
        };
        let limit = NAMESPACE_QUERY_FIELDS;
        assert_eq!(
            [limit - 1, limit, limit + 1].map(count),
            [limit - 1, limit, limit]
        );
    }
}
