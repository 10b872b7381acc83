//! The running process behind a worker: how many use it, how it is told to go, and how it ended.

use std::fmt;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::ResponseGuard;
use tokio::sync::{Notify, mpsc, watch};
use zeroize::Zeroizing;

use super::connection::Connections;
use super::ledger::{Ledger, resident, used};
use super::output::Sink;
use super::probe::Probe;
use super::room::Room;
use super::{Assignment, Limits, Stream, WorkerKey};

/// In `Worker::state`: no further lease. The other bits count the leases.
const CLOSED: u64 = 1 << 63;
/// How long a worker may take to answer that its event loop turns.
const ANSWER: Duration = Duration::from_millis(500);

/// So many invocations at once are enough for one worker, even if all of them only wait.
const CONCURRENCY: u64 = 100;

/// A worker that is not in use is looked at less often by so much.
const SELDOM: u64 = 16;
/// What a worker may have in memory beside the heap of a function: buffers, WebAssembly, and Deno's own.
pub(crate) const BESIDE_BYTES: u64 = 256 << 20;

/// How a worker's process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exit {
    /// It was told to and had nothing left to do.
    Retired,
    /// The supervisor ended it: it was told to go and had not gone in time, or the server shuts down.
    Stopped,
    /// An invocation ran over its wall clock and the worker no longer answered (an endless loop).
    Unresponsive,
    /// An invocation used more processor time than it may and the worker no longer answered.
    CpuExceeded,
    /// The JavaScript heap was full, or all its memory.
    OutOfMemory,
    /// The function ended its own process.
    Code(i32),
    /// Something else ended it.
    Signal(i32),
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Retired => f.write_str("it was retired"),
            Self::Stopped => f.write_str("it was stopped by the server"),
            Self::Unresponsive => f.write_str("an invocation ran over its time and the worker did not answer any more"),
            Self::CpuExceeded => {
                f.write_str("an invocation used up its processor time and the worker did not answer any more")
            }
            Self::OutOfMemory => f.write_str("it ran out of memory"),
            Self::Code(code) => write!(f, "it exited with code {code}"),
            Self::Signal(signal) => write!(f, "it was ended by signal {signal}"),
        }
    }
}

/// One worker, from its spawn until its process is reaped.
pub(crate) struct Worker {
    pub(crate) id: Arc<str>,
    pub(crate) key: Arc<WorkerKey>,
    pub(crate) pid: u32,
    pub(crate) limits: Limits,
    pub(crate) guard: ResponseGuard,
    pub(crate) ledger: Ledger,
    /// Told only to the worker; it marks the responses that stand for something thrown.
    pub(crate) nonce: String,
    pub(crate) sink: Arc<Sink>,
    pub(crate) connections: Connections,
    state: AtomicU64,
    /// Nanoseconds since `born` at which the last lease ended.
    used: AtomicU64,
    invocations: AtomicU64,
    published: AtomicBool,
    born: Instant,
    unused: Notify,
    closed: watch::Sender<bool>,
    kill: Notify,
    /// Why the supervisor ended it, if it did.
    verdict: Mutex<Option<Exit>>,
    control: mpsc::UnboundedSender<Zeroizing<Vec<u8>>>,
    pings: AtomicU64,
    samples: AtomicU64,
    probe: Probe,
    room: Arc<Room>,
    exit: watch::Sender<Option<Exit>>,
}

impl Worker {
    pub(crate) fn new(
        pid: u32,
        assignment: &Assignment,
        nonce: String,
        sink: Arc<Sink>,
        connections: Connections,
        control: mpsc::UnboundedSender<Zeroizing<Vec<u8>>>,
        room: Arc<Room>,
    ) -> Self {
        Self {
            id: Arc::clone(&sink.worker),
            key: Arc::clone(&sink.key),
            pid,
            ledger: Ledger::new(assignment.limits.wall_clock, assignment.limits.cpu),
            limits: assignment.limits.clone(),
            guard: assignment.guard,
            nonce,
            sink,
            connections,
            state: AtomicU64::new(0),
            used: AtomicU64::new(0),
            invocations: AtomicU64::new(0),
            published: AtomicBool::new(false),
            born: Instant::now(),
            unused: Notify::new(),
            closed: watch::Sender::new(false),
            kill: Notify::new(),
            verdict: Mutex::new(None),
            control,
            pings: AtomicU64::new(0),
            samples: AtomicU64::new(0),
            probe: Probe::default(),
            room,
            exit: watch::Sender::new(None),
        }
    }

    // ---- leases

    /// Counts one more user, unless the worker takes none any more. Pair with [`Worker::release`].
    pub(crate) fn try_lease(&self) -> bool {
        if self.state.fetch_add(1, Ordering::AcqRel) & CLOSED == 0 {
            self.invocations.fetch_add(1, Ordering::Relaxed);
            return true;
        }
        self.release();
        false
    }

