//! How a runtime is set up: its folder, and where its functions may not connect.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::folder;
use crate::sandbox::Sandbox;

/// The shorter of Linux's and macOS's limits on a socket's path, less the terminator.
const SOCKET_PATH_BYTES: usize = 103;
/// What a worker adds to it: `/w`, 8 digits, and `/s`.
const WORKER_PATH_BYTES: usize = 12;
/// Where clouds hand out their machine's credentials.
const METADATA: [&str; 3] = ["169.254.169.254", "[fd00:ec2::254]", "metadata.google.internal"];

/// How a [`Runtime`](crate::Runtime) runs its workers.
#[derive(Debug, Clone)]
pub struct RuntimeConfig {
    /// The engine, and the walls around it.
    pub sandbox: Sandbox,
    /// Where workers' folders and sockets lie: no other runtime may use it, what an earlier one left is removed. Made
    /// with mode 0700; at most 91 bytes long, because the paths of sockets are short.
    pub dir: PathBuf,
    /// Most workers that take invocations. Those that drain come on top.
    pub max_workers: usize,
    /// Most workers of one function with one set of values. Further ones boot while all that are there are busy.
    pub workers_per_function: usize,
    /// How many callers may wait while all workers are in use.
    pub queue: usize,
    /// How long each of them waits at most.
    pub queue_wait: Duration,
    /// How many processes boot ahead of need and wait, beside the workers.
    pub pool: usize,
    /// A worker that nobody used for so long is retired.
    pub idle: Duration,
    /// `host:port` of every listener of the control plane: no function may connect there. A loopback or unspecified
    /// host stands for every loopback address.
    pub deny_net: Vec<String>,
}

/// Why a [`Runtime`](crate::Runtime) did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuntimeError {
    /// The folder's path does not fit.
    #[error("the folder for workers, {path}, {problem}")]
    Dir {
        /// The folder.
        path: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The folder or the spawner could not be made.
    #[error("the runtime could not be prepared: {0}")]
    Io(#[from] std::io::Error),
}

/// Makes the folder, empties it of what an earlier runtime left, and gives its real path.
pub(super) fn prepare(dir: &Path) -> Result<PathBuf, RuntimeError> {
    folder::ensure(dir)?;
    // Deno compares grants with real paths.
    let dir = std::fs::canonicalize(dir)?;
    let refuse = |problem| Err(RuntimeError::Dir { path: dir.display().to_string(), problem });
    if dir.as_os_str().len() + WORKER_PATH_BYTES > SOCKET_PATH_BYTES {
        return refuse("is too long a path for sockets: use one of at most 91 bytes");
    }
    if dir.to_str().is_none_or(|path| path.contains(',')) {
        return refuse("must be UTF-8 without a comma, because Deno separates grants by commas");
    }
    for entry in std::fs::read_dir(&dir)?.flatten() {
        if entry.file_name().to_string_lossy().starts_with('w') && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            std::fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(dir)
}

/// The value of `--deny-net`.
pub(super) fn denied(listeners: &[String]) -> String {
    let mut denied: Vec<String> = METADATA.map(str::to_owned).into();
    for listener in listeners {
        match listener.rsplit_once(':') {
            Some((host, port)) if is_local(host) => denied.extend(
                // Every way to write this machine; Deno reads the first as all of 127.0.0.0/8 at that port.
                ["127.0.0.0/8", "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]", "localhost"]
                    .map(|host| format!("{host}:{port}")),
            ),
            _ => denied.push(listener.clone()),
        }
    }
    denied.join(",")
}

fn is_local(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback() || ip.is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::denied;

    #[test]
    fn a_loopback_listener_is_denied_under_all_its_names() {
        let flag = denied(&["127.0.0.1:7200".to_owned(), "10.0.0.5:5432".to_owned()]);
        for expected in
            ["169.254.169.254", "127.0.0.0/8:7200", "0.0.0.0:7200", "[::1]:7200", "localhost:7200", "10.0.0.5:5432"]
        {
            assert!(flag.split(',').any(|item| item == expected), "{expected} in {flag}");
        }
    }
}
