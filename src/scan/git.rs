//! Git, asked by its plumbing. The one place of the command line that starts a process to read from it: git's own formats
//! are git's business, and a second reader of them would be a second set of mistakes.
//!
//! A repository can come from anyone, and its settings name programs to run: those that these commands would heed are
//! overruled.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::diff::{Added, Diff};
use super::{IGNORE_FILE, Settings, Sheet, Source, threads};
use crate::failure::{Done, Failure};

/// What a diff is asked to look like, whatever the user's settings say.
const PATCH: [&str; 9] = [
    "-p",
    "-U0",
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
    "--no-renames",
    "--src-prefix=a/",
    "--dst-prefix=b/",
    "--submodule=short",
];
/// Longest line that is looked at; what is longer was not written by people.
const LINE: usize = 4 * 1024 * 1024;

/// A work tree.
pub(crate) struct Repository {
    root: PathBuf,
    ignored: Gitignore,
}

impl Repository {
    /// The one that `path` is in.
    ///
    /// # Errors
    /// If there is none, or no git.
    pub(crate) fn of(path: &Path) -> Done<Self> {
        let folder = if path.is_dir() {
            path
        } else {
            path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."))
        };
        let root = text(command(folder, ["rev-parse", "--show-toplevel"]))?;
        let root = PathBuf::from(root.trim_end_matches(['\r', '\n']));
        let mut builder = GitignoreBuilder::new(&root);
        // A file that is not there ignores nothing.
        let _ = builder.add(root.join(IGNORE_FILE));
        let ignored = builder.build().unwrap_or_else(|_| Gitignore::empty());
        Ok(Self { root, ignored })
    }

    /// Where hooks are looked for.
    pub(crate) fn hooks(&self) -> Done<PathBuf> {
        let path = text(plain(&self.root, ["rev-parse", "--git-path", "hooks"]))?;
        Ok(self.root.join(path.trim_end_matches(['\r', '\n'])))
    }

    /// Looks at what is staged.
    pub(crate) fn staged(&self, settings: &Settings) -> Done<Vec<Sheet>> {
        let mut command = command(&self.root, ["diff", "--cached"]);
        command.args(PATCH);
        Ok(vec![self.read(settings, command, None)?])
    }

    /// Looks at every line that ever came in, on all branches, tags and stashes.
    pub(crate) fn history(&self, settings: &Settings) -> Done<Vec<Sheet>> {
        let commits = text(command(&self.root, ["rev-list", "--all"]))?;
        let commits: Vec<&str> = commits.lines().collect();
        let share = commits.len().div_ceil(threads()).max(1);
        std::thread::scope(|scope| {
            let readers: Vec<_> = commits
                .chunks(share)
                .map(|share| {
                    scope.spawn(move || {
                        let mut command = command(&self.root, ["diff-tree", "--stdin", "--cc", "--root", "-r"]);
                        command.args(PATCH);
                        self.read(settings, command, Some(share.join("\n") + "\n"))
                    })
                })
                .collect();
            let lost = || Failure::failed("internal", "a thread that read git's history ended");
            readers.into_iter().map(|reader| reader.join().map_err(|_| lost())?).collect()
        })
    }

    fn read(&self, settings: &Settings, mut command: Command, input: Option<String>) -> Done<Sheet> {
        command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(|error| missing(&error))?;
        let writer = input.zip(child.stdin.take()).map(|(input, mut stdin)| {
            // Git that has ended reads no more, and its exit code says why.
            std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())))
        });
        let sheet = self.diff(settings, &mut child)?;
        let output = child.wait_with_output().map_err(|error| missing(&error))?;
        if let Some(writer) = writer {
            let _ = writer.join();
        }
        if !output.status.success() {
            return Err(failed(&output.stderr));
        }
        Ok(sheet)
    }

    fn diff(&self, settings: &Settings, child: &mut Child) -> Done<Sheet> {
        let mut sheet = Sheet::new(settings);
        let Some(stdout) = child.stdout.take() else { return Ok(sheet) };
        let mut stdout = BufReader::with_capacity(256 * 1024, stdout);
        let (mut diff, mut line) = (Diff::default(), Vec::new());
        let mut commit: Option<Arc<str>> = None;
        let mut look = |added: Added<'_>| {
            settings.progress.looked(added.text.len());
            if self.ignored.matched_path_or_any_parents(added.path, false).is_ignore() {
                return;
            }
            sheet.texts += 1;
            if commit.as_deref() != added.commit {
                commit = added.commit.map(Arc::from);
            }
            let source = Source { path: added.path.to_owned(), commit: commit.clone() };
            sheet.look(&source, added.text, added.line);
        };
        loop {
            line.clear();
            let read = stdout.read_until(b'\n', &mut line).map_err(|error| missing(&error))?;
            if read == 0 {
                break;
            }
            if line.ends_with(b"\n") {
                line.pop();
            }
            line.truncate(LINE);
            diff.line(&line, &mut look);
        }
        diff.end(&mut look);
        Ok(sheet)
    }
}

/// A command as the user's own would be: with the repository's settings.
fn plain<const N: usize>(folder: &Path, args: [&str; N]) -> Command {
    let mut command = Command::new("git");
    command.current_dir(folder).args(args.map(OsStr::new)).stdin(Stdio::null());
    command
}

/// A command whose output does not depend on settings, and that runs no program of the repository's choice.
fn command<const N: usize>(folder: &Path, args: [&str; N]) -> Command {
    let mut command = Command::new("git");
    command
        .current_dir(folder)
        .args(["-c", "core.quotepath=off", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"])
        .args(["-c", "log.showSignature=false", "-c", "core.pager=cat", "--no-pager"])
        // A repository within a folder's files is one of them, and its settings are nobody's.
        .args(["-c", "safe.bareRepository=explicit"])
        .args(args)
        // Objects that a partial clone lacks stay away: nothing is fetched, by gits that do not know the first of these either.
        .env("GIT_NO_LAZY_FETCH", "1")
        .env("GIT_ALLOW_PROTOCOL", "none")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env_remove("GIT_EXTERNAL_DIFF")
        .env_remove("GIT_DIFF_OPTS")
        .stdin(Stdio::null());
    command
}

fn text(mut command: Command) -> Done<String> {
    let output = command.output().map_err(|error| missing(&error))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(failed(&output.stderr)),
    }
}

fn missing(error: &std::io::Error) -> Failure {
    Failure::failed("git", format!("git could not be asked: {error}")).hint("is git installed, and on the PATH?")
}

fn failed(stderr: &[u8]) -> Failure {
    let said = String::from_utf8_lossy(stderr);
    Failure::failed("git", format!("git said: {}", said.trim()))
}