    pub(crate) fn release(&self) {
        let now = u64::try_from(self.born.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.used.store(now, Ordering::Relaxed);
        match self.state.fetch_sub(1, Ordering::AcqRel) {
            1 => self.room.freed(),
            before if before == CLOSED | 1 => self.unused.notify_one(),
            _ => {}
        }
    }

    pub(crate) fn leases(&self) -> u64 {
        self.state.load(Ordering::Acquire) & !CLOSED
    }

    pub(crate) fn invocations(&self) -> u64 {
        self.invocations.load(Ordering::Relaxed)
    }

    /// Marks it as one that callers can find.
    pub(crate) fn publish(&self) {
        self.published.store(true, Ordering::Release);
    }

    pub(crate) fn is_published(&self) -> bool {
        self.published.load(Ordering::Acquire)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.state.load(Ordering::Acquire) & CLOSED == 0
    }

    /// When the last lease ended.
    pub(crate) fn last_used(&self) -> Instant {
        self.born + Duration::from_nanos(self.used.load(Ordering::Relaxed))
    }

    /// Takes no further lease. True for the one call that made it so, which must see to [`Worker::drain`].
    pub(crate) fn close(&self) -> bool {
        let first = self.state.fetch_or(CLOSED, Ordering::AcqRel) & CLOSED == 0;
        if first {
            self.closed.send_replace(true);
        }
        first
    }

    /// Returns when it has taken no lease for so long.
    pub(crate) async fn retired_for(&self, grace: Duration) {
        // The sender lives in `self`.
        let _ = self.closed.subscribe().wait_for(|closed| *closed).await;
        tokio::time::sleep(grace).await;
    }

    /// As [`Worker::close`], only if nobody uses it.
    pub(crate) fn close_if_unused(&self) -> bool {
        self.state.compare_exchange(0, CLOSED, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    // ---- the end

    /// After [`Worker::close`]: waits for the leases, then for what the function promised to finish, then for the end.
    pub(crate) async fn drain(self: Arc<Self>) {
        let gone = self.gone();
        tokio::pin!(gone);
        loop {
            let unused = self.unused.notified();
            if self.leases() == 0 {
                break;
            }
            tokio::select! {
                () = unused => {}
                _ = &mut gone => return,
            }
        }
        self.sentence(Exit::Retired);
        self.connections.close();
        self.tell(&serde_json::json!({ "drain": true }));
        if tokio::time::timeout(self.limits.wall_clock, &mut gone).await.is_err() {
            self.kill(Exit::Stopped);
            gone.await;
        }
    }

    /// An invocation ran over its time: from now on new ones go elsewhere. If the event loop still turns, the others in
    /// this worker may finish; if not, it is ended with all that run in it.
    pub(crate) fn overran(self: &Arc<Self>, verdict: Exit) {
        let first = self.close();
        tokio::spawn(Arc::clone(self).judge(first, verdict));
    }

    async fn judge(self: Arc<Self>, first: bool, verdict: Exit) {
        let mut pong = self.sink.pong.subscribe();
        let question = self.ping();
        let answer = pong.wait_for(|(number, _)| *number >= question);
        let answered = matches!(tokio::time::timeout(ANSWER, answer).await, Ok(Ok(_)));
        if !answered {
            self.kill(verdict);
        } else if first {
            self.drain().await;
        }
    }

    /// Asks whether the event loop turns. The number that the answer will have.
    fn ping(&self) -> u64 {
        let number = self.pings.fetch_add(1, Ordering::Relaxed) + 1;
        self.tell(&serde_json::json!({ "ping": number }));
        number
    }

    /// One look at the invocations under way, of many: ends those that are over a limit, and finds out whether another
    /// worker would help. Ends the worker if it takes more memory than it may; code can have such that no limit of the system counts.
    pub(crate) fn sample(&self, now: Instant) {
        let leases = self.leases();
        let turn = self.samples.fetch_add(1, Ordering::Relaxed);
        if (leases > 0 || turn.is_multiple_of(SELDOM))
            && resident(self.pid).is_some_and(|bytes| bytes > self.memory_bytes())
        {
            self.kill(Exit::OutOfMemory);
        }
        if leases > 0 {
            self.ledger.sample(now, used(self.pid));
        }
        self.probe.sample(now, leases, *self.sink.pong.borrow(), || self.ping());
    }

    fn memory_bytes(&self) -> u64 {
        (u64::from(self.limits.memory_mib) << 20) + BESIDE_BYTES
    }

    /// Whether it has as much to do as one event loop can.
    pub(crate) fn is_busy(&self) -> bool {
        self.probe.is_late() || self.leases() >= CONCURRENCY
    }

    fn sentence(&self, verdict: Exit) {
        *self.verdict.lock().unwrap_or_else(PoisonError::into_inner) = Some(verdict);
    }

    pub(crate) fn kill(&self, verdict: Exit) {
        self.sentence(verdict);
        self.close();
        self.kill.notify_one();
    }

    /// Returns when the process should be killed.
    pub(crate) async fn condemned(&self) {
        self.kill.notified().await;
    }

    /// Waits until the process is reaped.
    pub(crate) async fn gone(&self) -> Exit {
        let mut exit = self.exit.subscribe();
        match exit.wait_for(Option::is_some).await {
            Ok(exit) => exit.clone().unwrap_or(Exit::Stopped),
            Err(_) => Exit::Stopped,
        }
    }

    /// Records the end; called once, when the process is reaped and its output read.
    pub(crate) fn ended(&self, status: Option<ExitStatus>, ran_out: bool) {
        self.close();
        let exit = if ran_out || self.sink.out_of_memory.load(Ordering::Relaxed) {
            Exit::OutOfMemory
        } else if let Some(verdict) = self.verdict.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            verdict
        } else {
            match (status.and_then(|s| s.code()), status.and_then(|s| s.signal())) {
                (Some(code), _) => Exit::Code(code),
                (_, Some(signal)) => Exit::Signal(signal),
                _ => Exit::Stopped,
            }
        };
        if !matches!(exit, Exit::Retired | Exit::Stopped) && self.sink.boot.borrow().is_some() {
            self.sink.log(Stream::Stderr, None, format!("worker ended: {exit}"));
        }
        self.exit.send_replace(Some(exit));
    }

    fn tell(&self, message: &serde_json::Value) {
        let _ = self.control.send(super::boot::framed(message.to_string().as_bytes()));
    }
}
