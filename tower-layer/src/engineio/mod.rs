//! Engine.IO mounts: polling, WebSocket, and the way from one to the other.
//!
//! ```text
//!  request ──> answer (query, error table, CORS) ──┬──> polling (GET, POST, JSONP) ──┐
//!                                                  ├──> websocket ───────────────────┼──> session (machine)
//!                                                  └──> probe ── hands over ─────────┘
//! ```

mod answer;
mod compression;
mod config;
mod cors;
mod delivery;
mod polling;
mod posting;
mod probe;
mod secret;
mod websocket;

pub use config::EngineIo;
pub use cors::Cors;
pub use secret::without_session_id;
pub use sockeye_core::engineio::{
    ConnectionError, ErrorCode, Reason, Revision, Transport, TransportError,
};

pub(crate) use answer::answer;
pub(crate) use config::Mount;
pub(crate) use delivery::Delivery;
pub(crate) use polling::Manner;
#[cfg(test)]
pub(crate) use websocket::Packets;
