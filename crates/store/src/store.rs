//! The handle that services hold.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyPool};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::writer::{Answer, Job, Writer};
use crate::{Location, Result, StoreError, Tx, migrate};

/// Writes that wait before callers of [`Store::write`] are made to wait themselves.
const QUEUE: usize = 1024;

/// An open database. Clones share it.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    shared: bool,
    readers: AnyPool,
    commits: Arc<AtomicU64>,
    /// `None` once closed; the writer ends when the last clone of the sender is gone.
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    writer: tokio::sync::Mutex<Option<JoinHandle<()>>>,
}

impl Store {
    /// Opens the database at `location`, makes it where there is none, and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::NewerSchema`] if a newer program has used it; else what the file system or database says.
    pub async fn open(location: &Location) -> Result<Self> {
        sqlx::any::install_default_drivers();
        location.prepare().await?;
        let mut connection = location.connect_writer().await?;
        migrate::run(location, &mut connection).await?;
        let readers = location.connect_readers().await?;
        let (sender, receiver) = mpsc::channel(QUEUE);
        let commits = Arc::new(AtomicU64::new(0));
        let writer = Writer::new(location.clone(), connection, Arc::clone(&commits));
        Ok(Self(Arc::new(Inner {
            shared: matches!(location, Location::Postgres(_)),
            readers,
            commits,
            jobs: Mutex::new(Some(sender)),
            writer: tokio::sync::Mutex::new(Some(tokio::spawn(writer.run(receiver)))),
        })))
    }

    /// Finishes the writes that were accepted and refuses later ones. Closing again does nothing.
    pub async fn close(&self) {
        self.0.jobs.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.0.readers.close().await;
        if let Some(writer) = self.0.writer.lock().await.take() {
            // The writer catches what jobs throw, so there is no other panic to pass on.
            let _ = writer.await;
        }
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn ping(&self) -> Result<()> {
        sqlx::query("SELECT 1").execute(&mut *self.reader().await?).await?;
        Ok(())
    }

    /// Whether other servers may use the database too.
    pub fn is_shared(&self) -> bool {
        self.0.shared
    }

    /// How many transactions were committed. Fewer than the writes: those that come together are committed together.
    pub fn commits(&self) -> u64 {
        self.0.commits.load(Ordering::Relaxed)
    }

    /// Runs `job` as one atomic write and returns once it is on disk.
    ///
    /// If `job` returns an error nothing of it happens; after a statement failed, it must (PostgreSQL would fail all that
    /// follows). Jobs run one after another, so one sees all that earlier ones wrote and must not wait for anything but
    /// the database. A caller that stops waiting does not stop its job.
    ///
    /// # Errors
    /// The job's own, or the store's as the job's error type.
    pub async fn write<T, E, F>(&self, job: F) -> Result<T, E>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let job: Job = Box::new(move |tx| Box::pin(answered(tx, job, sender)));
        let jobs = self.0.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let sent = match jobs {
            Some(jobs) => jobs.send(job).await.is_ok(),
            None => false,
        };
        if !sent {
            return Err(StoreError::Closed.into());
        }
        receiver.await.unwrap_or_else(|_| Err(StoreError::NotRun.into()))
    }

    pub(crate) async fn reader(&self) -> Result<PoolConnection<Any>> {
        Ok(self.0.readers.acquire().await?)
    }
}

/// Runs `job`. A failure is told at once; a success only with the commit's outcome, by the returned answer.
/// Nobody may be listening any more, which changes nothing.
async fn answered<T, E, F>(tx: &mut Tx, job: F, sender: oneshot::Sender<Result<T, E>>) -> Option<Answer>
where
    F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    match AssertUnwindSafe(async { job(tx).await }).catch_unwind().await {
        Ok(Ok(value)) => Some(Box::new(move |committed| {
            let _ = sender.send(committed.map(|()| value).map_err(E::from));
        })),
        Ok(Err(error)) => {
            let _ = sender.send(Err(error));
            None
        }
        Err(_) => {
            let _ = sender.send(Err(StoreError::Panicked.into()));
            None
        }
    }
}
