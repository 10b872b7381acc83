//! Values before the current ones that functions still get: for how long, and which version.

use domain::{AccountId, EnvironmentName, Overlap, SecretId, SecretName, Timestamp};
use sqlx::any::AnyRow;

use crate::columns::{Columns, int, millis};
use crate::secrets::SecretRow;
use crate::versions::{StoredValue, stored_value};
use crate::{Result, StoreError, Tx};

/// The version before the current one, while functions still get it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Previous {
    /// Its number.
    pub version: u64,
    /// From when they do not.
    pub until: Timestamp,
}

pub(crate) fn overlap(row: &AnyRow) -> Result<Option<Overlap>> {
    let Some(seconds) = row.col::<Option<i64>>("overlap_seconds")? else { return Ok(None) };
    let overlap = u32::try_from(seconds).ok().and_then(Overlap::of_seconds);
    overlap.map(Some).ok_or(StoreError::Corrupt { what: "seconds" })
}

pub(crate) fn previous(row: &AnyRow) -> Result<Option<Previous>> {
    let Some(until) = row.maybe_time("previous_until")? else { return Ok(None) };
    Ok(Some(Previous { version: row.number("previous_version")?, until }))
}

reads! {
    /// Whether functions of an environment may get, under whichever name, the value before of the secret of this name: its own, or of the one
    /// whose value it uses.
    pub async fn overlaps(
        conn, account: &AccountId, environment: &EnvironmentName, name: &SecretName,
    ) -> Result<bool> {
        let query = sqlx::query(
            "SELECT count(*) AS n FROM secrets s JOIN secret_overlaps w ON w.account = s.account \
             AND (w.secret_id = s.id OR w.secret_id = s.source) \
             WHERE s.account = $1 AND s.environment = $2 AND s.name = $3",
        );
        let query = query.bind(account.as_str()).bind(environment.as_str()).bind(name.as_str());
        Ok(query.fetch_one(conn).await?.number("n")? > 0)
    }

    /// The environments, by name, in which functions may get the value before of `secret`, which is there or whose value is used
    /// there, and in which a secret of the name `taken` is.
    pub async fn overlaps_beside(
        conn, account: &AccountId, secret: &SecretId, taken: &SecretName,
    ) -> Result<Vec<EnvironmentName>> {
        let query = sqlx::query(
            "SELECT DISTINCT s.environment FROM secrets s JOIN secret_overlaps w ON w.account = s.account \
             AND (w.secret_id = s.id OR w.secret_id = s.source) \
             JOIN secrets t ON t.account = s.account AND t.environment = s.environment AND t.name = $3 \
             WHERE s.account = $1 AND (s.id = $2 OR s.source = $2) ORDER BY s.environment",
        );
        let query = query.bind(account.as_str()).bind(secret.as_str()).bind(taken.as_str());
        query.fetch_all(conn).await?.iter().map(|row| row.parse("environment", EnvironmentName::parse)).collect()
    }

    /// When the next of the values before ends that functions of an environment get at `now`. `None` if they get none.
    pub async fn overlap_end(
        conn, account: &AccountId, environment: &EnvironmentName, now: Timestamp,
    ) -> Result<Option<Timestamp>> {
        let query = sqlx::query(
            // CROSS JOIN: SQLite would begin with all secrets of the environment. There are few overlaps, and mostly none.
            "SELECT min(w.previous_until) AS ends FROM secret_overlaps w CROSS JOIN secrets s \
             WHERE w.account = $1 AND w.previous_until > $3 AND s.account = w.account \
             AND (s.id = w.secret_id OR s.source = w.secret_id) AND s.environment = $2",
        );
        let query = query.bind(account.as_str()).bind(environment.as_str()).bind(now.as_millis());
        query.fetch_one(conn).await?.maybe_time("ends")
    }

    /// The values before the current ones that functions of an environment get at `now`, by their secrets' names. One that was
    /// brokered is not among them.
    pub async fn previous_values(
        conn, account: &AccountId, environment: &EnvironmentName, now: Timestamp,
    ) -> Result<Vec<StoredValue>> {
        let query = sqlx::query(
            "SELECT o.id, o.environment, o.name, v.version, v.delivery, v.hosts, v.ciphertext, v.publishable, s.id AS user_id, \
             s.source_tag \
             FROM secret_overlaps w JOIN secrets o ON o.account = w.account AND o.id = w.secret_id \
             JOIN secrets s ON s.account = o.account AND COALESCE(s.source, s.id) = o.id \
             JOIN secret_versions v ON v.account = o.account AND v.secret_id = o.id AND v.version = w.previous_version \
             WHERE w.account = $1 AND s.environment = $2 AND w.previous_until > $3 AND o.delivery = 'env' \
             AND v.delivery = 'env' AND v.ciphertext IS NOT NULL ORDER BY o.name",
        );
        let query = query.bind(account.as_str()).bind(environment.as_str()).bind(now.as_millis());
        query.fetch_all(conn).await?.iter().map(stored_value).collect()
    }
}

