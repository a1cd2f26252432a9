//! The default parser: text, with bytes as attachments.

mod scratch;
mod strings;

use std::io::{self, Write};

use bytes::Bytes;
use serde::Serialize;
use serde_json::ser::Formatter;

use self::{
    scratch::Scratch,
    strings::{IsPlain, Strings},
};
use super::{
    Decoder, EncodeError, Encoded, EventBody, Packet, PacketKind, Parser, ParserLimits,
    TextDecoder, is_reserved,
};
use crate::{Message, Text};

/// The default parser: each packet a text, and bytes within it as attachments behind it.
///
/// # Example
///
/// ```
/// use sockeye_core::socketio::{Binary, ParserKind};
///
/// let file = ("a.bin", Binary(vec![1, 2].into()));
/// let packet = ParserKind::Text.encode_event("/files", Some(7), "file", &file, None)?;
/// assert_eq!(
///     packet.header.as_text(),
///     Some(r#"51-/files,7["file","a.bin",{"_placeholder":true,"num":0}]"#),
/// );
/// assert_eq!(packet.attachments, [&[1, 2][..]]);
/// # Ok::<(), sockeye_core::socketio::EncodeError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct TextParser;

impl Parser for TextParser {
    fn encode(&self, packet: &Packet) -> Result<Encoded, EncodeError> {
        let mut writer = Writer::new(packet.kind, &packet.namespace, packet.id)?;
        if let Some(data) = &packet.data {
            match (data.as_json(), data.as_value()) {
                (Some(json), _) => writer.scratch.push(json.as_bytes()),
                (None, Some(value)) => writer.serialize(value)?,
                (None, None) => {}
            }
        }
        writer.finish()
    }

    fn decoder(&self, limits: ParserLimits) -> Box<dyn Decoder> {
        Box::new(TextDecoder::new(limits))
    }
}

pub(super) fn encode_event<T: Serialize + ?Sized>(
    namespace: &str,
    id: Option<u64>,
    name: &str,
    args: &T,
    offset: Option<&str>,
) -> Result<Encoded, EncodeError> {
    if is_reserved(name) {
        return Err(EncodeError::ReservedEventName);
    }
    let name = Some(name);
    let mut writer = Writer::new(PacketKind::Event, namespace, id)?;
    writer.serialize(&EventBody { name, args, offset })?;
    writer.finish()
}

pub(super) fn encode_ack<T: Serialize + ?Sized>(
    namespace: &str,
    id: u64,
    args: &T,
) -> Result<Encoded, EncodeError> {
    let mut writer = Writer::new(PacketKind::Ack, namespace, Some(id))?;
    writer.serialize(&EventBody {
        name: None,
        args,
        offset: None,
    })?;
    writer.finish()
}

/// A header in the making, and what is taken out of it.
struct Writer {
    kind: PacketKind,
    scratch: Scratch,
    attachments: Vec<Bytes>,
}

impl Writer {
    fn new(kind: PacketKind, namespace: &str, id: Option<u64>) -> Result<Self, EncodeError> {
        let mut scratch = Scratch::new();
        scratch.push(&[b'0' + kind.number()]);
        if namespace != Packet::ROOT {
            if !namespace.starts_with('/') || namespace.contains(',') {
                return Err(EncodeError::BadNamespace);
            }
            scratch.push(namespace.as_bytes());
            scratch.push(b",");
        }
        if let Some(id) = id {
            write!(scratch, "{id}").map_err(serde_json::Error::io)?;
        }
        Ok(Self {
            kind,
            scratch,
            attachments: Vec::new(),
        })
    }

    fn serialize<T: Serialize + ?Sized>(&mut self, data: &T) -> Result<(), EncodeError> {
        let is_plain = IsPlain::default();
        let formatter = Placeholders {
            attachments: &mut self.attachments,
            is_plain: &is_plain,
        };
        let mut serializer = serde_json::Serializer::with_formatter(&mut self.scratch, formatter);
        Ok(data.serialize(Strings::new(&mut serializer, &is_plain))?)
    }

    fn finish(self) -> Result<Encoded, EncodeError> {
        let header = match (self.kind, self.attachments.len()) {
            (_, 0) => self.scratch.into_bytes(),
            (PacketKind::Event | PacketKind::Ack, count) => {
                let mut header = Vec::with_capacity(self.scratch.as_slice().len() + 4);
                let digit = self.kind.number() + BINARY;
                write!(header, "{digit}{count}-").map_err(serde_json::Error::io)?;
                header.extend_from_slice(&self.scratch.as_slice()[1..]);
                header.into()
            }
            _ => return Err(EncodeError::UnexpectedBinary),
        };
        // Only a serializer of the application could have put anything else there.
        let header =
            Text::try_from(header).map_err(|error| EncodeError::Serialize(error.into()))?;
        Ok(Encoded {
            header: Message::Text(header),
            attachments: self.attachments,
        })
    }
}

/// How much higher the types of packets with attachments are than those without.
pub(super) const BINARY: u8 = 3;

/// Writes JSON without blanks, with a placeholder for each run of bytes that is no plain string.
struct Placeholders<'a> {
    attachments: &'a mut Vec<Bytes>,
    is_plain: &'a IsPlain,
}

impl Formatter for Placeholders<'_> {
    fn write_byte_array<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        bytes: &[u8],
    ) -> io::Result<()> {
        if self.is_plain.take() {
            writer.write_all(b"\"")?;
            writer.write_all(bytes)?;
            return writer.write_all(b"\"");
        }
        let index = self.attachments.len();
        self.attachments.push(Bytes::copy_from_slice(bytes));
        write!(writer, r#"{{"_placeholder":true,"num":{index}}}"#)
    }
}
