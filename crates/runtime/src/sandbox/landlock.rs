//! Landlock: which files may be opened and how, whether connections may be made, and whom signals may reach.
//!
//! The kernel takes what it knows of these rules: files from Linux 5.13, TCP from 6.7, abstract sockets and signals from 6.12, sockets
//! in the file tree from 7.1.
#![expect(unsafe_code, reason = "one system call that rustix lacks; see SAFETY")]

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::PathBuf;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, PathBeneath, PathFd, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, Scope,
};
use rustix::io::Errno;

use super::view::last_error;

/// The newest version whose rules were tried with Deno. A newer kernel keeps these.
const VERSION: ABI = ABI::V9;

/// What may be done with a file or folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum May {
    Read,
    /// Read it, and become it.
    Execute,
    /// Read it, and make sockets in it.
    Listen,
    /// All but making devices.
    Write,
}

impl May {
    fn rights(self, is_folder: bool) -> BitFlags<AccessFs> {
        let read = AccessFs::ReadFile | AccessFs::ReadDir;
        let rights = match self {
            Self::Read => read,
            Self::Execute => read | AccessFs::Execute,
            Self::Listen => read | AccessFs::MakeSock | AccessFs::ResolveUnix,
            Self::Write => {
                AccessFs::from_all(VERSION)
                    & !(AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::IoctlDev | AccessFs::Execute)
            }
        };
        if is_folder { rights } else { rights & AccessFs::from_file(VERSION) }
    }
}

/// A set of rules. `None` if the kernel has no Landlock.
///
/// # Errors
/// If a path cannot be opened.
pub(super) fn rules(files: &[(PathBuf, May)], connects: bool) -> io::Result<Option<OwnedFd>> {
    let build = || {
        let mut set = Ruleset::default().handle_access(AccessFs::from_all(VERSION))?.scope(Scope::from_all(VERSION))?;
        if !connects {
            set = set.handle_access(AccessNet::from_all(VERSION))?;
        }
        set.create()
    };
    let mut set = build().map_err(io::Error::other)?;
    for (path, may) in files {
        let rights = may.rights(std::fs::metadata(path)?.is_dir());
        let path = PathFd::new(path).map_err(io::Error::other)?;
        set = set.add_rule(PathBeneath::new(path, rights)).map_err(io::Error::other)?;
    }
    Ok(set.into())
}

/// In the child, which has given up to get new privileges: keeps the rules from now on.
pub(super) fn keep(rules: &OwnedFd) -> Result<(), Errno> {
    // SAFETY: takes two numbers and touches no memory of ours.
    match unsafe { libc::syscall(libc::SYS_landlock_restrict_self, rules.as_raw_fd(), 0) } {
        0 => Ok(()),
        _ => Err(last_error()),
    }
}
