//! What comes for clients while they come back from a store.
//!
//! ```text
//! CONNECT ──> watched from here ──> store ──> middlewares ──> rooms ──> what the store had, and what
//!     came since and is not among that, then the answer: under the lock by which events come
//! ```

use std::{
    collections::HashSet,
    sync::{MutexGuard, PoisonError},
};

use sockeye_core::{
    Delivery,
    socketio::{Data, Encoded},
};
use sockeye_rooms::{Outcome, Selection};
use sockeye_tower::Limit;

use super::{Restored, Shared, packets::Packets};
use crate::{Namespace, Packet, Socket, SocketId, clock::now};

/// Events that came while somebody was coming back; none are kept where nobody is.
pub(super) struct Arrivals {
    watchers: usize,
    packets: Packets,
}

/// A client that is looked for, or has been found; what comes meanwhile is kept.
pub(crate) struct Watching {
    namespace: Namespace,
    /// The number of the first packet that came since.
    start: u64,
}

/// A client that comes back, and what came since it was looked for.
pub(crate) struct Returning {
    pub(crate) restored: Restored,
    watching: Watching,
}

/// A client that is coming back: while it does, no event comes in its namespace.
pub(crate) struct Resuming<'a> {
    // Let go of first, as who watches does so under the same lock.
    arrivals: MutexGuard<'a, Arrivals>,
    returning: Box<Returning>,
}

impl Arrivals {
    pub(super) fn new() -> Self {
        Self {
            watchers: 0,
            packets: Packets::new(),
        }
    }
}

impl Shared {
    /// Sends an event of the adapter's to this node's sockets.
    pub(crate) fn arrive(
        &self,
        namespace: &Namespace,
        selection: &Selection<SocketId>,
        packet: &Packet,
    ) -> Outcome {
        let send = || {
            let chosen = namespace.rooms().select(selection.clone());
            chosen.local().send(packet.clone())
        };
        let is_kept = selection.delivery() == Delivery::Reliable && packet.answers().is_none();
        let mut arrivals = self.arrivals();
        if arrivals.watchers == 0 || !is_kept {
            drop(arrivals);
            return send();
        }
        let (chosen, copy) = (selection.clone(), packet.clone());
        let counters = namespace.counters();
        let packets = &mut arrivals.packets;
        packets.push(&self.options, now(), chosen, copy, counters);
        // Still under the lock: who comes back gets it here, or when it is let in.
        send()
    }

    /// What a client comes back with to this namespace, if it may.
    pub(crate) async fn restore(
        &self,
        namespace: &Namespace,
        pid: &str,
        offset: &str,
    ) -> Option<Returning> {
        let watching = Watching::new(self, namespace);
        let restored = self.store.restore(pid, offset).await?;
        if restored.session.namespace != *namespace.text() {
            tracing::warn!("a session store gave out a session of another namespace");
            return None;
        }
        Some(Returning { restored, watching })
    }

    /// Who was let in has its rooms, and may come back now, unless it missed too much.
    pub(crate) fn resume(
        &self,
        returning: Box<Returning>,
        socket: &Socket,
    ) -> Option<Resuming<'_>> {
        // It is not connected yet: what is sent to them meanwhile is watched. The adapter hears of
        // rooms here, and no lock is held.
        socket.enter_rooms(&returning.restored.session.rooms);
        let resuming = Resuming {
            arrivals: self.arrivals(),
            returning,
        };
        let missed = resuming.returning.restored.missed.iter().map(Data::weight);
        let may = resuming.meanwhile().is_some_and(|meanwhile| {
            self.may_miss
                .allows(missed.chain(meanwhile.map(Packet::weight)))
        });
        if !may {
            drop(resuming);
            socket.namespace().count(Limit::RecoveryMissed);
            return None;
        }
        Some(resuming)
    }

    fn arrivals(&self) -> MutexGuard<'_, Arrivals> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watching {
    fn new(sessions: &Shared, namespace: &Namespace) -> Self {
        let mut arrivals = sessions.arrivals();
        arrivals.watchers += 1;
        Self {
            namespace: namespace.clone(),
            start: arrivals.packets.next(),
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let Some(sessions) = self.namespace.sessions() else {
            return;
        };
        let mut arrivals = sessions.arrivals();
        arrivals.watchers -= 1;
        let unwatched = match arrivals.watchers {
            0 => arrivals.packets.take_all(),
            _ => return,
        };
        drop(arrivals);
        drop(unwatched);
    }
}

impl Resuming<'_> {
    /// The client is back: it gets what it missed, then the answer to its CONNECT, and nothing comes
    /// between.
    pub(crate) fn finish(self, socket: &Socket, answer: Encoded) {
        let missed = &self.returning.restored.missed;
        for data in missed {
            match Packet::received(socket.namespace().name(), data.clone()) {
                Ok(packet) => drop(packet.deliver(socket, Delivery::Reliable)),
                Err(error) => tracing::warn!(%error, "an event that a client missed"),
            }
        }
        // The store may have had some of what came since.
        let seen: HashSet<String> = missed.iter().filter_map(offset).collect();
        for packet in self.meanwhile().into_iter().flatten() {
            let offset = packet.data().as_ref().and_then(offset);
            if offset.is_none_or(|offset| !seen.contains(&offset)) {
                packet.deliver(socket, Delivery::Reliable);
            }
        }
        socket.client().send_now(answer);
    }

    /// What came for it since it was looked for; `None` if some of it is not kept any more.
    fn meanwhile(&self) -> Option<impl Iterator<Item = &Packet>> {
        let Returning { restored, watching } = &*self.returning;
        let session = &restored.session;
        let packets = &self.arrivals.packets;
        packets.missed(watching.start, &session.id, &session.rooms)
    }
}

/// An event's offset: its last argument.
fn offset(event: &Data) -> Option<String> {
    let event = event.to_value().ok()?;
    let last = event.as_array()?.last()?;
    last.as_str().map(str::to_owned)
}
