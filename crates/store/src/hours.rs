//! Invocations by hour, added up as they are recorded: what charts and figures are made of.

use std::collections::{BTreeMap, HashMap};

use domain::latency::{self, Histogram};
use domain::{AccountId, EnvironmentName, Timestamp};
use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;

use crate::columns::{Columns, int, numbered, placeholders};
use crate::{InvocationRow, Result, Tx};

const HOUR_MILLIS: i64 = 60 * 60 * 1000;

/// What happened in some time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many invocations.
    pub invocations: u64,
    /// How many of them did not end well: by their outcome, or by a status of 500 and above.
    pub errors: u64,
    /// How many started a worker.
    pub cold: u64,
}

/// One step of a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TallyStep {
    /// Its first millisecond.
    pub start: Timestamp,
    /// What happened in it.
    pub tally: Tally,
}

fn tally(row: &AnyRow) -> Result<Tally> {
    Ok(Tally { invocations: row.number("invocations")?, errors: row.number("errors")?, cold: row.number("cold")? })
}

/// `c0, c1, …`, each as `shape` with `#` for its name.
fn classes(shape: &str) -> String {
    (0..latency::CLASSES).map(|class| shape.replace('#', &format!("c{class}"))).collect::<Vec<_>>().join(", ")
}

reads! {
    /// What happened since `since` to each of these functions, in one environment or in all, with how long it took.
    /// Functions to which nothing happened are left out.
    pub async fn function_tallies(
        conn, account: &AccountId, functions: &[&str], environment: Option<&EnvironmentName>, since: Timestamp,
    ) -> Result<HashMap<String, (Tally, Histogram)>> {
        if functions.is_empty() {
            return Ok(HashMap::new());
        }
        let sql = format!(
            "SELECT function_id, CAST(sum(invocations) AS BIGINT) AS invocations, CAST(sum(errors) AS BIGINT) AS errors, \
             CAST(sum(cold) AS BIGINT) AS cold, {} FROM invocation_hours \
             WHERE account = $1 AND hour >= $2 AND ($3 = '' OR environment = $3) AND function_id IN ({}) GROUP BY function_id",
            classes("CAST(sum(#) AS BIGINT) AS #"),
            numbered(4, functions.len()),
        );
        let query = sqlx::query(AssertSqlSafe(sql)).persistent(false).bind(account.as_str());
        let query = query.bind(since.as_millis()).bind(environment.map_or("", EnvironmentName::as_str));
        let query = functions.iter().fold(query, |query, id| query.bind(*id));
        let mut found = HashMap::new();
        for row in query.fetch_all(conn).await? {
            let mut histogram = Histogram::default();
            for (count, name) in histogram.0.iter_mut().zip(NAMES) {
                *count = row.number(name)?;
            }
            found.insert(row.col("function_id")?, (tally(&row)?, histogram));
        }
        Ok(found)
    }

    /// What happened to these functions since `since`, step by step of so many hours, oldest first. Steps in which nothing
    /// happened are left out; all begin at a whole multiple of their length.
    pub async fn function_steps(
        conn,
        account: &AccountId,
        functions: &[&str],
        environment: Option<&EnvironmentName>,
        since: Timestamp,
        step_hours: u32,
    ) -> Result<Vec<(String, TallyStep)>> {
        if functions.is_empty() {
            return Ok(Vec::new());
        }
        let length = HOUR_MILLIS * i64::from(step_hours.max(1));
        let sql = format!(
            "SELECT function_id, hour - hour % $4 AS start, CAST(sum(invocations) AS BIGINT) AS invocations, \
             CAST(sum(errors) AS BIGINT) AS errors, CAST(sum(cold) AS BIGINT) AS cold FROM invocation_hours \
             WHERE account = $1 AND hour >= $2 AND ($3 = '' OR environment = $3) AND function_id IN ({}) \
             GROUP BY function_id, hour - hour % $4 ORDER BY function_id, start",
            numbered(5, functions.len()),
        );
        let query = sqlx::query(AssertSqlSafe(sql)).persistent(false).bind(account.as_str());
        let query = query.bind(since.as_millis()).bind(environment.map_or("", EnvironmentName::as_str)).bind(length);
        let query = functions.iter().fold(query, |query, id| query.bind(*id));
        let rows = query.fetch_all(conn).await?;
        let step = |row: &AnyRow| Ok((row.col("function_id")?, TallyStep { start: row.time("start")?, tally: tally(row)? }));
        rows.iter().map(step).collect()
    }
}

/// The columns of the classes.
const NAMES: [&str; latency::CLASSES] = [
    "c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8", "c9", "c10", "c11", "c12", "c13", "c14", "c15", "c16", "c17",
    "c18", "c19", "c20", "c21", "c22", "c23", "c24", "c25", "c26", "c27", "c28", "c29", "c30", "c31",
];

impl Tx {
    /// Adds invocations to their hours. Those of functions that were deleted meanwhile are passed over.
    ///
    /// # Errors
    /// The database's.
    pub async fn add_to_hours(&mut self, rows: &[InvocationRow]) -> Result<()> {
        // In one order everywhere, so that nodes that write the same hours wait for each other and not in a ring.
        let mut hours: BTreeMap<_, (Tally, Histogram)> = BTreeMap::new();
        for row in rows {
            let started = row.started_at.as_millis();
            let hour = started - started.rem_euclid(HOUR_MILLIS);
            let place = (row.account.as_str(), row.function_id.as_str(), row.environment.as_str(), hour);
            let (tally, histogram) = hours.entry(place).or_default();
            tally.invocations += 1;
            tally.errors += u64::from(row.outcome != "ok" || row.status >= 500);
            tally.cold += u64::from(row.cold);
            histogram.add(row.duration_us);
        }
        let sql = format!(
            "INSERT INTO invocation_hours (account, function_id, environment, hour, invocations, errors, cold, {}) \
             SELECT v.* FROM (VALUES {}) AS v \
             WHERE EXISTS (SELECT 1 FROM functions f WHERE f.account = v.column1 AND f.id = v.column2) \
             ON CONFLICT (account, function_id, environment, hour) DO UPDATE SET \
             invocations = invocation_hours.invocations + excluded.invocations, \
             errors = invocation_hours.errors + excluded.errors, cold = invocation_hours.cold + excluded.cold, {}",
            classes("#"),
            placeholders(1, 7 + latency::CLASSES, self.is_sqlite()),
            classes("# = invocation_hours.# + excluded.#"),
        );
        for ((account, function, environment, hour), (tally, histogram)) in hours {
            let query = sqlx::query(AssertSqlSafe(sql.clone())).bind(account).bind(function);
            let query = query.bind(environment).bind(hour).bind(int(tally.invocations));
            let query = query.bind(int(tally.errors)).bind(int(tally.cold));
            let query = histogram.0.iter().fold(query, |query, count| query.bind(int(*count)));
            query.execute(self.connection().await?).await?;
        }
        Ok(())
    }

    /// Deletes what is from before `oldest`.
    ///
    /// # Errors
    /// The database's.
    pub async fn prune_hours(&mut self, account: &AccountId, oldest: Timestamp) -> Result<()> {
        sqlx::query("DELETE FROM invocation_hours WHERE account = $1 AND hour < $2")
            .bind(account.as_str())
            .bind(oldest.as_millis())
            .execute(self.connection().await?)
            .await?;
        Ok(())
    }
}
