//! A running child, held by a descriptor: its number may be given to another process, the descriptor not.
#![expect(unsafe_code, reason = "registration of a descriptor; see SAFETY")]

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use rustix::process::{Signal, WaitId, WaitIdOptions, WaitIdStatus};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::group::Group;

/// A child. Dropped, it is killed.
pub(crate) struct Process {
    id: u32,
    /// `None` when its end has been learnt, or handed to a task.
    running: Option<AsyncFd<OwnedFd>>,
    status: Option<ExitStatus>,
    group: Option<Group>,
    handle: tokio::runtime::Handle,
}

impl Process {
    /// Within a Tokio runtime.
    pub(super) fn new(id: u32, descriptor: OwnedFd, group: Option<Group>) -> io::Result<Self> {
        let handle = tokio::runtime::Handle::current();
        // SAFETY: the descriptor is owned, and stays open and the same until the `AsyncFd` is dropped.
        let running = Some(unsafe { AsyncFd::register_with_interest(descriptor, Interest::READABLE)? });
        Ok(Self { id, running, status: None, group, handle })
    }

    /// Its number on this machine, which means nothing any more once it has ended.
    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    /// How it ended, if it has.
    pub(crate) fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        if let Some(running) = &self.running
            && let Some(status) = look(running.get_ref(), WaitIdOptions::NOHANG)?
        {
            self.status = Some(status);
            self.running = None;
        }
        Ok(self.status)
    }

    /// Whether the kernel ended it for want of memory. Known once it has ended.
    pub(crate) fn ran_out(&self) -> bool {
        self.group.as_ref().is_some_and(Group::ran_out)
    }

    /// Waits for its end. May be given up and begun again.
    pub(crate) async fn wait(&mut self) -> io::Result<ExitStatus> {
        loop {
            if let Some(status) = self.try_wait()? {
                return Ok(status);
            }
            let Some(running) = &self.running else { return Err(io::Error::other("its end is unknown")) };
            running.readable().await?.clear_ready();
        }
    }

    /// Tells it to end, which it cannot refuse.
    pub(crate) fn start_kill(&mut self) -> io::Result<()> {
        match &self.running {
            Some(running) => Ok(rustix::process::pidfd_send_signal(running.get_ref(), Signal::KILL)?),
            None => Ok(()),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let Some(running) = self.running.take() else { return };
        let _ = rustix::process::pidfd_send_signal(running.get_ref(), Signal::KILL);
        let group = self.group.take();
        self.handle.spawn(async move {
            let _ = running.readable().await;
            let status = reap(running.get_ref());
            drop(group);
            status
        });
    }
}

/// Waits for the end of a child.
pub(super) fn reap(process: &OwnedFd) -> io::Result<ExitStatus> {
    look(process, WaitIdOptions::empty())?.ok_or_else(|| io::Error::other("it has not ended"))
}

fn look(process: &OwnedFd, options: WaitIdOptions) -> io::Result<Option<ExitStatus>> {
    let ended = rustix::process::waitid(WaitId::PidFd(process.as_fd()), WaitIdOptions::EXITED | options)?;
    Ok(ended.map(status))
}

fn status(ended: WaitIdStatus) -> ExitStatus {
    let signal = ended.terminating_signal();
    let core = if ended.dumped() { 0x80 } else { 0 };
    // As `wait` writes it.
    ExitStatus::from_raw(match (ended.exit_status(), signal) {
        (Some(code), _) => (code & 0xff) << 8,
        (None, Some(signal)) => signal | core,
        (None, None) => 0xff << 8,
    })
}
