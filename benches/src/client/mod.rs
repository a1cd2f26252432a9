//! The load generator: one thread, non-blocking sockets, as little work per message as will do.
//!
//! The faster it is, the longer the server stays the bottleneck, and the fewer of the server's
//! wake-ups find just one message. It still checks what it gets: every echo is compared.

pub mod echo;
pub mod fanout;
pub mod framing;
pub mod http;
pub mod idle;
pub mod life;
pub mod net;
pub mod packets;
pub mod polling;
pub mod route;
pub mod streaming;
pub mod ws;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::Result;
use net::{Net, Scenario};

/// A scenario that can be measured: it gets ready, starts, and counts units from then on.
pub trait Load: Scenario {
    /// Starts opening connections.
    fn open(&mut self, net: &mut Net) -> Result<()>;

    /// Whether every connection is there.
    fn is_ready(&self) -> bool;

    /// Puts the first units on the wire.
    fn start(&mut self, net: &mut Net) -> Result<()>;

    /// Units completed until now.
    fn count(&self) -> u64;
}

/// How many handshakes are under way at once while connections are opened: below any server's
/// accept queue.
pub(crate) const OPENING: usize = 64;

/// A server and session part of a SockJS URL that no other session of this process has: the server
/// may still remember those of the round before.
pub(crate) fn session_path() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("000/s{}", NEXT.fetch_add(1, Relaxed))
}
