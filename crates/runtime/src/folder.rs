//! Private folders that vanish with their owner, and random names.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::sandbox::Owner;

/// A folder of mode 0700 with a random name; removed with all it holds when dropped.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn create(parent: &Path, name: &str) -> io::Result<Self> {
        let path = parent.join(name);
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "a worker's folder could not be removed");
        }
    }
}

/// Makes `path` and its parents, of mode 0700 where they did not exist.
pub(crate) fn ensure(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Makes a folder and all in it an owner's, unless it is already. Files that are linked from elsewhere stay whose they are.
pub(crate) fn hand_over(path: &Path, owner: Option<Owner>) -> io::Result<()> {
    let Some(owner) = owner else { return Ok(()) };
    let metadata = path.symlink_metadata()?;
    if metadata.is_dir() {
        for entry in std::fs::read_dir(path)? {
            hand_over(&entry?.path(), Some(owner))?;
        }
    }
    if owner.has(&metadata) || (!metadata.is_dir() && metadata.nlink() > 1) { Ok(()) } else { owner.take(path) }
}

/// Whether [`hand_over`] has handed a folder over, which is done to what is in it first.
pub(crate) fn is_of(path: &Path, owner: Option<Owner>) -> io::Result<bool> {
    let Some(owner) = owner else { return Ok(true) };
    Ok(owner.has(&path.symlink_metadata()?))
}

/// Writes a file that only this user can read.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?.write_all(bytes)
}

/// Writes a file that every worker can read, whoever it is, and nobody else, as far as its folder is private.
pub(crate) fn write_shared(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_private(path, bytes)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644))
}

/// `bytes` random bytes in hexadecimal.
pub(crate) fn random_hex(bytes: usize) -> io::Result<String> {
    let mut buffer = vec![0; bytes];
    aws_lc_rs::rand::fill(&mut buffer).map_err(|_| io::Error::other("the system has no randomness"))?;
    Ok(hex::encode(buffer))
}

/// The `file:` URL of an absolute path.
pub(crate) fn file_url(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt as _;
    let mut url = String::from("file://");
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' | b'~' => url.push(char::from(*byte)),
            other => url.push_str(&format!("%{other:02X}")),
        }
    }
    url
}
