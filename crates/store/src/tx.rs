//! An open write, and those of its statements that are yet to be sent.
//!
//! Every statement sent costs a wait for another thread or machine, which is most of what a small write costs. So a
//! statement whose outcome is certain can be [deferred](Tx::defer): it goes with the next one that is sent, at the latest
//! with the commit. On SQLite that may be another job's, or the commit itself; should it fail then, against all
//! expectation, the whole group fails, so nothing is ever acknowledged that did not happen. PostgreSQL takes one
//! statement at a time and forgets a transaction after an error, so there a job's own are sent as one before it ends.

use std::collections::HashMap;

use domain::audit::Frontier;
use domain::{AccountId, SecretId};
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::{AnyConnection, Arguments, AssertSqlSafe, Connection};

use crate::{Location, Result, StoreError};

/// A text of more statements is not kept prepared: it is not likely to come again.
const KEPT: usize = 12;

/// An open write. Its methods are with the nouns they are about.
pub struct Tx {
    connection: AnyConnection,
    location: Location,
    /// Not sent yet, of earlier jobs and of this one.
    pending: Vec<Statement>,
    /// How many of `pending` are of earlier jobs.
    earlier: usize,
    undo: Undo,
    /// Whether the database knows of the transaction.
    begun: bool,
    /// Why the group cannot be committed.
    broken: Option<StoreError>,
    pub(crate) known: Known,
}

/// What this transaction, which no other can overlap, has read or written and so need not read again.
#[derive(Default)]
pub(crate) struct Known {
    /// As of the last event appended.
    pub(crate) frontiers: HashMap<AccountId, Frontier>,
    /// A secret and the number of its next version, if nothing was written since that was read.
    pub(crate) next_version: Option<(AccountId, SecretId, u64)>,
}

/// What taking back the running job needs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Undo {
    /// The whole transaction goes.
    Group,
    /// Nothing of it was sent.
    Unsent,
    /// Back to its savepoint.
    Savepoint,
}

/// One statement with its arguments `$1`, `$2`, ….
pub(crate) struct Statement {
    sql: &'static str,
    arguments: Vec<Argument>,
}

/// What a deferred statement's parameter can be.
pub(crate) enum Argument {
    Text(String),
    Number(i64),
    MaybeNumber(Option<i64>),
    Bytes(Vec<u8>),
    MaybeBytes(Option<Vec<u8>>),
}

impl From<&str> for Argument {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Argument {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Argument {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<Option<i64>> for Argument {
    fn from(number: Option<i64>) -> Self {
        Self::MaybeNumber(number)
    }
}

impl From<&[u8]> for Argument {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl From<Option<Vec<u8>>> for Argument {
    fn from(bytes: Option<Vec<u8>>) -> Self {
        Self::MaybeBytes(bytes)
    }
}

impl Statement {
    pub(crate) fn new(sql: &'static str) -> Self {
        Self { sql, arguments: Vec::new() }
    }

    pub(crate) fn bind(mut self, argument: impl Into<Argument>) -> Self {
        self.arguments.push(argument.into());
        self
    }
}

impl Tx {
    pub(crate) fn new(location: Location, connection: AnyConnection) -> Self {
        Self {
            connection,
            location,
            pending: Vec::new(),
            earlier: 0,
            undo: Undo::Group,
            begun: false,
            broken: None,
            known: Known::default(),
        }
    }

    /// For a statement that writes, or that is to see what this job wrote.
    pub(crate) async fn connection(&mut self) -> Result<&mut AnyConnection> {
        self.mark();
        self.known.next_version = None;
        self.send(None).await?;
        Ok(&mut self.connection)
    }

    /// For a statement that only reads.
    pub(crate) async fn reading(&mut self) -> Result<&mut AnyConnection> {
        if self.pending.len() > self.earlier {
            self.mark();
        }
        self.send(None).await?;
        Ok(&mut self.connection)
    }

