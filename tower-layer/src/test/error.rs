//! What can go wrong for a test client.

use std::{error, fmt, time::Duration};

use http::{HeaderMap, StatusCode};

use super::Response;
use crate::{Close, engineio::ErrorCode};

/// Why a session did not open.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenError {
    /// The server answered the opening request with a status of its own, such as 403 or 503.
    Refused(Box<Response>),
    /// The server closed the session instead of opening it, as it does for a second receiver.
    Closed(Close),
    /// There was no usable answer.
    Failed(Error),
}

impl OpenError {
    /// The answer that refused the session, if there was one.
    pub fn response(&self) -> Option<&Response> {
        match self {
            Self::Refused(response) => Some(response),
            Self::Closed(_) | Self::Failed(_) => None,
        }
    }

    /// The status of the answer that refused the session.
    pub fn status(&self) -> Option<StatusCode> {
        self.response().map(Response::status)
    }

    /// The headers of the answer that refused the session.
    pub fn headers(&self) -> Option<&HeaderMap> {
        self.response().map(Response::headers)
    }

    /// The body of the answer that refused the session, as text.
    pub fn body(&self) -> Option<&str> {
        self.response().map(Response::text)
    }

    /// The error of Engine.IO that the refusal tells; see [`Response::engineio_error`].
    pub fn engineio_error(&self) -> Option<(ErrorCode, String)> {
        self.response()?.engineio_error()
    }
}

impl From<Error> for OpenError {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(response) => Self::Refused(response),
            Error::Closed(close) => Self::Closed(close),
            other => Self::Failed(other),
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(response) => write!(f, "the session was refused: {response}"),
            Self::Closed(close) => {
                f.write_str("the session was closed instead of opened: ")?;
                write_close(close, f)
            }
            Self::Failed(_) => f.write_str("the session did not open"),
        }
    }
}

impl error::Error for OpenError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Failed(error) => Some(error),
            Self::Refused(_) | Self::Closed(_) => None,
        }
    }
}

/// Why a request, or an open session, did not go on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The server closed the session.
    Closed(Close),
    /// A later request of the session was answered with a status that ends it.
    Refused(Box<Response>),
    /// The connection broke, or the service failed without an answer.
    Disconnected,
    /// Nothing came for as long as the client is [patient](super::Client::patience).
    TimedOut {
        /// How long that was, by tokio's clock.
        after: Duration,
    },
    /// This transport carries text alone.
    Binary,
    /// An event stream carries nothing to the server.
    OneWay,
    /// A text with U+001E in it, which polling of Engine.IO's revision 4 cannot carry.
    Separator,
    /// The server closed the WebSocket that was to take the session over, which goes on polling.
    NotUpgraded(Close),
    /// The server broke the protocol.
    Violation(Violation),
}

impl From<Violation> for Error {
    fn from(violation: Violation) -> Self {
        Self::Violation(violation)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(close) => {
                f.write_str("the server closed the session: ")?;
                write_close(close, f)
            }
            Self::Refused(response) => write!(f, "a request was refused: {response}"),
            Self::Disconnected => f.write_str("the connection ended"),
            Self::TimedOut { after } => write!(f, "nothing came within {after:?}"),
            Self::Binary => f.write_str("this transport carries text alone"),
            Self::OneWay => f.write_str("an event stream carries nothing to the server"),
            Self::Separator => f.write_str("polling cannot carry a text with U+001E in it"),
            Self::NotUpgraded(close) => {
                f.write_str("the server closed the probing WebSocket: ")?;
                write_close(close, f)
            }
            Self::Violation(_) => f.write_str("the server broke the protocol"),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Violation(violation) => Some(violation),
            _ => None,
        }
    }
}

