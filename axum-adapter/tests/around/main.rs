//! Middleware outside a mount, on axum and on plain tower: what passes, what breaks, what mends it.
//!
//! Every request goes over an HTTP/1.1 connection in memory, on a paused clock: the clock moves only
//! when every task waits, and then straight to the next timer. `docs/middleware.md` tells users what
//! these tests show.

// clippy.toml allows it in tests, which to clippy are functions with `#[test]`, not their helpers.
#![allow(clippy::unwrap_used)]

#[macro_use]
mod support;

mod bodies;
mod compression;
mod concurrency;
mod cors;
mod everything;
mod headers;
mod panics;
mod paths;
mod timeouts;
mod trace;
mod walk;
