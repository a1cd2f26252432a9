//! What writes packets as messages, and makes decoders that read them.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use serde::Serialize;

use super::{Data, Decoder, EncodeError, Packet, PacketKind, ParserLimits, TextParser, text};
use crate::{Compression, Message, Prepared, Text};

/// A packet as it goes to the session: its header and, right behind it, each attachment as a binary
/// message. Nothing may come between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// The first message.
    pub header: Message,
    /// The binary messages that follow; usually none.
    pub attachments: Vec<Bytes>,
}

impl Encoded {
    /// The messages in their order.
    pub fn into_messages(self) -> impl Iterator<Item = Message> {
        std::iter::once(self.header).chain(self.attachments.into_iter().map(Message::Binary))
    }

    /// The packet for any number of receivers, which get its messages as one.
    pub fn into_prepared(self, compression: Compression) -> Prepared {
        Prepared::with_attachments(self.header, self.attachments, compression)
    }

    /// Bytes of all its messages.
    pub fn len(&self) -> usize {
        self.header.len() + self.attachments.iter().map(Bytes::len).sum::<usize>()
    }

    /// Whether it has no bytes, which no packet has.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// How packets become messages, and messages packets; both sides must use the same.
pub trait Parser: Send + Sync + 'static {
    /// Writes a packet.
    ///
    /// # Errors
    ///
    /// When the packet's data cannot be written this way.
    fn encode(&self, packet: &Packet) -> Result<Encoded, EncodeError>;

    /// A decoder for one client.
    ///
    /// A decoder reads no clock: who uses it closes the session when it
    /// [`is_partial`](Decoder::is_partial) for too long.
    fn decoder(&self, limits: ParserLimits) -> Box<dyn Decoder>;
}

/// The parser that a server uses: the default one, without detours, or another.
#[derive(Clone, Default)]
pub enum ParserKind {
    /// Text, with bytes as attachments: what clients speak unless told otherwise.
    #[default]
    Text,
    /// Any other, such as [`MsgpackParser`](super::MsgpackParser).
    Other(Arc<dyn Parser>),
}

impl ParserKind {
    /// Another parser than the default one.
    pub fn other(parser: impl Parser) -> Self {
        Self::Other(Arc::new(parser))
    }

    /// A decoder for one client; see [`Parser::decoder`].
    pub fn decoder(&self, limits: ParserLimits) -> Box<dyn Decoder> {
        match self {
            Self::Text => TextParser.decoder(limits),
            Self::Other(parser) => parser.decoder(limits),
        }
    }

    /// Writes an event; `args` are its [arguments](super::EventBody), and `offset` goes behind them.
    ///
    /// # Errors
    ///
    /// When the name is reserved, or the arguments cannot be written.
    pub fn encode_event<T: Serialize + ?Sized>(
        &self,
        namespace: &str,
        id: Option<u64>,
        name: &str,
        args: &T,
        offset: Option<&str>,
    ) -> Result<Encoded, EncodeError> {
        match self {
            Self::Text => text::encode_event(namespace, id, name, args, offset),
            Self::Other(parser) => {
                let data = Data::from_event_with_offset(name, args, offset)?;
                parser.encode(&packet(PacketKind::Event, namespace, id, Some(data)))
            }
        }
    }

    /// Writes the answer to the event `id`; `args` are as an event's.
    ///
    /// # Errors
    ///
    /// When the arguments cannot be written.
    pub fn encode_ack<T: Serialize + ?Sized>(
        &self,
        namespace: &str,
        id: u64,
        args: &T,
    ) -> Result<Encoded, EncodeError> {
        match self {
            Self::Text => text::encode_ack(namespace, id, args),
            Self::Other(parser) => {
                let data = Data::from_arguments(args)?;
                parser.encode(&packet(PacketKind::Ack, namespace, Some(id), Some(data)))
            }
        }
    }

    /// Writes that the server leaves the namespace.
    ///
    /// # Errors
    ///
    /// When the parser cannot write the namespace's name.
    pub fn encode_disconnect(&self, namespace: &str) -> Result<Encoded, EncodeError> {
        self.encode(&packet(PacketKind::Disconnect, namespace, None, None))
    }

    /// Writes any packet.
    ///
    /// # Errors
    ///
    /// As [`Parser::encode`].
    pub fn encode(&self, packet: &Packet) -> Result<Encoded, EncodeError> {
        match self {
            Self::Text => TextParser.encode(packet),
            Self::Other(parser) => parser.encode(packet),
        }
    }
}

impl fmt::Debug for ParserKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => f.write_str("Text"),
            Self::Other(_) => f.write_str("Other"),
        }
    }
}

fn packet(kind: PacketKind, namespace: &str, id: Option<u64>, data: Option<Data>) -> Packet {
    Packet {
        kind,
        namespace: match namespace {
            Packet::ROOT => Text::from_static(Packet::ROOT),
            other => other.into(),
        },
        id,
        data,
    }
}
