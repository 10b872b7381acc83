//! How far a long scan is, on a terminal only.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Not before so long: most scans are over by then.
const AFTER: Duration = Duration::from_millis(700);
const EVERY: Duration = Duration::from_millis(200);

/// Counts what was looked at.
#[derive(Default)]
pub(crate) struct Progress {
    texts: AtomicU64,
    bytes: AtomicU64,
    done: AtomicBool,
}

impl Progress {
    /// Counts and shows nothing.
    pub(crate) fn silent() -> Self {
        Self::default()
    }

    /// Shows the counts on stderr if that is a terminal, until [`Progress::end`].
    pub(crate) fn shown() -> Arc<Self> {
        let progress = Arc::new(Self::silent());
        if std::io::stderr().is_terminal() {
            let shown = Arc::clone(&progress);
            std::thread::spawn(move || shown.show());
        }
        progress
    }

    pub(crate) fn looked(&self, bytes: usize) {
        self.texts.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Takes the line away.
    pub(crate) fn end(&self) {
        self.done.store(true, Ordering::Relaxed);
    }

    fn show(&self) {
        std::thread::sleep(AFTER);
        let mut stderr = std::io::stderr();
        let mut written = false;
        while !self.done.load(Ordering::Relaxed) {
            let (texts, bytes) = (self.texts.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed));
            // Nothing can be said if stderr is closed.
            let _ = write!(stderr, "\r\x1b[KLooked at {texts} texts, {} MB", bytes / 1_000_000)
                .and_then(|()| stderr.flush());
            written = true;
            std::thread::sleep(EVERY);
        }
        if written {
            let _ = write!(stderr, "\r\x1b[K").and_then(|()| stderr.flush());
        }
    }
}
