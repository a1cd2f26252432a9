//! SockJS 0.3.3: its frames, its transports' framing, and the session machine.

mod close;
mod frame;
mod session;

pub mod escape;

pub use close::{Close, CloseReason};
pub use frame::{Frame, encode_close};
pub use session::{
    AttachError, Config, Content, Detach, Event, ReceiverId, ReceiverKind, SendError, Session,
};
