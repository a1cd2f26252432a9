//! Several arguments out of one type, and into one.

mod spread;
mod take;

pub use spread::EventBody;
pub(super) use take::{Shape, TakeArguments, TakeFirst, Taking};
