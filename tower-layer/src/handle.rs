//! One handle over mounts and servers: who is there, and the drain.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use slab::Slab;
use sockeye_core::sockjs::CloseReason;
use tokio::sync::watch;

use crate::{
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
/// use sockeye_tower::{Handle, serve};
///
/// let handle = Handle::new();
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
/// let on_signal = handle.clone();
/// tokio::spawn(async move {
///     // tokio::signal::ctrl_c().await, or SIGTERM
///     on_signal.drain();
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
    draining: watch::Sender<bool>,
    /// Changes when the last session is gone.
    idle: watch::Sender<()>,
    limit_hits: LimitHits,
}

impl Handle {
    /// A handle over nothing yet.
    pub fn new() -> Self {
        Self {
            inner: Arc::new(Inner {
                sessions: Mutex::default(),
                live: AtomicUsize::new(0),
                draining: watch::Sender::new(false),
                idle: watch::Sender::new(()),
                limit_hits: LimitHits::default(),
            }),
        }
    }

    /// Starts the drain and returns at once; more calls change nothing.
    ///
    /// New sessions are answered 503 with `Retry-After`. Live ones are told: SockJS
    /// `c[1001,"Going away"]`, WebSocket 1001; what was sent before goes out first. Their handlers
    /// see the end and may finish.
    pub fn drain(&self) {
        if self.inner.draining.send_replace(true) {
            return;
        }
        let sessions: Vec<Arc<Shared>> = self
            .lock()
            .iter()
            .map(|(_, session)| session.clone())
            .collect();
        for session in sessions {
            session.close(CloseReason::GoingAway);
        }
    }

    /// Whether the drain has started: the time to answer readiness probes with 503.
    pub fn is_draining(&self) -> bool {
        *self.inner.draining.borrow()
    }

    /// Waits until the drain starts.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn draining(&self) {
        let mut draining = self.inner.draining.subscribe();
        // The sender lives as long as this handle, so waiting cannot fail.
        let _ = draining.wait_for(|draining| *draining).await;
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

    pub(crate) fn count(&self, limit: Limit) {
        self.inner.limit_hits.count(limit);
    }

    pub(crate) fn insert(&self, session: Arc<Shared>) -> usize {
        let key = {
            let mut sessions = self.lock();
            self.inner.live.fetch_add(1, Ordering::AcqRel);
            sessions.insert(session.clone())
        };
        // The drain may have walked the list just before.
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
