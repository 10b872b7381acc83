//! Texts that wait to be imported, one a session, as ciphertexts.

use domain::{AccountId, EnvironmentName, Timestamp};

use crate::columns::Columns;
use crate::{Result, Tx};

/// A text that was pasted, and where its secrets are to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DraftRow {
    /// The account it is of.
    pub account: AccountId,
    /// The session that made it; it ends with that.
    pub session_id: String,
    /// Its id: part of what the ciphertext is bound to.
    pub id: String,
    /// Where its secrets are to go.
    pub environment: EnvironmentName,
    /// How the text is written.
    pub format: String,
    /// The text.
    pub ciphertext: Vec<u8>,
    /// From when it is refused. The service asks.
    pub expires_at: Timestamp,
}

reads! {
    /// The draft of a session, an expired one too.
    pub async fn draft(conn, account: &AccountId, session_id: &str) -> Result<Option<DraftRow>> {
        let query = sqlx::query("SELECT * FROM import_drafts WHERE account = $1 AND session_id = $2")
            .bind(account.as_str())
            .bind(session_id);
        let Some(row) = query.fetch_optional(conn).await? else { return Ok(None) };
        Ok(Some(DraftRow {
            account: AccountId::new(row.col::<String>("account")?),
            session_id: row.col("session_id")?,
            id: row.col("id")?,
            environment: row.parse("environment", EnvironmentName::parse)?,
            format: row.col("format")?,
            ciphertext: row.col("ciphertext")?,
            expires_at: row.time("expires_at")?,
        }))
    }
}

impl Tx {
    /// Keeps a draft in place of the session's earlier one.
    ///
    /// # Errors
    /// [`StoreError::Missing`](crate::StoreError::Missing) if there is no such session.
    pub async fn put_draft(&mut self, row: &DraftRow) -> Result<()> {
        sqlx::query(
            "INSERT INTO import_drafts (account, session_id, id, environment, format, ciphertext, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (account, session_id) DO UPDATE SET id = excluded.id, \
             environment = excluded.environment, format = excluded.format, ciphertext = excluded.ciphertext, \
             expires_at = excluded.expires_at",
        )
        .bind(row.account.as_str())
        .bind(&row.session_id)
        .bind(&row.id)
        .bind(row.environment.as_str())
        .bind(&row.format)
        .bind(&row.ciphertext)
        .bind(row.expires_at.as_millis())
        .execute(self.connection().await?)
        .await?;
        Ok(())
    }

    /// Deletes all drafts of an account.
    ///
    /// # Errors
    /// The database's.
    pub async fn delete_drafts(&mut self, account: &AccountId) -> Result<()> {
        let delete = sqlx::query("DELETE FROM import_drafts WHERE account = $1").bind(account.as_str());
        delete.execute(self.connection().await?).await?;
        Ok(())
    }

    /// Deletes a draft, if it is still the session's. `false` if it is not.
    ///
    /// # Errors
    /// The database's.
    pub async fn delete_draft(&mut self, account: &AccountId, session_id: &str, id: &str) -> Result<bool> {
        let delete = sqlx::query("DELETE FROM import_drafts WHERE account = $1 AND session_id = $2 AND id = $3")
            .bind(account.as_str())
            .bind(session_id)
            .bind(id);
        Ok(delete.execute(self.connection().await?).await?.rows_affected() == 1)
    }

    /// Deletes the expired drafts of all accounts. Returns how many.
    ///
    /// # Errors
    /// The database's.
    pub async fn prune_drafts(&mut self, now: Timestamp) -> Result<u64> {
        let delete = sqlx::query("DELETE FROM import_drafts WHERE expires_at <= $1").bind(now.as_millis());
        Ok(delete.execute(self.connection().await?).await?.rows_affected())
    }
}
