//! Coming back to where one was: what a namespace keeps for clients that lost their connection.
//!
//! ```text
//! emit, broadcast ──> offset, kept, delivered: under one lock, so that every client sees offsets grow
//! connection lost ──> id, rooms and data kept under the socket's secret
//! CONNECT with secret and offset ──> found ──> middlewares, unless skipped ──> claimed, the old
//!     connection over if its end was not noticed ──> what was missed, then the answer: under that lock
//! ```

mod away;
mod bound;
mod offset;
mod options;
mod packets;
mod shared;
mod store;

pub(crate) use self::{
    bound::MayMiss,
    offset::{Unsent, with_offset},
    shared::Shared,
    store::{Rejoining, Store},
};
pub use options::Recovery;
pub use shared::{Restored, Session, SessionStore};
