//! One session at run time: a machine under a short lock, and the handles around it.

mod drive;
mod handle;
mod member;
mod polling;
mod shared;

pub use handle::{Sender, Session};

pub(crate) use drive::{HandlerSlot, Timer};
pub(crate) use polling::PollingDriver;
pub(crate) use shared::{Live, PostTurn, Rest, Shared, State};
