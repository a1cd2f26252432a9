//! The SockJS session machine.
//!
//! ```text
//!             attach                       close (application, violation, drain, stall)
//!  Opening ------------> Open, attached ---------------------------------> Closing, attached
//!                         |   ^     |                                        |   ^    |
//!          detach(Finished)|  |attach|                         detach(either)|   |attach
//!                         v   |     | detach(Aborted), peer closed          v   |    |
//!                       Open, detached -------> Closed <------------ Closing, detached
//!                                    delay over        delay over, or a stall
//! ```

use std::{collections::VecDeque, sync::Arc, time::Instant};

use super::{
    Config, Frame,
    outcome::{AttachError, Content, Event, ReceiverKind, SendError},
};
use crate::{
    Message,
    session::{Close, CloseReason, Detach, Inbox, Outbox, Outgoing, PushError, QueueLimits, after},
};

/// Names one attachment, so that a late word about an old one changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiverId(u32);

/// One session.
///
/// After any `handle_*`, `attach`, `detach`, `send` or `close`: let the attached receiver drain
/// `poll_transmit`, drain `poll_event`, and ask `poll_timeout`.
#[derive(Debug)]
pub struct Session {
    config: Arc<Config>,
    state: State,
    content: Content,
    /// `o`, which the first receiver to take anything takes.
    greeting: Once,
    receivers: u32,
    /// Receivers on their way, which the application is still looking at.
    arriving: u32,
    /// When the credentials it was admitted with expire; boxed, as most have no such time.
    admitted_until: Option<Box<Instant>>,
    outbox: Outbox,
    inbox: Inbox,
    /// At most one of each kind, in the order of `Event`.
    events: Events,
}

#[derive(Debug)]
enum State {
    /// Created for a receiver that is about to attach.
    Opening,
    Open(Link),
    Closing {
        farewell: Box<Close>,
        link: Link,
    },
    Closed,
}

#[derive(Clone, Copy, Debug)]
enum Link {
    Attached(Attached),
    Detached { expires: Instant },
}

#[derive(Clone, Copy, Debug)]
struct Attached {
    id: ReceiverId,
    kind: ReceiverKind,
    heartbeat: Heartbeat,
    /// The close frame of a closing session.
    farewell: Once,
    /// Since when something has waited that the receiver did not take, be it its own end.
    waiting_since: Option<Instant>,
}

/// A frame that is taken once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Once {
    Owed,
    Sent,
}

#[derive(Clone, Copy, Debug)]
enum Heartbeat {
    /// The next is sent at this time.
    Due(Instant),
    /// Waits to be taken; the one after it is due at this time.
    Owed { next: Instant },
    /// Taken by a WebSocket, which must give a sign of life by `expires`.
    Unanswered { expires: Instant, next: Instant },
    /// The session is closing: none is sent, and none must be answered.
    Over,
}

#[derive(Debug, Default)]
struct Events {
    opened: bool,
    /// Boxed, as it weighs much in a session that is open.
    ended: Option<Box<CloseReason>>,
    closed: bool,
}

impl Session {
    /// A session whose first receiver is about to attach.
    pub fn new(config: Arc<Config>, content: Content) -> Self {
        Self {
            config,
            state: State::Opening,
            content,
            greeting: Once::Owed,
            receivers: 0,
            arriving: 0,
            admitted_until: None,
            outbox: Outbox::default(),
            inbox: Inbox::default(),
            events: Events::default(),
        }
    }

