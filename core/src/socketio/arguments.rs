//! Several arguments out of one type, and into one.

mod spread;
mod string;
mod take;

pub use spread::EventBody;
pub(super) use string::read_first_plain;
pub(super) use take::{Shape, TakeArguments, TakeFirst, Taking};
