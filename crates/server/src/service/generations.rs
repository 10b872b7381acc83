//! Which set of secrets an invocation that starts now must see (invariant 5).
//!
//! Every worker is of one generation of its account and environment. A change of secrets or of the active deployment first
//! commits, then moves the generation on, then returns; an invocation reads the generation when it starts. So whatever starts
//! after a put returned asks for workers of a generation whose values were read after the put's commit, while running
//! invocations finish on theirs.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use domain::{AccountId, EnvironmentName};

/// Generations by account and environment; 0 where nothing changed since the start.
#[derive(Default)]
pub(crate) struct Generations {
    moved: RwLock<HashMap<(AccountId, EnvironmentName), Generation>>,
}

/// The generation of one environment, wherever it moves.
#[derive(Clone, Default)]
pub(crate) struct Generation(Arc<AtomicU64>);

impl Generation {
    /// The generation of now.
    pub(crate) fn now(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

impl Generations {
    /// The generation of now.
    pub(crate) fn current(&self, account: &AccountId, environment: &EnvironmentName) -> u64 {
        let key = (account.clone(), environment.clone());
        self.moved.read().unwrap_or_else(PoisonError::into_inner).get(&key).map_or(0, Generation::now)
    }

    /// The generation of an environment, to be asked again and again. It is kept for ever, so not for one that does not exist.
    pub(crate) fn of(&self, account: &AccountId, environment: &EnvironmentName) -> Generation {
        let key = (account.clone(), environment.clone());
        self.moved.write().unwrap_or_else(PoisonError::into_inner).entry(key).or_default().clone()
    }

    /// Moves on and returns the new generation.
    pub(crate) fn advance(&self, account: &AccountId, environment: &EnvironmentName) -> u64 {
        self.of(account, environment).0.fetch_add(1, Ordering::SeqCst) + 1
    }
}
