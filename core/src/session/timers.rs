//! Deadlines.

use std::time::{Duration, Instant};

/// The time `delay` after `at`. A delay beyond what a clock can show never ends.
pub(crate) fn after(at: Instant, delay: Duration) -> Instant {
    at.checked_add(delay)
        .or_else(|| at.checked_add(THIRTY_YEARS))
        .unwrap_or(at)
}

/// The earliest of some deadlines, of which any may be missing.
pub(crate) fn earliest<const N: usize>(deadlines: [Option<Instant>; N]) -> Option<Instant> {
    deadlines.into_iter().flatten().min()
}

/// As far ahead as every clock can show, and longer than a session lives.
const THIRTY_YEARS: Duration = Duration::from_secs(30 * 365 * 86_400);
