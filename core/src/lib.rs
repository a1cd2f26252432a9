//! The protocols of sockeye as state machines.
#![forbid(unsafe_code)]

mod message;
mod prepared;
mod text;

pub mod limits;
pub mod session;
pub mod sockjs;

pub use message::Message;
pub use prepared::Prepared;
pub use text::Text;
