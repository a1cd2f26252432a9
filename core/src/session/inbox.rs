//! Messages from the peer that the application has not taken yet.

use std::collections::VecDeque;

use super::QueueLimits;
use crate::Message;

/// A bounded queue of incoming messages.
///
/// When full: the driver stops reading the socket, or holds the sender's request, until the
/// application has taken something. Nothing is dropped.
#[derive(Debug, Default)]
pub struct Inbox {
    queue: VecDeque<Message>,
    bytes: usize,
}

impl Inbox {
    /// Whether another batch may be read from the peer.
    pub fn has_room(&self, limits: &QueueLimits) -> bool {
        !limits.are_reached(self.queue.len(), self.bytes)
    }

    /// Takes a message in. Whoever read it from the peer has asked `has_room` before reading.
    pub fn push(&mut self, message: Message) {
        self.bytes += message.len();
        if self.queue.capacity() == 0 {
            // As in the outbox: room for the one message that most reads bring.
            self.queue.reserve_exact(1);
        }
        self.queue.push_back(message);
    }

    /// Moves everything that waits into `taken`, which must be empty; the emptied memory of
    /// `taken` is kept for the next messages.
    pub fn take_all(&mut self, taken: &mut VecDeque<Message>) {
        debug_assert!(taken.is_empty());
        std::mem::swap(&mut self.queue, taken);
        self.bytes = 0;
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// The oldest message.
    pub fn pop(&mut self) -> Option<Message> {
        let message = self.queue.pop_front()?;
        self.bytes -= message.len();
        Some(message)
    }
}
