//! The probe dance: how a polling session tries a WebSocket before it moves there.
//!
//! ```text
//!             begin_probe           2probe -> 3probe              5
//!  (polling) ------------> Silent --------------------> Answered ----> (websocket)
//!                            |  \_________________________ 5 ____________^
//!                            |                             |
//!                            +-- anything else, its end, the upgrade timeout: (polling) as before
//! ```

use std::time::Instant;

use super::{
    Config, Packet, ReceiverId, Session,
    link::{Attached, Link},
    session::State,
};
use crate::{limits, session::after};

/// Names one probe, so that a late word about an old one changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeId(pub(super) u32);

/// Why a WebSocket that wants to take over is closed at once. The session is untouched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Another WebSocket is probing.
    Probing,
    /// The session has its WebSocket already.
    Upgraded,
    /// The session has not opened yet, is closing or is gone.
    NotOpen,
}

/// What a probing WebSocket does after a packet of its peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probed {
    /// It writes `3probe`, before it reads on.
    Reply,
    /// It is the session's receiver from now on; what it reads is the session's.
    Upgraded(ReceiverId),
    /// It is closed. The session goes on polling, if it goes on.
    GiveUp,
}

impl Session {
    /// A WebSocket wants to take over from polling.
    ///
    /// # Errors
    ///
    /// When it cannot; the WebSocket is closed without a word.
    pub fn begin_probe(&mut self, now: Instant) -> Result<ProbeId, Refused> {
        match &self.state {
            State::Open(Link::Polling { probe: None, .. }) => {}
            State::Open(Link::Polling { probe: Some(_), .. }) => return Err(Refused::Probing),
            State::Open(Link::WebSocket { .. }) => return Err(Refused::Upgraded),
            State::Opening { .. } | State::Closing { .. } | State::Ending(_) | State::Closed => {
                return Err(Refused::NotOpen);
            }
        }
        let id = ProbeId(self.next_name());
        let begun = Probe::new(id, &self.config, now);
        match &mut self.state {
            State::Open(Link::Polling { probe, .. }) => *probe = Some(begun),
            State::Open(Link::WebSocket { .. })
            | State::Opening { .. }
            | State::Closing { .. }
            | State::Ending(_)
            | State::Closed => {}
        }
        Ok(id)
    }

    /// A packet came on the WebSocket of `probe`. What cannot be decoded is a matter for
    /// `end_probe`.
    ///
    /// A session that was closed meanwhile is still moved by `5`: what waits goes out by the
    /// WebSocket, and then the farewell.
    pub fn handle_probe(&mut self, probe: ProbeId, packet: &Packet, now: Instant) -> Probed {
        let was_heard = self.is_heard();
        let Some(slot) = self.link_mut().and_then(|link| link.probe_slot(probe)) else {
            return Probed::GiveUp;
        };
        let is_overdue = slot.as_ref().is_some_and(|probe| probe.is_overdue(now));
        let step = slot
            .as_mut()
            .filter(|_| !is_overdue)
            .map_or(Step::GiveUp, |probe| probe.handle_packet(packet, now));
        match step {
            Step::GiveUp => {
                *slot = None;
                self.overdue_probes = self.overdue_probes.saturating_add(u8::from(is_overdue));
                Probed::GiveUp
            }
            Step::Reply => {
                // A POST that was held may be let in now.
                if !was_heard {
                    self.heartbeat.excuse();
                }
                if let Some(link) = self.link_mut() {
                    // It was not overdue just now.
                    let _ = link.tick_probe(now);
                }
                Probed::Reply
            }
            Step::Upgrade => Probed::Upgraded(self.upgrade(now)),
        }
    }

    /// The WebSocket of `probe` is gone, or spoke nonsense. Changes nothing when the probe is over.
    pub fn end_probe(&mut self, probe: ProbeId) {
        if let Some(slot) = self.link_mut().and_then(|link| link.probe_slot(probe)) {
            *slot = None;
        }
    }

    /// Whether `probe` is still running; if not, and it did not become the receiver, its WebSocket
    /// is closed.
    pub fn is_probing(&self, probe: ProbeId) -> bool {
        let running = self.link().and_then(Link::probe);
        running.is_some_and(|running| running.id == probe)
    }

    /// How many probes the upgrade timeout has ended since the last call.
    pub fn take_overdue_probes(&mut self) -> u8 {
        std::mem::take(&mut self.overdue_probes)
    }

    /// Whether any probe is running.
    pub fn has_probe(&self) -> bool {
        self.link().and_then(Link::probe).is_some()
    }

    /// Whether a probe was answered, so that the client is about to move.
    pub(super) fn is_upgrading(&self) -> bool {
        let probe = self.link().and_then(Link::probe);
        probe.is_some_and(|probe| probe.noop_at().is_some())
    }

    /// Moves to the WebSocket. A POST in flight stays what it is; heartbeats go on as they were.
    fn upgrade(&mut self, now: Instant) -> ReceiverId {
        let id = self.next_receiver();
        if let Some(link) = self.link_mut() {
            *link = Link::WebSocket {
                former_poll: link.attached().map(|poll| poll.id),
                socket: Some(Attached::new(id)),
            };
        }
        self.events.upgraded = self.is_open();
        if self.has_transmit(id) {
            self.begin_wait(now);
        }
        id
    }
}

/// One WebSocket that probes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Probe {
    pub(super) id: ProbeId,
    /// When it is given up.
    expires: Instant,
    stage: Stage,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// Nothing has come on it.
    Silent,
    /// It was answered, so the client wants to stop polling: a poll that is outstanding at this
    /// time is ended with a noop.
    Answered { noop_at: Instant },
}

/// What a packet on the probing WebSocket asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Reply,
    Upgrade,
    GiveUp,
}

impl Probe {
    pub(super) fn new(id: ProbeId, config: &Config, now: Instant) -> Self {
        Self {
            id,
            expires: after(now, config.upgrade_timeout),
            stage: Stage::Silent,
        }
    }

    /// A packet came on the probing WebSocket.
    pub(super) fn handle_packet(&mut self, packet: &Packet, now: Instant) -> Step {
        match packet {
            Packet::Ping(data) if &**data == PROBE => {
                // The first check is at once.
                self.stage = Stage::Answered { noop_at: now };
                Step::Reply
            }
            Packet::Upgrade => Step::Upgrade,
            Packet::Open(_)
            | Packet::Close
            | Packet::Ping(_)
            | Packet::Pong(_)
            | Packet::Message(_)
            | Packet::Noop => Step::GiveUp,
        }
    }

    /// Whether an outstanding poll is to be ended with a noop now; if so, the next may be in 100 ms.
    pub(super) fn ends_poll(&mut self, now: Instant) -> bool {
        match &mut self.stage {
            Stage::Answered { noop_at } if *noop_at <= now => {
                *noop_at = after(now, limits::UPGRADE_NOOP_INTERVAL);
                true
            }
            Stage::Silent | Stage::Answered { .. } => false,
        }
    }

    /// Whether it has taken too long.
    pub(super) fn is_overdue(&self, now: Instant) -> bool {
        self.expires <= now
    }

    /// When it is overdue.
    pub(super) fn expires(&self) -> Instant {
        self.expires
    }

    /// When an outstanding poll is to be ended.
    pub(super) fn noop_at(&self) -> Option<Instant> {
        match self.stage {
            Stage::Silent => None,
            Stage::Answered { noop_at } => Some(noop_at),
        }
    }
}

/// What a probing ping says.
const PROBE: &str = "probe";
