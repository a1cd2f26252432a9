//! What the example promises, seen by browsers on every transport.

// clippy.toml allows it in tests, which to clippy are functions with `#[test]`, not their helpers.
#![allow(clippy::unwrap_used)]

mod axum_login;
mod logins;
mod saving;
mod support;
