//! The walls by name: what each keeps, and which of them an operator asks for. Nothing here builds one.

use std::fmt;

use serde::Deserialize;

/// A wall of the operating system around a worker, beside Deno's permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Wall {
    /// A user namespace: a user without any right on this machine.
    User,
    /// A mount namespace: a file tree with nothing but Deno and the worker's own folder.
    Mount,
    /// A process namespace.
    Pid,
    /// Namespaces for interprocess communication and the host's name.
    Ipc,
    /// A network namespace that leads nowhere.
    Net,
    /// Landlock: rules on files, on connections and on signals.
    Landlock,
    /// A filter of system calls.
    Seccomp,
    /// A bound on memory that the kernel keeps (cgroup v2).
    Memory,
    /// A bound on the number of threads.
    Threads,
}

impl Wall {
    /// All of them, as they are listed.
    pub const ALL: [Self; 9] = [
        Self::User,
        Self::Mount,
        Self::Pid,
        Self::Ipc,
        Self::Net,
        Self::Landlock,
        Self::Seccomp,
        Self::Memory,
        Self::Threads,
    ];

    /// Its name in settings and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Mount => "mount",
            Self::Pid => "pid",
            Self::Ipc => "ipc",
            Self::Net => "net",
            Self::Landlock => "landlock",
            Self::Seccomp => "seccomp",
            Self::Memory => "memory",
            Self::Threads => "threads",
        }
    }

    /// What it keeps while it stands.
    pub fn keeps(self) -> &'static str {
        match self {
            Self::User => "workers are a user without rights on this machine",
            Self::Mount => "workers see no file but Deno's and their own",
            Self::Pid => "workers see no other process",
            Self::Ipc => "workers share no memory segments, queues or host name",
            Self::Net => "workers have no network but the way to the broker",
            Self::Landlock => "workers open only Deno's files and their own, and signal only themselves",
            Self::Seccomp => "workers make only the system calls that Deno needs, and start no program",
            Self::Memory => "the kernel bounds each worker's memory",
            Self::Threads => "the kernel bounds each worker's threads",
        }
    }

    /// What its absence means for whoever escapes from Deno's permissions.
    pub fn without(self) -> &'static str {
        match self {
            Self::User => "code that escapes from Deno has the rights of the server's user, less its capabilities",
            Self::Mount => {
                "code that escapes from Deno finds sockets of other services, and, without landlock, the server's files"
            }
            Self::Pid => {
                "code that escapes from Deno sees other processes, and, without landlock, can signal the server's"
            }
            Self::Ipc => "code that escapes from Deno reaches System V segments and queues of the server's user",
            Self::Net => {
                "only the system-call filter keeps workers from the network, and functions cannot use TCP endpoints or node:http"
            }
            Self::Landlock => "only the mount view keeps workers from files",
            Self::Seccomp => "code that escapes from Deno can attack the kernel through all its system calls",
            Self::Memory => "the server looks at each worker's memory every 50 ms and ends one that is over its bound",
            Self::Threads => "a worker can start threads until the server's user has no more",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|wall| wall.name() == text)
    }
}

impl fmt::Display for Wall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which walls stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Walls(Vec<(Wall, Option<String>)>);

impl Walls {
    /// All walls with why each does not stand, if it does not.
    pub(crate) fn new(missing: impl Fn(Wall) -> Option<String>) -> Self {
        Self(Wall::ALL.map(|wall| (wall, missing(wall))).into())
    }

    /// Each wall, and why it does not stand, if it does not.
    pub fn iter(&self) -> impl Iterator<Item = (Wall, Option<&str>)> {
        self.0.iter().map(|(wall, missing)| (*wall, missing.as_deref()))
    }

    /// Whether it stands.
    pub fn stands(&self, wall: Wall) -> bool {
        self.0.iter().any(|(own, missing)| *own == wall && missing.is_none())
    }
}

/// The walls without which functions do not run: of each group at least one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct RequiredWalls(Vec<Vec<Wall>>);

