//! Invocations, as they ended.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use domain::{AccountId, EnvironmentName, Timestamp, VersionSet};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::columns::{Columns, ROWS, int, numbered, placeholders, without_nul};
use crate::{Result, StoreError, Tx};

/// Most rows that one call deletes of a table.
pub(crate) const SLICE: i64 = 1_000;

/// The time of last use of a version set is kept to the hour: it is not worth a write for each batch.
const USED_STEP: i64 = 60 * 60 * 1000;
const SELECT: &str = "SELECT i.*, COALESCE((SELECT s.versions FROM version_sets s \
                      WHERE s.account = i.account AND s.id = i.versions), '{}') AS version_set FROM invocations i";

/// An invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvocationRow {
    /// Its id.
    pub id: String,
    /// The account it happened in.
    pub account: AccountId,
    /// The function.
    pub function_id: String,
    /// The environment.
    pub environment: EnvironmentName,
    /// The deployment's number.
    pub deployment: u64,
    /// When its request was complete enough to be handled.
    pub started_at: Timestamp,
    /// Until the last byte of the answer, in microseconds.
    pub duration_us: u64,
    /// The HTTP status that the caller got.
    pub status: u16,
    /// How it ended, in the service's word.
    pub outcome: String,
    /// Whether a worker had to be started for it.
    pub cold: bool,
    /// Which worker handled it.
    pub worker: String,
    /// The caller's kind.
    pub actor_kind: String,
    /// The caller's name.
    pub actor_name: String,
    /// The HTTP method.
    pub method: String,
    /// The path below the function's, without the query, which may hold secrets.
    pub path: String,
    /// Which version of which secret it had.
    pub versions: Arc<VersionSet>,
    /// What went wrong, redacted.
    pub error: Option<String>,
}

fn invocation_row(row: &AnyRow) -> Result<InvocationRow> {
    Ok(InvocationRow {
        id: row.col("id")?,
        account: AccountId::new(row.col::<String>("account")?),
        function_id: row.col("function_id")?,
        environment: row.parse("environment", EnvironmentName::parse)?,
        deployment: row.number("deployment")?,
        started_at: row.time("started_at")?,
        duration_us: row.number("duration_us")?,
        status: row.number("status")?.try_into().map_err(|_| StoreError::Corrupt { what: "status" })?,
        outcome: row.col("outcome")?,
        cold: row.col::<i64>("cold")? == 1,
        worker: row.col("worker")?,
        actor_kind: row.col("actor_kind")?,
        actor_name: row.col("actor_name")?,
        method: row.col("method")?,
        path: row.col("path")?,
        versions: Arc::new(VersionSet::stored(row.col("versions")?, row.col("version_set")?)),
        error: row.col("error")?,
    })
}

reads! {
    /// One invocation.
    pub async fn invocation(conn, account: &AccountId, id: &str) -> Result<Option<InvocationRow>> {
        let sql = format!("{SELECT} WHERE account = $1 AND id = $2");
        let query = sqlx::query(AssertSqlSafe(sql)).bind(account.as_str()).bind(id);
        query.fetch_optional(conn).await?.as_ref().map(invocation_row).transpose()
    }

    /// Invocations of a function, in one environment or in all, newest first, those before the one that started at
    /// `before.0` with id `before.1`.
    pub async fn invocations(
        conn,
        account: &AccountId,
        function_id: &str,
        environment: Option<&EnvironmentName>,
        before: Option<(Timestamp, &str)>,
        limit: u32,
    ) -> Result<Vec<InvocationRow>> {
        newest(conn, account, function_id, environment, before, limit, "").await
    }

    /// As `invocations`, of those that failed: by their outcome, or by a status of 500 and above.
    pub async fn failed_invocations(
        conn,
        account: &AccountId,
        function_id: &str,
        environment: Option<&EnvironmentName>,
        before: Option<(Timestamp, &str)>,
        limit: u32,
    ) -> Result<Vec<InvocationRow>> {
        newest(conn, account, function_id, environment, before, limit, "AND (outcome <> 'ok' OR status >= 500) ").await
    }
}

