//! The machine of one client, which is one Engine.IO session.

use std::{fmt, sync::Arc, time::Instant};

use super::{
    Config, Data, Decoder, Encoded, Packet, PacketKind, ParseError, ParserKind, Place, Protocol,
    TextDecoder,
};
use crate::{Message, Text};

/// One client: what it has joined, and what its messages mean.
///
/// ```text
/// namespace:  ─ CONNECT ─> pending ─ accept ─> joined ─ DISCONNECT, leave ─> free
///                             └───── refuse ──────────────────────────────────┘
/// ```
///
/// # Example
///
/// ```
/// use std::{sync::Arc, time::Instant};
///
/// use sockeye_core::socketio::{Config, Connection, Incoming, ParserKind, Protocol};
///
/// fn connected(now: Instant) -> Result<(), Box<dyn std::error::Error>> {
///     let config = Arc::new(Config::default());
///     let mut client = Connection::new(Protocol::V5, &ParserKind::Text, config, now);
///     let Incoming::Connect { namespace, auth } = client.handle_message("0".into(), now)? else {
///         return Err("no CONNECT".into());
///     };
///     assert_eq!((namespace.as_str(), auth.as_json()), ("/", Some("{}")));
///     let joined = client.accept(&namespace);
///     let event = client.handle_message(r#"2["hello",1]"#.into(), now)?;
///     let Incoming::Event { place, data, .. } = event else {
///         return Err("no event".into());
///     };
///     assert_eq!((Some(place), data.arguments()?), (joined, 1));
///     Ok(())
/// }
/// ```
pub struct Connection {
    config: Arc<Config>,
    parser: ParserKind,
    decoder: AnyDecoder,
    protocol: Protocol,
    /// Until the first namespace is joined.
    connect_by: Option<Instant>,
    /// While attachments are due.
    attachments_by: Option<Instant>,
    slots: Vec<Slot>,
}

/// The default decoder is no allocation of its own.
enum AnyDecoder {
    Text(TextDecoder),
    Other(Box<dyn Decoder>),
}

impl AnyDecoder {
    /// Reads a message, and says whether the decoder waits for more.
    fn decode(&mut self, message: Message) -> Result<(Option<Packet>, bool), ParseError> {
        Ok(match self {
            Self::Text(decoder) => (decoder.decode(message)?, decoder.is_partial()),
            Self::Other(decoder) => (decoder.decode(message)?, decoder.is_partial()),
        })
    }
}

struct Slot {
    state: State,
    /// How often it was given to another namespace.
    turn: u32,
}

enum State {
    Free,
    Pending(Text),
    Joined(Text),
}

impl State {
    fn name(&self) -> Option<&Text> {
        match self {
            Self::Free => None,
            Self::Pending(name) | Self::Joined(name) => Some(name),
        }
    }
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
            Self::AlreadyConnected
            | Self::NotConnected
            | Self::UnexpectedConnectError
            | Self::TooManyNamespaces { .. }
            | Self::ConnectTimeout
            | Self::AttachmentsTimeout => None,
        }
    }
}

impl From<ParseError> for Violation {
    fn from(error: ParseError) -> Self {
        Self::Parse(error)
    }
}

impl Connection {
    /// A client whose session has just opened.
    pub fn new(protocol: Protocol, parser: &ParserKind, config: Arc<Config>, now: Instant) -> Self {
        let decoder = match parser {
            ParserKind::Text => AnyDecoder::Text(TextDecoder::new(config.parser)),
            ParserKind::Other(other) => AnyDecoder::Other(other.decoder(config.parser)),
        };
        Self {
            connect_by: now.checked_add(config.connect_timeout),
            config,
            parser: parser.clone(),
            decoder,
            protocol,
            attachments_by: None,
            slots: Vec::new(),
        }
    }

    /// The protocol that the client speaks.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The namespace that the server joins by itself: `/` for clients before protocol 5, asked for
    /// once, right after [`new`](Self::new). It is pending then, as if the client had asked.
    pub fn handle_open(&mut self) -> Incoming {
        match self.protocol {
            Protocol::V4 if self.slots.is_empty() => {
                let namespace = Text::from_static(Packet::ROOT);
                self.reserve(namespace.clone());
                Incoming::Connect {
                    namespace,
                    auth: Data::empty_object(),
                }
            }
            Protocol::V4 | Protocol::V5 => Incoming::Nothing,
        }
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
        self.handle_message_with(message, || now)
    }

    /// As [`handle_message`](Self::handle_message), with a clock that is read where the time matters,
    /// which it does for the first of attachments alone.
    ///
    /// # Errors
    ///
    /// As [`handle_message`](Self::handle_message).
    pub fn handle_message_with(
        &mut self,
        message: Message,
        now: impl FnOnce() -> Instant,
    ) -> Result<Incoming, Violation> {
        let (packet, is_partial) = self.decoder.decode(message)?;
        if !is_partial {
            self.attachments_by = None;
        } else if self.attachments_by.is_none() {
            self.attachments_by = now().checked_add(self.config.attachments_timeout);
        }
        match packet {
            Some(packet) => self.handle_packet(packet),
            None => Ok(Incoming::Nothing),
        }
    }

