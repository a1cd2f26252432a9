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
///
/// What a [`Decoder`] lets through reaches the application, so it is the decoder that holds to the
/// [limits](ParserLimits), and refuses what is no packet: an event whose data is no array with a name
/// in front, say.
///
/// It is a matter of bytes alone: a server may hold locks of its own while it calls one, so a parser
/// does not send, join or ask anything of a server.
///
/// # Example
///
/// A parser whose packets are JSON and nothing else:
///
/// ```
/// use sockeye_core::{
///     Message,
///     socketio::{
///         Data, Decoder, EncodeError, Encoded, Packet, PacketKind, ParseError, Parser,
///         ParserLimits, Value,
///     },
/// };
///
/// struct JsonParser;
///
/// impl Parser for JsonParser {
///     fn encode(&self, packet: &Packet) -> Result<Encoded, EncodeError> {
///         let data = packet.data.as_ref().map(Data::to_value).transpose();
///         let data = data.map_err(|error| EncodeError::Serialize(error.into()))?;
///         let wire = (packet.kind.number(), packet.namespace.as_str(), packet.id, data);
///         let header = Message::from(serde_json::to_string(&wire)?);
///         Ok(Encoded { header, attachments: Vec::new() })
///     }
///
///     fn decoder(&self, limits: ParserLimits) -> Box<dyn Decoder> {
///         Box::new(JsonDecoder(limits))
///     }
/// }
///
/// struct JsonDecoder(ParserLimits);
///
/// impl Decoder for JsonDecoder {
///     fn decode(&mut self, message: Message) -> Result<Option<Packet>, ParseError> {
///         let text = message.as_text().ok_or(ParseError::UnexpectedBinary)?;
///         let (kind, namespace, id, data): (u8, String, Option<u64>, Option<Value>) =
///             serde_json::from_str(text).map_err(|_| ParseError::Malformed)?;
///         let kind = match kind {
///             0 => PacketKind::Connect,
///             1 => PacketKind::Disconnect,
///             2 => PacketKind::Event,
///             3 => PacketKind::Ack,
///             _ => return Err(ParseError::UnknownType),
///         };
///         let data = data.map(Data::from_value);
///         if kind == PacketKind::Event {
///             let data = data.as_ref().ok_or(ParseError::BadEventName)?;
///             data.event_name().ok_or(ParseError::BadEventName)?;
///             if data.argument_count() >= self.0.arguments {
///                 return Err(ParseError::TooManyArguments { limit: self.0.arguments });
///             }
///         }
///         Ok(Some(Packet { kind, namespace: namespace.into(), id, data }))
///     }
///
///     // No packet is spread over several messages.
///     fn is_partial(&self) -> bool {
///         false
///     }
/// }
///
/// let mut decoder = JsonParser.decoder(ParserLimits::default());
/// let packet = decoder.decode(r#"[2,"/",7,["hello",1]]"#.into())?.ok_or("no packet")?;
/// assert_eq!(packet.data.as_ref().and_then(|data| data.arguments().ok()), Some(1));
/// let back = JsonParser.encode(&packet)?;
/// assert_eq!(back.header.as_text(), Some(r#"[2,"/",7,["hello",1]]"#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
