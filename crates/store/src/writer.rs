//! The one task that writes. It commits the writes that wait together as a group, so that sixteen callers share the one
//! wait for the disk that each would otherwise have.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::BoxFuture;
use sqlx::AnyConnection;
use tokio::sync::mpsc;

use crate::{Location, Result, Tx};

/// Most writes of one transaction: bounds how long the first waits for the last.
const GROUP: usize = 128;

/// Tells a job's caller how the commit went.
pub(crate) type Answer = Box<dyn FnOnce(Result<()>) + Send>;

/// Runs one write; `None` if it must be undone (its caller was told why).
pub(crate) type Job = Box<dyn for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Option<Answer>> + Send>;

pub(crate) struct Writer {
    location: Location,
    /// `None` after it failed; the next group connects anew.
    tx: Option<Tx>,
    commits: Arc<AtomicU64>,
}

impl Writer {
    pub(crate) fn new(location: Location, connection: AnyConnection, commits: Arc<AtomicU64>) -> Self {
        Self { tx: Some(Tx::new(location.clone(), connection)), location, commits }
    }

    /// Runs until nobody can send any more.
    pub(crate) async fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        let mut group = Vec::with_capacity(GROUP);
        while jobs.recv_many(&mut group, GROUP).await > 0 {
            let mut answers = Vec::new();
            let outcome = self.commit_group(&mut group, &mut answers).await;
            if let Err(error) = &outcome {
                tracing::error!(%error, writes = answers.len(), "a group of writes was not committed");
                self.disconnect().await;
            }
            group.clear();
            for answer in answers {
                answer(outcome.clone());
            }
        }
        if let (Some(tx), Some(finish)) = (&mut self.tx, self.location.finish())
            && let Err(error) = tx.outside(finish).await
        {
            tracing::warn!(%error, "the write-ahead log was not folded into the database");
        }
        self.disconnect().await;
    }

    /// Jobs left in `group` on an error did not run, and those in `answers` did in vain.
    async fn commit_group(&mut self, group: &mut Vec<Job>, answers: &mut Vec<Answer>) -> Result<()> {
        let alone = group.len() == 1;
        let tx = self.begin().await?;
        for job in group.drain(..) {
            tx.begin_job(alone).await?;
            let answer = job(tx).await;
            if let Some(error) = tx.broken() {
                answers.extend(answer);
                return Err(error);
            }
            match answer {
                Some(answer) => match tx.end_job().await {
                    Ok(()) => answers.push(answer),
                    // The job went on after a failed statement, and PostgreSQL does not forgive that.
                    Err(error) => {
                        answer(Err(error));
                        tx.undo_job().await?;
                    }
                },
                None => tx.undo_job().await?,
            }
        }
        if answers.is_empty() {
            return tx.rollback().await;
        }
        tx.commit().await?;
        self.commits.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Begins a transaction, on a new connection where the old one turns out to be dead: no job has run yet, so trying
    /// twice is safe.
    async fn begin(&mut self) -> Result<&mut Tx> {
        let alive = match &mut self.tx {
            Some(tx) => tx.begin().await.is_ok(),
            None => false,
        };
        if !alive {
            self.disconnect().await;
            let mut tx = Tx::new(self.location.clone(), self.location.connect_writer().await?);
            tx.begin().await?;
            self.tx = Some(tx);
        }
        self.tx.as_mut().ok_or(crate::StoreError::NotRun)
    }

    async fn disconnect(&mut self) {
        if let Some(tx) = self.tx.take() {
            tx.disconnect().await;
        }
    }
}
