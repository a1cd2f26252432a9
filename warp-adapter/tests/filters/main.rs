//! Mounts as warp filters: what they compose with, and what passes through them.
//!
//! Most of it asks `warp::service(filter)` without a socket, on tokio's paused clock; `serving` and
//! `outside` use real TCP, on ports the system chooses.

// clippy.toml allows it in tests, which to clippy are functions with `#[test]`, not their helpers.
#![allow(clippy::unwrap_used)]

mod composing;
mod engineio;
mod extensions;
mod guards;
mod login;
mod outside;
mod paths;
mod services;
mod serving;
mod support;
mod transports;
