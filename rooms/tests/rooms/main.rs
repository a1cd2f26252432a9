//! What rooms do for members that keep a letter box.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod alone;
mod nodes;
mod person;
mod properties;
mod reentry;
mod scenarios;
mod threads;
