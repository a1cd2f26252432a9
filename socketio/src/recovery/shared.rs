//! What an adapter keeps for clients that lost their connection, to come back on any node.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Mutex,
    time::Duration,
};

use async_trait::async_trait;
use sockeye_core::{
    Text,
    socketio::{Data, Value},
};

use super::{MayMiss, Recovery, arrivals::Arrivals};
use crate::{Reason, Socket, SocketId};

/// Keeps sessions where all nodes find them; see
/// [`Builder::session_store`](crate::Builder::session_store).
///
/// It goes with an adapter whose bus keeps what was sent: the adapter applies events itself
/// ([`AppliedBy::Adapter`](sockeye_rooms::AppliedBy)), on each node with the offset that the bus gave
/// ([`Packet::with_offset`](crate::Packet::with_offset)), unless they are volatile or want answers. What is sent to one socket
/// comes to the adapter as a broadcast to the socket's own room, as it may be missed there, too.
#[async_trait]
pub trait SessionStore: Send + Sync + 'static {
    /// Notes what a client had whose connection was lost; it may be asked for within that time.
    ///
    /// Called by the connection's task: it puts what is to do in a queue, and returns.
    fn persist(&self, session: StoredSession, within: Duration);

    /// What a client had that wants to come back, and what it missed; `None` if the session or the
    /// offset is unknown, and the client comes back as a new one. A session is given out once.
    ///
    /// What the adapter brings from the call on is kept for the client, and told apart from what it
    /// missed by the offset. What it brings after the client is there, comes twice if it is among what
    /// the client missed: the adapter's own tasks should be as far before this returns.
    ///
    /// # Cancel safety
    ///
    /// Dropped when the client goes meanwhile, whose session may be lost.
    async fn restore(&self, pid: &str, offset: &str) -> Option<Restored>;
}

/// What is kept of a client that is away.
#[derive(Clone, PartialEq)]
pub struct StoredSession {
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
    pub session: StoredSession,
    /// The events that were for it meanwhile, in order: name, arguments and offset. More than half of
    /// what closes a client's session that does not keep up
    /// ([`EngineIo::outbox_limits`](sockeye_tower::EngineIo::outbox_limits)) makes it a new client.
    pub missed: Vec<Data>,
}

/// A namespace's store, and what was said about recovery.
pub(crate) struct Shared {
    pub(crate) options: Recovery,
    pub(super) may_miss: MayMiss,
    pub(super) store: Box<dyn SessionStore>,
    /// What comes for those who come back.
    pub(super) arrivals: Mutex<Arrivals>,
}

impl Shared {
    pub(crate) fn new(options: Recovery, may_miss: MayMiss, store: Box<dyn SessionStore>) -> Self {
        Self {
            options,
            may_miss,
            store,
            arrivals: Mutex::new(Arrivals::new()),
        }
    }

    /// What a client has that is about to leave its rooms, if it may come back to them.
    pub(crate) fn leaving(&self, socket: &Socket, reason: Reason) -> Option<StoredSession> {
        let pid = socket.pid().filter(|_| reason.is_recoverable())?;
        Some(StoredSession {
            namespace: socket.namespace().text().clone(),
            pid: pid.into(),
            id: socket.id().clone(),
            rooms: socket.rooms(),
            data: socket.data_value(),
        })
    }

    pub(crate) fn left(&self, session: StoredSession) {
        // It is foreign, and its panic must not cost other sockets of the client their end.
        let persist = AssertUnwindSafe(|| self.store.persist(session, self.options.time()));
        if catch_unwind(persist).is_err() {
            tracing::error!("a session store panicked; a client will not be recovered");
        }
    }
}

impl fmt::Debug for StoredSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The secret and the data do not belong in a log.
        f.debug_struct("StoredSession")
            .field("namespace", &self.namespace)
            .field("id", &self.id)
            .field("rooms", &self.rooms)
            .finish_non_exhaustive()
    }
}
