//! The Engine.IO session machine: how it is attached to, fed and ended.
//!
//! ```text
//!          open packet taken         close (application, drain, expiry)
//!  Opening ---------------> Open -------------------------------------> Closing
//!     |                      |                                             |
//!     |  the peer closes, a transport error, a ping or parse error, a stall|  farewell taken by a
//!     v                      v                                             v  WebSocket
//!     +------------------------------------------------------------------>Ending
//!     |                      |                     goodbye taken by a poll, |
//!     |                      |                     detached, stalled        |
//!     v    nobody to tell    v    no poll within the closing timeout        v
//!     +----------------------+-------------------------------------------Closed
//! ```
//!
//! `Opening`, `Open` and `Closing` have a link: polling or a WebSocket. Only `5` on a probe changes it.

use std::{collections::VecDeque, sync::Arc, time::Instant};

use super::{
    AttachError, Config, Event, Opening, Packet, PostEnd, PostError, Reason, Revision, Source,
    Transport, TransportError,
    heartbeat::{Hearing, Heartbeat, Once},
    link::{Attached, Link, Role},
};
use crate::{
    Message, limits,
    session::{Close, CloseReason, Detach, Inbox, Outbox, after},
};

/// Names one attachment, so that a late word about an old one changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiverId(u32);

/// One session.
///
/// After any call that changes it: let each receiver for which `has_transmit` says so drain
/// `poll_transmit`, let a probing WebSocket ask `is_probing`, drain `poll_event`, and ask
/// `poll_timeout`.
#[derive(Debug)]
pub struct Session {
    pub(super) config: Arc<Config>,
    pub(super) revision: Revision,
    pub(super) state: State,
    pub(super) heartbeat: Heartbeat,
    /// How many receivers and probes have been named.
    names: u32,
    /// Probes that the upgrade timeout ended and that nobody has counted yet.
    pub(super) overdue_probes: u8,
    pub(super) post: Post,
    /// When the credentials it was admitted with expire; boxed, as most have no such time.
    pub(super) admitted_until: Option<Box<Instant>>,
    pub(super) outbox: Outbox,
    inbox: Inbox,
    /// POSTs that ended with the inbox full, since the application last took from it.
    overfull_posts: u8,
    pub(super) events: Events,
    /// The one event that says more than that it happened. Boxed, as it weighs much in a session that
    /// is open, and not among the others, which fit into a gap.
    ended: Option<Box<Reason>>,
}

#[derive(Debug)]
pub(super) enum State {
    /// The open packet has not been taken.
    Opening {
        /// Boxed here and below, as an open session would have room for it for life.
        open: Box<Packet>,
        link: Link,
    },
    Open(Link),
    /// Ended by this side: what waits is still sent, then the farewell.
    Closing {
        /// The open packet, if the close came before it was taken.
        open: Option<Box<Packet>>,
        link: Link,
        /// How long the next poll is waited for while there is none.
        until: Instant,
    },
    /// Over for all but the receiver, which takes its goodbye.
    Ending(Leaving),
    Closed,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Leaving {
    pub(super) id: ReceiverId,
    /// Missing once it has been taken.
    pub(super) goodbye: Option<Goodbye>,
    pub(super) transport: Transport,
    /// When the receiver is not waited for any more.
    pub(super) until: Instant,
}

/// The last thing a receiver takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goodbye {
    Noop,
    Close,
}

/// The POST of a session; there is one at a time.
#[derive(Debug)]
pub(super) enum Post {
    Idle,
    InFlight {
        /// Messages that came by WebSocket, after an upgrade that did not wait for the POST: what
        /// it brings was sent before them. At most what was read together with `5`, since
        /// `may_read` is false from then on.
        #[expect(
            clippy::box_collection,
            reason = "an idle session pays one word for it"
        )]
        behind: Box<Vec<Message>>,
    },
}

/// At most one of each kind, in the order of `Event`.
#[derive(Debug, Default)]
pub(super) struct Events {
    pub(super) opened: bool,
    pub(super) upgraded: bool,
    closed: bool,
}

impl Session {
    /// A session whose first receiver is about to attach. Its heartbeats are counted from `now`.
    pub fn new(config: Arc<Config>, opening: Opening<'_>, now: Instant) -> Self {
        let Opening {
            revision,
            transport,
            handshake,
        } = opening;
        Self {
            heartbeat: Heartbeat::new(revision, &config, now),
            config,
            revision,
            state: State::Opening {
                open: Box::new(handshake.packet()),
                link: Link::new(transport),
            },
            names: 0,
            overdue_probes: 0,
            post: Post::Idle,
            admitted_until: None,
            outbox: Outbox::default(),
            inbox: Inbox::default(),
            overfull_posts: 0,
            events: Events::default(),
            ended: None,
        }
    }

