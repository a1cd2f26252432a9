//! Where time enters, and nowhere else. Follows tokio's clock, so tests can pause it.

use std::time::{Duration, Instant, SystemTime};

/// The present.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// The HTTP date one year ahead, for answers that may be cached that long.
pub(crate) fn http_date_in_a_year() -> String {
    httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(31_536_000))
}
