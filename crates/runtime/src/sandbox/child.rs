//! From a copy of this process to another program behind walls.
//!
//! The child is a copy of one thread of a program that has many: another one may hold the allocator's lock at that moment, for ever. So
//! everything is prepared beforehand, and between `clone` and `execveat` there are system calls only: no allocation, no lock, no panic.
#![expect(unsafe_code, reason = "clone and execveat; each call says why it is sound")]

use std::convert::Infallible;
use std::ffi::{CString, c_char};
use std::io::{self, Read as _};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, Signal};
use seccompiler::BpfProgram;

use super::identity::{Identity, drop_rights};
use super::view::{View, last_error};
use super::{landlock, relay, seccomp};

/// How far a child had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Step {
    Clone,
    Admit,
    Session,
    Identity,
    View,
    Relay,
    Limits,
    Landlock,
    Seccomp,
    Exec,
}

const STEPS: [Step; 10] = [
    Step::Clone,
    Step::Admit,
    Step::Session,
    Step::Identity,
    Step::View,
    Step::Relay,
    Step::Limits,
    Step::Landlock,
    Step::Seccomp,
    Step::Exec,
];

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Why there is no child, and what it was about to do.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) step: Step,
    pub(super) error: io::Error,
}

/// A program to become, and the walls to become it behind.
pub(super) struct Prepared {
    /// `CLONE_NEW*`.
    pub(super) namespaces: u64,
    pub(super) identity: Identity,
    pub(super) view: Option<View>,
    /// Where sockets are handed over that are made in the child's network namespace.
    pub(super) relay: Option<OwnedFd>,
    pub(super) limits: Vec<(Resource, u64)>,
    pub(super) landlock: Option<OwnedFd>,
    pub(super) seccomp: Option<BpfProgram>,
    pub(super) program: CString,
    pub(super) arguments: Vec<CString>,
    pub(super) environment: Vec<CString>,
    pub(super) dir: CString,
    /// Standard input, output and error.
    pub(super) stdio: [OwnedFd; 3],
    /// The number that the program's descriptor gets; the filter of system calls knows it.
    pub(super) program_number: u32,
}

/// Makes the child, lets `admit` do to it what only its parent may, and waits until it has become the program.
///
/// It ends with the thread that calls this.
pub(super) fn spawn(
    mut prepared: Prepared,
    admit: impl FnOnce(u32) -> io::Result<()>,
) -> Result<(u32, OwnedFd), Failure> {
    let failed = |step| move |error| Failure { step, error };
    // A child holds the pipes of all others that are made meanwhile, and would wait for itself.
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let (go, start) = io::pipe().map_err(failed(Step::Clone))?;
    let (mut report, telling) = io::pipe().map_err(failed(Step::Clone))?;
    let (go, telling) = (OwnedFd::from(go), OwnedFd::from(telling));
    let needed = [Some(&go), Some(&telling), prepared.landlock.as_ref(), prepared.relay.as_ref()];
    if needed.into_iter().flatten().any(|one| u32::try_from(one.as_raw_fd()) == Ok(prepared.program_number)) {
        return Err(failed(Step::Clone)(Errno::MFILE.into()));
    }
    let [arguments, environment] = [&prepared.arguments, &prepared.environment].map(|texts| {
        let end = std::iter::once(std::ptr::null::<c_char>());
        texts.iter().map(|text| text.as_ptr()).chain(end).collect::<Vec<_>>()
    });
    let mut pidfd: libc::c_int = -1;
    let flags = prepared.namespaces | (libc::CLONE_PIDFD | libc::SIGCHLD) as u64;
    // SAFETY: without CLONE_VM this is `fork`: the child goes on with a copy of this stack and of all memory, and the kernel writes the
    // descriptor's number to `pidfd`. The child calls `enter`, which keeps to what the file's head says, and never returns from here.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags, 0, &raw mut pidfd, 0, 0) };
    if pid == 0 {
        drop((start, report));
        let Err((step, errno)) = enter(&mut prepared, &go, &arguments, &environment);
        let [a, b, c, d] = errno.raw_os_error().to_ne_bytes();
        let _ = rustix::io::write(&telling, &[step as u8, a, b, c, d]);
        // SAFETY: ends the process and runs nothing of it.
        unsafe { libc::_exit(127) }
    }
    let Ok(pid) = u32::try_from(pid) else { return Err(failed(Step::Clone)(io::Error::last_os_error())) };
    // SAFETY: the kernel has just made it for us; nobody else knows it.
    let process = unsafe { OwnedFd::from_raw_fd(pidfd) };
    drop((prepared, go, telling));
    let outcome = admit(pid).map_err(failed(Step::Admit)).and_then(|()| {
        // It may have ended already; then it has said why.
        let _ = rustix::io::write(&start, b"!");
        let mut told = [0; 5];
        let [step, errno @ ..] = match report.read_exact(&mut told) {
            Ok(()) => told,
            // The descriptor closed with the child's becoming another program.
            Err(_) => return Ok(()),
        };
        let step = STEPS.into_iter().find(|known| *known as u8 == step).unwrap_or(Step::Exec);
        Err(Failure { step, error: io::Error::from_raw_os_error(i32::from_ne_bytes(errno)) })
    });
    // Until here its parent was to be seen alive.
    drop(start);
    match outcome {
        Ok(()) => Ok((pid, process)),
        Err(failure) => {
            let _ = rustix::process::pidfd_send_signal(&process, Signal::KILL);
            let _ = super::process::reap(&process);
            Err(failure)
        }
    }
}

