//! What functions printed, redacted before it comes here.

use domain::{AccountId, Timestamp};
use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;

use crate::columns::{Columns, ROWS, int, placeholders, without_nul};
use crate::invocations::SLICE;
use crate::{Result, Tx};

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRow {
    /// The account it happened in.
    pub account: AccountId,
    /// The function.
    pub function_id: String,
    /// The invocation it was printed in; `None` where that cannot be told, for example while code loads.
    pub invocation: Option<String>,
    /// Orders the lines of one invocation.
    pub seq: u64,
    /// When.
    pub time: Timestamp,
    /// `stdout`, `stderr`, …
    pub stream: String,
    /// The line. NUL bytes come back as U+FFFD.
    pub text: String,
}

fn log_row(row: &AnyRow) -> Result<LogRow> {
    Ok(LogRow {
        account: AccountId::new(row.col::<String>("account")?),
        function_id: row.col("function_id")?,
        invocation: row.col("invocation")?,
        seq: row.number("seq")?,
        time: row.time("time")?,
        stream: row.col("stream")?,
        text: row.col("text")?,
    })
}

reads! {
    /// An invocation's lines, in order.
    pub async fn invocation_logs(conn, account: &AccountId, invocation: &str, limit: u32) -> Result<Vec<LogRow>> {
        let query = sqlx::query("SELECT * FROM logs WHERE account = $1 AND invocation = $2 ORDER BY seq LIMIT $3");
        let query = query.bind(account.as_str()).bind(invocation).bind(i64::from(limit));
        query.fetch_all(conn).await?.iter().map(log_row).collect()
    }

    /// A function's newest lines, oldest of them first.
    pub async fn function_logs(conn, account: &AccountId, function_id: &str, limit: u32) -> Result<Vec<LogRow>> {
        let query = sqlx::query(
            "SELECT * FROM logs WHERE account = $1 AND function_id = $2 ORDER BY time DESC, seq DESC LIMIT $3",
        );
        let query = query.bind(account.as_str()).bind(function_id).bind(i64::from(limit));
        query.fetch_all(conn).await?.iter().rev().map(log_row).collect()
    }

    /// When the newest line was printed that does not fit into `bytes` with those after it, each counted with `overhead`;
    /// `None` if all fit. Looks at every line of the function.
    pub async fn logs_beyond(
        conn, account: &AccountId, function_id: &str, bytes: u64, overhead: u64,
    ) -> Result<Option<Timestamp>> {
        let query = sqlx::query(
            "SELECT time FROM (SELECT time, seq, CAST(sum(octet_length(text) + $4) OVER (ORDER BY time DESC, seq DESC) \
             AS BIGINT) AS total FROM logs WHERE account = $1 AND function_id = $2) AS l WHERE total > $3 \
             ORDER BY time DESC LIMIT 1",
        );
        let query = query.bind(account.as_str()).bind(function_id).bind(int(bytes)).bind(int(overhead));
        query.fetch_optional(conn).await?.map(|row| row.time("time")).transpose()
    }
}

impl Tx {
    /// Deletes a function's oldest lines from before `time`: those of some 1,000. Returns whether there may be more.
    ///
    /// # Errors
    /// The database's.
    pub async fn prune_logs(&mut self, account: &AccountId, function_id: &str, time: Timestamp) -> Result<bool> {
        let last = sqlx::query(
            "SELECT time FROM logs WHERE account = $1 AND function_id = $2 AND time < $3 \
             ORDER BY time, seq LIMIT 1 OFFSET $4",
        );
        let last = last.bind(account.as_str()).bind(function_id).bind(time.as_millis()).bind(SLICE - 1);
        let last = last.fetch_optional(self.connection().await?).await?.map(|row| row.time("time")).transpose()?;
        let before = last.map_or(time, |last| last.plus_millis(1));
        sqlx::query("DELETE FROM logs WHERE account = $1 AND function_id = $2 AND time < $3")
            .bind(account.as_str())
            .bind(function_id)
            .bind(before.as_millis())
            .execute(self.connection().await?)
            .await?;
        Ok(last.is_some())
    }

    /// Adds lines. Those of functions that were deleted meanwhile are passed over.
    ///
    /// # Errors
    /// The database's.
    pub async fn insert_logs(&mut self, rows: &[LogRow]) -> Result<()> {
        for rows in rows.chunks(ROWS) {
            let sql = format!(
                "INSERT INTO logs (account, function_id, invocation, seq, time, stream, text) \
                 SELECT v.* FROM (VALUES {}) AS v \
                 WHERE EXISTS (SELECT 1 FROM functions f WHERE f.account = v.column1 AND f.id = v.column2)",
                placeholders(rows.len(), 7, self.is_sqlite())
            );
            // A batch's odd remainder is not worth a place in the cache of prepared statements.
            let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(rows.len() == ROWS);
            for row in rows {
                query = query
                    .bind(row.account.as_str())
                    .bind(&row.function_id)
                    .bind(row.invocation.as_deref())
                    .bind(int(row.seq))
                    .bind(row.time.as_millis())
                    .bind(&row.stream)
                    .bind(without_nul(&row.text).into_owned());
            }
            query.execute(self.connection().await?).await?;
        }
        Ok(())
    }
}
