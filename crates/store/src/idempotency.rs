//! Answers to requests with an `Idempotency-Key`, so that a repeated request gets the first one's answer.

use domain::{AccountId, Timestamp};

use crate::columns::Columns;
use crate::{Result, StoreError, Tx};

/// A remembered answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyRow {
    /// The account of the request.
    pub account: AccountId,
    /// The caller's key.
    pub key: String,
    /// Of the request; another request under the same key is an error. Must be keyed where the request holds a value.
    pub fingerprint: Vec<u8>,
    /// The answer's HTTP status.
    pub status: u16,
    /// The answer's body.
    pub body: String,
    /// When it was answered.
    pub created_at: Timestamp,
}

reads! {
    /// The answer remembered under `key`.
    pub async fn idempotency(conn, account: &AccountId, key: &str) -> Result<Option<IdempotencyRow>> {
        let query = sqlx::query("SELECT * FROM idempotency WHERE account = $1 AND key = $2")
            .bind(account.as_str())
            .bind(key);
        let Some(row) = query.fetch_optional(conn).await? else { return Ok(None) };
        Ok(Some(IdempotencyRow {
            account: AccountId::new(row.col::<String>("account")?),
            key: row.col("key")?,
            fingerprint: row.col("fingerprint")?,
            status: row.number("status")?.try_into().map_err(|_| StoreError::Corrupt { what: "status" })?,
            body: row.col("body")?,
            created_at: row.time("created_at")?,
        }))
    }
}

impl Tx {
    /// Remembers an answer, in the write that did what it says.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if another request with the key was first.
    pub async fn insert_idempotency(&mut self, row: &IdempotencyRow) -> Result<()> {
        sqlx::query(
            "INSERT INTO idempotency (account, key, fingerprint, status, body, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(row.account.as_str())
        .bind(&row.key)
        .bind(&row.fingerprint)
        .bind(i64::from(row.status))
        .bind(&row.body)
        .bind(row.created_at.as_millis())
        .execute(self.connection().await?)
        .await?;
        Ok(())
    }

    /// Forgets the answers of all accounts from before `oldest`. Returns how many.
    ///
    /// # Errors
    /// The database's.
    pub async fn prune_idempotency(&mut self, oldest: Timestamp) -> Result<u64> {
        let delete = sqlx::query("DELETE FROM idempotency WHERE created_at < $1").bind(oldest.as_millis());
        Ok(delete.execute(self.connection().await?).await?.rows_affected())
    }
}
