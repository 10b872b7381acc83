//! Values that several environments use: which, and making one so.

use domain::{AccountId, EnvironmentName, SecretId, SecretName, Timestamp};
use sqlx::any::AnyRow;

use crate::columns::Columns;
use crate::{Result, StoreError, Tx};

/// A secret that uses the value of another environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareRow {
    /// Whose value it is.
    pub source: SecretId,
    /// Who uses it.
    pub user: SecretId,
    /// Where that is.
    pub environment: EnvironmentName,
    /// The name of both.
    pub name: SecretName,
}

/// A secret's environment and name.
pub(crate) fn place(row: &AnyRow) -> Result<(EnvironmentName, SecretName)> {
    Ok((row.parse("environment", EnvironmentName::parse)?, row.parse("name", SecretName::parse)?))
}

reads! {
    /// The environments that use the value of `secret`, beside its own.
    pub async fn sharers(conn, account: &AccountId, secret: &SecretId) -> Result<Vec<EnvironmentName>> {
        let query = sqlx::query("SELECT environment FROM secrets WHERE account = $1 AND source = $2 ORDER BY environment")
            .bind(account.as_str())
            .bind(secret.as_str());
        query.fetch_all(conn).await?.iter().map(|row| row.parse("environment", EnvironmentName::parse)).collect()
    }

    /// Who uses a value of `environment`, beside itself: the other environment and the name.
    pub async fn sharers_of(
        conn, account: &AccountId, environment: &EnvironmentName,
    ) -> Result<Vec<(EnvironmentName, SecretName)>> {
        let query = sqlx::query(
            "SELECT u.environment, u.name FROM secrets o JOIN secrets u ON u.account = o.account AND u.source = o.id \
             WHERE o.account = $1 AND o.environment = $2 ORDER BY u.environment, u.name",
        );
        let query = query.bind(account.as_str()).bind(environment.as_str());
        query.fetch_all(conn).await?.iter().map(place).collect()
    }

    /// Every share of the account, by environment and name.
    pub async fn shares(conn, account: &AccountId) -> Result<Vec<ShareRow>> {
        let query = sqlx::query(
            "SELECT source, id, environment, name FROM secrets WHERE account = $1 AND source IS NOT NULL \
             ORDER BY environment, name",
        );
        let rows = query.bind(account.as_str()).fetch_all(conn).await?;
        let share = |row: &AnyRow| {
            let (environment, name) = place(row)?;
            let id = |column| Ok::<_, StoreError>(SecretId::new(row.col::<String>(column)?));
            Ok(ShareRow { source: id("source")?, user: id("id")?, environment, name })
        };
        rows.iter().map(share).collect()
    }
}

impl Tx {
    /// Gives a share another tag.
    ///
    /// # Errors
    /// The database's.
    pub async fn retag_share(&mut self, account: &AccountId, user: &SecretId, tag: &[u8]) -> Result<()> {
        let update =
            sqlx::query("UPDATE secrets SET source_tag = $3 WHERE account = $1 AND id = $2 AND source IS NOT NULL");
        update.bind(account.as_str()).bind(user.as_str()).bind(tag).execute(self.connection().await?).await?;
        Ok(())
    }

    /// Makes a secret use the value of `source`, and none of its own, which stay. `tag` comes out with the value.
    ///
    /// # Errors
    /// The database's.
    pub async fn share_secret(
        &mut self,
        account: &AccountId,
        secret: &SecretId,
        source: &SecretId,
        tag: &[u8],
        at: Timestamp,
        by: &str,
    ) -> Result<bool> {
        let done = sqlx::query(
            "UPDATE secrets SET source = $3, source_tag = $4, version = 0, updated_at = $5, updated_by = $6, \
             revision = revision + 1 WHERE account = $1 AND id = $2",
        )
        .bind(account.as_str())
        .bind(secret.as_str())
        .bind(source.as_str())
        .bind(tag)
        .bind(at.as_millis())
        .bind(by)
        .execute(self.connection().await?)
        .await?;
        Ok(done.rows_affected() == 1)
    }
}
