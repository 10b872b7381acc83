//! Deployments, their bundles and sources, and which deployment is active where.

use std::collections::BTreeMap;

use domain::{
    Access, AccountId, CorsOrigins, EgressPolicy, Endpoint, EnvironmentName, FunctionName, ResponseGuard,
    SecretSelection, Timestamp,
};
use sqlx::any::AnyRow;

use crate::columns::{Columns, int, json_text};
use crate::{Result, StoreError, Tx};

/// A deployment, without its source files and code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploymentRow {
    /// The function.
    pub function_id: String,
    /// Its number, never used twice in one function. [`Tx::insert_deployment`] gives it.
    pub number: u64,
    /// The bundle's.
    pub digest: String,
    /// Which of the source files is the entry.
    pub entry: String,
    /// Who may invoke it.
    pub access: Access,
    /// The secrets it gets.
    pub secrets: SecretSelection,
    /// Its limits, as the service writes them.
    pub limits_json: String,
    /// From which pages it may be called.
    pub cors_origins: CorsOrigins,
    /// Where it may send requests.
    pub egress: EgressPolicy,
    /// The TCP endpoints it declares.
    pub tcp: Vec<Endpoint>,
    /// What is done with responses that hold a value; `None`: what the account says.
    pub response_guard: Option<ResponseGuard>,
    /// The secret names its code mentions, as the service writes them.
    pub referenced: Option<String>,
    /// When it was deployed.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
}

/// Which deployment is active in an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveRow {
    /// The function.
    pub function_id: String,
    /// Where.
    pub environment: EnvironmentName,
    /// The deployment's number.
    pub number: u64,
    /// Since when.
    pub updated_at: Timestamp,
}

/// What an invocation needs to know of the active deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveDeployment {
    /// The function.
    pub function_id: String,
    /// The deployment's number.
    pub number: u64,
    /// The bundle's.
    pub digest: String,
    /// Who may invoke it.
    pub access: Access,
    /// The secrets it gets.
    pub secrets: SecretSelection,
    /// Its limits, as the service writes them.
    pub limits_json: String,
    /// From which pages it may be called.
    pub cors_origins: CorsOrigins,
    /// Where it may send requests.
    pub egress: EgressPolicy,
    /// The TCP endpoints it declares.
    pub tcp: Vec<Endpoint>,
    /// What is done with responses that hold a value; `None`: what the account says.
    pub response_guard: Option<ResponseGuard>,
}

fn deployment_row(row: &AnyRow) -> Result<DeploymentRow> {
    Ok(DeploymentRow {
        function_id: row.col("function_id")?,
        number: row.number("number")?,
        digest: row.col("digest")?,
        entry: row.col("entry")?,
        access: row.parse("access", Access::parse)?,
        secrets: row.parse("secrets", SecretSelection::from_text)?,
        limits_json: row.col("limits_json")?,
        cors_origins: row.parse("cors_origins", CorsOrigins::from_text)?,
        egress: row.parse("egress", EgressPolicy::from_text)?,
        tcp: row.parse("tcp", |text| text.split(',').filter(|one| !one.is_empty()).map(Endpoint::parse).collect())?,
        response_guard: row.maybe("response_guard", ResponseGuard::parse)?,
        referenced: row.col("referenced")?,
        created_at: row.time("created_at")?,
        created_by: row.col("created_by")?,
    })
}

fn active_row(row: &AnyRow) -> Result<ActiveRow> {
    Ok(ActiveRow {
        function_id: row.col("function_id")?,
        environment: row.parse("environment", EnvironmentName::parse)?,
        number: row.number("number")?,
        updated_at: row.time("updated_at")?,
    })
}

fn active_deployment_row(row: &AnyRow) -> Result<ActiveDeployment> {
    Ok(ActiveDeployment {
        function_id: row.col("function_id")?,
        number: row.number("number")?,
        digest: row.col("digest")?,
        access: row.parse("access", Access::parse)?,
        secrets: row.parse("secrets", SecretSelection::from_text)?,
        limits_json: row.col("limits_json")?,
        cors_origins: row.parse("cors_origins", CorsOrigins::from_text)?,
        egress: row.parse("egress", EgressPolicy::from_text)?,
        tcp: row.parse("tcp", |text| text.split(',').filter(|one| !one.is_empty()).map(Endpoint::parse).collect())?,
        response_guard: row.maybe("response_guard", ResponseGuard::parse)?,
    })
}

