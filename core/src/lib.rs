//! The protocols of sockeye as state machines.
#![forbid(unsafe_code)]

mod member;
mod message;
mod prepared;
mod text;

pub mod limits;
pub mod session;
pub mod sockjs;

pub use member::{Delivered, Delivery, IntoPacket, Member};
pub use message::Message;
pub use prepared::Prepared;
pub use text::Text;
