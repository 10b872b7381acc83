//! The audit log: events as they were hashed, the tree's right edge, and signed checkpoints.

use domain::audit::event::Outcome;
use domain::audit::{AuditEvent, Frontier, Hash};
use domain::{AccountId, Timestamp};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::columns::{Columns, int};
use crate::tx::Statement;
use crate::{Result, StoreError, Tx};

/// Subtrees of every so many levels are stored.
pub(crate) const STORED_LEVELS: u32 = 8;

/// An event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Its place in its account's log, from 0.
    pub index: u64,
    /// When.
    pub time: Timestamp,
    /// The event's canonical JSON, byte for byte as it was hashed.
    pub body: String,
    /// Its leaf hash.
    pub leaf: Hash,
}

/// Which events to list: those that fit all that is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// `resource.verb`.
    pub action: Option<String>,
    /// The actor's id or name.
    pub actor: Option<String>,
    /// The resource's kind.
    pub resource_kind: Option<String>,
    /// The resource's name.
    pub resource_name: Option<String>,
    /// The first index; 0 is that of the first event.
    pub from: u64,
}

pub(crate) fn hash_column(row: &AnyRow, column: &'static str) -> Result<Hash> {
    row.col::<Vec<u8>>(column)?.try_into().map_err(|_| StoreError::Corrupt { what: column })
}

fn audit_row(row: &AnyRow) -> Result<AuditRow> {
    Ok(AuditRow {
        index: row.number("idx")?,
        time: row.time("time")?,
        body: row.col("body")?,
        leaf: hash_column(row, "leaf")?,
    })
}

/// From a row with `size` and `frontier`.
pub(crate) fn frontier_columns(row: &AnyRow) -> Result<Frontier> {
    let frontier = Frontier::from_parts(row.number("size")?, &row.col::<Vec<u8>>("frontier")?);
    frontier.ok_or(StoreError::Corrupt { what: "frontier" })
}

async fn frontier(conn: &mut AnyConnection, account: &AccountId) -> Result<Option<Frontier>> {
    let query = sqlx::query("SELECT size, frontier FROM audit_logs WHERE account = $1").bind(account.as_str());
    query.fetch_optional(conn).await?.as_ref().map(frontier_columns).transpose()
}

reads! {
    /// The size and root of an account's log; those of the empty tree if there is no such account.
    pub async fn audit_head(conn, account: &AccountId) -> Result<(u64, Hash)> {
        let frontier = frontier(conn, account).await?.unwrap_or_default();
        Ok((frontier.size(), frontier.root()))
    }

    /// Events newest first, those before index `before`.
    pub async fn audit_events(
        conn, account: &AccountId, filter: &AuditFilter, before: Option<u64>, limit: u32,
    ) -> Result<Vec<AuditRow>> {
        let tests = [
            ("action = $", &filter.action),
            ("$ IN (actor_id, actor_name)", &filter.actor),
            ("resource_kind = $", &filter.resource_kind),
            ("resource_name = $", &filter.resource_name),
        ];
        let wanted = tests.into_iter().filter_map(|(test, text)| Some((test, text.as_ref()?)));
        let mut sql = "SELECT idx, time, body, leaf FROM audit_events WHERE account = $1 AND idx < $2 AND idx >= $4".to_owned();
        for (place, (test, _)) in wanted.clone().enumerate() {
            sql.push_str(&format!(" AND {}", test.replace('$', &format!("${}", place + 5))));
        }
        sql.push_str(" ORDER BY idx DESC LIMIT $3");
        let query = sqlx::query(AssertSqlSafe(sql)).bind(account.as_str());
        let query = query.bind(before.map_or(i64::MAX, int)).bind(i64::from(limit)).bind(int(filter.from));
        let query = wanted.fold(query, |query, (_, text)| query.bind(text));
        query.fetch_all(conn).await?.iter().map(audit_row).collect()
    }

    /// The index of the first event that is not from before `time`; the log's size if there is none. Events come in the
    /// order of time, so that it is looked for by halves.
    pub async fn audit_index_at(conn, account: &AccountId, time: Timestamp) -> Result<u64> {
        let (mut low, mut high) = (0, frontier(conn, account).await?.unwrap_or_default().size());
        while low < high {
            let middle = low + (high - low) / 2;
            let query = sqlx::query("SELECT time FROM audit_events WHERE account = $1 AND idx = $2");
            let row = query.bind(account.as_str()).bind(int(middle)).fetch_optional(&mut *conn).await?;
            match row {
                Some(row) if row.time("time")? < time => low = middle + 1,
                _ => high = middle,
            }
        }
        Ok(low)
    }

    /// The body of the newest event of `action` on `name` that was done, not denied.
    pub async fn last_done(conn, account: &AccountId, action: &str, kind: &str, name: &str) -> Result<Option<String>> {
        let query = sqlx::query(
            "SELECT body FROM audit_events WHERE account = $1 AND resource_kind = $2 AND resource_name = $3 \
             AND action = $4 AND outcome = 'done' ORDER BY idx DESC LIMIT 1",
        );
        let query = query.bind(account.as_str()).bind(kind).bind(name).bind(action);
        query.fetch_optional(conn).await?.map(|row| row.col("body")).transpose()
    }

    /// Events oldest first from index `from`, for an export.
    pub async fn audit_events_from(conn, account: &AccountId, from: u64, limit: u32) -> Result<Vec<AuditRow>> {
        let query = sqlx::query(
            "SELECT idx, time, body, leaf FROM audit_events WHERE account = $1 AND idx >= $2 ORDER BY idx LIMIT $3",
        );
        let query = query.bind(account.as_str()).bind(int(from)).bind(i64::from(limit));
        query.fetch_all(conn).await?.iter().map(audit_row).collect()
    }

    /// The newest checkpoint: its size and signed note.
    pub async fn last_checkpoint(conn, account: &AccountId) -> Result<Option<(u64, String)>> {
        let query =
            sqlx::query("SELECT size, note FROM audit_checkpoints WHERE account = $1 ORDER BY size DESC LIMIT 1");
        let row = query.bind(account.as_str()).fetch_optional(conn).await?;
        row.map(|row| Ok((row.number("size")?, row.col("note")?))).transpose()
    }
}

