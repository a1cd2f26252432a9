//! SockJS 0.3.3: its frames, its transports' framing, and the session machine.

mod config;
mod frame;
mod outcome;
mod session;

pub mod callback;
pub mod decode;
pub mod framing;
pub mod iframe;
pub mod info;
pub mod multiplex;
pub mod url;

pub use config::Config;
pub use frame::{Frame, encode_close};
pub use outcome::{AttachError, Content, Event, ReceiverKind, SendError};
pub use session::{ReceiverId, Session};
