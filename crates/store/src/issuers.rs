//! The issuers of JWTs that an account trusts. Few, so lists are whole.

use domain::{AccountId, Algorithm, Issuer, IssuerName, Timestamp};
use sqlx::any::AnyRow;

use crate::columns::{Columns, environments_text, json_text};
use crate::{Result, StoreError, Tx};

/// An issuer as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerRow {
    /// What it is.
    pub issuer: Issuer,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: String,
}

fn issuer_row(row: &AnyRow) -> Result<IssuerRow> {
    let algorithms: Option<Vec<_>> = row.col::<String>("algorithms")?.split(' ').map(Algorithm::parse).collect();
    let issuer = Issuer {
        name: row.parse("name", IssuerName::parse)?,
        issuer: row.col("issuer")?,
        audience: row.col("audience")?,
        algorithms: algorithms.ok_or(StoreError::Corrupt { what: "algorithms" })?,
        keys: row.json("verifier")?,
        groups_claim: row.col("groups_claim")?,
        environments: row.environments()?,
    };
    Ok(IssuerRow { issuer, created_at: row.time("created_at")?, created_by: row.col("created_by")? })
}

reads! {
    /// All issuers of `account`, by name.
    pub async fn issuers(conn, account: &AccountId) -> Result<Vec<IssuerRow>> {
        let query = sqlx::query("SELECT * FROM issuers WHERE account = $1 ORDER BY name").bind(account.as_str());
        query.fetch_all(conn).await?.iter().map(issuer_row).collect()
    }
}

impl Tx {
    /// Adds an issuer, or replaces the one of that name. When and by whom it was made stays.
    ///
    /// # Errors
    /// [`StoreError::Conflict`](crate::StoreError::Conflict) if another one has its `iss`.
    pub async fn put_issuer(&mut self, account: &AccountId, row: &IssuerRow) -> Result<()> {
        let issuer = &row.issuer;
        let algorithms: Vec<_> = issuer.algorithms.iter().map(|algorithm| algorithm.as_str()).collect();
        sqlx::query(
            "INSERT INTO issuers (account, name, issuer, audience, algorithms, verifier, groups_claim, environments, \
             created_at, created_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
             ON CONFLICT (account, name) DO UPDATE SET issuer = excluded.issuer, audience = excluded.audience, \
             algorithms = excluded.algorithms, verifier = excluded.verifier, groups_claim = excluded.groups_claim, \
             environments = excluded.environments",
        )
        .bind(account.as_str())
        .bind(issuer.name.as_str())
        .bind(&issuer.issuer)
        .bind(&issuer.audience)
        .bind(algorithms.join(" "))
        .bind(json_text(&issuer.keys))
        .bind(issuer.groups_claim.as_deref())
        .bind(environments_text(issuer.environments.as_deref()))
        .bind(row.created_at.as_millis())
        .bind(&row.created_by)
        .execute(self.connection().await?)
        .await?;
        Ok(())
    }

    /// Deletes an issuer and what members were to it, which another one of its name must not inherit. `false` if it was
    /// not there.
    ///
    /// # Errors
    /// The database's.
    pub async fn delete_issuer(&mut self, account: &AccountId, name: &IssuerName) -> Result<bool> {
        let part = "UPDATE members SET issuer = NULL, subject = NULL WHERE account = $1 AND issuer = $2";
        sqlx::query(part).bind(account.as_str()).bind(name.as_str()).execute(self.connection().await?).await?;
        let delete = "DELETE FROM issuers WHERE account = $1 AND name = $2";
        let done = sqlx::query(delete).bind(account.as_str()).bind(name.as_str()).execute(self.connection().await?);
        Ok(done.await?.rows_affected() == 1)
    }
}
