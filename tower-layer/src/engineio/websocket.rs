//! Engine.IO over WebSocket: a frame for each packet.

use std::time::Instant;

use sockeye_core::{
    Text,
    engineio::{
        Binary, Packet, PacketRef, Reason, ReceiverId, Revision, Source, TransportError,
        websocket_close,
    },
    session::{Close, Detach},
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
    is_broken: bool,
    end: Option<End>,
}

impl Batch {
    pub(super) fn new(revision: Revision) -> Self {
        Self {
            revision,
            packets: Vec::new(),
            is_broken: false,
            end: None,
        }
    }

    /// Takes in one message of the peer.
    pub(super) fn take_in(&mut self, incoming: Incoming<'_>) {
        if self.is_broken || self.end.is_some() {
            return;
        }
        let packet = match incoming {
            Incoming::Text(text) => Packet::decode_text(self.revision, &Text::from(text)),
            Incoming::Binary(bytes) => Packet::decode_binary(self.revision, &bytes),
            Incoming::Close(close) => {
                self.end = Some(End::Peer(close));
                return;
            }
        };
        match packet {
            Ok(packet) => self.packets.push(packet),
            Err(_) => self.is_broken = true,
        }
    }

    pub(super) fn packets(&mut self) -> std::vec::Drain<'_, Packet> {
        self.packets.drain(..)
    }

    /// Whether what came last is no packet.
    pub(super) fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// Whether what came last is no packet, or the end.
    pub(super) fn is_over(&self) -> bool {
        self.is_broken || self.end.is_some()
    }
}

impl Wire for Packets {
    type Batch = Batch;

    fn limits(&self, config: &CommonConfig) -> Limits {
        limits(config)
    }

    fn begin(&mut self, _: &CommonConfig) -> Batch {
        Batch::new(self.revision)
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
        for packet in batch.packets.drain(..) {
            machine.handle_packet(Source::WebSocket(self.receiver), packet, now);
        }
        if batch.is_broken {
            machine.fail(Reason::ParseError, now);
        }
    }

    fn give_back(_: Batch) {}

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
        for packet in batch.packets() {
            match packet {
                PacketRef::Close => is_over = true,
                _ => self.put(packet, out),
            }
        }
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
