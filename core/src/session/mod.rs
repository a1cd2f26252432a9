//! What sessions of every protocol share: bounded queues in both directions, and how they end.

mod close;
mod detach;
mod inbox;
mod outbox;
mod timers;

pub use close::{Close, CloseReason};
pub use detach::Detach;
pub use inbox::Inbox;
pub use outbox::{Drain, Outbox, Outgoing, PushError};
pub(crate) use timers::{after, earliest};

/// How much may wait in a queue.
///
/// A queue that is empty takes any one message; the limits apply to what waits before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueLimits {
    /// Messages.
    pub messages: usize,
    /// Bytes of payload, and of the names and ids of events.
    pub bytes: usize,
}

impl QueueLimits {
    /// Whether a queue that holds this much takes no more.
    fn are_reached(&self, messages: usize, bytes: usize) -> bool {
        messages > 0 && (messages >= self.messages || bytes >= self.bytes)
    }
}
