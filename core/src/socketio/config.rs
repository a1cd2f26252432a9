//! The times and limits of a server's clients.

use std::time::Duration;

use crate::limits;

/// What all clients of a server share.
#[derive(Clone, Debug)]
pub struct Config {
    /// Time from the session's opening to the first joined namespace. Default: 45 seconds.
    pub connect_timeout: Duration,
    /// How long the attachments of a packet may take to arrive. Default: 60 seconds.
    pub attachments_timeout: Duration,
    /// Namespaces that a client may have joined, or wait for. Default: 32.
    pub namespaces: usize,
    /// Bytes of a namespace's name. Default: 255.
    pub namespace_bytes: usize,
    /// What one packet may hold.
    pub parser: ParserLimits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            connect_timeout: limits::CONNECT_TIMEOUT,
            attachments_timeout: limits::ATTACHMENTS_TIMEOUT,
            namespaces: limits::NAMESPACES_PER_CLIENT,
            namespace_bytes: limits::NAMESPACE_BYTES,
            parser: ParserLimits::default(),
        }
    }
}

/// What one packet from a client may hold.
///
/// The depth of nesting is not among it: [`NESTING_DEPTH`](limits::NESTING_DEPTH) is what the stack
/// is sure to bear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParserLimits {
    /// Attachments of one packet. Default: 10.
    pub attachments: usize,
    /// Bytes of all attachments of one packet. Default: four times the default payload, 4,000,000.
    pub attachment_bytes: usize,
    /// Elements of an event's or ack's array, the event's name included. Default: 1,024.
    pub arguments: usize,
}

impl ParserLimits {
    /// No limits: for what this side wrote itself.
    pub const UNBOUNDED: Self = Self {
        attachments: usize::MAX,
        attachment_bytes: usize::MAX,
        arguments: usize::MAX,
    };

    /// The defaults where one Engine.IO message has at most `max_payload` bytes: all attachments
    /// together have at most four times that, and never more than 10 MiB.
    pub fn for_payload(max_payload: usize) -> Self {
        Self {
            attachments: limits::ATTACHMENTS,
            attachment_bytes: max_payload.saturating_mul(4).min(limits::ATTACHMENT_BYTES),
            arguments: limits::EVENT_ARGUMENTS,
        }
    }
}

impl Default for ParserLimits {
    fn default() -> Self {
        Self::for_payload(limits::MAX_PAYLOAD)
    }
}
