//! What the session sends: queued by the application, taken by receivers.

use std::time::Instant;

use super::{
    Batch, Packet, Payload, ReceiverId, Revision, SendError, Session, Transport, TransportError,
    batch::Presence,
    heartbeat::Once,
    link::{Link, Role},
    session::{Goodbye, Leaving, State},
};
use crate::session::{Outgoing, PushError, QueueLimits, after};

impl Session {
    /// Queues a message for the peer.
    ///
    /// # Errors
    ///
    /// `Full` at the soft limit, with the message; `Closed`; `Separator` for a text that the
    /// transport cannot carry.
    pub fn send(&mut self, outgoing: impl Into<Outgoing>, now: Instant) -> Result<(), SendError> {
        let limits = self.config.outbox;
        self.push(outgoing.into(), &limits, now)
    }

    /// Queues a message that does not wait for room: at the hard limit the session is ended as
    /// too slow, and `Closed` comes back.
    ///
    /// # Errors
    ///
    /// `Closed`, or `Separator`.
    pub fn broadcast(
        &mut self,
        outgoing: impl Into<Outgoing>,
        now: Instant,
    ) -> Result<(), SendError> {
        let limits = self.config.outbox_hard;
        match self.push(outgoing.into(), &limits, now) {
            Err(SendError::Full(_)) => {
                self.fail(TransportError::TooSlow, now);
                Err(SendError::Closed)
            }
            other => other,
        }
    }

    fn push(
        &mut self,
        outgoing: Outgoing,
        limits: &QueueLimits,
        now: Instant,
    ) -> Result<(), SendError> {
        if !self.is_open() {
            return Err(SendError::Closed);
        }
        if !self.can_carry(&outgoing) {
            return Err(SendError::Separator);
        }
        self.outbox
            .push(outgoing, limits)
            .map_err(|PushError(outgoing)| SendError::Full(outgoing))?;
        self.begin_wait(now);
        Ok(())
    }

    /// Whether a payload of the session's revision can hold the message. A WebSocket session never
    /// goes back to payloads.
    fn can_carry(&self, outgoing: &Outgoing) -> bool {
        match (self.transport(), self.revision) {
            (Some(Transport::Polling), Revision::V4) => Payload::V4.can_carry(outgoing.into()),
            // Its two forms tell lengths.
            (Some(Transport::Polling), Revision::V3) | (Some(Transport::WebSocket) | None, _) => {
                true
            }
        }
    }

    /// Whether a message that is queued now goes out at once, as far as can be told: a receiver is
    /// attached and takes what it is given. A volatile message is left out where it would wait.
    pub fn is_writable(&self) -> bool {
        let is_attached = self.link().is_some_and(|link| link.attached().is_some());
        is_attached && !self.outbox.is_full(&WRITABLE)
    }

    /// Whether `send` would be refused as full.
    pub fn is_full(&self) -> bool {
        self.outbox.is_full(&self.config.outbox)
    }

    /// Whether `poll_transmit` would give `receiver` something.
    pub fn has_transmit(&self, receiver: ReceiverId) -> bool {
        match &self.state {
            State::Opening { link, .. } | State::Closing { link, .. } => {
                link.role(receiver) != Role::Stranger
            }
            State::Open(link) => match link.role(receiver) {
                Role::Current => {
                    let noop = link.attached().map(|attached| attached.noop);
                    !self.outbox.is_empty() || self.heartbeat.is_owed() || noop == Some(Once::Owed)
                }
                Role::FormerPoll => true,
                Role::Stranger => false,
            },
            State::Ending(leaving) => leaving.id == receiver && leaving.goodbye.is_some(),
            State::Closed => false,
        }
    }

    /// Whether `poll_transmit` would give any receiver something.
    pub fn has_any_transmit(&self) -> bool {
        match &self.state {
            State::Opening { link, .. } | State::Open(link) | State::Closing { link, .. } => {
                let attached = link.attached();
                link.has_former_poll() || attached.is_some_and(|it| self.has_transmit(it.id))
            }
            State::Ending(leaving) => leaving.goodbye.is_some(),
            State::Closed => false,
        }
    }

