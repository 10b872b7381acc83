//! What replaces secrets' values.

use domain::rotation::RotatorKind;
use domain::{AccountId, EnvironmentName, FunctionName, SecretId, SecretName, Timestamp};
use sqlx::any::AnyRow;

use crate::columns::{Columns, millis};
use crate::{Result, StoreError, Tx};

/// A secret's rotator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RotatorRow {
    /// The account it is of.
    pub account: AccountId,
    /// The secret whose value it replaces.
    pub secret: SecretId,
    /// Where that is. Read only.
    pub environment: EnvironmentName,
    /// Its name. Read only.
    pub name: SecretName,
    /// What it is.
    pub kind: RotatorKind,
    /// The id and the name of the function, if it is one. The name is read only.
    pub function: Option<(String, FunctionName)>,
    /// The rest, as the service writes it.
    pub settings: String,
    /// How often it begins by itself.
    pub every_days: Option<u32>,
    /// When it next does.
    pub next_at: Option<Timestamp>,
    /// Since when its last rotation waits for somebody.
    pub failed_at: Option<Timestamp>,
    /// When it was set.
    pub set_at: Timestamp,
    /// By whom.
    pub set_by: String,
}

fn rotator_row(row: &AnyRow) -> Result<RotatorRow> {
    let function = match (row.col::<Option<String>>("function_id")?, row.maybe("function", FunctionName::parse)?) {
        (Some(id), Some(name)) => Some((id, name)),
        _ => None,
    };
    Ok(RotatorRow {
        account: AccountId::new(row.col::<String>("account")?),
        secret: SecretId::new(row.col::<String>("secret_id")?),
        environment: row.parse("environment", EnvironmentName::parse)?,
        name: row.parse("name", SecretName::parse)?,
        kind: row.parse("kind", RotatorKind::parse)?,
        function,
        settings: row.col("settings")?,
        every_days: row
            .col::<Option<i64>>("every_days")?
            .map(|days| u32::try_from(days).map_err(|_| StoreError::Corrupt { what: "every_days" }))
            .transpose()?,
        next_at: row.maybe_time("next_at")?,
        failed_at: row.maybe_time("failed_at")?,
        set_at: row.time("set_at")?,
        set_by: row.col("set_by")?,
    })
}

/// Rotators with what they are about; a condition follows.
macro_rules! select_rotators {
    ($rest:literal) => {
        concat!(
            "SELECT t.account, t.secret_id, t.kind, t.function_id, t.settings, t.every_days, t.next_at, t.failed_at, \
             t.set_at, t.set_by, s.environment, s.name, f.name AS function FROM rotators t \
             JOIN secrets s ON s.account = t.account AND s.id = t.secret_id \
             LEFT JOIN functions f ON f.account = t.account AND f.id = t.function_id ",
            $rest
        )
    };
}

reads! {
    /// A secret's rotator.
    pub async fn rotator(conn, account: &AccountId, secret: &SecretId) -> Result<Option<RotatorRow>> {
        let query = sqlx::query(select_rotators!("WHERE t.account = $1 AND t.secret_id = $2"));
        let query = query.bind(account.as_str()).bind(secret.as_str());
        query.fetch_optional(conn).await?.as_ref().map(rotator_row).transpose()
    }

    /// The secrets of one environment, or of all, whose rotator the function is, by environment and name.
    pub async fn rotated_by(
        conn, account: &AccountId, function: &str, environment: Option<&EnvironmentName>,
    ) -> Result<Vec<RotatorRow>> {
        let query = sqlx::query(select_rotators!(
            "WHERE t.account = $1 AND t.function_id = $2 AND ($3 = '' OR s.environment = $3) ORDER BY s.environment, s.name"
        ));
        let query = query.bind(account.as_str()).bind(function);
        let query = query.bind(environment.map_or("", EnvironmentName::as_str));
        query.fetch_all(conn).await?.iter().map(rotator_row).collect()
    }

    /// Rotators that begin by themselves, and whose last rotation waits for nobody.
    pub async fn timed_rotators(
        conn, account: &AccountId, environment: Option<&EnvironmentName>,
    ) -> Result<Vec<RotatorRow>> {
        let query = sqlx::query(select_rotators!(
            "WHERE t.account = $1 AND ($2 = '' OR s.environment = $2) AND t.every_days IS NOT NULL AND t.failed_at IS NULL"
        ));
        let query = query.bind(account.as_str()).bind(environment.map_or("", EnvironmentName::as_str));
        query.fetch_all(conn).await?.iter().map(rotator_row).collect()
    }

    /// Rotators of all accounts whose time has come at `now`, those that wait longest first.
    pub async fn due_rotators(conn, now: Timestamp, limit: u32) -> Result<Vec<RotatorRow>> {
        let query = sqlx::query(select_rotators!("WHERE t.next_at <= $1 ORDER BY t.next_at LIMIT $2"));
        let query = query.bind(now.as_millis()).bind(i64::from(limit));
        query.fetch_all(conn).await?.iter().map(rotator_row).collect()
    }
}

impl Tx {
    /// Sets a secret's rotator, in the place of the one that it has.
    ///
    /// # Errors
    /// [`StoreError::Missing`] if there is no such secret or function.
    pub async fn put_rotator(&mut self, row: &RotatorRow) -> Result<()> {
        sqlx::query(
            "INSERT INTO rotators (account, secret_id, kind, function_id, settings, every_days, next_at, failed_at, \
             set_at, set_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
             ON CONFLICT (account, secret_id) DO UPDATE SET kind = excluded.kind, function_id = excluded.function_id, \
             settings = excluded.settings, every_days = excluded.every_days, next_at = excluded.next_at, \
             failed_at = excluded.failed_at, set_at = excluded.set_at, set_by = excluded.set_by",
        )
        .bind(row.account.as_str())
        .bind(row.secret.as_str())
        .bind(row.kind.as_str())
        .bind(row.function.as_ref().map(|(id, _)| id.as_str()))
        .bind(&row.settings)
        .bind(row.every_days.map(i64::from))
        .bind(millis(row.next_at))
        .bind(millis(row.failed_at))
        .bind(row.set_at.as_millis())
        .bind(&row.set_by)
        .execute(self.connection().await?)
        .await?;
        Ok(())
    }

    /// Sets when a rotator next begins by itself, and since when its last rotation waits for somebody.
    ///
    /// # Errors
    /// The database's.
    pub async fn time_rotator(
        &mut self,
        account: &AccountId,
        secret: &SecretId,
        next_at: Option<Timestamp>,
        failed_at: Option<Timestamp>,
    ) -> Result<()> {
        sqlx::query("UPDATE rotators SET next_at = $3, failed_at = $4 WHERE account = $1 AND secret_id = $2")
            .bind(account.as_str())
            .bind(secret.as_str())
            .bind(millis(next_at))
            .bind(millis(failed_at))
            .execute(self.connection().await?)
            .await?;
        Ok(())
    }

    /// Takes a secret's rotator away. `false` if it has none.
    ///
    /// # Errors
    /// The database's.
    pub async fn delete_rotator(&mut self, account: &AccountId, secret: &SecretId) -> Result<bool> {
        let delete = sqlx::query("DELETE FROM rotators WHERE account = $1 AND secret_id = $2")
            .bind(account.as_str())
            .bind(secret.as_str());
        Ok(delete.execute(self.connection().await?).await?.rows_affected() == 1)
    }
}
