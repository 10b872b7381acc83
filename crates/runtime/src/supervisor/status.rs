//! Workers as they are shown.

use std::sync::Arc;

use crate::worker::{Worker, WorkerKey};

/// What a worker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerState {
    /// It is being loaded.
    Booting,
    /// It takes invocations.
    Ready,
    /// It finishes what it has and goes.
    Draining,
}

/// One worker, as metrics and `doctor` show it.
#[derive(Debug, Clone)]
pub struct WorkerStatus {
    /// Its id.
    pub worker: Arc<str>,
    /// Whose it is.
    pub key: Arc<WorkerKey>,
    /// Its process.
    pub pid: u32,
    /// What it does.
    pub state: WorkerState,
    /// Invocations under way.
    pub in_flight: u64,
    /// Invocations so far.
    pub invocations: u64,
}

impl WorkerStatus {
    pub(super) fn of(worker: &Worker) -> Self {
        Self {
            worker: Arc::clone(&worker.id),
            key: Arc::clone(&worker.key),
            pid: worker.pid,
            state: match (worker.is_open(), worker.is_published()) {
                (false, _) => WorkerState::Draining,
                (true, true) => WorkerState::Ready,
                (true, false) => WorkerState::Booting,
            },
            in_flight: worker.leases(),
            invocations: worker.invocations(),
        }
    }
}