/// In the child.
fn enter(
    prepared: &mut Prepared,
    go: &OwnedFd,
    arguments: &[*const c_char],
    environment: &[*const c_char],
) -> Result<Infallible, (Step, Errno)> {
    let at = |step| move |errno| (step, errno);
    await_parent(go).map_err(at(Step::Admit))?;
    session(&prepared.stdio).map_err(at(Step::Session))?;
    if let Some(view) = &mut prepared.view {
        view.gather().map_err(at(Step::View))?;
    }
    // In a user namespace of its own it has all rights over its tree, and the tree's files are to be of someone known there. Without one
    // it is root until it gives that up.
    if prepared.identity.namespace {
        prepared.identity.assume().map_err(at(Step::Identity))?;
    }
    if let Some(view) = &mut prepared.view {
        view.enter().map_err(at(Step::View))?;
    }
    if let Some(to) = &prepared.relay {
        relay::open(to).map_err(at(Step::Relay))?;
    }
    if !prepared.identity.namespace {
        prepared.identity.assume().map_err(at(Step::Identity))?;
    }
    rustix::process::chdir(prepared.dir.as_c_str()).map_err(at(Step::View))?;
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let program = rustix::fs::openat(CWD, prepared.program.as_c_str(), flags, Mode::empty()).map_err(at(Step::Exec))?;
    let program = number(&program, prepared.program_number).map_err(at(Step::Limits))?;
    for (resource, most) in &prepared.limits {
        let most = Some(*most);
        rustix::process::setrlimit(*resource, Rlimit { current: most, maximum: most }).map_err(at(Step::Limits))?;
    }
    drop_rights().map_err(at(Step::Identity))?;
    follow_parent(go).map_err(at(Step::Session))?;
    if let Some(rules) = &prepared.landlock {
        landlock::keep(rules).map_err(at(Step::Landlock))?;
    }
    if let Some(filter) = &prepared.seccomp {
        seccomp::keep(filter).map_err(at(Step::Seccomp))?;
    }
    // SAFETY: path, arguments and environment are C strings and null-terminated arrays of them that outlive the call.
    unsafe {
        libc::syscall(
            libc::SYS_execveat,
            program.as_raw_fd(),
            c"".as_ptr(),
            arguments.as_ptr(),
            environment.as_ptr(),
            libc::AT_EMPTY_PATH,
        )
    };
    Err((Step::Exec, last_error()))
}

