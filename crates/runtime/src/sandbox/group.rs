//! The wall `memory`: a control group (cgroup v2) for each process, in which the kernel bounds memory and the number of threads.
//!
//! A group that holds processes cannot be divided. So the server moves itself into a group `server` beside those of its
//! children, once, and only if its group is its own: it never moves anyone else, nor bounds what it shares with others.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::folder::random_hex;

/// Where the server is when its group is divided.
const SERVER: &str = "server";
/// How the groups of children are called, before what is random.
const CHILD: &str = "tresor-";
/// What the kernel itself keeps for a process: page tables, stacks, sockets.
const KERNEL_BYTES: u64 = 64 << 20;
const NEEDED: [&str; 2] = ["memory", "pids"];

/// The server's own group, divided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Groups {
    dir: PathBuf,
}

impl Groups {
    /// Divides the group of this process, the first time it is called; or tells why not.
    pub(super) fn find() -> Result<Self, String> {
        static FOUND: OnceLock<Result<Groups, String>> = OnceLock::new();
        let found = || {
            let read = |path: &str| fs::read_to_string(path).map_err(|error| format!("{path} cannot be read: {error}"));
            let dir = own(&read("/proc/self/cgroup")?, &read("/proc/self/mountinfo")?)?;
            Self::divide(dir, std::process::id())
        };
        FOUND.get_or_init(found).clone()
    }

    fn divide(dir: PathBuf, server: u32) -> Result<Self, String> {
        let shown = dir.display();
        let read = |name: &str| fs::read_to_string(dir.join(name)).map_err(|error| format!("{shown}/{name}: {error}"));
        let controllers = read("cgroup.controllers")?;
        if let Some(lacking) = NEEDED.iter().find(|name| !controllers.split_whitespace().any(|own| own == **name)) {
            return Err(format!("the controller `{lacking}` of cgroup v2 is not given to the server's group {shown}"));
        }
        if read("cgroup.procs")?.split_whitespace().any(|pid| pid != server.to_string()) {
            return Err(format!(
                "the server shares its control group {shown} with other processes: start it as a service of its own (systemd: Delegate=yes)"
            ));
        }
        let refused = |error: io::Error| {
            format!(
                "the server may not divide its control group {shown} ({error}): systemd allows it with Delegate=yes"
            )
        };
        let own = dir.join(SERVER);
        ensure(&own).map_err(refused)?;
        write(&own, "cgroup.procs", &server.to_string()).map_err(refused)?;
        if let Err(error) = write(&dir, "cgroup.subtree_control", "+memory +pids") {
            let _ = write(&dir, "cgroup.procs", &server.to_string());
            let _ = fs::remove_dir(&own);
            return Err(refused(error));
        }
        let groups = Self { dir };
        groups.sweep();
        Ok(groups)
    }

    /// Removes what a server before this one left behind; groups that hold a process stay.
    fn sweep(&self) {
        let Ok(entries) = fs::read_dir(&self.dir) else { return };
        for entry in entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(CHILD)) {
            let _ = fs::remove_dir(entry.path());
        }
    }

    /// A group for one process and its threads, which may have so much memory.
    pub(super) fn make(&self, memory_bytes: u64, threads: u64) -> io::Result<Group> {
        let group = Group { dir: self.dir.join(format!("{CHILD}{}", random_hex(8)?)) };
        fs::create_dir(&group.dir)?;
        group.set("memory.max", &memory_bytes.saturating_add(KERNEL_BYTES).to_string())?;
        group.set("pids.max", &threads.to_string())?;
        // A process of which a part is killed would be a riddle.
        group.set("memory.oom.group", "1")?;
        // Where there is no swap accounting, there is no such file.
        match group.set("memory.swap.max", "0") {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            done => done?,
        }
        Ok(group)
    }
}

/// A child's group. Dropped, it is removed: by then its process has to have been reaped.
#[derive(Debug)]
pub(super) struct Group {
    dir: PathBuf,
}

impl Group {
    fn set(&self, name: &str, value: &str) -> io::Result<()> {
        write(&self.dir, name, value)
    }

    /// Takes a process in.
    pub(super) fn admit(&self, pid: u32) -> io::Result<()> {
        self.set("cgroup.procs", &pid.to_string())
    }

    /// Whether the kernel ended a process of it for want of memory.
    pub(super) fn ran_out(&self) -> bool {
        let events = fs::read_to_string(self.dir.join("memory.events")).unwrap_or_default();
        events.lines().filter_map(|line| line.strip_prefix("oom_kill ")).any(|count| count.trim() != "0")
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.dir);
    }
}

