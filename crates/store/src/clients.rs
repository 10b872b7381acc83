//! Programs that people let act for them: what was granted, and the codes and tokens of it, kept as hashes.

use domain::{AccountId, EnvironmentName, ScopeSet, Timestamp};
use sqlx::any::AnyRow;

use crate::columns::{Columns, environments_text};
use crate::{Result, Tx};

/// How old `last_used_at` must be before it is written again.
const TOUCH_MILLIS: i64 = 60_000;

/// What a person let a client do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientGrantRow {
    /// Its id.
    pub id: String,
    /// The account it is of.
    pub account: AccountId,
    /// The client, by the id it has in the protocol.
    pub client_id: String,
    /// What the client calls itself.
    pub name: String,
    /// What it may do.
    pub scopes: ScopeSet,
    /// `None` is all, an empty list none.
    pub environments: Option<Vec<EnvironmentName>>,
    /// When it was granted.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
    /// Since when it is refused.
    pub revoked_at: Option<Timestamp>,
    /// To the minute.
    pub last_used_at: Option<Timestamp>,
}

/// What a client trades for its first tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCodeRow {
    /// Of the code, unique in the server.
    pub hash: String,
    /// The account of the grant.
    pub account: AccountId,
    /// The grant.
    pub grant_id: String,
    /// Where it was sent to.
    pub redirect_uri: String,
    /// What the verifier's digest must be.
    pub challenge: String,
    /// From when it is refused.
    pub expires_at: Timestamp,
    /// When it was first used.
    pub used_at: Option<Timestamp>,
}

/// What a token of a client is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientTokenKind {
    /// Calling tools.
    Access,
    /// Getting new tokens, once.
    Refresh,
}

impl ClientTokenKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Refresh => "refresh",
        }
    }
}

/// A token of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientTokenRow {
    /// Of its text, unique in the server.
    pub hash: String,
    /// The account of the grant.
    pub account: AccountId,
    /// The grant.
    pub grant_id: String,
    /// What it is for.
    pub kind: ClientTokenKind,
    /// From when it is refused.
    pub expires_at: Timestamp,
    /// When a refresh token was used.
    pub used_at: Option<Timestamp>,
}

fn grant_row(row: &AnyRow) -> Result<ClientGrantRow> {
    Ok(ClientGrantRow {
        id: row.col("id")?,
        account: AccountId::new(row.col::<String>("account")?),
        client_id: row.col("client_id")?,
        name: row.col("name")?,
        scopes: row.scopes()?,
        environments: row.environments()?,
        created_at: row.time("created_at")?,
        created_by: row.col("created_by")?,
        revoked_at: row.maybe_time("revoked_at")?,
        last_used_at: row.maybe_time("last_used_at")?,
    })
}

reads! {
    /// A grant, a revoked one too.
    pub async fn client_grant(conn, account: &AccountId, id: &str) -> Result<Option<ClientGrantRow>> {
        let query =
            sqlx::query("SELECT * FROM client_grants WHERE account = $1 AND id = $2").bind(account.as_str()).bind(id);
        query.fetch_optional(conn).await?.as_ref().map(grant_row).transpose()
    }

    /// Grants that hold, newest first.
    pub async fn client_grants(conn, account: &AccountId, limit: u32) -> Result<Vec<ClientGrantRow>> {
        let query = sqlx::query(
            "SELECT * FROM client_grants WHERE account = $1 AND revoked_at IS NULL ORDER BY id DESC LIMIT $2",
        );
        let query = query.bind(account.as_str()).bind(i64::from(limit));
        query.fetch_all(conn).await?.iter().map(grant_row).collect()
    }

    /// The code with this hash, of whichever account, used and expired ones too.
    pub async fn client_code(conn, hash: &str) -> Result<Option<ClientCodeRow>> {
        let query = sqlx::query("SELECT * FROM client_codes WHERE hash = $1").bind(hash);
        let Some(row) = query.fetch_optional(conn).await? else { return Ok(None) };
        Ok(Some(ClientCodeRow {
            hash: row.col("hash")?,
            account: AccountId::new(row.col::<String>("account")?),
            grant_id: row.col("grant_id")?,
            redirect_uri: row.col("redirect_uri")?,
            challenge: row.col("challenge")?,
            expires_at: row.time("expires_at")?,
            used_at: row.maybe_time("used_at")?,
        }))
    }

    /// The token with this hash and kind, of whichever account, used and expired ones too.
    pub async fn client_token(conn, hash: &str, kind: ClientTokenKind) -> Result<Option<ClientTokenRow>> {
        let query = sqlx::query("SELECT * FROM client_tokens WHERE hash = $1 AND kind = $2").bind(hash).bind(kind.as_str());
        let Some(row) = query.fetch_optional(conn).await? else { return Ok(None) };
        Ok(Some(ClientTokenRow {
            hash: row.col("hash")?,
            account: AccountId::new(row.col::<String>("account")?),
            grant_id: row.col("grant_id")?,
            kind,
            expires_at: row.time("expires_at")?,
            used_at: row.maybe_time("used_at")?,
        }))
    }
}

