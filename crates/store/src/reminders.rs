//! Values that are to be replaced soon or should have been, and who was told so.

use domain::{AccountId, EnvironmentName, SecretId, SecretName, Timestamp};
use sqlx::any::AnyRow;

use crate::columns::{Columns, due, int, usual};
use crate::{Result, Tx};

/// A value that is to be replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueRow {
    /// Its secret.
    pub secret: SecretId,
    /// Where that is.
    pub environment: EnvironmentName,
    /// Its name.
    pub name: SecretName,
    /// Which version it is.
    pub version: u64,
    /// By when.
    pub due_at: Timestamp,
}

fn due_row(row: &AnyRow) -> Result<DueRow> {
    Ok(DueRow {
        secret: SecretId::new(row.col::<String>("id")?),
        environment: row.parse("environment", EnvironmentName::parse)?,
        name: row.parse("name", SecretName::parse)?,
        version: row.number("version")?,
        due_at: row.time("due_at")?,
    })
}

/// Secrets `s` with their own current values `v`, of those that have a time by which they are to be replaced.
macro_rules! rotating {
    () => {
        concat!(
            " FROM (SELECT id FROM secrets WHERE account = $1 AND rotate_after_days IS NOT NULL UNION \
             SELECT secret_id FROM secret_versions WHERE account = $1 AND rotate_by IS NOT NULL \
             AND (findings <> '' OR mode <> '' OR rotate_by IS NOT NULL) UNION \
             SELECT id FROM secrets WHERE account = $1 AND ",
            usual!(),
            " IS NOT NULL) AS few JOIN secrets s ON s.account = $1 AND s.id = few.id \
             JOIN secret_versions v ON v.account = s.account AND v.secret_id = s.id AND v.version = s.version "
        )
    };
}

reads! {
    /// Values of whose time nobody was told yet: those that are due at `now` as overdue, those that are due before `soon` as due
    /// soon.
    pub async fn untold_due(
        conn, account: &AccountId, now: Timestamp, soon: Timestamp, limit: u32,
    ) -> Result<Vec<DueRow>> {
        let query = sqlx::query(concat!(
            "SELECT s.id, s.environment, s.name, s.version, ",
            due!("s"),
            " AS due_at",
            rotating!(),
            "LEFT JOIN secret_reminders r ON r.account = s.account AND r.secret_id = s.id AND r.version = s.version WHERE (",
            due!("s"),
            " <= $2 AND r.overdue_at IS NULL) OR (",
            due!("s"),
            " > $2 AND ",
            due!("s"),
            " < $3 AND r.due_soon_at IS NULL) ORDER BY due_at, s.environment, s.name LIMIT $4"
        ));
        let query = query.bind(account.as_str()).bind(now.as_millis()).bind(soon.as_millis()).bind(i64::from(limit));
        query.fetch_all(conn).await?.iter().map(due_row).collect()
    }

    /// How many values of one environment or of all are overdue at `now`, and how many are due before `soon`.
    pub async fn count_due(
        conn, account: &AccountId, environment: Option<&EnvironmentName>, now: Timestamp, soon: Timestamp,
    ) -> Result<(u64, u64)> {
        let query = sqlx::query(concat!(
            "SELECT count(CASE WHEN ",
            due!("s"),
            " <= $3 THEN 1 END) AS overdue, count(CASE WHEN ",
            due!("s"),
            " > $3 AND ",
            due!("s"),
            " < $4 THEN 1 END) AS soon",
            rotating!(),
            "WHERE ($2 = '' OR s.environment = $2)"
        ));
        let query = query.bind(account.as_str()).bind(environment.map_or("", EnvironmentName::as_str));
        let row = query.bind(now.as_millis()).bind(soon.as_millis()).fetch_one(conn).await?;
        Ok((row.number("overdue")?, row.number("soon")?))
    }
}

impl Tx {
    /// Notes that somebody was told. `false` if that was noted before.
    ///
    /// # Errors
    /// The database's.
    pub async fn note_reminder(
        &mut self,
        account: &AccountId,
        row: &DueRow,
        overdue: bool,
        at: Timestamp,
    ) -> Result<bool> {
        macro_rules! note {
            ($column:literal) => {
                concat!(
                    "INSERT INTO secret_reminders (account, secret_id, version, ",
                    $column,
                    ") VALUES ($1, $2, $3, $4) ON CONFLICT (account, secret_id, version) DO UPDATE SET ",
                    $column,
                    " = excluded.",
                    $column,
                    " WHERE secret_reminders.",
                    $column,
                    " IS NULL"
                )
            };
        }
        let done = sqlx::query(if overdue { note!("overdue_at") } else { note!("due_soon_at") })
            .bind(account.as_str())
            .bind(row.secret.as_str())
            .bind(int(row.version))
            .bind(at.as_millis())
            .execute(self.connection().await?)
            .await?;
        Ok(done.rows_affected() == 1)
    }
}
