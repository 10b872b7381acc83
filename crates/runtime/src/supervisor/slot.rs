//! The workers of one key: those that serve, and the one that boots.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::loading::Boot;
use crate::worker::Worker;

/// How long the last worker that came has to take its share before another is thought of.
const SETTLE: Duration = Duration::from_millis(500);

#[derive(Default)]
pub(super) struct Slot {
    pub(super) ready: Vec<Arc<Worker>>,
    pub(super) booting: Option<watch::Receiver<Boot>>,
    grew: Option<Instant>,
}

impl Slot {
    pub(super) fn len(&self) -> usize {
        self.ready.len() + usize::from(self.booting.is_some())
    }

    /// A lease on the worker that has the fewest.
    pub(super) fn lease(&self) -> Option<Arc<Worker>> {
        let mut least: Option<(&Arc<Worker>, u64)> = None;
        for worker in self.ready.iter().filter(|worker| worker.is_open()) {
            let leases = worker.leases();
            if least.is_none_or(|(_, fewest)| leases < fewest) {
                least = Some((worker, leases));
            }
        }
        // It may have closed this moment; any other will do then.
        let chosen = least.map(|(worker, _)| worker).into_iter().chain(&self.ready).find(|worker| worker.try_lease());
        chosen.cloned()
    }

    /// Whether one more may boot beside those that are there, which are busy.
    pub(super) fn may_grow(&self, most: usize) -> bool {
        self.booting.is_none()
            && self.ready.len() < most
            && self.grew.is_none_or(|grew| grew.elapsed() >= SETTLE)
            && self.ready.iter().all(|worker| worker.is_busy())
    }

    pub(super) fn begin(&mut self, boot: watch::Receiver<Boot>) {
        self.booting = Some(boot);
        self.grew = Some(Instant::now());
    }

    /// Forgets the workers for which `gone` is true. False if nothing is left of the slot.
    pub(super) fn forget(&mut self, mut gone: impl FnMut(&Arc<Worker>) -> bool) -> bool {
        self.ready.retain(|worker| !gone(worker));
        self.len() > 0
    }
}
