//! The files of a folder: those that git would not ignore, read on all processors.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ignore::{DirEntry, WalkBuilder, WalkState};

use super::{Settings, Sheet, Source, threads};

/// Names files that are not looked at, as `.gitignore` does.
pub(crate) const IGNORE_FILE: &str = ".tresorscanignore";

/// Where a text with a NUL in it is taken for a program or a picture.
const HEAD: usize = 8 * 1024;

/// What to look at.
pub(crate) struct Walk<'a> {
    /// A folder or a file.
    pub(crate) root: &'a Path,
    /// Also what `.gitignore` names.
    pub(crate) ignored_too: bool,
    /// Larger files are passed over.
    pub(crate) largest: u64,
}

/// Looks at every file.
pub(crate) fn walk(settings: &Settings, walk: &Walk<'_>) -> Vec<Sheet> {
    let git = !walk.ignored_too;
    let mut builder = WalkBuilder::new(walk.root);
    builder
        .hidden(false)
        .git_ignore(git)
        .git_exclude(git)
        .git_global(git)
        .ignore(false)
        .parents(git)
        .require_git(false)
        .add_custom_ignore_filename(IGNORE_FILE)
        .filter_entry(|entry| entry.file_name() != ".git")
        .threads(threads());
    let done = Mutex::new(Vec::new());
    builder.build_parallel().run(|| {
        let mut own = Own { sheet: Some(Sheet::new(settings)), done: &done };
        Box::new(move |entry| {
            if let (Ok(entry), Some(sheet)) = (entry, own.sheet.as_mut()) {
                file(sheet, settings, walk, &entry);
            }
            WalkState::Continue
        })
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// A thread's sheet, handed in when the thread is done.
struct Own<'d> {
    sheet: Option<Sheet>,
    done: &'d Mutex<Vec<Sheet>>,
}

impl Drop for Own<'_> {
    fn drop(&mut self) {
        self.done.lock().unwrap_or_else(PoisonError::into_inner).extend(self.sheet.take());
    }
}

fn file(sheet: &mut Sheet, settings: &Settings, walk: &Walk<'_>, entry: &DirEntry) {
    // A link leads to what is looked at anyway, or out of the folder.
    if !entry.file_type().is_some_and(|kind| kind.is_file()) {
        return;
    }
    let size = entry.metadata().map_or(0, |metadata| metadata.len());
    if size > walk.largest {
        sheet.large += 1;
        return;
    }
    let Ok(bytes) = std::fs::read(entry.path()) else {
        sheet.unreadable += 1;
        return;
    };
    settings.progress.looked(bytes.len());
    if is_binary(&bytes) {
        sheet.binary += 1;
        return;
    }
    sheet.texts += 1;
    let source = Source { path: relative(walk.root, entry.path()), commit: None };
    sheet.look(&source, &String::from_utf8_lossy(&bytes), 1);
}

/// Whether the bytes are no text.
pub(super) fn is_binary(bytes: &[u8]) -> bool {
    memchr::memchr(0, bytes.get(..HEAD.min(bytes.len())).unwrap_or_default()).is_some()
}

fn relative(root: &Path, path: &Path) -> String {
    let inside = path.strip_prefix(root).ok().filter(|inside| *inside != Path::new(""));
    let shown = inside.map(PathBuf::from).unwrap_or_else(|| path.to_owned());
    shown.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}
