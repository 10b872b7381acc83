//! Who waits until one more worker may boot.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// The queue of those for whom there is no room.
#[derive(Default)]
pub(crate) struct Room {
    waiting: AtomicUsize,
    freed: Notify,
}

impl Room {
    /// One more that waits, unless so many do already.
    pub(crate) fn join(&self, most: usize) -> Option<Waiting<'_>> {
        let waiting = Waiting(self);
        (self.waiting.fetch_add(1, Ordering::AcqRel) < most).then_some(waiting)
    }

    /// A worker is out of use or gone: the first in the queue may look.
    pub(crate) fn freed(&self) {
        if self.waiting.load(Ordering::Acquire) > 0 {
            self.freed.notify_one();
        }
    }

    /// A worker has come up: whoever waited for one like it may use it.
    pub(crate) fn changed(&self) {
        self.freed.notify_waiters();
    }
}

/// A place in the queue.
pub(crate) struct Waiting<'a>(&'a Room);

impl Waiting<'_> {
    /// Ends at the next change. Enable it before looking.
    pub(crate) fn change(&self) -> Notified<'_> {
        self.0.freed.notified()
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}
