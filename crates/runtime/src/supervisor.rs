//! The owner of all workers: which one an invocation gets, when one boots, and when one goes.

mod config;
mod error;
mod loading;
mod pool;
mod slot;
mod status;

use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::MissedTickBehavior;

pub use config::{RuntimeConfig, RuntimeError};
pub use error::WorkerError;
use loading::{Boot, Loading, outcome};
use pool::{Pool, refill};
use slot::Slot;
pub use status::{WorkerState, WorkerStatus};

use crate::folder;
use crate::launch::Spawner;
use crate::worker::{
    Assignment, BootError, Booter, Exit, Grants, Lease, LogLine, Outbound, Room, Worker, WorkerKey, ready,
};

/// How often workers in use are looked at. What is over a limit ends so much late at most.
const SAMPLE: Duration = Duration::from_millis(50);
/// A worker beside another of the same function goes after this fraction of the idle time.
const EXTRA_IDLE: u32 = 5;
const BOOTSTRAP: &str = include_str!("worker/bootstrap.js");

/// The supervisor of all workers. Cheap to clone; when the last clone is dropped, all workers are killed.
#[derive(Clone)]
pub struct Runtime(Arc<Inner>);

struct Inner {
    booter: Booter,
    pool: Arc<Pool>,
    max_workers: usize,
    workers_per_function: usize,
    queue: usize,
    queue_wait: Duration,
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

impl Table {
    /// How many workers take invocations or will.
    fn workers(&self) -> usize {
        self.slots.values().map(Slot::len).sum()
    }
}

/// What a caller has to do.
enum Turn {
    /// Use this worker. If there is something to load, all workers of the key are busy and one more should boot.
    Leased(Arc<Worker>, Option<Loading>),
    Wait(watch::Receiver<Boot>),
    Load(Loading),
    /// Nothing can boot now.
    Full,
}

impl Runtime {
    /// Prepares the folder, the bootstrap and the spawner; starts no worker yet. Call it within a Tokio runtime. Log
    /// lines go to `logs`; lines that it has no room for are dropped and counted.
    ///
    /// # Errors
    /// [`RuntimeError`].
    pub fn start(config: RuntimeConfig, logs: mpsc::Sender<LogLine>, outbound: Outbound) -> Result<Self, RuntimeError> {
        Self::start_with(config, logs, outbound, Grants::Few)
    }

    fn start_with(
        config: RuntimeConfig,
        logs: mpsc::Sender<LogLine>,
        outbound: Outbound,
        grants: Grants,
    ) -> Result<Self, RuntimeError> {
        let dir = config::prepare(&config.dir)?;
        let bootstrap = dir.join("bootstrap.mjs");
        folder::write_shared(&bootstrap, BOOTSTRAP.as_bytes())?;
        let booter = Booter {
            dir,
            bootstrap,
            deny_net: config::denied(&config.deny_net),
            deny_relay: config::denied(&[]),
            grants,
            logs,
            outbound,
            spawner: Spawner::start(config.sandbox)?,
            room: Arc::<Room>::default(),
        };
        let inner = Arc::new(Inner {
            booter,
            pool: Arc::new(Pool::new(config.pool)),
            max_workers: config.max_workers,
            workers_per_function: config.workers_per_function,
            queue: config.queue,
            queue_wait: config.queue_wait,
            table: Mutex::default(),
            processes: watch::Sender::new(0),
            handle: tokio::runtime::Handle::current(),
        });
        tokio::spawn(sweep(Arc::downgrade(&inner), config.idle));
        tokio::spawn(refill(Arc::downgrade(&inner)));
        tokio::spawn(sample(Arc::downgrade(&inner)));
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
            let turn = match self.0.turn(key)? {
                Turn::Full => self.room_for(key).await?,
                turn => turn,
            };
            let mut boot = match turn {
                Turn::Leased(worker, more) => {
                    let lease = Lease::new(worker, cold);
                    if let Some(loading) = more {
                        self.reinforce(loading, load).await;
                    }
                    return Ok(lease);
                }
                Turn::Load(loading) => break loading,
                Turn::Wait(boot) => boot,
                Turn::Full => continue,
            };
            cold = true;
            if let Some(worker) = outcome(&mut boot).await? {
                return Ok(Lease::new(worker, cold));
            }
        };
        let assignment = load().await.map_err(WorkerError::Load)?;
        let (reply, lease) = oneshot::channel();
        self.0.handle.spawn(Arc::clone(&self.0).boot(loading, assignment, Some(reply)));
        lease.await.map_err(|_| WorkerError::ShuttingDown)?.map_err(WorkerError::from)
    }

    /// Boots one more worker for a key whose workers are busy, without waiting for it. The caller has a worker already, so
    /// nothing that fails here is its affair; the next one who finds them busy tries again.
    async fn reinforce<F, Fut, E>(&self, loading: Loading, load: F)
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<Assignment, E>>,
    {
        if let Ok(assignment) = load().await {
            self.0.handle.spawn(Arc::clone(&self.0).boot(loading, assignment, None));
        }
    }

    /// Waits in the queue until there may be room.
    async fn room_for<E>(&self, key: &WorkerKey) -> Result<Turn, WorkerError<E>> {
        let full = || WorkerError::TooManyWorkers { limit: self.0.max_workers };
        let waiting = self.0.booter.room.join(self.0.queue).ok_or_else(full)?;
        let looking = async {
            loop {
                let mut change = pin!(waiting.change());
                change.as_mut().enable();
                match self.0.turn(key)? {
                    Turn::Full => change.await,
                    turn => return Ok(turn),
                }
            }
        };
        tokio::time::timeout(self.0.queue_wait, looking).await.unwrap_or_else(|_| Err(full()))
    }

