//! What the server keeps about itself: its id, its wrapped audit signing key, …

use crate::columns::Columns;
use crate::{Result, Tx};

reads! {
    /// What is kept under `key`.
    pub async fn server_state(conn, key: &str) -> Result<Option<Vec<u8>>> {
        let row = sqlx::query("SELECT value FROM server_state WHERE key = $1").bind(key).fetch_optional(conn).await?;
        row.map(|row| row.col("value")).transpose()
    }
}

impl Tx {
    /// Keeps `value` under `key` if nothing is there. Returns what is there afterwards: another node may have been first.
    ///
    /// # Errors
    /// The database's.
    pub async fn put_server_state_if_absent(&mut self, key: &str, value: &[u8]) -> Result<Vec<u8>> {
        sqlx::query("INSERT INTO server_state (key, value) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(key)
            .bind(value)
            .execute(self.connection().await?)
            .await?;
        Ok(self.server_state(key).await?.unwrap_or_default())
    }
}
