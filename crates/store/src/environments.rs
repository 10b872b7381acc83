//! The environments of an account. Few, so lists are whole.

use domain::{AccountId, EnvironmentName, Timestamp};
use sqlx::any::AnyRow;

use crate::columns::Columns;
use crate::{Result, Tx};

/// An environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentRow {
    /// Its name, unique in its account.
    pub name: EnvironmentName,
    /// When it was made.
    pub created_at: Timestamp,
}

fn environment_row(row: &AnyRow) -> Result<EnvironmentRow> {
    Ok(EnvironmentRow { name: row.parse("name", EnvironmentName::parse)?, created_at: row.time("created_at")? })
}

reads! {
    /// All environments of `account`, by name.
    pub async fn environments(conn, account: &AccountId) -> Result<Vec<EnvironmentRow>> {
        let query = sqlx::query("SELECT name, created_at FROM environments WHERE account = $1 ORDER BY name")
            .bind(account.as_str());
        query.fetch_all(conn).await?.iter().map(environment_row).collect()
    }

    /// The environment of that name.
    pub async fn environment(conn, account: &AccountId, name: &EnvironmentName) -> Result<Option<EnvironmentRow>> {
        let query = sqlx::query("SELECT name, created_at FROM environments WHERE account = $1 AND name = $2")
            .bind(account.as_str())
            .bind(name.as_str());
        query.fetch_optional(conn).await?.as_ref().map(environment_row).transpose()
    }

    /// How many environments `account` has.
    pub async fn count_environments(conn, account: &AccountId) -> Result<u64> {
        let query = sqlx::query("SELECT count(*) AS n FROM environments WHERE account = $1").bind(account.as_str());
        query.fetch_one(conn).await?.number("n")
    }
}

/// Takes the environment `$2` from the comma-parted lists of a table's rows.
macro_rules! without {
    ($table:literal) => {
        concat!(
            "UPDATE ",
            $table,
            " SET environments = trim(replace(',' || environments || ',', ',' || $2 || ',', ','), ',') \
             WHERE account = $1 AND environments IS NOT NULL AND ',' || environments || ',' LIKE '%,' || $2 || ',%'"
        )
    };
}

impl Tx {
    /// Deletes an environment with its secrets, what is asked for, pasted, active and recorded there, and takes it from whatever is
    /// limited to environments, so that one made anew under its name is nobody's and has no past. Who used one of its values
    /// has none. `false` if there is none.
    ///
    /// # Errors
    /// The database's.
    pub async fn delete_environment(&mut self, account: &AccountId, name: &EnvironmentName) -> Result<bool> {
        for sql in [
            without!("tokens"),
            without!("client_grants"),
            without!("sessions"),
            without!("login_codes"),
            without!("issuers"),
            "UPDATE secrets SET source = NULL, source_tag = NULL, revision = revision + 1 WHERE account = $1 AND source IN \
             (SELECT id FROM secrets WHERE account = $1 AND environment = $2)",
            "DELETE FROM secret_requests WHERE account = $1 AND environment = $2",
            "DELETE FROM confirmations WHERE account = $1 AND environment = $2",
            "DELETE FROM import_drafts WHERE account = $1 AND environment = $2",
            "DELETE FROM logs WHERE account = $1 AND invocation IN \
             (SELECT id FROM invocations WHERE account = $1 AND environment = $2)",
            "DELETE FROM egress WHERE account = $1 AND invocation IN \
             (SELECT id FROM invocations WHERE account = $1 AND environment = $2)",
            "DELETE FROM invocations WHERE account = $1 AND environment = $2",
            "DELETE FROM invocation_hours WHERE account = $1 AND environment = $2",
            "DELETE FROM active WHERE account = $1 AND environment = $2",
            "DELETE FROM secrets WHERE account = $1 AND environment = $2",
        ] {
            sqlx::query(sql).bind(account.as_str()).bind(name.as_str()).execute(self.connection().await?).await?;
        }
        let delete = sqlx::query("DELETE FROM environments WHERE account = $1 AND name = $2");
        let delete = delete.bind(account.as_str()).bind(name.as_str()).execute(self.connection().await?).await?;
        Ok(delete.rows_affected() == 1)
    }

    /// Makes an environment.
    ///
    /// # Errors
    /// [`StoreError::Conflict`](crate::StoreError::Conflict) if it exists.
    pub async fn insert_environment(&mut self, account: &AccountId, row: &EnvironmentRow) -> Result<()> {
        sqlx::query("INSERT INTO environments (account, name, created_at) VALUES ($1, $2, $3)")
            .bind(account.as_str())
            .bind(row.name.as_str())
            .bind(row.created_at.as_millis())
            .execute(self.connection().await?)
            .await?;
        Ok(())
    }
}
