//! The mount namespace: a file tree that holds what a process may use and nothing else.
//!
//! A small file system in memory becomes the root. What the process may read is bound into it at its own path, read-only; its own
//! folders are bound in afterwards, to be written. There is no `/proc`, but for the one link by which Deno finds itself, no
//! `/dev`, no `/tmp`. Needs Linux 5.12 (`mount_setattr`).
#![expect(unsafe_code, reason = "one system call that rustix lacks; see SAFETY")]

use std::collections::BTreeSet;
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags,
};

const EMPTY: &CStr = c"";
const HERE: &CStr = c".";
const ROOT: &CStr = c"/";

/// Something that the tree shows.
pub(super) struct Shown {
    pub(super) source: PathBuf,
    /// Where; an absolute path.
    pub(super) target: PathBuf,
    pub(super) writable: bool,
}

/// A tree that is ready to be made, by system calls only.
pub(super) struct View {
    /// A folder for the new root to be mounted on. What is in it is out of sight then.
    base: CString,
    base_fd: Option<OwnedFd>,
    make: Vec<Entry>,
    binds: Vec<Bind>,
    link: Option<(CString, CString)>,
}

enum Entry {
    Folder(CString),
    File(CString),
}

struct Bind {
    source: CString,
    /// Relative to the new root.
    target: CString,
    writable: bool,
    tree: Option<OwnedFd>,
}

impl View {
    /// A tree of `shown` in which `program` can find itself. `base` is any folder.
    pub(super) fn new(base: &Path, program: &Path, mut shown: Vec<Shown>) -> io::Result<Self> {
        // What lies within another comes after it, and what can be read before what can be written.
        shown.sort_by(|a, b| (a.writable, &a.target).cmp(&(b.writable, &b.target)));
        let mut folders = BTreeSet::from(["proc/self".to_owned().into(), PathBuf::from("proc")]);
        let mut files = BTreeSet::new();
        let mut binds = Vec::new();
        for one in &shown {
            let target = relative(&one.target)?;
            let within = shown.iter().any(|other| one.target != other.target && one.target.starts_with(&other.target));
            if !within {
                folders
                    .extend(target.ancestors().skip(1).filter(|path| !path.as_os_str().is_empty()).map(Path::to_owned));
                if std::fs::metadata(&one.source)?.is_dir() { &mut folders } else { &mut files }
                    .insert(target.to_owned());
            }
            binds.push(Bind { source: text(&one.source)?, target: text(target)?, writable: one.writable, tree: None });
        }
        // A path sorts after those that it lies within.
        let mut make = Vec::with_capacity(folders.len() + files.len());
        for folder in &folders {
            make.push(Entry::Folder(text(folder)?));
        }
        for file in &files {
            make.push(Entry::File(text(file)?));
        }
        let link = Some((text(program)?, c"proc/self/exe".to_owned()));
        Ok(Self { base: text(base)?, base_fd: None, make, binds, link })
    }

    /// In the child, while it still is who may reach the sources.
    pub(super) fn gather(&mut self) -> Result<(), Errno> {
        // What is mounted here from now on is nobody else's affair.
        rustix::mount::mount_change(ROOT, MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
        for bind in &mut self.binds {
            let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
            bind.tree = Some(rustix::mount::open_tree(CWD, bind.source.as_c_str(), flags)?);
        }
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        self.base_fd = Some(rustix::fs::openat(CWD, self.base.as_c_str(), flags, Mode::empty())?);
        Ok(())
    }

    /// In the child: makes the tree, and makes it the root.
    pub(super) fn enter(&mut self) -> Result<(), Errno> {
        let base = self.base_fd.as_ref().ok_or(Errno::BADF)?;
        let system = rustix::mount::fsopen(c"tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
        for (key, value) in [(c"size", c"64k"), (c"nr_inodes", c"512"), (c"mode", c"755")] {
            rustix::mount::fsconfig_set_string(system.as_fd(), key, value)?;
        }
        rustix::mount::fsconfig_create(system.as_fd())?;
        let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
        let root = rustix::mount::fsmount(system.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)?;
        let onto = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
        rustix::mount::move_mount(root.as_fd(), EMPTY, base.as_fd(), EMPTY, onto)?;
        for entry in &self.make {
            match entry {
                Entry::Folder(path) => rustix::fs::mkdirat(&root, path.as_c_str(), Mode::from_raw_mode(0o755))?,
                Entry::File(path) => {
                    let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC;
                    drop(rustix::fs::openat(&root, path.as_c_str(), flags, Mode::from_raw_mode(0o644))?);
                }
            }
        }
        if let Some((to, from)) = &self.link {
            rustix::fs::symlinkat(to.as_c_str(), &root, from.as_c_str())?;
        }
        self.attach(&root, false)?;
        restrict(&root, MountAttrFlags::MOUNT_ATTR_RDONLY)?;
        self.attach(&root, true)?;
        rustix::process::fchdir(&root)?;
        // The old root comes to lie on the new one, and is taken off.
        rustix::process::pivot_root(HERE, HERE)?;
        rustix::mount::unmount(HERE, UnmountFlags::DETACH)?;
        rustix::process::chdir(ROOT)
    }

    fn attach(&mut self, root: &OwnedFd, writable: bool) -> Result<(), Errno> {
        for bind in self.binds.iter_mut().filter(|bind| bind.writable == writable) {
            let tree = bind.tree.take().ok_or(Errno::BADF)?;
            if writable {
                restrict(&tree, MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV)?;
            }
            let from = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
            rustix::mount::move_mount(tree.as_fd(), EMPTY, root.as_fd(), bind.target.as_c_str(), from)?;
        }
        Ok(())
    }
}

/// `struct mount_attr` of the kernel.
#[repr(C)]
struct MountAttr {
    set: u64,
    clear: u64,
    propagation: u64,
    user_namespace: u64,
}

/// Sets attributes of a mount and of all within it, and clears none: a mount of the machine keeps what it was made with.
fn restrict(mount: &OwnedFd, set: MountAttrFlags) -> Result<(), Errno> {
    let set = set | MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    let attributes = MountAttr { set: u64::from(set.bits()), clear: 0, propagation: 0, user_namespace: 0 };
    let flags = libc::AT_EMPTY_PATH | libc::AT_RECURSIVE;
    // SAFETY: the path is a C string and the attributes are what the kernel reads at this size; both outlive the call, which writes to neither.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            EMPTY.as_ptr(),
            flags,
            &raw const attributes,
            size_of::<MountAttr>(),
        )
    };
    match result {
        0 => Ok(()),
        _ => Err(last_error()),
    }
}

/// The error of the C library's last call.
pub(super) fn last_error() -> Errno {
    Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO)
}

fn relative(path: &Path) -> io::Result<&Path> {
    path.strip_prefix("/").map_err(|_| io::Error::other("a path is not absolute"))
}

fn text(path: &Path) -> io::Result<CString> {
    Ok(CString::new(path.as_os_str().as_bytes())?)
}
