//! Rotations: how far each one is, and who takes its steps.
//!
//! One goes on with a rotation who has claimed it: a claim holds until the time that stands in the row, and whatever is written of
//! the rotation is written for that claim only, so that a node that was slow changes nothing that another one has taken over.

use domain::rotation::{RotationStatus, RotationStep};
use domain::{AccountId, EnvironmentName, SecretId, SecretName, Timestamp};
use sqlx::any::AnyRow;

use crate::columns::{Columns, int, millis};
use crate::{Result, Tx};

/// A rotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RotationRow {
    /// The account it is of.
    pub account: AccountId,
    /// Its id, the same at each try of each step. Ids made later sort later.
    pub id: String,
    /// The secret whose value is replaced.
    pub secret: SecretId,
    /// Where that is. Read only.
    pub environment: EnvironmentName,
    /// Its name. Read only.
    pub name: SecretName,
    /// The version that is replaced.
    pub of_version: u64,
    /// The step that it is at.
    pub step: RotationStep,
    /// How it stands.
    pub status: RotationStatus,
    /// How often the step was tried.
    pub tries: u32,
    /// When somebody is to go on with it, unless who has claimed it does till then.
    pub next_at: Option<Timestamp>,
    /// Who has claimed it.
    pub claim: Option<String>,
    /// Why the last try failed.
    pub problem: Option<String>,
    /// The new value, encrypted, until it is a version.
    pub pending: Option<Vec<u8>>,
    /// The version that the new value is.
    pub new_version: Option<u64>,
    /// When it was started.
    pub started_at: Timestamp,
    /// By whom.
    pub started_by: String,
    /// Since when it is at its step.
    pub step_at: Timestamp,
    /// When it was done or cancelled.
    pub ended_at: Option<Timestamp>,
}

fn rotation_row(row: &AnyRow) -> Result<RotationRow> {
    Ok(RotationRow {
        account: AccountId::new(row.col::<String>("account")?),
        id: row.col("id")?,
        secret: SecretId::new(row.col::<String>("secret_id")?),
        environment: row.parse("environment", EnvironmentName::parse)?,
        name: row.parse("name", SecretName::parse)?,
        of_version: row.number("of_version")?,
        step: row.parse("step", RotationStep::parse)?,
        status: row.parse("status", RotationStatus::parse)?,
        tries: u32::try_from(row.number("tries")?).unwrap_or(u32::MAX),
        next_at: row.maybe_time("next_at")?,
        claim: row.col("claim")?,
        problem: row.col("problem")?,
        pending: row.col("pending")?,
        new_version: row.col::<Option<i64>>("new_version")?.map(i64::unsigned_abs),
        started_at: row.time("started_at")?,
        started_by: row.col("started_by")?,
        step_at: row.time("step_at")?,
        ended_at: row.maybe_time("ended_at")?,
    })
}

/// Rotations with what they are about; a condition follows.
macro_rules! select_rotations {
    ($rest:literal) => {
        concat!(
            "SELECT r.*, s.environment, s.name FROM rotations r \
             JOIN secrets s ON s.account = r.account AND s.id = r.secret_id ",
            $rest
        )
    };
}

