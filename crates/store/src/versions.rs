//! The versions of secrets: ciphertexts, which stay until they are destroyed, and what remains of them then.

use domain::{AccountId, Delivery, EnvironmentName, HostPattern, SecretId, SecretName, Timestamp};
use sqlx::any::AnyRow;

use crate::columns::{Columns, int, json_text, millis};
use crate::secrets::SecretRow;
use crate::tx::Statement;
use crate::{Result, StoreError, Tx};

/// What is known of a version without decrypting it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ValueFacts {
    /// For people: why it was put.
    pub note: String,
    /// Keyed, of the value: equal values of one account have equal ones. `None` once it was destroyed.
    pub fingerprint: Option<Vec<u8>>,
    /// What may be wrong with the value, as the service writes it.
    pub findings: String,
    /// The provider's mode it is for, as the service writes it; empty if that is not known.
    pub mode: String,
    /// When it stops working or is to be rotated, if that was said.
    pub rotate_by: Option<Timestamp>,
    /// Everyone may see it.
    pub publishable: bool,
}

pub(crate) fn facts(row: &AnyRow) -> Result<ValueFacts> {
    Ok(ValueFacts {
        note: row.col("version_note")?,
        fingerprint: row.col("fingerprint")?,
        findings: row.col("findings")?,
        mode: row.col("mode")?,
        rotate_by: row.maybe_time("rotate_by")?,
        publishable: row.col::<i64>("publishable")? == 1,
    })
}

/// A version without its ciphertext.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionRow {
    /// Its number, never used twice in one secret.
    pub version: u64,
    /// Its value's mask.
    pub mask: String,
    /// What else is known of it.
    pub facts: ValueFacts,
    /// When it was put.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
    /// Since when its ciphertext is gone.
    pub destroyed_at: Option<Timestamp>,
}

/// What an invocation injects: a secret's current ciphertext and all that its decryption is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredValue {
    /// The secret that the ciphertext is of.
    pub secret: SecretId,
    /// The environment that it is of.
    pub environment: EnvironmentName,
    /// Its name.
    pub name: SecretName,
    /// The current version.
    pub version: u64,
    /// How it reaches functions.
    pub delivery: Delivery,
    /// Where the broker may send it.
    pub hosts: Vec<HostPattern>,
    /// Everyone may see it.
    pub publishable: bool,
    /// The current version's ciphertext.
    pub ciphertext: Vec<u8>,
    /// The secret of another environment that uses it, where it was asked for there.
    pub user: Option<SharingUser>,
}

/// A secret that uses another's value, and what shows that it may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharingUser {
    /// Its id.
    pub secret: SecretId,
    /// As [`Tx::share_secret`] was given it.
    pub tag: Vec<u8>,
}

fn version_row(row: &AnyRow) -> Result<VersionRow> {
    Ok(VersionRow {
        version: row.number("version")?,
        mask: row.col("mask")?,
        facts: facts(row)?,
        created_at: row.time("created_at")?,
        created_by: row.col("created_by")?,
        destroyed_at: row.maybe_time("destroyed_at")?,
    })
}

fn hosts(json: &str) -> Result<Vec<HostPattern>> {
    let corrupt = StoreError::Corrupt { what: "hosts" };
    let texts: Vec<String> = serde_json::from_str(json).map_err(|_| corrupt.clone())?;
    texts.iter().map(|text| HostPattern::parse(text)).collect::<Result<_, _>>().map_err(|_| corrupt)
}

pub(crate) fn stored_value(row: &AnyRow) -> Result<StoredValue> {
    Ok(StoredValue {
        secret: SecretId::new(row.col::<String>("id")?),
        environment: row.parse("environment", EnvironmentName::parse)?,
        name: row.parse("name", SecretName::parse)?,
        version: row.number("version")?,
        delivery: row.parse("delivery", Delivery::parse)?,
        hosts: hosts(&row.col::<String>("hosts")?)?,
        publishable: row.col::<i64>("publishable")? == 1,
        ciphertext: row.col("ciphertext")?,
        user: match row.col::<Option<Vec<u8>>>("source_tag")? {
            Some(tag) => Some(SharingUser { secret: SecretId::new(row.col::<String>("user_id")?), tag }),
            None => None,
        },
    })
}

