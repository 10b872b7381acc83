//! What is known of all secrets at once, to tell what should be done about them. Each question is one query with one row for
//! an answer: an account may have many secrets, and each row would be handed from thread to thread.

use std::collections::BTreeSet;

use domain::health::Patience;
use domain::{AccountId, Delivery, EnvironmentName, FunctionName, SecretName, SecretSelection, Timestamp};

use crate::columns::{Columns, due, json_text, usual};
use crate::{Result, StoreError};

/// A secret about which something may have to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AilingRow {
    /// Where it is.
    pub environment: EnvironmentName,
    /// Its name.
    pub name: SecretName,
    /// How it reaches functions.
    pub delivery: Delivery,
    /// What may be wrong with its value, as the service wrote it.
    pub findings: String,
    /// The provider's mode its value is for, as the service wrote it.
    pub mode: String,
    /// When its value should be replaced.
    pub due: Option<Timestamp>,
    /// When it was first put.
    pub created_at: Timestamp,
    /// When a function last had it.
    pub last_used_at: Option<Timestamp>,
    /// When the broker last sent its value.
    pub last_sent_at: Option<Timestamp>,
}

/// A place whose value is stored in others too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EqualRow {
    /// Equal for equal values.
    pub fingerprint: String,
    /// Where it is.
    pub environment: EnvironmentName,
    /// Its name.
    pub name: SecretName,
    /// Its mask.
    pub mask: String,
}

/// What an active deployment reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadingRow {
    /// Where it is active.
    pub environment: EnvironmentName,
    /// Whose it is.
    pub function: FunctionName,
    /// The secrets it gets.
    pub secrets: SecretSelection,
    /// The names that its code mentions, as the service wrote them.
    pub referenced: String,
}

/// A query in the database's dialect: how its rows become one text of JSON lists in a JSON list, how bytes become text, and how
/// tables are joined in just this order.
macro_rules! dialect {
    ($conn:expr, $query:ident) => {
        match $conn.backend_name() == "SQLite" {
            true => $query!("json_group_array(json_array(", "))", "hex(", ")", "CROSS JOIN"),
            false => {
                $query!("CAST(coalesce(json_agg(json_build_array(", ")), '[]') AS TEXT)", "encode(", ", 'hex')", "JOIN")
            }
        }
    };
}

/// A secret `s` that nothing used for long, old enough to have been.
macro_rules! unused {
    () => {
        "(COALESCE(s.last_used_at, 0) < $4 AND COALESCE(s.last_sent_at, 0) < $4 AND s.created_at < $5)"
    };
}

/// Few secrets need a look at their values: those that some condition without a join or an index leads to.
macro_rules! ailing {
    ($list:literal, $end:literal, $_hex:literal, $_text:literal, $join:literal) => {
        concat!(
            "SELECT ",
            $list,
            "s.environment, s.name, s.delivery, v.findings, v.mode, ",
            due!(),
            ", s.created_at, s.last_used_at, s.last_sent_at",
            $end,
            " AS found FROM (SELECT s.id FROM secrets s WHERE s.account = $1 AND ($2 = '' OR s.environment = $2) \
             AND (s.rotate_after_days IS NOT NULL OR ",
            usual!(),
            " IS NOT NULL OR ",
            unused!(),
            ") UNION SELECT secret_id FROM secret_versions WHERE account = $1 \
             AND (findings <> '' OR mode <> '' OR rotate_by IS NOT NULL)) AS few ",
            $join,
            " secrets s ON s.account = $1 AND s.id = few.id ",
            $join,
            " secret_versions v ON v.account = s.account AND v.secret_id = s.id AND v.version = s.version \
             WHERE ($2 = '' OR s.environment = $2) AND (v.findings <> '' OR v.mode <> '' OR ",
            due!(),
            " < $3 OR ",
            unused!(),
            ")"
        )
    };
}

