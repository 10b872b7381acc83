//! The walls of the operating system around workers and the bundler, and which of them stand on this machine.
//!
//! Deno's permissions are one wall; these hold without it. Each is put up by a file of its own, from a plan that [`Sandbox::find`] has tried:
//! what the machine refuses is left out, wall by wall, and reported. A process is made by `child`, once everything is prepared here.

mod wall;

#[cfg(target_os = "linux")]
mod child;
#[cfg(target_os = "linux")]
mod engine;
#[cfg(target_os = "linux")]
mod group;
#[cfg(target_os = "linux")]
mod identity;
#[cfg(target_os = "linux")]
mod landlock;
#[cfg(target_os = "linux")]
mod plan;
#[cfg(target_os = "linux")]
mod probe;
#[cfg(target_os = "linux")]
mod process;
#[cfg(target_os = "linux")]
mod relay;
#[cfg(target_os = "linux")]
mod seccomp;
#[cfg(target_os = "linux")]
mod view;

#[cfg(not(target_os = "linux"))]
mod none;

use std::path::PathBuf;

#[cfg(not(target_os = "linux"))]
pub use none::Sandbox;
#[cfg(not(target_os = "linux"))]
pub(crate) use none::{Owner, Process};

#[cfg(target_os = "linux")]
pub(crate) use identity::Owner;
#[cfg(target_os = "linux")]
pub use plan::Sandbox;
#[cfg(target_os = "linux")]
pub(crate) use process::Process;
pub use wall::{NoWall, RequiredWalls, Wall, Walls};

/// What a process may do. Whatever is not named it may not.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    /// Files and folders that it may read, if they exist, beside what Deno itself needs.
    pub(crate) read: Vec<PathBuf>,
    /// Files that it may read at another path than their own.
    pub(crate) shown: Vec<(PathBuf, PathBuf)>,
    /// Whether it gets TCP in its own network namespace, where the server listens.
    pub(crate) relay: bool,
    /// A folder that it may read, and in which it may make sockets.
    pub(crate) listen: Option<PathBuf>,
    /// Folders in which it may do anything.
    pub(crate) write: Vec<PathBuf>,
    /// Programs beneath these folders may be started, and the network is as the server's own.
    pub(crate) programs: Vec<PathBuf>,
    /// Whose the files are that it may write.
    pub(crate) owner: Option<Owner>,
}