    /// The wire format.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// What packets go by at present; `None` when no request can reach the session any more.
    pub fn transport(&self) -> Option<Transport> {
        self.link().map(Link::transport)
    }

    /// Attaches a poll, or the WebSocket of a handshake. From now on it alone is sent to; a poll is
    /// over once it has taken something.
    ///
    /// # Errors
    ///
    /// What the request is answered instead.
    pub fn attach(
        &mut self,
        transport: Transport,
        now: Instant,
    ) -> Result<ReceiverId, AttachError> {
        let link = self.link().ok_or(AttachError::Closed)?;
        match (link.transport(), transport, link.attached()) {
            (Transport::Polling, Transport::Polling, None)
            | (Transport::WebSocket, Transport::WebSocket, None) => {}
            (Transport::Polling, Transport::Polling, Some(_)) => {
                self.fail(TransportError::PollOverlap, now);
                return Err(AttachError::Overlap);
            }
            (Transport::WebSocket, Transport::WebSocket, Some(_))
            | (Transport::Polling, Transport::WebSocket, _)
            | (Transport::WebSocket, Transport::Polling, _) => {
                return Err(AttachError::WrongTransport);
            }
        }
        if !self.is_heard() {
            self.heartbeat.handle_poll();
        }
        let id = self.next_receiver();
        let mut attached = Attached::new(id);
        if transport == Transport::Polling && matches!(self.state, State::Closing { .. }) {
            attached.noop = Once::Owed;
        }
        if let Some(link) = self.link_mut() {
            *link.slot_mut() = Some(attached);
            let is_overdue = link.tick_probe(now);
            self.overdue_probes = self.overdue_probes.saturating_add(u8::from(is_overdue));
        }
        if self.has_transmit(id) {
            self.begin_wait(now);
        }
        Ok(id)
    }

    /// Ends an attachment. Changes nothing when `receiver` is not attached, as a poll that has
    /// taken something.
    ///
    /// A session whose poll was aborted has ended as `transport error`; one that loses its
    /// WebSocket, in whatever way, as `transport close`.
    pub fn detach(&mut self, receiver: ReceiverId, how: Detach, now: Instant) {
        let expires = after(now, self.config.closing_timeout);
        match &mut self.state {
            State::Opening { link, .. } | State::Open(link) | State::Closing { link, .. } => {
                match (link.role(receiver), link.transport(), how) {
                    (Role::Stranger, _, _) => {}
                    // The session is not by it any more.
                    (Role::FormerPoll, _, _) => link.forget_former_poll(),
                    (Role::Current, Transport::Polling, Detach::Finished) => {
                        *link.slot_mut() = None;
                        if let State::Closing { until, .. } = &mut self.state {
                            *until = expires;
                        }
                    }
                    (Role::Current, Transport::Polling, Detach::Aborted) => {
                        self.abandon(TransportError::PollAborted);
                    }
                    (Role::Current, Transport::WebSocket, _) => self.abandon(Reason::Lost),
                }
            }
            State::Ending(leaving) => {
                if leaving.id == receiver {
                    self.forget();
                }
            }
            State::Closed => {}
        }
    }

    /// Whether `receiver` can still take something, or be waited for.
    ///
    /// A poll that is not attached any more and has taken nothing belongs to a session that ended;
    /// it is answered with a close packet.
    pub fn is_attached(&self, receiver: ReceiverId) -> bool {
        match &self.state {
            State::Opening { link, .. } | State::Open(link) | State::Closing { link, .. } => {
                link.role(receiver) != Role::Stranger
            }
            State::Ending(leaving) => leaving.id == receiver,
            State::Closed => false,
        }
    }

    /// A POST came. Its packets are handled once its body is complete, and then it ends.
    ///
    /// # Errors
    ///
    /// What the request is answered instead.
    pub fn begin_post(&mut self, now: Instant) -> Result<(), PostError> {
        match self.transport() {
            None => return Err(PostError::Closed),
            Some(Transport::WebSocket) => return Err(PostError::WrongTransport),
            Some(Transport::Polling) => {}
        }
        match self.post {
            Post::Idle => {
                self.post = Post::InFlight {
                    behind: Box::default(),
                };
                Ok(())
            }
            Post::InFlight { .. } => {
                self.fail(TransportError::PostOverlap, now);
                Err(PostError::Overlap)
            }
        }
    }

