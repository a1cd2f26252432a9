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
    /// It was not read for a while, so a heartbeat may still be on its way to us; or it polled
    /// meanwhile.
    Excused,
}

/// Whether the peer could be heard if it said something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hearing {
    Clear,
    /// Its POST is held, and a heartbeat may be in it or behind it. Its polls still come.
    PostHeld {
        /// Whether one is outstanding.
        polls: bool,
    },
    /// Its WebSocket is not read.
    SocketHeld,
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
    /// Revision 3: the receiver is to take something, so that a peer which is gone shows.
    Calls,
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
                ping: Once::Owed, ..
            } => {
                self.handle_activity(config, now);
                Ok(())
            }
            // It may have waited to be read since shortly after its ping. The client, which gives up
            // without another one, has counted from there.
            Self::Awaited {
                ping: Once::Done,
                silence: Silence::Excused,
                ..
            } => {
                *self = Self::Due(now);
                Ok(())
            }
            Self::Due(_)
            | Self::Awaited {
                ping: Once::Done,
                silence: Silence::Counts,
                ..
            } => {
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

    /// A poll came from a peer that cannot be heard otherwise.
    pub(super) fn handle_poll(&mut self) {
        match self {
            Self::Expected { silence, .. } => *silence = Silence::Excused,
            // Whether its ping was taken says as much.
            Self::Due(_) | Self::Awaited { .. } | Self::Over => {}
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

    /// Lets time reach `now`.
    ///
    /// A peer that is overdue and cannot be heard is told something again and again: its own timers
    /// want that, and a peer that is gone shows by it. It polls no more, or its connection breaks.
    pub(super) fn handle_timeout(
        &mut self,
        config: &Config,
        hearing: Hearing,
        now: Instant,
    ) -> Tick {
        let renewed = after(now, config.ping_timeout);
        match self {
            Self::Due(at) if *at <= now => {
                *self = Self::pinging(renewed);
                Tick::Pings
            }
            Self::Awaited {
                expires,
                ping,
                silence,
                ..
            } if *expires <= now => match (hearing, *silence, *ping) {
                (Hearing::Clear, Silence::Counts, _)
                | (Hearing::PostHeld { .. }, _, Once::Owed) => Tick::TimedOut,
                (Hearing::Clear, Silence::Excused, _) => {
                    (*expires, *silence) = (renewed, Silence::Counts);
                    Tick::Nothing
                }
                (Hearing::PostHeld { .. }, _, Once::Done) | (Hearing::SocketHeld, _, _) => {
                    *self = Self::pinging(renewed);
                    Tick::Pings
                }
            },
            Self::Expected {
                expires, silence, ..
            } if *expires <= now => {
                let tick = match (hearing, *silence) {
                    (Hearing::Clear | Hearing::PostHeld { polls: false }, Silence::Counts) => {
                        return Tick::TimedOut;
                    }
                    (Hearing::Clear, Silence::Excused) => Tick::Nothing,
                    (Hearing::PostHeld { .. } | Hearing::SocketHeld, _) => Tick::Calls,
                };
                (*expires, *silence) = (renewed, Silence::Counts);
                tick
            }
            Self::Due(_) | Self::Awaited { .. } | Self::Expected { .. } | Self::Over => {
                Tick::Nothing
            }
        }
    }

    /// A ping waits, and an answer to it until `expires`.
    fn pinging(expires: Instant) -> Self {
        Self::Awaited {
            expires,
            ping: Once::Owed,
            renewal: Once::Owed,
            silence: Silence::Counts,
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
            Self::Awaited { ping, .. } => ping.take().then_some(Beat::Ping),
            Self::Expected { pong, .. } => pong.take().then_some(Beat::Pong),
            Self::Due(_) | Self::Over => None,
        }
    }
}
