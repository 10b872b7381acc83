//! Values of many secrets at once, older versions too: ciphertexts with all that decrypting them needs.

use domain::{AccountId, EnvironmentName, SecretId, SecretName};
use sqlx::any::AnyRow;

use crate::columns::{Columns, int};
use crate::{Result, StoreError, Tx};

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

/// A version's value under another key, with what is kept of it that depends on the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCiphertext {
    /// The secret.
    pub secret: SecretId,
    /// The version.
    pub version: u64,
    /// Encrypted.
    pub ciphertext: Vec<u8>,
    /// Keyed, of the value.
    pub fingerprint: Vec<u8>,
    /// The shown stand-in.
    pub mask: String,
}

impl Tx {
    /// Puts a version's ciphertext in the place of the one that it has, which must not be destroyed.
    ///
    /// # Errors
    /// [`StoreError::Missing`] if there is no such version.
    pub async fn renew_ciphertext(&mut self, account: &AccountId, new: &NewCiphertext) -> Result<()> {
        let update = sqlx::query(
            "UPDATE secret_versions SET ciphertext = $4, fingerprint = $5, mask = $6 \
             WHERE account = $1 AND secret_id = $2 AND version = $3 AND ciphertext IS NOT NULL",
        );
        let update = update.bind(account.as_str()).bind(new.secret.as_str()).bind(int(new.version));
        let update = update.bind(new.ciphertext.as_slice()).bind(new.fingerprint.as_slice()).bind(&new.mask);
        match update.execute(self.connection().await?).await?.rows_affected() {
            1 => Ok(()),
            _ => Err(StoreError::Missing),
        }
    }
}
