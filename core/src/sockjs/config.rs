//! The times and limits of a mount's sessions.

use std::time::Duration;

use crate::{limits, session::QueueLimits};

/// What all sessions of a mount share.
#[derive(Clone, Debug)]
pub struct Config {
    /// Time between heartbeats while a receiver is attached.
    pub heartbeat_interval: Duration,
    /// How long a WebSocket may stay silent after a heartbeat.
    pub heartbeat_timeout: Duration,
    /// How long a session without a receiver is kept.
    pub disconnect_delay: Duration,
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
            heartbeat_interval: limits::HEARTBEAT_INTERVAL,
            heartbeat_timeout: limits::HEARTBEAT_TIMEOUT,
            disconnect_delay: limits::DISCONNECT_DELAY,
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