async fn newest(
    conn: &mut AnyConnection,
    account: &AccountId,
    function_id: &str,
    environment: Option<&EnvironmentName>,
    before: Option<(Timestamp, &str)>,
    limit: u32,
    which: &'static str,
) -> Result<Vec<InvocationRow>> {
    let (time, id) = before.map_or((i64::MAX, ""), |(time, id)| (time.as_millis(), id));
    let sql = format!(
        "{SELECT} WHERE account = $1 AND function_id = $2 AND (started_at, id) < ($3, $4) {which}\
         AND ($6 = '' OR environment = $6) ORDER BY started_at DESC, id DESC LIMIT $5",
    );
    let query = sqlx::query(AssertSqlSafe(sql));
    let query = query.bind(account.as_str()).bind(function_id).bind(time).bind(id).bind(i64::from(limit));
    let query = query.bind(environment.map_or("", EnvironmentName::as_str));
    query.fetch_all(conn).await?.iter().map(invocation_row).collect()
}

/// So many rows that have most columns in common are added by one statement, which takes those once.
const ALIKE: usize = 64;

/// What invocations of one function in one worker mostly have in common.
#[derive(PartialEq, Eq, Hash)]
struct Common<'r> {
    account: &'r AccountId,
    function_id: &'r str,
    environment: &'r EnvironmentName,
    deployment: u64,
    outcome: &'r str,
    cold: bool,
    worker: &'r str,
    actor_kind: &'r str,
    actor_name: &'r str,
    method: &'r str,
    versions: &'r VersionSet,
}

impl<'r> Common<'r> {
    fn of(row: &'r InvocationRow) -> Self {
        Self {
            account: &row.account,
            function_id: &row.function_id,
            environment: &row.environment,
            deployment: row.deployment,
            outcome: &row.outcome,
            cold: row.cold,
            worker: &row.worker,
            actor_kind: &row.actor_kind,
            actor_name: &row.actor_name,
            method: &row.method,
            versions: &row.versions,
        }
    }
}

impl Tx {
    /// Adds invocations. Those of functions that were deleted meanwhile are passed over.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if an id exists.
    pub async fn insert_invocations(&mut self, rows: &[InvocationRow]) -> Result<()> {
        let mut groups: HashMap<_, Vec<&InvocationRow>> = HashMap::new();
        for row in rows {
            groups.entry(Common::of(row)).or_default().push(row);
        }
        self.insert_version_sets(&groups).await?;
        let mut rest = Vec::new();
        for (common, rows) in groups {
            let chunks = rows.chunks_exact(ALIKE);
            rest.extend_from_slice(chunks.remainder());
            for rows in chunks {
                self.insert_alike(&common, rows).await?;
            }
        }
        for rows in rest.chunks(ROWS) {
            self.insert_mixed(rows).await?;
        }
        Ok(())
    }

    /// Adds [`ALIKE`] rows.
    async fn insert_alike(&mut self, common: &Common<'_>, rows: &[&InvocationRow]) -> Result<()> {
        // Numbers that are named come after those that are not: SQLite's driver counts these by themselves.
        static SQL: [OnceLock<String>; 2] = [const { OnceLock::new() }; 2];
        let sqlite = self.is_sqlite();
        let [for_sqlite, for_postgres] = &SQL;
        let sql = if sqlite { for_sqlite } else { for_postgres }.get_or_init(|| {
            let first = ALIKE * 6 + 1;
            format!(
                "INSERT INTO invocations (id, started_at, duration_us, status, path, error, account, function_id, environment, \
                 deployment, outcome, cold, worker, actor_kind, actor_name, method, versions) \
                 SELECT v.*, {} FROM (VALUES {}) AS v \
                 WHERE EXISTS (SELECT 1 FROM functions f WHERE f.account = ${first} AND f.id = ${})",
                numbered(first, 11),
                placeholders(ALIKE, 6, sqlite),
                first + 1,
            )
        });
        let mut query = sqlx::query(sql.as_str());
        for row in rows {
            query = query
                .bind(&row.id)
                .bind(row.started_at.as_millis())
                .bind(int(row.duration_us))
                .bind(i64::from(row.status))
                .bind(without_nul(&row.path).into_owned())
                .bind(row.error.as_deref().map(|error| without_nul(error).into_owned()));
        }
        let query = query
            .bind(common.account.as_str())
            .bind(common.function_id)
            .bind(common.environment.as_str())
            .bind(int(common.deployment))
            .bind(common.outcome)
            .bind(i64::from(common.cold))
            .bind(common.worker)
            .bind(common.actor_kind)
            .bind(common.actor_name)
            .bind(common.method)
            .bind(common.versions.id());
        query.execute(self.connection().await?).await?;
        Ok(())
    }

