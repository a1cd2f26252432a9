//! What the black-box suite needs: a conformance server in a process of its own, and clients that
//! send and show every byte.
//!
//! The clients are written here, and not taken from a library, because the suite has to send what no
//! well-behaved client sends (malformed frames, heads cut short, bodies without end) and to see what
//! a library hides (where a chunk ends, when a head arrives).
#![forbid(unsafe_code)]

pub mod http1;
pub mod http2;
pub mod matrix;
pub mod server;
pub mod sockjs;
pub mod websocket;

use std::time::Duration;

/// How long anything may take before a test gives up on it.
///
/// It only ever makes a test fail, never pass, so it is far above what a slow machine needs.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Calls `attempt` until it gives something, for what a server does in its own time.
///
/// # Panics
///
/// When nothing came within [`PATIENCE`].
#[track_caller]
pub fn eventually<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let begin = std::time::Instant::now();
    while begin.elapsed() < PATIENCE {
        if let Some(found) = attempt() {
            return found;
        }
        std::thread::yield_now();
    }
    panic!("{what}: not within {PATIENCE:?}")
}
