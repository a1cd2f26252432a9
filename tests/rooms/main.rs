//! Rooms whose members come over every transport, in memory and on a paused clock.

// clippy.toml allows it in tests, which to clippy are functions with `#[test]`, not their helpers.
#![allow(clippy::unwrap_used)]

mod ends;
mod fan_out;
mod people;
#[allow(
    dead_code,
    reason = "made for the tests of sockeye-tower, which need more of it"
)]
#[path = "../../tower-layer/tests/sessions/support.rs"]
mod support;
