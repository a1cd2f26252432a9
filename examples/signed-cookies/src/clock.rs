//! The time of day, moved on by the clock that live sessions expire by.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// Tells the time in milliseconds since 1970, and when such a time comes by tokio's clock.
///
/// A ticket says a time of day, since it outlives the process; a live session's end is an
/// `Instant`. Both are taken from tokio's clock, so that a test which pauses it moves both.
#[derive(Clone, Copy)]
pub(crate) struct Clock {
    began: Instant,
    began_at: Duration,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            began_at: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default(),
        }
    }

    /// Milliseconds since 1970.
    pub(crate) fn now(self) -> u64 {
        let now = self.began_at + self.began.elapsed();
        u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
    }

    /// When that time comes; now, if it has passed.
    pub(crate) fn instant(self, millis: u64) -> std::time::Instant {
        let ahead = Duration::from_millis(millis.saturating_sub(self.now()));
        (Instant::now() + ahead).into_std()
    }
}
