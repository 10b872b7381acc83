//! One worker: a Deno process that serves one function with one set of values. What lives here knows nothing of other
//! workers; which worker an invocation gets is the supervisor's affair.

mod body;
mod boot;
mod connection;
mod grants;
mod guard;
mod invocation;
mod ledger;
mod output;
mod probe;
mod process;
mod relay;
mod room;
mod secret_set;
mod text;
mod upgrade;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use domain::{AccountId, EgressPolicy, Endpoint, EnvironmentName, FunctionName, ResponseGuard};
use tokio::sync::mpsc;

use crate::egress::{Broker, EgressRecord};

pub use body::WorkerBody;
pub(crate) use boot::{BootError, Booter, Unassigned, ready};
pub(crate) use grants::Grants;
pub use invocation::{Cleaner, End, INVOCATION_HEADER, InvokeError, Lease, Outcome};
pub use process::Exit;
pub(crate) use process::Worker;
pub(crate) use room::Room;
pub use secret_set::SecretSet;

/// Which function with which values a worker serves. Two keys that differ in anything have different workers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WorkerKey {
    /// The account whose function it is.
    pub account: AccountId,
    /// The environment whose values it holds.
    pub environment: EnvironmentName,
    /// The function.
    pub function: FunctionName,
    /// The number of the deployment.
    pub deployment: u64,
    /// Changes with every change of a value that the function would see.
    pub generation: u64,
    /// Of a worker that serves one purpose only, what that is: none but who names it gets that worker.
    pub apart: Option<Arc<str>>,
}

/// What makes an unassigned worker into a function's.
pub struct Assignment {
    /// The bundle's code.
    pub code: Arc<str>,
    /// The secrets that it gets.
    pub secrets: Arc<SecretSet>,
    /// What it may send where.
    pub egress: Egress,
    /// The bounds within which it runs.
    pub limits: Limits,
    /// What is done with responses that hold one of the values.
    pub guard: ResponseGuard,
    /// What it writes goes nowhere: it comes to know values that nobody can take out of a text yet.
    pub silent: bool,
}

/// What a worker may send where.
#[derive(Default)]
pub struct Egress {
    /// The hosts it may reach.
    pub policy: EgressPolicy,
    /// The TCP endpoints it declares.
    pub tcp: Vec<Endpoint>,
}

/// Something that a worker sent, or tried to.
#[derive(Debug, Clone)]
pub struct Sent {
    /// Whose worker it was.
    pub key: Arc<WorkerKey>,
    /// When it ended.
    pub time: SystemTime,
    /// What it was; the host is redacted.
    pub record: EgressRecord,
}

/// The way out of all workers.
#[derive(Clone)]
pub struct Outbound {
    /// Takes their requests.
    pub broker: Arc<Broker>,
    /// Gets what they sent. While it is full, workers' requests wait.
    pub sent: mpsc::Sender<Sent>,
}

/// The bounds of a worker and of its invocations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// From assignment to ready, the evaluation of the module included.
    pub boot: Duration,
    /// One invocation, from the request to the end of the response's stream.
    pub wall_clock: Duration,
    /// The JavaScript heap, in MiB. Buffers outside the heap are not counted here.
    pub memory_mib: u32,
    /// Processor time of one invocation: its share of what its worker used while it ran. Enforced where the system tells
    /// a process's time in `/proc`.
    pub cpu: Duration,
    /// The body of one response, in bytes.
    pub response_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            boot: Duration::from_secs(10),
            wall_clock: Duration::from_secs(60),
            memory_mib: 256,
            cpu: Duration::from_secs(10),
            response_bytes: 256 << 20,
        }
    }
}

/// Where a line was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// `console.log`, `info`, `debug` and writes to standard output.
    Stdout,
    /// `console.warn`, `error`, what was thrown, and writes to standard error.
    Stderr,
}

/// One console call or one line of raw output.
#[derive(Debug, Clone)]
pub struct LogLine {
    /// Whose worker wrote it.
    pub key: Arc<WorkerKey>,
    /// The worker's id.
    pub worker: Arc<str>,
    /// The invocation during which it was written. None at load, from timers of no request, and for raw writes.
    pub invocation: Option<String>,
    /// Where it was written.
    pub stream: Stream,
    /// When it was received.
    pub time: SystemTime,
    /// Redacted, at most `domain::limits::LOG_LINE_BYTES` and a note, and without control characters but `\n` and `\t`.
    pub text: String,
}
