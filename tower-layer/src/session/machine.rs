//! The machine of a session, whatever its protocol.

use std::{collections::VecDeque, time::Instant};

use sockeye_core::{
    Message, engineio,
    session::{CloseReason, Outgoing},
    sockjs,
};

use crate::engineio::Manner;

/// What decides what a session says and takes.
///
/// Transports know which protocol they carry and ask for its machine; everyone else asks this.
#[derive(Debug)]
pub(crate) enum Machine {
    // Boxed, both: they differ in size, and a session would have room for the larger one.
    SockJs(Box<sockjs::Session>),
    EngineIo(Box<EngineIo>),
}

/// An Engine.IO session, and how the answers to its requests are written.
#[derive(Debug)]
pub(crate) struct EngineIo {
    pub(crate) session: engineio::Session,
    pub(crate) manner: Manner,
}

/// Why the application will get no more messages.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) reason: CloseReason,
    /// In the words of Engine.IO, if that is what was spoken.
    pub(crate) engineio: Option<engineio::Reason>,
}

impl End {
    fn of(reason: CloseReason) -> Self {
        Self {
            reason,
            engineio: None,
        }
    }
}

/// Why a message was not taken.
#[derive(Debug)]
pub(crate) enum Refused {
    Closed,
    Full(Outgoing),
    Binary,
    Separator,
}

/// The same question to whichever it is.
macro_rules! ask {
    ($machine:expr, $session:ident => $answer:expr) => {
        match $machine {
            Machine::SockJs($session) => $answer,
            Machine::EngineIo(engineio) => {
                let $session = &engineio.session;
                $answer
            }
        }
    };
    (mut $machine:expr, $session:ident => $answer:expr) => {
        match $machine {
            Machine::SockJs($session) => $answer,
            Machine::EngineIo(engineio) => {
                let $session = &mut engineio.session;
                $answer
            }
        }
    };
}

impl Machine {
    pub(crate) fn sockjs(&mut self) -> Option<&mut sockjs::Session> {
        match self {
            Self::SockJs(session) => Some(session),
            Self::EngineIo(_) => None,
        }
    }

    pub(crate) fn engineio(&mut self) -> Option<&mut engineio::Session> {
        match self {
            Self::SockJs(_) => None,
            Self::EngineIo(engineio) => Some(&mut engineio.session),
        }
    }

    pub(crate) fn engineio_ref(&self) -> Option<&engineio::Session> {
        match self {
            Self::SockJs(_) => None,
            Self::EngineIo(engineio) => Some(&engineio.session),
        }
    }

    pub(crate) fn is_engineio(&self, look: impl FnOnce(&engineio::Session) -> bool) -> bool {
        match self {
            Self::SockJs(_) => false,
            Self::EngineIo(engineio) => look(&engineio.session),
        }
    }

    /// How an Engine.IO session's answers are written.
    pub(crate) fn manner(&self) -> Option<&Manner> {
        match self {
            Self::SockJs(_) => None,
            Self::EngineIo(engineio) => Some(&engineio.manner),
        }
    }

    pub(crate) fn send(&mut self, outgoing: Outgoing, now: Instant) -> Result<(), Refused> {
        match self {
            Self::SockJs(session) => session.send(outgoing, now).map_err(Refused::from),
            Self::EngineIo(engineio) => engineio.session.send(outgoing, now).map_err(Refused::from),
        }
    }

    pub(crate) fn broadcast(&mut self, outgoing: Outgoing, now: Instant) -> Result<(), Refused> {
        match self {
            Self::SockJs(session) => session.broadcast(outgoing, now).map_err(Refused::from),
            Self::EngineIo(engineio) => {
                let sent = engineio.session.broadcast(outgoing, now);
                sent.map_err(Refused::from)
            }
        }
    }

    pub(crate) fn close(&mut self, reason: CloseReason, now: Instant) {
        ask!(mut self, session => session.close(reason, now));
    }