reads! {
    /// One rotation.
    pub async fn rotation(conn, account: &AccountId, id: &str) -> Result<Option<RotationRow>> {
        let query = sqlx::query(select_rotations!("WHERE r.account = $1 AND r.id = $2")).bind(account.as_str()).bind(id);
        query.fetch_optional(conn).await?.as_ref().map(rotation_row).transpose()
    }

    /// The rotation of a secret that is neither done nor cancelled.
    pub async fn open_rotation(conn, account: &AccountId, secret: &SecretId) -> Result<Option<RotationRow>> {
        let query = sqlx::query(select_rotations!("WHERE r.account = $1 AND r.secret_id = $2 AND r.ended_at IS NULL"));
        let query = query.bind(account.as_str()).bind(secret.as_str());
        query.fetch_optional(conn).await?.as_ref().map(rotation_row).transpose()
    }

    /// Rotations of a secret, newest first, those before `before`.
    pub async fn rotations(
        conn, account: &AccountId, secret: &SecretId, before: Option<&str>, limit: u32,
    ) -> Result<Vec<RotationRow>> {
        let query = sqlx::query(select_rotations!(
            "WHERE r.account = $1 AND r.secret_id = $2 AND ($3 = '' OR r.id < $3) ORDER BY r.id DESC LIMIT $4"
        ));
        let query = query.bind(account.as_str()).bind(secret.as_str());
        let query = query.bind(before.unwrap_or_default()).bind(i64::from(limit));
        query.fetch_all(conn).await?.iter().map(rotation_row).collect()
    }

    /// Rotations of all accounts that somebody is to go on with at `now`, those that wait longest first.
    pub async fn due_rotations(conn, now: Timestamp, limit: u32) -> Result<Vec<RotationRow>> {
        let query = sqlx::query(select_rotations!("WHERE r.next_at <= $1 ORDER BY r.next_at LIMIT $2"));
        let query = query.bind(now.as_millis()).bind(i64::from(limit));
        query.fetch_all(conn).await?.iter().map(rotation_row).collect()
    }

    /// When there is next something to do about rotations, of all accounts.
    pub async fn next_rotation_at(conn) -> Result<Option<Timestamp>> {
        let query = sqlx::query(
            "SELECT min(next_at) AS next_at FROM (SELECT min(next_at) AS next_at FROM rotations WHERE next_at IS NOT NULL \
             UNION ALL SELECT min(next_at) FROM rotators WHERE next_at IS NOT NULL) AS both_kinds",
        );
        query.fetch_one(conn).await?.maybe_time("next_at")
    }

    /// Rotations that wait for somebody, in one environment or in all.
    pub async fn failed_rotations(
        conn, account: &AccountId, environment: Option<&EnvironmentName>,
    ) -> Result<Vec<RotationRow>> {
        let query = sqlx::query(select_rotations!(
            "WHERE r.account = $1 AND r.ended_at IS NULL AND r.status = 'failed' AND ($2 = '' OR s.environment = $2) \
             ORDER BY s.environment, s.name"
        ));
        let query = query.bind(account.as_str()).bind(environment.map_or("", EnvironmentName::as_str));
        query.fetch_all(conn).await?.iter().map(rotation_row).collect()
    }

    /// Rotations of an account that hold a value which is no version yet.
    pub async fn pending_rotations(conn, account: &AccountId) -> Result<Vec<RotationRow>> {
        let query = sqlx::query(select_rotations!("WHERE r.account = $1 AND r.pending IS NOT NULL"));
        query.bind(account.as_str()).fetch_all(conn).await?.iter().map(rotation_row).collect()
    }
}

impl Tx {
    /// Adds a rotation.
    ///
    /// # Errors
    /// [`StoreError::Conflict`](crate::StoreError::Conflict) if the secret has one that is neither done nor cancelled,
    /// [`StoreError::Missing`](crate::StoreError::Missing) if there is no such secret.
    pub async fn insert_rotation(&mut self, row: &RotationRow) -> Result<()> {
        sqlx::query(
            "INSERT INTO rotations (account, id, secret_id, of_version, step, status, tries, next_at, claim, problem, \
             pending, new_version, started_at, started_by, step_at, ended_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
        )
        .bind(row.account.as_str())
        .bind(&row.id)
        .bind(row.secret.as_str())
        .bind(int(row.of_version))
        .bind(row.step.as_str())
        .bind(row.status.as_str())
        .bind(i64::from(row.tries))
        .bind(millis(row.next_at))
        .bind(row.claim.as_deref())
        .bind(row.problem.as_deref())
        .bind(row.pending.as_deref())
        .bind(row.new_version.map(int))
        .bind(row.started_at.as_millis())
        .bind(&row.started_by)
        .bind(row.step_at.as_millis())
        .bind(millis(row.ended_at))
        .execute(self.connection().await?)
        .await?;
        Ok(())
    }

