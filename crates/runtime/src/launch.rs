//! How a child process comes to be: on one thread, in its own session, and bound to the life of that thread.
//!
//! The only unsafe code of the product. A sandbox would be put around [`Launch`], before the child becomes Deno.
#![expect(unsafe_code, reason = "descriptors are borrowed by number and code runs between fork and exec; see SAFETY")]

use std::ffi::OsString;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::mpsc;

use rustix::process::{Resource, Rlimit};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;

/// What to start. The environment holds exactly `env`; standard output and error are pipes.
pub(crate) struct Launch {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<OsString>,
    pub(crate) env: Vec<(&'static str, OsString)>,
    pub(crate) dir: PathBuf,
    /// Most private memory, in bytes: heaps, buffers, stacks and compiled code of all its threads.
    pub(crate) memory_bytes: u64,
    pub(crate) stdin: Stdio,
}

impl Launch {
    fn command(self) -> Command {
        let mut command = std::process::Command::new(self.program);
        command.args(self.args).env_clear().envs(self.env).current_dir(self.dir);
        command.stdin(self.stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        let parent = rustix::process::getpid();
        let memory_bytes = self.memory_bytes;
        let confine = move || confine(parent, memory_bytes);
        // SAFETY: `confine` runs in the child between fork and exec, where only async-signal-safe calls are allowed. It
        // makes plain system calls through rustix, allocates nothing, takes no lock and captures two `Copy` numbers.
        unsafe { std::os::unix::process::CommandExt::pre_exec(&mut command, confine) };
        let mut command = Command::from(command);
        command.kill_on_drop(true);
        command
    }
}

/// In the child, before it becomes Deno.
fn confine(parent: rustix::process::Pid, memory_bytes: u64) -> io::Result<()> {
    // A session of its own: a terminal's ^C reaches the server, which drains its workers, and not the workers.
    rustix::process::setsid()?;
    // A core file would hold the values.
    rustix::process::setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    // V8 limits its heap only; buffers, WebAssembly memories and further threads are outside it. An allocation beyond this
    // fails, mostly as a RangeError that the function can see.
    rustix::process::setrlimit(Resource::Data, Rlimit { current: Some(memory_bytes), maximum: Some(memory_bytes) })?;
    #[cfg(target_os = "linux")]
    {
        rustix::thread::set_no_new_privs(true)?;
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
        // The parent may have died before the line above; nobody would send the signal then.
        if rustix::process::getppid() != Some(parent) {
            return Err(io::Error::from(rustix::io::Errno::SRCH));
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = parent;
    Ok(())
}

type Job = Box<dyn FnOnce() + Send>;

/// Starts children on a thread of its own. Linux ends a child with the *thread* that started it, and threads of an async
/// runtime come and go; this one lives exactly as long as the spawner.
pub(crate) struct Spawner(mpsc::Sender<Job>);

impl Spawner {
    pub(crate) fn start() -> io::Result<Self> {
        close_on_exec();
        let (sender, jobs) = mpsc::channel::<Job>();
        std::thread::Builder::new().name("spawner".to_owned()).spawn(move || {
            for job in jobs {
                job();
            }
        })?;
        Ok(Self(sender))
    }

    pub(crate) async fn spawn(&self, launch: Launch) -> io::Result<Child> {
        let (reply, child) = oneshot::channel();
        let handle = tokio::runtime::Handle::current();
        let job = Box::new(move || {
            let _entered = handle.enter();
            // If the caller has gone, the child goes too, being killed on drop.
            let _ = reply.send(launch.command().spawn());
        });
        self.0.send(job).map_err(|_| io::Error::other("the spawner has ended"))?;
        child.await.map_err(|_| io::Error::other("the spawner has ended"))?
    }
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