    pub(crate) fn abandon(&mut self, reason: CloseReason) {
        match self {
            Self::SockJs(session) => session.abandon(reason),
            Self::EngineIo(engineio) => engineio.session.abandon(engineio::Reason::from(reason)),
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        ask!(mut self, session => session.handle_timeout(now));
    }

    /// Messages from a SockJS peer; Engine.IO's come in packets.
    pub(crate) fn handle_messages(&mut self, messages: impl IntoIterator<Item = Message>) {
        if let Some(session) = self.sockjs() {
            session.handle_messages(messages);
        }
    }

    pub(crate) fn handle_blocked(&mut self, now: Instant) {
        ask!(mut self, session => session.handle_blocked(now));
    }

    pub(crate) fn handle_progress(&mut self, now: Instant) {
        ask!(mut self, session => session.handle_progress(now));
    }

    pub(crate) fn set_admitted_until(&mut self, until: Option<Instant>) {
        ask!(mut self, session => session.set_admitted_until(until));
    }

    pub(crate) fn take_messages(&mut self, taken: &mut VecDeque<Message>) {
        ask!(mut self, session => session.take_messages(taken));
    }

    /// Takes the events in; tells of the end if it is among them.
    pub(crate) fn poll_end(&mut self) -> Option<End> {
        let mut end = None;
        match self {
            Self::SockJs(session) => {
                while let Some(event) = session.poll_event() {
                    match event {
                        sockjs::Event::Opened | sockjs::Event::Closed => {}
                        sockjs::Event::Ended(reason) => end = Some(End::of(reason)),
                    }
                }
            }
            Self::EngineIo(engineio) => {
                while let Some(event) = engineio.session.poll_event() {
                    match event {
                        // Whoever moved the session has noted its transport.
                        engineio::Event::Opened
                        | engineio::Event::Upgraded
                        | engineio::Event::Closed => {}
                        engineio::Event::Ended(reason) => {
                            end = Some(End {
                                reason: reason.close_reason(),
                                engineio: Some(reason),
                            });
                        }
                    }
                }
            }
        }
        end
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        ask!(self, session => session.poll_timeout())
    }

    pub(crate) fn has_transmit(&self) -> bool {
        match self {
            Self::SockJs(session) => session.has_transmit(),
            Self::EngineIo(engineio) => engineio.session.has_any_transmit(),
        }
    }

    pub(crate) fn has_message(&self) -> bool {
        ask!(self, session => session.has_message())
    }

    /// Whether the socket may be read.
    pub(crate) fn may_read(&self) -> bool {
        match self {
            Self::SockJs(session) => session.has_inbox_room(),
            Self::EngineIo(engineio) => engineio.session.may_read(),
        }
    }

    pub(crate) fn has_inbox_room(&self) -> bool {
        ask!(self, session => session.has_inbox_room())
    }

    pub(crate) fn is_full(&self) -> bool {
        ask!(self, session => session.is_full())
    }

    /// Whether a volatile message may be queued.
    pub(crate) fn is_writable(&self) -> bool {
        match self {
            Self::SockJs(session) => !session.is_full(),
            Self::EngineIo(engineio) => engineio.session.is_writable(),
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        ask!(self, session => session.is_open())
    }

    pub(crate) fn is_closed(&self) -> bool {
        ask!(self, session => session.is_closed())
    }
}

impl From<sockjs::SendError> for Refused {
    fn from(error: sockjs::SendError) -> Self {
        match error {
            sockjs::SendError::Closed => Self::Closed,
            sockjs::SendError::Full(outgoing) => Self::Full(outgoing),
            sockjs::SendError::Binary => Self::Binary,
        }
    }
}

impl From<engineio::SendError> for Refused {
    fn from(error: engineio::SendError) -> Self {
        match error {
            engineio::SendError::Closed => Self::Closed,
            engineio::SendError::Full(outgoing) => Self::Full(outgoing),
            engineio::SendError::Separator => Self::Separator,
        }
    }
}
