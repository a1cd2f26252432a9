//! Close codes and the reasons behind them.

use crate::Text;

/// A close code with its reason, as `c[code,"reason"]` and WebSocket close frames carry it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Close {
    /// 1000, or 3000 to 4999 for an application's own meanings.
    pub code: u16,
    /// For people and logs. A WebSocket close frame carries at most 123 bytes of it.
    pub reason: Text,
}

impl Close {
    /// 1000 `Normal closure`: what an application's plain close sends.
    pub const NORMAL: Self = Self::known(1000, "Normal closure");
    /// 1001 `Going away`: the server is being drained.
    pub const GOING_AWAY: Self = Self::known(1001, "Going away");
    /// 1002 `Protocol error`: the peer broke RFC 6455.
    pub const PROTOCOL_ERROR: Self = Self::known(1002, "Protocol error");
    /// 1003 `Unsupported data`: a binary message on a framed SockJS WebSocket.
    pub const UNSUPPORTED: Self = Self::known(1003, "Unsupported data");
    /// 1007 `Invalid UTF-8`.
    pub const INVALID_UTF8: Self = Self::known(1007, "Invalid UTF-8");
    /// 1008 `Too many fragments`: a message in more pieces than allowed.
    pub const TOO_MANY_FRAGMENTS: Self = Self::known(1008, "Too many fragments");
    /// 1009 `Message too big`.
    pub const TOO_BIG: Self = Self::known(1009, "Message too big");
    /// 1009 `Too many messages`: an array of more messages than allowed.
    pub const TOO_MANY_MESSAGES: Self = Self::known(1009, "Too many messages");
    /// 1011 `Internal error`: the application's handler panicked.
    pub const INTERNAL_ERROR: Self = Self::known(1011, "Internal error");
    /// 1013 `Too slow`: the peer takes nothing, or less than is sent to it.
    pub const TOO_SLOW: Self = Self::known(1013, "Too slow");
    /// 2010 `Another connection still open`: what a second receiver gets.
    pub const STILL_OPEN: Self = Self::known(2010, "Another connection still open");
    /// 2010: what a receiver from another address gets, where addresses are verified.
    pub const OTHER_ADDRESS: Self =
        Self::known(2010, "Attempted to connect to session from different IP");
    /// 3000 `No response from heartbeat`.
    pub const NO_HEARTBEAT: Self = Self::known(3000, "No response from heartbeat");
    /// 3000 `Broken framing.`: a WebSocket text that is neither a JSON string nor an array of them.
    pub const BROKEN_FRAMING: Self = Self::known(3000, "Broken framing.");
    /// 4401 `Credentials expired`: the time to which the session was admitted is over. The code is
    /// from the range that is free for private use, after HTTP's 401.
    pub const CREDENTIALS_EXPIRED: Self = Self::known(4401, "Credentials expired");

    /// A close with the given code and reason.
    pub fn new(code: u16, reason: impl Into<Text>) -> Self {
        Self {
            code,
            reason: reason.into(),
        }
    }

    const fn known(code: u16, reason: &'static str) -> Self {
        Self {
            code,
            reason: Text::from_static(reason),
        }
    }
}

/// Why a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseReason {
    /// The application closed it, or dropped its `Session`.
    Application(Close),
    /// The peer closed its WebSocket, with a close frame's code and reason if it gave them.
    PeerClosed(Option<Close>),
    /// The connection of the attached receiver ended without a goodbye.
    Disconnected,
    /// No receiver came back within the disconnect delay.
    Expired,
    /// The peer's WebSocket gave no sign of life after a heartbeat.
    NoHeartbeat,
    /// The peer took nothing for the stall timeout, or its queue reached the hard limit.
    TooSlow,
    /// The peer sent what the protocol does not allow; it was told this.
    Violation(Close),
    /// The server is being drained.
    GoingAway,
    /// The time to which the session was admitted is over.
    CredentialsExpired,
    /// The application's handler panicked.
    HandlerPanicked,
}

impl CloseReason {
    /// What the peer is told, if it can still be told anything.
    pub fn farewell(&self) -> Option<Close> {
        match self {
            Self::Application(close) | Self::Violation(close) => Some(close.clone()),
            Self::NoHeartbeat => Some(Close::NO_HEARTBEAT),
            Self::TooSlow => Some(Close::TOO_SLOW),
            Self::GoingAway => Some(Close::GOING_AWAY),
            Self::CredentialsExpired => Some(Close::CREDENTIALS_EXPIRED),
            Self::HandlerPanicked => Some(Close::INTERNAL_ERROR),
            Self::PeerClosed(_) | Self::Disconnected | Self::Expired => None,
        }
    }
}
