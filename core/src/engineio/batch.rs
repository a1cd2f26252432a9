//! What a receiver takes at one time.

use super::{Packet, PacketRef, heartbeat::Beat};
use crate::{
    Compression,
    session::{Drain, Outgoing},
};

/// Everything that waits for a receiver, in order; dropping it takes it from the session.
///
/// A poll answers with all of it as one payload, and is over. A WebSocket writes a frame for each.
#[derive(Debug)]
pub struct Batch<'a> {
    pub(super) open: Option<Packet>,
    pub(super) beat: Option<Beat>,
    pub(super) messages: Option<Drain<'a>>,
    /// Only where nothing else would end the poll, or before its close packet.
    pub(super) noop: Presence,
    pub(super) close: Presence,
}

/// Whether a packet stands in a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    Absent,
    Present,
}

impl Batch<'_> {
    pub(super) const EMPTY: Self = Self {
        open: None,
        beat: None,
        messages: None,
        noop: Presence::Absent,
        close: Presence::Absent,
    };

    /// The packets in order; at least one.
    ///
    /// Nothing follows a close packet. A WebSocket writes no packet for it but a close frame, with
    /// the code that [`websocket_close`](super::websocket_close) gives.
    pub fn packets(&self) -> impl Iterator<Item = PacketRef<'_>> {
        let beat = self.beat.map(|beat| match beat {
            Beat::Ping => PacketRef::Ping(""),
            Beat::Pong => PacketRef::Pong(""),
        });
        let open = self.open.as_ref().map(PacketRef::from);
        let messages = self.messages.iter().flat_map(Drain::iter);
        let noop = self.noop.then_some(PacketRef::Noop);
        let close = self.close.then_some(PacketRef::Close);
        open.into_iter()
            .chain(beat)
            .chain(messages.flat_map(with_attachments))
            .chain(noop)
            .chain(close)
    }

    /// Whether a payload of these packets may be compressed: packets of the protocol may, so it may
    /// unless every packet is a message that forbids it.
    pub fn compression(&self) -> Compression {
        let is_of_messages = self.open.is_none()
            && self.beat.is_none()
            && self.noop == Presence::Absent
            && self.close == Presence::Absent;
        let mut messages = self.messages.iter().flat_map(Drain::iter);
        if is_of_messages && messages.all(|it| it.compression() == Compression::Forbidden) {
            Compression::Forbidden
        } else {
            Compression::Allowed
        }
    }

    /// Bytes of the messages' payload, all together.
    pub fn message_bytes(&self) -> usize {
        self.messages.as_ref().map_or(0, Drain::bytes)
    }
}

fn with_attachments(outgoing: &Outgoing) -> impl Iterator<Item = PacketRef<'_>> {
    let attachments = outgoing.attachments().iter().map(PacketRef::Prepared);
    std::iter::once(PacketRef::from(outgoing)).chain(attachments)
}

impl Presence {
    fn then_some<T>(self, packet: T) -> Option<T> {
        match self {
            Self::Absent => None,
            Self::Present => Some(packet),
        }
    }
}