impl Tx {
    /// Keeps the row's overlap and the version before.
    ///
    /// # Errors
    /// The database's.
    pub async fn put_overlap(&mut self, row: &SecretRow) -> Result<()> {
        let Some(overlap) = row.overlap else {
            sqlx::query("DELETE FROM secret_overlaps WHERE account = $1 AND secret_id = $2")
                .bind(row.account.as_str())
                .bind(row.id.as_str())
                .execute(self.connection().await?)
                .await?;
            return Ok(());
        };
        sqlx::query(
            "INSERT INTO secret_overlaps (account, secret_id, seconds, previous_version, previous_until) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (account, secret_id) DO UPDATE SET seconds = excluded.seconds, \
             previous_version = excluded.previous_version, previous_until = excluded.previous_until",
        )
        .bind(row.account.as_str())
        .bind(row.id.as_str())
        .bind(i64::from(overlap.seconds()))
        .bind(row.previous.as_ref().map(|previous| int(previous.version)))
        .bind(millis(row.previous.as_ref().map(|previous| previous.until)))
        .execute(self.connection().await?)
        .await?;
        Ok(())
    }

    /// Ends that functions get the value before, at once. `false` if they do not.
    ///
    /// # Errors
    /// The database's.
    pub async fn end_overlap(&mut self, account: &AccountId, secret: &SecretId) -> Result<bool> {
        let done = sqlx::query(
            "UPDATE secret_overlaps SET previous_version = NULL, previous_until = NULL \
             WHERE account = $1 AND secret_id = $2 AND previous_until IS NOT NULL",
        )
        .bind(account.as_str())
        .bind(secret.as_str())
        .execute(self.connection().await?)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Forgets the values before whose time was over at `now`, of all accounts. Returns where functions got them.
    ///
    /// # Errors
    /// The database's.
    pub async fn end_overlaps(&mut self, now: Timestamp) -> Result<Vec<(AccountId, EnvironmentName)>> {
        let query = sqlx::query(
            "SELECT DISTINCT s.account, s.environment FROM secret_overlaps w JOIN secrets s ON s.account = w.account \
             AND (s.id = w.secret_id OR s.source = w.secret_id) WHERE w.previous_until <= $1",
        );
        let rows = query.bind(now.as_millis()).fetch_all(self.reading().await?).await?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        sqlx::query(
            "UPDATE secret_overlaps SET previous_version = NULL, previous_until = NULL WHERE previous_until <= $1",
        )
        .bind(now.as_millis())
        .execute(self.connection().await?)
        .await?;
        let place = |row: &AnyRow| {
            let account = AccountId::new(row.col::<String>("account")?);
            Ok((account, row.parse("environment", EnvironmentName::parse)?))
        };
        rows.iter().map(place).collect()
    }
}
