//! What a session is told, and what it says besides packets.

use super::{Handshake, Reason, ReceiverId, Revision, Transport};
use crate::session::Outgoing;

/// What a session starts from.
#[derive(Clone, Copy, Debug)]
pub struct Opening<'a> {
    /// The wire format, for as long as the session lives.
    pub revision: Revision,
    /// The transport of the handshake.
    pub transport: Transport,
    /// What the open packet tells, which the first receiver takes before all else.
    pub handshake: Handshake<'a>,
}

/// Why a receiver was not attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttachError {
    /// The session has another transport now, or its WebSocket already. The session is untouched;
    /// the answer is code 3, `Bad request`.
    WrongTransport,
    /// Another poll is outstanding. The new one is answered 400; the session has ended as
    /// `transport error`, and the outstanding poll takes a close packet.
    Overlap,
    /// The session is gone; the answer is code 1, `Session ID unknown`.
    Closed,
}

/// Why a POST is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PostError {
    /// The session has another transport now. It is untouched; the answer is code 3.
    WrongTransport,
    /// Another POST is in flight. The new one is answered 400; the session has ended as
    /// `transport error`, and the connection of the other POST is closed.
    Overlap,
    /// The session is gone; the answer is code 1.
    Closed,
}

/// How a POST ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PostEnd {
    /// All of its packets were handled, or it was refused as too large; it is answered.
    Finished,
    /// The client or the network ended it before its body was complete.
    Aborted,
}

/// Where a packet came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The body of the POST in flight.
    Post,
    /// The WebSocket that is attached under this name.
    WebSocket(ReceiverId),
}

/// Why a message was not taken.
#[derive(Clone, Debug)]
pub enum SendError {
    /// The session is closing or closed.
    Closed,
    /// The outbox has reached its limit.
    Full(Outgoing),
    /// The text holds U+001E, which separates the packets of a revision 4 payload and so cannot
    /// stand in one. A session on WebSocket carries it.
    Separator,
}

/// What happened to the session, for the application. Each comes at most once, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A receiver took the open packet. Does not come when the session ended before.
    Opened,
    /// The session moved from polling to WebSocket.
    Upgraded,
    /// The session takes no more messages in either direction. Always comes.
    Ended(Reason),
    /// Nothing more will be sent: the session can be forgotten. Always comes, last.
    Closed,
}
