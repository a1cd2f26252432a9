//! The test client against mounts that are right, and against servers that are not.

// clippy.toml allows it in tests, which to clippy are functions with `#[test]`, not their helpers.
#![allow(clippy::unwrap_used)]

mod browser;
mod ends;
mod engineio;
mod hooks;
mod messages;
mod plain;
mod refusals;
mod strictness;
mod support;
mod timing;
