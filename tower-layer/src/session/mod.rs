//! One session at run time: a machine under a short lock, and the handles around it.

mod arrival;
mod drive;
mod handle;
mod live;
mod machine;
mod member;
mod polling;
mod shared;
#[cfg(test)]
mod sizes;
#[cfg(test)]
mod succession;
mod turn;
mod waiting;

pub use handle::{Sender, Session};

pub(crate) use arrival::Arrival;
pub(crate) use drive::{HandlerSlot, Timer};
pub(crate) use handle::V3Id;
pub(crate) use live::Live;
pub(crate) use machine::{EngineIo, Machine, Refused};
pub(crate) use polling::PollingDriver;
pub(crate) use shared::{Rest, Shared, State};
pub(crate) use turn::PostTurn;
