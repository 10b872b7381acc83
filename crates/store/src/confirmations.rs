//! What assistants want to do that cannot be undone, and what people said to it.

use domain::{AccountId, ConfirmationStatus, EnvironmentName, Timestamp};
use sqlx::any::AnyRow;

use crate::columns::{Columns, int};
use crate::{RequesterRow, Result, Tx};

/// A confirmation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfirmationRow {
    /// Its id, part of its link. Ids made later sort later.
    pub id: String,
    /// The account it is of.
    pub account: AccountId,
    /// What is to be done, as the audit log names it.
    pub action: String,
    /// Where.
    pub environment: EnvironmentName,
    /// To what.
    pub resource: String,
    /// The resource's version when it was asked.
    pub version: u64,
    /// As it is stored: one that has expired is still `pending` or `approved`.
    pub status: ConfirmationStatus,
    /// Who wants to do it.
    pub requester: RequesterRow,
    /// When it was asked.
    pub created_at: Timestamp,
    /// From when it can neither be answered nor used.
    pub expires_at: Timestamp,
    /// When it was answered, or used.
    pub resolved_at: Option<Timestamp>,
    /// By whom.
    pub resolved_by: Option<String>,
}

fn confirmation_row(row: &AnyRow) -> Result<ConfirmationRow> {
    Ok(ConfirmationRow {
        id: row.col("id")?,
        account: AccountId::new(row.col::<String>("account")?),
        action: row.col("action")?,
        environment: row.parse("environment", EnvironmentName::parse)?,
        resource: row.col("resource")?,
        version: row.number("version")?,
        status: row.parse("status", ConfirmationStatus::parse)?,
        requester: RequesterRow::read(row)?,
        created_at: row.time("created_at")?,
        expires_at: row.time("expires_at")?,
        resolved_at: row.maybe_time("resolved_at")?,
        resolved_by: row.col("resolved_by")?,
    })
}

reads! {
    /// One confirmation.
    pub async fn confirmation(conn, account: &AccountId, id: &str) -> Result<Option<ConfirmationRow>> {
        let query = sqlx::query("SELECT * FROM confirmations WHERE account = $1 AND id = $2")
            .bind(account.as_str())
            .bind(id);
        query.fetch_optional(conn).await?.as_ref().map(confirmation_row).transpose()
    }

    /// The newest confirmation like `row`: of the same requester, for the same action on the same version of the same thing.
    pub async fn newest_confirmation(conn, row: &ConfirmationRow) -> Result<Option<ConfirmationRow>> {
        let query = sqlx::query(
            "SELECT * FROM confirmations WHERE account = $1 AND action = $2 AND environment = $3 AND resource = $4 \
             AND version = $5 AND requester_kind = $6 AND requester_id = $7 ORDER BY id DESC LIMIT 1",
        )
        .bind(row.account.as_str())
        .bind(&row.action)
        .bind(row.environment.as_str())
        .bind(&row.resource)
        .bind(int(row.version))
        .bind(&row.requester.kind)
        .bind(&row.requester.id);
        query.fetch_optional(conn).await?.as_ref().map(confirmation_row).transpose()
    }

    /// Confirmations that can still be answered at `now`, newest first, at most `limit`; of one environment or of all.
    pub async fn open_confirmations(
        conn, account: &AccountId, environment: Option<&EnvironmentName>, now: Timestamp, limit: u32,
    ) -> Result<Vec<ConfirmationRow>> {
        let query = sqlx::query(
            "SELECT * FROM confirmations WHERE account = $1 AND ($2 = '' OR environment = $2) AND status = 'pending' \
             AND expires_at > $3 ORDER BY id DESC LIMIT $4",
        )
        .bind(account.as_str())
        .bind(environment.map_or("", EnvironmentName::as_str))
        .bind(now.as_millis())
        .bind(i64::from(limit));
        query.fetch_all(conn).await?.iter().map(confirmation_row).collect()
    }
}

impl Tx {
    /// Adds a confirmation.
    ///
    /// # Errors
    /// [`StoreError::Missing`](crate::StoreError::Missing) if there is no such account.
    pub async fn insert_confirmation(&mut self, row: &ConfirmationRow) -> Result<()> {
        sqlx::query(
            "INSERT INTO confirmations (account, id, action, environment, resource, version, status, requester_kind, \
             requester_id, requester_name, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        )
        .bind(row.account.as_str())
        .bind(&row.id)
        .bind(&row.action)
        .bind(row.environment.as_str())
        .bind(&row.resource)
        .bind(int(row.version))
        .bind(row.status.as_str())
        .bind(&row.requester.kind)
        .bind(&row.requester.id)
        .bind(&row.requester.name)
        .bind(row.created_at.as_millis())
        .bind(row.expires_at.as_millis())
        .execute(self.connection().await?)
        .await?;
        Ok(())
    }

    /// Takes a confirmation from one status to another, before its time is over. `false` if it does not stand so any more.
    ///
    /// # Errors
    /// The database's.
    pub async fn move_confirmation(
        &mut self,
        account: &AccountId,
        id: &str,
        (from, to): (ConfirmationStatus, ConfirmationStatus),
        at: Timestamp,
        by: &str,
    ) -> Result<bool> {
        let done = sqlx::query(
            "UPDATE confirmations SET status = $4, resolved_at = $5, resolved_by = $6 \
             WHERE account = $1 AND id = $2 AND status = $3 AND expires_at > $5",
        )
        .bind(account.as_str())
        .bind(id)
        .bind(from.as_str())
        .bind(to.as_str())
        .bind(at.as_millis())
        .bind(by)
        .execute(self.connection().await?)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Deletes the confirmations of all accounts that expired before `oldest`. Returns how many.
    ///
    /// # Errors
    /// The database's.
    pub async fn prune_confirmations(&mut self, oldest: Timestamp) -> Result<u64> {
        let delete = sqlx::query("DELETE FROM confirmations WHERE expires_at < $1").bind(oldest.as_millis());
        Ok(delete.execute(self.connection().await?).await?.rows_affected())
    }
}