    fn handle_packet(&mut self, packet: Packet) -> Result<Incoming, Violation> {
        let (namespace, query) = self.protocol.split_namespace(&packet.namespace);
        match packet.kind {
            PacketKind::Connect => {
                let auth = self.protocol.auth(packet.data, query);
                self.handle_connect(namespace, auth)
            }
            PacketKind::ConnectError => Err(Violation::UnexpectedConnectError),
            PacketKind::Disconnect => {
                let place = self.place(namespace).ok_or(Violation::NotConnected)?;
                self.leave(place);
                Ok(Incoming::Disconnect { place })
            }
            PacketKind::Event => {
                let place = self.place(namespace).ok_or(Violation::NotConnected)?;
                Ok(match packet.data {
                    Some(data) => Incoming::Event {
                        place,
                        id: packet.id,
                        data,
                    },
                    // An event without a name, which Node passes over.
                    None => Incoming::Nothing,
                })
            }
            PacketKind::Ack => {
                let place = self.place(namespace).ok_or(Violation::NotConnected)?;
                Ok(match (packet.id, packet.data) {
                    (Some(id), Some(data)) => Incoming::Ack { place, id, data },
                    // The answer to no event, or no answer.
                    _ => Incoming::Nothing,
                })
            }
        }
    }

    fn handle_connect(&mut self, name: &str, auth: Data) -> Result<Incoming, Violation> {
        if self.slot(name).is_some() {
            return Err(Violation::AlreadyConnected);
        }
        if name.len() > self.config.namespace_bytes {
            let answer = self.parser.invalid_namespace(name);
            let answer = answer.map_err(|_| ParseError::BadNamespace)?;
            return Ok(Incoming::Refused(answer));
        }
        let taken = |slot: &&Slot| slot.state.name().is_some();
        if self.slots.iter().filter(taken).count() >= self.config.namespaces {
            let message = "Too many namespaces";
            let answer = self
                .parser
                .connect_error(self.protocol, name, message, None);
            let answer = answer.map_err(|_| ParseError::BadNamespace)?;
            return Err(Violation::TooManyNamespaces { answer });
        }
        // In memory of its own: the message it came with may be long, and the name stays.
        let namespace = match name {
            Packet::ROOT => Text::from_static(Packet::ROOT),
            other => other.into(),
        };
        self.reserve(namespace.clone());
        Ok(Incoming::Connect { namespace, auth })
    }

    /// Gives the first free slot to `namespace`.
    fn reserve(&mut self, namespace: Text) {
        let free = |slot: &&mut Slot| slot.state.name().is_none();
        match self.slots.iter_mut().find(free) {
            Some(slot) => {
                slot.turn = slot.turn.wrapping_add(1);
                slot.state = State::Pending(namespace);
            }
            None => {
                // Most clients have one namespace.
                self.slots.reserve_exact(1);
                self.slots.push(Slot {
                    state: State::Pending(namespace),
                    turn: 0,
                });
            }
        }
    }

    /// The slot that `namespace` has, pending or joined.
    fn slot(&self, namespace: &str) -> Option<usize> {
        let named = |slot: &Slot| slot.state.name().is_some_and(|name| name == namespace);
        self.slots.iter().position(named)
    }

    /// The slot of `namespace`, if it is pending.
    fn pending(&self, namespace: &str) -> Option<usize> {
        let slot = self.slot(namespace)?;
        matches!(self.slots[slot].state, State::Pending(_)).then_some(slot)
    }

    /// A pending namespace is joined; `None` if it is not pending.
    pub fn accept(&mut self, namespace: &str) -> Option<Place> {
        let index = self.pending(namespace)?;
        let slot = &mut self.slots[index];
        if let State::Pending(name) = &mut slot.state {
            slot.state = State::Joined(std::mem::take(name));
        }
        self.connect_by = None;
        Some(place_of(index, slot))
    }

    /// A pending namespace is refused; the client may ask again. Whether it was pending.
    pub fn refuse(&mut self, namespace: &str) -> bool {
        match self.pending(namespace) {
            Some(index) => {
                self.slots[index].state = State::Free;
                true
            }
            None => false,
        }
    }

    /// The server leaves a namespace. Whether the place was still joined.
    pub fn leave(&mut self, place: Place) -> bool {
        match self.slots.get_mut(place.index()) {
            Some(slot) if slot.turn == place.turn => match slot.state {
                State::Joined(_) => {
                    slot.state = State::Free;
                    true
                }
                State::Free | State::Pending(_) => false,
            },
            _ => false,
        }
    }

    /// The place of a namespace that the client has joined.
    pub fn place(&self, namespace: &str) -> Option<Place> {
        let mut joined = self.joined();
        joined.find_map(|(place, name)| (name == namespace).then_some(place))
    }

    /// The places joined, and their namespaces.
    pub fn joined(&self) -> impl Iterator<Item = (Place, &Text)> {
        let slots = self.slots.iter().enumerate();
        slots.filter_map(|(index, slot)| match &slot.state {
            State::Joined(name) => Some((place_of(index, slot), name)),
            State::Free | State::Pending(_) => None,
        })
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) if nothing else happens first.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.connect_by.into_iter().chain(self.attachments_by).min()
    }

    /// Lets time reach `now`; harmless when nothing is due. What is overdue is told once.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Violation> {
        let is_due = |deadline: &mut Instant| *deadline <= now;
        if self.attachments_by.take_if(is_due).is_some() {
            return Some(Violation::AttachmentsTimeout);
        }
        if self.connect_by.take_if(is_due).is_some() {
            return Some(Violation::ConnectTimeout);
        }
        None
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("protocol", &self.protocol)
            .field("joined", &self.joined().collect::<Vec<_>>())
            .field("connect_by", &self.connect_by)
            .field("attachments_by", &self.attachments_by)
            .finish_non_exhaustive()
    }
}

fn place_of(index: usize, slot: &Slot) -> Place {
    Place {
        // Slots are at most as many as a client may have namespaces.
        index: u32::try_from(index).unwrap_or(u32::MAX),
        turn: slot.turn,
    }
}