/// The folder of the group that `/proc/self/cgroup` names, where `/proc/self/mountinfo` says that groups are seen.
fn own(cgroup: &str, mountinfo: &str) -> Result<PathBuf, String> {
    let path = cgroup.lines().find_map(|line| line.strip_prefix("0::")).ok_or("this kernel has no cgroup v2")?;
    // `36 35 0:30 ROOT MOUNTPOINT rw,… shared:9 - cgroup2 cgroup2 rw`
    let mounts = mountinfo.lines().filter_map(|line| {
        let (place, kind) = line.split_once(" - ")?;
        let mut fields = place.split(' ').skip(3);
        let (root, point) = (fields.next()?, fields.next()?);
        kind.starts_with("cgroup2 ").then_some((root, point))
    });
    let mut seen = false;
    for (root, point) in mounts {
        seen = true;
        if let Ok(below) = Path::new(path).strip_prefix(root) {
            return Ok(if below.as_os_str().is_empty() { PathBuf::from(point) } else { Path::new(point).join(below) });
        }
    }
    Err(match seen {
        true => "the server's control group is outside of what is mounted here".to_owned(),
        false => "cgroup v2 is not mounted here".to_owned(),
    })
}

fn ensure(dir: &Path) -> io::Result<()> {
    match fs::create_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        done => done,
    }
}

/// The kernel's files are there already: one that is not is no file of the kernel's.
fn write(dir: &Path, name: &str, value: &str) -> io::Result<()> {
    io::Write::write_all(&mut fs::OpenOptions::new().write(true).open(dir.join(name))?, value.as_bytes())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::{Group, Groups, own};

    const MOUNT: &str =
        "22 1 0:1 / / rw - ext4 /dev/a rw\n30 22 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n";

    #[test]
    fn where_the_own_group_is() {
        let path = |cgroup, mounts| own(cgroup, mounts).map(|path| path.display().to_string());
        let service = "0::/system.slice/tresor.service\n";
        assert_eq!(path(service, MOUNT).unwrap(), "/sys/fs/cgroup/system.slice/tresor.service");
        assert_eq!(path("4:memory:/a\n0::/\n", MOUNT).unwrap(), "/sys/fs/cgroup");
        // In a container that shows a part only.
        let part = "30 22 0:26 /docker/ab /sys/fs/cgroup ro - cgroup2 cgroup rw\n";
        assert_eq!(path("0::/docker/ab/x\n", part).unwrap(), "/sys/fs/cgroup/x");
        assert!(path(service, part).unwrap_err().contains("outside"));
        assert!(path(service, "22 1 0:1 / / rw - ext4 /dev/a rw\n").unwrap_err().contains("not mounted"));
        assert!(path("4:memory:/a\n", MOUNT).unwrap_err().contains("no cgroup v2"));
    }

    /// A folder with the files that the kernel would put there.
    fn group(dir: &Path, controllers: &str, processes: &str) {
        fs::create_dir_all(dir).unwrap();
        for (name, text) in
            [("cgroup.controllers", controllers), ("cgroup.procs", processes), ("cgroup.subtree_control", "")]
        {
            fs::write(dir.join(name), text).unwrap();
        }
    }

    #[test]
    fn only_what_is_its_own_is_divided() {
        let root = tempfile::tempdir().unwrap();
        let dir = |name: &str| root.path().join(name);
        let divide = |dir: PathBuf| Groups::divide(dir, 7);

        group(&dir("shared"), "cpu memory pids", "7\n8\n");
        assert!(divide(dir("shared")).unwrap_err().contains("shares its control group"));
        group(&dir("poor"), "cpu pids", "7\n");
        assert!(divide(dir("poor")).unwrap_err().contains("`memory`"));
        assert!(divide(dir("none")).is_err());
        for name in ["shared", "poor"] {
            assert!(!dir(name).join("server").exists(), "{name}");
            assert_eq!(fs::read_to_string(dir(name).join("cgroup.subtree_control")).unwrap(), "");
        }

        group(&dir("own"), "cpu memory pids", "7\n");
        group(&dir("own/server"), "", "");
        fs::create_dir(dir("own/tresor-left")).unwrap();
        fs::create_dir(dir("own/other")).unwrap();
        let groups = divide(dir("own")).unwrap();
        let read = |name: &str| fs::read_to_string(dir("own").join(name)).unwrap();
        assert_eq!((read("server/cgroup.procs"), read("cgroup.subtree_control")), ("7".into(), "+memory +pids".into()));
        assert_eq!((dir("own/tresor-left").exists(), dir("own/other").exists()), (false, true));
        assert_eq!(groups, Groups { dir: dir("own") });
    }

    #[test]
    fn a_kernel_that_refuses_leaves_all_as_it_was() {
        let root = tempfile::tempdir().unwrap();
        group(root.path(), "memory pids", "7");
        group(&root.path().join("server"), "", "");
        fs::remove_file(root.path().join("cgroup.subtree_control")).unwrap();
        assert!(Groups::divide(root.path().to_owned(), 7).unwrap_err().contains("Delegate=yes"));
        assert_eq!(fs::read_to_string(root.path().join("cgroup.procs")).unwrap(), "7");
    }

    #[test]
    fn what_the_kernel_counted() {
        let root = tempfile::tempdir().unwrap();
        let group = Group { dir: root.path().to_owned() };
        assert!(!group.ran_out());
        for (text, expected) in [("low 0\noom 1\noom_kill 0\n", false), ("oom 4\noom_kill 2\noom_group_kill 1\n", true)]
        {
            fs::write(root.path().join("memory.events"), text).unwrap();
            assert_eq!(group.ran_out(), expected);
        }
    }
}
