//! The settings of an account, by name. Few, so they are read together.

use domain::{AccountId, Settings, Timestamp};

use crate::columns::Columns;
use crate::{Result, StoreError, Tx};

reads! {
    /// The account's settings. One that was never put is as it is by default, and one that this program does not know is
    /// left out.
    pub async fn settings(conn, account: &AccountId) -> Result<Settings> {
        let query = sqlx::query("SELECT name, text FROM settings WHERE account = $1").bind(account.as_str());
        let mut settings = Settings::default();
        for row in query.fetch_all(conn).await? {
            match settings.set(&row.col::<String>("name")?, &row.col::<String>("text")?) {
                Ok(()) => {}
                Err(unknown) if unknown.code == "setting_unknown" => {}
                Err(_) => return Err(StoreError::Corrupt { what: "settings" }),
            }
        }
        Ok(settings)
    }
}

impl Tx {
    /// Puts one setting, as [`Settings::to_texts`] writes it.
    ///
    /// # Errors
    /// [`StoreError::Missing`] if there is no such account.
    pub async fn put_setting(
        &mut self,
        account: &AccountId,
        name: &str,
        text: &str,
        at: Timestamp,
        by: &str,
    ) -> Result<()> {
        sqlx::query(
            "INSERT INTO settings (account, name, text, updated_at, updated_by) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (account, name) DO UPDATE SET text = excluded.text, updated_at = excluded.updated_at, \
             updated_by = excluded.updated_by",
        )
        .bind(account.as_str())
        .bind(name)
        .bind(text)
        .bind(at.as_millis())
        .bind(by)
        .execute(self.connection().await?)
        .await?;
        Ok(())
    }
}
