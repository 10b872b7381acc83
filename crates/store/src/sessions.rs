//! Browsers' sessions, and the codes of the one-time links that open them. Both are kept as hashes.

use domain::{AccountId, EnvironmentName, ScopeSet, Timestamp};
use sqlx::any::AnyRow;

use crate::columns::{Columns, environments_text};
use crate::{Result, Tx};

/// A browser's session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// Its id.
    pub id: String,
    /// The account it is of.
    pub account: AccountId,
    /// Of its cookie, unique in the server.
    pub hash: String,
    /// The token whose login link opened it; revoking that ends it. `None`: the server made the link.
    pub token_id: Option<String>,
    /// A name for people.
    pub name: String,
    /// What it may do.
    pub scopes: ScopeSet,
    /// `None` is all, an empty list none.
    pub environments: Option<Vec<EnvironmentName>>,
    /// When it was opened.
    pub created_at: Timestamp,
    /// From when it is refused. The service asks.
    pub expires_at: Timestamp,
}

/// A one-time login link's code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginCodeRow {
    /// Of the code, unique in the server.
    pub hash: String,
    /// The account it opens a session of.
    pub account: AccountId,
    /// The token that made it; revoking that ends it.
    pub token_id: Option<String>,
    /// The session's name.
    pub name: String,
    /// The session's scopes.
    pub scopes: ScopeSet,
    /// The session's environments.
    pub environments: Option<Vec<EnvironmentName>>,
    /// From when the link is refused.
    pub expires_at: Timestamp,
}

fn session_row(row: &AnyRow) -> Result<SessionRow> {
    Ok(SessionRow {
        id: row.col("id")?,
        account: AccountId::new(row.col::<String>("account")?),
        hash: row.col("hash")?,
        token_id: row.col("token_id")?,
        name: row.col("name")?,
        scopes: row.scopes()?,
        environments: row.environments()?,
        created_at: row.time("created_at")?,
        expires_at: row.time("expires_at")?,
    })
}

reads! {
    /// The session with this hash, of whichever account, an expired one too.
    pub async fn session_by_hash(conn, hash: &str) -> Result<Option<SessionRow>> {
        let query = sqlx::query("SELECT * FROM sessions WHERE hash = $1").bind(hash);
        query.fetch_optional(conn).await?.as_ref().map(session_row).transpose()
    }
}

impl Tx {
    /// Opens a session.
    ///
    /// # Errors
    /// [`StoreError::Conflict`](crate::StoreError::Conflict) if its id or hash exists.
    pub async fn insert_session(&mut self, row: &SessionRow) -> Result<()> {
        sqlx::query(
            "INSERT INTO sessions (account, id, hash, token_id, name, scopes, environments, created_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(row.account.as_str())
        .bind(&row.id)
        .bind(&row.hash)
        .bind(row.token_id.as_deref())
        .bind(&row.name)
        .bind(row.scopes.to_text())
        .bind(environments_text(row.environments.as_deref()))
        .bind(row.created_at.as_millis())
        .bind(row.expires_at.as_millis())
        .execute(self.connection().await?)
        .await?;
        Ok(())
    }

    /// Ends a session. `false` if there is none.
    ///
    /// # Errors
    /// The database's.
    pub async fn delete_session(&mut self, account: &AccountId, id: &str) -> Result<bool> {
        let delete = sqlx::query("DELETE FROM sessions WHERE account = $1 AND id = $2").bind(account.as_str()).bind(id);
        Ok(delete.execute(self.connection().await?).await?.rows_affected() == 1)
    }

    /// Adds a login code.
    ///
    /// # Errors
    /// [`StoreError::Conflict`](crate::StoreError::Conflict) if its hash exists.
    pub async fn insert_login_code(&mut self, row: &LoginCodeRow) -> Result<()> {
        sqlx::query(
            "INSERT INTO login_codes (hash, account, token_id, name, scopes, environments, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(&row.hash)
        .bind(row.account.as_str())
        .bind(row.token_id.as_deref())
        .bind(&row.name)
        .bind(row.scopes.to_text())
        .bind(environments_text(row.environments.as_deref()))
        .bind(row.expires_at.as_millis())
        .execute(self.connection().await?)
        .await?;
        Ok(())
    }

    /// Takes a login code away: it works once, and never when it has expired.
    ///
    /// # Errors
    /// The database's.
    pub async fn take_login_code(&mut self, hash: &str, now: Timestamp) -> Result<Option<LoginCodeRow>> {
        let query = sqlx::query("DELETE FROM login_codes WHERE hash = $1 RETURNING *").bind(hash);
        let rows = query.fetch_all(self.connection().await?).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let code = LoginCodeRow {
            hash: row.col("hash")?,
            account: AccountId::new(row.col::<String>("account")?),
            token_id: row.col("token_id")?,
            name: row.col("name")?,
            scopes: row.scopes()?,
            environments: row.environments()?,
            expires_at: row.time("expires_at")?,
        };
        Ok((now < code.expires_at).then_some(code))
    }

    /// Deletes the expired sessions and login codes of all accounts. Returns how many.
    ///
    /// # Errors
    /// The database's.
    pub async fn prune_sessions(&mut self, now: Timestamp) -> Result<u64> {
        let mut deleted = 0;
        for delete in ["DELETE FROM sessions WHERE expires_at <= $1", "DELETE FROM login_codes WHERE expires_at <= $1"]
        {
            deleted +=
                sqlx::query(delete).bind(now.as_millis()).execute(self.connection().await?).await?.rows_affected();
        }
        Ok(deleted)
    }
}
