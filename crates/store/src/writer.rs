//! The one task that writes. It commits the writes that wait together as a group, so that sixteen callers share the one
//! wait for the disk that each would otherwise have.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::BoxFuture;
use sqlx::{AnyConnection, Connection};
use tokio::sync::mpsc;

use crate::{Location, Result};

/// Most writes of one transaction: bounds how long the first waits for the last.
const GROUP: usize = 128;

/// Tells a job's caller how the commit went.
pub(crate) type Answer = Box<dyn FnOnce(Result<()>) + Send>;

/// Runs one write; `None` if it must be undone (its caller was told why).
pub(crate) type Job = Box<dyn for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Option<Answer>> + Send>;

/// An open write. Its methods are with the nouns they are about.
pub struct Tx(AnyConnection);

impl Tx {
    pub(crate) fn connection(&mut self) -> &mut AnyConnection {
        &mut self.0
    }

    async fn control(&mut self, statement: &'static str) -> Result<()> {
        sqlx::raw_sql(statement).execute(&mut self.0).await?;
        Ok(())
    }
}

pub(crate) struct Writer {
    location: Location,
    /// `None` after it failed; the next group connects anew.
    tx: Option<Tx>,
    commits: Arc<AtomicU64>,
}

impl Writer {
    pub(crate) fn new(location: Location, connection: AnyConnection, commits: Arc<AtomicU64>) -> Self {
        Self { location, tx: Some(Tx(connection)), commits }
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
            && let Err(error) = tx.control(finish).await
        {
            tracing::warn!(%error, "the write-ahead log was not folded into the database");
        }
        self.disconnect().await;
    }

    /// Jobs left in `group` on an error did not run, and those in `answers` did in vain.
    async fn commit_group(&mut self, group: &mut Vec<Job>, answers: &mut Vec<Answer>) -> Result<()> {
        const UNDO: &str = "ROLLBACK TO SAVEPOINT job; RELEASE SAVEPOINT job";
        let tx = self.begin().await?;
        for job in group.drain(..) {
            tx.control("SAVEPOINT job").await?;
            match job(tx).await {
                Some(answer) => match tx.control("RELEASE SAVEPOINT job").await {
                    Ok(()) => answers.push(answer),
                    // The job went on after a failed statement, and PostgreSQL does not forgive that.
                    Err(error) => {
                        answer(Err(error));
                        tx.control(UNDO).await?;
                    }
                },
                None => tx.control(UNDO).await?,
            }
        }
        if answers.is_empty() {
            return tx.control("ROLLBACK").await;
        }
        tx.control("COMMIT").await?;
        self.commits.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Begins a transaction, on a new connection where the old one turns out to be dead: no job has run yet, so trying
    /// twice is safe.
    async fn begin(&mut self) -> Result<&mut Tx> {
        let begin = self.location.begin();
        let alive = match &mut self.tx {
            Some(tx) => tx.control(begin).await.is_ok(),
            None => false,
        };
        if !alive {
            self.disconnect().await;
            let mut tx = Tx(self.location.connect_writer().await?);
            tx.control(begin).await?;
            self.tx = Some(tx);
        }
        self.tx.as_mut().ok_or(crate::StoreError::NotRun)
    }

    async fn disconnect(&mut self) {
        if let Some(tx) = self.tx.take() {
            // Waits until the old connection holds no lock; that it was broken is known.
            let _ = tx.0.close_hard().await;
        }
    }
}
