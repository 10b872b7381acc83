//! Functions. Their deployments are in `deployments.rs`.

use domain::{AccountId, FunctionName, Timestamp};
use sqlx::any::AnyRow;

use crate::columns::{Columns, anywhere, int};
use crate::{Result, Tx};

/// A function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionRow {
    /// Its id.
    pub id: String,
    /// The account it is of.
    pub account: AccountId,
    /// Its name, unique in its account.
    pub name: FunctionName,
    /// When it was first deployed.
    pub created_at: Timestamp,
    /// When it was last deployed or rolled back.
    pub updated_at: Timestamp,
}

fn function_row(row: &AnyRow) -> Result<FunctionRow> {
    Ok(FunctionRow {
        id: row.col("id")?,
        account: AccountId::new(row.col::<String>("account")?),
        name: row.parse("name", FunctionName::parse)?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}

reads! {
    /// The function of that name.
    pub async fn function(conn, account: &AccountId, name: &FunctionName) -> Result<Option<FunctionRow>> {
        let query = sqlx::query("SELECT * FROM functions WHERE account = $1 AND name = $2")
            .bind(account.as_str())
            .bind(name.as_str());
        query.fetch_optional(conn).await?.as_ref().map(function_row).transpose()
    }

    /// Functions by name, those after `after`.
    pub async fn functions(
        conn, account: &AccountId, after: Option<&FunctionName>, limit: u32,
    ) -> Result<Vec<FunctionRow>> {
        let query = sqlx::query("SELECT * FROM functions WHERE account = $1 AND name > $2 ORDER BY name LIMIT $3")
            .bind(account.as_str())
            .bind(after.map_or("", FunctionName::as_str))
            .bind(i64::from(limit));
        query.fetch_all(conn).await?.iter().map(function_row).collect()
    }

    /// Functions by name, those after `after` whose name has `text` in it.
    pub async fn functions_named_like(
        conn, account: &AccountId, text: &str, after: Option<&FunctionName>, limit: u32,
    ) -> Result<Vec<FunctionRow>> {
        let query = sqlx::query(
            "SELECT * FROM functions WHERE account = $1 AND name > $2 AND name LIKE $3 ESCAPE '!' ORDER BY name LIMIT $4",
        );
        let query = query.bind(account.as_str()).bind(after.map_or("", FunctionName::as_str));
        let query = query.bind(anywhere(&text.trim().to_lowercase())).bind(i64::from(limit));
        query.fetch_all(conn).await?.iter().map(function_row).collect()
    }

    /// How many functions `account` has.
    pub async fn count_functions(conn, account: &AccountId) -> Result<u64> {
        let query = sqlx::query("SELECT count(*) AS n FROM functions WHERE account = $1").bind(account.as_str());
        query.fetch_one(conn).await?.number("n")
    }
}

impl Tx {
    /// Makes a function, with no deployment yet.
    ///
    /// # Errors
    /// [`StoreError::Conflict`](crate::StoreError::Conflict) if the name exists.
    pub async fn insert_function(&mut self, row: &FunctionRow) -> Result<()> {
        sqlx::query(
            "INSERT INTO functions (account, id, name, next_number, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(row.account.as_str())
        .bind(&row.id)
        .bind(row.name.as_str())
        .bind(int(1))
        .bind(row.created_at.as_millis())
        .bind(row.updated_at.as_millis())
        .execute(self.connection().await?)
        .await?;
        Ok(())
    }

    /// Deletes a function with its deployments, invocations and logs, and the bundles that no deployment uses any more.
    /// `false` if there is none.
    ///
    /// # Errors
    /// The database's.
    pub async fn delete_function(&mut self, account: &AccountId, function_id: &str) -> Result<bool> {
        let delete = sqlx::query("DELETE FROM functions WHERE account = $1 AND id = $2")
            .bind(account.as_str())
            .bind(function_id);
        let deleted = delete.execute(self.connection().await?).await?.rows_affected() == 1;
        if deleted {
            sqlx::query(
                "DELETE FROM bundles WHERE account = $1 AND NOT EXISTS (SELECT 1 FROM deployments d \
                 WHERE d.account = bundles.account AND d.digest = bundles.digest)",
            )
            .bind(account.as_str())
            .execute(self.connection().await?)
            .await?;
        }
        Ok(deleted)
    }
}
