//! A boot under way, and those who wait for it.

use std::sync::Arc;

use tokio::sync::watch;

use super::{Inner, WorkerError};
use crate::worker::{BootError, Worker, WorkerKey};

/// What the waiters of a boot learn.
#[derive(Clone)]
pub(super) enum Boot {
    Pending,
    Ready(Arc<Worker>),
    Failed(BootError),
    /// Whoever loaded the assignment gave up or failed to; somebody else may try.
    Abandoned,
}

/// Waits for a boot. None if it was abandoned, or if its worker went again before this caller could lease it.
pub(super) async fn outcome<E>(boot: &mut watch::Receiver<Boot>) -> Result<Option<Arc<Worker>>, WorkerError<E>> {
    match boot.wait_for(|boot| !matches!(boot, Boot::Pending)).await.map(|boot| boot.clone()) {
        Ok(Boot::Ready(worker)) => Ok(worker.try_lease().then_some(worker)),
        Ok(Boot::Failed(error)) => Err(error.into()),
        Ok(Boot::Abandoned | Boot::Pending) | Err(_) => Ok(None),
    }
}

/// A slot that waits for its worker. Dropped before [`Loading::publish`], it leaves the slot to somebody else.
pub(super) struct Loading {
    pub(super) inner: Arc<Inner>,
    pub(super) key: Arc<WorkerKey>,
    pub(super) sender: Option<watch::Sender<Boot>>,
}

impl Loading {
    pub(super) fn publish(mut self, result: Result<Arc<Worker>, BootError>) {
        let Some(sender) = self.sender.take() else { return };
        let mut table = self.inner.lock();
        let ours = self.inner.vacate(&mut table, &self.key, &sender);
        match result {
            Ok(worker) => {
                sender.send_replace(Boot::Ready(Arc::clone(&worker)));
                worker.publish();
                if ours {
                    table.slots.entry(Arc::clone(&self.key)).or_default().ready.push(worker);
                    self.inner.booter.room.changed();
                } else {
                    // Retired while it booted: it serves those who waited for it already, and then goes.
                    let inner = Arc::clone(&self.inner);
                    self.inner.handle.spawn(async move {
                        sender.closed().await;
                        inner.close(&worker);
                    });
                }
            }
            Err(error) => {
                sender.send_replace(Boot::Failed(error));
            }
        }
    }
}

impl Drop for Loading {
    fn drop(&mut self) {
        if let Some(sender) = self.sender.take() {
            self.inner.vacate(&mut self.inner.lock(), &self.key, &sender);
            sender.send_replace(Boot::Abandoned);
        }
    }
}
