//! WebSocket sessions: one task each, from the handshake to the last byte.

mod codec;
#[cfg(test)]
mod codec_properties;
mod driver;
mod frames;
mod handshake;
mod socket;
mod task;
mod walker;
mod whole;
mod wire;

pub(crate) use codec::{Incoming, Limits, Payload, put_close, put_frame};
pub(crate) use driver::Driver;
pub(crate) use frames::{Frames, Style};
pub(crate) use handshake::{Handshake, check, is_asked_for, is_extended_connect};
pub(crate) use socket::{Read, Socket};
pub(crate) use task::{Taken, Task};
pub(crate) use wire::{Encoded, End, Wire};
