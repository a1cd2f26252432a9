//! An HTTP/1.1 client that shows what came over the wire: heads as they are, chunk by chunk.

mod connection;
mod request;
mod response;

pub use connection::Connection;
pub use request::{Request, chunk};
pub use response::{Head, Response};
