//! What time brings: heartbeats, stalls, the end of probes and of patience.

use std::time::Instant;

use super::{
    Session, TransportError,
    heartbeat::{Once, Tick},
    link::Link,
    session::State,
};
use crate::session::{CloseReason, earliest};

impl Session {
    /// Lets time reach `now`: sends what is due, gives up on what is overdue.
    ///
    /// Harmless when nothing is due, so a timer may fire early, late or twice.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.expiry().is_some_and(|expiry| expiry <= now) {
            self.close(CloseReason::CredentialsExpired, now);
        }
        let hearing = self.hearing();
        match self.heartbeat.handle_timeout(&self.config, hearing, now) {
            Tick::Nothing => {}
            Tick::Pings => self.begin_wait(now),
            Tick::Calls => {
                if let Some(attached) = self.link_mut().and_then(Link::attached_mut) {
                    attached.noop = Once::Owed;
                    attached.waiting_since.get_or_insert(now);
                }
            }
            Tick::TimedOut => {
                self.fail(super::Reason::PingTimeout, now);
                return;
            }
        }
        match &mut self.state {
            State::Opening { link, .. } | State::Open(link) => {
                if link.is_stalled(&self.config, now) {
                    // It gets as long again to take its goodbye.
                    self.fail(TransportError::TooSlow, now);
                } else {
                    self.overdue_probes = self
                        .overdue_probes
                        .saturating_add(u8::from(link.tick_probe(now)));
                }
            }
            State::Closing { link, until, .. } => {
                let is_over = link.attached().is_none() && *until <= now;
                if is_over || link.is_stalled(&self.config, now) {
                    self.forget();
                } else {
                    self.overdue_probes = self
                        .overdue_probes
                        .saturating_add(u8::from(link.tick_probe(now)));
                }
            }
            State::Ending(leaving) => {
                if leaving.until <= now {
                    self.forget();
                }
            }
            State::Closed => {}
        }
    }

    /// When to call `handle_timeout` if nothing else happens first; `None` once closed.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let of_link = self.link().and_then(|link| link.poll_timeout(&self.config));
        let of_end = match &self.state {
            State::Opening { .. } | State::Open(_) | State::Closed => None,
            State::Closing { link, until, .. } => match link.attached() {
                Some(_) => None,
                None => Some(*until),
            },
            State::Ending(leaving) => Some(leaving.until),
        };
        earliest([
            self.expiry(),
            self.heartbeat.poll_timeout(),
            of_link,
            of_end,
        ])
    }

    /// Until when the session is admitted; `None` for as long as it lives. It may be moved either
    /// way; once the session is closing, that changes nothing.
    ///
    /// At that time the session is closed as `CredentialsExpired`.
    pub fn set_admitted_until(&mut self, until: Option<Instant>) {
        self.admitted_until = until.map(Box::new);
    }

    /// The time of an open session's own end.
    fn expiry(&self) -> Option<Instant> {
        match self.state {
            State::Opening { .. } | State::Open(_) => self.admitted_until.as_deref().copied(),
            State::Closing { .. } | State::Ending(_) | State::Closed => None,
        }
    }

    /// A part of a packet came: once per ping that gives the peer its time anew, as any packet does.
    pub fn handle_activity(&mut self, now: Instant) {
        self.heartbeat.handle_activity(&self.config, now);
    }
}
