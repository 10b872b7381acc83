//! What of the machine's files Deno needs: its executable, and the libraries that it is linked with.

use std::ffi::OsStr;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where libraries are if the loader does not tell (musl's).
const LIBRARIES: [&str; 4] = ["/lib", "/lib64", "/usr/lib", "/usr/lib64"];
/// What older C libraries load when they look up a name.
const LOOKUP: [&str; 3] = ["libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2"];

/// An executable and what it cannot start without.
#[derive(Debug, Clone)]
pub(super) struct Engine {
    /// The executable itself, not a script that starts it.
    pub(super) program: PathBuf,
    /// Files; folders where they are not known.
    pub(super) libraries: Vec<PathBuf>,
}

impl Engine {
    /// Looks at `deno`, which is run twice at most.
    pub(super) fn of(deno: &Path) -> io::Result<Self> {
        let program = if is_executable_itself(deno)? { deno.to_path_buf() } else { started_by(deno)? };
        let libraries = libraries(&program)?;
        Ok(Self { program, libraries })
    }
}

fn is_executable_itself(path: &Path) -> io::Result<bool> {
    let mut magic = [0; 4];
    std::fs::File::open(path)?.read_exact(&mut magic)?;
    Ok(&magic == b"\x7fELF")
}

/// What a wrapper's Deno says that it is.
fn started_by(wrapper: &Path) -> io::Result<PathBuf> {
    let output = Command::new(wrapper)
        .args(["eval", "--no-config", "console.log(Deno.execPath())"])
        .env_clear()
        .envs(["PATH", "HOME"].into_iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
        .env("DENO_NO_UPDATE_CHECK", "1")
        .stdin(Stdio::null())
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let path = PathBuf::from(text.trim());
    match path.is_file() && is_executable_itself(&path)? {
        true => Ok(path),
        false => Err(io::Error::other("it is a script, and does not tell which executable it starts")),
    }
}

fn libraries(program: &Path) -> io::Result<Vec<PathBuf>> {
    // glibc's loader lists what it would load, and does not start the program.
    let output = Command::new(program)
        .arg("--version")
        .env_clear()
        .env("LD_TRACE_LOADED_OBJECTS", "1")
        .stdin(Stdio::null())
        .output()?;
    let mut found: Vec<PathBuf> = String::from_utf8_lossy(&output.stdout).lines().filter_map(listed).collect();
    if found.is_empty() {
        return Ok(LIBRARIES.map(PathBuf::from).into_iter().filter(|path| path.is_dir()).collect());
    }
    let beside =
        found.iter().find(|path| path.file_name() == Some(OsStr::new("libc.so.6"))).and_then(|path| path.parent());
    let lookup: Vec<PathBuf> = beside.into_iter().flat_map(|folder| LOOKUP.map(|name| folder.join(name))).collect();
    found.extend(lookup);
    found.retain(|path| path.is_file());
    Ok(found)
}

/// `libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x…)` or `/lib64/ld-linux-x86-64.so.2 (0x…)`.
fn listed(line: &str) -> Option<PathBuf> {
    let line = line.trim();
    let named = line.split_once(" => ").map_or(line, |(_, path)| path);
    let path = named.rsplit_once(" (0x").map(|(path, _)| path)?;
    path.starts_with('/').then(|| PathBuf::from(path))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{Engine, listed};

    #[test]
    fn what_the_loader_says() {
        let path = |line| listed(line).map(|path| path.display().to_string());
        assert_eq!(path("\tlibm.so.6 => /lib/libm.so.6 (0x00007f1)"), Some("/lib/libm.so.6".to_owned()));
        assert_eq!(path("\t/lib64/ld-linux-x86-64.so.2 (0x00007f2)"), Some("/lib64/ld-linux-x86-64.so.2".to_owned()));
        assert_eq!(path("\tlinux-vdso.so.1 (0x00007f3)"), None);
        assert_eq!(path("\tlibx.so => not found"), None);
        assert_eq!(path("deno 2.9.5 (stable)"), None);
    }

    #[test]
    fn a_program_of_this_machine() {
        let engine = Engine::of("/bin/sh".as_ref()).unwrap();
        assert!(!engine.libraries.is_empty() && engine.libraries.iter().all(|path| path.exists()), "{engine:?}");
    }
}
