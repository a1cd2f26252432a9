//! How often each limit was reached, so that operators can see attacks and tight settings.

use std::sync::atomic::{AtomicU64, Ordering};

use sockeye_core::session::{Close, CloseReason};

/// A limit that a peer can run into; [`Handle::limit_hits`](crate::Handle::limit_hits) counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// A message or body longer than `max_message_size`.
    MessageSize,
    /// An array of more messages, or a payload of more packets, than `max_messages`.
    Messages,
    /// A WebSocket message in more pieces than `max_fragments`.
    Fragments,
    /// A body slower than `body_timeouts`.
    BodyTime,
    /// A peer that takes nothing for the `stall_timeout`, or whose queue reached its hard limit.
    SlowPeer,
    /// A WebSocket silent for the `heartbeat_timeout`, or an Engine.IO client that answers no ping, or
    /// sends none, for the `ping_timeout`.
    Heartbeat,
    /// A poll, or another request that receives, while one of its session was outstanding.
    Receivers,
    /// A POST while one of its Engine.IO session was in flight.
    Posts,
    /// An upgrade that took longer than the `upgrade_timeout`, or came while another was on its way.
    Upgrade,
    /// A session beyond `max_sessions`.
    Sessions,
    /// A session beyond `max_sessions_per_address`.
    SessionsPerAddress,
    /// A page that `allowed_origins` does not admit.
    Origin,
    /// A request target beyond the server's `max_target_length`.
    TargetLength,
    /// More header lines than the server takes.
    HeaderLines,
    /// A connection silent, or slow with a request's head, beyond the server's time limits.
    HeadTime,
    /// A connection that took nothing for the server's `write_stall`.
    WriteStall,
    /// No descriptors or memory for another connection.
    Descriptors,
    /// A Socket.IO client that joined no namespace within the `connect_timeout`.
    ConnectTime,
    /// A Socket.IO packet that announced more attachments than `max_attachments`.
    Attachments,
    /// Attachments of one packet with more bytes than `max_attachment_bytes`.
    AttachmentBytes,
    /// Attachments that were not complete within the `attachments_timeout`.
    AttachmentsTime,
    /// A placeholder that names no attachment, or placeholders that name them too often.
    Placeholders,
    /// An ack id beyond 64 bits.
    AckId,
    /// An event that was not sent to a socket which owes `pending_acks` answers.
    PendingAcks,
    /// A namespace's name that is too long.
    NamespaceName,
    /// A namespace beyond `max_namespaces` of one client.
    Namespaces,
    /// A socket that did not join a room: it was in as many as it may be, or the name was too long.
    Rooms,
    /// A packet with arrays and objects too deep within each other.
    Depth,
    /// An event or answer with too many arguments.
    Arguments,
    /// An event, or a client as a whole, that had to wait since `max_waiting_handlers` waited.
    WaitingHandlers,
    /// An event on its way to a client that nobody in `on_any_outgoing` heard of, as those were behind.
    OutgoingHandlers,
    /// An event forgotten before its time: a namespace's recovery kept `max_packets` or `max_bytes`.
    RecoveryPackets,
    /// A client forgotten before its time: a namespace's recovery kept `max_sessions` or
    /// `max_session_bytes`.
    RecoverySessions,
    /// A client that came back as a new one, as it missed more than may be sent again at once.
    RecoveryMissed,
}

/// One counter for each limit.
#[derive(Debug)]
pub(crate) struct LimitHits([AtomicU64; LIMITS]);

const LIMITS: usize = Limit::RecoveryMissed as usize + 1;

impl Default for LimitHits {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; LIMITS])
    }
}

impl LimitHits {
    pub(crate) fn count(&self, limit: Limit) {
        self.0[limit as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn get(&self, limit: Limit) -> u64 {
        self.0[limit as usize].load(Ordering::Relaxed)
    }
}

impl Limit {
    /// The limit that ended a session, if one did.
    pub(crate) fn behind(reason: &CloseReason) -> Option<Self> {
        match reason {
            CloseReason::TooSlow => Some(Self::SlowPeer),
            CloseReason::NoHeartbeat => Some(Self::Heartbeat),
            CloseReason::Violation(close) if *close == Close::TOO_BIG => Some(Self::MessageSize),
            CloseReason::Violation(close) if *close == Close::TOO_MANY_FRAGMENTS => {
                Some(Self::Fragments)
            }
            CloseReason::Violation(close) if *close == Close::TOO_MANY_MESSAGES => {
                Some(Self::Messages)
            }
            // Every other end is no limit's doing.
            _ => None,
        }
    }
}
