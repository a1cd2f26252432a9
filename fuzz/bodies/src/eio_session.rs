//! Scripts against an Engine.IO session.

use std::{
    cell::RefCell,
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use sockeye_core::{
    Compression, Message, Prepared, Text,
    engineio::{
        AttachError, Binary, Config, Event, Handshake, Opening, Packet, PacketRef, PostEnd,
        PostError, ProbeId, Probed, Reason, ReceiverId, Revision, SendError, Session, Source,
        Transport, TransportError,
    },
    limits::OVERFULL_POSTS,
    session::Detach,
};

use crate::{
    script::{Received, Script, Sent, WITH_ATTACHMENT, advance, limits},
    sockjs_session::reason,
};

/// Whatever happens to a session in whatever order: messages arrive once and in order in both
/// directions and over upgrades, queues keep their limits, deadlines move on, and in the end it is
/// gone.
pub fn eio_session(data: &[u8]) {
    let mut script = Script::new(data);
    let config = Config {
        ping_interval: script.patience(),
        ping_timeout: script.patience(),
        upgrade_timeout: script.patience(),
        closing_timeout: script.patience(),
        stall_timeout: script.patience(),
        outbox: limits(4),
        outbox_hard: limits(8),
        inbox: limits(3),
    };
    let (revision, transport) = match script.below(4) {
        0 => (Revision::V3, Transport::Polling),
        1 => (Revision::V3, Transport::WebSocket),
        2 => (Revision::V4, Transport::WebSocket),
        _ => (Revision::V4, Transport::Polling),
    };
    let handshake = Handshake {
        sid: "secret",
        upgrades: &[Transport::WebSocket],
        ping_interval: config.ping_interval,
        ping_timeout: config.ping_timeout,
        max_payload: 1_000_000,
    };
    let opening = Opening {
        revision,
        transport,
        handshake,
    };
    let now = Instant::now();
    let mut play = Play {
        session: Session::new(Arc::new(config.clone()), opening, now),
        config,
        revision,
        now,
        poll: None,
        former_poll: None,
        socket: None,
        probe: None,
        known: Vec::new(),
        has_opened: false,
        has_closed: false,
        sent: Sent::default(),
        received: Received::default(),
        has_posted: false,
        behind: VecDeque::new(),
        events: 0,
    };
    while let Some(step) = script.next() {
        play.step(step, &mut script);
        play.check();
    }
    play.finish();
}

struct Play {
    session: Session,
    config: Config,
    revision: Revision,
    now: Instant,
    poll: Option<ReceiverId>,
    /// The poll that was outstanding when the session moved.
    former_poll: Option<ReceiverId>,
    socket: Option<ReceiverId>,
    probe: Option<ProbeId>,
    /// Every receiver there ever was.
    known: Vec<ReceiverId>,
    /// Whether the open packet and the close packet were taken.
    has_opened: bool,
    has_closed: bool,
    sent: Sent,
    received: Received,
    /// Whether the POST in flight has brought its packets, which it does once.
    has_posted: bool,
    /// What came by WebSocket while a POST from before it was in flight.
    behind: VecDeque<Message>,
    /// How far in the order of events the session is.
    events: usize,
}

impl Play {
    fn step(&mut self, step: u8, script: &mut Script<'_>) {
        let now = self.now;
        match step % 24 {
            0..=2 if self.poll.is_none() || script.is_rude() => self.polls(),
            0..=2 => self.takes(),
            3 => self.attaches_socket(),
            4..=6 => self.takes(),
            7 if !self.session.is_posting() || script.is_rude() => self.begins_post(),
            7 => {}
            8 | 9 => self.posts(script),
            10 => self.ends_post(PostEnd::Finished),
            11 if script.is_rude() => match script.below(6) {
                0 => self.ends_post(PostEnd::Aborted),
                1 => self.aborts(),
                2 => self.session.close(reason(script), now),
                3 => self.session.fail(failure(script), now),
                4 => self.session.handle_peer_close(None),
                _ => self.session.abandon(Reason::Lost),
            },
            11 | 12 => self.probes(),
            13 => self.says_on_probe(Packet::Ping("probe".into())),
            14 => self.upgrades(script),
            15 => match script.below(3) {
                0 => self.ends_probe(),
                _ => self.says_on_probe(packet(self.revision, script)),
            },
            16 => self.socket_is_read(script),
            17 => self.sends(script),
            18 => self.broadcasts(script),
            19 => self.application_takes(),
            20 => self.advance(script.time()),
            21 => match script.below(3) {
                0 => self.session.handle_blocked(now),
                1 => self.session.handle_progress(now),
                _ => self.session.handle_activity(now),
            },
            22 => {
                let until = (script.below(3) > 0).then(|| now + script.time());
                self.session.set_admitted_until(until);
            }
            _ => self.is_told_late(script),
        }
    }

    fn polls(&mut self) {
        let transport = self.session.transport();
        match self.session.attach(Transport::Polling, self.now) {
            Ok(poll) => {
                assert_eq!(transport, Some(Transport::Polling));
                assert!(self.poll.is_none() && !self.known.contains(&poll));
                self.poll = Some(poll);
                self.known.push(poll);
            }
            Err(AttachError::Overlap) => {
                assert!(self.poll.is_some() && !self.session.is_open());
            }
            Err(AttachError::WrongTransport) => {
                assert_eq!(transport, Some(Transport::WebSocket));
            }
            Err(AttachError::Closed) => assert_eq!(transport, None),
        }
    }

    fn attaches_socket(&mut self) {
        let transport = self.session.transport();
        match self.session.attach(Transport::WebSocket, self.now) {
            Ok(socket) => {
                assert_eq!(transport, Some(Transport::WebSocket));
                assert!(self.socket.is_none());
                self.socket = Some(socket);
                self.known.push(socket);
            }
            Err(AttachError::WrongTransport) => assert!(transport.is_some()),
            Err(AttachError::Closed) => assert_eq!(transport, None),
            Err(AttachError::Overlap) => panic!("there is no other WebSocket"),
        }
    }

    /// Every receiver takes what it gets.
    fn takes(&mut self) {
        let any = self.session.has_any_transmit();
        let mut has_taken = false;
        if let Some(poll) = self.former_poll {
            has_taken |= self.take(poll, Some("6"));
            // It is not left waiting for what goes by WebSocket.
            assert!(has_taken || self.session.transport().is_none());
            self.former_poll = None;
            self.session.detach(poll, Detach::Finished, self.now);
        }
        if let Some(poll) = self.poll {
            if self.take(poll, None) {
                has_taken = true;
                // Told late, as a driver does.
                self.session.detach(poll, Detach::Finished, self.now);
                self.poll = None;
            } else if !self.session.is_attached(poll) {
                self.poll = None;
            }
        }
        if let Some(socket) = self.socket {
            while self.take(socket, None) {
                has_taken = true;
            }
        }
        assert_eq!(any, has_taken);
        assert!(!self.session.has_any_transmit());
    }

    /// Whether there was something to take.
    fn take(&mut self, receiver: ReceiverId, only: Option<&str>) -> bool {
        let is_due = self.session.has_transmit(receiver);
        let Some(batch) = self.session.poll_transmit(receiver, self.now) else {
            assert!(!is_due);
            return false;
        };
        assert!(is_due);
        let mut count = 0;
        let mut owed: Option<String> = None;
        for packet in batch.packets() {
            assert!(!self.has_closed, "{packet:?} after a close");
            count += 1;
            match packet {
                PacketRef::Open(_) => {
                    assert!(!self.has_opened && count == 1);
                    self.has_opened = true;
                }
                PacketRef::Close => self.has_closed = true,
                PacketRef::Message(message) => {
                    assert!(self.has_opened && owed.is_none());
                    self.sent.take(message.as_text().expect("a text"));
                }
                PacketRef::Prepared(prepared) => {
                    assert!(self.has_opened);
                    match (prepared.message(), owed.take()) {
                        (Message::Text(text), None) => {
                            self.sent.take(text);
                            owed = text.ends_with(WITH_ATTACHMENT).then(|| text.to_string());
                        }
                        // Nothing comes between a message and its attachment.
                        (attachment, owed) => {
                            assert_eq!(
                                Some(attachment.as_bytes()),
                                owed.as_deref().map(str::as_bytes)
                            );
                        }
                    }
                }
                PacketRef::Ping(_) => assert_eq!(self.revision, Revision::V4),
                PacketRef::Pong(_) => assert_eq!(self.revision, Revision::V3),
                PacketRef::Noop => {}
                PacketRef::Upgrade => panic!("only a client upgrades"),
            }
            if let Some(only) = only {
                let frame = packet.frame(self.revision, Binary::Bytes);
                assert_eq!(frame.as_text(), Some(only));
            }
        }
        assert!(count > 0, "an answer of nothing");
        assert_eq!(owed, None, "an attachment is missing");
        true
    }

    fn begins_post(&mut self) {
        let (transport, is_posting) = (self.session.transport(), self.session.is_posting());
        match self.session.begin_post(self.now) {
            Ok(()) => {
                assert!(transport == Some(Transport::Polling) && !is_posting);
                self.has_posted = false;
            }
            Err(PostError::Overlap) => assert!(is_posting && !self.session.is_open()),
            Err(PostError::WrongTransport) => assert_eq!(transport, Some(Transport::WebSocket)),
            Err(PostError::Closed) => assert_eq!(transport, None),
        }
    }

    /// Packets of the POST in flight, which waits for room as a whole.
    fn posts(&mut self, script: &mut Script<'_>) {
        if self.has_posted || !self.session.has_inbox_room() {
            return;
        }
        self.has_posted = true;
        for _ in 0..script.below(4) {
            let Some(packet) = decoded(self.revision, script) else {
                self.session.fail(Reason::ParseError, self.now);
                return;
            };
            self.hears(Source::Post, packet);
        }
    }

    fn hears(&mut self, source: Source, packet: Packet) {
        let is_heard = match source {
            Source::Post => self.session.is_posting(),
            Source::WebSocket(socket) => Some(socket) == self.socket,
        };
        if let (Packet::Message(message), true) = (&packet, is_heard && self.session.is_open()) {
            match source {
                Source::WebSocket(_) if self.session.is_posting() => {
                    self.behind.push_back(message.clone());
                }
                Source::Post | Source::WebSocket(_) => self.received.0.push_back(message.clone()),
            }
        }
        self.session.handle_packet(source, packet, self.now);
    }

    fn ends_post(&mut self, how: PostEnd) {
        let is_posting = self.session.is_posting();
        if how == PostEnd::Finished && is_posting && self.session.is_open() {
            self.received.0.append(&mut self.behind);
        }
        self.session.end_post(how, self.now);
        assert!(!self.session.is_posting());
        assert!(how == PostEnd::Finished || !is_posting || !self.session.is_open());
        self.behind.clear();
    }

    fn probes(&mut self) {
        let has_probe = self.session.has_probe();
        if let Ok(probe) = self.session.begin_probe(self.now) {
            assert!(!has_probe && self.session.transport() == Some(Transport::Polling));
            self.probe = Some(probe);
        }
    }

    fn says_on_probe(&mut self, packet: Packet) {
        let Some(probe) = self.probe else { return };
        let was_probing = self.session.is_probing(probe);
        match self.session.handle_probe(probe, &packet, self.now) {
            Probed::Reply => assert!(was_probing && self.session.is_probing(probe)),
            Probed::Upgraded(socket) => {
                assert!(was_probing && packet == Packet::Upgrade && self.socket.is_none());
                self.former_poll = self.poll.take();
                self.socket = Some(socket);
                self.known.push(socket);
                self.probe = None;
            }
            Probed::GiveUp => {
                assert!(!self.session.is_probing(probe));
                self.probe = None;
            }
        }
    }

    /// The last step of the dance, with what was read together with it.
    fn upgrades(&mut self, script: &mut Script<'_>) {
        let had_socket = self.socket.is_some();
        if self.probe.is_none() {
            self.probes();
            self.says_on_probe(Packet::Ping("probe".into()));
        }
        self.says_on_probe(Packet::Upgrade);
        if let (Some(socket), false) = (self.socket, had_socket) {
            for _ in 0..script.below(3) {
                self.hears(
                    Source::WebSocket(socket),
                    Packet::Message(text(script).into()),
                );
            }
        }
    }

    fn ends_probe(&mut self) {
        if let Some(probe) = self.probe.take() {
            self.session.end_probe(probe);
            assert!(!self.session.is_probing(probe));
        }
    }

    fn socket_is_read(&mut self, script: &mut Script<'_>) {
        let Some(socket) = self.socket.filter(|_| self.session.may_read()) else {
            return;
        };
        for _ in 0..script.below(4) {
            let Some(packet) = decoded(self.revision, script) else {
                self.session.fail(Reason::ParseError, self.now);
                return;
            };
            self.hears(Source::WebSocket(socket), packet);
        }
    }

    fn sends(&mut self, script: &mut Script<'_>) {
        if script.below(8) == 0 {
            let polls = self.session.transport() == Some(Transport::Polling);
            let refused = polls && self.revision == Revision::V4 && self.session.is_open();
            if refused {
                let result = self.session.send("a\u{1e}b".to_owned(), self.now);
                assert!(matches!(result, Err(SendError::Separator)));
            }
            return;
        }
        let message = self.sent.message(script);
        let has_room = self.sent.has_room(&self.config.outbox);
        let is_open = self.session.is_open();
        match self.session.send(message.clone(), self.now) {
            Ok(()) => {
                assert!(is_open && has_room);
                self.sent.accept(message, &self.config.outbox);
            }
            Err(SendError::Full(back)) => {
                assert!(is_open && !has_room);
                assert_eq!(back.message().as_text(), Some(&*message));
            }
            Err(SendError::Closed) => assert!(!is_open),
            Err(SendError::Separator) => panic!("it has none"),
        }
    }

    fn broadcasts(&mut self, script: &mut Script<'_>) {
        let (message, prepared) = self.prepared(script);
        let has_room = self.sent.has_room(&self.config.outbox_hard);
        let is_open = self.session.is_open();
        let result = self.session.broadcast(prepared, self.now);
        assert_eq!(result.is_ok(), is_open && has_room);
        match result {
            Ok(()) => self.sent.accept(message, &self.config.outbox_hard),
            Err(_) => assert!(!self.session.is_open()),
        }
    }

    /// A message, which says itself whether it has an attachment: itself again.
    fn prepared(&mut self, script: &mut Script<'_>) -> (String, Prepared) {
        let mut message = self.sent.message(script);
        let mut attachments = Vec::new();
        if script.below(2) == 0 {
            message.push(WITH_ATTACHMENT);
            attachments.push(Bytes::from(message.clone()));
        }
        let prepared = Prepared::with_attachments(&message, attachments, Compression::Allowed);
        (message, prepared)
    }

    fn application_takes(&mut self) {
        let mut taken = VecDeque::new();
        self.session.take_messages(&mut taken);
        self.received.take(&mut taken);
    }

    fn aborts(&mut self) {
        for receiver in [
            self.former_poll.take(),
            self.poll.take(),
            self.socket.take(),
        ]
        .into_iter()
        .flatten()
        {
            self.session.detach(receiver, Detach::Aborted, self.now);
        }
    }

    /// A late word about a former receiver.
    fn is_told_late(&mut self, script: &mut Script<'_>) {
        let index = usize::from(script.byte());
        let Some(receiver) = self.known.get(index % self.known.len().max(1)).copied() else {
            return;
        };
        if [self.poll, self.former_poll, self.socket].contains(&Some(receiver)) {
            return;
        }
        let is_open = self.session.is_open();
        assert!(self.session.poll_transmit(receiver, self.now).is_none());
        let message = Packet::Message("late".into());
        self.session
            .handle_packet(Source::WebSocket(receiver), message, self.now);
        self.session.detach(receiver, Detach::Aborted, self.now);
        assert_eq!(self.session.is_open(), is_open);
    }

    fn advance(&mut self, by: Duration) {
        let until = self.now + by;
        let session = RefCell::new(&mut self.session);
        advance(
            &mut self.now,
            until,
            || session.borrow().poll_timeout(),
            |now| {
                session.borrow_mut().handle_timeout(now);
                session.borrow().poll_timeout()
            },
        );
    }

    fn check(&mut self) {
        while let Some(event) = self.session.poll_event() {
            let place = match event {
                Event::Opened => 1,
                Event::Upgraded => 2,
                Event::Ended(_) => 3,
                Event::Closed => 4,
            };
            assert!(place > self.events, "{event:?} out of order");
            assert!(place != 4 || self.events == 3, "closed before it ended");
            assert!(place != 2 || self.events == 1, "upgraded before it opened");
            self.events = place;
        }
        let session = &self.session;
        assert_eq!(session.is_open(), self.events < 3);
        assert_eq!(session.is_closed(), self.events == 4);
        // Whatever the peer does not do, there is a time at which it is given up.
        assert_eq!(session.poll_timeout().is_some(), !session.is_closed());
        assert_eq!(session.has_message(), !self.received.0.is_empty());
        // What was read in one go, once what was read together with `5`, and what an upgrade let in.
        let excess = 6 + 3 * usize::from(OVERFULL_POSTS);
        assert!(self.received.0.len() <= self.config.inbox.messages + excess);
        if session.is_closed() {
            assert_eq!(session.transport(), None);
            assert!(!session.has_any_transmit() && !session.is_full() && !session.is_posting());
        }
    }

    /// What an open session holds comes out, and then nobody comes any more.
    fn finish(mut self) {
        if self.session.is_posting() {
            self.ends_post(PostEnd::Finished);
        }
        self.takes();
        if self.session.is_open() {
            match self.session.transport() {
                Some(Transport::Polling) if self.poll.is_none() => self.polls(),
                Some(Transport::WebSocket) if self.socket.is_none() => self.attaches_socket(),
                _ => {}
            }
            self.takes();
            self.sent.expect_none();
        }
        self.application_takes();
        self.advance(Duration::from_secs(6 * 3_600));
        self.check();
        assert!(self.session.is_closed(), "{:?}", self.session);
    }
}

/// What a client could have meant; `None` for what is no packet.
fn decoded(revision: Revision, script: &mut Script<'_>) -> Option<Packet> {
    match script.byte() {
        0..4 => Some(packet(revision, script)),
        4..8 => Packet::decode_text(revision, &Text::from(&*text(script))).ok(),
        _ => Some(Packet::Message(text(script).into())),
    }
}

fn packet(revision: Revision, script: &mut Script<'_>) -> Packet {
    match script.below(8) {
        0 => Packet::Open("".into()),
        1 => Packet::Close,
        2 => Packet::Upgrade,
        3 => Packet::Noop,
        4 => Packet::Ping(text(script).into()),
        5 => Packet::Pong(text(script).into()),
        // The heartbeat that is the client's to send.
        _ => match revision {
            Revision::V3 => Packet::Ping("".into()),
            Revision::V4 => Packet::Pong("".into()),
        },
    }
}

fn text(script: &mut Script<'_>) -> String {
    String::from_utf8_lossy(script.slice()).into_owned()
}

fn failure(script: &mut Script<'_>) -> Reason {
    match script.below(3) {
        0 => Reason::ParseError,
        1 => TransportError::UnsupportedBody.into(),
        _ => Reason::Forced(reason(script)),
    }
}
