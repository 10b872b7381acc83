//! The schema's versions, embedded in the program.

use sqlx::AnyConnection;
use sqlx::migrate::Migrator;

use crate::{Location, Result, StoreError};

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// Brings the schema up to date. Several nodes may call it at once on one PostgreSQL.
pub(crate) async fn run(location: &Location, connection: &mut AnyConnection) -> Result<()> {
    let migrator = match location {
        Location::Sqlite(_) => &SQLITE,
        Location::Postgres(_) => &POSTGRES,
    };
    let known = migrator.iter().map(|migration| migration.version).max().unwrap_or(0);
    migrator.run(connection).await.map_err(|error| StoreError::from_migration(error, known))
}