macro_rules! select_versions {
    () => {
        "SELECT version, mask, note AS version_note, fingerprint, findings, mode, rotate_by, publishable, created_at, created_by, \
         destroyed_at FROM secret_versions "
    };
}

reads! {
    /// Versions newest first, those before number `before`, destroyed ones too.
    pub async fn versions(
        conn, account: &AccountId, secret: &SecretId, before: Option<u64>, limit: u32,
    ) -> Result<Vec<VersionRow>> {
        let query = sqlx::query(concat!(
            select_versions!(),
            "WHERE account = $1 AND secret_id = $2 AND version < $3 ORDER BY version DESC LIMIT $4"
        ));
        let query = query.bind(account.as_str()).bind(secret.as_str());
        let query = query.bind(before.map_or(i64::MAX, int)).bind(i64::from(limit));
        query.fetch_all(conn).await?.iter().map(version_row).collect()
    }

    /// One version.
    pub async fn version(
        conn, account: &AccountId, secret: &SecretId, number: u64,
    ) -> Result<Option<VersionRow>> {
        let query =
            sqlx::query(concat!(select_versions!(), "WHERE account = $1 AND secret_id = $2 AND version = $3"));
        let query = query.bind(account.as_str()).bind(secret.as_str()).bind(int(number));
        query.fetch_optional(conn).await?.as_ref().map(version_row).transpose()
    }

    /// The number that the next version must have. Ask inside the write that adds it, since the number is part of what
    /// the ciphertext is bound to. `None` if there is no such secret.
    pub async fn next_version(conn, account: &AccountId, secret: &SecretId) -> Result<Option<u64>> {
        let query = sqlx::query("SELECT next_version FROM secrets WHERE account = $1 AND id = $2")
            .bind(account.as_str())
            .bind(secret.as_str());
        query.fetch_optional(conn).await?.map(|row| row.number("next_version")).transpose()
    }

    /// A version's ciphertext; `None` if there is no such version or it was destroyed.
    pub async fn ciphertext(conn, account: &AccountId, secret: &SecretId, version: u64) -> Result<Option<Vec<u8>>> {
        let query = sqlx::query(
            "SELECT ciphertext FROM secret_versions WHERE account = $1 AND secret_id = $2 AND version = $3",
        );
        let query = query.bind(account.as_str()).bind(secret.as_str()).bind(int(version));
        query.fetch_optional(conn).await?.map_or(Ok(None), |row| row.col("ciphertext"))
    }

    /// The current value of one secret.
    pub async fn current_value(
        conn, account: &AccountId, environment: &EnvironmentName, name: &SecretName,
    ) -> Result<Option<StoredValue>> {
        let query = sqlx::query(
            "SELECT o.id, o.environment, o.name, o.version, o.delivery, o.hosts, v.publishable, v.ciphertext, \
             s.id AS user_id, s.source_tag FROM secrets s JOIN secrets o ON o.account = s.account AND o.id = COALESCE(s.source, s.id) \
             JOIN secret_versions v ON v.account = o.account AND v.secret_id = o.id AND v.version = o.version \
             WHERE s.account = $1 AND s.environment = $2 AND s.name = $3",
        );
        let query = query.bind(account.as_str()).bind(environment.as_str()).bind(name.as_str());
        query.fetch_optional(conn).await?.as_ref().map(stored_value).transpose()
    }

    /// The current values of an environment, by name.
    pub async fn current_values(
        conn, account: &AccountId, environment: &EnvironmentName,
    ) -> Result<Vec<StoredValue>> {
        // A first invocation waits for this, and each row would be handed from thread to thread: one row, for all of them.
        macro_rules! select {
            ($rows:literal) => {
                concat!(
                    "SELECT ", $rows, " AS found FROM secrets s JOIN secrets o ",
                    "ON o.account = s.account AND o.id = COALESCE(s.source, s.id) JOIN secret_versions v ",
                    "ON v.account = o.account AND v.secret_id = o.id AND v.version = o.version ",
                    "WHERE s.account = $1 AND s.environment = $2"
                )
            };
        }
        let sql = match conn.backend_name() == "SQLite" {
            true => select!(
                "json_group_array(json_array(o.id, o.environment, o.name, o.version, o.delivery, o.hosts, \
                 hex(v.ciphertext), s.id, hex(s.source_tag), v.publishable) ORDER BY s.name)"
            ),
            false => select!(
                "CAST(coalesce(json_agg(json_build_array(o.id, o.environment, o.name, o.version, o.delivery, o.hosts, \
                 encode(v.ciphertext, 'hex'), s.id, coalesce(encode(s.source_tag, 'hex'), ''), v.publishable) \
                 ORDER BY s.name), '[]') AS TEXT)"
            ),
        };
        let query = sqlx::query(sql).bind(account.as_str()).bind(environment.as_str());
        let found: Vec<Found> = query.fetch_one(conn).await?.json("found")?;
        found.into_iter().map(Found::value).collect()
    }

    /// A text that is another one whenever `current_values` would be: their secrets with their revisions.
    pub async fn values_stamp(conn, account: &AccountId, environment: &EnvironmentName) -> Result<String> {
        let query = sqlx::query(
            "SELECT COALESCE(string_agg(id || ':' || revision, ' ' ORDER BY id), '') AS stamp FROM (\
             SELECT s.id, s.revision FROM secrets s WHERE s.account = $1 AND s.environment = $2 \
             UNION ALL SELECT o.id, o.revision FROM secrets s JOIN secrets o ON o.account = s.account AND o.id = s.source \
             WHERE s.account = $1 AND s.environment = $2) v",
        );
        let query = query.bind(account.as_str()).bind(environment.as_str());
        query.fetch_one(conn).await?.col("stamp")
    }
}

