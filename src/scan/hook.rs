//! The pre-commit hook.

use std::path::{Path, PathBuf};

use super::Repository;
use crate::failure::{Done, Exit, Failure};

const MARK: &str = "# Looks for credentials in what is staged. Installed by `tresor scan --install-hook`.";

/// Installs the hook of the repository that `path` is in. Returns where it is.
///
/// # Errors
/// If there is another hook: it is not overwritten.
pub(crate) fn install(path: &Path, offline: bool) -> Done<PathBuf> {
    let folder = Repository::of(path)?.hooks()?;
    let file = folder.join("pre-commit");
    let line = if offline { "tresor scan --staged --offline" } else { "tresor scan --staged" };
    let script = format!("#!/bin/sh\n{MARK}\nexec {line}\n");
    match std::fs::read_to_string(&file) {
        Ok(there) if !there.contains(MARK) => {
            let what = format!("there is another pre-commit hook already: {}", file.display());
            return Err(Failure::new(Exit::Conflict, "hook_exists", what)
                .hint(format!("add this line to it: {line} || exit 1")));
        }
        Ok(_) | Err(_) => {}
    }
    std::fs::create_dir_all(&folder).map_err(|error| Failure::file("make", &folder, &error))?;
    std::fs::write(&file, script).map_err(|error| Failure::file("write", &file, &error))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755))
            .map_err(|error| Failure::file("make executable", &file, &error))?;
    }
    Ok(file)
}
