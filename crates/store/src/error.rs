//! What can go wrong, without a value or a password in any text.

use std::path::PathBuf;

use sqlx::migrate::MigrateError;
use thiserror::Error;

/// Why a read or a write did not happen.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StoreError {
    /// The database refused or could not be reached. After a failed commit whose answer was lost, the write may have happened.
    #[error("database: {0}")]
    Database(String),
    /// A row with this key, name or hash exists already, or is no longer as the caller read it.
    #[error("a row with this key exists already")]
    Conflict,
    /// A row that the new one refers to does not exist.
    #[error("a row that the new one refers to does not exist")]
    Missing,
    /// What is stored cannot be read: it was written by something else, or damaged.
    #[error("the stored {what} cannot be read")]
    Corrupt {
        /// The column or structure.
        what: &'static str,
    },
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// The writer lost its database connection before this write ran. Nothing of it happened.
    #[error("the database connection was lost before the write")]
    NotRun,
    /// The write's own code panicked. Nothing of it happened.
    #[error("the write panicked")]
    Panicked,
    /// The schema could not be brought up to date.
    #[error("migration: {0}")]
    Migration(String),
    /// A newer program has changed the schema; this one would not understand it.
    #[error("the database has schema {found}, but this program knows only up to {known}: run the newer program")]
    NewerSchema {
        /// In the database.
        found: i64,
        /// The newest known here.
        known: i64,
    },
    /// The database file could not be made.
    #[error("{}: {reason}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// The operating system's words.
        reason: String,
    },
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(e) if e.is_unique_violation() => Self::Conflict,
            sqlx::Error::Database(e) if e.is_foreign_key_violation() => Self::Missing,
            // Not the error's Debug: PostgreSQL's details quote the row.
            sqlx::Error::Database(e) => match e.code() {
                Some(code) => Self::Database(format!("{} ({code})", e.message())),
                None => Self::Database(e.message().to_owned()),
            },
            // The driver's texts quote what they could not decode.
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => Self::Corrupt { what: "row" },
            sqlx::Error::PoolClosed => Self::Closed,
            other => Self::Database(other.to_string()),
        }
    }
}

impl StoreError {
    pub(crate) fn from_migration(error: MigrateError, known: i64) -> Self {
        match error {
            MigrateError::VersionMissing(found) if found > known => Self::NewerSchema { found, known },
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
                Self::Migration(Self::from(error).to_string())
            }
            other => Self::Migration(other.to_string()),
        }
    }
}
