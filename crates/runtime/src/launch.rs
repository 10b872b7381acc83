//! How a child process comes to be: on one thread, in its own session, bound to the life of that thread, behind the sandbox's walls.
#![expect(unsafe_code, reason = "descriptors are borrowed by number; see SAFETY")]

use std::ffi::OsString;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::process::{ExitStatus, Output};
use std::sync::mpsc;

use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::oneshot;

use crate::sandbox::{Process, Rules, Sandbox, Wall};

/// A Deno to start. The environment holds exactly `env`; standard output and error are pipes.
pub(crate) struct Launch {
    pub(crate) args: Vec<OsString>,
    pub(crate) env: Vec<(&'static str, OsString)>,
    pub(crate) dir: PathBuf,
    /// Most private memory, in bytes: heaps, buffers, stacks and compiled code of all its threads.
    pub(crate) memory_bytes: u64,
    /// Most memory that it really takes, files and all. Kept by the kernel where the wall `memory` stands.
    pub(crate) resident_bytes: u64,
    pub(crate) stdin: OwnedFd,
    /// What it may do.
    pub(crate) rules: Rules,
}

/// Why a process could not be started.
#[derive(Debug, thiserror::Error)]
#[error("{error}{}", wall.map(|wall| format!(" (putting up the wall {wall})")).unwrap_or_default())]
pub(crate) struct SpawnError {
    /// The wall that could not be put up, if it was that.
    pub(crate) wall: Option<Wall>,
    pub(crate) error: io::Error,
}

impl From<SpawnError> for io::Error {
    fn from(error: SpawnError) -> Self {
        Self::new(error.error.kind(), error.to_string())
    }
}

/// A child with its output. Dropped, it is killed.
pub(crate) struct Child {
    process: Process,
    pub(crate) stdout: Option<Receiver>,
    pub(crate) stderr: Option<Receiver>,
    /// Unbound ones of its network namespace, if its rules have a relay.
    pub(crate) sockets: Vec<OwnedFd>,
}

impl Child {
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.process.try_wait()
    }

    pub(crate) async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.process.wait().await
    }

    pub(crate) fn start_kill(&mut self) -> io::Result<()> {
        self.process.start_kill()
    }

    /// Whether the kernel ended it for want of memory. Known once it has ended.
    pub(crate) fn ran_out(&self) -> bool {
        self.process.ran_out()
    }

    /// Ends it and waits until it is reaped.
    pub(crate) async fn kill(&mut self) -> io::Result<()> {
        self.start_kill()?;
        self.wait().await.map(drop)
    }

    /// Reads all that it writes, and waits for its end.
    pub(crate) async fn wait_with_output(mut self) -> io::Result<Output> {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let (out, err) = (self.stdout.take(), self.stderr.take());
        let read = async |from: Option<Receiver>, into: &mut Vec<u8>| match from {
            Some(mut from) => from.read_to_end(into).await.map(drop),
            None => Ok(()),
        };
        tokio::try_join!(read(out, &mut stdout), read(err, &mut stderr))?;
        Ok(Output { status: self.wait().await?, stdout, stderr })
    }
}

type Job = Box<dyn FnOnce() + Send>;

/// Starts children on a thread of its own. Linux ends a child with the *thread* that started it, and threads of an async
/// runtime come and go; this one lives exactly as long as the spawner.
pub(crate) struct Spawner {
    jobs: mpsc::Sender<Job>,
    sandbox: Sandbox,
}

impl Spawner {
    pub(crate) fn start(sandbox: Sandbox) -> io::Result<Self> {
        close_on_exec();
        let (jobs, incoming) = mpsc::channel::<Job>();
        std::thread::Builder::new().name("spawner".to_owned()).spawn(move || {
            give_way();
            for job in incoming {
                job();
            }
        })?;
        Ok(Self { jobs, sandbox })
    }

    /// The walls that its children stand behind.
    pub(crate) fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    pub(crate) async fn spawn(&self, launch: Launch) -> Result<Child, SpawnError> {
        let ended = || SpawnError { wall: None, error: io::Error::other("the spawner has ended") };
        let (reply, child) = oneshot::channel();
        let handle = tokio::runtime::Handle::current();
        let sandbox = self.sandbox.clone();
        let job = Box::new(move || {
            let _entered = handle.enter();
            // If the caller has gone, the child goes too, being killed on drop.
            let _ = reply.send(start(&sandbox, launch));
        });
        self.jobs.send(job).map_err(|_| ended())?;
        child.await.map_err(|_| ended())?
    }
}

fn start(sandbox: &Sandbox, launch: Launch) -> Result<Child, SpawnError> {
    let failed = |error| SpawnError { wall: None, error };
    let pipe = || {
        let (reader, writer) = io::pipe()?;
        Ok((Receiver::from_owned_fd(reader.into())?, OwnedFd::from(writer)))
    };
    let (stdout, out) = pipe().map_err(failed)?;
    let (stderr, err) = pipe().map_err(failed)?;
    let (process, sockets) = sandbox.spawn(launch, [out, err])?;
    Ok(Child { process, stdout: Some(stdout), stderr: Some(stderr), sockets })
}

/// This thread, and every process that it starts, waits its turn when it wakes. A worker that interrupts the thread which has just
/// written to it serves that one request and sleeps again: on a busy machine that is two switches for each request, and a third of
/// what the server could do. A function that is always busy cannot push the server aside either.
fn give_way() {
    #[cfg(target_os = "linux")]
    {
        let parameters = libc::sched_param { sched_priority: 0 };
        // SAFETY: takes numbers and reads the one struct. Where it is refused, nothing but speed is lost.
        unsafe { libc::sched_setscheduler(0, libc::SCHED_BATCH, &raw const parameters) };
    }
}

/// For a process that reads nothing.
pub(crate) fn dev_null() -> io::Result<OwnedFd> {
    Ok(std::fs::File::open("/dev/null")?.into())
}

/// Keeps descriptors that this process inherited (from a shell, a service manager) from the children. Everything opened
/// later is opened close-on-exec by the standard library and by rustix.
fn close_on_exec() {
    let Ok(entries) = std::fs::read_dir("/dev/fd") else { return };
    let numbers: Vec<i32> = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    for number in numbers.into_iter().filter(|number| *number > 2) {
        // SAFETY: the descriptor is used for this one call and not kept. If it was closed meanwhile the call fails with
        // EBADF; if its number was reused, it is set to what its new owner has set already.
        let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
        let _ = rustix::io::fcntl_setfd(descriptor, rustix::io::FdFlags::CLOEXEC);
    }
}
