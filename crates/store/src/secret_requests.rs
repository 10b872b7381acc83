//! Open slots for values that people shall enter. There is no value here, and no place for one.

use domain::{AccountId, EnvironmentName, SecretName, SecretRequestStatus, Timestamp};
use sqlx::any::AnyRow;

use crate::columns::Columns;
use crate::{Result, Tx};

/// Who asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequesterRow {
    /// The actor's kind, as the audit log writes it.
    pub kind: String,
    /// The id of the token or session.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// A secret request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretRequestRow {
    /// Its id, part of its link. Ids made later sort later.
    pub id: String,
    /// The account it is of.
    pub account: AccountId,
    /// Where the value is wanted.
    pub environment: EnvironmentName,
    /// The secret's name.
    pub name: SecretName,
    /// What whoever asks says it is for.
    pub reason: String,
    /// Where whoever asks says it is to be got.
    pub obtain_url: Option<String>,
    /// As it is stored: one that has expired is still `pending`.
    pub status: SecretRequestStatus,
    /// Who asked.
    pub requester: RequesterRow,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when nobody can answer it.
    pub expires_at: Timestamp,
    /// When it was answered or taken back.
    pub resolved_at: Option<Timestamp>,
    /// By whom.
    pub resolved_by: Option<String>,
    /// When whoever asked was told how it ended.
    pub told_at: Option<Timestamp>,
}

impl RequesterRow {
    /// As every table of what somebody asked for has it.
    pub(crate) fn read(row: &AnyRow) -> Result<Self> {
        Ok(Self { kind: row.col("requester_kind")?, id: row.col("requester_id")?, name: row.col("requester_name")? })
    }
}

fn request_row(row: &AnyRow) -> Result<SecretRequestRow> {
    Ok(SecretRequestRow {
        id: row.col("id")?,
        account: AccountId::new(row.col::<String>("account")?),
        environment: row.parse("environment", EnvironmentName::parse)?,
        name: row.parse("name", SecretName::parse)?,
        reason: row.col("reason")?,
        obtain_url: row.col("obtain_url")?,
        status: row.parse("status", SecretRequestStatus::parse)?,
        requester: RequesterRow::read(row)?,
        created_at: row.time("created_at")?,
        expires_at: row.time("expires_at")?,
        resolved_at: row.maybe_time("resolved_at")?,
        resolved_by: row.col("resolved_by")?,
        told_at: row.maybe_time("told_at")?,
    })
}

reads! {
    /// One request.
    pub async fn secret_request(conn, account: &AccountId, id: &str) -> Result<Option<SecretRequestRow>> {
        let query = sqlx::query("SELECT * FROM secret_requests WHERE account = $1 AND id = $2")
            .bind(account.as_str())
            .bind(id);
        query.fetch_optional(conn).await?.as_ref().map(request_row).transpose()
    }

    /// Requests, newest first, those before `before`; only those that can still be answered at `open_at`, if it is given.
    pub async fn secret_requests(
        conn, account: &AccountId, environment: Option<&EnvironmentName>, open_at: Option<Timestamp>, before: Option<&str>, limit: u32,
    ) -> Result<Vec<SecretRequestRow>> {
        let query = sqlx::query(
            "SELECT * FROM secret_requests WHERE account = $1 AND ($2 = '' OR environment = $2) \
             AND ($3 = 0 OR (status = 'pending' AND expires_at > $3)) AND ($4 = '' OR id < $4) ORDER BY id DESC LIMIT $5",
        )
        .bind(account.as_str())
        .bind(environment.map_or("", EnvironmentName::as_str))
        .bind(open_at.map_or(0, Timestamp::as_millis))
        .bind(before.unwrap_or(""))
        .bind(i64::from(limit));
        query.fetch_all(conn).await?.iter().map(request_row).collect()
    }

    /// The newest request of this requester for this secret.
    pub async fn newest_secret_request(
        conn, account: &AccountId, requester: &RequesterRow, environment: &EnvironmentName, name: &SecretName,
    ) -> Result<Option<SecretRequestRow>> {
        let query = sqlx::query(
            "SELECT * FROM secret_requests WHERE account = $1 AND environment = $2 AND name = $3 \
             AND requester_kind = $4 AND requester_id = $5 ORDER BY id DESC LIMIT 1",
        )
        .bind(account.as_str())
        .bind(environment.as_str())
        .bind(name.as_str())
        .bind(&requester.kind)
        .bind(&requester.id);
        query.fetch_optional(conn).await?.as_ref().map(request_row).transpose()
    }

    /// How many requests of `account` can still be answered.
    pub async fn count_open_secret_requests(conn, account: &AccountId, now: Timestamp) -> Result<u64> {
        let query = sqlx::query(
            "SELECT count(*) AS n FROM secret_requests WHERE account = $1 AND status = 'pending' AND expires_at > $2",
        )
        .bind(account.as_str())
        .bind(now.as_millis());
        query.fetch_one(conn).await?.number("n")
    }
}

