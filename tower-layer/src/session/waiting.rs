//! Who waits for something of a session.

use std::{collections::BTreeMap, fmt, task::Waker};

use sockeye_core::engineio::ProbeId;
use tokio::sync::oneshot;

use crate::{common::Running, hooks::Data};

/// What most sessions never have.
#[derive(Default)]
pub(super) struct Rare {
    /// Tasks that wait in `send` for room in the outbox.
    pub(super) senders: Vec<Waker>,
    /// Requests that wait for their turn, the oldest first.
    pub(super) posts: BTreeMap<u64, Waker>,
    /// Places given so far in `posts`.
    pub(super) places: u64,
    /// Requests whose messages wait for room in the inbox.
    pub(super) deliveries: Vec<Waker>,
    /// Who wants to be told of the end.
    pub(super) farewells: Vec<Farewell>,
    /// The task that waits for the end alone.
    pub(super) watcher: Option<Waker>,
    /// The task of an Engine.IO session's POST in flight.
    pub(super) post: Option<Waker>,
    /// The tasks of WebSockets that want to take the session over from polling: the one that is
    /// let try, and those given up before it began that have not been told yet.
    pub(super) probes: Vec<(ProbeId, Waker)>,
    /// The driver that does.
    pub(super) successor: Option<oneshot::Sender<Running>>,
    /// What hooks attached.
    pub(super) data: Data,
}

pub(crate) type Farewell = Box<dyn FnOnce() + Send>;

/// Wakers, and whoever else is to be called once the lock is released.
#[derive(Default)]
pub(super) struct Wakes {
    pub(super) driver: Option<Waker>,
    pub(super) receiver: Option<Waker>,
    pub(super) reader: Option<Waker>,
    pub(super) tasks: Vec<Waker>,
    pub(super) farewells: Vec<Farewell>,
}

impl fmt::Debug for Rare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rare")
            .field("senders", &self.senders.len())
            .field("posts", &self.posts.len())
            .field("deliveries", &self.deliveries.len())
            .field("farewells", &self.farewells.len())
            .finish_non_exhaustive()
    }
}

impl Rare {
    pub(super) fn is_empty(&self) -> bool {
        self.senders.is_empty()
            && self.posts.is_empty()
            && self.deliveries.is_empty()
            && self.farewells.is_empty()
            && self.watcher.is_none()
            && self.probes.is_empty()
            && self.post.is_none()
            && self.successor.is_none()
            && self.data.is_empty()
    }
}

impl Wakes {
    pub(super) fn wake(self) {
        // Plain tests, since most of the time there is nobody.
        if let Some(driver) = self.driver {
            driver.wake();
        }
        if let Some(receiver) = self.receiver {
            receiver.wake();
        }
        if let Some(reader) = self.reader {
            reader.wake();
        }
        for task in self.tasks {
            task.wake();
        }
        for farewell in self.farewells {
            farewell();
        }
    }
}

/// Adds a task to those that wait.
pub(super) fn remember(tasks: &mut Vec<Waker>, waker: &Waker) {
    // A future polled again and again by one task is remembered once.
    if !tasks.iter().any(|task| task.will_wake(waker)) {
        tasks.push(waker.clone());
    }
}
