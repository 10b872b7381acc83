//! The root-key file: made private and durable, never overwritten, refused when others may read it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::error::Error as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use domain::AccountId;
use envelope::{AccountKey, KeyFileError, RootKey};
use tempfile::TempDir;

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("root-key");
    (folder, path)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn write(path: &Path, content: impl AsRef<[u8]>) {
    fs::write(path, content).unwrap();
    set_mode(path, 0o600);
}

#[test]
fn a_created_key_is_the_loaded_key() {
    let (_folder, path) = folder();
    let created = RootKey::create(&path).unwrap();
    let loaded = RootKey::load(&path).unwrap();
    assert_eq!(created.id(), loaded.id());
    assert_eq!(created.id().len(), 16);
    let account = AccountId::new("a");
    let wrapped = created.wrap_account_key(&AccountKey::generate(&account));
    assert!(loaded.unwrap_account_key(&account, &wrapped).is_ok());
    assert_ne!(RootKey::create(&path.with_extension("2")).unwrap().id(), created.id());
}

#[test]
fn the_file_is_one_line_for_its_owner_alone() {
    let (folder, path) = folder();
    RootKey::create(&path).unwrap();
    assert_eq!(mode(&path), 0o600);
    let content = fs::read_to_string(&path).unwrap();
    let digits = content.strip_prefix("tresor-root-key-v1 ").unwrap().strip_suffix('\n').unwrap();
    assert_eq!(hex::decode(digits).unwrap().len(), 32);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else may be left beside it");
}

#[test]
fn an_existing_file_is_never_overwritten() {
    let (_folder, path) = folder();
    for content in ["", "something of the user's"] {
        write(&path, content);
        assert!(matches!(RootKey::create(&path), Err(KeyFileError::Exists { .. })));
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
    }
    // Nor what a dangling link would lead to.
    let link = path.with_extension("link");
    std::os::unix::fs::symlink(path.with_extension("target"), &link).unwrap();
    assert!(matches!(RootKey::create(&link), Err(KeyFileError::Exists { .. })));
    assert!(!path.with_extension("target").exists());
}

#[test]
fn any_permission_of_others_is_refused() {
    let (_folder, path) = folder();
    RootKey::create(&path).unwrap();
    for bad in [0o644, 0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o666, 0o444] {
        set_mode(&path, bad);
        let error = RootKey::load(&path).unwrap_err();
        assert!(matches!(error, KeyFileError::Permissions { mode, .. } if mode == bad), "{bad:o}");
        let message = error.to_string();
        assert!(message.contains(&format!("mode {bad:04o}")), "{message}");
        assert!(message.contains(&format!("chmod 600 {}", path.display())), "{message}");
    }
    for good in [0o600, 0o400] {
        set_mode(&path, good);
        assert!(RootKey::load(&path).is_ok(), "{good:o}");
    }
}

/// As Kubernetes mounts a secret: the permissions that count are the file's, not the link's.
#[test]
fn a_link_is_judged_by_its_target() {
    let (_folder, path) = folder();
    let link = path.with_extension("link");
    let id = RootKey::create(&path).unwrap().id().to_owned();
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert_eq!(RootKey::load(&link).unwrap().id(), id);
    set_mode(&path, 0o644);
    assert!(matches!(RootKey::load(&link), Err(KeyFileError::Permissions { .. })));
}

#[test]
fn absent_empty_and_unreadable_files_are_told_apart() {
    let (folder, path) = folder();
    assert!(matches!(RootKey::load(&path), Err(KeyFileError::Missing { .. })));
    write(&path, "");
    assert!(matches!(RootKey::load(&path), Err(KeyFileError::Empty { .. })));
    set_mode(folder.path(), 0o700);
    let error = RootKey::load(folder.path()).unwrap_err();
    assert!(matches!(error, KeyFileError::Io { .. }) && error.source().is_some(), "{error:?}");
    let error = RootKey::create(&folder.path().join("no-such-folder/root-key")).unwrap_err();
    assert!(matches!(error, KeyFileError::Io { .. }), "{error:?}");
}

#[test]
fn other_content_is_refused_and_not_quoted() {
    let (_folder, path) = folder();
    let digits = "c0ffee00".repeat(8);
    write(&path, format!("tresor-root-key-v1 {digits}"));
    assert!(RootKey::load(&path).is_ok(), "the line's end may be missing");
    for content in [
        digits.clone(),
        format!("tresor-root-key-v2 {digits}\n"),
        format!("tresor-root-key-v1{digits}\n"),
        format!("tresor-root-key-v1  {digits}\n"),
        format!(" tresor-root-key-v1 {digits}\n"),
        format!("tresor-root-key-v1 {digits}\n\n"),
        format!("tresor-root-key-v1 {digits} \n"),
        format!("tresor-root-key-v1 {}\n", &digits[1..]),
        format!("tresor-root-key-v1 {}\n", &digits[2..]),
        format!("tresor-root-key-v1 {digits}00\n"),
        format!("tresor-root-key-v1 {}g\n", &digits[1..]),
        format!("tresor-root-key-v1 {digits}\n{}", "x".repeat(100_000)),
        "\n".to_owned(),
    ] {
        write(&path, &content);
        let error = RootKey::load(&path).unwrap_err();
        assert!(matches!(error, KeyFileError::Content { .. }), "{content:?}");
        let shown = format!("{error} {error:?}");
        assert!(shown.contains("root-key") && !shown.contains("c0ffee"), "{shown}");
    }
}

#[test]
fn debug_never_shows_the_key() {
    let (_folder, path) = folder();
    let key = RootKey::create(&path).unwrap();
    let content = fs::read_to_string(&path).unwrap();
    let digits = content.trim().rsplit(' ').next().unwrap();
    let shown = format!("{key:?} {key:#?}");
    assert!(shown.contains(key.id()));
    assert!((0..=56).all(|at| !shown.contains(&digits[at..at + 8])));
}
