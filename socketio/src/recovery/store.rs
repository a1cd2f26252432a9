//! What one namespace keeps: who is here, who is away, and what was sent.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use sockeye_core::{
    Compression, Delivery,
    socketio::{Data, Encoded, Value},
};
use sockeye_rooms::{AppliedBy, Outcome, Selection};
use sockeye_tower::{Handle, Limit};

use super::{
    MayMiss, Recovery,
    away::{Absent, Away, Stay},
    packets::Packets,
};
use crate::{EmitError, Namespace, Reason, Socket, SocketId, clock::now, packet::Packet};

/// What one namespace keeps.
pub(crate) struct Store {
    options: Recovery,
    may_miss: MayMiss,
    /// Counts what the limits cost.
    counters: Handle,
    kept: Mutex<Kept>,
}

struct Kept {
    packets: Packets,
    /// Clients that are here, by their secrets.
    present: HashMap<Box<str>, (Stay, Socket)>,
    absent: Absent,
    last_stay: Stay,
}

/// A client that wants to come back, and what it had when it asked.
pub(crate) struct Rejoining {
    pub(crate) id: SocketId,
    pub(crate) pid: Box<str>,
    pub(crate) data: Option<Box<Value>>,
    /// The number of the first packet that it has not seen.
    next: u64,
    /// What it comes back from.
    stay: Stay,
}

/// The right to come back, which nobody else has.
pub(crate) struct Claim {
    rejoining: Rejoining,
    away: Away,
}

/// A client that is coming back: while it does, nothing is sent to anybody in its namespace.
pub(crate) struct Resuming<'a> {
    kept: MutexGuard<'a, Kept>,
    claim: Claim,
}

impl Store {
    pub(crate) fn new(options: Recovery, may_miss: MayMiss, counters: &Handle) -> Self {
        Self {
            options,
            may_miss,
            counters: counters.clone(),
            kept: Mutex::new(Kept {
                packets: Packets::new(),
                present: HashMap::new(),
                absent: Absent::default(),
                last_stay: Stay::default(),
            }),
        }
    }

    pub(crate) fn skips_middlewares(&self) -> bool {
        self.options.skip_middlewares
    }

    /// Whether nobody is here, and nobody away may still come back.
    pub(crate) fn is_empty(&self) -> bool {
        let kept = self.swept();
        kept.present.is_empty() && kept.absent.is_empty()
    }

    /// Publishes an event, and sends it to this node's sockets.
    pub(crate) fn broadcast(
        &self,
        namespace: &Namespace,
        selection: Selection<SocketId>,
        encoded: Encoded,
        compression: Compression,
    ) -> Result<Outcome, EmitError> {
        let packet = Packet::new(encoded, compression, namespace.parser().clone(), None);
        // Without an offset, as the other nodes have their own; and not under the lock, as the
        // adapter is foreign code.
        let chosen = namespace.rooms().select(selection.clone());
        let mut outcome = Outcome::default();
        match chosen.publish(packet.clone()) {
            Ok(AppliedBy::Adapter) => outcome.deferred = true,
            Ok(AppliedBy::Rooms) => outcome = self.send(namespace, selection, &packet)?,
            Err(error) => {
                outcome = self.send(namespace, selection, &packet)?;
                outcome.unpublished = Some(error);
            }
        }
        Ok(outcome)
    }

    /// Sends an event with its offset to this node's sockets, and keeps it.
    pub(crate) fn send(
        &self,
        namespace: &Namespace,
        selection: Selection<SocketId>,
        packet: &Packet,
    ) -> Result<Outcome, EmitError> {
        let mut kept = self.swept();
        let packet = packet.with_offset(&kept.packets.next_offset())?;
        let (copy, chosen) = (packet.clone(), selection.clone());
        kept.packets
            .push(&self.options, now(), chosen, copy, &self.counters);
        // Still under the lock: what is delivered later has a later offset.
        Ok(namespace.rooms().select(selection).local().send(packet))
    }

    /// A new client is here.
    pub(crate) fn enter(&self, socket: &Socket) {
        if let Some(pid) = socket.pid() {
            self.lock().enter(pid, socket.clone());
        }
    }

    /// What a client has that is about to leave its rooms, if it may come back to them.
    pub(crate) fn leaving(&self, socket: &Socket, reason: Reason) -> Option<Away> {
        reason.is_recoverable().then(|| Away::of(socket, now()))
    }

    /// A client has left its rooms; what it had is kept if it may come back.
    pub(crate) fn left(&self, socket: &Socket, away: Option<Away>) {
        let Some(pid) = socket.pid() else { return };
        let mut kept = self.swept();
        let is_present = matches!(kept.present.get(&pid), Some((_, present)) if present == socket);
        if !is_present {
            // Someone took its place before it was known to be gone: nothing of that is undone.
            return;
        }
        let gone = kept.present.remove(&pid);
        if let (Some(away), Some((stay, _))) = (away, &gone) {
            let counters = &self.counters;
            kept.absent.keep(&self.options, pid, *stay, away, counters);
        }
        drop(kept);
        drop(gone);
    }