/// How a server broke the protocol. What it sent instead is cut to its first 100 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Violation {
    /// A header of an answer is not what the transport has there.
    Header {
        /// Its name.
        name: &'static str,
        /// What the protocol says; `None` where the header must be absent.
        expected: Option<String>,
        /// What was sent.
        got: Option<String>,
    },
    /// A sender's answer is neither a success nor a refusal.
    SendAnswer {
        /// Its status.
        status: StatusCode,
        /// Its body.
        body: String,
    },
    /// A streaming response begins with something else than its transport's prelude.
    Prelude {
        /// What stands there from the first difference on.
        got: String,
    },
    /// A frame or payload is not wrapped as its transport has it, or names another callback.
    Wrapping {
        /// What the transport has around a frame.
        expected: String,
        /// What was sent.
        got: String,
    },
    /// What is inside the wrapping is no SockJS frame.
    Frame {
        /// What was sent.
        got: String,
    },
    /// A payload, a WebSocket message or a packet is not what an Engine.IO server writes there.
    Packet {
        /// What was sent; binary data of a packet as base64.
        got: String,
    },
    /// The open packet of Engine.IO does not announce what it must, or offers what it cannot.
    Handshake {
        /// Its data.
        got: String,
    },
    /// No heartbeat of Engine.IO came, or no answer to one, in the time that the server announced.
    NoHeartbeat,
    /// The WebSocket of an upgrade said something else than `3probe`, or more.
    Probe {
        /// What it was.
        got: String,
    },
    /// The first frame of a session is not `o`, or its first packet does not open it.
    NotOpened {
        /// The frame or packet that came instead.
        got: String,
    },
    /// A session was opened twice: the server had lost it.
    OpenedAgain,
    /// A response ended without any frame.
    NoFrame,
    /// A poll brought more than its one frame.
    SecondFrame {
        /// What followed the first.
        got: String,
    },
    /// A response ended within its prelude or within a frame.
    CutShort {
        /// What had come of it.
        got: String,
    },
    /// Something followed the session's close.
    AfterClose {
        /// What it was.
        got: String,
    },
    /// A framed WebSocket said its `c` frame, but did not close with code 1000 or the frame's own.
    WebSocketClose {
        /// The close's code, if there was one at all.
        code: Option<u16>,
    },
    /// RFC 6455 was broken.
    WebSocket {
        /// How, in the words of tungstenite.
        problem: String,
    },
    /// A frame or body is longer than the client takes.
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header {
                name,
                expected,
                got,
            } => write!(f, "header {name} is {got:?}, not {expected:?}"),
            Self::SendAnswer { status, body } => {
                write!(f, "a send was answered {status} with {body:?}")
            }
            Self::Prelude { got } => write!(f, "the prelude goes on with {got:?}"),
            Self::Wrapping { expected, got } => {
                write!(f, "a frame should stand in {expected:?}: {got:?}")
            }
            Self::Frame { got } => write!(f, "no frame: {got:?}"),
            Self::Packet { got } => write!(f, "no packet for here: {got:?}"),
            Self::Handshake { got } => write!(f, "no handshake: {got:?}"),
            Self::NoHeartbeat => f.write_str("a heartbeat did not come in time"),
            Self::Probe { got } => write!(f, "a probe was answered with {got:?}"),
            Self::NotOpened { got } => write!(f, "the session does not begin by opening: {got:?}"),
            Self::OpenedAgain => f.write_str("the session was opened again"),
            Self::NoFrame => f.write_str("a response ended without a frame"),
            Self::SecondFrame { got } => write!(f, "a poll brought more than one frame: {got:?}"),
            Self::CutShort { got } => write!(f, "a response ended after {got:?}"),
            Self::AfterClose { got } => write!(f, "the close was followed by {got:?}"),
            Self::WebSocketClose { code: Some(code) } => {
                write!(f, "a c frame was followed by WebSocket close {code}")
            }
            Self::WebSocketClose { code: None } => {
                f.write_str("a c frame was followed by no WebSocket close")
            }
            Self::WebSocket { problem } => write!(f, "bad WebSocket: {problem}"),
            Self::TooLarge { limit } => write!(f, "longer than {limit} bytes"),
        }
    }
}

impl error::Error for Violation {}

fn write_close(close: &Close, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{} {:?}", close.code, &*close.reason)
}

/// The beginning of what a server sent, for people.
pub(super) fn excerpt(bytes: &[u8]) -> String {
    const CHARACTERS: usize = 100;
    // A character has at most four bytes, and one that is cut becomes a replacement character.
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(4 * CHARACTERS)]);
    text.chars().take(CHARACTERS).collect()
}
