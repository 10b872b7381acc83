//! Secrets as a person looks through them: one line for each name, whatever the environments, narrowed and in an order.

use std::collections::BTreeSet;

use domain::{AccountId, EnvironmentName, SecretName, Timestamp};
use sqlx::AssertSqlSafe;

use crate::Result;
use crate::columns::{Columns, anywhere, due, int};

/// Most words of a search that count.
const WORDS: usize = 5;
/// How many of them have a value, their own or another's.
const VALUES: &str = "sum(CASE WHEN s.version > 0 OR s.source IS NOT NULL THEN 1 ELSE 0 END)";

/// What the lines come in the order of; what is equal comes by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretOrder {
    /// The name alone.
    Name,
    /// The last change in any environment.
    Updated,
    /// The last use in any environment; never is before everything.
    Used,
    /// When the first of its values should be replaced; never is after everything.
    Due,
}

/// Which names are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretFilter {
    /// All.
    All,
    /// Those that have a value in fewer environments than this.
    InFewerThan(u64),
    /// Those that no function ever had.
    NeverUsed,
    /// Those of which a value should have been replaced before this time.
    DueBefore(Timestamp),
}

/// A look through an account's secrets.
#[derive(Debug, Clone, Copy)]
pub struct SecretLook<'a> {
    /// Only in this environment.
    pub environment: Option<&'a EnvironmentName>,
    /// Each word must be in the name or in a note.
    pub search: &'a str,
    /// Which of them.
    pub filter: SecretFilter,
    /// In which order.
    pub order: SecretOrder,
    /// The other way round.
    pub descending: bool,
    /// Those after this line: its key and name.
    pub after: Option<(i64, &'a str)>,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretLine {
    /// The name.
    pub name: SecretName,
    /// Where it is in the order.
    pub key: i64,
}

/// When a value should be replaced: what was said of it, or else of the secret. NULL for never.
const DUE: &str = due!("o");

impl SecretLook<'_> {
    fn key(&self) -> String {
        match self.order {
            SecretOrder::Name => "CAST(0 AS BIGINT)".to_owned(),
            SecretOrder::Updated => "max(s.updated_at)".to_owned(),
            SecretOrder::Used => "COALESCE(max(s.last_used_at), 0)".to_owned(),
            SecretOrder::Due => format!("min(COALESCE({DUE}, {}))", i64::MAX),
        }
    }

    /// `$1` is the account, `$2` the environment, `$3` and `$4` the line before, `$5` the filter's number, `$6` how many,
    /// and two more for each word.
    fn sql(&self, words: usize) -> String {
        let key = self.key();
        let searched: String = (0..words)
            .map(|word| {
                let (name, note) = (7 + 2 * word, 8 + 2 * word);
                format!(
                    " AND s.name IN (SELECT name FROM secrets WHERE account = $1 AND ($2 = '' OR environment = $2) \
                     AND (name LIKE ${name} ESCAPE '!' OR lower(note) LIKE ${note} ESCAPE '!'))"
                )
            })
            .collect();
        let narrowed = match self.filter {
            SecretFilter::All => " AND $5 = 0".to_owned(),
            SecretFilter::InFewerThan(_) => format!(" AND {VALUES} < $5"),
            SecretFilter::NeverUsed => format!(" AND $5 = 0 AND max(s.last_used_at) IS NULL AND {VALUES} > 0"),
            SecretFilter::DueBefore(_) => format!(" AND min({DUE}) < $5"),
        };
        // Values are looked at only for what depends on them.
        let values = match (self.order, self.filter) {
            (SecretOrder::Due, _) | (_, SecretFilter::DueBefore(_)) => {
                " LEFT JOIN secrets o ON o.account = s.account AND o.id = COALESCE(s.source, s.id) \
                 LEFT JOIN secret_versions v ON v.account = o.account AND v.secret_id = o.id AND v.version = o.version"
            }
            _ => "",
        };
        let (compare, direction) = if self.descending { ("<", "DESC") } else { (">", "ASC") };
        let after = if self.after.is_some() {
            format!(" AND ({key} {compare} $3 OR ({key} = $3 AND s.name {compare} $4))")
        } else {
            " AND ($3 = 0 OR $4 = '')".to_owned()
        };
        format!(
            "SELECT s.name, {key} AS line_key FROM secrets s{values} \
             WHERE s.account = $1 AND ($2 = '' OR s.environment = $2){searched} \
             GROUP BY s.name HAVING count(*) > 0{narrowed}{after} ORDER BY line_key {direction}, s.name {direction} LIMIT $6"
        )
    }
}

reads! {
    /// For which of these names the account has a value, in one environment or in any.
    pub async fn secret_names_among(
        conn, account: &AccountId, environment: Option<&EnvironmentName>, names: &[&SecretName],
    ) -> Result<BTreeSet<SecretName>> {
        if names.is_empty() {
            return Ok(BTreeSet::new());
        }
        let places: Vec<_> = (3..names.len() + 3).map(|place| format!("${place}")).collect();
        let sql = format!(
            "SELECT DISTINCT name FROM secrets WHERE account = $1 AND ($2 = '' OR environment = $2) \
             AND (version > 0 OR source IS NOT NULL) AND name IN ({})",
            places.join(", ")
        );
        let query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
        let query = query.bind(account.as_str()).bind(environment.map_or("", EnvironmentName::as_str));
        let query = names.iter().fold(query, |query, name| query.bind(name.as_str()));
        query.fetch_all(conn).await?.iter().map(|row| row.parse("name", SecretName::parse)).collect()
    }

    /// The names that a look finds, at most `limit`.
    pub async fn secret_lines(
        conn, account: &AccountId, look: &SecretLook<'_>, limit: u32,
    ) -> Result<Vec<SecretLine>> {
        let words: Vec<&str> = look.search.split_whitespace().take(WORDS).collect();
        let number = match look.filter {
            SecretFilter::All | SecretFilter::NeverUsed => 0,
            SecretFilter::InFewerThan(environments) => int(environments),
            SecretFilter::DueBefore(time) => time.as_millis(),
        };
        let (key, name) = look.after.unwrap_or_default();
        let mut query = sqlx::query(AssertSqlSafe(look.sql(words.len())))
            .bind(account.as_str())
            .bind(look.environment.map_or("", EnvironmentName::as_str))
            .bind(key)
            .bind(name)
            .bind(number)
            .bind(i64::from(limit));
        for word in words {
            query = query
                .bind(anywhere(&word.to_uppercase().replace(['-', '.'], "_")))
                .bind(anywhere(&word.to_lowercase()));
        }
        let rows = query.fetch_all(conn).await?;
        rows.iter()
            .map(|row| Ok(SecretLine { name: row.parse("name", SecretName::parse)?, key: row.col("line_key")? }))
            .collect()
    }
}
