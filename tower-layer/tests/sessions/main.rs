//! Sessions over requests and WebSockets in memory, on a paused clock.
//!
//! The clock moves only when every task waits, and then straight to the next timer; so a wait here
//! takes no time, and what is seen after it does not depend on the machine's speed.

// clippy.toml allows it in tests, which to clippy are functions with `#[test]`, not their helpers.
#![allow(clippy::unwrap_used)]

mod callbacks;
mod ends;
mod handlers;
mod support;
mod websocket_close;
