//! The root-key file: one line, `tresor-root-key-v1 ` and 64 hex digits, readable by its owner only.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::derive::{KEY_BYTES, KeyBytes};

const PREFIX: &[u8] = b"tresor-root-key-v1 ";
const HEX_BYTES: usize = 2 * KEY_BYTES;

/// Why a root-key file cannot be used. Names the path, never the content.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// There is no such file.
    #[error("root-key file {} does not exist; restore it from its backup: without it nothing can be decrypted", .path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// Someone other than its owner may read or write it.
    #[error(
        "root-key file {} is open to other users (mode {mode:04o}); run: chmod 600 {}", .path.display(), .path.display()
    )]
    Permissions {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file has nothing in it, as a creation that was interrupted leaves it.
    #[error(
        "root-key file {} is empty; restore it from its backup, or delete it if this is the first start \
         (an earlier one was interrupted)", .path.display()
    )]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The file holds something else.
    #[error("root-key file {} does not hold `tresor-root-key-v1` and 64 hex digits; restore it from its backup", .path.display())]
    Content {
        /// The file.
        path: PathBuf,
    },
    /// A new key was to be made, but the file is there.
    #[error("root-key file {} exists already and is never overwritten", .path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The file system refused.
    #[error("root-key file {} cannot be read or written", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

pub(crate) fn load(path: &Path) -> Result<KeyBytes, KeyFileError> {
    let io = |source| KeyFileError::Io { path: path.to_owned(), source };
    let file = File::open(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => KeyFileError::Missing { path: path.to_owned() },
        _ => io(error),
    })?;
    // Of the open file, not of the path, which could be another file by now.
    let mode = file.metadata().map_err(io)?.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::Permissions { path: path.to_owned(), mode });
    }
    // Larger than what is read, so that the buffer never grows and leaves a copy behind.
    let mut content = Zeroizing::new(Vec::with_capacity(512));
    file.take(256).read_to_end(&mut content).map_err(io)?;
    if content.is_empty() {
        return Err(KeyFileError::Empty { path: path.to_owned() });
    }
    parse(&content).ok_or_else(|| KeyFileError::Content { path: path.to_owned() })
}

fn parse(content: &[u8]) -> Option<KeyBytes> {
    let line = content.strip_suffix(b"\n").unwrap_or(content);
    let digits = line.strip_prefix(PREFIX)?;
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    hex::decode_to_slice(digits, key.as_mut_slice()).ok()?;
    Some(key)
}

pub(crate) fn create(path: &Path, key: &KeyBytes) -> Result<(), KeyFileError> {
    let io = |source| KeyFileError::Io { path: path.to_owned(), source };
    let mut digits = Zeroizing::new([0; HEX_BYTES]);
    // The lengths match by their types; were they not to, `parse` would refuse the zeros.
    hex::encode_to_slice(key.as_slice(), digits.as_mut_slice()).map_err(|_| io(ErrorKind::InvalidData.into()))?;
    let mut line = Zeroizing::new(Vec::with_capacity(PREFIX.len() + HEX_BYTES + 1));
    line.extend(PREFIX);
    line.extend(digits.iter());
    line.push(b'\n');

    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = opened.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => KeyFileError::Exists { path: path.to_owned() },
        _ => io(error),
    })?;
    write_durably(&mut file, path, &line).map_err(|source| {
        // Half a key is worse than none. If this fails too, the next start says what to do.
        let _ = fs::remove_file(path);
        io(source)
    })
}

/// Syncs the directory too: without it, a power cut may take the file's name.
fn write_durably(file: &mut File, path: &Path, line: &[u8]) -> io::Result<()> {
    file.write_all(line)?;
    file.sync_all()?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()
}
