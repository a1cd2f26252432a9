//! Heartbeats: the server pings in revision 4, the client in revision 3.

use std::time::Instant;

use super::{Config, Revision};
use crate::session::after;

/// Where a session stands with its heartbeat, whatever its transport: an upgrade does not disturb it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Heartbeat {
    /// Revision 4: the next ping is due at this time.
    Due(Instant),
    /// Revision 4: the peer owes a pong.
    Awaited {
        /// Pings that a receiver has taken: more than one where the peer was not read for long.
        unanswered: u8,
        expires: Instant,
        /// The ping itself, until a receiver takes it.
        ping: Once,
        /// Any packet renews the time once per ping, so that a client that sends something large
        /// is not cut.
        renewal: Once,
        silence: Silence,
    },
    /// Revision 3: the peer owes a ping.
    Expected {
        expires: Instant,
        /// Our pong to the latest ping; pings that came before it was taken have one together.
        pong: Once,
        silence: Silence,
    },
    /// The session is closing: none is sent, and none must come.
    Over,
}

/// Something that is done once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Once {
    Owed,
    Done,
}

/// What a peer that is overdue is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Silence {
    Counts,
    /// It was not read for a while, so a heartbeat may still be on its way to us.
    Excused,
}

/// A heartbeat that a receiver takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beat {
    Ping,
    Pong,
}

/// What time brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tick {
    Nothing,
    /// A ping waits to be taken.
    Pings,
    /// The peer has been silent for too long.
    TimedOut,
}

/// The peer sent the heartbeat that is not its to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WrongDirection;

impl Once {
    /// Does it; whether it was still owed.
    fn take(&mut self) -> bool {
        std::mem::replace(self, Self::Done) == Self::Owed
    }
}

impl Heartbeat {
    /// Counted from the opening.
    pub(super) fn new(revision: Revision, config: &Config, now: Instant) -> Self {
        match revision {
            Revision::V4 => Self::Due(after(now, config.ping_interval)),
            Revision::V3 => Self::Expected {
                expires: after(after(now, config.ping_interval), config.ping_timeout),
                pong: Once::Done,
                silence: Silence::Counts,
            },
        }
    }

    /// The peer sent a ping; a pong waits from now on.
    pub(super) fn handle_ping(
        &mut self,
        config: &Config,
        now: Instant,
    ) -> Result<(), WrongDirection> {
        match self {
            Self::Expected { .. } => {
                *self = Self::Expected {
                    expires: after(after(now, config.ping_interval), config.ping_timeout),
                    pong: Once::Owed,
                    silence: Silence::Counts,
                };
                Ok(())
            }
            Self::Due(_) | Self::Awaited { .. } => Err(WrongDirection),
            Self::Over => Ok(()),
        }
    }

    /// The peer sent a pong, asked for or not; the interval starts anew. One that crosses a ping
    /// which nobody has taken is no answer to it.
    pub(super) fn handle_pong(
        &mut self,
        config: &Config,
        now: Instant,
    ) -> Result<(), WrongDirection> {
        match self {
            Self::Awaited {
                unanswered,
                ping,
                silence,
                ..
            } => {
                *unanswered = unanswered.saturating_sub(1);
                if *ping == Once::Owed || *unanswered > 0 {
                    self.handle_activity(config, now);
                    return Ok(());
                }
                *self = Self::Due(match silence {
                    Silence::Counts => after(now, config.ping_interval),
                    // It may have waited to be read since shortly after its ping. The client, which
                    // gives up without another one, has counted from there.
                    Silence::Excused => now,
                });
                Ok(())
            }
            Self::Due(_) => {
                *self = Self::Due(after(now, config.ping_interval));
                Ok(())
            }
            Self::Expected { .. } => Err(WrongDirection),
            Self::Over => Ok(()),
        }
    }

    /// The peer sent something else, or a part of it.
    pub(super) fn handle_activity(&mut self, config: &Config, now: Instant) {
        match self {
            Self::Awaited {
                expires, renewal, ..
            } => {
                if renewal.take() {
                    *expires = after(now, config.ping_timeout);
                }
            }
            Self::Due(_) | Self::Expected { .. } | Self::Over => {}
        }
    }

    /// The peer is read again after it was not.
    pub(super) fn excuse(&mut self) {
        match self {
            Self::Awaited { silence, .. } | Self::Expected { silence, .. } => {
                *silence = Silence::Excused;
            }
            Self::Due(_) | Self::Over => {}
        }
    }

    /// Lets time reach `now`; `is_heard` says whether the peer could have been heard.
    pub(super) fn handle_timeout(&mut self, config: &Config, is_heard: bool, now: Instant) -> Tick {
        match self {
            Self::Due(at) if *at <= now => {
                *self = Self::Awaited {
                    unanswered: 0,
                    expires: after(now, config.ping_timeout),
                    ping: Once::Owed,
                    renewal: Once::Owed,
                    silence: Silence::Counts,
                };
                Tick::Pings
            }
            Self::Awaited {
                expires, silence, ..
            }
            | Self::Expected {
                expires, silence, ..
            } if *expires <= now => {
                if is_heard && *silence == Silence::Counts {
                    return Tick::TimedOut;
                }
                *expires = after(now, config.ping_timeout);
                *silence = Silence::Counts;
                self.ping_unheard(is_heard)
            }
            Self::Due(_) | Self::Awaited { .. } | Self::Expected { .. } | Self::Over => {
                Tick::Nothing
            }
        }
    }

    /// A peer that is not read is pinged all the same: it gives up without, and the connection of
    /// one that is gone is noticed only when something is written.
    fn ping_unheard(&mut self, is_heard: bool) -> Tick {
        match self {
            Self::Awaited { ping, .. } if !is_heard => {
                *ping = Once::Owed;
                Tick::Pings
            }
            Self::Due(_) | Self::Awaited { .. } | Self::Expected { .. } | Self::Over => {
                Tick::Nothing
            }
        }
    }

    /// When to call `handle_timeout`.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Due(at) => Some(*at),
            Self::Awaited { expires, .. } | Self::Expected { expires, .. } => Some(*expires),
            Self::Over => None,
        }
    }

    /// Whether a heartbeat waits to be taken.
    pub(super) fn is_owed(&self) -> bool {
        match self {
            Self::Awaited { ping, .. } => *ping == Once::Owed,
            Self::Expected { pong, .. } => *pong == Once::Owed,
            Self::Due(_) | Self::Over => false,
        }
    }

    /// Takes the heartbeat that waits.
    pub(super) fn take(&mut self) -> Option<Beat> {
        match self {
            Self::Awaited {
                ping, unanswered, ..
            } => {
                let is_owed = ping.take();
                *unanswered = unanswered.saturating_add(is_owed.into());
                is_owed.then_some(Beat::Ping)
            }
            Self::Expected { pong, .. } => pong.take().then_some(Beat::Pong),
            Self::Due(_) | Self::Over => None,
        }
    }
}
