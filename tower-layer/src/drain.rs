//! How live sessions are sent away when the server goes.

use std::{sync::Arc, time::Duration};

use sockeye_core::session::CloseReason;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::{Handle, ident, session::Shared};

/// How a drain goes: how fast, and for how long.
///
/// # Example
///
/// ```no_run
/// # async fn example(handle: sockeye_tower::Handle) {
/// use std::time::Duration;
/// use sockeye_tower::DrainPolicy;
///
/// // Twenty thousand clients come back over ten seconds rather than at once.
/// let policy = DrainPolicy::new()
///     .window(Duration::from_secs(10))
///     .bound(Duration::from_secs(25));
/// let cut = handle.drain(policy).await;
/// println!("{cut} sessions did not end in time");
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrainPolicy {
    pub(crate) window: Duration,
    pub(crate) bound: Duration,
    pub(crate) retry_after: u64,
}

impl DrainPolicy {
    pub(crate) const RETRY_AFTER: u64 = 5;

    /// The defaults, which fit a process that is killed 10 seconds after its signal.
    pub fn new() -> Self {
        Self {
            window: Duration::from_secs(2),
            bound: Duration::from_secs(8),
            retry_after: Self::RETRY_AFTER,
        }
    }

    /// The time over which the goodbyes are spread, so that not all clients come back at once.
    ///
    /// The window is cut into as many slots as there are sessions; the first one goes at once, the
    /// others at a random time within their slots, in random order. Default: 2 seconds. Zero sends
    /// everyone away at once. A window beyond the [`bound`](Self::bound) is taken as the bound.
    #[must_use]
    pub fn window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// How long the drain may take, from its start; what is left then is cut.
    ///
    /// It should leave time after the window: 2 seconds for WebSockets to answer the close, and
    /// the disconnect delay for sessions that are between two polls. Default: 8 seconds.
    #[must_use]
    pub fn bound(mut self, bound: Duration) -> Self {
        self.bound = bound.min(A_YEAR);
        self
    }

    /// What sessions that come too late are told in `Retry-After`, in whole seconds, rounded up.
    ///
    /// Default: 5 seconds.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = delay
            .as_secs()
            .saturating_add(u64::from(delay.subsec_nanos() > 0));
        self
    }
}

impl Default for DrainPolicy {
    fn default() -> Self {
        Self::new()
    }
}

/// Longer than anyone drains, and short enough for clocks.
const A_YEAR: Duration = Duration::from_secs(365 * 86_400);

/// Sends the sessions away within the window, and cuts what is left at the end.
///
/// Those whose time has come are told before this returns.
pub(crate) fn start(handle: Handle, sessions: Vec<Arc<Shared>>, window: Duration, ends: Instant) {
    let now = Instant::now();
    let window = window.min(ends.duration_since(now));
    let mut plan = plan(sessions, window).into_iter().peekable();
    while let Some((_, session)) = plan.next_if(|(after, _)| after.is_zero()) {
        session.close(CloseReason::GoingAway);
    }
    tokio::spawn(async move {
        for (after, session) in plan {
            sleep_until(now + after).await;
            session.close(CloseReason::GoingAway);
        }
        // On time or not, the drain is over.
        let _ = timeout_at(ends, handle.idle()).await;
        handle.cut();
    });
}

/// Who is told when: an order that nobody can foresee, and a slot of the window for each.
fn plan<T>(mut sessions: Vec<T>, window: Duration) -> Vec<(Duration, T)> {
    let count = u32::try_from(sessions.len()).unwrap_or(u32::MAX);
    let Some(slot) = window.checked_div(count).filter(|slot| !slot.is_zero()) else {
        return sessions
            .into_iter()
            .map(|session| (Duration::ZERO, session))
            .collect();
    };
    // Fisher and Yates.
    for last in (1..sessions.len()).rev() {
        sessions.swap(last, (ident::fraction() * (last + 1) as f64) as usize);
    }
    let mut start = Duration::ZERO;
    let mut plan = Vec::with_capacity(sessions.len());
    for session in sessions {
        let jitter = if plan.is_empty() {
            Duration::ZERO
        } else {
            slot.mul_f64(ident::fraction())
        };
        plan.push((start + jitter, session));
        start += slot;
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(10);

    #[test]
    fn each_session_has_a_slot_of_the_window() {
        let told = plan((0..1000).collect(), WINDOW);
        assert_eq!(told[0].0, Duration::ZERO);
        for (index, (after, _)) in told.iter().enumerate().skip(1) {
            let slot = Duration::from_millis(10) * index as u32;
            assert!((slot..slot + Duration::from_millis(10)).contains(after));
        }
        let mut order: Vec<u32> = told.iter().map(|(_, session)| *session).collect();
        assert!(!order.is_sorted());
        order.sort_unstable();
        assert!(order.into_iter().eq(0..1000));
    }

    #[test]
    fn one_session_or_no_window_is_told_at_once() {
        assert_eq!(plan(vec!['a'], WINDOW), [(Duration::ZERO, 'a')]);
        let told = plan(vec!['a', 'b'], Duration::ZERO);
        assert_eq!(told, [(Duration::ZERO, 'a'), (Duration::ZERO, 'b')]);
        assert_eq!(plan(Vec::<char>::new(), WINDOW), []);
    }
}