reads! {
    /// Where a function is active, by environment.
    pub async fn active(conn, account: &AccountId, function_id: &str) -> Result<Vec<ActiveRow>> {
        let query = sqlx::query("SELECT * FROM active WHERE account = $1 AND function_id = $2 ORDER BY environment")
            .bind(account.as_str())
            .bind(function_id);
        query.fetch_all(conn).await?.iter().map(active_row).collect()
    }

    /// The deployments that are active in an environment, with their functions' names, by name: all that its secrets
    /// can reach.
    pub async fn active_deployments(
        conn, account: &AccountId, environment: &EnvironmentName,
    ) -> Result<Vec<(FunctionName, DeploymentRow)>> {
        let query = sqlx::query(
            "SELECT f.name, d.function_id, d.number, d.digest, d.entry, d.access, d.secrets, d.limits_json, d.cors_origins, \
             d.egress, d.tcp, d.response_guard, d.referenced, d.created_at, d.created_by FROM functions f \
             JOIN active a ON a.account = f.account AND a.function_id = f.id \
             JOIN deployments d ON d.account = f.account AND d.function_id = f.id AND d.number = a.number \
             WHERE f.account = $1 AND a.environment = $2 ORDER BY f.name",
        );
        let rows = query.bind(account.as_str()).bind(environment.as_str()).fetch_all(conn).await?;
        rows.iter().map(|row| Ok((row.parse("name", FunctionName::parse)?, deployment_row(row)?))).collect()
    }

    /// The deployment that an invocation runs.
    pub async fn active_deployment(
        conn, account: &AccountId, environment: &EnvironmentName, function: &FunctionName,
    ) -> Result<Option<ActiveDeployment>> {
        let query = sqlx::query(
            "SELECT d.function_id, d.number, d.digest, d.access, d.secrets, d.limits_json, d.cors_origins, d.egress, d.tcp, d.response_guard \
             FROM functions f \
             JOIN active a ON a.account = f.account AND a.function_id = f.id \
             JOIN deployments d ON d.account = f.account AND d.function_id = f.id AND d.number = a.number \
             WHERE f.account = $1 AND f.name = $2 AND a.environment = $3",
        );
        let query = query.bind(account.as_str()).bind(function.as_str()).bind(environment.as_str());
        query.fetch_optional(conn).await?.as_ref().map(active_deployment_row).transpose()
    }

    /// Deployments of a function, newest first, those before number `before`.
    pub async fn deployments(
        conn, account: &AccountId, function_id: &str, before: Option<u64>, limit: u32,
    ) -> Result<Vec<DeploymentRow>> {
        let query = sqlx::query(
            "SELECT function_id, number, digest, entry, access, secrets, limits_json, cors_origins, egress, tcp, response_guard, referenced, \
             created_at, created_by \
             FROM deployments WHERE account = $1 AND function_id = $2 AND number < $3 ORDER BY number DESC LIMIT $4",
        );
        let query = query.bind(account.as_str()).bind(function_id);
        let query = query.bind(before.map_or(i64::MAX, int)).bind(i64::from(limit));
        query.fetch_all(conn).await?.iter().map(deployment_row).collect()
    }

    /// One deployment.
    pub async fn deployment(
        conn, account: &AccountId, function_id: &str, number: u64,
    ) -> Result<Option<DeploymentRow>> {
        let query = sqlx::query(
            "SELECT function_id, number, digest, entry, access, secrets, limits_json, cors_origins, egress, tcp, response_guard, referenced, \
             created_at, created_by \
             FROM deployments WHERE account = $1 AND function_id = $2 AND number = $3",
        );
        let query = query.bind(account.as_str()).bind(function_id).bind(int(number));
        query.fetch_optional(conn).await?.as_ref().map(deployment_row).transpose()
    }

    /// A deployment's source: file names and contents.
    pub async fn deployment_files(
        conn, account: &AccountId, function_id: &str, number: u64,
    ) -> Result<Option<BTreeMap<String, String>>> {
        let query = sqlx::query("SELECT files FROM deployments WHERE account = $1 AND function_id = $2 AND number = $3");
        let query = query.bind(account.as_str()).bind(function_id).bind(int(number));
        query.fetch_optional(conn).await?.map(|row| row.json("files")).transpose()
    }

    /// A bundle's code.
    pub async fn bundle(conn, account: &AccountId, digest: &str) -> Result<Option<Vec<u8>>> {
        let query = sqlx::query("SELECT code FROM bundles WHERE account = $1 AND digest = $2")
            .bind(account.as_str())
            .bind(digest);
        query.fetch_optional(conn).await?.map(|row| row.col("code")).transpose()
    }
}

