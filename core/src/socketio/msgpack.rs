//! The parser `socket.io-msgpack-parser`: one binary message for each packet.

mod date;
mod read;
mod write;

use bytes::Bytes;

use self::read::Reader;
use super::{
    Data, Decoder, EncodeError, Encoded, Packet, PacketKind, ParseError, Parser, ParserLimits,
    Value, is_reserved,
};
use crate::{Message, Text};

/// Packets in msgpack, as npm's `socket.io-msgpack-parser` 3 has them.
///
/// Of what JavaScript has and JSON has not, `undefined` is read as `null`, and left out where it is
/// an object's member; a `Date` (and msgpack's own timestamp) as the text that its `toJSON` gives; NaN
/// and the infinities as `null`: handlers see the same from clients of either parser. Extensions of
/// other types are read as their bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct MsgpackParser;

impl Parser for MsgpackParser {
    fn encode(&self, packet: &Packet) -> Result<Encoded, EncodeError> {
        Ok(Encoded {
            header: Message::Binary(write::packet(packet)?.into()),
            attachments: Vec::new(),
        })
    }

    fn decoder(&self, limits: ParserLimits) -> Box<dyn Decoder> {
        Box::new(MsgpackDecoder::new(limits))
    }
}

/// The decoder of [`MsgpackParser`]; it keeps nothing between messages.
#[derive(Debug)]
pub struct MsgpackDecoder {
    limits: ParserLimits,
}

impl MsgpackDecoder {
    /// A decoder for one client.
    pub fn new(limits: ParserLimits) -> Self {
        Self { limits }
    }
}

impl Decoder for MsgpackDecoder {
    fn decode(&mut self, message: Message) -> Result<Option<Packet>, ParseError> {
        match message {
            Message::Text(_) => Err(ParseError::UnexpectedText),
            Message::Binary(bytes) => decode(bytes, &self.limits).map(Some),
        }
    }

    fn is_partial(&self) -> bool {
        false
    }
}

fn decode(message: Bytes, limits: &ParserLimits) -> Result<Packet, ParseError> {
    if message.is_empty() {
        return Err(ParseError::Empty);
    }
    let fields = Fields::read(message)?;
    let kind = fields.kind.as_ref().and_then(unsigned);
    let kind = kind
        .and_then(PacketKind::from_number)
        .ok_or(ParseError::UnknownType)?;
    let namespace = match fields.namespace {
        Some(Value::String(name)) if name == Packet::ROOT => Text::from_static(Packet::ROOT),
        Some(Value::String(name)) => name,
        _ => return Err(ParseError::BadNamespace),
    };
    let id = match fields.id {
        None => None,
        Some(id) => Some(unsigned(&id).ok_or(ParseError::BadAckId)?),
    };
    check_data(kind, fields.data.as_ref(), limits)?;
    Ok(Packet {
        kind,
        namespace,
        id: match kind {
            PacketKind::Connect | PacketKind::Disconnect => None,
            PacketKind::Event | PacketKind::Ack | PacketKind::ConnectError => id,
        },
        data: fields.data.map(Data::from_value),
    })
}

impl Value {
    /// Writes it as msgpack: numbers in their shortest form, bytes as `bin`.
    ///
    /// For who speaks with servers that do, as an adapter does.
    ///
    /// # Errors
    ///
    /// When something in it is longer than 2^32-1.
    ///
    /// # Example
    ///
    /// ```
    /// use sockeye_core::socketio::Value;
    ///
    /// let value = Value::from_serialize(&("uid", [1, 2]))?;
    /// let bytes = value.to_msgpack()?;
    /// assert_eq!(bytes, b"\x92\xa3uid\x92\x01\x02");
    /// assert_eq!(Value::from_msgpack(bytes.into())?, value);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_msgpack(&self) -> Result<Vec<u8>, EncodeError> {
        let mut out = Vec::with_capacity(64);
        write::value(self, &mut out)?;
        Ok(out)
    }

    /// Reads the one value that `bytes` are, with what [`MsgpackParser`] makes of `undefined`, dates
    /// and extensions. Bytes in it share the memory of `bytes`.
    ///
    /// # Errors
    ///
    /// When there is less or more than one value, or it is nested deeper than what a client may send
    /// and a few around that
    /// ([`WRAPPED_NESTING_DEPTH`](crate::limits::WRAPPED_NESTING_DEPTH)).
    pub fn from_msgpack(bytes: Bytes) -> Result<Self, ParseError> {
        let mut reader = Reader::of_server(bytes);
        let value = reader.value()?;
        reader.end()?;
        Ok(value)
    }
}

/// The number that a field is.
fn unsigned(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => u64::try_from(read::whole(number)?).ok(),
        _ => None,
    }
}

/// What a packet's map may have; anything else in it is passed over.
#[derive(Default)]
struct Fields {
    kind: Option<Value>,
    namespace: Option<Value>,
    id: Option<Value>,
    data: Option<Value>,
}

impl Fields {
    fn read(message: Bytes) -> Result<Self, ParseError> {
        let mut reader = Reader::new(message);
        let mut fields = Self::default();
        for _ in 0..reader.map_length()? {
            let name = reader.text()?;
            // `undefined` is as good as nothing, other than `null`.
            let value = if reader.take_undefined() {
                None
            } else {
                Some(reader.value()?)
            };
            match name.as_str() {
                "type" => fields.kind = value,
                "nsp" => fields.namespace = value,
                "id" => fields.id = value,
                "data" => fields.data = value,
                _ => {}
            }
        }
        reader.end()?;
        Ok(fields)
    }
}

fn check_data(
    kind: PacketKind,
    data: Option<&Value>,
    limits: &ParserLimits,
) -> Result<(), ParseError> {
    match (kind, data) {
        (PacketKind::Connect, None | Some(Value::Object(_)))
        | (PacketKind::Disconnect, None)
        | (PacketKind::ConnectError, Some(Value::Object(_) | Value::String(_))) => Ok(()),
        (PacketKind::Event, Some(Value::Array(elements))) => {
            check_count(elements, limits)?;
            match elements.first() {
                Some(Value::String(name)) if is_reserved(name) => {
                    Err(ParseError::ReservedEventName)
                }
                Some(Value::String(_) | Value::Number(_)) => Ok(()),
                _ => Err(ParseError::BadEventName),
            }
        }
        (PacketKind::Ack, Some(Value::Array(elements))) => check_count(elements, limits),
        _ => Err(ParseError::BadPayload),
    }
}

fn check_count(elements: &[Value], limits: &ParserLimits) -> Result<(), ParseError> {
    if elements.len() > limits.arguments {
        return Err(ParseError::TooManyArguments {
            limit: limits.arguments,
        });
    }
    Ok(())
}
