//! Secrets: what is known of them but their values, which `versions.rs` keeps as ciphertexts.

use domain::{AccountId, Delivery, EnvironmentName, Overlap, SecretId, SecretName, Timestamp};
use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;

use crate::audit::frontier_columns;
use crate::columns::{Columns, int, json_text, millis};
use crate::overlaps::{Previous, overlap, previous};
use crate::shares::place;
use crate::tx::Statement;
use crate::versions::{ValueFacts, facts};
use crate::{Result, StoreError, Tx};

/// A secret with its current version's number and mask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretRow {
    /// Its id.
    pub id: SecretId,
    /// The account it is of.
    pub account: AccountId,
    /// The environment it has this value in.
    pub environment: EnvironmentName,
    /// Its name, unique in its environment.
    pub name: SecretName,
    /// The version that is its value; 0: it has none.
    pub version: u64,
    /// Whose value it uses, if not its own.
    pub shared: Option<Shared>,
    /// The current version's mask.
    pub mask: String,
    /// What else is known of the current version.
    pub facts: ValueFacts,
    /// When the current version was put. [`Tx::insert_secret`] and [`Tx::add_version`] take `updated_at` for it.
    pub value_at: Timestamp,
    /// Counts the changes of value and settings, from 0. The store counts; what a written row says is not looked at.
    pub revision: u64,
    /// How it reaches functions.
    pub delivery: Delivery,
    /// Where it may be sent.
    pub hosts: Vec<String>,
    /// For people.
    pub note: String,
    /// How often it should be renewed.
    pub rotate_after_days: Option<u32>,
    /// For how long functions get the value before too, when it is replaced. [`Tx::put_overlap`] writes it and `previous`.
    pub overlap: Option<Overlap>,
    /// The value before, while functions get it, or until somebody notes that they do not any more.
    pub previous: Option<Previous>,
    /// When it was first put.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
    /// When its value or settings were last changed.
    pub updated_at: Timestamp,
    /// By whom.
    pub updated_by: String,
    /// When a function last had it.
    pub last_used_at: Option<Timestamp>,
}

/// The secret of the same name whose value another one uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shared {
    /// Its id.
    pub id: SecretId,
    /// Where it is.
    pub environment: EnvironmentName,
}

impl SecretRow {
    /// Whether its value is its own.
    pub fn has_own_value(&self) -> bool {
        self.version > 0 && self.shared.is_none()
    }
}

fn shared(row: &AnyRow) -> Result<Option<Shared>> {
    let (Some(id), Some(environment)) =
        (row.col::<Option<String>>("source")?, row.maybe("source_environment", EnvironmentName::parse)?)
    else {
        return Ok(None);
    };
    Ok(Some(Shared { id: SecretId::new(id), environment }))
}

fn secret_row(row: &AnyRow) -> Result<SecretRow> {
    Ok(SecretRow {
        id: SecretId::new(row.col::<String>("id")?),
        account: AccountId::new(row.col::<String>("account")?),
        environment: row.parse("environment", EnvironmentName::parse)?,
        name: row.parse("name", SecretName::parse)?,
        version: row.number("value_version")?,
        shared: shared(row)?,
        mask: row.col("mask")?,
        facts: facts(row)?,
        value_at: row.time("value_at")?,
        revision: row.number("revision")?,
        delivery: row.parse("value_delivery", Delivery::parse)?,
        hosts: row.json("value_hosts")?,
        note: row.col("note")?,
        rotate_after_days: row
            .col::<Option<i64>>("value_rotate_after_days")?
            .map(|days| u32::try_from(days).map_err(|_| StoreError::Corrupt { what: "rotate_after_days" }))
            .transpose()?,
        overlap: overlap(row)?,
        previous: previous(row)?,
        created_at: row.time("created_at")?,
        created_by: row.col("created_by")?,
        updated_at: row.time("updated_at")?,
        updated_by: row.col("updated_by")?,
        last_used_at: row.maybe_time("last_used_at")?,
    })
}

