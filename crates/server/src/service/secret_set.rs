//! The secrets of functions' workers: decrypted, and made ready to be found in what workers say, once for all workers that
//! have the same. A set is used again only while none of its values has changed. Where other servers may change them the database is
//! asked each time, which takes the longer the more secrets there are.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use domain::{AccountId, Delivery, EnvironmentName, SecretName, SecretSelection, Value, VersionSet};
use runtime::{Brokered, SecretSet};

use super::generations::Generations;
use super::share::open;
use super::variables::variables;
use super::{Error, Service};
use crate::clock;

/// How long a set is kept after its last worker was made, if none lives.
const KEPT: Duration = Duration::from_secs(60);
/// Most sets that are kept; further ones are made for each worker.
const MOST: usize = 1_000;

/// Whose sets, with which choice of secrets (as [`SecretSelection::to_text`]).
type Place = (AccountId, EnvironmentName, String);

struct Kept {
    /// What was said of the values before they were read.
    stamp: String,
    used: Instant,
    set: Arc<SecretSet>,
}

/// Sets that were made.
#[derive(Default)]
pub(crate) struct SecretSets {
    kept: Mutex<HashMap<Place, Kept>>,
    /// How often this server changed an environment's values.
    changes: Generations,
}

impl SecretSets {
    fn kept(&self) -> MutexGuard<'_, HashMap<Place, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, place: &Place, stamp: &str) -> Option<Arc<SecretSet>> {
        let mut kept = self.kept();
        let found = kept.get_mut(place).filter(|found| found.stamp == stamp)?;
        found.used = Instant::now();
        Some(Arc::clone(&found.set))
    }

    fn put(&self, place: Place, stamp: String, set: Arc<SecretSet>) {
        let mut kept = self.kept();
        if kept.len() < MOST || kept.contains_key(&place) {
            kept.insert(place, Kept { stamp, used: Instant::now(), set });
        }
    }

    /// Lets go of an environment's: its values have changed.
    pub(super) fn forget(&self, account: &AccountId, environment: &EnvironmentName) {
        self.changes.advance(account, environment);
        self.kept().retain(|(of, place, _), _| (of, place) != (account, environment));
    }

    /// Lets go of those that no worker has and none asked for of late.
    pub(crate) fn tidy(&self) {
        self.kept().retain(|_, kept| Arc::strong_count(&kept.set) > 1 || kept.used.elapsed() < KEPT);
    }
}

impl Service {
    /// What workers of a function of `environment` are given. `with_previous`: also the values before current ones. Which these
    /// are the stamp does not tell, so each worker gets a set of its own. So does one that is `told` values on the way.
    pub(super) async fn secret_set(
        &self,
        account: &AccountId,
        environment: &EnvironmentName,
        selection: &SecretSelection,
        with_previous: bool,
        told: &[(SecretName, Value)],
    ) -> Result<Arc<SecretSet>, Error> {
        let shared = !with_previous && told.is_empty();
        let mut known_as = None;
        if shared {
            // Read before the values: were they changed in between, the set would be known by what it no longer is.
            let stamp = match self.store.is_shared() {
                true => self.store.values_stamp(account, environment).await?,
                false => self.secret_sets.changes.current(account, environment).to_string(),
            };
            let place = (account.clone(), environment.clone(), selection.to_text());
            if let Some(set) = self.secret_sets.get(&place, &stamp) {
                return Ok(set);
            }
            known_as = Some((place, stamp));
        }
        let key = self.keyring.account(&self.store, account).await?;
        let current = self.store.current_values(account, environment).await?;
        let previous = match with_previous {
            true => self.store.previous_values(account, environment, clock::now()).await?,
            false => Vec::new(),
        };
        let (mut env, mut brokered) = (Vec::new(), Vec::new());
        let (mut versions, mut publishable) = (BTreeMap::new(), BTreeSet::new());
        for variable in variables(current, previous, |name| selection.includes(name)) {
            let (name, stored) = (variable.name, variable.stored);
            let value = open(&key, environment, &stored)?;
            versions.insert(name.clone(), stored.version);
            if stored.publishable {
                publishable.insert(name.clone());
            }
            match stored.delivery {
                Delivery::Env => env.push((name, value)),
                Delivery::Brokered => brokered.push(Brokered { name, value, hosts: stored.hosts }),
            }
        }
        let set = Arc::new(SecretSet::new(env, brokered, &publishable, VersionSet::new(&versions), told));
        self.note_used(account, environment, set.names().cloned().collect());
        if let Some((place, stamp)) = known_as {
            self.secret_sets.put(place, stamp, Arc::clone(&set));
        }
        Ok(set)
    }

    /// Sets `last_used_at`, without making who waits for a worker wait for it.
    pub(super) fn note_used(&self, account: &AccountId, environment: &EnvironmentName, names: Vec<SecretName>) {
        if !names.is_empty() && !self.recorder.used(account.clone(), environment.clone(), names) {
            self.metrics.unrecorded.inc();
        }
    }
}