    /// The rows of a query, sent together with what is pending.
    pub(crate) async fn fetch(&mut self, query: Statement) -> Result<Vec<AnyRow>> {
        if self.pending.len() > self.earlier {
            self.mark();
        }
        self.send(Some(query)).await
    }

    /// Runs a statement at some time before the commit, after all that came before it. It must be one that cannot fail,
    /// by what was read in this transaction.
    pub(crate) async fn defer(&mut self, statement: Statement) -> Result<()> {
        // PostgreSQL changes a row once a statement, so one that could meet the same row must not be joined.
        if !self.is_sqlite() && self.pending.iter().any(|other| other.sql == statement.sql) {
            self.send(None).await?;
        }
        self.pending.push(statement);
        Ok(())
    }

    pub(crate) fn is_sqlite(&self) -> bool {
        matches!(self.location, Location::Sqlite(_))
    }

    /// Sees to it that the running job can be undone after something of it was sent.
    fn mark(&mut self) {
        if self.undo == Undo::Unsent {
            self.pending.insert(self.earlier, Statement::new("SAVEPOINT job"));
            self.undo = Undo::Savepoint;
        }
    }

    async fn send(&mut self, last: Option<Statement>) -> Result<Vec<AnyRow>> {
        let pending = std::mem::take(&mut self.pending);
        self.earlier = 0;
        if !self.is_sqlite() {
            if !pending.is_empty() {
                self.run(&joined(&pending), pending).await?;
            }
            return match last {
                Some(last) => self.run(last.sql, vec![last]).await,
                None => Ok(Vec::new()),
            };
        }
        let certain = !pending.is_empty();
        let all: Vec<_> = pending.into_iter().chain(last).collect();
        if all.is_empty() {
            return Ok(Vec::new());
        }
        self.begun = true;
        let rows = self.run(&listed(&all), all).await;
        if let (Err(error), true) = (&rows, certain) {
            self.broken = Some(error.clone());
        }
        rows
    }

    async fn run(&mut self, sql: &str, statements: Vec<Statement>) -> Result<Vec<AnyRow>> {
        let kept = statements.len() <= KEPT;
        let mut arguments = AnyArguments::default();
        for argument in statements.into_iter().flat_map(|statement| statement.arguments) {
            let added = match argument {
                Argument::Text(text) => arguments.add(text),
                Argument::Number(number) => arguments.add(number),
                Argument::MaybeNumber(number) => arguments.add(number),
                Argument::Bytes(bytes) => arguments.add(bytes),
                Argument::MaybeBytes(bytes) => arguments.add(bytes),
            };
            added.map_err(sqlx::Error::Encode)?;
        }
        let query = sqlx::query_with(AssertSqlSafe(sql.to_owned()), arguments).persistent(kept);
        Ok(query.fetch_all(&mut self.connection).await?)
    }

    async fn control(&mut self, statement: &'static str) -> Result<()> {
        sqlx::raw_sql(statement).execute(&mut self.connection).await?;
        Ok(())
    }
}

/// The writer's side.
impl Tx {
    /// Begins a transaction. With SQLite the database learns of it by the first statement.
    pub(crate) async fn begin(&mut self) -> Result<()> {
        self.known = Known::default();
        self.broken = None;
        let begin = self.location.begin();
        if self.is_sqlite() {
            self.begun = false;
            self.pending = vec![Statement::new(begin)];
            return Ok(());
        }
        self.pending.clear();
        self.begun = true;
        self.control(begin).await
    }

    /// `alone`: it is the transaction's only job.
    pub(crate) async fn begin_job(&mut self, alone: bool) -> Result<()> {
        self.earlier = self.pending.len();
        self.undo = if alone { Undo::Group } else { Undo::Unsent };
        if !self.is_sqlite() {
            // Also where it is alone: releasing tells whether a statement failed and the job went on.
            self.undo = Undo::Savepoint;
            self.control("SAVEPOINT job").await?;
        }
        Ok(())
    }