    /// Attaches a receiver. From now on it alone calls `poll_transmit`.
    ///
    /// # Errors
    ///
    /// Another receiver is still attached, or the session has ended.
    pub fn attach(&mut self, kind: ReceiverKind, now: Instant) -> Result<ReceiverId, AttachError> {
        let heartbeat = match &self.state {
            State::Opening | State::Open(Link::Detached { .. }) => {
                Heartbeat::Due(after(now, self.config.heartbeat_interval))
            }
            State::Closing {
                link: Link::Detached { .. },
                ..
            } => Heartbeat::Over,
            State::Open(Link::Attached(_)) => return Err(AttachError::StillOpen),
            State::Closing {
                link: Link::Attached(_),
                farewell,
            } => return Err(AttachError::Closing(Close::clone(farewell))),
            State::Closed => return Err(AttachError::Closed),
        };
        self.receivers = self.receivers.wrapping_add(1);
        let id = ReceiverId(self.receivers);
        let link = Link::Attached(Attached {
            id,
            kind,
            heartbeat,
            farewell: Once::Owed,
            waiting_since: None,
        });
        match &mut self.state {
            State::Opening => self.state = State::Open(link),
            State::Open(old) | State::Closing { link: old, .. } => *old = link,
            State::Closed => {}
        }
        if self.has_transmit() {
            self.begin_wait(now);
        }
        Ok(id)
    }

    /// A receiver has come and is being looked at: until `end_arrival` the session does not expire
    /// for want of one.
    pub fn begin_arrival(&mut self) {
        self.arriving = self.arriving.saturating_add(1);
    }

    /// The receiver has been attached, or turned away. In the latter case the session expires when
    /// it would have without it, which may be now: `poll_timeout` tells.
    pub fn end_arrival(&mut self) {
        self.arriving = self.arriving.saturating_sub(1);
    }

    /// Ends an attachment. Changes nothing when `receiver` is not the attached one.
    ///
    /// An open session whose receiver was aborted ends at once, since messages may be lost; one
    /// whose receiver finished waits for the next.
    pub fn detach(&mut self, receiver: ReceiverId, how: Detach, now: Instant) {
        let Some(attached) = self.attached() else {
            return;
        };
        if attached.id != receiver {
            return;
        }
        let kind = attached.kind;
        let expires = after(now, self.config.disconnect_delay);
        match (&mut self.state, kind, how) {
            // These are their sessions: nothing can be sent to either once it is gone.
            (State::Open(_), ReceiverKind::WebSocket | ReceiverKind::EventStream, _)
            | (State::Open(_), ReceiverKind::Response, Detach::Aborted) => {
                self.abandon(CloseReason::Disconnected);
            }
            (State::Closing { .. }, ReceiverKind::WebSocket | ReceiverKind::EventStream, _) => {
                self.forget();
            }
            // Its peer has been told where to go, and whoever waits for the drain need not wait for
            // it to be told again.
            (
                State::Closing {
                    farewell,
                    link:
                        Link::Attached(Attached {
                            farewell: Once::Sent,
                            ..
                        }),
                },
                ReceiverKind::Response,
                _,
            ) if **farewell == Close::GOING_AWAY => self.forget(),
            (State::Open(link), ReceiverKind::Response, Detach::Finished)
            | (State::Closing { link, .. }, ReceiverKind::Response, _) => {
                *link = Link::Detached { expires };
            }
            (State::Opening | State::Closed, _, _) => {}
        }
    }

    /// The peer closed its WebSocket: the session is over for both sides.
    pub fn handle_peer_close(&mut self, close: Option<Close>) {
        self.abandon(CloseReason::PeerClosed(close));
    }

    /// The driver can go on no longer: the session is over, without a goodbye.
    pub fn abandon(&mut self, reason: CloseReason) {
        self.end(reason);
        self.forget();
    }

    /// The peer gave a sign of life: any bytes at all.
    pub fn handle_activity(&mut self) {
        if let Some(attached) = self.attached_mut() {
            if let Heartbeat::Unanswered { next, .. } = attached.heartbeat {
                attached.heartbeat = Heartbeat::Due(next);
            }
        }
    }

    /// Messages from the peer, in order. Dropped when the session takes none any more.
    pub fn handle_messages(&mut self, messages: impl IntoIterator<Item = Message>) {
        if self.is_open() {
            for message in messages {
                self.inbox.push(message);
            }
        }
    }