impl Default for RequiredWalls {
    /// Something that keeps workers from files, and something that keeps them from the network, where there are walls at all.
    fn default() -> Self {
        Self(match cfg!(target_os = "linux") {
            true => vec![vec![Wall::Mount, Wall::Landlock], vec![Wall::Net, Wall::Seccomp]],
            false => Vec::new(),
        })
    }
}

impl fmt::Display for RequiredWalls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let group = |group: &Vec<Wall>| group.iter().map(|wall| wall.name()).collect::<Vec<_>>().join("|");
        match self.0.as_slice() {
            [] => f.write_str("none"),
            groups => f.write_str(&groups.iter().map(group).collect::<Vec<_>>().join(",")),
        }
    }
}

/// Not a list of walls.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no wall: name some of {names}, parted by commas, or by | where one of several will do; or all, or none", names = Wall::ALL.map(Wall::name).join(", "))]
pub struct NoWall(String);

impl std::str::FromStr for RequiredWalls {
    type Err = NoWall;

    fn from_str(text: &str) -> Result<Self, NoWall> {
        let wall = |name: &str| Wall::parse(name.trim()).ok_or_else(|| NoWall(name.trim().to_owned()));
        Ok(Self(match text.trim() {
            "all" => Wall::ALL.map(|wall| vec![wall]).into(),
            "none" => Vec::new(),
            list => list.split(',').map(|group| group.split('|').map(wall).collect()).collect::<Result<_, _>>()?,
        }))
    }
}

impl TryFrom<String> for RequiredWalls {
    type Error = NoWall;

    fn try_from(text: String) -> Result<Self, NoWall> {
        text.parse()
    }
}

impl RequiredWalls {
    /// Which are missing, and why; `None` if functions may run.
    pub fn lacking(&self, walls: &Walls) -> Option<String> {
        let lacking = self.0.iter().filter(|group| !group.iter().any(|wall| walls.stands(*wall)));
        let reasons: Vec<String> = lacking
            .map(|group| {
                let each = group.iter().map(|wall| {
                    let why = walls.iter().find(|(own, _)| own == wall).and_then(|(_, missing)| missing);
                    format!("{wall} ({})", why.unwrap_or("it was not tried"))
                });
                each.collect::<Vec<_>>().join(" or ")
            })
            .collect();
        (!reasons.is_empty()).then(|| reasons.join("; "))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::{RequiredWalls, Wall, Walls};

    #[test]
    fn what_is_required_is_read_and_missed() {
        let walls = Walls::new(|wall| (wall == Wall::Mount || wall == Wall::Net).then(|| "refused".to_owned()));
        let lacking = |text: &str| text.parse::<RequiredWalls>().unwrap().lacking(&walls);
        assert_eq!(lacking("seccomp, mount|landlock"), None);
        assert_eq!(lacking("none"), None);
        for text in ["seccomp,mount|landlock", "none"] {
            assert_eq!(text.parse::<RequiredWalls>().unwrap().to_string(), text);
        }
        assert_eq!(lacking("mount|net,user"), Some("mount (refused) or net (refused)".to_owned()));
        assert_eq!(lacking("all").unwrap(), "mount (refused); net (refused)");
        let error = "mount,tall".parse::<RequiredWalls>().unwrap_err().to_string();
        assert!(error.contains("\"tall\"") && error.contains("seccomp"), "{error}");
        assert!("".parse::<RequiredWalls>().is_err(), "an empty list asks for nothing by mistake");
    }

    #[test]
    fn by_default_files_and_network_are_kept() {
        let only = |stands: &'static [Wall]| Walls::new(|wall| (!stands.contains(&wall)).then(|| "no".to_owned()));
        let required = RequiredWalls::default();
        if cfg!(target_os = "linux") {
            assert!(required.lacking(&only(&[Wall::Landlock, Wall::Seccomp])).is_none());
            assert!(required.lacking(&only(&[Wall::Mount, Wall::Net])).is_none());
            assert!(required.lacking(&only(&[Wall::Landlock, Wall::Mount])).is_some());
            assert!(required.lacking(&only(&[])).is_some());
        }
    }
}
