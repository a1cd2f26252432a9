//! Which live sessions belong to which login.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use sockeye::{Sender, SessionId};
use tower_sessions::session::Id;

/// The close that a live session sees whose login was ended; 4000 and above are the application's.
pub(crate) const LOGGED_OUT: (u16, &str) = (4001, "Logged out");

/// The live sessions of each login, as many as its browser has tabs.
#[derive(Default)]
pub(crate) struct Live(Mutex<HashMap<Id, HashMap<SessionId, Sender>>>);

/// A live session's entry, until it is dropped.
pub(crate) struct Entry {
    live: Arc<Live>,
    login: Id,
    session: SessionId,
}

impl Live {
    /// Remembers a live session of a login.
    pub(crate) fn enter(self: &Arc<Self>, login: Id, sender: Sender) -> Entry {
        let session = sender.id();
        self.lock().entry(login).or_default().insert(session, sender);
        Entry {
            live: self.clone(),
            login,
            session,
        }
    }

    /// Closes every live session of a login.
    pub(crate) fn log_out(&self, login: Id) {
        let (code, reason) = LOGGED_OUT;
        for sender in self.of(login) {
            sender.close(code, reason);
        }
    }

    /// Moves the end of every live session of a login.
    pub(crate) fn admit_until(&self, login: Id, until: Instant) {
        for sender in self.of(login) {
            sender.admit_until(until);
        }
    }

    /// How many logins have live sessions.
    #[cfg(test)]
    pub(crate) fn logins(&self) -> usize {
        self.lock().len()
    }

    fn of(&self, login: Id) -> Vec<Sender> {
        let live = self.lock();
        let senders = live.get(&login).into_iter().flat_map(HashMap::values);
        senders.cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Id, HashMap<SessionId, Sender>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut live = self.live.lock();
        if let Some(sessions) = live.get_mut(&self.login) {
            sessions.remove(&self.session);
            if sessions.is_empty() {
                live.remove(&self.login);
            }
        }
    }
}
