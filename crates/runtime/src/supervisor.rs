//! The owner of all workers: which one an invocation gets, when one boots, and when one goes.

mod config;
mod error;
mod loading;
mod pool;
mod status;

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};

pub use config::{RuntimeConfig, RuntimeError};
pub use error::WorkerError;
use loading::{Boot, Loading, outcome};
use pool::{Pool, refill};
pub use status::{WorkerState, WorkerStatus};

use crate::folder;
use crate::launch::Spawner;
use crate::worker::{Assignment, BootError, Booter, Exit, Lease, LogLine, Worker, WorkerKey, ready};

const BOOTSTRAP: &str = include_str!("worker/bootstrap.js");

/// The supervisor of all workers. Cheap to clone; when the last clone is dropped, all workers are killed.
#[derive(Clone)]
pub struct Runtime(Arc<Inner>);

struct Inner {
    booter: Booter,
    pool: Arc<Pool>,
    max_workers: usize,
    table: Mutex<Table>,
    /// How many processes there are.
    processes: watch::Sender<usize>,
    handle: tokio::runtime::Handle,
}

#[derive(Default)]
struct Table {
    slots: HashMap<Arc<WorkerKey>, Slot>,
    /// Every worker whose process is not reaped, by id.
    all: HashMap<Arc<str>, Arc<Worker>>,
    shutting_down: bool,
}

enum Slot {
    Booting(watch::Receiver<Boot>),
    Ready(Arc<Worker>),
}

/// What a caller has to do.
enum Turn {
    Leased(Arc<Worker>),
    Wait(watch::Receiver<Boot>),
    Load(Loading),
}

impl Runtime {
    /// Prepares the folder, the bootstrap and the spawner; starts no worker yet. Call it within a Tokio runtime. Log
    /// lines go to `logs`; lines that it has no room for are dropped and counted.
    ///
    /// # Errors
    /// [`RuntimeError`].
    pub fn start(config: RuntimeConfig, logs: mpsc::Sender<LogLine>) -> Result<Self, RuntimeError> {
        let dir = config::prepare(&config.dir)?;
        let bootstrap = dir.join("bootstrap.mjs");
        folder::write_private(&bootstrap, BOOTSTRAP.as_bytes())?;
        let booter = Booter {
            deno: config.deno.path().to_path_buf(),
            dir,
            bootstrap,
            deny_net: config::denied(&config.deny_net),
            logs,
            spawner: Spawner::start()?,
        };
        let inner = Arc::new(Inner {
            booter,
            pool: Arc::new(Pool::new(config.pool)),
            max_workers: config.max_workers,
            table: Mutex::default(),
            processes: watch::Sender::new(0),
            handle: tokio::runtime::Handle::current(),
        });
        tokio::spawn(sweep(Arc::downgrade(&inner), config.idle));
        tokio::spawn(refill(Arc::downgrade(&inner)));
        Ok(Self(inner))
    }

    /// A lease on the worker for `key`. If none runs, `load` is called and one boots; callers that come meanwhile share
    /// that boot and its failure. A caller that gives up does not end a boot that has begun.
    ///
    /// # Errors
    /// [`WorkerError`]; `Load` only to the caller whose `load` failed, the others try their own.
    pub async fn worker<F, Fut, E>(&self, key: &WorkerKey, load: F) -> Result<Lease, WorkerError<E>>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<Assignment, E>>,
    {
        let mut cold = false;
        let loading = loop {
            let mut boot = match self.0.turn(key)? {
                Turn::Leased(worker) => return Ok(Lease::new(worker, cold)),
                Turn::Load(loading) => break loading,
                Turn::Wait(boot) => boot,
            };
            cold = true;
            if let Some(worker) = outcome(&mut boot).await? {
                return Ok(Lease::new(worker, cold));
            }
        };
        let assignment = load().await.map_err(WorkerError::Load)?;
        let (reply, lease) = oneshot::channel();
        self.0.handle.spawn(Arc::clone(&self.0).boot(loading, assignment, reply));
        lease.await.map_err(|_| WorkerError::ShuttingDown)?.map_err(WorkerError::from)
    }

    /// Workers for which `matches` is true take no further lease; they finish what they have and end. Returns at once;
    /// no later call of [`Runtime::worker`] gets one of them.
    pub fn retire(&self, matches: impl Fn(&WorkerKey) -> bool) {
        let mut table = self.0.lock();
        table.slots.retain(|key, _| !matches(key));
        // One that boots is lost to later callers with its slot; it closes when those who wait for it have it.
        for worker in table.all.values().filter(|worker| worker.is_published() && matches(&worker.key)) {
            self.0.close(worker);
        }
    }

    /// Takes no further lease, lets invocations under way finish for at most `grace`, then kills. Returns when every
    /// process is reaped and every worker's folder is gone.
    pub async fn shutdown(&self, grace: Duration) {
        {
            let mut table = self.0.lock();
            table.shutting_down = true;
            table.slots.clear();
            for worker in table.all.values() {
                if worker.is_published() {
                    self.0.close(worker);
                } else {
                    worker.kill(Exit::Stopped);
                }
            }
        }
        self.0.pool.close().await;
        let mut processes = self.0.processes.subscribe();
        if tokio::time::timeout(grace, processes.wait_for(|count| *count == 0)).await.is_err() {
            self.0.kill_all();
            // The sender lives in `self`.
            let _ = processes.wait_for(|count| *count == 0).await;
        }
    }

