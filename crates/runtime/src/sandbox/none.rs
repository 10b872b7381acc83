//! Systems other than Linux: Deno's permissions are the only wall.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use rustix::process::{Resource, Rlimit};
use tokio::process::{Child, Command};

use super::Walls;
use crate::deno::Deno;
use crate::launch::{Launch, SpawnError};

/// The walls that stand on this machine around a Deno: none.
#[derive(Debug, Clone)]
pub struct Sandbox(Arc<(PathBuf, Walls)>);

/// Whose files are: nobody's but the server's.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Owner {}

impl Owner {
    pub(crate) fn take(self, _path: &Path) -> io::Result<()> {
        match self {}
    }

    pub(crate) fn has(self, _metadata: &std::fs::Metadata) -> bool {
        match self {}
    }
}

impl Sandbox {
    /// Notes that there are none.
    ///
    /// # Errors
    /// None.
    pub async fn find(deno: &Deno, _dir: &Path) -> io::Result<Self> {
        let walls = Walls::new(|_| Some("there are walls on Linux only".to_owned()));
        Ok(Self(Arc::new((deno.path().to_path_buf(), walls))))
    }

    /// Which walls stand.
    pub fn walls(&self) -> &Walls {
        &self.0.1
    }

    pub(crate) fn owner(&self) -> io::Result<Option<Owner>> {
        Ok(None)
    }

    pub(crate) fn fixed_owner(&self) -> Option<Owner> {
        None
    }

    pub(crate) fn can_relay(&self) -> bool {
        false
    }

    pub(crate) fn keeper(&self) -> Option<Owner> {
        None
    }

    pub(crate) fn spawn(
        &self,
        launch: Launch,
        [stdout, stderr]: [OwnedFd; 2],
    ) -> Result<(Process, Vec<OwnedFd>), SpawnError> {
        if launch.rules.relay {
            let error = io::Error::other("TCP endpoints and node:http are for functions on Linux only");
            return Err(SpawnError { wall: None, error });
        }
        let mut command = std::process::Command::new(&self.0.0);
        command.args(launch.args).env_clear().envs(launch.env).current_dir(launch.dir);
        command.stdin(Stdio::from(launch.stdin)).stdout(Stdio::from(stdout)).stderr(Stdio::from(stderr));
        // What it takes of the machine, nothing bounds here but the server's own look at it.
        let (memory, _resident) = (launch.memory_bytes, launch.resident_bytes);
        let confine = move || confine(memory);
        // SAFETY: `confine` runs between fork and exec. It makes plain system calls, allocates nothing, takes no lock and captures a number.
        #[expect(unsafe_code, reason = "a session and limits are set in the child")]
        unsafe {
            command.pre_exec(confine);
        }
        let mut command = Command::from(command);
        let child = command.kill_on_drop(true).spawn();
        child.map(|child| (Process(child), Vec::new())).map_err(|error| SpawnError { wall: None, error })
    }
}

fn confine(memory_bytes: u64) -> io::Result<()> {
    rustix::process::setsid()?;
    rustix::process::setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    let most = Some(memory_bytes);
    Ok(rustix::process::setrlimit(Resource::Data, Rlimit { current: most, maximum: most })?)
}

/// A child. Dropped, it is killed.
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn id(&self) -> u32 {
        self.0.id().unwrap_or_default()
    }

    /// Nothing tells.
    pub(crate) fn ran_out(&self) -> bool {
        false
    }

    pub(crate) fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.0.try_wait()
    }

    pub(crate) async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.0.wait().await
    }

    pub(crate) fn start_kill(&mut self) -> io::Result<()> {
        self.0.start_kill()
    }
}
