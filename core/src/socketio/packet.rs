//! One packet of Socket.IO, whatever wrote it.

use super::Data;
use crate::Text;

/// What a packet is for.
///
/// The text parser has a type more for events and acks with attachments; here they are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PacketKind {
    /// The client asks for a namespace, or the server says that it has joined.
    Connect = 0,
    /// One side leaves the namespace.
    Disconnect = 1,
    /// An event and its arguments.
    Event = 2,
    /// The answer to an event that has an id.
    Ack = 3,
    /// The server refuses a namespace.
    ConnectError = 4,
}

impl PacketKind {
    /// The number that stands for it, where nothing is attached.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The kind that has this number.
    pub(super) fn from_number(number: u64) -> Option<Self> {
        Some(match number {
            0 => Self::Connect,
            1 => Self::Disconnect,
            2 => Self::Event,
            3 => Self::Ack,
            4 => Self::ConnectError,
            _ => return None,
        })
    }
}

/// One packet between a client and a namespace.
#[derive(Clone, Debug)]
pub struct Packet {
    /// What it is for.
    pub kind: PacketKind,
    /// The namespace's name.
    pub namespace: Text,
    /// An event's id, if it is to be answered; the same one in its answer.
    pub id: Option<u64>,
    /// What it carries; an event's name is the first element.
    pub data: Option<Data>,
}

impl Packet {
    /// The namespace that needs no name on the wire.
    pub const ROOT: &'static str = "/";

    /// A packet for the namespace `/`, carrying nothing.
    pub fn new(kind: PacketKind) -> Self {
        Self {
            kind,
            namespace: Text::from_static(Self::ROOT),
            id: None,
            data: None,
        }
    }
}

/// Names that only Socket.IO's own events have: refused from clients, and an error to send.
pub const RESERVED_EVENTS: [&str; 6] = [
    "connect",
    "connect_error",
    "disconnect",
    "disconnecting",
    "newListener",
    "removeListener",
];

/// Whether no event of an application may have this name.
pub fn is_reserved(name: &str) -> bool {
    RESERVED_EVENTS.contains(&name)
}
