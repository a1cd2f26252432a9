//! Binary packets: waiting for their attachments, and putting these into their places.

use bytes::Bytes;

use super::{Data, Packet, ParseError, ParserLimits, Value};
use crate::limits::PLACEHOLDER_EXPANSION;

/// A packet whose attachments are not all there.
#[derive(Debug)]
pub(super) struct Partial {
    packet: Packet,
    /// Bytes of the header.
    header: usize,
    announced: usize,
    /// Grows as they come, whatever was announced.
    attachments: Vec<Bytes>,
    /// Bytes of the attachments so far.
    bytes: usize,
}

impl Partial {
    pub(super) fn new(packet: Packet, header: usize, announced: usize) -> Self {
        Self {
            packet,
            header,
            announced,
            attachments: Vec::new(),
            bytes: 0,
        }
    }

    /// Takes the next attachment; whether it was the last.
    pub(super) fn push(&mut self, bytes: Bytes, limits: &ParserLimits) -> Result<bool, ParseError> {
        self.bytes = self.bytes.saturating_add(bytes.len());
        if self.bytes > limits.attachment_bytes {
            return Err(ParseError::AttachmentsTooLarge {
                limit: limits.attachment_bytes,
            });
        }
        let is_last = self.attachments.len() + 1 == self.announced;
        // What waits is not to keep the buffer that it was read into, which may be much larger.
        let waits_small = !is_last && bytes.len() < COPIED;
        self.attachments.push(match waits_small {
            true => Bytes::copy_from_slice(&bytes),
            false => bytes,
        });
        Ok(is_last)
    }

    /// The packet with its attachments in their places.
    pub(super) fn into_packet(self) -> Result<Packet, ParseError> {
        let mut packet = self.packet;
        if let Some(data) = packet.data {
            let mut value = data.to_value().map_err(|_| ParseError::Malformed)?;
            let mut places = Places {
                attachments: &self.attachments,
                left: PLACEHOLDER_EXPANSION.saturating_mul(self.header.saturating_add(self.bytes)),
            };
            places.fill(&mut value)?;
            packet.data = Some(Data::from_value(value));
        }
        Ok(packet)
    }
}

/// Messages that wait for others are copied below so many bytes: about what a socket is read in.
pub(super) const COPIED: usize = 64 << 10;

struct Places<'a> {
    attachments: &'a [Bytes],
    /// Bytes that may still come of it.
    left: usize,
}

impl Places<'_> {
    fn fill(&mut self, value: &mut Value) -> Result<(), ParseError> {
        match value {
            Value::Object(_) if is_placeholder(value) => {
                let bytes = self.named_by(value)?;
                let left = self.left.checked_sub(bytes.len());
                self.left = left.ok_or(ParseError::PlaceholderExpansion)?;
                *value = Value::Binary(bytes);
                Ok(())
            }
            Value::Object(members) => members.iter_mut().try_for_each(|(_, it)| self.fill(it)),
            Value::Array(elements) => elements.iter_mut().try_for_each(|it| self.fill(it)),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Binary(_) => Ok(()),
        }
    }

    fn named_by(&self, placeholder: &Value) -> Result<Bytes, ParseError> {
        let index = placeholder.get("num").and_then(Value::as_u64);
        let index = index.and_then(|index| usize::try_from(index).ok());
        let bytes = index.and_then(|index| self.attachments.get(index));
        bytes.cloned().ok_or(ParseError::BadPlaceholder)
    }
}

fn is_placeholder(value: &Value) -> bool {
    value.get("_placeholder") == Some(&Value::Bool(true))
}