    async fn insert_mixed(&mut self, rows: &[&InvocationRow]) -> Result<()> {
        let sql = format!(
            "INSERT INTO invocations (account, id, function_id, environment, deployment, started_at, duration_us, \
             status, outcome, cold, worker, actor_kind, actor_name, method, path, versions, error) \
             SELECT v.* FROM (VALUES {}) AS v \
             WHERE EXISTS (SELECT 1 FROM functions f WHERE f.account = v.column1 AND f.id = v.column3)",
            placeholders(rows.len(), 17, self.is_sqlite())
        );
        // A batch's odd remainder is not worth a place in the cache of prepared statements.
        let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(rows.len() == ROWS);
        for row in rows {
            query = query
                .bind(row.account.as_str())
                .bind(&row.id)
                .bind(&row.function_id)
                .bind(row.environment.as_str())
                .bind(int(row.deployment))
                .bind(row.started_at.as_millis())
                .bind(int(row.duration_us))
                .bind(i64::from(row.status))
                .bind(&row.outcome)
                .bind(i64::from(row.cold))
                .bind(&row.worker)
                .bind(&row.actor_kind)
                .bind(&row.actor_name)
                .bind(&row.method)
                .bind(without_nul(&row.path).into_owned())
                .bind(row.versions.id())
                .bind(row.error.as_deref().map(|error| without_nul(error).into_owned()));
        }
        query.execute(self.connection().await?).await?;
        Ok(())
    }

    /// Sees to it that what the rows say of versions is stored.
    async fn insert_version_sets(&mut self, groups: &HashMap<Common<'_>, Vec<&InvocationRow>>) -> Result<()> {
        let mut last_used = HashMap::new();
        for (common, rows) in groups {
            let used = rows.iter().map(|row| row.started_at).max();
            let (_, last) = last_used.entry((common.account, common.versions.id())).or_insert((common.versions, used));
            *last = used.max(*last);
        }
        for ((account, id), (versions, used)) in last_used {
            sqlx::query(
                "INSERT INTO version_sets (account, id, versions, used_at) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (account, id) DO UPDATE SET used_at = excluded.used_at \
                 WHERE version_sets.used_at < excluded.used_at - $5",
            )
            .bind(account.as_str())
            .bind(id)
            .bind(versions.json())
            .bind(used.map_or(0, Timestamp::as_millis))
            .bind(USED_STEP)
            .execute(self.connection().await?)
            .await?;
        }
        Ok(())
    }

    /// Deletes what no invocation since `oldest` had. To be called when all older invocations are gone.
    ///
    /// # Errors
    /// The database's.
    pub async fn prune_version_sets(&mut self, account: &AccountId, oldest: Timestamp) -> Result<()> {
        sqlx::query("DELETE FROM version_sets WHERE account = $1 AND used_at < $2")
            .bind(account.as_str())
            .bind(oldest.as_millis() - USED_STEP)
            .execute(self.connection().await?)
            .await?;
        Ok(())
    }

    /// Deletes a function's invocations and log lines older than `oldest`, and all but the newest `keep` invocations
    /// with the lines from before those: at most some 1,000 rows of each at once, as other writes wait meanwhile. Returns
    /// how many invocations went, and whether there is more to delete.
    ///
    /// # Errors
    /// The database's.
    pub async fn prune_invocations(
        &mut self,
        account: &AccountId,
        function_id: &str,
        oldest: Timestamp,
        keep: u32,
    ) -> Result<(u64, bool)> {
        let first_kept = sqlx::query(
            "SELECT started_at, id FROM invocations WHERE account = $1 AND function_id = $2 \
             ORDER BY started_at DESC, id DESC LIMIT 1 OFFSET $3",
        )
        .bind(account.as_str())
        .bind(function_id)
        .bind(i64::from(keep.max(1)) - 1)
        .fetch_optional(self.connection().await?)
        .await?;
        let (time, id) = match first_kept {
            Some(row) if row.time("started_at")? > oldest => (row.time("started_at")?, row.col("id")?),
            _ => (oldest, String::new()),
        };
        let lines = self.prune_logs(account, function_id, time).await?;
        let delete = sqlx::query(
            "DELETE FROM invocations WHERE account = $1 AND function_id = $2 AND id IN \
             (SELECT id FROM invocations WHERE account = $1 AND function_id = $2 AND (started_at, id) < ($3, $4) \
             ORDER BY started_at, id LIMIT $5)",
        );
        let delete = delete.bind(account.as_str()).bind(function_id).bind(time.as_millis()).bind(id).bind(SLICE);
        let gone = delete.execute(self.connection().await?).await?.rows_affected();
        Ok((gone, gone == SLICE.unsigned_abs() || lines))
    }
}
