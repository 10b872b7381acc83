//! Long-lived bearer credentials, kept as hashes.

use domain::{AccountId, EnvironmentName, MemberName, ScopeSet, Timestamp, TokenName};
use sqlx::any::AnyRow;

use crate::columns::{Columns, environments_text, millis};
use crate::{Result, Tx};

/// How old `last_used_at` must be before it is written again.
const TOUCH_MILLIS: i64 = 60_000;

/// A token. Whether it is revoked or expired is for the service to judge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    /// Its id.
    pub id: String,
    /// The account it is of.
    pub account: AccountId,
    /// A name for people; several tokens may have it.
    pub name: TokenName,
    /// Of its text, unique in the server.
    pub hash: String,
    /// What it may do.
    pub scopes: ScopeSet,
    /// `None` is all, an empty list none.
    pub environments: Option<Vec<EnvironmentName>>,
    /// The member it was made for.
    pub member: Option<MemberName>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it, as the audit log names actors.
    pub created_by: String,
    /// From when it is refused.
    pub expires_at: Option<Timestamp>,
    /// Since when it is refused.
    pub revoked_at: Option<Timestamp>,
    /// To the minute.
    pub last_used_at: Option<Timestamp>,
}

fn token_row(row: &AnyRow) -> Result<TokenRow> {
    Ok(TokenRow {
        id: row.col("id")?,
        account: AccountId::new(row.col::<String>("account")?),
        name: row.parse("name", TokenName::parse)?,
        hash: row.col("hash")?,
        scopes: row.scopes()?,
        environments: row.environments()?,
        member: row.maybe("member", MemberName::parse)?,
        created_at: row.time("created_at")?,
        created_by: row.col("created_by")?,
        expires_at: row.maybe_time("expires_at")?,
        revoked_at: row.maybe_time("revoked_at")?,
        last_used_at: row.maybe_time("last_used_at")?,
    })
}

reads! {
    /// The token with this hash, of whichever account, revoked and expired ones too.
    pub async fn token_by_hash(conn, hash: &str) -> Result<Option<TokenRow>> {
        let query = sqlx::query("SELECT * FROM tokens WHERE hash = $1").bind(hash);
        query.fetch_optional(conn).await?.as_ref().map(token_row).transpose()
    }

    /// The token with this id.
    pub async fn token(conn, account: &AccountId, id: &str) -> Result<Option<TokenRow>> {
        let query = sqlx::query("SELECT * FROM tokens WHERE account = $1 AND id = $2").bind(account.as_str()).bind(id);
        query.fetch_optional(conn).await?.as_ref().map(token_row).transpose()
    }

    /// Tokens of a member that were not revoked.
    pub async fn tokens_of_member(conn, account: &AccountId, member: &MemberName) -> Result<Vec<TokenRow>> {
        let query = sqlx::query("SELECT * FROM tokens WHERE account = $1 AND member = $2 AND revoked_at IS NULL ORDER BY id")
            .bind(account.as_str())
            .bind(member.as_str());
        query.fetch_all(conn).await?.iter().map(token_row).collect()
    }

    /// Tokens by id, those after `after`, revoked and expired ones too.
    pub async fn tokens(conn, account: &AccountId, after: Option<&str>, limit: u32) -> Result<Vec<TokenRow>> {
        let query = sqlx::query("SELECT * FROM tokens WHERE account = $1 AND id > $2 ORDER BY id LIMIT $3")
            .bind(account.as_str())
            .bind(after.unwrap_or(""))
            .bind(i64::from(limit));
        query.fetch_all(conn).await?.iter().map(token_row).collect()
    }
}

impl Tx {
    /// Adds a token.
    ///
    /// # Errors
    /// [`StoreError::Conflict`](crate::StoreError::Conflict) if its id or hash exists.
    pub async fn insert_token(&mut self, row: &TokenRow) -> Result<()> {
        sqlx::query(
            "INSERT INTO tokens (account, id, name, hash, scopes, environments, created_at, created_by, expires_at, \
             revoked_at, last_used_at, member) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        )
        .bind(row.account.as_str())
        .bind(&row.id)
        .bind(row.name.as_str())
        .bind(&row.hash)
        .bind(row.scopes.to_text())
        .bind(environments_text(row.environments.as_deref()))
        .bind(row.created_at.as_millis())
        .bind(&row.created_by)
        .bind(millis(row.expires_at))
        .bind(millis(row.revoked_at))
        .bind(millis(row.last_used_at))
        .bind(row.member.as_ref().map(MemberName::as_str))
        .execute(self.connection().await?)
        .await?;
        Ok(())
    }

    /// Ends the sessions and login codes that came from a token.
    ///
    /// # Errors
    /// The database's.
    pub async fn end_sessions(&mut self, account: &AccountId, token_id: &str) -> Result<()> {
        for delete in [
            "DELETE FROM sessions WHERE account = $1 AND token_id = $2",
            "DELETE FROM login_codes WHERE account = $1 AND token_id = $2",
        ] {
            sqlx::query(delete).bind(account.as_str()).bind(token_id).execute(self.connection().await?).await?;
        }
        Ok(())
    }

    /// Revokes a token and ends the sessions and login codes that came from it. `false` if there is no such token or it
    /// was revoked before.
    ///
    /// # Errors
    /// The database's.
    pub async fn revoke_token(&mut self, account: &AccountId, id: &str, at: Timestamp) -> Result<bool> {
        self.end_sessions(account, id).await?;
        let query = "UPDATE tokens SET revoked_at = $3 WHERE account = $1 AND id = $2 AND revoked_at IS NULL";
        let done = sqlx::query(query).bind(account.as_str()).bind(id).bind(at.as_millis());
        Ok(done.execute(self.connection().await?).await?.rows_affected() == 1)
    }

    /// Notes that a token was used, if the last note is older than a minute. Ask the row first: a write that changes
    /// nothing still waits its turn.
    ///
    /// # Errors
    /// The database's.
    pub async fn touch_token(&mut self, account: &AccountId, id: &str, at: Timestamp) -> Result<bool> {
        let done = sqlx::query(
            "UPDATE tokens SET last_used_at = $3 WHERE account = $1 AND id = $2 \
             AND (last_used_at IS NULL OR last_used_at < $4)",
        )
        .bind(account.as_str())
        .bind(id)
        .bind(at.as_millis())
        .bind(at.plus_millis(-TOUCH_MILLIS).as_millis())
        .execute(self.connection().await?)
        .await?;
        Ok(done.rows_affected() == 1)
    }
}
