//! Accounts and their wrapped keys.

use domain::{AccountId, AccountName, Timestamp};
use sqlx::any::AnyRow;

use crate::columns::{Columns, int};
use crate::{Result, Tx};

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRow {
    /// Its id.
    pub id: AccountId,
    /// Its name, unique in the server.
    pub name: AccountName,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A wrapped account key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountKeyRow {
    /// The account whose values it encrypts.
    pub account: AccountId,
    /// Stands in every ciphertext made with it.
    pub key_id: String,
    /// The key, wrapped by the root key.
    pub wrapped: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Whether new values are encrypted with it. One is, in each account.
    pub current: bool,
}

fn account_row(row: &AnyRow) -> Result<AccountRow> {
    Ok(AccountRow {
        id: AccountId::new(row.col::<String>("id")?),
        name: row.parse("name", AccountName::parse)?,
        created_at: row.time("created_at")?,
    })
}

fn key_row(row: &AnyRow) -> Result<AccountKeyRow> {
    Ok(AccountKeyRow {
        account: AccountId::new(row.col::<String>("account")?),
        key_id: row.col("key_id")?,
        wrapped: row.col("wrapped")?,
        created_at: row.time("created_at")?,
        current: row.col::<i64>("current")? == 1,
    })
}

reads! {
    /// The account with this id.
    pub async fn account(conn, id: &AccountId) -> Result<Option<AccountRow>> {
        let query = sqlx::query("SELECT id, name, created_at FROM accounts WHERE id = $1").bind(id.as_str());
        query.fetch_optional(conn).await?.as_ref().map(account_row).transpose()
    }

    /// The account with this name.
    pub async fn account_by_name(conn, name: &AccountName) -> Result<Option<AccountRow>> {
        let query = sqlx::query("SELECT id, name, created_at FROM accounts WHERE name = $1").bind(name.as_str());
        query.fetch_optional(conn).await?.as_ref().map(account_row).transpose()
    }

    /// Accounts by name, those after `after`.
    pub async fn accounts(conn, after: Option<&AccountName>, limit: u32) -> Result<Vec<AccountRow>> {
        let query = sqlx::query("SELECT id, name, created_at FROM accounts WHERE name > $1 ORDER BY name LIMIT $2")
            .bind(after.map_or("", AccountName::as_str))
            .bind(i64::from(limit));
        query.fetch_all(conn).await?.iter().map(account_row).collect()
    }

    /// The key that new values of `account` are encrypted with.
    pub async fn current_account_key(conn, account: &AccountId) -> Result<Option<AccountKeyRow>> {
        let query = sqlx::query("SELECT * FROM account_keys WHERE account = $1 AND current = 1").bind(account.as_str());
        query.fetch_optional(conn).await?.as_ref().map(key_row).transpose()
    }

    /// A key of `account`, current or not.
    pub async fn account_key(conn, account: &AccountId, key_id: &str) -> Result<Option<AccountKeyRow>> {
        let query = sqlx::query("SELECT * FROM account_keys WHERE account = $1 AND key_id = $2")
            .bind(account.as_str())
            .bind(key_id);
        query.fetch_optional(conn).await?.as_ref().map(key_row).transpose()
    }

    /// All keys of `account`, oldest first.
    pub async fn account_keys(conn, account: &AccountId) -> Result<Vec<AccountKeyRow>> {
        let query = sqlx::query("SELECT * FROM account_keys WHERE account = $1 ORDER BY created_at, key_id")
            .bind(account.as_str());
        query.fetch_all(conn).await?.iter().map(key_row).collect()
    }
}

impl Tx {
    /// Makes an account, with an empty audit log.
    ///
    /// # Errors
    /// [`StoreError::Conflict`](crate::StoreError::Conflict) if the name or id is taken.
    pub async fn insert_account(&mut self, row: &AccountRow) -> Result<()> {
        sqlx::query("INSERT INTO accounts (id, name, created_at) VALUES ($1, $2, $3)")
            .bind(row.id.as_str())
            .bind(row.name.as_str())
            .bind(row.created_at.as_millis())
            .execute(self.connection().await?)
            .await?;
        sqlx::query("INSERT INTO audit_logs (account, size, frontier) VALUES ($1, $2, $3)")
            .bind(row.id.as_str())
            .bind(int(0))
            .bind(Vec::<u8>::new())
            .execute(self.connection().await?)
            .await?;
        Ok(())
    }

    /// Adds a key. If it is current, the one that was stops being so.
    ///
    /// # Errors
    /// [`StoreError::Conflict`](crate::StoreError::Conflict) if the key id is taken in this account.
    pub async fn insert_account_key(&mut self, row: &AccountKeyRow) -> Result<()> {
        if row.current {
            sqlx::query("UPDATE account_keys SET current = 0 WHERE account = $1 AND current = 1")
                .bind(row.account.as_str())
                .execute(self.connection().await?)
                .await?;
        }
        sqlx::query(
            "INSERT INTO account_keys (account, key_id, wrapped, created_at, current) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(row.account.as_str())
        .bind(&row.key_id)
        .bind(&row.wrapped)
        .bind(row.created_at.as_millis())
        .bind(i64::from(row.current))
        .execute(self.connection().await?)
        .await?;
        Ok(())
    }
}
