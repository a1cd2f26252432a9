//! What a session is connected by: polls that come and go, or one WebSocket.

use std::time::Instant;

use super::{
    Config, ReceiverId, Transport,
    heartbeat::Once,
    upgrade::{Probe, ProbeId},
};
use crate::session::{after, earliest};

/// The session's transport and what is attached by it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Link {
    Polling {
        /// The outstanding GET. Taking something is its end.
        poll: Option<Attached>,
        /// The WebSocket that tries to take over.
        probe: Option<Probe>,
    },
    WebSocket {
        /// Missing only before the handshake has attached it.
        socket: Option<Attached>,
        /// The GET that was outstanding when the upgrade was done; it takes a noop.
        former_poll: Option<ReceiverId>,
    },
}

/// The receiver of what is sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attached {
    pub(super) id: ReceiverId,
    /// Since when something has waited that the receiver did not take, be it its own end.
    pub(super) waiting_since: Option<Instant>,
    /// A noop that is owed: to end a poll while a probe runs, before the close packet where the poll
    /// came after the close, and to a peer of revision 3 that could not be heard if it were there.
    pub(super) noop: Once,
}

/// What a receiver is to the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Current,
    FormerPoll,
    Stranger,
}

impl Attached {
    pub(super) fn new(id: ReceiverId) -> Self {
        Self {
            id,
            waiting_since: None,
            noop: Once::Done,
        }
    }

    fn stalls_at(&self, config: &Config) -> Option<Instant> {
        Some(after(self.waiting_since?, config.stall_timeout))
    }
}

impl Link {
    pub(super) fn new(transport: Transport) -> Self {
        match transport {
            Transport::Polling => Self::Polling {
                poll: None,
                probe: None,
            },
            Transport::WebSocket => Self::WebSocket {
                socket: None,
                former_poll: None,
            },
        }
    }

    pub(super) fn transport(&self) -> Transport {
        match self {
            Self::Polling { .. } => Transport::Polling,
            Self::WebSocket { .. } => Transport::WebSocket,
        }
    }

    pub(super) fn role(&self, receiver: ReceiverId) -> Role {
        if self.attached().is_some_and(|it| it.id == receiver) {
            return Role::Current;
        }
        match self {
            Self::WebSocket {
                former_poll: Some(id),
                ..
            } if *id == receiver => Role::FormerPoll,
            Self::Polling { .. } | Self::WebSocket { .. } => Role::Stranger,
        }
    }

    pub(super) fn attached(&self) -> Option<&Attached> {
        match self {
            Self::Polling { poll: it, .. } | Self::WebSocket { socket: it, .. } => it.as_ref(),
        }
    }

    pub(super) fn attached_mut(&mut self) -> Option<&mut Attached> {
        self.slot_mut().as_mut()
    }

    /// The place of the receiver.
    pub(super) fn slot_mut(&mut self) -> &mut Option<Attached> {
        match self {
            Self::Polling { poll: it, .. } | Self::WebSocket { socket: it, .. } => it,
        }
    }

    pub(super) fn has_former_poll(&self) -> bool {
        match self {
            Self::Polling { .. } => false,
            Self::WebSocket { former_poll, .. } => former_poll.is_some(),
        }
    }

    pub(super) fn forget_former_poll(&mut self) {
        match self {
            Self::Polling { .. } => {}
            Self::WebSocket { former_poll, .. } => *former_poll = None,
        }
    }

    /// The running probe.
    pub(super) fn probe(&self) -> Option<&Probe> {
        match self {
            Self::Polling { probe, .. } => probe.as_ref(),
            Self::WebSocket { .. } => None,
        }
    }

    /// The running probe's place, if it is this one's.
    pub(super) fn probe_slot(&mut self, id: ProbeId) -> Option<&mut Option<Probe>> {
        match self {
            Self::Polling { probe, .. } => {
                let is_current = probe.as_ref().is_some_and(|probe| probe.id == id);
                is_current.then_some(probe)
            }
            Self::WebSocket { .. } => None,
        }
    }

    /// Gives up a probe that is overdue, and ends the outstanding poll if the probe asks for it.
    /// Whether there was one to give up.
    pub(super) fn tick_probe(&mut self, now: Instant) -> bool {
        let Self::Polling {
            poll,
            probe: slot @ Some(_),
        } = self
        else {
            return false;
        };
        if slot.as_ref().is_some_and(|probe| probe.is_overdue(now)) {
            *slot = None;
            return true;
        }
        if let (Some(poll), Some(probe)) = (poll, slot) {
            if poll.noop == Once::Done && probe.ends_poll(now) {
                poll.noop = Once::Owed;
                poll.waiting_since.get_or_insert(now);
            }
        }
        false
    }

    /// Whether the receiver has taken nothing for too long.
    pub(super) fn is_stalled(&self, config: &Config, now: Instant) -> bool {
        let stalls_at = self.attached().and_then(|it| it.stalls_at(config));
        stalls_at.is_some_and(|at| at <= now)
    }

    /// The deadlines of the receiver and of the probe.
    pub(super) fn poll_timeout(&self, config: &Config) -> Option<Instant> {
        let stall = self.attached().and_then(|it| it.stalls_at(config));
        let (expires, noop_at) = match self {
            Self::Polling {
                poll,
                probe: Some(probe),
            } => {
                let has_idle_poll = poll.as_ref().is_some_and(|poll| poll.noop == Once::Done);
                let noop_at = probe.noop_at().filter(|_| has_idle_poll);
                (Some(probe.expires()), noop_at)
            }
            Self::Polling { probe: None, .. } | Self::WebSocket { .. } => (None, None),
        };
        earliest([stall, expires, noop_at])
    }
}
