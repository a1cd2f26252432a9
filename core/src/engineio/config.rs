//! The times and limits of a mount's sessions.

use std::time::Duration;

use crate::{limits, session::QueueLimits};

/// What all sessions of a mount share.
#[derive(Clone, Debug)]
pub struct Config {
    /// Revision 4: time from the opening, and then from each pong, to the next ping. Revision 3: time
    /// between the client's pings, which may be late by `ping_timeout`.
    pub ping_interval: Duration,
    /// How long a ping may stay unanswered.
    pub ping_timeout: Duration,
    /// How long a probe may take from its WebSocket's handshake to `5`.
    pub upgrade_timeout: Duration,
    /// How long a closing session on polling waits for the poll that takes what is left.
    pub closing_timeout: Duration,
    /// How long an attached receiver may take nothing while something waits.
    pub stall_timeout: Duration,
    /// What may wait before `send` is refused as full.
    pub outbox: QueueLimits,
    /// What may wait before a broadcast ends the session.
    pub outbox_hard: QueueLimits,
    /// What the application may leave untaken before the peer is no longer read.
    pub inbox: QueueLimits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            ping_interval: limits::PING_INTERVAL,
            ping_timeout: limits::PING_TIMEOUT,
            upgrade_timeout: limits::UPGRADE_TIMEOUT,
            closing_timeout: limits::CLOSING_TIMEOUT,
            stall_timeout: limits::STALL_TIMEOUT,
            outbox: QueueLimits {
                messages: limits::OUTBOX_MESSAGES,
                bytes: limits::OUTBOX_BYTES,
            },
            outbox_hard: QueueLimits {
                messages: limits::OUTBOX_HARD_MESSAGES,
                bytes: limits::OUTBOX_HARD_BYTES,
            },
            inbox: QueueLimits {
                messages: limits::INBOX_MESSAGES,
                bytes: limits::INBOX_BYTES,
            },
        }
    }
}
