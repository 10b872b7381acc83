//! Where the database is, and how a connection to it must behave.

use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AnyConnection, AnyPool, ConnectOptions, Connection};

use crate::{Result, StoreError};

/// Connections that read; SQLite reads are short and in memory, PostgreSQL's wait for a network.
const SQLITE_READERS: u32 = 4;
const POSTGRES_READERS: u32 = 16;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Where the database is.
#[derive(Clone)]
pub enum Location {
    /// The embedded database, in this file. It is made with mode 0600 if it does not exist; its folder must.
    Sqlite(PathBuf),
    /// A PostgreSQL server, by its URL. The URL may hold a password, so `Debug` does not show it.
    Postgres(String),
}

impl std::fmt::Debug for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(path) => f.debug_tuple("Sqlite").field(path).finish(),
            Self::Postgres(_) => f.write_str("Postgres(…)"),
        }
    }
}

impl Location {
    /// Makes the database file where there is none, so that no reader ever sees it with a wider mode. SQLite gives its
    /// write-ahead log the same mode.
    pub(crate) async fn prepare(&self) -> Result<()> {
        let Self::Sqlite(path) = self else { return Ok(()) };
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        tokio::fs::OpenOptions::from(options).open(path).await.map(drop).map_err(|error| file_error(path, &error))
    }

    fn options(&self) -> Result<AnyConnectOptions> {
        let options = match self {
            Self::Sqlite(path) => {
                let real = path.canonicalize().map_err(|error| file_error(path, &error))?;
                // The driver writes the path into a URL and forgets to escape the escape sign.
                let escaped = real.to_string_lossy().replace('%', "%25");
                AnyConnectOptions::from_url(&SqliteConnectOptions::new().filename(escaped).to_url_lossy())?
            }
            Self::Postgres(url) => url.parse()?,
        };
        Ok(options.disable_statement_logging())
    }

    /// The one connection that writes.
    pub(crate) async fn connect_writer(&self) -> Result<AnyConnection> {
        let options = self.options()?;
        let connect = async {
            let mut connection = AnyConnection::connect_with(&options).await?;
            if let Self::Sqlite(_) = self {
                // FULL: what was acknowledged survives a power cut. secure_delete: destroyed ciphertexts are overwritten.
                // cache_size: 4 MiB. Not more: after most commits SQLite looks at every page it has (a page is moved by way of a number beyond
                // the end, 1 GiB, and then looked for up to there). The system keeps the rest of the file in memory.
                let pragmas = "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                               PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON; PRAGMA cache_size = -4096";
                sqlx::raw_sql(pragmas).execute(&mut connection).await?;
            }
            Ok(connection)
        };
        let late = |_| StoreError::Database("no connection in 10 seconds".to_owned());
        tokio::time::timeout(CONNECT_TIMEOUT, connect).await.map_err(late)?
    }

    /// Connections that cannot write.
    pub(crate) async fn connect_readers(&self) -> Result<AnyPool> {
        let (count, read_only) = match self {
            Self::Sqlite(_) => (SQLITE_READERS, "PRAGMA busy_timeout = 10000; PRAGMA query_only = ON"),
            Self::Postgres(_) => (POSTGRES_READERS, "SET default_transaction_read_only = on"),
        };
        let pool = AnyPoolOptions::new()
            .max_connections(count)
            .acquire_timeout(CONNECT_TIMEOUT)
            // A file does not go away; a server restarts.
            .test_before_acquire(matches!(self, Self::Postgres(_)))
            .after_connect(move |connection, _| {
                Box::pin(async move { sqlx::raw_sql(read_only).execute(connection).await.map(drop) })
            });
        Ok(pool.connect_with(self.options()?).await?)
    }

    /// Begins a write that no other node's can overlap.
    pub(crate) fn begin(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "BEGIN IMMEDIATE",
            // Read committed, so that what follows the lock sees what was committed while waiting for it. The number is
            // this program's own: the letters "tresor".
            Self::Postgres(_) => "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock(128034677157746)",
        }
    }

    /// What to run after the last write.
    pub(crate) fn finish(&self) -> Option<&'static str> {
        matches!(self, Self::Sqlite(_)).then_some("PRAGMA wal_checkpoint(TRUNCATE)")
    }
}

fn file_error(path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::File { path: path.to_owned(), reason: error.to_string() }
}