    /// The POST in flight ended, its packets having been handled. It may have begun before an
    /// upgrade. Changes nothing when there is none.
    pub fn end_post(&mut self, how: PostEnd, now: Instant) {
        // Until now it kept the WebSocket from being read.
        if !self.is_heard() {
            self.heartbeat.excuse();
        }
        let behind = match std::mem::replace(&mut self.post, Post::Idle) {
            Post::Idle => return,
            Post::InFlight { behind } => behind,
        };
        match how {
            PostEnd::Finished if self.is_open() => {
                for message in *behind {
                    self.inbox.push(message);
                }
                if !self.inbox.has_room(&self.config.inbox) {
                    self.overfull_posts = self.overfull_posts.saturating_add(1);
                }
            }
            PostEnd::Finished => {}
            // What it would have brought is lost, and must not be followed by anything.
            PostEnd::Aborted => self.fail(TransportError::PostAborted, now),
        }
    }

    /// Whether a POST is in flight; if one that began is so no longer without having ended, the
    /// session is over, and nobody takes what it brings.
    pub fn is_posting(&self) -> bool {
        match self.post {
            Post::Idle => false,
            Post::InFlight { .. } => true,
        }
    }

    /// A packet from the peer. Ignored once the session has ended, or where `source` is not the
    /// session's.
    pub fn handle_packet(&mut self, source: Source, packet: Packet, now: Instant) {
        if !self.is_from(source) {
            return;
        }
        match packet {
            Packet::Close => {
                self.end_at_once(Reason::PeerClosed(None), Goodbye::Noop, now);
            }
            Packet::Ping(_) => match self.heartbeat.handle_ping(&self.config, now) {
                Ok(()) => self.begin_wait_for_beat(now),
                Err(_) => self.fail(TransportError::HeartbeatDirection, now),
            },
            Packet::Pong(_) => {
                if self.heartbeat.handle_pong(&self.config, now).is_err() {
                    self.fail(TransportError::HeartbeatDirection, now);
                }
            }
            Packet::Message(message) => {
                self.heartbeat.handle_activity(&self.config, now);
                self.handle_message(source, message);
            }
            Packet::Open(_) | Packet::Upgrade | Packet::Noop => {
                self.heartbeat.handle_activity(&self.config, now);
            }
        }
    }

    fn handle_message(&mut self, source: Source, message: Message) {
        if !self.is_open() {
            return;
        }
        match (source, &mut self.post) {
            (Source::WebSocket(_), Post::InFlight { behind }) => behind.push(message),
            (Source::WebSocket(_), Post::Idle) | (Source::Post, _) => self.inbox.push(message),
        }
    }

    fn is_from(&self, source: Source) -> bool {
        match (source, self.link()) {
            (_, None) => false,
            (Source::Post, Some(_)) => self.is_posting(),
            (Source::WebSocket(id), Some(link)) => {
                link.transport() == Transport::WebSocket && link.role(id) == Role::Current
            }
        }
    }

    /// The peer closed its WebSocket: the session is over for both sides.
    pub fn handle_peer_close(&mut self, close: Option<Close>) {
        self.abandon(Reason::PeerClosed(close));
    }

    /// Ends the session from this side: what waits is still sent, then the farewell.
    ///
    /// The first close counts; later ones change nothing. On polling without an outstanding poll
    /// the next one is waited for, for the closing timeout. A peer that is too slow gets the
    /// farewell alone.
    pub fn close(&mut self, reason: CloseReason, now: Instant) {
        if !self.is_open() {
            return;
        }
        if reason == CloseReason::TooSlow {
            self.fail(TransportError::TooSlow, now);
            return;
        }
        self.end(Reason::Forced(reason));
        self.heartbeat = Heartbeat::Over;
        let (open, mut link) = match std::mem::replace(&mut self.state, State::Closed) {
            State::Opening { open, link } => (Some(open), link),
            State::Open(link) => (None, link),
            other @ (State::Closing { .. } | State::Ending(_) | State::Closed) => {
                self.state = other;
                return;
            }
        };
        if let Some(attached) = link.attached_mut() {
            attached.waiting_since = Some(now);
        }
        self.state = State::Closing {
            open,
            link,
            until: after(now, self.config.closing_timeout),
        };
    }

    /// Ends the session at once: what waits is not sent, and only an attached receiver is told.
    ///
    /// For what the driver finds wrong (`ParseError`, a violation), and for a server that cannot
    /// wait for its queues (`Forced`).
    pub fn fail(&mut self, reason: impl Into<Reason>, now: Instant) {
        self.end_at_once(reason.into(), Goodbye::Close, now);
    }

    /// The driver can go on no longer: the session is over, without a goodbye.
    pub fn abandon(&mut self, reason: impl Into<Reason>) {
        self.end(reason.into());
        self.forget();
    }

