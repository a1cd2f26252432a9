//! Why a message was not sent.

use std::{error::Error, fmt};

use crate::{Outgoing, session::Refused};

/// Why [`Session::send`](crate::Session::send) did not take a message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// The session has ended; `close_reason` says why.
    Closed,
    /// SockJS frames carry text alone.
    Binary,
    /// The text holds U+001E, which separates packets in Engine.IO's polling.
    Separator,
    /// The message is longer than the mount allows.
    TooLarge {
        /// The limit in force, in bytes.
        limit: usize,
    },
}

/// Why [`Session::try_send`](crate::Session::try_send) did not take a message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrySendError {
    /// The outbox has reached its soft limit; what was to be sent comes back whole.
    Full(Outgoing),
    /// The session has ended; `close_reason` says why.
    Closed,
    /// SockJS frames carry text alone.
    Binary,
    /// The text holds U+001E, which separates packets in Engine.IO's polling.
    Separator,
    /// The message is longer than the mount allows.
    TooLarge {
        /// The limit in force, in bytes.
        limit: usize,
    },
}

impl From<SendError> for TrySendError {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Closed => Self::Closed,
            SendError::Binary => Self::Binary,
            SendError::Separator => Self::Separator,
            SendError::TooLarge { limit } => Self::TooLarge { limit },
        }
    }
}

impl From<Refused> for TrySendError {
    fn from(error: Refused) -> Self {
        match error {
            Refused::Closed => Self::Closed,
            Refused::Full(back) => Self::Full(back),
            Refused::Binary => Self::Binary,
            Refused::Separator => Self::Separator,
        }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the session has ended"),
            Self::Binary => f.write_str("a framed SockJS session carries text alone"),
            Self::Separator => f.write_str("U+001E separates packets and cannot stand in one"),
            Self::TooLarge { limit } => write!(f, "the message is longer than {limit} bytes"),
        }
    }
}

impl fmt::Display for TrySendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(_) => f.write_str("too much waits for the peer already"),
            Self::Closed => SendError::Closed.fmt(f),
            Self::Binary => SendError::Binary.fmt(f),
            Self::Separator => SendError::Separator.fmt(f),
            Self::TooLarge { limit } => SendError::TooLarge { limit: *limit }.fmt(f),
        }
    }
}

impl Error for SendError {}
impl Error for TrySendError {}