/// Waits for the parent to have done its part. If it has died, there is nobody to be a child of.
fn await_parent(go: &OwnedFd) -> Result<(), Errno> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    match rustix::io::read(go, &mut [0_u8; 1])? {
        1 => Ok(()),
        _ => Err(Errno::SRCH),
    }
}

/// A session without a terminal, no privileges to come, plain signals, and no descriptors beyond the three.
fn session(stdio: &[OwnedFd; 3]) -> Result<(), Errno> {
    // A terminal's ^C reaches the server, which drains its workers, and not the workers.
    rustix::process::setsid()?;
    rustix::thread::set_no_new_privs(true)?;
    let [input, output, error] = stdio;
    rustix::stdio::dup2_stdin(input)?;
    rustix::stdio::dup2_stdout(output)?;
    rustix::stdio::dup2_stderr(error)?;
    // What this server itself inherited without the flag, too. Kernels before 5.11 have only what `close_on_exec` did.
    // SAFETY: takes three numbers; sets a flag of descriptors that are all this process's own.
    unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    // The handlers of this server end with its image; what it ignores would stay ignored.
    for signal in 1..=64 {
        // SAFETY: sets the default action, in a process of one thread.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    let mut none = MaybeUninit::uninit();
    // SAFETY: the first call initializes the set that the second one reads.
    unsafe {
        libc::sigemptyset(none.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), std::ptr::null_mut());
    }
    Ok(())
}

/// Ends with the parent from now on. Must come after every change of identity, which revokes it.
fn follow_parent(go: &OwnedFd) -> Result<(), Errno> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    // The parent may have died before; nobody would send the signal then. It holds the other end as long as it lives.
    let mut state = [rustix::event::PollFd::new(go, rustix::event::PollFlags::IN)];
    match rustix::event::poll(&mut state, Some(&rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 }))? {
        0 => Ok(()),
        _ => Err(Errno::SRCH),
    }
}

/// Gives a descriptor a number that none gets later, being beyond the limit that is set next.
fn number(descriptor: &OwnedFd, number: u32) -> Result<BorrowedFd<'static>, Errno> {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    rustix::process::setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    let number = libc::c_int::try_from(number).map_err(|_| Errno::MFILE)?;
    // SAFETY: takes numbers; whatever had the new one is closed in this process, and is none of those that are still used.
    match unsafe { libc::dup3(descriptor.as_raw_fd(), number, libc::O_CLOEXEC) } {
        // SAFETY: it stays open until this process becomes the program.
        same if same == number => Ok(unsafe { BorrowedFd::borrow_raw(number) }),
        _ => Err(last_error()),
    }
}

/// A C string of anything that the system takes as one.
pub(super) fn c_string(text: impl AsRef<std::ffi::OsStr>) -> io::Result<CString> {
    use std::os::unix::ffi::OsStrExt as _;
    Ok(CString::new(text.as_ref().as_bytes())?)
}

/// Whether a process can be made with these namespaces.
pub(super) fn can_clone(namespaces: libc::c_int) -> io::Result<()> {
    let mut pidfd: libc::c_int = -1;
    let flags = namespaces | libc::CLONE_PIDFD | libc::SIGCHLD;
    // SAFETY: as in `spawn`; the child does nothing but end.
    let pid = unsafe { libc::syscall(libc::SYS_clone, libc::c_long::from(flags), 0, &raw mut pidfd, 0, 0) };
    match pid {
        // SAFETY: ends the process and runs nothing of it.
        0 => unsafe { libc::_exit(0) },
        -1 => Err(io::Error::last_os_error()),
        // SAFETY: the kernel has just made it for us; nobody else knows it.
        _ => super::process::reap(&unsafe { OwnedFd::from_raw_fd(pidfd) }).map(drop),
    }
}