    /// Lets time reach `now`: sends what is due, gives up on what is overdue.
    ///
    /// Harmless when nothing is due, so a timer may fire early, late or twice.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.expiry().is_some_and(|expiry| expiry <= now) {
            self.close(CloseReason::CredentialsExpired, now);
        }
        let interval = self.config.heartbeat_interval;
        let stall_timeout = self.config.stall_timeout;
        match self.link_mut() {
            Some(Link::Attached(attached)) => {
                let stalled = attached
                    .waiting_since
                    .is_some_and(|since| after(since, stall_timeout) <= now);
                if stalled {
                    self.handle_stall(now);
                    return;
                }
                match attached.heartbeat {
                    Heartbeat::Due(at) if at <= now => {
                        // A driver that comes late skips the beats it missed.
                        let mut next = after(at, interval);
                        if next <= now {
                            next = after(now, interval);
                        }
                        attached.heartbeat = Heartbeat::Owed { next };
                        attached.waiting_since.get_or_insert(now);
                    }
                    Heartbeat::Unanswered { expires, .. } if expires <= now => {
                        self.close(CloseReason::NoHeartbeat, now);
                    }
                    Heartbeat::Due(_)
                    | Heartbeat::Owed { .. }
                    | Heartbeat::Unanswered { .. }
                    | Heartbeat::Over => {}
                }
            }
            Some(Link::Detached { expires }) => {
                let expired = *expires <= now;
                if expired && self.arriving == 0 {
                    self.abandon(CloseReason::Expired);
                }
            }
            None => {}
        }
    }

    /// The attached receiver took nothing for the stall timeout.
    fn handle_stall(&mut self, now: Instant) {
        match self.state {
            // It gets as long again to take its goodbye.
            State::Open(_) => self.close(CloseReason::TooSlow, now),
            State::Opening | State::Closing { .. } | State::Closed => self.forget(),
        }
    }

    /// Until when the session is admitted; `None` for as long as it lives. It may be moved either
    /// way; once the session is closing, that changes nothing.
    ///
    /// At that time the session is closed as `CredentialsExpired`.
    pub fn set_admitted_until(&mut self, until: Option<Instant>) {
        self.admitted_until = until.map(Box::new);
    }

    /// The time of an open session's own end.
    fn expiry(&self) -> Option<Instant> {
        match self.state {
            State::Open(_) => self.admitted_until.as_deref().copied(),
            // Nobody calls back before the first receiver.
            State::Opening | State::Closing { .. } | State::Closed => None,
        }
    }

    /// When to call `handle_timeout` if nothing else happens first; `None` once closed.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let of_link = self.link_timeout();
        match (of_link, self.expiry()) {
            (Some(of_link), Some(expiry)) => Some(of_link.min(expiry)),
            (Some(either), None) | (None, Some(either)) => Some(either),
            (None, None) => None,
        }
    }

    fn link_timeout(&self) -> Option<Instant> {
        match self.link()? {
            Link::Detached { expires } => (self.arriving == 0).then_some(*expires),
            Link::Attached(attached) => {
                let heartbeat = match attached.heartbeat {
                    Heartbeat::Due(at) => Some(at),
                    Heartbeat::Owed { .. } | Heartbeat::Over => None,
                    Heartbeat::Unanswered { expires, .. } => Some(expires),
                };
                let stall = attached
                    .waiting_since
                    .map(|since| after(since, self.config.stall_timeout));
                match (heartbeat, stall) {
                    (Some(heartbeat), Some(stall)) => Some(heartbeat.min(stall)),
                    (either, None) => either,
                    (None, either) => either,
                }
            }
        }
    }

    /// The next frame for the attached receiver; it counts as sent when it is returned.
    ///
    /// After `Frame::Close` nothing more comes: the receiver says goodbye and detaches.
    pub fn poll_transmit(&mut self, receiver: ReceiverId, now: Instant) -> Option<Frame<'_>> {
        let heartbeat_timeout = self.config.heartbeat_timeout;
        let is_open = self.is_open();
        let opens = self.greeting == Once::Owed;
        let has_messages = !self.outbox.is_empty();
        let attached = self
            .attached_mut()
            .filter(|attached| attached.id == receiver && attached.farewell == Once::Owed)?;
        let beats = matches!(attached.heartbeat, Heartbeat::Owed { .. });
        let ready = [opens, has_messages, beats, !is_open];
        let ready = ready.into_iter().filter(|&is_ready| is_ready).count();
        if ready == 0 {
            return None;
        }
        // As it takes something it is not stalled; what stays starts a new wait. A session that
        // closes waits for the farewell to be taken, and then for the receiver's end.
        attached.waiting_since = (ready > 1 || !is_open).then_some(now);
        if opens {
            self.greeting = Once::Sent;
            self.events.opened = is_open;
            return Some(Frame::Open);
        }
        if has_messages {
            return Some(Frame::Messages(self.outbox.drain()));
        }
        match &mut self.state {
            State::Closing {
                farewell,
                link: Link::Attached(attached),
            } => {
                attached.farewell = Once::Sent;
                Some(Frame::Close(farewell))
            }
            State::Open(Link::Attached(attached)) => {
                let Heartbeat::Owed { next } = attached.heartbeat else {
                    return None;
                };
                attached.heartbeat = match attached.kind {
                    ReceiverKind::Response | ReceiverKind::EventStream => Heartbeat::Due(next),
                    ReceiverKind::WebSocket => Heartbeat::Unanswered {
                        expires: after(now, heartbeat_timeout),
                        next,
                    },
                };
                Some(Frame::Heartbeat)
            }
            State::Opening
            | State::Open(Link::Detached { .. })
            | State::Closing {
                link: Link::Detached { .. },
                ..
            }
            | State::Closed => None,
        }
    }

    /// Whether `poll_transmit` would give the attached receiver a frame.
    pub fn has_transmit(&self) -> bool {
        match &self.state {
            State::Open(Link::Attached(attached)) => {
                self.greeting == Once::Owed
                    || !self.outbox.is_empty()
                    || matches!(attached.heartbeat, Heartbeat::Owed { .. })
            }
            State::Closing {
                link: Link::Attached(attached),
                ..
            } => attached.farewell == Once::Owed,
            State::Opening
            | State::Open(Link::Detached { .. })
            | State::Closing {
                link: Link::Detached { .. },
                ..
            }
            | State::Closed => false,
        }
    }

    /// The receiver cannot write at the moment, so what it has taken waits too.
    pub fn handle_blocked(&mut self, now: Instant) {
        self.begin_wait(now);
    }

    /// The receiver wrote something after `handle_blocked`; what still waits starts a new wait.
    pub fn handle_progress(&mut self, now: Instant) {
        // A session that closes goes on waiting for its receiver's end.
        let waits = self.has_transmit() || !self.is_open();
        if let Some(attached) = self.attached_mut() {
            attached.waiting_since = waits.then_some(now);
        }
    }

    /// Queues a message for the peer.
    ///
    /// # Errors
    ///
    /// `Full` at the soft limit, with the message; `Closed`; `Binary` where text alone is carried.
    pub fn send(&mut self, outgoing: impl Into<Outgoing>, now: Instant) -> Result<(), SendError> {
        let limits = self.config.outbox;
        self.push(outgoing.into(), &limits, now)
    }

    /// Queues a message that does not wait for room: at the hard limit the session is ended as
    /// too slow, and `Closed` comes back.
    ///
    /// # Errors
    ///
    /// `Closed`, or `Binary` where text alone is carried.
    pub fn broadcast(
        &mut self,
        outgoing: impl Into<Outgoing>,
        now: Instant,
    ) -> Result<(), SendError> {
        let limits = self.config.outbox_hard;
        match self.push(outgoing.into(), &limits, now) {
            Err(SendError::Full(_)) => {
                self.outbox.clear();
                self.close(CloseReason::TooSlow, now);
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
        if self.content == Content::Text && matches!(outgoing.message(), Message::Binary(_)) {
            return Err(SendError::Binary);
        }
        self.outbox
            .push(outgoing, limits)
            .map_err(|PushError(outgoing)| SendError::Full(outgoing))?;
        self.begin_wait(now);
        Ok(())
    }

    /// Whether `send` would be refused as full.
    pub fn is_full(&self) -> bool {
        self.outbox.is_full(&self.config.outbox)
    }

    /// Ends the session from this side: what waits is still sent, then `reason`'s farewell.
    ///
    /// The first close counts; later ones change nothing. A receiver that comes before the
    /// disconnect delay is over gets the farewell too.
    pub fn close(&mut self, reason: CloseReason, now: Instant) {
        let link = match &self.state {
            State::Opening => Link::Detached {
                expires: after(now, self.config.disconnect_delay),
            },
            State::Open(link) => *link,
            State::Closing { .. } | State::Closed => return,
        };
        let Some(farewell) = reason.farewell() else {
            self.abandon(reason);
            return;
        };
        if matches!(reason, CloseReason::TooSlow) {
            self.outbox.clear();
        }
        self.end(reason);
        let mut link = link;
        if let Link::Attached(attached) = &mut link {
            attached.heartbeat = Heartbeat::Over;
            attached.waiting_since = Some(now);
        }
        self.state = State::Closing {
            farewell: Box::new(farewell),
            link,
        };
    }

    /// Moves every message that waits for the application into `taken`, which must be empty.
    pub fn take_messages(&mut self, taken: &mut VecDeque<Message>) {
        self.inbox.take_all(taken);
    }

    /// Whether a message waits for the application.
    pub fn has_message(&self) -> bool {
        !self.inbox.is_empty()
    }

    /// Whether more may be read from the peer.
    pub fn has_inbox_room(&self) -> bool {
        self.inbox.has_room(&self.config.inbox)
    }

    /// What happened, oldest first.
    pub fn poll_event(&mut self) -> Option<Event> {
        if std::mem::take(&mut self.events.opened) {
            return Some(Event::Opened);
        }
        if let Some(reason) = self.events.ended.take() {
            return Some(Event::Ended(*reason));
        }
        if std::mem::take(&mut self.events.closed) {
            return Some(Event::Closed);
        }
        None
    }

    /// Whether messages can still be sent and received.
    pub fn is_open(&self) -> bool {
        match self.state {
            State::Opening | State::Open(_) => true,
            State::Closing { .. } | State::Closed => false,
        }
    }

    /// Whether nothing more will be sent, not even a farewell.
    pub fn is_closed(&self) -> bool {
        match self.state {
            State::Closed => true,
            State::Opening | State::Open(_) | State::Closing { .. } => false,
        }
    }

    /// Something waits for the attached receiver, if there is one.
    fn begin_wait(&mut self, now: Instant) {
        if let Some(attached) = self.attached_mut() {
            attached.waiting_since.get_or_insert(now);
        }
    }

    /// The application learns of the end; the first reason is the one.
    fn end(&mut self, reason: CloseReason) {
        if self.is_open() {
            self.events.ended = Some(Box::new(reason));
        }
    }

    /// Nothing more is sent; what still waits is lost with the session.
    fn forget(&mut self) {
        if !self.is_closed() {
            self.state = State::Closed;
            self.outbox.clear();
            self.events.closed = true;
        }
    }

    fn link(&self) -> Option<&Link> {
        match &self.state {
            State::Open(link) | State::Closing { link, .. } => Some(link),
            State::Opening | State::Closed => None,
        }
    }

    fn link_mut(&mut self) -> Option<&mut Link> {
        match &mut self.state {
            State::Open(link) | State::Closing { link, .. } => Some(link),
            State::Opening | State::Closed => None,
        }
    }

    fn attached(&self) -> Option<&Attached> {
        match self.link()? {
            Link::Attached(attached) => Some(attached),
            Link::Detached { .. } => None,
        }
    }

    fn attached_mut(&mut self) -> Option<&mut Attached> {
        match self.link_mut()? {
            Link::Attached(attached) => Some(attached),
            Link::Detached { .. } => None,
        }
    }
}
