//! What a connection is doing, as far as its timer has to know.

use super::{Limits, acceptor::AnyAcceptor};
use crate::Handle;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{sync::watch, time::Instant};

/// What all connections of one server share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) limits: Limits,
    pub(super) acceptor: Option<AnyAcceptor>,
    /// Where what happens at the limits is counted.
    pub(super) handle: Handle,
    /// Counts, by its receivers, the connections that a drain waits for.
    pub(super) held: watch::Sender<()>,
    started: Instant,
}

impl Shared {
    pub(super) fn new(limits: Limits, acceptor: Option<AnyAcceptor>, handle: Handle) -> Self {
        Self {
            limits,
            acceptor,
            handle,
            held: watch::Sender::new(()),
            started: Instant::now(),
        }
    }

    /// Milliseconds since the server started, never 0: that stands for "not yet".
    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis())
            .map_or(u64::MAX, |ms| ms.saturating_add(1))
    }

    fn at(&self, stamp: u64, later: Duration) -> Instant {
        let from = self.started + Duration::from_millis(stamp - 1);
        after(from, later)
    }
}

/// `from + later`, or so late that nobody waits for it.
pub(super) fn after(from: Instant, later: Duration) -> Instant {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
    from + later.min(YEAR)
}

/// One connection's marks, set by those who see something happen, read by its timer.
///
/// Stamps instead of deadlines: nothing touches the timer while requests come and go.
#[derive(Debug)]
pub(super) struct Activity {
    pub(super) shared: Arc<Shared>,
    /// Requests being answered; over HTTP/2 also tunnels.
    busy: AtomicUsize,
    /// When the connection was accepted or the last answer ended.
    quiet_since: AtomicU64,
    /// When the first byte came after that; 0 if none has.
    head_since: AtomicU64,
    seen_request: AtomicBool,
    /// A write waits for the peer; how long it may is `Io`'s business.
    blocked: AtomicBool,
}

impl Activity {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let now = shared.now();
        Self {
            shared,
            busy: AtomicUsize::new(0),
            quiet_since: AtomicU64::new(now),
            head_since: AtomicU64::new(now),
            seen_request: AtomicBool::new(false),
            blocked: AtomicBool::new(false),
        }
    }

    pub(super) fn saw_bytes(&self) {
        if self.busy.load(Ordering::Acquire) == 0 && self.head_since.load(Ordering::Relaxed) == 0 {
            self.head_since.store(self.shared.now(), Ordering::Relaxed);
        }
    }

    pub(super) fn saw_request(&self) {
        self.seen_request.store(true, Ordering::Release);
    }

    pub(super) fn has_seen_request(&self) -> bool {
        self.seen_request.load(Ordering::Acquire)
    }

    pub(super) fn set_blocked(&self, blocked: bool) {
        self.blocked.store(blocked, Ordering::Release);
    }

    /// When the connection has waited long enough; `None` while it is the peer that waits.
    pub(super) fn due(&self, version: Version) -> Option<Instant> {
        if self.busy.load(Ordering::Acquire) > 0 || self.blocked.load(Ordering::Acquire) {
            return None;
        }
        let limits = &self.shared.limits;
        let head = self.head_since.load(Ordering::Relaxed);
        // Between HTTP/2 requests come frames that are no part of a head.
        let in_head = match version {
            Version::Http1 => head != 0,
            Version::Http2 => !self.has_seen_request(),
        };
        Some(if in_head {
            self.shared.at(head.max(1), limits.head_timeout)
        } else {
            let quiet = self.quiet_since.load(Ordering::Relaxed);
            self.shared.at(quiet, limits.idle_timeout)
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    Http1,
    Http2,
}

/// While it lives, its connection is not idle.
#[derive(Debug)]
pub(super) struct Busy(Arc<Activity>);

impl Busy {
    pub(super) fn new(activity: &Arc<Activity>) -> Self {
        activity.busy.fetch_add(1, Ordering::AcqRel);
        Self(activity.clone())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        // Before the count, or the timer could see an idle connection with an old stamp.
        self.0.head_since.store(0, Ordering::Relaxed);
        self.0
            .quiet_since
            .store(self.0.shared.now(), Ordering::Relaxed);
        self.0.busy.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: Duration = Duration::from_secs(30);
    const IDLE: Duration = Duration::from_secs(75);

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_due_by_what_it_waits_for() {
        use Version::{Http1, Http2};
        let activity = Arc::new(Activity::new(Arc::new(Shared::new(
            Limits::default(),
            None,
            Handle::new(),
        ))));
        let accepted = Instant::now();
        assert_eq!(
            activity.due(Http1),
            Some(accepted + HEAD),
            "nothing said yet"
        );
        assert_eq!(
            activity.due(Http2),
            Some(accepted + HEAD),
            "preface, then nothing"
        );

        activity.saw_request();
        let busy = Busy::new(&activity);
        tokio::time::advance(HEAD * 10).await;
        assert_eq!(activity.due(Http1), None, "an answer in progress may last");
        let second = Busy::new(&activity);
        drop(busy);
        assert_eq!(activity.due(Http2), None, "so may another stream's");
        drop(second);
        let answered = Instant::now();
        assert_eq!(activity.due(Http1), Some(answered + IDLE));

        tokio::time::advance(HEAD).await;
        activity.saw_bytes();
        let begun = Instant::now();
        tokio::time::advance(HEAD / 2).await;
        activity.saw_bytes();
        assert_eq!(
            activity.due(Http1),
            Some(begun + HEAD),
            "each byte gains no time"
        );
        assert_eq!(
            activity.due(Http2),
            Some(answered + IDLE),
            "a ping is no head"
        );

        activity.set_blocked(true);
        assert_eq!(activity.due(Http1), None, "a slow reader is not idle");
    }
}