    /// Everything that waits for `receiver`; it counts as sent when it is returned.
    ///
    /// A poll is detached by it: it answers with all of this. After a close packet nothing more
    /// comes: a WebSocket says goodbye and detaches.
    pub fn poll_transmit(&mut self, receiver: ReceiverId, now: Instant) -> Option<Batch<'_>> {
        if !self.has_transmit(receiver) {
            return None;
        }
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Opening { open, mut link } => match link.role(receiver) {
                Role::Current => {
                    taken_by(&mut link);
                    self.events.opened = true;
                    self.state = State::Open(link);
                    let mut batch = self.waiting();
                    batch.open = Some(*open);
                    Some(batch)
                }
                // There is no upgrade before the open packet.
                Role::FormerPoll | Role::Stranger => {
                    self.state = State::Opening { open, link };
                    None
                }
            },
            State::Open(mut link) => match link.role(receiver) {
                Role::Current => {
                    let noop = taken_by(&mut link);
                    self.state = State::Open(link);
                    let mut batch = self.waiting();
                    // Whatever else there is ends the poll as well.
                    let is_empty = batch.messages.is_none() && batch.beat.is_none();
                    if is_empty && noop == Once::Owed {
                        batch.noop = Presence::Present;
                    }
                    Some(batch)
                }
                Role::FormerPoll => {
                    link.forget_former_poll();
                    self.state = State::Open(link);
                    Some(NOOP)
                }
                Role::Stranger => {
                    self.state = State::Open(link);
                    None
                }
            },
            State::Closing {
                open,
                mut link,
                until,
            } => match link.role(receiver) {
                Role::Current => Some(self.transmit_closing(open, link, until, now)),
                role @ (Role::FormerPoll | Role::Stranger) => {
                    link.forget_former_poll();
                    self.state = State::Closing { open, link, until };
                    (role == Role::FormerPoll).then_some(NOOP)
                }
            },
            State::Ending(leaving) => {
                let goodbye = leaving.goodbye;
                self.state = State::Ending(Leaving {
                    goodbye: None,
                    ..leaving
                });
                match leaving.transport {
                    Transport::Polling => self.forget(),
                    Transport::WebSocket => {}
                }
                goodbye.map(|goodbye| match goodbye {
                    Goodbye::Noop => NOOP,
                    Goodbye::Close => Batch {
                        close: Presence::Present,
                        ..Batch::EMPTY
                    },
                })
            }
            State::Closed => None,
        }
    }

    /// The receiver of a closing session takes what waits; a poll takes the close packet only where
    /// nothing else waits, as the client is used to.
    fn transmit_closing(
        &mut self,
        open: Option<Box<Packet>>,
        mut link: Link,
        until: Instant,
        now: Instant,
    ) -> Batch<'_> {
        let is_last = open.is_none() && self.outbox.is_empty();
        let attached = link.attached().map(|attached| attached.id);
        let noop = taken_by(&mut link);
        let mut close = Presence::Present;
        let mut has_noop = Presence::Absent;
        match (link.transport(), attached) {
            (Transport::Polling, _) if is_last => {
                if noop == Once::Owed {
                    has_noop = Presence::Present;
                }
                self.state = State::Closing { open, link, until };
                self.forget();
                return Batch {
                    noop: has_noop,
                    close,
                    ..Batch::EMPTY
                };
            }
            (Transport::WebSocket, Some(id)) => {
                self.state = State::Ending(Leaving {
                    id,
                    goodbye: None,
                    transport: Transport::WebSocket,
                    until: after(now, self.config.stall_timeout),
                });
            }
            (Transport::Polling, _) | (Transport::WebSocket, None) => {
                close = Presence::Absent;
                self.state = State::Closing {
                    open: None,
                    link,
                    until: after(now, self.config.closing_timeout),
                };
            }
        }
        let mut batch = self.waiting();
        batch.open = open.map(|open| *open);
        batch.close = close;
        batch
    }

    /// The heartbeat and the messages that wait.
    fn waiting(&mut self) -> Batch<'_> {
        let beat = self.heartbeat.take();
        let messages = (!self.outbox.is_empty()).then(|| self.outbox.drain());
        Batch {
            beat,
            messages,
            ..Batch::EMPTY
        }
    }

    /// The receiver cannot write at the moment, so what it has taken waits too.
    pub fn handle_blocked(&mut self, now: Instant) {
        self.begin_wait(now);
    }

    /// The receiver wrote something after `handle_blocked`; what still waits starts a new wait.
    pub fn handle_progress(&mut self, now: Instant) {
        let stall_timeout = self.config.stall_timeout;
        let receiver = self.link().and_then(Link::attached);
        let waits = receiver.is_some_and(|attached| self.has_transmit(attached.id));
        match &mut self.state {
            State::Opening { link, .. } | State::Open(link) | State::Closing { link, .. } => {
                if let Some(attached) = link.attached_mut() {
                    attached.waiting_since = waits.then_some(now);
                }
            }
            // It goes on being waited for.
            State::Ending(leaving) => leaving.until = after(now, stall_timeout),
            State::Closed => {}
        }
    }

    /// Something waits for the attached receiver, if there is one.
    pub(super) fn begin_wait(&mut self, now: Instant) {
        if let Some(attached) = self.link_mut().and_then(Link::attached_mut) {
            attached.waiting_since.get_or_insert(now);
        }
    }

    /// As `begin_wait`, if a heartbeat is what waits.
    pub(super) fn begin_wait_for_beat(&mut self, now: Instant) {
        if self.heartbeat.is_owed() {
            self.begin_wait(now);
        }
    }
}

/// The receiver takes all there is: a poll is over by it, a WebSocket is not stalled. Whether a
/// noop was owed.
fn taken_by(link: &mut Link) -> Once {
    let transport = link.transport();
    let slot = link.slot_mut();
    let noop = slot.map_or(Once::Done, |attached| attached.noop);
    match (transport, slot) {
        (Transport::Polling, slot) => *slot = None,
        (Transport::WebSocket, Some(attached)) => {
            attached.waiting_since = None;
            attached.noop = Once::Done;
        }
        (Transport::WebSocket, None) => {}
    }
    noop
}

/// What may wait in the queue of a receiver that keeps up: what one turn of a handler sends. More
/// than that waits because the peer does not read.
const WRITABLE: QueueLimits = QueueLimits {
    messages: 64,
    bytes: 64 << 10,
};

const NOOP: Batch<'static> = Batch {
    noop: Presence::Present,
    ..Batch::EMPTY
};
