//! What this machine last saw of each server's audit logs: a signed checkpoint and its key, kept outside the server, so
//! that a later look finds a log that was rewritten, cut off or exchanged.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use domain::audit::{Checkpoint, VerifierKey};
use serde::{Deserialize, Serialize};

use crate::config;
use crate::failure::{Done, Failure};

/// One log as it was last seen.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Pin {
    /// The key that its checkpoints must be signed with.
    pub(crate) verifier_key: String,
    /// The signed note.
    pub(crate) checkpoint: String,
}

impl Pin {
    /// The key, and the checkpoint after checking its signature.
    pub(crate) fn checked(&self) -> Result<(VerifierKey, Checkpoint), domain::audit::CheckpointError> {
        let key = VerifierKey::parse(&self.verifier_key)?;
        let checkpoint = Checkpoint::verify(&self.checkpoint, &key)?;
        Ok((key, checkpoint))
    }
}

/// The logs of one server: one for each account, by origin.
#[derive(Debug)]
pub(crate) struct Pins {
    path: PathBuf,
    logs: BTreeMap<String, Pin>,
}

impl Pins {
    /// Reads what was seen at `url`; nothing is no error, but what cannot be read is: it must not pass for nothing.
    pub(crate) fn read(url: &str) -> Done<Self> {
        let folder = config::state_folder().ok_or_else(|| {
            Failure::failed("no_home", "there is neither HOME nor XDG_STATE_HOME to remember checkpoints in")
                .hint("check an export instead: tresor audit export FILE, then tresor audit verify FILE")
        })?;
        let path = folder.join(format!("{}.json", file_name(url)));
        let logs = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|_| {
                Failure::failed("pins_broken", format!("{} is not what tresor wrote there", path.display()))
                    .hint("restore it from a backup, or move it away to begin again without what was seen before")
            })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(Failure::file("read", &path, &error)),
        };
        Ok(Self { path, logs })
    }

    /// Where they are kept.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What was last seen of the log `origin`.
    ///
    /// # Errors
    /// If other logs were seen at this server but never this one, which is what a server with an exchanged log looks
    /// like, and `new_log` does not allow it.
    pub(crate) fn of(&self, origin: &str, new_log: bool) -> Done<Option<&Pin>> {
        let pin = self.logs.get(origin);
        if pin.is_none() && !self.logs.is_empty() && !new_log {
            return Err(Failure::failed("log_unknown", format!("this server shows the log {origin}, but this machine has only seen: {}", self.known()))
                .hint("if the token is of another account, or the server was set up anew on purpose, add --new-log; otherwise the log was exchanged"));
        }
        Ok(pin)
    }

    fn known(&self) -> String {
        self.logs.keys().cloned().collect::<Vec<_>>().join(", ")
    }

    /// Remembers `pin`, in a way that a crash leaves either the old or the new file.
    pub(crate) fn remember(&mut self, origin: &str, pin: Pin) -> Done {
        self.logs.insert(origin.to_owned(), pin);
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let partial = self.path.with_extension(format!("{}.partial", std::process::id()));
        let bytes = serde_json::to_vec_pretty(&self.logs).unwrap_or_default();
        std::fs::create_dir_all(folder)
            .and_then(|()| {
                let mut file = std::fs::File::create(&partial)?;
                file.write_all(&bytes)?;
                file.sync_all()?;
                std::fs::rename(&partial, &self.path)
            })
            .map_err(|error| Failure::file("write", &self.path, &error))
    }
}

/// The URL as a file name: readable, and different for different URLs.
fn file_name(url: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') {
            c.to_string()
        } else {
            format!("_{:x}_", u32::from(c))
        }
    };
    url.split_once("://").map_or_else(
        || url.chars().map(plain).collect(),
        |(scheme, rest)| format!("{scheme}-{}", rest.chars().map(plain).collect::<String>()),
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Pin, Pins, file_name};

    #[test]
    fn urls_have_their_own_files() {
        assert_eq!(file_name("http://127.0.0.1:7200"), "http-127.0.0.1_3a_7200");
        assert_ne!(file_name("http://a/b"), file_name("http://a_b"));
        assert!(!file_name("http://a/../b").contains('/'));
    }

    #[test]
    fn an_unknown_log_beside_known_ones_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mut pins = Pins { path: folder.path().join("x.json"), logs: BTreeMap::new() };
        assert!(pins.of("log/a", false).unwrap().is_none());
        pins.remember("log/a", Pin { verifier_key: "k".to_owned(), checkpoint: "c".to_owned() }).unwrap();
        assert!(pins.of("log/a", false).unwrap().is_some());
        assert_eq!(pins.of("log/b", false).unwrap_err().problem.code, "log_unknown");
        assert!(pins.of("log/b", true).unwrap().is_none());
        assert!(std::fs::read_to_string(pins.path()).unwrap().contains("log/a"));
    }
}
