//! Which set of secrets an invocation that starts now must see (invariant 5).
//!
//! Every worker is of one generation of its account and environment. A change of secrets or of the active deployment first
//! commits, then moves the generation on, then returns; an invocation reads the generation when it starts. So whatever starts
//! after a put returned asks for workers of a generation whose values were read after the put's commit, while running
//! invocations finish on theirs.

use std::collections::HashMap;
use std::sync::RwLock;

use domain::{AccountId, EnvironmentName};

/// Generations by account and environment; 0 where nothing changed since the start.
#[derive(Default)]
pub(crate) struct Generations {
    moved: RwLock<HashMap<(AccountId, EnvironmentName), u64>>,
}

impl Generations {
    /// The generation of now.
    pub(crate) fn current(&self, account: &AccountId, environment: &EnvironmentName) -> u64 {
        let key = (account.clone(), environment.clone());
        match self.moved.read() {
            Ok(moved) => moved.get(&key).copied().unwrap_or(0),
            // A poisoned lock still holds whole numbers: nothing panics between read and write of one.
            Err(poisoned) => poisoned.into_inner().get(&key).copied().unwrap_or(0),
        }
    }

    /// Moves on and returns the new generation.
    pub(crate) fn advance(&self, account: &AccountId, environment: &EnvironmentName) -> u64 {
        let mut moved = self.moved.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        let generation = moved.entry((account.clone(), environment.clone())).or_insert(0);
        *generation += 1;
        *generation
    }
}
