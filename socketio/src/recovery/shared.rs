//! What an adapter keeps for clients that lost their connection, to come back on any node.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use async_trait::async_trait;
use sockeye_core::{
    Delivery, Text,
    socketio::{Data, Encoded, Value},
};
use sockeye_tower::Limit;

use super::{MayMiss, Recovery};
use crate::{Namespace, Packet, Reason, Socket, SocketId};

/// Keeps sessions where all nodes find them; see
/// [`Builder::session_store`](crate::Builder::session_store).
///
/// It goes with an adapter whose bus keeps what was sent: the adapter applies events itself
/// ([`AppliedBy::Adapter`](sockeye_rooms::AppliedBy)), on each node with the offset that the bus gave
/// ([`Packet::with_offset`]), unless they are volatile or want answers. What is sent to one socket
/// comes to the adapter as a broadcast to the socket's own room, as it may be missed there, too.
#[async_trait]
pub trait SessionStore: Send + Sync + 'static {
    /// Notes what a client had whose connection was lost; it may be asked for within that time.
    ///
    /// Called by the connection's task: it puts what is to do in a queue, and returns.
    fn persist(&self, session: Session, within: Duration);

    /// What a client had that wants to come back, and what it missed; `None` if the session or the
    /// offset is unknown, and the client comes back as a new one. A session is given out once.
    ///
    /// # Cancel safety
    ///
    /// Dropped when the client goes meanwhile, whose session may be lost.
    async fn restore(&self, pid: &str, offset: &str) -> Option<Restored>;
}

/// What is kept of a client that is away.
#[derive(Clone, PartialEq)]
pub struct Session {
    /// The namespace that it was in: it comes back to no other, as middlewares there have not let it
    /// in. A store whose format has no place for it keeps each namespace's sessions apart.
    pub namespace: Text,
    /// The secret by which it comes back.
    pub pid: String,
    /// Its public name.
    pub id: SocketId,
    /// The rooms it was in, its own among them.
    pub rooms: Vec<Text>,
    /// The [data](Socket::data) that was attached to it.
    pub data: Value,
}

/// A client that comes back.
#[derive(Clone, Debug)]
pub struct Restored {
    /// What it had.
    pub session: Session,
    /// The events that were for it meanwhile, in order: name, arguments and offset. More than half of
    /// what closes a client's session that does not keep up
    /// ([`EngineIo::outbox_limits`](sockeye_tower::EngineIo::outbox_limits)) makes it a new client.
    pub missed: Vec<Data>,
}

/// A namespace's store, and what was said about recovery.
pub(crate) struct Shared {
    pub(crate) options: Recovery,
    pub(crate) may_miss: MayMiss,
    pub(crate) store: Box<dyn SessionStore>,
}

impl Shared {
    /// What a client has that is about to leave its rooms, if it may come back to them.
    pub(crate) fn leaving(&self, socket: &Socket, reason: Reason) -> Option<Session> {
        let pid = socket.pid().filter(|_| reason.is_recoverable())?;
        Some(Session {
            namespace: socket.namespace().text().clone(),
            pid: pid.into(),
            id: socket.id().clone(),
            rooms: socket.rooms(),
            data: socket.data_value(),
        })
    }

    /// What a client comes back with to this namespace, if it may.
    pub(crate) async fn restore(
        &self,
        namespace: &Namespace,
        pid: &str,
        offset: &str,
    ) -> Option<Restored> {
        let restored = self.store.restore(pid, offset).await?;
        if restored.session.namespace != *namespace.text() {
            tracing::warn!("a session store gave out a session of another namespace");
            return None;
        }
        let weights = restored.missed.iter().map(Data::weight);
        if !self.may_miss.allows(weights) {
            namespace.count(Limit::RecoveryMissed);
            return None;
        }
        Some(restored)
    }

    pub(crate) fn left(&self, session: Session) {
        // It is foreign, and its panic must not cost other sockets of the client their end.
        let persist = AssertUnwindSafe(|| self.store.persist(session, self.options.time()));
        if catch_unwind(persist).is_err() {
            tracing::error!("a session store panicked; a client will not be recovered");
        }
    }
}

impl Restored {
    /// The client is back: it gets what it missed, then the answer to its CONNECT.
    pub(crate) fn fulfil(self, socket: &Socket, answer: Encoded) {
        let namespace = socket.namespace();
        for data in self.missed {
            match Packet::received(namespace.name(), data) {
                Ok(packet) => drop(packet.deliver(socket, Delivery::Reliable)),
                Err(error) => tracing::warn!(%error, "an event that a client missed"),
            }
        }
        socket.client().send_now(answer);
        socket.enter_rooms(&self.session.rooms);
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The secret and the data do not belong in a log.
        f.debug_struct("Session")
            .field("namespace", &self.namespace)
            .field("id", &self.id)
            .field("rooms", &self.rooms)
            .finish_non_exhaustive()
    }
}
