//! What `function deploy` sends: one file, or a folder's files by path.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use domain::limits;

use crate::failure::{Done, Failure};

const ENDINGS: [&str; 6] = ["ts", "js", "mjs", "tsx", "jsx", "json"];

/// Files and the one that is run.
#[derive(Debug)]
pub(crate) enum Upload {
    /// One file of plain TypeScript or JavaScript.
    Source(String),
    /// Text by path, parted by slashes, and the path that is run.
    Files(BTreeMap<String, String>, String),
}

/// Reads `path` for a deployment.
///
/// # Errors
/// What cannot be read, is no text, is too large together, or has nothing to run.
pub(crate) fn read(path: &Path, entry: Option<&str>) -> Done<Upload> {
    let metadata = fs::metadata(path).map_err(|error| Failure::file("read", path, &error))?;
    let mut left = limits::BUNDLE_BYTES as u64;
    if metadata.is_dir() {
        let mut files = BTreeMap::new();
        walk(path, "", &mut files, &mut left)?;
        let entry = entry_of(&files, entry).ok_or_else(|| no_entry(path, entry))?;
        return Ok(Upload::Files(files, entry));
    }
    if entry.is_some() {
        return Err(Failure::usage("entry_of_file", "--entry chooses a file of a folder, but FILE is a file itself"));
    }
    let text = text(path, &mut left)?;
    match (path.extension().and_then(OsStr::to_str), path.file_name().and_then(OsStr::to_str)) {
        // Only the name tells the bundler that these hold JSX.
        (Some("tsx" | "jsx"), Some(name)) => {
            Ok(Upload::Files(BTreeMap::from([(name.to_owned(), text)]), name.to_owned()))
        }
        _ => Ok(Upload::Source(text)),
    }
}

fn walk(folder: &Path, prefix: &str, files: &mut BTreeMap<String, String>, left: &mut u64) -> Done {
    let failed = |error: std::io::Error| Failure::file("read", folder, &error);
    for item in fs::read_dir(folder).map_err(failed)? {
        let item = item.map_err(failed)?;
        // Does not follow links: one could lead to a file that nobody meant to send.
        let kind = item.file_type().map_err(failed)?;
        let name = item.file_name();
        let Some(name) = name.to_str().filter(|name| !name.starts_with('.') && *name != "node_modules") else {
            continue;
        };
        let path = item.path();
        if kind.is_dir() {
            walk(&path, &format!("{prefix}{name}/"), files, left)?;
        } else if kind.is_file()
            && path.extension().and_then(OsStr::to_str).is_some_and(|ending| ENDINGS.contains(&ending))
        {
            files.insert(format!("{prefix}{name}"), text(&path, left)?);
        }
    }
    Ok(())
}

fn text(path: &Path, left: &mut u64) -> Done<String> {
    let size = fs::metadata(path).map_err(|error| Failure::file("read", path, &error))?.len();
    *left = left.checked_sub(size).ok_or_else(|| {
        Failure::failed(
            "source_too_large",
            format!("the source is larger than {} MiB, at {}", limits::BUNDLE_BYTES >> 20, path.display()),
        )
    })?;
    fs::read_to_string(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::InvalidData => {
            Failure::failed("source_not_utf8", format!("{} is not UTF-8 text", path.display()))
        }
        _ => Failure::file("read", path, &error),
    })
}

fn entry_of(files: &BTreeMap<String, String>, named: Option<&str>) -> Option<String> {
    match named {
        Some(named) => {
            let named = named.trim_start_matches("./");
            files.contains_key(named).then(|| named.to_owned())
        }
        None => ["ts", "tsx", "mjs", "js", "jsx"]
            .iter()
            .map(|ending| format!("index.{ending}"))
            .find(|index| files.contains_key(index)),
    }
}

fn no_entry(folder: &Path, named: Option<&str>) -> Failure {
    match named {
        Some(named) => {
            Failure::failed("entry_missing", format!("{} has no file {named} that would be sent", folder.display()))
        }
        None => Failure::failed("entry_missing", format!("{} has no index.ts or index.js", folder.display()))
            .hint("name the file to run with --entry PATH, relative to the folder"),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Upload, read};

    #[test]
    fn a_folder_sends_its_code_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("lib")).unwrap();
        fs::create_dir_all(at("node_modules")).unwrap();
        for file in ["main.ts", "lib/a.js", "data.json", "node_modules/x.js", ".env", ".hidden.ts", "README.md"] {
            fs::write(at(file), file).unwrap();
        }
        #[cfg(unix)]
        std::os::unix::fs::symlink("/etc/passwd", at("link.json")).unwrap();

        assert_eq!(read(folder.path(), None).unwrap_err().problem.code, "entry_missing");
        assert_eq!(read(folder.path(), Some("README.md")).unwrap_err().problem.code, "entry_missing");
        let Ok(Upload::Files(files, entry)) = read(folder.path(), Some("./main.ts")) else { panic!("no files") };
        assert_eq!(
            (files.keys().map(String::as_str).collect::<Vec<_>>(), entry.as_str()),
            (vec!["data.json", "lib/a.js", "main.ts"], "main.ts")
        );

        fs::write(at("index.ts"), "x").unwrap();
        assert!(matches!(read(folder.path(), None), Ok(Upload::Files(_, entry)) if entry == "index.ts"));
        assert!(matches!(read(&at("main.ts"), None), Ok(Upload::Source(text)) if text == "main.ts"));
        fs::write(at("lib/big.json"), vec![b' '; domain::limits::BUNDLE_BYTES]).unwrap();
        assert_eq!(read(folder.path(), None).unwrap_err().problem.code, "source_too_large");
        fs::write(at("index.ts"), b"\xff").unwrap();
        assert_eq!(read(&at("index.ts"), None).unwrap_err().problem.code, "source_not_utf8");
    }
}
