//! Scripts against a SockJS session.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use sockeye_core::{
    Message, Prepared,
    session::{Close, CloseReason, Detach},
    sockjs::{
        AttachError, Config, Content, Event, Frame, ReceiverId, ReceiverKind, SendError, Session,
    },
};

use crate::script::{Received, Script, Sent, advance, limits};

/// Whatever happens to a session in whatever order: messages arrive once and in order in both
/// directions, queues keep their limits, deadlines move on, and in the end it is gone.
pub fn sockjs_session(data: &[u8]) {
    let mut script = Script::new(data);
    let config = Config {
        heartbeat_interval: script.patience(),
        heartbeat_timeout: script.patience(),
        disconnect_delay: script.patience(),
        stall_timeout: script.patience(),
        outbox: limits(4),
        outbox_hard: limits(8),
        inbox: limits(3),
    };
    let content = match script.below(2) {
        0 => Content::Text,
        _ => Content::Any,
    };
    let mut play = Play {
        session: Session::new(Arc::new(config.clone()), content),
        config,
        content,
        now: Instant::now(),
        attached: None,
        known: Vec::new(),
        arriving: 0,
        frames: 0,
        sent: Sent::default(),
        received: Received::default(),
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
    content: Content,
    now: Instant,
    attached: Option<ReceiverId>,
    /// Every receiver there ever was.
    known: Vec<ReceiverId>,
    arriving: usize,
    frames: usize,
    sent: Sent,
    received: Received,
    /// How far in the order of events the session is.
    events: usize,
}

impl Play {
    fn step(&mut self, step: u8, script: &mut Script<'_>) {
        let now = self.now;
        match step % 20 {
            0..=2 => self.attach(script),
            3 | 4 => self.take(1),
            5 => self.take(usize::MAX),
            6 => self.send(script),
            7 => self.broadcast(script),
            8 => self.receive(script),
            9 => self.application_takes(),
            10 => self.advance(script.time()),
            11 => self.detach(Detach::Finished),
            12 if script.is_rude() => match script.below(4) {
                0 => self.detach(Detach::Aborted),
                1 => self.session.handle_peer_close(None),
                2 => self.session.abandon(CloseReason::Disconnected),
                _ => self.session.close(reason(script), now),
            },
            12 | 13 => self.session.handle_activity(),
            14 => self.session.handle_blocked(now),
            15 => self.session.handle_progress(now),
            16 => {
                self.session.begin_arrival();
                self.arriving += 1;
            }
            17 if self.arriving > 0 => {
                self.session.end_arrival();
                self.arriving -= 1;
            }
            17 => {}
            18 => {
                let until = (script.below(3) > 0).then(|| now + script.time());
                self.session.set_admitted_until(until);
            }
            // A late word about a former receiver.
            _ => {
                let index = usize::from(script.byte());
                let receiver = self.known.get(index % self.known.len().max(1)).copied();
                if let Some(receiver) = receiver.filter(|it| Some(*it) != self.attached) {
                    assert!(self.session.poll_transmit(receiver, now).is_none());
                    self.session.detach(receiver, Detach::Aborted, now);
                }
            }
        }
    }

    fn attach(&mut self, script: &mut Script<'_>) {
        let kind = match script.below(4) {
            0 => ReceiverKind::WebSocket,
            1 => ReceiverKind::EventStream,
            _ => ReceiverKind::Response,
        };
        match self.session.attach(kind, self.now) {
            Ok(receiver) => {
                assert!(self.attached.is_none() && !self.known.contains(&receiver));
                self.attached = Some(receiver);
                self.known.push(receiver);
            }
            Err(AttachError::StillOpen) => {
                assert!(self.attached.is_some() && self.session.is_open());
            }
            Err(AttachError::Closing(_)) => assert!(!self.session.is_open()),
            Err(AttachError::Closed) => assert!(self.session.is_closed()),
        }
    }

    fn detach(&mut self, how: Detach) {
        if let Some(receiver) = self.attached.take() {
            self.session.detach(receiver, how, self.now);
        }
    }

    /// The receiver takes up to `most` frames.
    fn take(&mut self, most: usize) {
        let Some(receiver) = self.attached else {
            return;
        };
        for _ in 0..most {
            let is_due = self.session.has_transmit();
            let Some(frame) = self.session.poll_transmit(receiver, self.now) else {
                assert!(!is_due);
                return;
            };
            assert!(is_due);
            assert_eq!(matches!(frame, Frame::Open), self.frames == 0);
            self.frames += 1;
            match frame {
                Frame::Open | Frame::Heartbeat => {}
                Frame::Messages(messages) => {
                    assert!(messages.iter().len() > 0);
                    for outgoing in messages.iter() {
                        self.sent
                            .take(outgoing.message().as_text().expect("a text"));
                    }
                }
                Frame::Close(close) => {
                    // What is sent to a peer that is too slow is lost.
                    if *close != Close::TOO_SLOW {
                        self.sent.expect_none();
                    }
                }
            }
        }
    }

    fn send(&mut self, script: &mut Script<'_>) {
        if script.below(8) == 0 && self.content == Content::Text {
            let bytes = Message::Binary(vec![0; 3].into());
            let refused = self.session.send(bytes, self.now);
            assert!(matches!(
                refused,
                Err(SendError::Binary | SendError::Closed)
            ));
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
            Err(SendError::Binary) => panic!("it was text"),
        }
    }

    fn broadcast(&mut self, script: &mut Script<'_>) {
        let message = self.sent.message(script);
        let has_room = self.sent.has_room(&self.config.outbox_hard);
        let is_open = self.session.is_open();
        let result = self.session.broadcast(Prepared::new(&message), self.now);
        assert_eq!(result.is_ok(), is_open && has_room);
        match result {
            Ok(()) => self.sent.accept(message, &self.config.outbox_hard),
            Err(_) => assert!(!self.session.is_open()),
        }
    }

    fn receive(&mut self, script: &mut Script<'_>) {
        // Whoever reads has asked.
        if !self.session.has_inbox_room() {
            return;
        }
        let count = usize::from(script.below(4));
        let messages: Vec<Message> = (0..count)
            .map(|_| String::from_utf8_lossy(script.slice()).into_owned().into())
            .collect();
        if self.session.is_open() {
            self.received.0.extend(messages.iter().cloned());
        }
        self.session.handle_messages(messages);
    }

    fn application_takes(&mut self) {
        let mut taken = VecDeque::new();
        self.session.take_messages(&mut taken);
        self.received.take(&mut taken);
    }

    fn advance(&mut self, by: Duration) {
        let until = self.now + by;
        let session = std::cell::RefCell::new(&mut self.session);
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
                Event::Ended(_) => 2,
                Event::Closed => 3,
            };
            assert!(place > self.events, "{event:?} out of order");
            assert!(place != 3 || self.events == 2, "closed before it ended");
            self.events = place;
        }
        assert_eq!(self.session.is_open(), self.events < 2);
        assert_eq!(self.session.is_closed(), self.events == 3);
        assert_eq!(self.session.has_message(), !self.received.0.is_empty());
        assert!(self.received.0.len() < self.config.inbox.messages + 3);
        if self.session.is_closed() {
            assert_eq!(self.session.poll_timeout(), None);
            assert!(!self.session.has_transmit());
            assert!(!self.session.is_full());
        } else if self.arriving == 0 && self.events > 0 {
            assert!(self.session.poll_timeout().is_some());
        }
    }

    /// What an open session holds comes out, and then nobody comes any more.
    fn finish(mut self) {
        self.take(usize::MAX);
        self.detach(Detach::Finished);
        while self.arriving > 0 {
            self.session.end_arrival();
            self.arriving -= 1;
        }
        if self.session.is_open() {
            let attached = self.session.attach(ReceiverKind::Response, self.now);
            self.attached = Some(attached.expect("an open session takes a receiver"));
            self.take(usize::MAX);
            self.sent.expect_none();
            self.detach(Detach::Finished);
        }
        self.application_takes();
        self.advance(Duration::from_secs(3 * 3_600));
        self.check();
        assert!(self.session.is_closed(), "{:?}", self.session);
    }
}

pub(crate) fn reason(script: &mut Script<'_>) -> CloseReason {
    match script.below(7) {
        0 => CloseReason::Application(Close::NORMAL),
        1 => CloseReason::Violation(Close::BROKEN_FRAMING),
        2 => CloseReason::GoingAway,
        3 => CloseReason::HandlerPanicked,
        4 => CloseReason::Expired,
        5 => CloseReason::TooSlow,
        _ => CloseReason::CredentialsExpired,
    }
}