/// What is read of secrets `s`, of those whose values they use, `o` (themselves but for shared ones), and of the versions
/// `v` that these values are.
macro_rules! secret_columns {
    () => {
        "s.*, COALESCE(v.version, 0) AS value_version, COALESCE(o.delivery, s.delivery) AS value_delivery, \
         COALESCE(o.hosts, s.hosts) AS value_hosts, COALESCE(o.rotate_after_days, s.rotate_after_days) AS \
         value_rotate_after_days, o.environment AS source_environment, COALESCE(v.mask, '') AS mask, \
         COALESCE(v.note, '') AS version_note, v.fingerprint, COALESCE(v.findings, '') AS findings, \
         COALESCE(v.mode, '') AS mode, v.rotate_by, COALESCE(v.publishable, 0) AS publishable, \
         COALESCE(v.created_at, s.updated_at) AS value_at, w.seconds AS overlap_seconds, \
         w.previous_version, w.previous_until"
    };
}

/// What [`secret_columns`] reads from, beside `s`.
macro_rules! secret_joins {
    () => {
        " LEFT JOIN secrets o ON o.account = s.account AND o.id = COALESCE(s.source, s.id) \
         LEFT JOIN secret_versions v ON v.account = o.account AND v.secret_id = o.id AND v.version = o.version \
         LEFT JOIN secret_overlaps w ON w.account = s.account AND w.secret_id = s.id "
    };
}

/// Secrets with what is known of their current versions; a condition follows.
macro_rules! select_secrets {
    ($rest:literal) => {
        concat!("SELECT ", secret_columns!(), " FROM secrets s", secret_joins!(), $rest)
    };
}

/// Sets a time of secrets, and of those whose values they use, in both dialects.
macro_rules! touch {
    ($column:literal) => {
        [
            touch!($column, "SELECT value FROM json_each($3)"),
            touch!($column, "SELECT json_array_elements_text($3::json)"),
        ]
    };
    ($column:literal, $names:literal) => {
        concat!(
            "WITH used AS (SELECT id, source FROM secrets WHERE account = $1 AND environment = $2 AND name IN (",
            $names,
            ")) UPDATE secrets SET ",
            $column,
            " = $4 WHERE account = $1 AND id IN \
             (SELECT id FROM used UNION ALL SELECT source FROM used WHERE source IS NOT NULL) AND (",
            $column,
            " IS NULL OR ",
            $column,
            " < $4)"
        )
    };
}