    /// What a client that wants to come back had, if its secret and its offset are known. It may be
    /// here still, its connection's end not noticed; that one is over when it is [claimed](Self::claim).
    pub(crate) fn find(&self, auth: &Data) -> Option<Rejoining> {
        let auth = auth.to_value().ok()?;
        let pid = auth.get("pid")?.as_str()?;
        let offset = auth.get("offset")?.as_str()?;
        let kept = self.swept();
        let next = kept.packets.number(offset)? + 1;
        let rejoining = |stay, away: &Away| Rejoining {
            id: away.id.clone(),
            pid: pid.into(),
            data: away.data.clone(),
            next,
            stay,
        };
        match kept.present.get(pid) {
            // One that has gone already, sent away perhaps, tells of its own end.
            Some((_, socket)) if !socket.is_connected() => None,
            Some((stay, socket)) => {
                let away = Away::of(socket, now());
                let may = self.may_catch_up(&kept, next, &away);
                may.then(|| rejoining(*stay, &away))
            }
            None => {
                let (stay, away) = kept.absent.get(pid)?;
                let may = self.may_catch_up(&kept, next, away);
                may.then(|| rejoining(*stay, away))
            }
        }
    }

    /// Takes what a client had that was let in: nobody else can, and its old connection is over.
    ///
    /// `None` if what it missed is not kept any more, or somebody else came back in its stead while a
    /// middleware thought.
    pub(crate) fn claim(&self, rejoining: Rejoining) -> Option<Claim> {
        let (pid, next) = (&*rejoining.pid, rejoining.next);
        let mut kept = self.swept();
        let away = match kept.present.get(pid) {
            Some((stay, _)) if *stay != rejoining.stay => return None,
            Some((_, socket)) => {
                let socket = socket.clone();
                if !self.may_catch_up(&kept, next, &Away::of(&socket, now())) {
                    return None;
                }
                let rooms = socket.supersede()?;
                kept.present.remove(pid);
                // What it has to say until here is said.
                let away = Away {
                    rooms,
                    ..Away::of(&socket, now())
                };
                drop(kept);
                // Its seat is taken at once, before others can sit down there.
                socket.make_way();
                away
            }
            None => {
                let (stay, away) = kept.absent.get(pid)?;
                if *stay != rejoining.stay || !self.may_catch_up(&kept, next, away) {
                    return None;
                }
                kept.absent.take(pid)?
            }
        };
        Some(Claim { rejoining, away })
    }

    /// Whose rooms are [taken](Claim::take_rooms) may come back now, unless so much was sent meanwhile
    /// that what it missed is not kept any more.
    pub(crate) fn resume(&self, claim: Claim) -> Option<Resuming<'_>> {
        let kept = self.lock();
        let may = self.may_catch_up(&kept, claim.rejoining.next, &claim.away);
        may.then_some(Resuming { kept, claim })
    }

    /// Whether all that a client missed is kept, and little enough to be sent at once.
    fn may_catch_up(&self, kept: &Kept, next: u64, away: &Away) -> bool {
        let Some(missed) = kept.packets.missed(next, &away.id, &away.rooms) else {
            return false;
        };
        let may = self.may_miss.allows(missed.map(Packet::weight));
        if !may {
            self.counters.count(Limit::RecoveryMissed);
        }
        may
    }

    /// What is kept, less what is too old.
    fn swept(&self) -> MutexGuard<'_, Kept> {
        let (mut kept, now) = (self.lock(), now());
        kept.packets.sweep(&self.options, now);
        kept.absent.sweep(&self.options, now);
        kept
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Claim {
    /// Puts the socket into the rooms. It is not connected yet: what is sent to them meanwhile is
    /// among what it missed. The adapter hears of rooms here, and no lock is held.
    pub(crate) fn take_rooms(&self, socket: &Socket) {
        socket.enter_rooms(&self.away.rooms);
    }
}

impl Resuming<'_> {
    /// The client is back: it gets what it missed, then the answer to its CONNECT, and nothing comes
    /// between.
    pub(crate) fn finish(self, socket: &Socket, answer: Encoded) {
        let Self { mut kept, claim } = self;
        let Claim { rejoining, away } = claim;
        let before = socket.restore_data(&rejoining.data, away.data);
        if let Some(missed) = kept.packets.missed(rejoining.next, &away.id, &away.rooms) {
            for packet in missed {
                packet.deliver(socket, Delivery::Reliable);
            }
        }
        socket.client().send_now(answer);
        kept.enter(rejoining.pid, socket.clone());
        drop(kept);
        drop(before);
    }
}

impl Kept {
    /// A client is here, for a stay of its own.
    fn enter(&mut self, pid: Box<str>, socket: Socket) {
        self.last_stay.0 += 1;
        self.present.insert(pid, (self.last_stay, socket));
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = self.lock();
        f.debug_struct("Store")
            .field("packets", &kept.packets.len())
            .field("away", &kept.absent.len())
            .finish_non_exhaustive()
    }
}
