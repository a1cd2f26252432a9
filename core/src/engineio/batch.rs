//! What a receiver takes at one time.

use super::{Packet, heartbeat::Beat};
use crate::{
    Text,
    session::{Drain, Outgoing},
};

/// Everything that waits for a receiver, in order; dropping it takes it from the session.
///
/// A poll answers with all of it as one payload, and is over. A WebSocket writes a frame for each.
#[derive(Debug)]
pub struct Batch<'a> {
    pub(super) open: Option<Text>,
    pub(super) beat: Option<Beat>,
    pub(super) messages: Option<Drain<'a>>,
    /// Only where nothing else would end the poll, or before its close packet.
    pub(super) noop: Presence,
    pub(super) close: Presence,
}

/// One unit of a batch.
#[derive(Clone, Copy, Debug)]
pub enum Part<'a> {
    /// `0` with this data.
    Open(&'a Text),
    /// `2`, without data.
    Ping,
    /// `3`, without data.
    Pong,
    /// `4` or its binary form.
    Message(&'a Outgoing),
    /// `6`.
    Noop,
    /// On a poll: `1`. On a WebSocket: a close frame, with the code that
    /// [`Reason::websocket_close`](super::Reason::websocket_close) gives. Nothing follows it.
    Close,
}

/// Whether a part stands in a batch.
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

    /// The parts in order; at least one.
    pub fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        let beat = self.beat.map(|beat| match beat {
            Beat::Ping => Part::Ping,
            Beat::Pong => Part::Pong,
        });
        let open = self.open.as_ref().map(Part::Open);
        let messages = self.messages.iter().flat_map(Drain::iter);
        let noop = self.noop.then_some(Part::Noop);
        let close = self.close.then_some(Part::Close);
        open.into_iter()
            .chain(beat)
            .chain(messages.map(Part::Message))
            .chain(noop)
            .chain(close)
    }

    /// Bytes of the messages' payload, all together.
    pub fn message_bytes(&self) -> usize {
        self.messages.as_ref().map_or(0, Drain::bytes)
    }
}

impl Part<'_> {
    /// The part as a packet; payloads are shared, not copied.
    pub fn to_packet(self) -> Packet {
        match self {
            Self::Open(data) => Packet::Open(data.clone()),
            Self::Ping => Packet::Ping(Text::default()),
            Self::Pong => Packet::Pong(Text::default()),
            Self::Message(outgoing) => Packet::Message(outgoing.message().clone()),
            Self::Noop => Packet::Noop,
            Self::Close => Packet::Close,
        }
    }
}

impl Presence {
    fn then_some<T>(self, part: T) -> Option<T> {
        match self {
            Self::Absent => None,
            Self::Present => Some(part),
        }
    }
}
