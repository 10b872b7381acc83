//! Looking for credentials in files, in what is staged and in git history. What looks like one is decided in
//! `domain::scan`; here texts are found and read, on all processors, and what was found is put together and shown.
//!
//! No value leaves here: the server gets digests of candidates, and people see masks.

mod baseline;
mod diff;
mod git;
mod hook;
mod progress;
mod report;
mod sarif;
mod sheet;
mod walk;

pub(crate) use baseline::Baseline;
pub(crate) use git::Repository;
pub(crate) use hook::install;
pub(crate) use progress::Progress;
pub(crate) use report::{Finding, Report};
pub(crate) use sarif::sarif;
pub(crate) use sheet::{Asked, Sheet, Source};
pub(crate) use walk::{IGNORE_FILE, Walk, walk};

/// On a line with this, nothing is found.
pub(crate) const ALLOW: &str = "tresor:allow";

/// What every scan needs.
pub(crate) struct Settings {
    /// Goes into digests of candidates; `None` if no server is asked.
    pub(crate) salt: Option<Vec<u8>>,
    pub(crate) progress: std::sync::Arc<Progress>,
}

/// How many texts are looked at at a time.
fn threads() -> usize {
    std::thread::available_parallelism().map_or(2, std::num::NonZero::get).clamp(1, 32)
}
