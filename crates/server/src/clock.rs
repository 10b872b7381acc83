//! The one place that reads the wall clock.

use std::time::{SystemTime, UNIX_EPOCH};

use domain::Timestamp;

/// Now, in UTC.
pub(crate) fn now() -> Timestamp {
    from_system(SystemTime::now())
}

/// A time that the system gave.
pub(crate) fn from_system(time: SystemTime) -> Timestamp {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
