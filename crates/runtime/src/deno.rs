//! Finding Deno and checking its version. Nothing here runs a function.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

/// Unix sockets in workers need their own grants from 2.9 on, and 2.9.5 closed the last known way round them.
const NEEDED: (u32, u32, u32) = (2, 9, 5);

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
const PACKAGE: &str = "linux-x64-glibc";
#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
const PACKAGE: &str = "linux-arm64-glibc";
#[cfg(all(target_os = "macos", target_arch = "x86_64"))]
const PACKAGE: &str = "darwin-x64";
#[cfg(all(target_os = "macos", target_arch = "aarch64"))]
const PACKAGE: &str = "darwin-arm64";

/// A Deno executable that was run once and is new enough.
#[derive(Debug, Clone)]
pub struct Deno {
    path: PathBuf,
    version: String,
}

/// Why no usable Deno was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DenoError {
    /// None of the places had one.
    #[error("no Deno found (looked at {tried}); run `npm ci` in Tresor's folder, or set TRESOR_DENO to the executable")]
    NotFound {
        /// The places, separated by commas.
        tried: String,
    },
    /// It is older than functions can be run safely with.
    #[error("{path} is Deno {found}, but {needed} or later is needed; run `npm ci`, or set TRESOR_DENO to a newer one")]
    TooOld {
        /// The executable.
        path: String,
        /// Its version.
        found: String,
        /// The least version.
        needed: String,
    },
    /// It could not be run, or did not say its version.
    #[error("{path} cannot be run as Deno: {reason}")]
    Unusable {
        /// The executable.
        path: String,
        /// What happened.
        reason: String,
    },
}

impl Deno {
    /// Finds Deno: `explicit` (TRESOR_DENO) and nothing else if given; else `node_modules` upward from the current
    /// folder, then upward from this executable's folder, then PATH.
    ///
    /// # Errors
    /// [`DenoError`]; a Deno that is found but too old or broken is an error and not passed over.
    pub async fn find(explicit: Option<&Path>) -> Result<Self, DenoError> {
        let candidates = explicit.map_or_else(candidates, |path| vec![path.to_path_buf()]);
        match candidates.iter().find(|path| path.is_file()) {
            Some(path) => Self::check(path).await,
            None => {
                let tried: Vec<_> = candidates.iter().map(|path| path.display().to_string()).collect();
                Err(DenoError::NotFound { tried: tried.join(", ") })
            }
        }
    }

    /// The executable's absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its version, like `2.9.6`.
    pub fn version(&self) -> &str {
        &self.version
    }

    async fn check(path: &Path) -> Result<Self, DenoError> {
        let shown = || path.display().to_string();
        let unusable = |reason: String| DenoError::Unusable { path: shown(), reason };
        let path = std::path::absolute(path).map_err(|error| unusable(error.to_string()))?;
        let mut command = Command::new(&path);
        command.arg("--version").env_clear().env("DENO_NO_UPDATE_CHECK", "1").stdin(Stdio::null()).kill_on_drop(true);
        let output = tokio::time::timeout(Duration::from_secs(20), command.output())
            .await
            .map_err(|_| unusable("it did not answer to --version".to_owned()))?
            .map_err(|error| unusable(error.to_string()))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let version = text.strip_prefix("deno ").and_then(|rest| rest.split_whitespace().next());
        let Some((version, parsed)) = version.and_then(|text| Some((text, parse(text)?))) else {
            return Err(unusable("it did not tell its version".to_owned()));
        };
        if parsed < NEEDED {
            let needed = format!("{}.{}.{}", NEEDED.0, NEEDED.1, NEEDED.2);
            return Err(DenoError::TooOld { path: shown(), found: version.to_owned(), needed });
        }
        Ok(Self { version: version.to_owned(), path })
    }
}

/// `2.9.6` or `2.10.0-rc.1+abc`; a pre-release counts as its release.
fn parse(version: &str) -> Option<(u32, u32, u32)> {
    let mut parts = version.split(['-', '+']).next()?.split('.').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??, parts.next()??))
}

fn candidates() -> Vec<PathBuf> {
    let cwd = std::env::current_dir().ok();
    let exe = std::env::current_exe().ok();
    let mut found = Vec::new();
    for start in [cwd.as_deref(), exe.as_deref().and_then(Path::parent)].into_iter().flatten() {
        for folder in start.ancestors() {
            let modules = folder.join("node_modules");
            if modules.is_dir() {
                // The platform's package holds the executable itself; `.bin` may be a script that needs Node.
                found.push(modules.join("@deno").join(PACKAGE).join("deno"));
                found.push(modules.join(".bin/deno"));
            }
        }
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    found.extend(std::env::split_paths(&path).filter(|folder| folder.is_absolute()).map(|folder| folder.join("deno")));
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use std::os::unix::fs::PermissionsExt as _;

    use super::{Deno, DenoError, parse};

    fn script(text: &str) -> tempfile::TempPath {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        file.into_temp_path()
    }

    #[test]
    fn versions() {
        assert_eq!(parse("2.9.6"), Some((2, 9, 6)));
        assert_eq!(parse("2.10.0-rc.1+abc"), Some((2, 10, 0)));
        assert_eq!(parse("2.9"), None);
        assert_eq!(parse("two"), None);
    }

    #[tokio::test]
    async fn says_what_is_wrong() {
        let missing = Deno::find(Some("/nonexistent/deno".as_ref())).await.unwrap_err().to_string();
        assert!(missing.contains("/nonexistent/deno") && missing.contains("npm ci") && missing.contains("TRESOR_DENO"));
        let old = script("echo 'deno 2.9.4 (stable, release)'");
        let error = Deno::find(Some(&old)).await.unwrap_err();
        assert!(matches!(&error, DenoError::TooOld { found, .. } if found == "2.9.4"), "{error}");
        assert!(error.to_string().contains("2.9.5"));
        let other = script("echo hello");
        assert!(matches!(Deno::find(Some(&other)).await.unwrap_err(), DenoError::Unusable { .. }));
        let new = script("echo 'deno 2.10.0 (stable, release)'");
        assert_eq!(Deno::find(Some(&new)).await.unwrap().version(), "2.10.0");
    }
}