reads! {
    /// The secret of that name.
    pub async fn secret(
        conn, account: &AccountId, environment: &EnvironmentName, name: &SecretName,
    ) -> Result<Option<SecretRow>> {
        let query = sqlx::query(select_secrets!("WHERE s.account = $1 AND s.environment = $2 AND s.name = $3"))
            .bind(account.as_str())
            .bind(environment.as_str())
            .bind(name.as_str());
        query.fetch_optional(conn).await?.as_ref().map(secret_row).transpose()
    }

    /// Secrets by environment and name, those after `after`, of one environment or of all. With an environment given,
    /// only the name of `after` counts.
    pub async fn secrets(
        conn,
        account: &AccountId,
        environment: Option<&EnvironmentName>,
        after: Option<(&EnvironmentName, &SecretName)>,
        limit: u32,
    ) -> Result<Vec<SecretRow>> {
        let after = after.map_or(("", ""), |(environment, name)| (environment.as_str(), name.as_str()));
        let query = match environment {
            Some(environment) => sqlx::query(select_secrets!(
                "WHERE s.account = $1 AND s.environment = $2 AND s.name > $3 ORDER BY s.name LIMIT $4"
            ))
            .bind(account.as_str())
            .bind(environment.as_str()),
            None => sqlx::query(select_secrets!(
                "WHERE s.account = $1 AND (s.environment, s.name) > ($2, $3) ORDER BY s.environment, s.name LIMIT $4"
            ))
            .bind(account.as_str())
            .bind(after.0),
        };
        let query = query.bind(after.1).bind(i64::from(limit));
        query.fetch_all(conn).await?.iter().map(secret_row).collect()
    }

    /// The secrets of these names, of one environment or of all, by name and environment.
    pub async fn secrets_named(
        conn, account: &AccountId, environment: Option<&EnvironmentName>, names: &[&SecretName],
    ) -> Result<Vec<SecretRow>> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let places: Vec<_> = (3..names.len() + 3).map(|place| format!("${place}")).collect();
        let select = select_secrets!("WHERE s.account = $1 AND ($2 = '' OR s.environment = $2) AND s.name IN");
        let sql = format!("{select} ({}) ORDER BY s.name, s.environment", places.join(", "));
        let query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
        let query = query.bind(account.as_str()).bind(environment.map_or("", EnvironmentName::as_str));
        let query = names.iter().fold(query, |query, name| query.bind(name.as_str()));
        query.fetch_all(conn).await?.iter().map(secret_row).collect()
    }

    /// How many secrets `account` has in one environment, or in all.
    pub async fn count_secrets_in(conn, account: &AccountId, environment: Option<&EnvironmentName>) -> Result<u64> {
        let query = sqlx::query("SELECT count(*) AS n FROM secrets WHERE account = $1 AND ($2 = '' OR environment = $2)");
        let query = query.bind(account.as_str()).bind(environment.map_or("", EnvironmentName::as_str));
        query.fetch_one(conn).await?.number("n")
    }

    /// Secrets whose own current value has this fingerprint, by environment and name, at most `limit`.
    pub async fn secrets_with_value(
        conn, account: &AccountId, fingerprint: &[u8], limit: u32,
    ) -> Result<Vec<(EnvironmentName, SecretName)>> {
        let query = sqlx::query(
            // CROSS JOIN: SQLite would go through all secrets of the account instead, in the order that is asked for. Every put asks this.
            "SELECT s.environment, s.name FROM secret_versions v CROSS JOIN secrets s WHERE v.account = $1 \
             AND v.fingerprint = $2 AND s.account = v.account AND s.id = v.secret_id AND s.version = v.version \
             ORDER BY s.environment, s.name LIMIT $3",
        );
        let query = query.bind(account.as_str()).bind(fingerprint).bind(i64::from(limit));
        query.fetch_all(conn).await?.iter().map(place).collect()
    }

    /// Names after `after`, of secrets and slots in these environments, or in all.
    pub async fn secret_names(
        conn,
        account: &AccountId,
        environments: Option<&[EnvironmentName]>,
        after: Option<&SecretName>,
        limit: u32,
    ) -> Result<Vec<SecretName>> {
        let places: Vec<_> = (4..environments.map_or(0, <[_]>::len) + 4).map(|place| format!("${place}")).collect();
        let within = match environments {
            None => String::new(),
            Some([]) => return Ok(Vec::new()),
            Some(_) => format!("AND environment IN ({}) ", places.join(", ")),
        };
        let sql = format!(
            "SELECT DISTINCT name FROM secrets WHERE account = $1 AND name > $2 {within}ORDER BY name LIMIT $3"
        );
        let query = sqlx::query(AssertSqlSafe(sql)).persistent(false).bind(account.as_str());
        let query = query.bind(after.map_or("", SecretName::as_str)).bind(i64::from(limit));
        let query = environments.into_iter().flatten().fold(query, |query, name| query.bind(name.as_str()));
        query.fetch_all(conn).await?.iter().map(|row| row.parse("name", SecretName::parse)).collect()
    }

    /// How many secrets `account` has, in all environments.
    pub async fn count_secrets(conn, account: &AccountId) -> Result<u64> {
        let query = sqlx::query("SELECT count(*) AS n FROM secrets WHERE account = $1").bind(account.as_str());
        query.fetch_one(conn).await?.number("n")
    }
}

fn sharer_names(row: &AnyRow) -> Result<Vec<EnvironmentName>> {
    let names = row.col::<Option<String>>("sharers")?.unwrap_or_default();
    let names = names.split(',').filter(|name| !name.is_empty()).map(EnvironmentName::parse);
    names.collect::<Result<_, _>>().map_err(|_| StoreError::Corrupt { what: "sharers" })
}