/// A row of [`Store::current_values`](crate::Store::current_values).
#[derive(serde::Deserialize)]
struct Found(String, String, String, u64, String, String, String, String, String, u8);

impl Found {
    fn value(self) -> Result<StoredValue> {
        let Self(secret, environment, name, version, delivery, to, ciphertext, user, tag, publishable) = self;
        let bytes = |text: &str, what| hex::decode(text).map_err(|_| StoreError::Corrupt { what });
        Ok(StoredValue {
            secret: SecretId::new(secret),
            environment: EnvironmentName::parse(&environment)
                .map_err(|_| StoreError::Corrupt { what: "environment" })?,
            name: SecretName::parse(&name).map_err(|_| StoreError::Corrupt { what: "name" })?,
            version,
            delivery: Delivery::parse(&delivery).map_err(|_| StoreError::Corrupt { what: "delivery" })?,
            hosts: hosts(&to)?,
            publishable: publishable == 1,
            ciphertext: bytes(&ciphertext, "ciphertext")?,
            user: match tag.as_str() {
                "" => None,
                tag => Some(SharingUser { secret: SecretId::new(user), tag: bytes(tag, "source_tag")? }),
            },
        })
    }
}

impl Tx {
    pub(crate) async fn insert_version(&mut self, row: &SecretRow, ciphertext: &[u8]) -> Result<()> {
        let insert = Statement::new(
            "INSERT INTO secret_versions (account, secret_id, version, mask, created_at, created_by, ciphertext, \
             delivery, hosts, note, fingerprint, findings, mode, rotate_by, publishable) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        )
        .bind(row.account.as_str())
        .bind(row.id.as_str())
        .bind(int(row.version))
        .bind(row.mask.as_str())
        .bind(row.updated_at.as_millis())
        .bind(row.updated_by.as_str())
        .bind(ciphertext)
        .bind(row.delivery.as_str())
        .bind(json_text(&row.hosts))
        .bind(row.facts.note.as_str())
        .bind(row.facts.fingerprint.clone())
        .bind(row.facts.findings.as_str())
        .bind(row.facts.mode.as_str())
        .bind(millis(row.facts.rotate_by))
        .bind(i64::from(row.facts.publishable));
        self.defer(insert).await
    }

    /// Adds version `row.version` with `row.mask` and `row.facts`, put by `row.updated_by` at `row.updated_at`, makes it current and
    /// takes over the row's settings as [`Tx::update_secret`] does.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] unless `row.version` is [`Tx::next_version`]; [`StoreError::Missing`] if there is no
    /// such secret.
    pub async fn add_version(&mut self, row: &SecretRow, ciphertext: &[u8]) -> Result<()> {
        let read = self.known.next_version.take();
        let next = match read.filter(|(account, id, _)| *account == row.account && *id == row.id) {
            Some((_, _, next)) => next,
            None => self.next_version(&row.account, &row.id).await?.ok_or(StoreError::Missing)?,
        };
        if next != row.version {
            return Err(StoreError::Conflict);
        }
        let update = Statement::new(
            "UPDATE secrets SET delivery = $3, hosts = $4, note = $5, rotate_after_days = $6, updated_at = $7, \
             updated_by = $8, version = $9, next_version = $9 + 1, \
             source = NULL, source_tag = NULL, revision = revision + 1 WHERE account = $1 AND id = $2",
        )
        .bind(row.account.as_str())
        .bind(row.id.as_str())
        .bind(row.delivery.as_str())
        .bind(json_text(&row.hosts))
        .bind(row.note.as_str())
        .bind(row.rotate_after_days.map(i64::from))
        .bind(row.updated_at.as_millis())
        .bind(row.updated_by.as_str())
        .bind(int(row.version));
        self.defer(update).await?;
        self.insert_version(row, ciphertext).await
    }

    /// Makes a version current, delivered as it was when it was put: a value does not follow to hosts that were named for a
    /// later one. `false` if there is no such version or it was destroyed.
    ///
    /// # Errors
    /// The database's.
    pub async fn activate_version(
        &mut self,
        account: &AccountId,
        secret: &SecretId,
        version: u64,
        at: Timestamp,
        by: &str,
    ) -> Result<bool> {
        let done = sqlx::query(
            "UPDATE secrets SET version = $3, updated_at = $4, updated_by = $5, source = NULL, \
             source_tag = NULL, revision = revision + 1, (delivery, hosts) = \
             (SELECT v.delivery, v.hosts FROM secret_versions v \
             WHERE v.account = $1 AND v.secret_id = $2 AND v.version = $3) WHERE account = $1 AND id = $2 AND EXISTS \
             (SELECT 1 FROM secret_versions v WHERE v.account = $1 AND v.secret_id = $2 AND v.version = $3 \
             AND v.destroyed_at IS NULL)",
        )
        .bind(account.as_str())
        .bind(secret.as_str())
        .bind(int(version))
        .bind(at.as_millis())
        .bind(by)
        .execute(self.connection().await?)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Deletes a version's ciphertext and fingerprint for ever and keeps its number, mask and note. `false` if there is no such version, it was
    /// destroyed before, or it is the current one, which functions are using.
    ///
    /// # Errors
    /// The database's.
    pub async fn destroy_version(
        &mut self,
        account: &AccountId,
        secret: &SecretId,
        version: u64,
        at: Timestamp,
    ) -> Result<bool> {
        let done = sqlx::query(
            "UPDATE secret_versions SET ciphertext = NULL, fingerprint = NULL, destroyed_at = $4 \
             WHERE account = $1 AND secret_id = $2 AND version = $3 AND destroyed_at IS NULL \
             AND NOT EXISTS (SELECT 1 FROM secrets s WHERE s.account = $1 AND s.id = $2 AND s.version = $3)",
        )
        .bind(account.as_str())
        .bind(secret.as_str())
        .bind(int(version))
        .bind(at.as_millis())
        .execute(self.connection().await?)
        .await?;
        Ok(done.rows_affected() == 1)
    }
}