/// The fingerprints that are there twice come from an index alone, older versions' too.
macro_rules! equal {
    ($list:literal, $end:literal, $hex:literal, $text:literal, $join:literal) => {
        concat!(
            "SELECT ",
            $list,
            $hex,
            "v.fingerprint",
            $text,
            ", s.environment, s.name, v.mask",
            $end,
            " AS found FROM (SELECT fingerprint FROM secret_versions WHERE account = $1 AND fingerprint IS NOT NULL \
             GROUP BY fingerprint HAVING count(*) > 1) AS twice ",
            $join,
            " secret_versions v ON v.account = $1 AND v.fingerprint = twice.fingerprint ",
            $join,
            " secrets s ON s.account = v.account AND s.id = v.secret_id AND s.version = v.version"
        )
    };
}

macro_rules! reads_of {
    ($list:literal, $end:literal, $_hex:literal, $_text:literal, $_join:literal) => {
        concat!(
            "SELECT ",
            $list,
            "a.environment, f.name, d.secrets, d.referenced",
            $end,
            " AS found FROM active a JOIN functions f ON f.account = a.account AND f.id = a.function_id \
             JOIN deployments d ON d.account = a.account AND d.function_id = a.function_id AND d.number = a.number \
             WHERE a.account = $1 AND ($2 = '' OR a.environment = $2) AND d.referenced <> ''"
        )
    };
}

fn parsed<T, I>(text: &str, what: &'static str, rule: impl Fn(&str) -> Result<T, I>) -> Result<T> {
    rule(text).map_err(|_| StoreError::Corrupt { what })
}

