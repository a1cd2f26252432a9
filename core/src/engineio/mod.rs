//! Engine.IO, revisions 3 and 4: its packets, its payloads, and what goes around them.

mod base64;
mod batch;
mod config;
mod heartbeat;
mod link;
mod outcome;
mod packet;
mod reason;
mod revision;
mod session;
mod timing;
mod transmit;
mod upgrade;

pub use batch::{Batch, Part};
pub use config::Config;
pub use outcome::{AttachError, Event, Opening, PostEnd, PostError, SendError, Source, Transport};
pub use packet::{DecodeError, Packet};
pub use reason::{Reason, TransportError};
pub use revision::Revision;
pub use session::{ReceiverId, Session};
pub use upgrade::{ProbeId, Probed, Refused};