    /// # Errors
    /// The job must be undone.
    pub(crate) async fn end_job(&mut self) -> Result<()> {
        self.known.next_version = None;
        if !self.is_sqlite() {
            self.send(None).await?;
            return self.control("RELEASE SAVEPOINT job").await;
        }
        if self.undo == Undo::Savepoint {
            self.pending.push(Statement::new("RELEASE SAVEPOINT job"));
        }
        Ok(())
    }

    pub(crate) async fn undo_job(&mut self) -> Result<()> {
        self.known = Known::default();
        self.pending.truncate(self.earlier);
        match self.undo {
            Undo::Savepoint => self.control("ROLLBACK TO SAVEPOINT job; RELEASE SAVEPOINT job").await,
            Undo::Unsent | Undo::Group => Ok(()),
        }
    }

    /// Why the group cannot be committed, if a deferred statement failed.
    pub(crate) fn broken(&mut self) -> Option<StoreError> {
        self.broken.take()
    }

    pub(crate) async fn commit(&mut self) -> Result<()> {
        if !self.is_sqlite() {
            return self.control("COMMIT").await;
        }
        self.send(Some(Statement::new("COMMIT"))).await.map(drop)
    }

    pub(crate) async fn rollback(&mut self) -> Result<()> {
        self.pending.clear();
        if self.begun { self.control("ROLLBACK").await } else { Ok(()) }
    }

    /// Runs what belongs to no transaction.
    pub(crate) async fn outside(&mut self, statement: &'static str) -> Result<()> {
        self.control(statement).await
    }

    pub(crate) async fn disconnect(self) {
        // Waits until the old connection holds no lock; that it was broken is known.
        let _ = self.connection.close_hard().await;
    }
}

/// One after another, for SQLite.
fn listed(statements: &[Statement]) -> String {
    let mut sql = String::with_capacity(2048);
    let mut before = 0;
    for statement in statements {
        if !sql.is_empty() {
            sql.push_str("; ");
        }
        push_renumbered(&mut sql, statement.sql, before);
        before += statement.arguments.len();
    }
    sql
}

/// All at once, for PostgreSQL: `WITH` runs each part to its end, whoever asks for its rows.
fn joined(statements: &[Statement]) -> String {
    let mut sql = String::with_capacity(2048);
    let mut before = 0;
    for (place, statement) in statements.iter().enumerate() {
        let (first, last) = (place == 0, place + 1 == statements.len());
        if !last {
            sql.push_str(if first { "WITH " } else { ", " });
            sql.push_str(&format!("part{place} AS ("));
        } else if !first {
            sql.push(' ');
        }
        push_renumbered(&mut sql, statement.sql, before);
        if !last {
            sql.push(')');
        }
        before += statement.arguments.len();
    }
    sql
}

/// Adds `text` with each `$n` become `$(n + before)`.
fn push_renumbered(sql: &mut String, text: &str, before: usize) {
    let mut parts = text.split('$');
    sql.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = part.split_at(digits);
        let number: usize = number.parse().unwrap_or_default();
        sql.push('$');
        sql.push_str(&(number + before).to_string());
        sql.push_str(rest);
    }
}

#[cfg(test)]
mod tests {
    use super::{Statement, joined, listed};

    #[test]
    fn parameters_are_numbered_through() {
        let statements = [
            Statement::new("UPDATE a SET x = $2, y = $2 + 1 WHERE z = $1").bind(1).bind(2),
            Statement::new("SAVEPOINT job"),
            Statement::new("INSERT INTO b VALUES ($1)").bind("t"),
        ];
        assert_eq!(
            listed(&statements),
            "UPDATE a SET x = $2, y = $2 + 1 WHERE z = $1; SAVEPOINT job; INSERT INTO b VALUES ($3)"
        );
        let [first, _, last] = statements;
        assert_eq!(
            joined(&[first, last]),
            "WITH part0 AS (UPDATE a SET x = $2, y = $2 + 1 WHERE z = $1) INSERT INTO b VALUES ($3)"
        );
        assert_eq!(joined(&[Statement::new("DELETE FROM c WHERE d = $1").bind(1)]), "DELETE FROM c WHERE d = $1");
    }
}
