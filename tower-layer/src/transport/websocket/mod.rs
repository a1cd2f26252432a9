//! WebSocket sessions: one task each, from the handshake to the last byte.

mod codec;
#[cfg(test)]
mod codec_properties;
mod driver;
mod frames;
mod handshake;
mod socket;
mod walker;

pub(crate) use driver::Driver;
pub(crate) use frames::Style;
pub(crate) use handshake::{check, is_extended_connect};
