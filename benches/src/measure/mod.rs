//! What is measured, one way per file.

pub mod child;
pub mod memory;
pub mod rounds;
pub mod strace;
