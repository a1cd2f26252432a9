//! Engine.IO sessions over connections in memory, on a paused clock.
//!
//! Every request goes through hyper, and where bytes matter the clients are a few lines of their own:
//! what is asserted is what a peer sees. The clock moves only when every task waits.

// clippy.toml allows it in tests, which to clippy are functions with `#[test]`, not their helpers.
#![allow(clippy::unwrap_used)]

mod back_pressure;
mod client;
mod cors;
mod drain;
mod handshake;
mod heartbeats;
mod hooks;
mod http2;
mod jsonp;
mod log;
mod mounting;
mod panics;
mod polling;
mod posting;
mod prepared;
mod refusals;
mod revision3;
mod support;
mod upgrade;
mod upgrade_failures;
mod websocket;