impl Tx {
    /// Adds a grant.
    ///
    /// # Errors
    /// [`StoreError::Missing`](crate::StoreError::Missing) if there is no such account.
    pub async fn insert_client_grant(&mut self, row: &ClientGrantRow) -> Result<()> {
        sqlx::query(
            "INSERT INTO client_grants (account, id, client_id, name, scopes, environments, created_at, created_by) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(row.account.as_str())
        .bind(&row.id)
        .bind(&row.client_id)
        .bind(&row.name)
        .bind(row.scopes.to_text())
        .bind(environments_text(row.environments.as_deref()))
        .bind(row.created_at.as_millis())
        .bind(&row.created_by)
        .execute(self.connection().await?)
        .await?;
        Ok(())
    }

    /// Revokes a grant, and with it its codes and tokens. `false` if it is revoked already, or there is none.
    ///
    /// # Errors
    /// The database's.
    pub async fn revoke_client_grant(&mut self, account: &AccountId, id: &str, at: Timestamp) -> Result<bool> {
        for sql in [
            "DELETE FROM client_codes WHERE account = $1 AND grant_id = $2",
            "DELETE FROM client_tokens WHERE account = $1 AND grant_id = $2",
        ] {
            sqlx::query(sql).bind(account.as_str()).bind(id).execute(self.connection().await?).await?;
        }
        let revoke = sqlx::query(
            "UPDATE client_grants SET revoked_at = $3 WHERE account = $1 AND id = $2 AND revoked_at IS NULL",
        );
        let revoke = revoke.bind(account.as_str()).bind(id).bind(at.as_millis());
        Ok(revoke.execute(self.connection().await?).await?.rows_affected() == 1)
    }

    /// Notes when a grant was used, to the minute.
    ///
    /// # Errors
    /// The database's.
    pub async fn touch_client_grant(&mut self, account: &AccountId, id: &str, at: Timestamp) -> Result<()> {
        sqlx::query(
            "UPDATE client_grants SET last_used_at = $3 WHERE account = $1 AND id = $2 \
             AND (last_used_at IS NULL OR last_used_at < $4)",
        )
        .bind(account.as_str())
        .bind(id)
        .bind(at.as_millis())
        .bind(at.plus_millis(-TOUCH_MILLIS).as_millis())
        .execute(self.connection().await?)
        .await?;
        Ok(())
    }

    /// Adds a code.
    ///
    /// # Errors
    /// The database's.
    pub async fn insert_client_code(&mut self, row: &ClientCodeRow) -> Result<()> {
        sqlx::query(
            "INSERT INTO client_codes (hash, account, grant_id, redirect_uri, challenge, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(&row.hash)
        .bind(row.account.as_str())
        .bind(&row.grant_id)
        .bind(&row.redirect_uri)
        .bind(&row.challenge)
        .bind(row.expires_at.as_millis())
        .execute(self.connection().await?)
        .await?;
        Ok(())
    }

    /// Uses a code up. `false` if it was used.
    ///
    /// # Errors
    /// The database's.
    pub async fn use_client_code(&mut self, hash: &str, at: Timestamp) -> Result<bool> {
        let used = sqlx::query("UPDATE client_codes SET used_at = $2 WHERE hash = $1 AND used_at IS NULL");
        let used = used.bind(hash).bind(at.as_millis()).execute(self.connection().await?).await?;
        Ok(used.rows_affected() == 1)
    }

    /// Adds a token.
    ///
    /// # Errors
    /// The database's.
    pub async fn insert_client_token(&mut self, row: &ClientTokenRow) -> Result<()> {
        sqlx::query(
            "INSERT INTO client_tokens (hash, account, grant_id, kind, expires_at) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(&row.hash)
        .bind(row.account.as_str())
        .bind(&row.grant_id)
        .bind(row.kind.as_str())
        .bind(row.expires_at.as_millis())
        .execute(self.connection().await?)
        .await?;
        Ok(())
    }

    /// Uses a refresh token up. `false` if it was used.
    ///
    /// # Errors
    /// The database's.
    pub async fn use_client_token(&mut self, hash: &str, at: Timestamp) -> Result<bool> {
        let used = sqlx::query("UPDATE client_tokens SET used_at = $2 WHERE hash = $1 AND used_at IS NULL");
        let used = used.bind(hash).bind(at.as_millis()).execute(self.connection().await?).await?;
        Ok(used.rows_affected() == 1)
    }

    /// Deletes codes and tokens of all accounts that expired before `oldest`, and grants that nothing is left of.
    ///
    /// # Errors
    /// The database's.
    pub async fn prune_clients(&mut self, oldest: Timestamp) -> Result<()> {
        for sql in [
            "DELETE FROM client_codes WHERE expires_at < $1",
            "DELETE FROM client_tokens WHERE expires_at < $1",
            "DELETE FROM client_grants WHERE created_at < $1 AND NOT EXISTS (SELECT 1 FROM client_tokens t \
             WHERE t.account = client_grants.account AND t.grant_id = client_grants.id)",
        ] {
            sqlx::query(sql).bind(oldest.as_millis()).execute(self.connection().await?).await?;
        }
        Ok(())
    }
}
