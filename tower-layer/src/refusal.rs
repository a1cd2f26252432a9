//! The one table from errors to status, headers and body.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, Version, header};
use sockeye_core::sockjs::{callback::CallbackError, decode::DecodeError};

use crate::{Body, Handle, Limit, headers};

/// Why a request is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No such path, or a transport that is switched off.
    NotFound,
    /// The path is known; it answers these methods.
    Method { allow: &'static str },
    /// An HTTP/1.1 request with no `Host`, or with several.
    Host,
    /// The origin policy does not admit the page.
    Origin,
    /// `jsonp` and `htmlfile` without a usable callback.
    Callback(CallbackError),
    /// A sender's body that is not what it should be.
    Decode(DecodeError),
    /// The body is longer than the limit.
    TooLarge,
    /// The body did not come in time.
    Timeout,
    /// The body's connection broke, so nobody reads the answer.
    Aborted,
    /// A compressed body.
    Encoding,
    /// Not a WebSocket handshake.
    NotWebSocket,
    /// A handshake of another version than 13.
    WebSocketVersion,
    /// A handshake whose key is not 16 bytes of base64.
    WebSocketKey,
    /// The host has no way to switch protocols.
    NoUpgrade,
    /// `*_send` for a session that does not exist.
    NoSession,
    /// Engine.IO: a poll while another was outstanding.
    PollOverlap,
    /// Engine.IO: a POST while another was in flight.
    PostOverlap,
    /// Engine.IO: a POST that is no payload, or whose packets break a rule.
    Payload,
    /// Engine.IO: a POST with more packets than allowed.
    TooManyPackets,
    /// Engine.IO: a payload longer than the limit.
    PayloadTooLarge,
    /// Engine.IO: a POST whose session ended first, so that nobody takes what it brings. engine.io cuts
    /// its connection; over HTTP/1.1 this is the last answer there, and over HTTP/2 the stream's.
    Void,
    /// The mount is being drained.
    Draining,
    /// As many sessions as allowed are open.
    TooManySessions,
    /// As many sessions as allowed are open for the peer's address.
    TooManySessionsOfAddress,
}

impl Refusal {
    /// The answer, counted if a limit is behind it.
    pub(crate) fn response(self, handle: &Handle, version: Version) -> Response<Body> {
        if let Some(limit) = self.limit() {
            handle.count(limit);
        }
        let text = self.text();
        let has_text = text.is_some();
        let body = text.map(|text| Body::from(Bytes::from_static(text.as_bytes())));
        let mut response = Response::new(body.unwrap_or_else(Body::empty));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        if has_text {
            headers.insert(header::CONTENT_TYPE, headers::TEXT);
            headers::no_sniff(headers);
        }
        match self {
            Self::Method { allow } => {
                headers.insert(header::ALLOW, HeaderValue::from_static(allow));
            }
            Self::WebSocketVersion => {
                headers.insert(
                    header::SEC_WEBSOCKET_VERSION,
                    HeaderValue::from_static("13"),
                );
            }
            Self::Draining => {
                headers.insert(header::RETRY_AFTER, handle.retry_after().into());
            }
            Self::TooManySessions | Self::TooManySessionsOfAddress => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
            }
            // A client that goes beyond a limit does not go on with this connection.
            Self::TooLarge
            | Self::PayloadTooLarge
            | Self::Decode(DecodeError::TooManyMessages { .. })
            | Self::TooManyPackets
            | Self::Void
            | Self::Timeout
            | Self::Aborted
                if version <= Version::HTTP_11 =>
            {
                headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Self::TooLarge
            | Self::Timeout
            | Self::Aborted
            | Self::NotFound
            | Self::Host
            | Self::Origin
            | Self::Callback(_)
            | Self::Decode(_)
            | Self::Encoding
            | Self::NotWebSocket
            | Self::WebSocketKey
            | Self::NoUpgrade
            | Self::NoSession
            | Self::PollOverlap
            | Self::PostOverlap
            | Self::Payload
            | Self::TooManyPackets
            | Self::PayloadTooLarge
            | Self::Void => {}
        }
        response
    }

    /// The limit behind the refusal, if there is one.
    pub(crate) fn limit(self) -> Option<Limit> {
        match self {
            Self::TooLarge | Self::PayloadTooLarge => Some(Limit::MessageSize),
            Self::Decode(DecodeError::TooManyMessages { .. }) | Self::TooManyPackets => {
                Some(Limit::Messages)
            }
            Self::PollOverlap => Some(Limit::Receivers),
            Self::PostOverlap => Some(Limit::Posts),
            Self::Timeout => Some(Limit::BodyTime),
            Self::TooManySessions => Some(Limit::Sessions),
            Self::TooManySessionsOfAddress => Some(Limit::SessionsPerAddress),
            Self::Origin => Some(Limit::Origin),
            Self::NotFound
            | Self::Method { .. }
            | Self::Host
            | Self::Callback(_)
            | Self::Decode(_)
            | Self::Aborted
            | Self::Encoding
            | Self::NotWebSocket
            | Self::WebSocketVersion
            | Self::WebSocketKey
            | Self::NoUpgrade
            | Self::NoSession
            | Self::Payload
            | Self::Void
            | Self::Draining => None,
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::NotFound | Self::NoSession => StatusCode::NOT_FOUND,
            Self::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::Host | Self::Aborted => StatusCode::BAD_REQUEST,
            Self::NotWebSocket | Self::WebSocketKey => StatusCode::BAD_REQUEST,
            Self::PollOverlap | Self::PostOverlap | Self::Payload | Self::Void => {
                StatusCode::BAD_REQUEST
            }
            Self::WebSocketVersion => StatusCode::UPGRADE_REQUIRED,
            Self::Origin => StatusCode::FORBIDDEN,
            Self::Decode(DecodeError::TooManyMessages { .. })
            | Self::TooManyPackets
            | Self::TooLarge
            | Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            // The reference server's status for everything it cannot read.
            Self::Callback(_) | Self::Decode(_) | Self::NoUpgrade => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
            Self::Timeout => StatusCode::REQUEST_TIMEOUT,
            Self::Encoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Draining | Self::TooManySessions | Self::TooManySessionsOfAddress => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }

    /// What it says to people.
    pub(crate) fn text(self) -> Option<&'static str> {
        Some(match self {
            Self::Method { .. } => return None,
            // As from engine.io.
            Self::PollOverlap
            | Self::PostOverlap
            | Self::Payload
            | Self::TooManyPackets
            | Self::PayloadTooLarge
            | Self::Void => return None,
            Self::NotFound | Self::NoSession => "404 Error: Page not found\n",
            Self::Host => "one Host header is required",
            Self::Origin => {
                "this page's origin is not allowed here; the server's setting is allowed_origins"
            }
            Self::Callback(error) => error.wire_text(),
            Self::Decode(error) => error.wire_text(),
            Self::TooLarge => "the body is too large",
            Self::Timeout => "the body did not come in time",
            Self::Aborted => "the body is incomplete",
            Self::Encoding => "the body must not be compressed",
            Self::NotWebSocket => "Not a valid websocket request",
            Self::WebSocketVersion => "Sec-WebSocket-Version must be 13",
            Self::WebSocketKey => "Sec-WebSocket-Key must be 16 bytes in base64",
            Self::NoUpgrade => "this server cannot switch protocols",
            Self::Draining => "the server is going away",
            Self::TooManySessions | Self::TooManySessionsOfAddress => "too many sessions",
        })
    }
}
