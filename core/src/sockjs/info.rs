//! The answers that tell a client what is here: the greeting and `/info`.

use std::fmt::Write as _;

use crate::escape::{Markup, quote_plain_into};

/// The body of the answer at the mount's own path.
pub const GREETING: &str = "Welcome to SockJS!\n";

/// What `/info` tells.
#[derive(Clone, Copy, Debug)]
pub struct Info<'a> {
    /// Whether the WebSocket transport is enabled.
    pub websocket: bool,
    /// Whether sessions use the `JSESSIONID` cookie, for load balancers.
    pub cookie_needed: bool,
    /// Where the client shall open its transports instead; may be relative.
    pub base_url: Option<&'a str>,
    /// Whether the server writes CORS headers. If not, the key `origins` is left out.
    pub cors: bool,
    /// Random bits, fresh and unpredictable in every answer.
    pub entropy: u32,
}

impl Info<'_> {
    /// The body of the answer: one JSON object.
    pub fn to_json(&self) -> String {
        let Self {
            websocket,
            cookie_needed,
            base_url,
            cors,
            entropy,
        } = *self;
        let mut json = String::with_capacity(128);
        // Writing to a String never fails.
        let _ = write!(json, r#"{{"websocket":{websocket}"#);
        if cors {
            json.push_str(r#","origins":["*:*"]"#);
        }
        let _ = write!(
            json,
            r#","cookie_needed":{cookie_needed},"entropy":{entropy}"#
        );
        if let Some(base_url) = base_url {
            let mut quoted = Vec::new();
            quote_plain_into(base_url.as_bytes(), Markup::Keep, &mut quoted);
            let _ = write!(json, r#","base_url":{}"#, String::from_utf8_lossy(&quoted));
        }
        json.push('}');
        json
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn tells_what_is_here() {
        let plain = Info {
            websocket: true,
            cookie_needed: false,
            base_url: None,
            cors: true,
            entropy: u32::MAX,
        };
        #[rustfmt::skip]
        let cases = [
            (plain,
             json!({"websocket": true, "origins": ["*:*"], "cookie_needed": false, "entropy": 4294967295u32})),
            (Info { websocket: false, cookie_needed: true, entropy: 0, ..plain },
             json!({"websocket": false, "origins": ["*:*"], "cookie_needed": true, "entropy": 0})),
            (Info { base_url: Some("/é\"\\\n"), ..plain },
             json!({"websocket": true, "origins": ["*:*"], "cookie_needed": false, "entropy": 4294967295u32,
                    "base_url": "/é\"\\\n"})),
            (Info { cors: false, ..plain },
             json!({"websocket": true, "cookie_needed": false, "entropy": 4294967295u32})),
        ];
        for (info, expected) in cases {
            let told: Value = serde_json::from_str(&info.to_json()).unwrap();
            assert_eq!(told, expected, "{info:?}");
        }
    }

    #[test]
    fn greets_in_nineteen_bytes() {
        assert_eq!(GREETING.len(), 19);
    }
}