/// What a put has to know, as of one moment inside its write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutView {
    /// Whether the environment exists.
    pub environment: bool,
    /// Whether somebody may wait for it: there are secret requests for it that nobody answered.
    pub requested: bool,
    /// The secret, and the number that its next version must have: part of what the ciphertext is bound to.
    pub secret: Option<(SecretRow, u64)>,
    /// Where else its value is used.
    pub sharers: Vec<EnvironmentName>,
    /// Another secret has the value that is asked about, as its own and current one.
    pub repeated: bool,
}

impl Tx {
    /// Reads all that a put of the value with this fingerprint has to know at once. [`Tx::add_version`] right after it need not
    /// read again.
    ///
    /// # Errors
    /// [`StoreError::Missing`] if there is no such account.
    pub async fn put_view(
        &mut self,
        account: &AccountId,
        environment: &EnvironmentName,
        name: &SecretName,
        fingerprint: Option<&[u8]>,
    ) -> Result<PutView> {
        let query = Statement::new(concat!(
            "SELECT l.size, l.frontier, \
             (SELECT count(*) FROM environments e WHERE e.account = $1 AND e.name = $2) AS environments, \
             (SELECT count(*) FROM secret_requests r WHERE r.account = $1 AND r.environment = $2 AND r.name = $3 \
             AND r.status = 'pending') AS requested, \
             (SELECT string_agg(u.environment, ',' ORDER BY u.environment) FROM secrets u WHERE u.account = s.account \
             AND u.source = s.id) AS sharers, \
             (SELECT count(*) FROM (SELECT 1 FROM secret_versions x CROSS JOIN secrets y WHERE x.account = $1 \
             AND x.fingerprint = $4 AND y.account = x.account AND y.id = x.secret_id AND y.version = x.version \
             AND NOT (y.environment = $2 AND y.name = $3) LIMIT 1) twin) AS repeated, ",
            secret_columns!(),
            " FROM audit_logs l LEFT JOIN secrets s ON s.account = l.account AND s.environment = $2 AND s.name = $3",
            secret_joins!(),
            "WHERE l.account = $1",
        ));
        let query = query.bind(account.as_str()).bind(environment.as_str()).bind(name.as_str());
        let rows = self.fetch(query.bind(fingerprint.map(<[u8]>::to_vec))).await?;
        let row = rows.first().ok_or(StoreError::Missing)?;
        self.known.frontiers.insert(account.clone(), frontier_columns(row)?);
        let secret = match row.col::<Option<String>>("id")? {
            Some(_) => Some((secret_row(row)?, row.number("next_version")?)),
            None => None,
        };
        self.known.next_version = secret.as_ref().map(|(row, next)| (account.clone(), row.id.clone(), *next));
        let (environment, requested) = (row.number("environments")? > 0, row.number("requested")? > 0);
        let repeated = row.number("repeated")? > 0;
        Ok(PutView { environment, requested, secret, sharers: sharer_names(row)?, repeated })
    }

    /// Adds a secret with the ciphertext of its first version, `row.version`.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the name exists there, [`StoreError::Missing`] if the environment does not.
    pub async fn insert_secret(&mut self, row: &SecretRow, ciphertext: &[u8]) -> Result<()> {
        self.insert_row(row, row.version, row.version + 1).await?;
        self.insert_version(row, ciphertext).await
    }

    /// Adds a slot without a value: `row.version` must be 0. Its first version will be number `next_version`.
    ///
    /// # Errors
    /// As [`Tx::insert_secret`].
    pub async fn insert_slot(&mut self, row: &SecretRow, next_version: u64) -> Result<()> {
        self.insert_row(row, 0, next_version).await
    }

