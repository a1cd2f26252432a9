//! Finds the sessions of a mount by the id in their URL.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::session::Shared;

/// The sessions that polling and streaming requests can find.
///
/// The lock guards the map alone: take the session out, release, then touch the session.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    sessions: Mutex<HashMap<Box<str>, Arc<Shared>>>,
}

impl Registry {
    pub(crate) fn get(&self, id: &str) -> Option<Arc<Shared>> {
        self.lock().get(id).cloned()
    }

    /// The session of that name, or `session` from now on.
    pub(crate) fn get_or_insert(&self, id: &str, session: &Arc<Shared>) -> Arc<Shared> {
        self.lock()
            .entry(id.into())
            .or_insert_with(|| session.clone())
            .clone()
    }

    /// Forgets `session`; another one that took its name stays.
    pub(crate) fn remove(&self, id: &str, session: &Arc<Shared>) {
        let mut sessions = self.lock();
        if sessions
            .get(id)
            .is_some_and(|found| Arc::ptr_eq(found, session))
        {
            sessions.remove(id);
            if sessions.is_empty() {
                // A wave of sessions leaves no table behind.
                sessions.shrink_to_fit();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Arc<Shared>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
