//! What goes to a client, for those who listen to that: they hear of it in its task, soon after.

use std::collections::VecDeque;

use sockeye_core::{limits, socketio::Data};

use crate::Socket;

/// Events on their way that nobody has heard of yet; bounded, as handlers may be behind.
#[derive(Default)]
pub(super) struct Unheard(Option<Box<Events>>);

/// Boxed, as few clients have anybody who listens to this.
#[derive(Default)]
struct Events {
    queue: VecDeque<(Socket, Data)>,
    bytes: usize,
}

impl Unheard {
    /// Takes an event, or gives it back if there are too many: as many as may wait to be sent.
    pub(super) fn push(&mut self, socket: Socket, data: Data) -> Result<(), (Socket, Data)> {
        let events = self.0.get_or_insert_default();
        let bytes = events.bytes.saturating_add(data.weight());
        let is_full = events.queue.len() >= limits::OUTBOX_MESSAGES
            || (bytes > limits::OUTBOX_BYTES && !events.queue.is_empty());
        if is_full {
            return Err((socket, data));
        }
        events.bytes = bytes;
        events.queue.push_back((socket, data));
        Ok(())
    }

    pub(super) fn pop(&mut self) -> Option<(Socket, Data)> {
        let events = self.0.as_mut()?;
        let (socket, data) = events.queue.pop_front()?;
        events.bytes = events.bytes.saturating_sub(data.weight());
        if events.queue.is_empty() {
            self.0 = None;
        }
        Some((socket, data))
    }

    pub(super) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |events| events.queue.len())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}
