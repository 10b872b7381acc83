//! Processes that have booted ahead of need and belong to nobody yet.
//!
//! One is taken for every worker that must start, which then only has to load its code; another is started in its place.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Notify;

use super::Inner;
use crate::worker::{Booter, Limits, Unassigned};

/// How long a refill waits, so that it does not compete for the processor with the worker that was just taken.
const AFTER_USE: Duration = Duration::from_millis(30);
/// How long it waits after a failed start before it tries again.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// The waiting processes, oldest first. All have the default heap limit; functions with another one start from nothing.
pub(super) struct Pool {
    size: usize,
    memory_mib: u32,
    waiting: Mutex<Option<VecDeque<Unassigned>>>,
    used: Notify,
}

impl Pool {
    pub(super) fn new(size: usize) -> Self {
        let waiting = Mutex::new(Some(VecDeque::with_capacity(size)));
        Self { size, memory_mib: Limits::default().memory_mib, waiting, used: Notify::new() }
    }

    /// A process with this heap limit: a waiting one, or a new one. Those that wait have no TCP.
    pub(super) async fn take(&self, booter: &Booter, memory_mib: u32, relay: bool) -> std::io::Result<Unassigned> {
        match self.ready(memory_mib, relay) {
            Some(unassigned) => Ok(unassigned),
            None => booter.spawn(memory_mib, relay).await,
        }
    }

    fn ready(&self, memory_mib: u32, relay: bool) -> Option<Unassigned> {
        let mut lock = self.lock();
        let waiting = lock.as_mut()?;
        let fits = memory_mib == self.memory_mib && !relay;
        let found = std::iter::from_fn(|| if fits { waiting.pop_front() } else { None }).find_map(|mut unassigned| {
            debug_assert!(unassigned.memory_mib() == memory_mib && !unassigned.has_relay());
            unassigned.is_alive().then_some(unassigned)
        });
        self.used.notify_one();
        found
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.lock().as_ref().map_or(0, VecDeque::len)
    }

    /// Ends all that wait, and keeps none from now on.
    pub(super) async fn close(&self) {
        for unassigned in self.abandon() {
            unassigned.end().await;
        }
    }

    /// Keeps none from now on; those that waited are ended when they are dropped.
    pub(super) fn abandon(&self) -> VecDeque<Unassigned> {
        let waiting = self.lock().take().unwrap_or_default();
        self.used.notify_one();
        waiting
    }

    fn lock(&self) -> MutexGuard<'_, Option<VecDeque<Unassigned>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many are missing; `None` when it is closed.
    fn missing(&self) -> Option<usize> {
        self.lock().as_ref().map(|waiting| self.size.saturating_sub(waiting.len()))
    }
}

/// Keeps the pool full, for as long as the runtime lives.
pub(super) async fn refill(inner: Weak<Inner>) {
    loop {
        let Some(strong) = inner.upgrade() else { return };
        match strong.pool.missing() {
            None => return,
            Some(0) => {
                let pool = Arc::clone(&strong.pool);
                // The runtime must be able to end while this waits.
                drop(strong);
                pool.used.notified().await;
                tokio::time::sleep(AFTER_USE).await;
            }
            Some(_) => match strong.booter.spawn(strong.pool.memory_mib, false).await {
                Ok(unassigned) => {
                    let late = match strong.pool.lock().as_mut() {
                        Some(waiting) => {
                            waiting.push_back(unassigned);
                            None
                        }
                        None => Some(unassigned),
                    };
                    if let Some(late) = late {
                        late.end().await;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "no worker could be started ahead of need");
                    drop(strong);
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
            },
        }
    }
}
