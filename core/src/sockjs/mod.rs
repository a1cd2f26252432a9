//! SockJS 0.3.3.

pub mod callback;
pub mod decode;
pub mod escape;
pub mod framing;
pub mod iframe;
pub mod info;
pub mod multiplex;
pub mod url;

mod form;
mod scan;