reads! {
    /// The secrets of one environment or of all that have anything that could have to be told: findings, a mode, a time by
    /// which they should be replaced soon, or no use for long.
    pub async fn ailing_secrets(
        conn, account: &AccountId, environment: Option<&EnvironmentName>, patience: &Patience,
    ) -> Result<Vec<AilingRow>> {
        type Found = (String, String, String, String, String, Option<i64>, i64, Option<i64>, Option<i64>);
        let query = sqlx::query(dialect!(conn, ailing))
            .bind(account.as_str())
            .bind(environment.map_or("", EnvironmentName::as_str))
            .bind(patience.soon_until().as_millis())
            .bind(patience.unused_before().as_millis())
            .bind(patience.new_since().as_millis());
        let rows: Vec<Found> = query.fetch_one(conn).await?.json("found")?;
        let time = Timestamp::from_millis;
        rows.into_iter()
            .map(|(environment, name, delivery, findings, mode, due, created, used, sent)| {
                Ok(AilingRow {
                    environment: parsed(&environment, "environment", EnvironmentName::parse)?,
                    name: parsed(&name, "name", SecretName::parse)?,
                    delivery: parsed(&delivery, "delivery", Delivery::parse)?,
                    findings,
                    mode,
                    due: due.map(time),
                    created_at: time(created),
                    last_used_at: used.map(time),
                    last_sent_at: sent.map(time),
                })
            })
            .collect()
    }

    /// Slots of one environment or of all that have no value, neither their own nor another's.
    pub async fn open_slots(
        conn, account: &AccountId, environment: Option<&EnvironmentName>,
    ) -> Result<Vec<(EnvironmentName, SecretName)>> {
        let query = sqlx::query(
            "SELECT environment, name FROM secrets WHERE account = $1 AND version = 0 AND source IS NULL \
             AND ($2 = '' OR environment = $2) ORDER BY environment, name LIMIT 1000",
        );
        let query = query.bind(account.as_str()).bind(environment.map_or("", EnvironmentName::as_str));
        let rows = query.fetch_all(conn).await?;
        let place = |row: &sqlx::any::AnyRow| {
            Ok((row.parse("environment", EnvironmentName::parse)?, row.parse("name", SecretName::parse)?))
        };
        rows.iter().map(place).collect()
    }

    /// Secrets that use the value of another environment which is for one of the provider's modes: environment, name and mode.
    pub async fn shared_modes(
        conn, account: &AccountId, environment: Option<&EnvironmentName>,
    ) -> Result<Vec<(EnvironmentName, SecretName, String)>> {
        let query = sqlx::query(
            "SELECT u.environment, u.name, v.mode FROM secrets u JOIN secrets o ON o.account = u.account AND o.id = u.source \
             JOIN secret_versions v ON v.account = o.account AND v.secret_id = o.id AND v.version = o.version \
             WHERE u.account = $1 AND u.source IS NOT NULL AND ($2 = '' OR u.environment = $2) AND v.mode <> ''",
        );
        let query = query.bind(account.as_str()).bind(environment.map_or("", EnvironmentName::as_str));
        let rows = query.fetch_all(conn).await?;
        rows.iter()
            .map(|row| {
                Ok((
                    row.parse("environment", EnvironmentName::parse)?,
                    row.parse("name", SecretName::parse)?,
                    row.col("mode")?,
                ))
            })
            .collect()
    }

    /// Places by their values, where there may be several of one value, in whatever environment.
    pub async fn equal_values(conn, account: &AccountId) -> Result<Vec<EqualRow>> {
        let query = sqlx::query(dialect!(conn, equal)).bind(account.as_str());
        let rows: Vec<(String, String, String, String)> = query.fetch_one(conn).await?.json("found")?;
        rows.into_iter()
            .map(|(fingerprint, environment, name, mask)| {
                Ok(EqualRow {
                    fingerprint: fingerprint.to_ascii_lowercase(),
                    environment: parsed(&environment, "environment", EnvironmentName::parse)?,
                    name: parsed(&name, "name", SecretName::parse)?,
                    mask,
                })
            })
            .collect()
    }

    /// What the deployments read that are active in one environment or in any, by environment and function.
    pub async fn active_reads(
        conn, account: &AccountId, environment: Option<&EnvironmentName>,
    ) -> Result<Vec<ReadingRow>> {
        let query = sqlx::query(dialect!(conn, reads_of)).bind(account.as_str()).bind(environment.map_or("", EnvironmentName::as_str));
        let rows: Vec<(String, String, String, String)> = query.fetch_one(conn).await?.json("found")?;
        let mut readings = rows
            .into_iter()
            .map(|(environment, function, secrets, referenced)| {
                Ok(ReadingRow {
                    environment: parsed(&environment, "environment", EnvironmentName::parse)?,
                    function: parsed(&function, "name", FunctionName::parse)?,
                    secrets: parsed(&secrets, "secrets", SecretSelection::from_text)?,
                    referenced,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        readings.sort_by(|a, b| (&a.environment, &a.function).cmp(&(&b.environment, &b.function)));
        Ok(readings)
    }

    /// Which of these names have a value, and where.
    pub async fn valued_among(
        conn, account: &AccountId, names: &BTreeSet<SecretName>,
    ) -> Result<BTreeSet<(EnvironmentName, SecretName)>> {
        if names.is_empty() {
            return Ok(BTreeSet::new());
        }
        let sql = match conn.backend_name() == "SQLite" {
            true => "SELECT json_group_array(json_array(environment, name)) AS found FROM secrets \
                WHERE account = $1 AND (version > 0 OR source IS NOT NULL) AND name IN (SELECT value FROM json_each($2))",
            false => "SELECT CAST(coalesce(json_agg(json_build_array(environment, name)), '[]') AS TEXT) AS found FROM secrets \
                WHERE account = $1 AND (version > 0 OR source IS NOT NULL) AND name IN (SELECT json_array_elements_text($2::json))",
        };
        let names: Vec<_> = names.iter().map(SecretName::as_str).collect();
        let query = sqlx::query(sql).bind(account.as_str()).bind(json_text(&names));
        let rows: Vec<(String, String)> = query.fetch_one(conn).await?.json("found")?;
        rows.into_iter()
            .map(|(environment, name)| {
                Ok((
                    parsed(&environment, "environment", EnvironmentName::parse)?,
                    parsed(&name, "name", SecretName::parse)?,
                ))
            })
            .collect()
    }
}
