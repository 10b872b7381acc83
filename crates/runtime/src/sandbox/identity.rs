//! The user and process namespaces: who a process is inside, and who that is on the machine.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;

use rustix::io::Errno;
use rustix::process::{Gid, Uid, getegid, geteuid};
use rustix::thread::{CapabilitySet, CapabilitySets, set_thread_groups, set_thread_res_gid, set_thread_res_uid};

/// Ids that no distribution, service manager or container engine gives to anyone.
const UNUSED: u32 = 0x7000_0000;
const SPAN: u32 = 0x0fff_ffff;
const NOBODY: u32 = 65_534;
/// Who a process is inside. Not 0: the kernel gives that one capabilities when it becomes another program.
const INSIDE: u32 = 1000;

/// Who processes are on the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outside {
    /// The server's user.
    Own,
    /// Each one of the unused ids.
    Unused,
    /// All the same one.
    Nobody,
}

impl Outside {
    /// A root that may gives its processes other ids than its own: being root's is a right even without capabilities.
    pub(super) fn find() -> Self {
        if !geteuid().is_root() {
            return Self::Own;
        }
        let holds = |first, last| {
            ["/proc/self/uid_map", "/proc/self/gid_map"]
                .iter()
                .all(|map| std::fs::read_to_string(map).is_ok_and(|map| maps(&map, first) && maps(&map, last)))
        };
        match (holds(UNUSED, UNUSED + SPAN), holds(NOBODY, NOBODY)) {
            (true, _) => Self::Unused,
            (_, true) => Self::Nobody,
            _ => Self::Own,
        }
    }

    /// Whose the files of one process have to be; `None` if they are already.
    pub(super) fn pick(self) -> io::Result<Option<Owner>> {
        Ok(match self {
            Self::Own => None,
            Self::Nobody => Some(Owner(NOBODY)),
            Self::Unused => {
                let mut bytes = [0; 4];
                aws_lc_rs::rand::fill(&mut bytes).map_err(|_| io::Error::other("the system has no randomness"))?;
                Some(Owner(UNUSED + (u32::from_ne_bytes(bytes) & SPAN)))
            }
        })
    }

    /// The same one each time, for files that are kept.
    pub(super) fn fixed(self) -> Option<Owner> {
        match self {
            Self::Own => None,
            Self::Nobody => Some(Owner(NOBODY)),
            Self::Unused => Some(Owner(UNUSED)),
        }
    }
}

/// Whether an id exists in the user namespace of this map (`inside outside count` lines).
fn maps(map: &str, id: u32) -> bool {
    map.lines().any(|line| {
        let mut fields = line.split_whitespace().map(str::parse::<u64>);
        let (Some(Ok(first)), _, Some(Ok(count))) = (fields.next(), fields.next(), fields.next()) else { return false };
        (first..first + count).contains(&u64::from(id))
    })
}

/// A user id and group id (the same number) on the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner(u32);

impl Owner {
    /// The server's user, if that may give files away.
    pub(super) fn root() -> Option<Self> {
        geteuid().is_root().then_some(Self(0))
    }

    /// Makes a file or folder that this server has just made the owner's.
    pub(crate) fn take(self, path: &Path) -> io::Result<()> {
        std::os::unix::fs::lchown(path, Some(self.0), Some(self.0))
    }

    /// Whether a file is the owner's.
    pub(crate) fn has(self, metadata: &std::fs::Metadata) -> bool {
        std::os::unix::fs::MetadataExt::uid(metadata) == self.0
    }
}

/// How a child becomes who it is to be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Identity {
    /// It is in a user namespace of its own, whose maps the parent writes.
    pub(super) namespace: bool,
    pub(super) owner: Option<Owner>,
}

impl Identity {
    /// In the parent, while the child waits.
    pub(super) fn write_maps(self, pid: u32) -> io::Result<()> {
        if !self.namespace {
            return Ok(());
        }
        let write = |name: &str, text: &str| {
            OpenOptions::new().write(true).open(format!("/proc/{pid}/{name}"))?.write_all(text.as_bytes())
        };
        let (uid, gid) = match self.owner {
            Some(Owner(id)) => (id, id),
            None => {
                // The kernel's condition for a group map by someone without rights.
                write("setgroups", "deny")?;
                (geteuid().as_raw(), getegid().as_raw())
            }
        };
        write("uid_map", &format!("{INSIDE} {uid} 1"))?;
        write("gid_map", &format!("{INSIDE} {gid} 1"))
    }

    /// In the child.
    pub(super) fn assume(self) -> Result<(), Errno> {
        let id = match (self.namespace, self.owner) {
            (true, _) => INSIDE,
            (false, Some(Owner(id))) => id,
            (false, None) => return Ok(()),
        };
        if self.owner.is_some() {
            set_thread_groups(&[])?;
        }
        let (uid, gid) = (Uid::from_raw(id), Gid::from_raw(id));
        set_thread_res_gid(gid, gid, gid)?;
        set_thread_res_uid(uid, uid, uid)
    }
}

/// In the child: gives every capability up, for good.
pub(super) fn drop_rights() -> Result<(), Errno> {
    for number in 0..u64::BITS {
        // Refused to who has no capabilities; what follows and `no_new_privs` keep the others then.
        let _ = rustix::thread::remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << number));
    }
    let _ = rustix::thread::clear_ambient_capability_set();
    let none = CapabilitySet::empty();
    rustix::thread::set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })
}

#[cfg(test)]
mod tests {
    use super::{Outside, maps};

    #[test]
    fn ids_that_a_map_holds() {
        assert!(maps("         0          0 4294967295\n", 0x7fff_ffff));
        assert!(maps("0 1000 1\n1 100000 65536\n", 65_534) && !maps("0 1000 1\n1 100000 65536\n", 70_000));
        assert!(!maps("0 1000 1\n", 65_534) && !maps("", 0) && !maps("x y z", 0));
    }

    #[test]
    fn kept_files_keep_their_owner() {
        assert_eq!(Outside::Own.fixed(), None);
        assert_eq!(Outside::Unused.fixed(), Outside::Unused.fixed());
        assert_ne!(Outside::Unused.pick().ok(), Outside::Unused.pick().ok());
    }
}
