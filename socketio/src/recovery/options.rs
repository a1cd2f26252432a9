//! What is kept, and how much of it.

use std::time::{Duration, Instant};

/// What is kept for clients that lost their connection, and for how long; see
/// [`Builder::recovery`](crate::Builder::recovery).
///
/// Each namespace keeps its own, in memory: a client has to come back to this node, unless there is a
/// [`session_store`](crate::Builder::session_store).
///
/// Kept of a client are its id, its rooms and its data ([`set_data`](crate::Socket::set_data)); what it
/// missed is sent again in order, before anything newer: the events behind the last one that it got,
/// and that are for the rooms it was in when it left. Not kept are volatile events, those that want an
/// answer, and what [`insert`](crate::Socket::insert) put there. The connection's handler is called
/// for it as for a new one, and [`is_recovered`](crate::Socket::is_recovered) tells them apart. Clients
/// that left, or that were disconnected by the server, come back as new ones; so do those that never
/// got an event, and those before protocol 5.
///
/// # Protocol
///
/// CONNECT's answer has a secret `pid`, and each event's last argument is an offset; a client that
/// comes back sends both. Handlers at clients see the offset as one argument more.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use sockeye_socketio::{Recovery, Socket, SocketIo};
///
/// let recovery = Recovery::new().max_disconnection(Duration::from_secs(30)).max_bytes(4 << 20);
/// let io = SocketIo::builder().recovery(recovery).build();
/// io.of("/").on_connect(async |socket: Socket| {
///     if !socket.is_recovered() {
///         socket.join("lobby")?; // it is in its rooms already otherwise
///     }
///     Ok::<_, sockeye_socketio::BoxError>(())
/// });
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Recovery {
    pub(super) max_disconnection: Duration,
    pub(super) skip_middlewares: bool,
    pub(super) max_packets: usize,
    pub(super) max_bytes: usize,
    pub(super) max_sessions: usize,
    pub(super) max_session_bytes: usize,
}

impl Recovery {
    /// Recovery with the defaults.
    pub fn new() -> Self {
        Self {
            max_disconnection: Duration::from_secs(120),
            skip_middlewares: true,
            max_packets: 10_000,
            max_bytes: 16 << 20,
            max_sessions: 10_000,
            max_session_bytes: 16 << 20,
        }
    }

    /// How long a client may be away; then it comes back as a new one.
    ///
    /// Default: 2 minutes.
    pub fn max_disconnection(mut self, time: Duration) -> Self {
        self.max_disconnection = time;
        self
    }

    /// Whether a client that comes back passes the middlewares by, as it was let in before.
    ///
    /// Default: it does. If it does not, a connection of it whose end was not noticed lives on until
    /// they have let it in. The new socket has its id, and in a middleware its data already; the rooms
    /// that it comes back to, and those that a middleware has it join, are its own once it is let in.
    pub fn skip_middlewares(mut self, skip: bool) -> Self {
        self.skip_middlewares = skip;
        self
    }

    /// Events kept for each namespace; the oldest go first, and who missed them comes back as a new
    /// client.
    ///
    /// Default: 10,000.
    pub fn max_packets(mut self, packets: usize) -> Self {
        self.max_packets = packets;
        self
    }

    /// Bytes of the events kept for each namespace; the oldest go first.
    ///
    /// Default: 16 MiB.
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Clients kept for each namespace; the one that left first goes first.
    ///
    /// Default: 10,000.
    pub fn max_sessions(mut self, sessions: usize) -> Self {
        self.max_sessions = sessions;
        self
    }

    /// Bytes of what is kept of clients for each namespace, which is mostly the names of their rooms
    /// and their data; the one that left first goes first, and one that has more than this alone is
    /// not kept.
    ///
    /// Default: 16 MiB.
    pub fn max_session_bytes(mut self, bytes: usize) -> Self {
        self.max_session_bytes = bytes;
        self
    }

    pub(crate) fn skips_middlewares(self) -> bool {
        self.skip_middlewares
    }

    /// How long a client may be away.
    pub(crate) fn time(self) -> Duration {
        self.max_disconnection
    }

    /// Whether what is of this time is too old.
    pub(super) fn is_old(&self, at: Instant, now: Instant) -> bool {
        now.saturating_duration_since(at) > self.max_disconnection
    }
}

impl Default for Recovery {
    fn default() -> Self {
        Self::new()
    }
}
