//! SockJS 0.3.3: its frames, its transports' framing, and the session machine.

mod close;
mod form;
mod frame;
mod scan;
mod session;

pub mod callback;
pub mod decode;
pub mod escape;
pub mod framing;
pub mod iframe;
pub mod info;
pub mod multiplex;
pub mod url;

pub use close::{Close, CloseReason};
pub use frame::{Frame, encode_close};
pub use session::{
    AttachError, Config, Content, Detach, Event, ReceiverId, ReceiverKind, SendError, Session,
};