impl Tx {
    /// Appends an event to its account's log and returns its index. Call it in the write that does what the event says
    /// (invariant 2), and let its error be the write's.
    ///
    /// # Errors
    /// [`StoreError::Missing`] if there is no such account.
    pub async fn append_audit(&mut self, event: &AuditEvent) -> Result<u64> {
        let account = &event.account;
        let mut frontier = match self.known.frontiers.remove(account) {
            Some(frontier) => frontier,
            None => frontier(self.reading().await?, account).await?.ok_or(StoreError::Missing)?,
        };
        let index = frontier.size();
        let leaf = event.leaf();
        let outcome = match event.outcome {
            Outcome::Done => "done",
            Outcome::Denied => "denied",
        };
        let insert = Statement::new(
            "INSERT INTO audit_events (account, idx, leaf, time, action, actor_id, actor_name, resource_kind, \
             resource_name, outcome, body) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(account.as_str())
        .bind(int(index))
        .bind(leaf.as_slice())
        .bind(event.time.as_millis())
        .bind(event.action.as_str())
        .bind(event.actor.id.as_str())
        .bind(event.actor.name.as_str())
        .bind(event.resource.kind.as_str())
        .bind(event.resource.name.as_str())
        .bind(outcome)
        .bind(event.to_json());
        self.defer(insert).await?;
        for (node, hash) in frontier.append(leaf) {
            if node.level % STORED_LEVELS == 0 {
                let insert =
                    Statement::new("INSERT INTO audit_nodes (account, level, idx, hash) VALUES ($1, $2, $3, $4)")
                        .bind(account.as_str())
                        .bind(i64::from(node.level))
                        .bind(int(node.index))
                        .bind(hash.as_slice());
                self.defer(insert).await?;
            }
        }
        let update = Statement::new("UPDATE audit_logs SET size = $2, frontier = $3 WHERE account = $1")
            .bind(account.as_str())
            .bind(int(frontier.size()))
            .bind(frontier.to_bytes().as_slice());
        self.defer(update).await?;
        self.known.frontiers.insert(account.clone(), frontier);
        Ok(index)
    }

    /// Keeps a signed checkpoint. The first of a size stays: a log signs one tree of each size.
    ///
    /// # Errors
    /// [`StoreError::Missing`] if there is no such account.
    pub async fn insert_checkpoint(&mut self, account: &AccountId, size: u64, note: &str) -> Result<()> {
        sqlx::query("INSERT INTO audit_checkpoints (account, size, note) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
            .bind(account.as_str())
            .bind(int(size))
            .bind(note)
            .execute(self.connection().await?)
            .await?;
        Ok(())
    }
}