    fn end_at_once(&mut self, reason: Reason, goodbye: Goodbye, now: Instant) {
        let Some(link) = self.link() else {
            return;
        };
        let transport = link.transport();
        let leaving = link.attached().map(|attached| Leaving {
            id: attached.id,
            goodbye: Some(match transport {
                Transport::Polling => goodbye,
                Transport::WebSocket => Goodbye::Close,
            }),
            transport,
            until: after(now, self.config.stall_timeout),
        });
        self.end(reason);
        self.forget();
        if let Some(leaving) = leaving {
            self.events.closed = false;
            self.state = State::Ending(leaving);
        }
    }

    /// Moves every message that waits for the application into `taken`, which must be empty.
    pub fn take_messages(&mut self, taken: &mut VecDeque<Message>) {
        if !self.is_heard() {
            self.heartbeat.excuse();
        }
        self.inbox.take_all(taken);
        self.overfull_posts = 0;
    }

    /// Whether a message waits for the application.
    pub fn has_message(&self) -> bool {
        !self.inbox.is_empty()
    }

    /// Whether the packets of a POST may be handled; until then it is held.
    ///
    /// During an upgrade some are taken without room: a client that has its `3probe` waits for its
    /// POST before it goes on, and does not poll meanwhile. If its POST were held for an application
    /// that waits for room to send, each would wait for the other.
    pub fn has_inbox_room(&self) -> bool {
        let is_excepted = || self.is_upgrading() && self.overfull_posts < limits::OVERFULL_POSTS;
        self.inbox.has_room(&self.config.inbox) || is_excepted()
    }

    /// Whether the session's WebSocket may be read: there is room, and no POST from before an
    /// upgrade whose packets come first.
    pub fn may_read(&self) -> bool {
        match self.post {
            Post::Idle => self.inbox.has_room(&self.config.inbox),
            Post::InFlight { .. } => false,
        }
    }

    /// Whether the peer could be heard if it said something; if not, its silence alone does not
    /// count.
    pub(super) fn hearing(&self) -> Hearing {
        let polls = self.link().is_some_and(|link| link.attached().is_some());
        match (self.transport(), &self.post) {
            (Some(Transport::Polling), Post::InFlight { .. }) if !self.has_inbox_room() => {
                Hearing::PostHeld { polls }
            }
            (Some(Transport::WebSocket), _) if !self.may_read() => Hearing::SocketHeld,
            (None | Some(Transport::Polling | Transport::WebSocket), _) => Hearing::Clear,
        }
    }

    pub(super) fn is_heard(&self) -> bool {
        self.hearing() == Hearing::Clear
    }

    /// What happened, oldest first.
    pub fn poll_event(&mut self) -> Option<Event> {
        if std::mem::take(&mut self.events.opened) {
            return Some(Event::Opened);
        }
        if std::mem::take(&mut self.events.upgraded) {
            return Some(Event::Upgraded);
        }
        if let Some(reason) = self.ended.take() {
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
            State::Opening { .. } | State::Open(_) => true,
            State::Closing { .. } | State::Ending(_) | State::Closed => false,
        }
    }

    /// Whether nothing more will be sent, not even a goodbye.
    pub fn is_closed(&self) -> bool {
        match self.state {
            State::Closed => true,
            State::Opening { .. } | State::Open(_) | State::Closing { .. } | State::Ending(_) => {
                false
            }
        }
    }

    /// The application learns of the end; the first reason is the one.
    fn end(&mut self, reason: Reason) {
        if self.is_open() {
            self.ended = Some(Box::new(reason));
        }
    }

    /// Nothing more is sent; what still waits is lost with the session.
    pub(super) fn forget(&mut self) {
        if !self.is_closed() {
            self.state = State::Closed;
            self.heartbeat = Heartbeat::Over;
            self.post = Post::Idle;
            self.outbox.clear();
            self.events.closed = true;
        }
    }

    /// A name that no receiver or probe of this session has had for long.
    pub(super) fn next_name(&mut self) -> u32 {
        self.names = self.names.wrapping_add(1);
        self.names
    }

    pub(super) fn next_receiver(&mut self) -> ReceiverId {
        ReceiverId(self.next_name())
    }

    pub(super) fn link(&self) -> Option<&Link> {
        match &self.state {
            State::Opening { link, .. } | State::Open(link) | State::Closing { link, .. } => {
                Some(link)
            }
            State::Ending(_) | State::Closed => None,
        }
    }

    pub(super) fn link_mut(&mut self) -> Option<&mut Link> {
        match &mut self.state {
            State::Opening { link, .. } | State::Open(link) | State::Closing { link, .. } => {
                Some(link)
            }
            State::Ending(_) | State::Closed => None,
        }
    }
}