    /// How many processes wait for an assignment.
    pub fn unassigned(&self) -> usize {
        self.0.pool.len()
    }

    /// Every worker whose process runs.
    pub fn workers(&self) -> Vec<WorkerStatus> {
        self.0.lock().all.values().map(|worker| WorkerStatus::of(worker)).collect()
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turn<E>(self: &Arc<Self>, key: &WorkerKey) -> Result<Turn, WorkerError<E>> {
        let mut table = self.lock();
        match table.slots.get(key) {
            Some(Slot::Ready(worker)) if worker.try_lease() => return Ok(Turn::Leased(Arc::clone(worker))),
            Some(Slot::Booting(boot)) => return Ok(Turn::Wait(boot.clone())),
            _ => {}
        }
        if table.shutting_down {
            return Err(WorkerError::ShuttingDown);
        }
        table.slots.remove(key);
        self.make_room(&mut table)?;
        let key = Arc::new(key.clone());
        let (sender, boot) = watch::channel(Boot::Pending);
        table.slots.insert(Arc::clone(&key), Slot::Booting(boot));
        Ok(Turn::Load(Loading { inner: Arc::clone(self), key, sender: Some(sender) }))
    }

    /// Sees to it that one more worker may boot: closes the one that was not used for the longest time.
    fn make_room<E>(self: &Arc<Self>, table: &mut Table) -> Result<(), WorkerError<E>> {
        table.slots.retain(|_, slot| !matches!(slot, Slot::Ready(worker) if !worker.is_open()));
        while table.slots.len() >= self.max_workers {
            let ready = table.slots.values().filter_map(|slot| match slot {
                Slot::Ready(worker) if worker.leases() == 0 => Some(Arc::clone(worker)),
                _ => None,
            });
            let Some(oldest) = ready.min_by_key(|worker| worker.last_used()) else {
                return Err(WorkerError::TooManyWorkers { limit: self.max_workers });
            };
            if oldest.close_if_unused() {
                table.slots.remove(&oldest.key);
                self.handle.spawn(oldest.drain());
            }
        }
        Ok(())
    }

    /// Boots a worker and publishes it. The caller who loaded the assignment gets its lease first.
    async fn boot(
        self: Arc<Self>,
        loading: Loading,
        assignment: Assignment,
        leader: oneshot::Sender<Result<Lease, BootError>>,
    ) {
        let result = self.booted(&loading.key, assignment).await;
        // The lease comes before the publication: what is published can be closed at any moment.
        let lease = result.clone().and_then(|worker| match worker.try_lease() {
            true => Ok(Lease::new(worker, true)),
            false => Err(BootError::Died(Exit::Stopped)),
        });
        loading.publish(result);
        let _ = leader.send(lease);
    }

    async fn booted(self: &Arc<Self>, key: &Arc<WorkerKey>, assignment: Assignment) -> Result<Arc<Worker>, BootError> {
        {
            let table = self.lock();
            if table.shutting_down {
                return Err(BootError::Died(Exit::Stopped));
            }
            self.processes.send_modify(|count| *count += 1);
        }
        let limit = assignment.limits.boot;
        let taken = self.pool.take(&self.booter, assignment.limits.memory_mib).await;
        let started = taken.and_then(|unassigned| self.booter.assign(unassigned, key, &assignment));
        // The values are on their way to the worker; ours are zeroized.
        drop(assignment);
        let (worker, tend) = started.map_err(|error| {
            self.processes.send_modify(|count| *count -= 1);
            BootError::Spawn(error.to_string())
        })?;
        {
            let mut table = self.lock();
            table.all.insert(Arc::clone(&worker.id), Arc::clone(&worker));
            if table.shutting_down {
                worker.kill(Exit::Stopped);
            }
        }
        let (weak, id) = (Arc::downgrade(self), Arc::clone(&worker.id));
        self.handle.spawn(async move {
            tend.await;
            if let Some(inner) = weak.upgrade() {
                inner.lock().all.remove(&id);
                inner.processes.send_modify(|count| *count -= 1);
            }
        });
        ready(&worker, limit).await.map(|()| worker)
    }

    /// Removes the slot of `key` if it is the one that waits for `sender`. Tells whether it was.
    fn vacate(&self, table: &mut Table, key: &WorkerKey, sender: &watch::Sender<Boot>) -> bool {
        let ours = matches!(table.slots.get(key), Some(Slot::Booting(boot)) if boot.same_channel(&sender.subscribe()));
        if ours {
            table.slots.remove(key);
        }
        ours
    }

    fn close(&self, worker: &Arc<Worker>) {
        if worker.close() {
            self.handle.spawn(Arc::clone(worker).drain());
        }
    }

    fn kill_all(&self) {
        for worker in self.lock().all.values() {
            worker.kill(Exit::Stopped);
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        drop(self.pool.abandon());
        self.kill_all();
    }
}

/// Retires workers that nobody used for `idle`, for as long as the runtime lives.
async fn sweep(inner: Weak<Inner>, idle: Duration) {
    let pause = (idle / 4).clamp(Duration::from_millis(10), Duration::from_secs(1));
    loop {
        tokio::time::sleep(pause).await;
        let Some(inner) = inner.upgrade() else { return };
        let now = Instant::now();
        inner.lock().slots.retain(|_, slot| match slot {
            Slot::Ready(worker)
                if now.saturating_duration_since(worker.last_used()) >= idle && worker.close_if_unused() =>
            {
                inner.handle.spawn(Arc::clone(worker).drain());
                false
            }
            _ => true,
        });
    }
}
