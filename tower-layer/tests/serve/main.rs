//! `serve` over real TCP, on ports the system chooses.
//!
//! Time limits are set small and what they cause is waited for; nothing here looks at a clock.

// clippy.toml allows it in tests, which to clippy are functions with `#[test]`, not their helpers.
#![allow(clippy::unwrap_used)]

mod acceptor;
mod client;
mod descriptors;
mod drain;
mod http1;
mod http2;
mod proxies;
mod review;
mod stall;
mod timeouts;
mod xor;
