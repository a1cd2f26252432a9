//! What a session is told, and what it says besides frames.

use crate::session::{Close, CloseReason, Outgoing};

/// Which messages a session carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Text alone: every transport with SockJS frames.
    Text,
    /// Text and binary: the raw WebSocket.
    Any,
}

/// What kind of receiver attaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiverKind {
    /// An HTTP response: its end is not the session's end.
    Response,
    /// An HTTP response that is its session: nobody can come back to it.
    EventStream,
    /// A WebSocket: it answers heartbeats, and its end is the session's end.
    WebSocket,
}

/// Why a receiver was not attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttachError {
    /// Another receiver is attached; the new one is told so, and the session is untouched.
    StillOpen,
    /// The session is closing and another receiver is about to take what is left; the new one is
    /// told of the close as well.
    Closing(Close),
    /// The session has ended; its id is free for a new one.
    Closed,
}

/// Why a message was not taken.
#[derive(Clone, Debug)]
pub enum SendError {
    /// The session is closing or closed.
    Closed,
    /// The outbox has reached its limit.
    Full(Outgoing),
    /// Binary, on a session that carries text alone.
    Binary,
}

/// What happened to the session, for the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A receiver took `o`. Does not come when the session ended before.
    Opened,
    /// The session takes no more messages in either direction. Comes exactly once.
    Ended(CloseReason),
    /// Nothing more will be sent: the session can be forgotten. Comes exactly once, last.
    Closed,
}
