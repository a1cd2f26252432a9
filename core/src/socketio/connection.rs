//! The machine of one client, which is one Engine.IO session.

use std::{fmt, sync::Arc, time::Instant};

use super::{Config, Data, Encoded, ParseError, ParserKind, Place, Protocol};
use crate::{Message, Text};

/// One client: what it has joined, and what its messages mean.
///
/// ```text
/// namespace:  ─ CONNECT ─> pending ─ accept ─> joined ─ DISCONNECT, leave ─> free
///                             └───── refuse ──────────────────────────────────┘
/// ```
#[derive(Debug)]
pub struct Connection {
    config: Arc<Config>,
}

/// What a client's message means.
#[derive(Debug)]
pub enum Incoming {
    /// The client asks for a namespace; [`accept`](Connection::accept) or
    /// [`refuse`](Connection::refuse) it, now or later.
    Connect {
        /// The namespace's name, in memory of its own.
        namespace: Text,
        /// What it brings; an empty object if nothing.
        auth: Data,
    },
    /// The client left. The place is free.
    Disconnect {
        /// Where it was.
        place: Place,
    },
    /// An event.
    Event {
        /// Whose.
        place: Place,
        /// What an answer must have, if one is wanted.
        id: Option<u64>,
        /// Its name and arguments.
        data: Data,
    },
    /// The answer to an event of the server.
    Ack {
        /// Whose.
        place: Place,
        /// The event's; unknown ones are to be ignored.
        id: u64,
        /// Its arguments.
        data: Data,
    },
    /// The client asks for what cannot be; it is to be told so, and the session lives on.
    Refused(Encoded),
    /// Nothing yet, or nothing that matters.
    Nothing,
}

/// Why a client's session is to be closed at once.
#[derive(Debug)]
#[non_exhaustive]
pub enum Violation {
    /// A message was no Socket.IO.
    Parse(ParseError),
    /// CONNECT for a namespace that the client has joined or waits for.
    AlreadyConnected,
    /// A packet for a namespace that the client has not joined, or not yet.
    NotConnected,
    /// CONNECT_ERROR, which only servers send.
    UnexpectedConnectError,
    /// CONNECT for one namespace more than allowed.
    TooManyNamespaces {
        /// What the client is told before the session is closed.
        answer: Encoded,
    },
    /// No namespace was joined in time.
    ConnectTimeout,
    /// A packet's attachments did not come in time.
    AttachmentsTimeout,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parse(_) => f.write_str("message that is no Socket.IO"),
            Self::AlreadyConnected => f.write_str("connect to a namespace already joined"),
            Self::NotConnected => f.write_str("packet for a namespace not joined"),
            Self::UnexpectedConnectError => f.write_str("connect error from a client"),
            Self::TooManyNamespaces { .. } => f.write_str("too many namespaces"),
            Self::ConnectTimeout => f.write_str("no namespace joined in time"),
            Self::AttachmentsTimeout => f.write_str("attachments not complete in time"),
        }
    }
}

impl std::error::Error for Violation {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Parse(error) => Some(error),
            _ => None,
        }
    }
}

impl Connection {
    /// A client whose session has just opened.
    pub fn new(protocol: Protocol, parser: &ParserKind, config: Arc<Config>, now: Instant) -> Self {
        todo!()
    }

    /// The protocol that the client speaks.
    pub fn protocol(&self) -> Protocol {
        todo!()
    }

    /// The namespace that the server joins by itself: `/` for clients before protocol 5, asked for
    /// once, right after [`new`](Self::new). It is pending then, as if the client had asked.
    pub fn handle_open(&mut self) -> Incoming {
        todo!()
    }

    /// Takes a message of the client.
    ///
    /// # Errors
    ///
    /// When the session is to be closed; nothing more is to be handed in.
    pub fn handle_message(
        &mut self,
        message: Message,
        now: Instant,
    ) -> Result<Incoming, Violation> {
        todo!()
    }

    /// A pending namespace is joined; `None` if it is not pending.
    pub fn accept(&mut self, namespace: &str) -> Option<Place> {
        todo!()
    }

    /// A pending namespace is refused; the client may ask again. Whether it was pending.
    pub fn refuse(&mut self, namespace: &str) -> bool {
        todo!()
    }

    /// The server leaves a namespace. Whether the place was still joined.
    pub fn leave(&mut self, place: Place) -> bool {
        todo!()
    }

    /// The place of a namespace that the client has joined.
    pub fn place(&self, namespace: &str) -> Option<Place> {
        todo!()
    }

    /// The places joined, and their namespaces.
    pub fn joined(&self) -> impl Iterator<Item = (Place, &Text)> {
        std::iter::empty()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) if nothing else happens first.
    pub fn poll_timeout(&self) -> Option<Instant> {
        todo!()
    }

    /// Lets time reach `now`; harmless when nothing is due.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Violation> {
        todo!()
    }
}
