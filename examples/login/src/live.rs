//! Which live sessions belong to which login: each login is a room.

use std::time::Instant;

use serde::{Deserialize, Serialize};
use sockeye::{Rooms, Session};

/// The close that a live session sees whose login was ended; codes from 4000 on are an
/// application's own.
pub(crate) const LOGGED_OUT: (u16, &str) = (4001, "Logged out");

/// Names a login where others may see it.
///
/// tower-sessions' own id would not do: it is the cookie's value, and whoever has it is logged in,
/// while the names of rooms are shown by `Rooms::rooms`, to adapters and in logs.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct LoginId(u64);

impl LoginId {
    pub(crate) fn random() -> Result<Self, getrandom::Error> {
        getrandom::u64().map(Self)
    }
}

/// The live sessions of each login, as many as its browser has tabs. A session leaves by itself when
/// it ends.
#[derive(Clone, Default)]
pub(crate) struct Live(Rooms);

impl Live {
    /// Remembers a live session of a login; false if it has ended already.
    pub(crate) fn enter(&self, login: LoginId, session: &Session) -> bool {
        self.0.join(room(login), session).is_ok()
    }

    /// Closes every live session of a login.
    pub(crate) fn log_out(&self, login: LoginId) {
        let (code, reason) = LOGGED_OUT;
        self.0.to(room(login)).close(code, reason);
    }

    /// Moves the end of every live session of a login.
    pub(crate) fn admit_until(&self, login: LoginId, until: Instant) {
        for session in self.0.members(&room(login)) {
            session.admit_until(until);
        }
    }

    /// The names that anybody who can list rooms sees.
    #[cfg(test)]
    pub(crate) fn names(&self) -> Vec<String> {
        let rooms = self.0.rooms();
        rooms.iter().map(ToString::to_string).collect()
    }

    /// Whether nobody is here.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn room(login: LoginId) -> String {
    format!("login:{:016x}", login.0)
}
