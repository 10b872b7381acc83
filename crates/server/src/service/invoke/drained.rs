//! Whether invocations still run that began before a change: they may hold a value that is to stop working.
//!
//! Every invocation holds its route for as long as it runs, and routes of one generation are the same few, so they are remembered
//! here without being kept.

use std::sync::{Arc, PoisonError, Weak};

use domain::{AccountId, EnvironmentName};

use super::{Route, Routes, Service};

impl Routes {
    /// Remembers a route that invocations may take from now on.
    pub(super) fn remember(&self, route: &Arc<Route>) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.retain(|route: &Weak<Route>| route.strong_count() > 0);
        taken.push(Arc::downgrade(route));
    }

    /// Whether nobody is on a route of `environment` that is older than `generation`.
    fn none_is_left(&self, account: &AccountId, environment: &EnvironmentName, generation: u64) -> bool {
        let outdated = |route: &Route| {
            route.account == *account && route.key.environment == *environment && route.generation < generation
        };
        // One that nobody asked for since would stay.
        self.known.write().unwrap_or_else(PoisonError::into_inner).retain(|_, route: &mut Arc<Route>| !outdated(route));
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        !taken.iter().filter_map(Weak::upgrade).any(|route| outdated(&route))
    }
}

impl Service {
    /// Whether nothing runs here any more of what began in `environment` before its generation was `generation`: no invocation, and
    /// no worker that finishes something.
    pub(in crate::service) fn is_drained(
        &self,
        account: &AccountId,
        environment: &EnvironmentName,
        generation: u64,
    ) -> bool {
        let finishing = || {
            let workers = self.functions.as_ref().map(|functions| functions.runtime.workers()).unwrap_or_default();
            workers.iter().any(|worker| {
                let key = &worker.key;
                key.account == *account
                    && key.environment == *environment
                    && key.generation < generation
                    && key.apart.is_none()
            })
        };
        self.routes.none_is_left(account, environment, generation) && !finishing()
    }
}
