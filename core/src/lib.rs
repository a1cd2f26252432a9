//! The protocols of sockeye as state machines.
#![forbid(unsafe_code)]

mod event;
mod form;
mod member;
mod message;
mod prepared;
mod scan;
mod text;

pub mod engineio;
pub mod escape;
pub mod limits;
pub mod session;
pub mod socketio;
pub mod sockjs;
pub mod sse;

pub use event::Event;
pub use member::{Delivered, Delivery, Member};
pub use message::Message;
pub use prepared::{Compression, Prepared};
pub use text::Text;