    async fn insert_row(&mut self, row: &SecretRow, version: u64, next_version: u64) -> Result<()> {
        sqlx::query(
            "INSERT INTO secrets (account, id, environment, name, version, next_version, delivery, hosts, note, \
             rotate_after_days, created_at, created_by, updated_at, updated_by, last_used_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        )
        .bind(row.account.as_str())
        .bind(row.id.as_str())
        .bind(row.environment.as_str())
        .bind(row.name.as_str())
        .bind(int(version))
        .bind(int(next_version))
        .bind(row.delivery.as_str())
        .bind(json_text(&row.hosts))
        .bind(&row.note)
        .bind(row.rotate_after_days.map(i64::from))
        .bind(row.created_at.as_millis())
        .bind(&row.created_by)
        .bind(row.updated_at.as_millis())
        .bind(&row.updated_by)
        .bind(millis(row.last_used_at))
        .execute(self.connection().await?)
        .await?;
        Ok(())
    }

    /// Changes delivery, hosts, note, rotation and the update's time and author to the row's, and of its current version
    /// the note, the findings, the delivery, the hosts, when it is to be rotated and whether it is publishable, if its value is
    /// its own. `false` if there is no such secret.
    ///
    /// # Errors
    /// The database's.
    pub async fn update_secret(&mut self, row: &SecretRow) -> Result<bool> {
        sqlx::query(
            "UPDATE secret_versions SET delivery = $4, hosts = $5, note = $6, rotate_by = $7, findings = $8, publishable = $9 \
             WHERE account = $1 AND secret_id = $2 AND version = $3",
        )
        .bind(row.account.as_str())
        .bind(row.id.as_str())
        // What is said of another's value is nothing that is said of an older one of its own, which may have that number.
        .bind(int(if row.has_own_value() { row.version } else { 0 }))
        .bind(row.delivery.as_str())
        .bind(json_text(&row.hosts))
        .bind(&row.facts.note)
        .bind(millis(row.facts.rotate_by))
        .bind(&row.facts.findings)
        .bind(i64::from(row.facts.publishable))
        .execute(self.connection().await?)
        .await?;
        let done = sqlx::query(
            "UPDATE secrets SET delivery = $3, hosts = $4, note = $5, rotate_after_days = $6, updated_at = $7, \
             updated_by = $8, revision = revision + 1 WHERE account = $1 AND id = $2",
        )
        .bind(row.account.as_str())
        .bind(row.id.as_str())
        .bind(row.delivery.as_str())
        .bind(json_text(&row.hosts))
        .bind(&row.note)
        .bind(row.rotate_after_days.map(i64::from))
        .bind(row.updated_at.as_millis())
        .bind(&row.updated_by)
        .execute(self.connection().await?)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Notes that functions had these secrets, and those whose values they use. Names that no longer exist are passed over.
    ///
    /// # Errors
    /// The database's.
    pub async fn touch_secrets(
        &mut self,
        account: &AccountId,
        environment: &EnvironmentName,
        names: &[SecretName],
        at: Timestamp,
    ) -> Result<()> {
        self.touch(touch!("last_used_at"), account, environment, names, at).await
    }

    /// Notes that the broker sent the values of these secrets, their own or those that they use. Names that no longer exist are passed over.
    ///
    /// # Errors
    /// The database's.
    pub async fn touch_sent(
        &mut self,
        account: &AccountId,
        environment: &EnvironmentName,
        names: &[SecretName],
        at: Timestamp,
    ) -> Result<()> {
        self.touch(touch!("last_sent_at"), account, environment, names, at).await
    }

    /// One statement, however many there are: the writes behind it wait. `updates` are SQLite's and PostgreSQL's.
    async fn touch(
        &mut self,
        updates: [&'static str; 2],
        account: &AccountId,
        environment: &EnvironmentName,
        names: &[SecretName],
        at: Timestamp,
    ) -> Result<()> {
        let [sqlite, postgres] = updates;
        let names: Vec<_> = names.iter().map(SecretName::as_str).collect();
        sqlx::query(if self.is_sqlite() { sqlite } else { postgres })
            .bind(account.as_str())
            .bind(environment.as_str())
            .bind(json_text(&names))
            .bind(at.as_millis())
            .execute(self.connection().await?)
            .await?;
        Ok(())
    }

    /// Deletes a secret with all its versions. `false` if there is none.
    ///
    /// # Errors
    /// The database's.
    pub async fn delete_secret(&mut self, account: &AccountId, id: &SecretId) -> Result<bool> {
        let delete =
            sqlx::query("DELETE FROM secrets WHERE account = $1 AND id = $2").bind(account.as_str()).bind(id.as_str());
        Ok(delete.execute(self.connection().await?).await?.rows_affected() == 1)
    }
}
