//! Finds the sessions of a mount by the id in their URL.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{common::Common, session::Shared};

/// The sessions that polling and streaming requests can find.
///
/// The lock guards the map alone: take the session out, release, then touch the session.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    /// `None` for an id whose first request is still being looked at.
    sessions: Mutex<HashMap<Arc<str>, Option<Arc<Shared>>>>,
}

/// An id that no other request can take, until this is filled or dropped.
pub(crate) struct Reserved {
    common: Arc<Common>,
    id: Option<Arc<str>>,
}

/// Whether an id is free.
pub(crate) enum Found {
    Free(Reserved),
    /// Another request for it is about to open the session.
    Taken,
    Session(Arc<Shared>),
}

impl Registry {
    pub(crate) fn get(&self, id: &str) -> Option<Arc<Shared>> {
        self.lock().get(id).cloned().flatten()
    }

    /// The session of that id, or the id itself for a session to come.
    pub(crate) fn find_or_reserve(common: &Arc<Common>, id: &str) -> Found {
        let id: Arc<str> = id.into();
        match common.registry.lock().entry(id.clone()) {
            Entry::Occupied(found) => match found.get() {
                Some(session) => Found::Session(session.clone()),
                None => Found::Taken,
            },
            Entry::Vacant(vacant) => {
                vacant.insert(None);
                Found::Free(Reserved {
                    common: common.clone(),
                    id: Some(id),
                })
            }
        }
    }

    /// Forgets `session`; another one that took its name stays.
    pub(crate) fn remove(&self, id: &str, session: &Arc<Shared>) {
        self.remove_if(id, |found| {
            found
                .as_ref()
                .is_some_and(|found| Arc::ptr_eq(found, session))
        });
    }

    fn remove_if(&self, id: &str, is_it: impl FnOnce(&Option<Arc<Shared>>) -> bool) {
        let mut sessions = self.lock();
        if sessions.get(id).is_some_and(is_it) {
            sessions.remove(id);
            if sessions.is_empty() {
                // A wave of sessions leaves no table behind.
                sessions.shrink_to_fit();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Option<Arc<Shared>>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reserved {
    /// Lets the session be found by the id, until `remove` is called with both.
    pub(crate) fn fill(mut self, session: &Arc<Shared>) -> Arc<str> {
        let id = self.id.take().unwrap_or_default();
        let mut sessions = self.common.registry.lock();
        sessions.insert(id.clone(), Some(session.clone()));
        id
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if let Some(id) = &self.id {
            self.common.registry.remove_if(id, Option::is_none);
        }
    }
}
