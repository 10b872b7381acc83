//! The one place that reads the wall clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

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

/// How long it is until `time`; nothing if that is over.
pub(crate) fn until(time: Timestamp) -> Duration {
    Duration::from_millis(u64::try_from(time.as_millis() - now().as_millis()).unwrap_or(0))
}
