//! A Socket.IO server and its clients, in memory and on a paused clock.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod acks;
mod back_pressure;
mod connect;
mod disconnect;
mod dynamic;
mod errors;
mod events;
mod order;
mod panics;
mod support;
