//! Engine.IO over WebSocket: a frame for each packet.

use std::{cell::RefCell, time::Instant};

use sockeye_core::{
    Message, Text,
    engineio::{
        Binary, Packet, PacketRef, Reason, ReceiverId, Revision, Source, TransportError,
        websocket_close,
    },
    session::{Close, Detach},
    sockjs::decode::Decoded,
};

use crate::{
    common::CommonConfig,
    session::State,
    transport::websocket::{Encoded, End, Incoming, Limits, Payload, Wire, put_close, put_frame},
};

/// A session's WebSocket.
#[derive(Debug)]
pub(crate) struct Packets {
    pub(crate) receiver: ReceiverId,
    pub(crate) revision: Revision,
    pub(crate) binary: Binary,
}

/// What one read brought.
#[derive(Debug)]
pub(crate) struct Batch {
    revision: Revision,
    packets: Vec<Packet>,
    /// Short text messages behind `packets`. They share memory, as an allocation for each would
    /// cost more than all else that is done with it.
    texts: Decoded,
    is_broken: bool,
    end: Option<End>,
}

thread_local! {
    static PACKETS: RefCell<Vec<Packet>> = const { RefCell::new(Vec::new()) };
    static TEXTS: RefCell<Decoded> = const { RefCell::new(Decoded::new()) };
}

impl Batch {
    pub(super) fn new(revision: Revision) -> Self {
        Self {
            revision,
            packets: Vec::new(),
            texts: Decoded::new(),
            is_broken: false,
            end: None,
        }
    }

    /// In memory that the thread keeps, until it is given back.
    fn take(revision: Revision) -> Self {
        Self {
            packets: PACKETS.take(),
            texts: TEXTS.take(),
            ..Self::new(revision)
        }
    }

    /// Takes in one message of the peer.
    pub(super) fn take_in(&mut self, incoming: Incoming<'_>) {
        if self.is_broken || self.end.is_some() {
            return;
        }
        let packet = match incoming {
            Incoming::Text(text) => match Packet::text_message(text) {
                Some(message) if message.len() <= SHARED_TEXT => {
                    self.texts.push(message);
                    return;
                }
                Some(message) => Ok(Packet::from(message)),
                None => Packet::decode_text(self.revision, &Text::from(text)),
            },
            Incoming::Binary(bytes) => Packet::decode_binary(self.revision, &bytes),
            Incoming::Close(close) => {
                self.end = Some(End::Peer(close));
                return;
            }
        };
        match packet {
            Ok(packet) => {
                self.line_up();
                self.packets.push(packet);
            }
            Err(_) => self.is_broken = true,
        }
    }

    /// Moves the short texts behind what came before them.
    fn line_up(&mut self) {
        let texts = self.texts.drain().map(Message::Text);
        self.packets.extend(texts.map(Packet::Message));
    }

    pub(super) fn packets(&mut self) -> std::vec::Drain<'_, Packet> {
        self.line_up();
        self.packets.drain(..)
    }

    fn give_back(mut self) {
        self.packets.clear();
        self.texts.clear();
        if self.packets.capacity() <= KEPT_PACKETS {
            PACKETS.replace(self.packets);
        }
        TEXTS.replace(self.texts);
    }

    /// Whether what came last is no packet.
    pub(super) fn is_broken(&self) -> bool {
        self.is_broken
    }
}

impl Wire for Packets {
    type Batch = Batch;

    fn limits(&self, config: &CommonConfig) -> Limits {
        limits(config)
    }

    fn begin(&mut self, _: &CommonConfig) -> Batch {
        Batch::take(self.revision)
    }

    fn push(batch: &mut Batch, incoming: Incoming<'_>) {
        batch.take_in(incoming);
    }

    fn end(batch: &mut Batch) -> Option<End> {
        batch.end.take()
    }

    fn deliver(&mut self, state: &mut State, batch: &mut Batch) {
        let now = state.now();
        let Some(machine) = state.machine.engineio() else {
            return;
        };
        for packet in batch.packets() {
            machine.handle_packet(Source::WebSocket(self.receiver), packet, now);
        }
        if batch.is_broken {
            machine.fail(Reason::ParseError, now);
        }
    }

    fn give_back(batch: Batch) {
        batch.give_back();
    }

