//! Engine.IO as its client speaks it.
//!
//! ```text
//! open ──> Link: what is sent, pongs and the upgrade      TestSession asks it
//!     └──> Receiving: the task that polls or reads ──> Queue of frames
//! ```

mod beat;
mod handshake;
mod link;
mod open;
mod options;
mod packets;
mod polling;
mod receiving;
mod refusal;
mod upgrade;

pub use handshake::Handshake;

pub(super) use link::Link;
pub(super) use open::{Opened, open};
pub(super) use options::Options;
pub(super) use refusal::error_in;