impl Tx {
    /// Keeps `code` under its digest, unless the account has it.
    ///
    /// # Errors
    /// The database's.
    pub async fn insert_bundle_if_absent(&mut self, account: &AccountId, digest: &str, code: &[u8]) -> Result<()> {
        sqlx::query("INSERT INTO bundles (account, digest, code) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
            .bind(account.as_str())
            .bind(digest)
            .bind(code)
            .execute(self.connection().await?)
            .await?;
        Ok(())
    }

    /// Adds a deployment under the next number, which it returns; `row.number` is not looked at. The bundle must be in.
    ///
    /// # Errors
    /// [`StoreError::Missing`] if the function or the bundle does not exist.
    pub async fn insert_deployment(
        &mut self,
        account: &AccountId,
        row: &DeploymentRow,
        files: &BTreeMap<String, String>,
    ) -> Result<u64> {
        let query = sqlx::query(
            "UPDATE functions SET next_number = next_number + 1, updated_at = $3 WHERE account = $1 AND id = $2 \
             RETURNING next_number - 1 AS number",
        );
        let query = query.bind(account.as_str()).bind(&row.function_id).bind(row.created_at.as_millis());
        let rows = query.fetch_all(self.connection().await?).await?;
        let number = rows.first().ok_or(StoreError::Missing)?.number("number")?;
        sqlx::query(
            "INSERT INTO deployments (account, function_id, number, digest, entry, access, secrets, limits_json, \
             referenced, created_at, created_by, files, cors_origins, egress, tcp, response_guard) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
        )
        .bind(account.as_str())
        .bind(&row.function_id)
        .bind(int(number))
        .bind(&row.digest)
        .bind(&row.entry)
        .bind(row.access.to_string())
        .bind(row.secrets.to_text())
        .bind(&row.limits_json)
        .bind(row.referenced.as_deref())
        .bind(row.created_at.as_millis())
        .bind(&row.created_by)
        .bind(json_text(files))
        .bind(row.cors_origins.to_text())
        .bind(row.egress.to_text())
        .bind(row.tcp.iter().map(ToString::to_string).collect::<Vec<_>>().join(","))
        .bind(row.response_guard.map(ResponseGuard::as_str))
        .execute(self.connection().await?)
        .await?;
        Ok(number)
    }

    /// Ends that a function is active in an environment. `false` if it is not.
    ///
    /// # Errors
    /// The database's.
    pub async fn clear_active(
        &mut self,
        account: &AccountId,
        function_id: &str,
        environment: &EnvironmentName,
    ) -> Result<bool> {
        let delete = sqlx::query("DELETE FROM active WHERE account = $1 AND function_id = $2 AND environment = $3")
            .bind(account.as_str())
            .bind(function_id)
            .bind(environment.as_str());
        Ok(delete.execute(self.connection().await?).await?.rows_affected() == 1)
    }

    /// Makes a deployment the active one of an environment.
    ///
    /// # Errors
    /// [`StoreError::Missing`] if the deployment or the environment does not exist.
    pub async fn set_active(&mut self, account: &AccountId, row: &ActiveRow) -> Result<()> {
        sqlx::query(
            "INSERT INTO active (account, function_id, environment, number, updated_at) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (account, function_id, environment) \
             DO UPDATE SET number = excluded.number, updated_at = excluded.updated_at",
        )
        .bind(account.as_str())
        .bind(&row.function_id)
        .bind(row.environment.as_str())
        .bind(int(row.number))
        .bind(row.updated_at.as_millis())
        .execute(self.connection().await?)
        .await?;
        sqlx::query("UPDATE functions SET updated_at = $3 WHERE account = $1 AND id = $2")
            .bind(account.as_str())
            .bind(&row.function_id)
            .bind(row.updated_at.as_millis())
            .execute(self.connection().await?)
            .await?;
        Ok(())
    }
}
