//! Why an Engine.IO session ended, in the protocol's five phrases and in everyone's.

use std::fmt;

use crate::session::{Close, CloseReason};

/// Why a session ended.
///
/// Its `Display` is the phrase that Engine.IO's own server gives, which applications moved from
/// there compare with; [`close_reason`](Self::close_reason) is what sessions of every protocol have.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// `transport close`: the peer sent a close packet, or closed its WebSocket, with a close
    /// frame's code and reason if it gave them.
    PeerClosed(Option<Close>),
    /// `transport close`: the WebSocket ended without a goodbye.
    Lost,
    /// `transport error`: the peer, or the network, broke a rule of the transport.
    Transport(TransportError),
    /// `ping timeout`: a heartbeat did not come in time.
    PingTimeout,
    /// `parse error`: the peer sent what is not a packet, or a payload that is none.
    ParseError,
    /// `forced close`: this side ended it, for this reason.
    Forced(CloseReason),
}

/// What went wrong with a transport.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransportError {
    /// A poll came while another was outstanding.
    PollOverlap,
    /// A POST came while another was in flight.
    PostOverlap,
    /// The client ended a poll before it was answered.
    PollAborted,
    /// The client ended a POST before its body was complete.
    PostAborted,
    /// A POST of bytes in revision 4, which has no such form; it is answered 400.
    UnsupportedBody,
    /// The peer sent the heartbeat that its revision leaves to the server.
    HeartbeatDirection,
    /// The peer took nothing for the stall timeout, or its queue reached the hard limit.
    TooSlow,
    /// Any other breach, with what a WebSocket is told of it.
    Violation(Close),
}

impl Reason {
    /// The reason as sessions of every protocol give it.
    pub fn close_reason(&self) -> CloseReason {
        match self {
            Self::PeerClosed(close) => CloseReason::PeerClosed(close.clone()),
            Self::Lost => CloseReason::Disconnected,
            Self::Transport(error) => error.close_reason(),
            Self::PingTimeout => CloseReason::NoHeartbeat,
            Self::ParseError => CloseReason::Violation(Close::PROTOCOL_ERROR),
            Self::Forced(reason) => reason.clone(),
        }
    }
}

/// What the close frame of a session's WebSocket says, by why the session ended; `None` for one
/// without a code.
///
/// Engine.IO's own server never gives a code. Here the application's close and a heartbeat that did
/// not come have none either; where a client can learn something from a code, it is told.
pub fn websocket_close(reason: &CloseReason) -> Option<Close> {
    match reason {
        CloseReason::Application(_) | CloseReason::NoHeartbeat => None,
        CloseReason::PeerClosed(_)
        | CloseReason::Disconnected
        | CloseReason::Expired
        | CloseReason::TooSlow
        | CloseReason::Violation(_)
        | CloseReason::GoingAway
        | CloseReason::CredentialsExpired
        | CloseReason::HandlerPanicked => reason.farewell(),
    }
}

impl TransportError {
    fn close_reason(&self) -> CloseReason {
        match self {
            Self::PollOverlap
            | Self::PostOverlap
            | Self::UnsupportedBody
            | Self::HeartbeatDirection => CloseReason::Violation(Close::PROTOCOL_ERROR),
            Self::PollAborted | Self::PostAborted => CloseReason::Disconnected,
            Self::TooSlow => CloseReason::TooSlow,
            Self::Violation(close) => CloseReason::Violation(close.clone()),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PeerClosed(_) | Self::Lost => "transport close",
            Self::Transport(_) => "transport error",
            Self::PingTimeout => "ping timeout",
            Self::ParseError => "parse error",
            Self::Forced(_) => "forced close",
        })
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PollOverlap => "overlap from client",
            Self::PostOverlap => "data request overlap from client",
            Self::PollAborted => "poll connection closed prematurely",
            Self::PostAborted => "data request connection closed prematurely",
            Self::UnsupportedBody => "invalid content",
            Self::HeartbeatDirection => "invalid heartbeat direction",
            Self::TooSlow => "too slow",
            Self::Violation(close) => return f.write_str(&close.reason),
        })
    }
}

/// An end for which nobody in the protocol is to blame.
impl From<CloseReason> for Reason {
    fn from(reason: CloseReason) -> Self {
        match reason {
            CloseReason::Disconnected => Self::Lost,
            CloseReason::PeerClosed(close) => Self::PeerClosed(close),
            other => Self::Forced(other),
        }
    }
}

impl From<TransportError> for Reason {
    fn from(error: TransportError) -> Self {
        Self::Transport(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_phrase_its_close_reason_and_its_close_frame() {
        use TransportError::*;
        let protocol = CloseReason::Violation(Close::PROTOCOL_ERROR);
        let big = CloseReason::Violation(Close::TOO_BIG);
        let application = CloseReason::Application(Close::NORMAL);
        #[rustfmt::skip]
        let cases = [
            (Reason::PeerClosed(None),               "transport close", CloseReason::PeerClosed(None), None),
            (Reason::Lost,                           "transport close", CloseReason::Disconnected,     None),
            (PollOverlap.into(),                     "transport error", protocol.clone(),              Some(1002)),
            (PostOverlap.into(),                     "transport error", protocol.clone(),              Some(1002)),
            (PollAborted.into(),                     "transport error", CloseReason::Disconnected,     None),
            (PostAborted.into(),                     "transport error", CloseReason::Disconnected,     None),
            (UnsupportedBody.into(),                 "transport error", protocol.clone(),              Some(1002)),
            (HeartbeatDirection.into(),              "transport error", protocol.clone(),              Some(1002)),
            (TooSlow.into(),                         "transport error", CloseReason::TooSlow,          Some(1013)),
            (Violation(Close::TOO_BIG).into(),       "transport error", big,                           Some(1009)),
            (Reason::PingTimeout,                    "ping timeout",    CloseReason::NoHeartbeat,      None),
            (Reason::ParseError,                     "parse error",     protocol,                      Some(1002)),
            (Reason::Forced(application.clone()),    "forced close",    application,                   None),
            (Reason::Forced(CloseReason::GoingAway), "forced close",    CloseReason::GoingAway,        Some(1001)),
            (Reason::Forced(CloseReason::HandlerPanicked), "forced close", CloseReason::HandlerPanicked, Some(1011)),
            (Reason::Forced(CloseReason::CredentialsExpired), "forced close", CloseReason::CredentialsExpired, Some(4401)),
        ];
        for (reason, phrase, close_reason, code) in cases {
            assert_eq!(reason.to_string(), phrase, "{reason:?}");
            assert_eq!(reason.close_reason(), close_reason, "{reason:?}");
            let close = websocket_close(&close_reason);
            assert_eq!(close.map(|close| close.code), code, "{reason:?}");
        }
    }
}
