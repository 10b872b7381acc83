//! How often an account may do what costs others something: a bucket for each account that fills steadily.
//!
//! Kept in memory: each node counts for itself, and a restart forgets. Whoever can restart the server needs no oracle.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::AccountId;

use super::Error;

/// Most accounts that are remembered; full buckets are forgotten first.
const MOST: usize = 10_000;

/// What may be taken: so much a minute, and so much at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    pub(crate) per_minute: u32,
    pub(crate) at_once: u32,
}

/// One bucket for each account.
pub(crate) struct Rates {
    rate: Rate,
    /// When the bucket is full again.
    full: Mutex<HashMap<AccountId, Instant>>,
}

impl Rates {
    pub(crate) fn new(rate: Rate) -> Self {
        Self { rate, full: Mutex::default() }
    }

    /// Takes `count` out of the account's bucket, or nothing.
    ///
    /// # Errors
    /// [`Error::RateLimited`] with the time after which there is enough. More than [`Rate::at_once`] never is.
    pub(crate) fn take(&self, account: &AccountId, count: u32, now: Instant) -> Result<(), Error> {
        let one = Duration::from_secs(60) / self.rate.per_minute.max(1);
        let mut full = self.full.lock().unwrap_or_else(PoisonError::into_inner);
        if full.len() >= MOST && !full.contains_key(account) {
            full.retain(|_, at| *at > now);
        }
        let before = full.get(account).copied().unwrap_or(now).max(now);
        let after = before + one * count;
        let over = after.duration_since(now).saturating_sub(one * self.rate.at_once);
        if over.is_zero() {
            full.insert(account.clone(), after);
            return Ok(());
        }
        let seconds = u32::try_from(over.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
        Err(Error::RateLimited { seconds })
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use domain::AccountId;

    use super::{Rate, Rates};
    use crate::service::Error;

    #[test]
    fn a_bucket_empties_and_fills_and_is_nobody_elses() {
        let rates = Rates::new(Rate { per_minute: 60, at_once: 10 });
        let (one, two) = (AccountId::new("1"), AccountId::new("2"));
        let start = Instant::now();
        let wait = |account, count, after| match rates.take(account, count, start + Duration::from_millis(after)) {
            Ok(()) => 0,
            Err(Error::RateLimited { seconds }) => seconds,
            Err(_) => u32::MAX,
        };
        assert_eq!((wait(&one, 4, 0), wait(&one, 6, 0)), (0, 0));
        assert_eq!(wait(&one, 1, 0), 2);
        assert_eq!(wait(&two, 10, 0), 0);
        assert_eq!(wait(&one, 1, 999), 1, "not yet");
        assert_eq!(wait(&one, 1, 1_000), 0);
        assert_eq!(wait(&one, 1, 1_000), 2, "what was refused took nothing, what was given did");
        assert_eq!((wait(&one, 10, 60_000), wait(&one, 1, 60_000)), (0, 2), "it holds no more than it holds");
        assert!(wait(&two, 11, 600_000) > 0);
    }
}