    /// Only packets count, and the machine knows when none can come.
    fn handle_activity(&self, _: &mut State) {}

    fn handle_peer_close(&self, state: &mut State, close: Option<Close>) {
        if let Some(machine) = state.machine.engineio() {
            machine.handle_peer_close(close);
        }
    }

    fn handle_violation(&self, state: &mut State, close: Close) {
        let now = state.now();
        if let Some(machine) = state.machine.engineio() {
            machine.fail(TransportError::Violation(close), now);
        }
    }

    fn handle_loss(&self, state: &mut State) {
        let now = state.now();
        if let Some(machine) = state.machine.engineio() {
            machine.detach(self.receiver, Detach::Aborted, now);
        }
    }

    fn has_transmit(&self, state: &State) -> bool {
        // A poll from before an upgrade may be owed something too.
        let machine = &state.machine;
        machine.is_engineio(|session| session.has_transmit(self.receiver))
    }

    fn encode(&self, state: &mut State, now: Instant, out: &mut Vec<u8>) -> Encoded {
        let Some(machine) = state.machine.engineio() else {
            return Encoded::Nothing;
        };
        let Some(batch) = machine.poll_transmit(self.receiver, now) else {
            return Encoded::Nothing;
        };
        let mut is_over = false;
        // Not a `for` loop, which would ask each link of the chain again for every packet.
        batch.packets().for_each(|packet| match packet {
            PacketRef::Close => is_over = true,
            _ => self.put(packet, out),
        });
        drop(batch);
        if !is_over {
            return Encoded::Frames;
        }
        match state.reason().and_then(websocket_close) {
            Some(close) => put_close(out, &close),
            None => put_frame(out, Payload::Close, 0, |_| {}),
        }
        Encoded::Farewell
    }
}

impl Packets {
    fn put(&self, packet: PacketRef<'_>, out: &mut Vec<u8>) {
        put_packet(packet, self.revision, self.binary, out);
    }
}

/// Appends a packet's frame.
pub(super) fn put_packet(
    packet: PacketRef<'_>,
    revision: Revision,
    binary: Binary,
    out: &mut Vec<u8>,
) {
    let payload = match packet.is_binary() && binary == Binary::Bytes {
        true => Payload::Binary,
        false => Payload::Text,
    };
    let hint = packet.len_hint(binary);
    put_frame(out, payload, hint, |out| {
        packet.push_frame(revision, binary, out)
    });
}

pub(super) fn limits(config: &CommonConfig) -> Limits {
    Limits {
        message_size: config.max_message_size,
        fragments: config.max_fragments,
    }
}

/// Bytes of the longest text that shares memory with others of the same read.
const SHARED_TEXT: usize = 1 << 10;

/// Packets for which a thread keeps room.
const KEPT_PACKETS: usize = 1 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    /// An allocation or two for each message were a third of an echo's work.
    #[test]
    fn packets_keep_their_order_and_short_texts_share_memory() {
        let long = format!("4{}", "x".repeat(SHARED_TEXT + 1));
        let texts = ["4one", "4two", "2", "4three", "4four", &long, "4five", "3"];
        for mut batch in [Batch::new(Revision::V4), Batch::take(Revision::V4)] {
            for text in texts {
                batch.take_in(Incoming::Text(text));
            }
            batch.take_in(Incoming::Binary("six".into()));
            batch.take_in(Incoming::Text("4seven"));
            let packets: Vec<Packet> = batch.packets().collect();
            let expected = [
                Packet::from("one"),
                Packet::from("two"),
                Packet::Ping(Text::default()),
                Packet::from("three"),
                Packet::from("four"),
                Packet::from(&long[1..]),
                Packet::from("five"),
                Packet::Pong(Text::default()),
                Packet::from(bytes::Bytes::from_static(b"six")),
                Packet::from("seven"),
            ];
            assert_eq!(packets, expected);
            let at = |index: usize| match &packets[index] {
                Packet::Message(message) => message.as_bytes().as_ptr_range(),
                other => panic!("{other:?} is no message"),
            };
            for first in [0, 3] {
                assert_eq!(at(first).end, at(first + 1).start, "one block of memory");
            }
            batch.give_back();
        }
    }
}
