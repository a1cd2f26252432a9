//! Why a request does not get its session, and what the client is told.

use std::fmt;

use super::{Revision, Transport};
use crate::{
    Text,
    escape::{Markup, quote_plain_into},
};

/// The error codes of Engine.IO.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorCode {
    /// The query names no transport that is enabled here.
    TransportUnknown = 0,
    /// No session has this id.
    SessionUnknown = 1,
    /// Only a GET opens a session.
    BadHandshakeMethod = 2,
    /// The request does not fit its session, or itself.
    BadRequest = 3,
    /// The application refused.
    Forbidden = 4,
    /// Revision 3 is not enabled here.
    UnsupportedProtocolVersion = 5,
}

impl ErrorCode {
    /// The number that clients see.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The message that clients see, where the application has none of its own.
    pub fn message(self) -> &'static str {
        match self {
            Self::TransportUnknown => "Transport unknown",
            Self::SessionUnknown => "Session ID unknown",
            Self::BadHandshakeMethod => "Bad handshake method",
            Self::BadRequest => "Bad request",
            Self::Forbidden => "Forbidden",
            Self::UnsupportedProtocolVersion => "Unsupported protocol version",
        }
    }

    /// The HTTP status of the answer.
    pub fn status(self) -> u16 {
        match self {
            Self::Forbidden => 403,
            Self::TransportUnknown
            | Self::SessionUnknown
            | Self::BadHandshakeMethod
            | Self::BadRequest
            | Self::UnsupportedProtocolVersion => 400,
        }
    }
}

/// What was wrong with a request, for the application that watches connection errors.
///
/// What a client sent is here as it was sent: any text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectionError {
    /// The transport is unknown or not enabled.
    TransportUnknown {
        /// What the query names.
        transport: Option<Text>,
    },
    /// `Origin` holds bytes that no origin has.
    InvalidOrigin {
        /// The header's value.
        origin: Box<[u8]>,
    },
    /// No session has this id.
    SessionUnknown {
        /// The id that the query names, if it can be one.
        sid: Option<Text>,
    },
    /// The session is on another transport.
    TransportMismatch {
        /// The transport of the request.
        transport: Transport,
        /// The session's.
        previous: Transport,
    },
    /// The session speaks the other revision.
    ProtocolMismatch {
        /// The revision of the request.
        revision: Revision,
        /// The session's.
        previous: Revision,
    },
    /// A session was to be opened by another method than GET.
    BadHandshakeMethod {
        /// The method.
        method: Text,
    },
    /// The transport could not be opened: a WebSocket without an upgrade request, say.
    TransportHandshake,
    /// The application refused the request.
    Forbidden {
        /// What the client is told; empty for the usual message.
        message: Text,
    },
    /// Revision 3 is not enabled.
    UnsupportedProtocolVersion {
        /// The revision of the request.
        revision: Revision,
    },
    /// The application's generator gave no id.
    IdGeneration {
        /// What it said.
        error: Text,
    },
    /// Something of the application before the session failed.
    Middleware,
}

impl ConnectionError {
    /// The error's code, which says what the client is told.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::TransportUnknown { .. } => ErrorCode::TransportUnknown,
            Self::SessionUnknown { .. } => ErrorCode::SessionUnknown,
            Self::BadHandshakeMethod { .. } => ErrorCode::BadHandshakeMethod,
            Self::Forbidden { .. } => ErrorCode::Forbidden,
            Self::UnsupportedProtocolVersion { .. } => ErrorCode::UnsupportedProtocolVersion,
            Self::InvalidOrigin { .. }
            | Self::TransportMismatch { .. }
            | Self::ProtocolMismatch { .. }
            | Self::TransportHandshake
            | Self::IdGeneration { .. }
            | Self::Middleware => ErrorCode::BadRequest,
        }
    }

    /// The message that the client sees.
    pub fn message(&self) -> &str {
        match self {
            Self::Forbidden { message } if !message.is_empty() => message,
            other => other.code().message(),
        }
    }

    /// The body of the answer: JSON, without blanks, the code first.
    pub fn to_json(&self) -> String {
        let mut json = format!(r#"{{"code":{},"message":"#, self.code().code()).into_bytes();
        quote_plain_into(self.message().as_bytes(), Markup::Keep, &mut json);
        json.push(b'}');
        String::from_utf8_lossy(&json).into_owned()
    }
}

impl fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TransportUnknown { .. } => f.write_str("transport unknown"),
            Self::InvalidOrigin { .. } => f.write_str("invalid origin"),
            Self::SessionUnknown { .. } => f.write_str("session unknown"),
            Self::TransportMismatch {
                transport,
                previous,
            } => write!(f, "request by {transport} for a session on {previous}"),
            Self::ProtocolMismatch { revision, previous } => write!(
                f,
                "request of revision {} for a session of revision {}",
                revision.number(),
                previous.number()
            ),
            Self::BadHandshakeMethod { .. } => f.write_str("method that opens no session"),
            Self::TransportHandshake => f.write_str("transport that could not be opened"),
            Self::Forbidden { .. } => f.write_str("refused by the application"),
            Self::UnsupportedProtocolVersion { revision } => {
                write!(f, "revision {} is not enabled", revision.number())
            }
            Self::IdGeneration { .. } => f.write_str("no session id was generated"),
            Self::Middleware => f.write_str("middleware failed"),
        }
    }
}

impl std::error::Error for ConnectionError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_clients_what_the_table_says() {
        use ConnectionError::*;
        use Transport::{Polling, WebSocket};
        let (revision, previous) = (Revision::V3, Revision::V4);
        let forbidden = |message: &str| Forbidden {
            message: message.into(),
        };
        #[rustfmt::skip]
        let cases = [
            (TransportUnknown { transport: Some("x".into()) }, 400, r#"{"code":0,"message":"Transport unknown"}"#),
            (SessionUnknown { sid: Some("__proto__".into()) }, 400, r#"{"code":1,"message":"Session ID unknown"}"#),
            (SessionUnknown { sid: None },                     400, r#"{"code":1,"message":"Session ID unknown"}"#),
            (BadHandshakeMethod { method: "PUT".into() },      400, r#"{"code":2,"message":"Bad handshake method"}"#),
            (InvalidOrigin { origin: (*b"\x01").into() },      400, r#"{"code":3,"message":"Bad request"}"#),
            (TransportMismatch { transport: Polling, previous: WebSocket }, 400, r#"{"code":3,"message":"Bad request"}"#),
            (ProtocolMismatch { revision, previous },          400, r#"{"code":3,"message":"Bad request"}"#),
            (TransportHandshake,                               400, r#"{"code":3,"message":"Bad request"}"#),
            (IdGeneration { error: "no entropy".into() },      400, r#"{"code":3,"message":"Bad request"}"#),
            (Middleware,                                       400, r#"{"code":3,"message":"Bad request"}"#),
            (forbidden(""),                                    403, r#"{"code":4,"message":"Forbidden"}"#),
            (forbidden("Thou shall not pass"),                 403, r#"{"code":4,"message":"Thou shall not pass"}"#),
            (forbidden("\"é\"\\\n"),                           403, r#"{"code":4,"message":"\"é\"\\\n"}"#),
            (UnsupportedProtocolVersion { revision },          400, r#"{"code":5,"message":"Unsupported protocol version"}"#),
        ];
        for (error, status, body) in cases {
            assert_eq!(error.to_json(), body, "{error:?}");
            assert_eq!(error.code().status(), status, "{error:?}");
        }
    }
}
