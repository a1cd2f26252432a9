//! The events that are kept, and their offsets.

use std::{
    collections::{HashSet, VecDeque},
    time::Instant,
};

use sockeye_core::Text;
use sockeye_rooms::Selection;
use sockeye_tower::{Handle, Limit};

use super::Recovery;
use crate::{SocketId, id::token, packet::Packet};

/// The last events of a namespace, numbered one after another.
pub(super) struct Packets {
    /// Tells this namespace's offsets from those of another life of the server.
    life: String,
    /// The number of the first packet that is kept.
    first: u64,
    sent: VecDeque<Sent>,
    bytes: usize,
}

struct Sent {
    at: Instant,
    selection: Selection<SocketId>,
    packet: Packet,
}

impl Packets {
    pub(super) fn new() -> Self {
        Self {
            life: token(),
            first: 0,
            sent: VecDeque::new(),
            bytes: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.sent.len()
    }

    /// The number of the next packet.
    pub(super) fn next(&self) -> u64 {
        self.first + self.sent.len() as u64
    }

    /// The offset of the next packet.
    pub(super) fn next_offset(&self) -> String {
        format!("{}-{}", self.life, self.next())
    }

    /// The number of a packet that is kept, or was the last that went.
    pub(super) fn number(&self, offset: &str) -> Option<u64> {
        let number = offset.strip_prefix(&*self.life)?.strip_prefix('-')?;
        let number: u64 = number.parse().ok()?;
        (number < self.next() && number + 1 >= self.first).then_some(number)
    }

    pub(super) fn push(
        &mut self,
        options: &Recovery,
        at: Instant,
        selection: Selection<SocketId>,
        packet: Packet,
        counters: &Handle,
    ) {
        self.bytes += packet.weight();
        self.sent.push_back(Sent {
            at,
            selection,
            packet,
        });
        while self.sent.len() > options.max_packets || self.bytes > options.max_bytes {
            counters.count(Limit::RecoveryPackets);
            self.forget_first();
        }
    }

    /// What a client of this id that was in these rooms missed, from this number on; `None` if some
    /// of it is not kept any more.
    pub(super) fn missed<'a>(
        &'a self,
        next: u64,
        id: &SocketId,
        rooms: &'a [Text],
    ) -> Option<impl Iterator<Item = &'a Packet> + use<'a>> {
        let seen = usize::try_from(next.checked_sub(self.first)?).ok()?;
        let own = Text::from(id.as_str());
        // Looked up for each packet, where there may be thousands of both.
        let rooms: HashSet<&str> = rooms.iter().map(Text::as_str).collect();
        let missed = self.sent.iter().skip(seen);
        let missed = missed.filter(move |sent| is_for(&sent.selection, &own, &rooms));
        Some(missed.map(|sent| &sent.packet))
    }

    /// Forgets all; what is given is for the caller to drop.
    pub(super) fn take_all(&mut self) -> impl Sized + use<> {
        self.first = self.next();
        self.bytes = 0;
        std::mem::take(&mut self.sent)
    }

    /// Forgets what is too old.
    pub(super) fn sweep(&mut self, options: &Recovery, now: Instant) {
        while self
            .sent
            .front()
            .is_some_and(|sent| options.is_old(sent.at, now))
        {
            self.forget_first();
        }
        if self.sent.is_empty() {
            self.sent = VecDeque::new();
        }
    }

    fn forget_first(&mut self) {
        if let Some(sent) = self.sent.pop_front() {
            self.bytes -= sent.packet.weight();
            self.first += 1;
        }
    }
}

/// Whether a packet was for a client of this id, which was in these rooms.
fn is_for(selection: &Selection<SocketId>, own: &Text, rooms: &HashSet<&str>) -> bool {
    let is_in = |room: &Text| room == own || rooms.contains(room.as_str());
    let is_chosen = selection.is_everyone() || selection.in_rooms().iter().any(is_in);
    let is_excepted = selection.excepted_rooms().iter().any(is_in)
        || selection
            .excepted()
            .iter()
            .any(|id| id.as_str() == own.as_str());
    is_chosen && !is_excepted
}
