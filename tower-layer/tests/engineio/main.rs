//! Engine.IO sessions over connections in memory, on a paused clock.
//!
//! Every request goes through hyper, and where bytes matter the clients are a few lines of their own:
//! what is asserted is what a peer sees. The clock moves only when every task waits.
//!
//! A test that shows one of the limits, or that an attack or a fault of another server does no harm
//! here, names it: "Limit 13", a CVE, an issue.

// clippy.toml allows it in tests, which to clippy are functions with `#[test]`, not their helpers.
#![allow(clippy::unwrap_used)]

mod admission;
mod back_pressure;
mod callbacks;
mod client;
mod closes;
mod cors;
mod drain;
mod files;
mod floods;
mod handshake;
mod heartbeats;
mod hooks;
mod hostile;
mod http2;
mod jsonp;
mod log;
mod model;
mod mounting;
mod origins;
mod panics;
mod polling;
mod posting;
mod prepared;
mod refusals;
mod refused_peers;
mod revision3;
mod secrets;
mod soak;
mod support;
mod threads;
mod upgrade;
mod upgrade_ends;
mod upgrade_failures;
mod upgrade_races;
mod websocket;
mod wire;
