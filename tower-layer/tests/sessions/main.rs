//! Sessions over requests and WebSockets in memory, on a paused clock.
//!
//! The clock moves only when every task waits, and then straight to the next timer; so a wait here
//! takes no time, and what is seen after it does not depend on the machine's speed.

// clippy.toml allows it in tests, which to clippy are functions with `#[test]`, not their helpers.
#![allow(clippy::unwrap_used)]

mod admission;
mod back_pressure;
mod bodies;
mod callbacks;
mod channels;
mod credentials;
mod drain;
mod ends;
mod event_stream;
mod event_stream_heads;
mod every_way;
mod handlers;
mod headers;
mod heartbeats;
mod held_reading;
mod hook_failures;
mod hooks;
mod mounting;
mod origins;
mod plain_websocket;
mod plain_websocket_limits;
mod poll_heads;
mod proxies;
mod receivers;
mod rechecks;
mod refusals;
mod refused_peers;
mod requests;
mod stalls;
mod support;
mod turns;
mod websocket_close;
mod websocket_pings;
