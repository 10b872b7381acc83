//! What functions sent where: hosts and sizes, never a value, a path or a query.

use domain::{AccountId, Timestamp};
use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;

use crate::columns::{Columns, ROWS, int, placeholders, without_nul};
use crate::invocations::SLICE;
use crate::{Result, Tx};

/// One request or connection of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EgressRow {
    /// The account it happened in.
    pub account: AccountId,
    /// The function.
    pub function_id: String,
    /// The invocation it was made in; `None` where that cannot be told.
    pub invocation: Option<String>,
    /// Orders those of one moment.
    pub seq: u64,
    /// When it ended.
    pub time: Timestamp,
    /// `fetch`, `websocket`, `tunnel`, `tcp`.
    pub via: String,
    /// The host, redacted like a log line.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The method.
    pub method: String,
    /// A status, or a word.
    pub outcome: String,
    /// Bytes sent.
    pub request_bytes: u64,
    /// Bytes received.
    pub response_bytes: u64,
    /// From its beginning to its end.
    pub duration_us: u64,
    /// Names of brokered secrets whose values were put in, parted by spaces.
    pub secrets: String,
}

fn egress_row(row: &AnyRow) -> Result<EgressRow> {
    Ok(EgressRow {
        account: AccountId::new(row.col::<String>("account")?),
        function_id: row.col("function_id")?,
        invocation: row.col("invocation")?,
        seq: row.number("seq")?,
        time: row.time("time")?,
        via: row.col("via")?,
        host: row.col("host")?,
        port: u16::try_from(row.number("port")?).unwrap_or_default(),
        method: row.col("method")?,
        outcome: row.col("outcome")?,
        request_bytes: row.number("request_bytes")?,
        response_bytes: row.number("response_bytes")?,
        duration_us: row.number("duration_us")?,
        secrets: row.col("secrets")?,
    })
}

reads! {
    /// What an invocation of the function sent, in order.
    pub async fn invocation_egress(
        conn, account: &AccountId, function_id: &str, invocation: &str, limit: u32,
    ) -> Result<Vec<EgressRow>> {
        // A worker says itself which invocation it was, and could name another function's.
        let query = sqlx::query(
            "SELECT * FROM egress WHERE account = $1 AND invocation = $2 AND function_id = $3 ORDER BY seq LIMIT $4",
        );
        let query = query.bind(account.as_str()).bind(invocation).bind(function_id).bind(i64::from(limit));
        query.fetch_all(conn).await?.iter().map(egress_row).collect()
    }

    /// What a function sent last, oldest of it first.
    pub async fn function_egress(conn, account: &AccountId, function_id: &str, limit: u32) -> Result<Vec<EgressRow>> {
        let query = sqlx::query(
            "SELECT * FROM egress WHERE account = $1 AND function_id = $2 ORDER BY time DESC, seq DESC LIMIT $3",
        );
        let query = query.bind(account.as_str()).bind(function_id).bind(i64::from(limit));
        query.fetch_all(conn).await?.iter().rev().map(egress_row).collect()
    }
}

impl Tx {
    /// Adds rows. Those of functions that were deleted meanwhile are passed over.
    ///
    /// # Errors
    /// The database's.
    pub async fn insert_egress(&mut self, rows: &[EgressRow]) -> Result<()> {
        for rows in rows.chunks(ROWS) {
            let sql = format!(
                "INSERT INTO egress (account, function_id, invocation, seq, time, via, host, port, method, outcome, \
                 request_bytes, response_bytes, duration_us, secrets) SELECT v.* FROM (VALUES {}) AS v \
                 WHERE EXISTS (SELECT 1 FROM functions f WHERE f.account = v.column1 AND f.id = v.column2)",
                placeholders(rows.len(), 14, self.is_sqlite())
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
                    .bind(&row.via)
                    .bind(without_nul(&row.host).into_owned())
                    .bind(i64::from(row.port))
                    .bind(&row.method)
                    .bind(&row.outcome)
                    .bind(int(row.request_bytes))
                    .bind(int(row.response_bytes))
                    .bind(int(row.duration_us))
                    .bind(&row.secrets);
            }
            query.execute(self.connection().await?).await?;
        }
        Ok(())
    }

    /// Deletes a function's oldest rows: those from before `time`, and those beyond the newest `keep`, some 1,000 at a time.
    /// Returns whether there may be more.
    ///
    /// # Errors
    /// The database's.
    pub async fn prune_egress(
        &mut self,
        account: &AccountId,
        function_id: &str,
        time: Timestamp,
        keep: u32,
    ) -> Result<bool> {
        let first_kept = sqlx::query(
            "SELECT time FROM egress WHERE account = $1 AND function_id = $2 ORDER BY time DESC, seq DESC LIMIT 1 OFFSET $3",
        )
        .bind(account.as_str())
        .bind(function_id)
        .bind(i64::from(keep.max(1)) - 1)
        .fetch_optional(self.connection().await?)
        .await?;
        let before = match first_kept {
            Some(row) => row.time("time")?.max(time),
            None => time,
        };
        let delete = sqlx::query(
            "DELETE FROM egress WHERE account = $1 AND function_id = $2 AND (time, seq) IN \
             (SELECT time, seq FROM egress WHERE account = $1 AND function_id = $2 AND time < $3 ORDER BY time, seq LIMIT $4)",
        )
        .bind(account.as_str())
        .bind(function_id)
        .bind(before.as_millis())
        .bind(SLICE);
        Ok(delete.execute(self.connection().await?).await?.rows_affected() == SLICE.unsigned_abs())
    }
}
