//! An event's offset: the argument behind its own.

use sockeye_core::{
    Compression, Message,
    socketio::{Data, EncodeError, Encoded, ParserKind, ParserLimits, Value},
};
use sockeye_rooms::Selection;

use crate::{EmitError, Packet, Socket};

/// An event for one socket that is to be kept, before it has its offset.
#[derive(Debug)]
pub(crate) struct Unsent {
    encoded: Option<Encoded>,
    compression: Compression,
}

impl Unsent {
    pub(crate) fn new(encoded: Encoded, compression: Compression) -> Self {
        Self {
            encoded: Some(encoded),
            compression,
        }
    }

    /// Sends it, as a broadcast to the socket's own room.
    pub(crate) fn send(&mut self, socket: &Socket) -> Result<(), EmitError> {
        let namespace = socket.namespace();
        let Some(encoded) = self.encoded.take() else {
            return Ok(());
        };
        if !socket.is_connected() {
            return Err(EmitError::Disconnected);
        }
        let own = Selection::room(socket.id().as_str());
        match namespace.recovery() {
            Some(store) => {
                store.broadcast(namespace, own.local(), encoded, self.compression)?;
            }
            // The adapter keeps it, and gives it its offset.
            None => {
                let parser = namespace.parser().clone();
                let packet = Packet::new(encoded, self.compression, parser, None);
                namespace.rooms().select(own).send(packet);
            }
        }
        Ok(())
    }
}

/// The event with its offset as the last argument.
///
/// # Errors
///
/// When it was written by a parser that does not read it.
pub(crate) fn with_offset(
    parser: &ParserKind,
    encoded: Encoded,
    offset: &str,
) -> Result<Encoded, EncodeError> {
    if let (ParserKind::Text, Message::Text(header)) = (parser, &encoded.header) {
        // An event's text ends with its array, which has a name at least.
        if let Some(open) = header.strip_suffix(']') {
            let header = format!("{open},\"{offset}\"]");
            return Ok(Encoded {
                header: Message::from(header),
                attachments: encoded.attachments,
            });
        }
    }
    let mut decoder = parser.decoder(ParserLimits::UNBOUNDED);
    let mut packet = None;
    for message in encoded.into_messages() {
        packet = decoder
            .decode(message)
            .map_err(|_| EncodeError::Unreadable)?;
    }
    let mut packet = packet.ok_or(EncodeError::Unreadable)?;
    let value = packet.data.as_ref().and_then(|data| data.to_value().ok());
    let Some(Value::Array(mut elements)) = value else {
        return Err(EncodeError::Unreadable);
    };
    elements.push(Value::from(offset));
    packet.data = Some(Data::from_value(Value::Array(elements)));
    parser.encode(&packet)
}