    /// Claims a rotation until `until`, if nobody did since it was read.
    ///
    /// # Errors
    /// The database's.
    pub async fn claim_rotation(&mut self, row: &RotationRow, claim: &str, until: Timestamp) -> Result<bool> {
        let done = sqlx::query(
            "UPDATE rotations SET claim = $3, next_at = $4 WHERE account = $1 AND id = $2 AND status = 'running' \
             AND next_at = $5 AND COALESCE(claim, '') = $6",
        )
        .bind(row.account.as_str())
        .bind(&row.id)
        .bind(claim)
        .bind(until.as_millis())
        .bind(millis(row.next_at))
        .bind(row.claim.as_deref().unwrap_or_default())
        .execute(self.connection().await?)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Holds a claim for longer. `false` if it is lost.
    ///
    /// # Errors
    /// The database's.
    pub async fn hold_rotation(
        &mut self,
        account: &AccountId,
        id: &str,
        claim: &str,
        until: Timestamp,
    ) -> Result<bool> {
        let done = sqlx::query("UPDATE rotations SET next_at = $4 WHERE account = $1 AND id = $2 AND claim = $3")
            .bind(account.as_str())
            .bind(id)
            .bind(claim)
            .bind(until.as_millis())
            .execute(self.connection().await?)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Writes how far a rotation is, if it still stands as it was read: claimed by `claim`, or by nobody, and as `was` says. The value
    /// that it holds stays, since it may have been encrypted anew meanwhile; it goes once it is a version, or the rotation is over.
    ///
    /// # Errors
    /// The database's.
    pub async fn move_rotation(&mut self, row: &RotationRow, claim: Option<&str>, was: RotationStatus) -> Result<bool> {
        let done = sqlx::query(
            "UPDATE rotations SET step = $5, status = $6, tries = $7, next_at = $8, claim = $9, problem = $10, \
             pending = CASE WHEN $11 = 1 THEN pending END, new_version = $12, step_at = $13, ended_at = $14 \
             WHERE account = $1 AND id = $2 AND COALESCE(claim, '') = $3 AND status = $4",
        )
        .bind(row.account.as_str())
        .bind(&row.id)
        .bind(claim.unwrap_or_default())
        .bind(was.as_str())
        .bind(row.step.as_str())
        .bind(row.status.as_str())
        .bind(i64::from(row.tries))
        .bind(millis(row.next_at))
        .bind(row.claim.as_deref())
        .bind(row.problem.as_deref())
        .bind(i64::from(row.ended_at.is_none() && row.new_version.is_none()))
        .bind(row.new_version.map(int))
        .bind(row.step_at.as_millis())
        .bind(millis(row.ended_at))
        .execute(self.connection().await?)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Keeps the value that a rotation has made, encrypted, if it is still claimed by `claim`.
    ///
    /// # Errors
    /// The database's.
    pub async fn keep_pending(&mut self, account: &AccountId, id: &str, claim: &str, pending: &[u8]) -> Result<bool> {
        let done = sqlx::query("UPDATE rotations SET pending = $4 WHERE account = $1 AND id = $2 AND claim = $3")
            .bind(account.as_str())
            .bind(id)
            .bind(claim)
            .bind(pending)
            .execute(self.connection().await?)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Puts another ciphertext of the value that a rotation holds in the place of the one that it has.
    ///
    /// # Errors
    /// The database's.
    pub async fn renew_pending(&mut self, account: &AccountId, id: &str, pending: &[u8]) -> Result<()> {
        sqlx::query("UPDATE rotations SET pending = $3 WHERE account = $1 AND id = $2 AND pending IS NOT NULL")
            .bind(account.as_str())
            .bind(id)
            .bind(pending)
            .execute(self.connection().await?)
            .await?;
        Ok(())
    }

    /// Takes all claims back, of all accounts. For a database that no other server has: who claimed is no more.
    ///
    /// # Errors
    /// The database's.
    pub async fn release_rotations(&mut self, now: Timestamp) -> Result<u64> {
        if !self.is_sqlite() {
            return Ok(0);
        }
        let done = sqlx::query("UPDATE rotations SET claim = NULL, next_at = $1 WHERE claim IS NOT NULL")
            .bind(now.as_millis())
            .execute(self.connection().await?)
            .await?;
        Ok(done.rows_affected())
    }

    /// Deletes rotations of all accounts that ended before `before`.
    ///
    /// # Errors
    /// The database's.
    pub async fn prune_rotations(&mut self, before: Timestamp) -> Result<()> {
        sqlx::query("DELETE FROM rotations WHERE ended_at < $1")
            .bind(before.as_millis())
            .execute(self.connection().await?)
            .await?;
        Ok(())
    }
}
