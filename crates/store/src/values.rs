//! Values of many secrets at once, older versions too: ciphertexts with all that decrypting them needs.

use domain::{AccountId, EnvironmentName, SecretId, SecretName};
use sqlx::any::AnyRow;

use crate::Result;
use crate::columns::{Columns, int};

/// One version's ciphertext.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionValue {
    /// The secret.
    pub secret: SecretId,
    /// Its name.
    pub name: SecretName,
    /// Where it holds.
    pub environment: EnvironmentName,
    /// The version.
    pub version: u64,
    /// Whether functions get it.
    pub current: bool,
    /// Encrypted.
    pub ciphertext: Vec<u8>,
}

fn version_value(row: &AnyRow) -> Result<VersionValue> {
    let (version, current) = (row.number("version")?, row.number("current")?);
    Ok(VersionValue {
        secret: SecretId::new(row.col::<String>("id")?),
        name: row.parse("name", SecretName::parse)?,
        environment: row.parse("environment", EnvironmentName::parse)?,
        version,
        current: version == current,
        ciphertext: row.col("ciphertext")?,
    })
}

reads! {
    /// Of each secret the current version and those of the `newest` last numbers, as far as they are not destroyed, by secret
    /// and version, from after `after`.
    pub async fn newest_values(
        conn, account: &AccountId, newest: u32, after: Option<(&SecretId, u64)>, limit: u32,
    ) -> Result<Vec<VersionValue>> {
        let query = sqlx::query(
            "SELECT s.id, s.name, s.environment, s.version AS current, v.version, v.ciphertext \
             FROM secrets s JOIN secret_versions v ON v.account = s.account AND v.secret_id = s.id \
             WHERE s.account = $1 AND v.ciphertext IS NOT NULL AND (v.version = s.version OR v.version >= s.next_version - $2) \
             AND (s.id > $3 OR (s.id = $3 AND v.version > $4)) ORDER BY s.id, v.version LIMIT $5",
        );
        let query = query.bind(account.as_str()).bind(i64::from(newest));
        let query = query.bind(after.map_or("", |(secret, _)| secret.as_str())).bind(after.map_or(0, |(_, version)| int(version)));
        query.bind(i64::from(limit)).fetch_all(conn).await?.iter().map(version_value).collect()
    }
}
