//! A Socket.IO server and its clients, in memory and on a paused clock.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod acks;
mod back_pressure;
mod binary;
mod bus;
mod coming_back;
mod connect;
mod counters;
mod counting;
mod disconnect;
mod dynamic;
mod errors;
mod events;
mod fetching;
mod floods;
mod limits;
mod missed;
mod model;
mod nodes;
mod once;
mod order;
mod panics;
mod record;
mod recovery;
mod recovery_races;
mod review;
mod rooms;
mod session_store;
mod support;
mod traveller;
