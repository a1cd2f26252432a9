//! The protocols of sockeye as state machines.
#![forbid(unsafe_code)]

mod message;
mod text;

pub mod sockjs;

pub use message::Message;
pub use text::Text;
