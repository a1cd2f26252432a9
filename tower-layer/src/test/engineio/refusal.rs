//! What a refused request is told.

use http::header::CONTENT_TYPE;

use super::handshake::strings;
use crate::{
    engineio::ErrorCode,
    test::{Response, visit::text_of},
};

/// The error in an answer: JSON, or for a WebSocket's request one of the table's messages.
pub(in crate::test) fn error_in(response: &Response) -> Option<(ErrorCode, String)> {
    let text = response.text();
    let content_type = text_of(response.headers(), &CONTENT_TYPE).unwrap_or_default();
    if content_type != "application/json" {
        let code = CODES.into_iter().find(|code| code.message() == text)?;
        return Some((code, text.to_owned()));
    }
    let (code, message) = text
        .strip_prefix(r#"{"code":"#)?
        .strip_suffix('}')?
        .split_once(r#","message":"#)?;
    let code = CODES
        .into_iter()
        .find(|known| known.code().to_string() == code)?;
    let mut messages = strings(message)?;
    let message = messages.pop().filter(|_| messages.is_empty())?;
    Some((code, message))
}

const CODES: [ErrorCode; 6] = [
    ErrorCode::TransportUnknown,
    ErrorCode::SessionUnknown,
    ErrorCode::BadHandshakeMethod,
    ErrorCode::BadRequest,
    ErrorCode::Forbidden,
    ErrorCode::UnsupportedProtocolVersion,
];

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn reads_refusals() {
        let json = "application/json";
        let html = "text/html";
        #[rustfmt::skip]
        let cases = [
            (json, r#"{"code":0,"message":"Transport unknown"}"#,  Some((ErrorCode::TransportUnknown, "Transport unknown"))),
            (json, r#"{"code":1,"message":"Session ID unknown"}"#, Some((ErrorCode::SessionUnknown, "Session ID unknown"))),
            (json, r#"{"code":4,"message":"say \"no\"\n"}"#,       Some((ErrorCode::Forbidden, "say \"no\"\n"))),
            (html, "Unsupported protocol version",                 Some((ErrorCode::UnsupportedProtocolVersion, "Unsupported protocol version"))),
            (html, "log in",                                       None),
            (html, r#"{"code":1,"message":"Session ID unknown"}"#, None),
            (json, r#"{"code":6,"message":"x"}"#,                  None),
            (json, r#"{"code":01,"message":"x"}"#,                 None),
            (json, r#"{"code":1,"message":"x","y"}"#,              None),
            (json, r#"{"code":1,"message":}"#,                     None),
            (json, r#"{"message":"x","code":1}"#,                  None),
            (json, "",                                             None),
        ];
        for (content_type, body, expected) in cases {
            let response = http::Response::builder()
                .header(CONTENT_TYPE, content_type)
                .body(())
                .unwrap();
            let (head, ()) = response.into_parts();
            let response = Response::new(&head, Bytes::from_static(body.as_bytes()));
            let expected = expected.map(|(code, message)| (code, message.to_owned()));
            assert_eq!(error_in(&response), expected, "{body}");
        }
    }
}
