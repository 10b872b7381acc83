//! Deno's permissions of a worker: the first of its walls.

use std::ffi::OsString;
use std::path::Path;

/// What Deno lets a worker do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grants {
    /// What it needs.
    Few,
    /// Everything, so that tests find the system's walls bare. No program but those tests can say so.
    #[cfg(test)]
    All,
}

impl Grants {
    /// As Deno's command line has it.
    pub(super) fn arguments(self, deny_net: &str, folder: &Path, socket: &Path) -> Vec<OsString> {
        let grant = |flag: &str, path: &Path| {
            let mut text = OsString::from(flag);
            text.push(path);
            text
        };
        match self {
            Self::Few => vec![
                "--allow-env".into(),
                "--allow-net".into(),
                format!("--deny-net={deny_net}").into(),
                grant("--allow-read=", folder),
                grant("--allow-write=", socket),
            ],
            #[cfg(test)]
            Self::All => ["-A", "--unstable-kv", "--unstable-net"].map(OsString::from).into(),
        }
    }
}
