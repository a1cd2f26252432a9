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

    /// What a WebSocket's close frame says; `None` for one without a code, as Engine.IO's server
    /// sends it, and where nothing is sent.
    pub fn websocket_close(&self) -> Option<Close> {
        match self {
            Self::Transport(TransportError::Violation(close)) => Some(close.clone()),
            Self::Transport(TransportError::TooSlow) => Some(Close::TOO_SLOW),
            Self::Forced(CloseReason::GoingAway) => Some(Close::GOING_AWAY),
            Self::Forced(CloseReason::CredentialsExpired) => Some(Close::CREDENTIALS_EXPIRED),
            Self::Forced(CloseReason::HandlerPanicked) => Some(Close::INTERNAL_ERROR),
            Self::PeerClosed(_)
            | Self::Lost
            | Self::Transport(
                TransportError::PollOverlap
                | TransportError::PostOverlap
                | TransportError::PollAborted
                | TransportError::PostAborted
                | TransportError::UnsupportedBody
                | TransportError::HeartbeatDirection,
            )
            | Self::PingTimeout
            | Self::ParseError
            | Self::Forced(
                CloseReason::Application(_)
                | CloseReason::PeerClosed(_)
                | CloseReason::Disconnected
                | CloseReason::Expired
                | CloseReason::NoHeartbeat
                | CloseReason::TooSlow
                | CloseReason::Violation(_),
            ) => None,
        }
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
    fn each_reason_has_its_phrase_and_its_close_reason() {
        use TransportError::*;
        let protocol = CloseReason::Violation(Close::PROTOCOL_ERROR);
        let big = CloseReason::Violation(Close::TOO_BIG);
        #[rustfmt::skip]
        let cases = [
            (Reason::PeerClosed(None),                   "transport close", CloseReason::PeerClosed(None)),
            (Reason::Lost,                               "transport close", CloseReason::Disconnected),
            (PollOverlap.into(),                         "transport error", protocol.clone()),
            (PostOverlap.into(),                         "transport error", protocol.clone()),
            (PollAborted.into(),                         "transport error", CloseReason::Disconnected),
            (PostAborted.into(),                         "transport error", CloseReason::Disconnected),
            (UnsupportedBody.into(),                     "transport error", protocol.clone()),
            (HeartbeatDirection.into(),                  "transport error", protocol.clone()),
            (TooSlow.into(),                             "transport error", CloseReason::TooSlow),
            (Violation(Close::TOO_BIG).into(),           "transport error", big),
            (Reason::PingTimeout,                        "ping timeout",    CloseReason::NoHeartbeat),
            (Reason::ParseError,                         "parse error",     protocol),
            (Reason::Forced(CloseReason::GoingAway),     "forced close",    CloseReason::GoingAway),
        ];
        for (reason, phrase, close_reason) in cases {
            assert_eq!(reason.to_string(), phrase, "{reason:?}");
            assert_eq!(reason.close_reason(), close_reason, "{reason:?}");
        }
    }
}
