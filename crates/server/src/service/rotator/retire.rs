//! When the value before may stop working: once no function gets it any more, and nothing runs that was given it.

use std::collections::HashMap;
use std::sync::PoisonError;
use std::time::Duration;

use domain::{AccountId, EnvironmentName, Timestamp};

use super::run::{Halt, Turn};
use crate::clock;
use crate::service::invoke::after;
use crate::service::{Error, Service};

/// How often it is looked whether invocations still run: at first, and later, when it takes long and others shall have the turn.
const LOOK_MILLIS: i64 = 250;
const LOOK_LATER_MILLIS: i64 = 6_000;
/// What is first.
const AT_FIRST: Duration = Duration::from_secs(10);
/// Beside a function's time limit, where other nodes may run it: for a worker to boot, and a margin.
const BESIDE: Duration = Duration::from_secs(30);
/// The longest that an invocation may run.
const LONGEST: Duration = Duration::from_secs(900);

/// From which generations on functions have the new value and it alone, by rotation. What is not there was begun by another process:
/// what that ran has ended with it.
pub(in crate::service) type Marks = HashMap<String, Mark>;

/// See [`Marks`].
pub(in crate::service) struct Mark {
    places: Vec<(EnvironmentName, u64)>,
    /// Until when functions get the value before too. New marks are set then.
    overlap: Option<Timestamp>,
}

impl Service {
    /// Notes which generations of these environments have the new value.
    pub(super) fn mark(
        &self,
        account: &AccountId,
        rotation: &str,
        environments: impl Iterator<Item = EnvironmentName>,
        overlap: Option<Timestamp>,
    ) {
        let generation = |environment| {
            let generation = self.generations.current(account, &environment);
            (environment, generation)
        };
        let mark = Mark { places: environments.map(generation).collect(), overlap };
        self.inner.marks.lock().unwrap_or_else(PoisonError::into_inner).insert(rotation.to_owned(), mark);
    }

    pub(super) fn forget_marks(&self, rotation: &str) {
        self.inner.marks.lock().unwrap_or_else(PoisonError::into_inner).remove(rotation);
    }

    /// When to look again whether the value before may stop working. `None`: now it may.
    pub(super) async fn wait_to_retire(&self, turn: &Turn) -> Result<Option<Timestamp>, Halt> {
        let (row, now) = (&turn.row, clock::now());
        let previous = turn.secret.previous.as_ref().filter(|previous| previous.version == row.of_version);
        if let Some(previous) = previous.filter(|previous| previous.until > now) {
            return Ok(Some(previous.until));
        }
        if self.overlap_is_over(turn, now) {
            let (account, secret) = (row.account.clone(), row.secret.clone());
            let sharers = self
                .store
                .write(move |tx| {
                    Box::pin(async move {
                        tx.end_overlap(&account, &secret).await?;
                        Ok::<_, Error>(tx.sharers(&account, &secret).await?)
                    })
                })
                .await?;
            // Those who got both let go of the one before.
            self.value_changed(&row.account, &row.environment, &sharers);
            self.mark(&row.account, &row.id, sharers.into_iter().chain([row.environment.clone()]), None);
        }
        let longest = after(row.step_at, LONGEST + BESIDE);
        if !self.are_drained(turn) && now < longest {
            let soon = now < after(row.step_at, AT_FIRST);
            return Ok(Some(now.plus_millis(if soon { LOOK_MILLIS } else { LOOK_LATER_MILLIS })));
        }
        if self.store.is_shared() {
            // What another node runs is not seen from here, but it ends in its time.
            let until = after(row.step_at, self.longest_limit(turn).await? + BESIDE);
            return Ok((now < until).then_some(until));
        }
        Ok(None)
    }

    /// Whether functions got the value before too, until a while ago, and may have it yet.
    fn overlap_is_over(&self, turn: &Turn, now: Timestamp) -> bool {
        let marks = self.inner.marks.lock().unwrap_or_else(PoisonError::into_inner);
        match marks.get(&turn.row.id) {
            Some(mark) => mark.overlap.is_some_and(|until| until <= now),
            None => turn.secret.overlap.is_some(),
        }
    }

    fn are_drained(&self, turn: &Turn) -> bool {
        let marks = self.inner.marks.lock().unwrap_or_else(PoisonError::into_inner);
        let places = marks.get(&turn.row.id).map(|mark| mark.places.as_slice()).unwrap_or_default();
        places.iter().all(|(environment, generation)| self.is_drained(&turn.row.account, environment, *generation))
    }

    /// The longest that a function may run that gets the secret.
    async fn longest_limit(&self, turn: &Turn) -> Result<Duration, Error> {
        let mut longest = Duration::ZERO;
        let sharers = self.store.sharers(&turn.row.account, &turn.row.secret).await?;
        for environment in sharers.iter().chain([&turn.row.environment]) {
            for active in self.active(&turn.row.account, Some(environment)).await? {
                longest = longest.max(active.time_limit()?);
            }
        }
        Ok(longest)
    }
}
