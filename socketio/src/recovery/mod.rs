//! Coming back to where one was: what a namespace keeps for clients that lost their connection.
//!
//! ```text
//! emit, broadcast ──> offset, kept, delivered: under one lock, so that every client sees offsets grow
//! connection lost ──> id, rooms and data kept under the socket's secret
//! CONNECT with secret and offset ──> found ──> middlewares, unless skipped ──> claimed, the old
//!     connection over if its end was not noticed ──> what was missed, then the answer: under that lock
//! ```

mod arrivals;
mod away;
mod bound;
mod offset;
mod options;
mod packets;
mod shared;
mod store;

use sockeye_core::socketio::Encoded;

pub(crate) use self::{
    arrivals::Returning,
    bound::MayMiss,
    offset::{Unsent, with_offset},
    shared::Shared,
    store::{Rejoining, Store},
};
pub use options::Recovery;
pub use shared::{Restored, SessionStore, StoredSession};

use crate::Socket;

/// A client that is coming back: while it does, nothing is sent to anybody in its namespace.
pub(crate) enum Resuming<'a> {
    /// To what this node keeps.
    Here(store::Resuming<'a>),
    /// To what a store keeps for all nodes.
    Anywhere(arrivals::Resuming<'a>),
}

impl Resuming<'_> {
    /// The client is back: it gets what it missed, then the answer to its CONNECT.
    pub(crate) fn finish(self, socket: &Socket, answer: Encoded) {
        match self {
            Self::Here(resuming) => resuming.finish(socket, answer),
            Self::Anywhere(resuming) => resuming.finish(socket, answer),
        }
    }
}
