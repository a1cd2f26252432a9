//! Which live sessions belong to which login: each login is a room.

use std::time::Instant;

use sockeye::{Rooms, Session};
use tower_sessions::session::Id;

/// The close that a live session sees whose login was ended; codes from 4000 on are an
/// application's own.
pub(crate) const LOGGED_OUT: (u16, &str) = (4001, "Logged out");

/// The live sessions of each login, as many as its browser has tabs. A session leaves by itself when
/// it ends.
#[derive(Clone, Default)]
pub(crate) struct Live(Rooms);

impl Live {
    /// Remembers a live session of a login; false if it has ended already.
    pub(crate) fn enter(&self, login: Id, session: &Session) -> bool {
        self.0.join(room(login), session).is_ok()
    }

    /// Closes every live session of a login.
    pub(crate) fn log_out(&self, login: Id) {
        let (code, reason) = LOGGED_OUT;
        self.0.to(room(login)).close(code, reason);
    }

    /// Moves the end of every live session of a login.
    pub(crate) fn admit_until(&self, login: Id, until: Instant) {
        for session in self.0.members(&room(login)) {
            session.admit_until(until);
        }
    }

    /// Whether nobody is here.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn room(login: Id) -> String {
    format!("login:{login}")
}
