//! One handle over mounts and servers: who is there, and the drain.

use std::{
    fmt,
    future::Future,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use slab::Slab;
use sockeye_core::session::CloseReason;
use tokio::{sync::watch, time::Instant};

use crate::{
    DrainPolicy, drain,
    limit::{Limit, LimitHits},
    session::Shared,
};

/// Ends the mounts and servers it was given to without losing anyone silently.
///
/// Give one handle to every mount ([`SockJs::handle`](crate::SockJs::handle)) and to
/// [`serve`](crate::serve), and call [`drain`](Self::drain) when the process is asked to stop.
/// Cheap to clone.
///
/// # Example
///
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// # let app = sockeye_tower::SockJs::new(|_: sockeye_tower::Session| async {}).service();
/// use sockeye_tower::{DrainPolicy, Handle, serve};
///
/// let handle = Handle::new();
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
/// let on_signal = handle.clone();
/// tokio::spawn(async move {
///     // tokio::signal::ctrl_c().await, or SIGTERM
///     on_signal.drain(DrainPolicy::new()).await;
/// });
/// serve(listener, app).handle(&handle).await
/// # }
/// ```
#[derive(Clone)]
pub struct Handle {
    inner: Arc<Inner>,
}

struct Inner {
    sessions: Mutex<Slab<Arc<Shared>>>,
    live: AtomicUsize,
    draining: watch::Sender<Option<Draining>>,
    /// Changes when the last session is gone.
    idle: watch::Sender<()>,
    /// Sessions that were cut at the end of the drain, once it is over.
    drained: watch::Sender<Option<usize>>,
    limit_hits: LimitHits,
}

/// A drain that has started.
#[derive(Clone, Copy, Debug)]
struct Draining {
    policy: DrainPolicy,
    ends: Instant,
}

impl Handle {
    /// A handle over nothing yet.
    pub fn new() -> Self {
        Self {
            inner: Arc::new(Inner {
                sessions: Mutex::default(),
                live: AtomicUsize::new(0),
                draining: watch::Sender::new(None),
                idle: watch::Sender::new(()),
                drained: watch::Sender::new(None),
                limit_hits: LimitHits::default(),
            }),
        }
    }

    /// Starts the drain; the future waits for its end and tells how many sessions had to be cut.
    ///
    /// From the call on [`is_draining`](Self::is_draining) is true and new sessions are answered
    /// 503 with `Retry-After`. Live ones are told to go, spread over the policy's window: SockJS
    /// `c[1001,"Going away"]`, WebSocket 1001, an event stream ends; what was sent before goes out
    /// first. A poll that waits is answered. Handlers see the end and may finish. What is still
    /// there at the policy's bound is cut, its handler with it.
    ///
    /// The drain goes on by itself, whether the future is awaited or dropped. Another call changes
    /// nothing and waits for the same end.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub fn drain(&self, policy: DrainPolicy) -> impl Future<Output = usize> + Send + use<> {
        let ends = Instant::now() + policy.bound;
        let starts = self.inner.draining.send_if_modified(|draining| {
            let starts = draining.is_none();
            draining.get_or_insert(Draining { policy, ends });
            starts
        });
        if starts {
            drain::start(self.clone(), self.all(), policy.window, ends);
        }
        let mut drained = self.inner.drained.subscribe();
        let handle = self.clone();
        async move {
            let drained = drained.wait_for(Option::is_some).await;
            drop(handle);
            // The handle that was kept till here holds the sender.
            drained.map_or(0, |cut| cut.unwrap_or(0))
        }
    }

    /// Whether the drain has started: the time to answer readiness probes with 503.
    pub fn is_draining(&self) -> bool {
        self.inner.draining.borrow().is_some()
    }

    /// What `Retry-After` says to sessions that come too late, in seconds.
    pub(crate) fn retry_after(&self) -> u64 {
        let draining = self.inner.draining.borrow();
        draining.map_or(DrainPolicy::RETRY_AFTER, |draining| {
            draining.policy.retry_after
        })
    }

    /// When the drain that has started is over at the latest.
    pub(crate) fn drain_ends(&self) -> Option<Instant> {
        self.inner.draining.borrow().map(|draining| draining.ends)
    }

    /// The drain's bound has come: whatever is left ends now.
    pub(crate) fn cut(&self) {
        let sessions = self.all();
        for session in &sessions {
            session.cut();
        }
        self.inner.drained.send_replace(Some(sessions.len()));
    }

    /// Waits until the drain starts.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn draining(&self) {
        let mut draining = self.inner.draining.subscribe();
        // The sender lives as long as this handle, so waiting cannot fail.
        let _ = draining.wait_for(Option::is_some).await;
    }

    /// Sessions that have not ended yet, their handlers included.
    pub fn sessions(&self) -> usize {
        self.inner.live.load(Ordering::Acquire)
    }

    /// Waits until there are no sessions.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn idle(&self) {
        let mut idle = self.inner.idle.subscribe();
        while self.sessions() > 0 {
            if idle.changed().await.is_err() {
                return;
            }
        }
    }

    /// How often a limit was reached since this handle was made.
    pub fn limit_hits(&self, limit: Limit) -> u64 {
        self.inner.limit_hits.get(limit)
    }

    /// Counts that a limit was reached: for who builds a protocol on the sessions of a mount.
    pub fn count(&self, limit: Limit) {
        self.inner.limit_hits.count(limit);
    }

    pub(crate) fn insert(&self, session: Arc<Shared>) -> usize {
        let key = {
            let mut sessions = self.lock();
            self.inner.live.fetch_add(1, Ordering::AcqRel);
            sessions.insert(session.clone())
        };
        // The drain may have looked at the list just before.
        if self.is_draining() {
            session.close(CloseReason::GoingAway);
        }
        key
    }

    pub(crate) fn remove(&self, key: usize) {
        let removed = {
            let mut sessions = self.lock();
            let removed = sessions.try_remove(key);
            if sessions.is_empty() {
                // A wave of sessions leaves no table behind.
                *sessions = Slab::new();
            }
            removed
        };
        if removed.is_some() && self.inner.live.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.inner.idle.send_replace(());
        }
    }

    fn all(&self) -> Vec<Arc<Shared>> {
        let sessions = self.lock();
        sessions
            .iter()
            .map(|(_, session)| session.clone())
            .collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Slab<Arc<Shared>>> {
        self.inner
            .sessions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Handle {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("sessions", &self.sessions())
            .field("is_draining", &self.is_draining())
            .finish()
    }
}
