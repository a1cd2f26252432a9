//! What can go wrong, one enum per boundary.

use std::{error, fmt};

/// Why a member did not join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JoinError {
    /// The member would be in more rooms than allowed.
    TooManyRooms {
        /// The limit in force, in rooms.
        limit: usize,
    },
    /// The room's name is longer than allowed.
    NameTooLong {
        /// The limit in force, in bytes.
        limit: usize,
    },
    /// The member has ended, and is in no room any more.
    Ended,
}

/// Why the other nodes were not told of a command; it was applied to this node's members even so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PublishError {
    /// The adapter's queue is full: the bus takes less than is published.
    Full,
    /// The adapter has lost its bus or was shut down.
    Closed,
    /// The adapter cannot put this selection or command on its bus.
    Unsupported,
}

/// Why the other nodes could not be asked.
#[derive(Debug)]
#[non_exhaustive]
pub enum FetchError {
    /// The adapter has lost its bus or was shut down.
    Closed,
    /// The bus failed.
    Failed(Box<dyn error::Error + Send + Sync>),
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyRooms { limit } => write!(f, "a member may be in {limit} rooms"),
            Self::NameTooLong { limit } => write!(f, "a room's name may have {limit} bytes"),
            Self::Ended => f.write_str("the member has ended"),
        }
    }
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "the queue to the other nodes is full",
            Self::Closed => "the bus to the other nodes is closed",
            Self::Unsupported => "the bus to the other nodes cannot carry this",
        })
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "the bus to the other nodes is closed",
            Self::Failed(_) => "the other nodes could not be asked",
        })
    }
}

impl error::Error for JoinError {}

impl error::Error for PublishError {}

impl error::Error for FetchError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Closed => None,
            Self::Failed(source) => Some(&**source),
        }
    }
}
