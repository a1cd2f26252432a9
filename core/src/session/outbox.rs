//! Messages from the application that no receiver has taken yet.

use std::collections::{VecDeque, vec_deque};

use super::QueueLimits;
use crate::{Compression, Event, Message, Prepared};

/// One message waiting for a receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outgoing {
    /// Sent to this session alone; encoded when it is taken.
    Own(Message),
    /// Sent to many; encoded once for all of them.
    Shared(Prepared),
}

impl Outgoing {
    /// The message as the application sent it.
    pub fn message(&self) -> &Message {
        match self {
            Self::Own(message) => message,
            Self::Shared(prepared) => prepared.message(),
        }
    }

    /// What follows the message immediately, each to be sent as a message of its own.
    pub fn attachments(&self) -> &[Prepared] {
        match self {
            Self::Own(_) => &[],
            Self::Shared(prepared) => prepared.attachments(),
        }
    }

    /// Whether the message may be compressed where its transport does that.
    pub fn compression(&self) -> Compression {
        match self {
            Self::Own(_) => Compression::Allowed,
            Self::Shared(prepared) => prepared.compression(),
        }
    }

    /// Bytes that it weighs: the message and its attachments, and an event's name and id.
    pub fn weight(&self) -> usize {
        match self {
            Self::Own(message) => message.len(),
            Self::Shared(prepared) => prepared.weight(),
        }
    }
}

impl<M: Into<Message>> From<M> for Outgoing {
    fn from(message: M) -> Self {
        Self::Own(message.into())
    }
}

impl From<Event> for Outgoing {
    fn from(event: Event) -> Self {
        Self::Shared(event.into())
    }
}

impl From<Prepared> for Outgoing {
    fn from(prepared: Prepared) -> Self {
        Self::Shared(prepared)
    }
}

/// Why the outbox did not take a message; the message comes back.
#[derive(Clone, Debug)]
pub struct PushError(pub Outgoing);

/// A bounded queue of outgoing messages.
///
/// When full: `push` gives the message back, and the caller waits, errs, or ends the session.
#[derive(Debug, Default)]
pub struct Outbox {
    queue: VecDeque<Outgoing>,
    bytes: usize,
}

impl Outbox {
    /// Queues a message; what is queued is sent in this order.
    ///
    /// # Errors
    ///
    /// The message itself when the queue, not being empty, has reached `limits`.
    pub fn push(&mut self, outgoing: Outgoing, limits: &QueueLimits) -> Result<(), PushError> {
        if self.is_full(limits) {
            return Err(PushError(outgoing));
        }
        self.bytes += outgoing.weight();
        if self.queue.capacity() == 0 {
            // Many sessions never have more than one message in it, and keep what it once had.
            self.queue.reserve_exact(1);
        }
        self.queue.push_back(outgoing);
        Ok(())
    }

    /// Whether `push` would refuse.
    pub fn is_full(&self, limits: &QueueLimits) -> bool {
        limits.are_reached(self.queue.len(), self.bytes)
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Takes everything that waits.
    ///
    /// A burst's memory is given back when the drain is dropped; a few slots stay, since an
    /// allocation per message would cost more than they weigh.
    pub fn drain(&mut self) -> Drain<'_> {
        Drain { outbox: self }
    }

    /// Drops what waits.
    pub fn clear(&mut self) {
        self.queue = VecDeque::new();
        self.bytes = 0;
    }

    /// Slots kept by an empty queue: 16 of 40 bytes.
    const KEPT_SLOTS: usize = 16;
}

/// The waiting messages, leaving the outbox as they are walked.
#[derive(Debug)]
pub struct Drain<'a> {
    outbox: &'a mut Outbox,
}

impl Drain<'_> {
    /// The messages in order, still in the outbox until the drain is dropped.
    pub fn iter(&self) -> vec_deque::Iter<'_, Outgoing> {
        self.outbox.queue.iter()
    }

    /// Bytes that all messages together weigh.
    pub fn bytes(&self) -> usize {
        self.outbox.bytes
    }
}

impl Drop for Drain<'_> {
    fn drop(&mut self) {
        let queue = &mut self.outbox.queue;
        queue.clear();
        if queue.capacity() > Outbox::KEPT_SLOTS {
            queue.shrink_to(Outbox::KEPT_SLOTS);
        }
        self.outbox.bytes = 0;
    }
}