    /// Workers for which `matches` is true take no further lease; they finish what they have and end. Returns at once;
    /// no later call of [`Runtime::worker`] gets one of them.
    pub fn retire(&self, matches: impl Fn(&WorkerKey) -> bool) {
        let mut table = self.0.lock();
        table.slots.retain(|key, _| !matches(key));
        self.0.booter.room.changed();
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
        if let Some(slot) = table.slots.get(key) {
            if let Some(worker) = slot.lease() {
                let grow = worker.is_busy() && slot.may_grow(self.workers_per_function);
                let loading = (grow && table.workers() < self.max_workers && !table.shutting_down)
                    .then(|| self.begin(&mut table, key));
                return Ok(Turn::Leased(worker, loading));
            }
            if let Some(boot) = &slot.booting {
                return Ok(Turn::Wait(boot.clone()));
            }
        }
        if table.shutting_down {
            return Err(WorkerError::ShuttingDown);
        }
        Ok(if self.make_room(&mut table) { Turn::Load(self.begin(&mut table, key)) } else { Turn::Full })
    }

    /// Marks the slot of `key` as one for which a worker boots.
    fn begin(self: &Arc<Self>, table: &mut Table, key: &WorkerKey) -> Loading {
        let (sender, boot) = watch::channel(Boot::Pending);
        let key = match table.slots.get_key_value(key) {
            Some((key, _)) => Arc::clone(key),
            None => Arc::new(key.clone()),
        };
        table.slots.entry(Arc::clone(&key)).or_default().begin(boot);
        Loading { inner: Arc::clone(self), key, sender: Some(sender) }
    }

    /// Sees to it that one more worker may boot: closes the one that was not used for the longest time. False if all
    /// are in use.
    fn make_room(self: &Arc<Self>, table: &mut Table) -> bool {
        table.slots.retain(|_, slot| slot.forget(|worker| !worker.is_open()));
        while table.workers() >= self.max_workers {
            let ready = table.slots.values().flat_map(|slot| &slot.ready).filter(|worker| worker.leases() == 0);
            let Some(oldest) = ready.min_by_key(|worker| worker.last_used()).cloned() else { return false };
            if oldest.close_if_unused() {
                table.slots.retain(|_, slot| slot.forget(|worker| Arc::ptr_eq(worker, &oldest)));
                self.handle.spawn(oldest.drain());
            }
        }
        true
    }

    /// Boots a worker and publishes it. The caller who loaded the assignment gets its lease first.
    async fn boot(
        self: Arc<Self>,
        loading: Loading,
        assignment: Assignment,
        leader: Option<oneshot::Sender<Result<Lease, BootError>>>,
    ) {
        let result = self.booted(&loading.key, assignment).await;
        // The lease comes before the publication: what is published can be closed at any moment.
        let lease = leader.as_ref().map(|_| {
            result.clone().and_then(|worker| match worker.try_lease() {
                true => Ok(Lease::new(worker, true)),
                false => Err(BootError::Died(Exit::Stopped)),
            })
        });
        loading.publish(result);
        if let (Some(leader), Some(lease)) = (leader, lease) {
            let _ = leader.send(lease);
        }
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
        let taken =
            self.pool.take(&self.booter, assignment.limits.memory_mib, self.booter.wants_relay(&assignment)).await;
        let started = taken.and_then(|unassigned| self.booter.assign(unassigned, key, assignment));
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
                inner.booter.room.freed();
                inner.processes.send_modify(|count| *count -= 1);
            }
        });
        ready(&worker, limit).await.map(|()| worker)
    }

    /// Ends the boot that `sender` tells of. Tells whether the slot of `key` still waited for it.
    fn vacate(&self, table: &mut Table, key: &WorkerKey, sender: &watch::Sender<Boot>) -> bool {
        let Some(slot) = table.slots.get_mut(key) else { return false };
        let ours = slot.booting.as_ref().is_some_and(|boot| boot.same_channel(&sender.subscribe()));
        if ours {
            slot.booting = None;
            if slot.ready.is_empty() {
                table.slots.remove(key);
            }
            self.booter.room.freed();
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

/// Retires workers that nobody used for `idle`, and those beside another of the same function sooner, for as long as the
/// runtime lives.
async fn sweep(inner: Weak<Inner>, idle: Duration) {
    let pause = (idle / 4).clamp(Duration::from_millis(10), Duration::from_secs(1));
    loop {
        tokio::time::sleep(pause).await;
        let Some(inner) = inner.upgrade() else { return };
        let now = Instant::now();
        inner.lock().slots.retain(|_, slot| {
            let mut others = slot.ready.len();
            slot.forget(|worker| {
                let patience = if others > 1 { idle / EXTRA_IDLE } else { idle };
                let unused = now.saturating_duration_since(worker.last_used()) >= patience && worker.close_if_unused();
                if unused {
                    others -= 1;
                    inner.handle.spawn(Arc::clone(worker).drain());
                }
                unused
            })
        });
    }
}

/// Looks at the workers that are in use, for as long as the runtime lives.
async fn sample(inner: Weak<Inner>) {
    let mut tick = tokio::time::interval(SAMPLE);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let Some(inner) = inner.upgrade() else { return };
        let workers: Vec<_> = inner.lock().all.values().cloned().collect();
        let now = Instant::now();
        for worker in workers {
            worker.sample(now);
        }
    }
}

#[cfg(test)]
impl Runtime {
    /// As [`Runtime::start`], with all of Deno's permissions given to workers.
    pub(crate) fn start_without_permissions(
        config: RuntimeConfig,
        logs: mpsc::Sender<LogLine>,
        outbound: Outbound,
    ) -> Result<Self, RuntimeError> {
        Self::start_with(config, logs, outbound, Grants::All)
    }
}