impl Tx {
    /// Adds a request.
    ///
    /// # Errors
    /// [`StoreError::Missing`](crate::StoreError::Missing) if the environment is not there.
    pub async fn insert_secret_request(&mut self, row: &SecretRequestRow) -> Result<()> {
        sqlx::query(
            "INSERT INTO secret_requests (account, id, environment, name, reason, obtain_url, status, requester_kind, \
             requester_id, requester_name, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        )
        .bind(row.account.as_str())
        .bind(&row.id)
        .bind(row.environment.as_str())
        .bind(row.name.as_str())
        .bind(&row.reason)
        .bind(row.obtain_url.as_deref())
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

    /// Ends a request that can still be answered. `false` if it cannot.
    ///
    /// # Errors
    /// The database's.
    pub async fn resolve_secret_request(
        &mut self,
        account: &AccountId,
        id: &str,
        status: SecretRequestStatus,
        at: Timestamp,
        by: &str,
    ) -> Result<bool> {
        let done = sqlx::query(
            "UPDATE secret_requests SET status = $3, resolved_at = $4, resolved_by = $5 \
             WHERE account = $1 AND id = $2 AND status = 'pending' AND expires_at > $4",
        )
        .bind(account.as_str())
        .bind(id)
        .bind(status.as_str())
        .bind(at.as_millis())
        .bind(by)
        .execute(self.connection().await?)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Fulfils all requests for a secret that can still be answered. Returns their ids.
    ///
    /// # Errors
    /// The database's.
    pub async fn fulfil_secret_requests(
        &mut self,
        account: &AccountId,
        environment: &EnvironmentName,
        name: &SecretName,
        at: Timestamp,
        by: &str,
    ) -> Result<Vec<String>> {
        let query = sqlx::query(
            "UPDATE secret_requests SET status = 'fulfilled', resolved_at = $4, resolved_by = $5 \
             WHERE account = $1 AND environment = $2 AND name = $3 AND status = 'pending' AND expires_at > $4 RETURNING id",
        )
        .bind(account.as_str())
        .bind(environment.as_str())
        .bind(name.as_str())
        .bind(at.as_millis())
        .bind(by);
        let mut ids: Vec<String> =
            query.fetch_all(self.connection().await?).await?.iter().map(|row| row.col("id")).collect::<Result<_>>()?;
        ids.sort();
        Ok(ids)
    }

    /// Notes that whoever asked knows how it ended.
    ///
    /// # Errors
    /// The database's.
    pub async fn tell_secret_request(&mut self, account: &AccountId, id: &str, at: Timestamp) -> Result<()> {
        sqlx::query("UPDATE secret_requests SET told_at = $3 WHERE account = $1 AND id = $2")
            .bind(account.as_str())
            .bind(id)
            .bind(at.as_millis())
            .execute(self.connection().await?)
            .await?;
        Ok(())
    }

    /// Deletes the requests of all accounts that expired before `oldest`. Returns how many.
    ///
    /// # Errors
    /// The database's.
    pub async fn prune_secret_requests(&mut self, oldest: Timestamp) -> Result<u64> {
        let delete = sqlx::query("DELETE FROM secret_requests WHERE expires_at < $1").bind(oldest.as_millis());
        Ok(delete.execute(self.connection().await?).await?.rows_affected())
    }
}
