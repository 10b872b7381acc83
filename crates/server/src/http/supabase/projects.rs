//! Environments as projects.

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use crate::http::extract::Path;
use crate::http::problem::ApiResult;
use crate::service::{Caller, Error, Service};
use crate::wire::Environment;

/// A project, as far as it means anything here.
#[derive(Serialize)]
pub(super) struct Project {
    id: String,
    #[serde(rename = "ref")]
    reference: String,
    /// Both are the account.
    organization_id: String,
    organization_slug: String,
    /// Account and environment.
    name: String,
    region: &'static str,
    created_at: String,
    status: &'static str,
    database: Database,
}

/// There is none; the shape asks for it.
#[derive(Serialize)]
struct Database {
    host: &'static str,
    version: &'static str,
    postgres_engine: &'static str,
    release_channel: &'static str,
}

impl Project {
    fn of(account: &str, environment: Environment) -> Self {
        Self {
            id: environment.supabase_ref.clone(),
            reference: environment.supabase_ref,
            organization_id: account.to_owned(),
            organization_slug: account.to_owned(),
            name: format!("{account}/{}", environment.name),
            region: "tresor",
            created_at: environment.created_at,
            status: "ACTIVE_HEALTHY",
            database: Database { host: "", version: "", postgres_engine: "", release_channel: "" },
        }
    }
}

/// `GET /v1/projects`
pub(super) async fn list(State(service): State<Service>, caller: Caller) -> ApiResult<Json<Vec<Project>>> {
    let account = service.account_name(&caller).await?;
    let environments = service.list_environments(&caller).await?.items;
    Ok(Json(environments.into_iter().map(|environment| Project::of(&account, environment)).collect()))
}

/// `GET /v1/projects/{ref}`
pub(super) async fn get(
    State(service): State<Service>,
    caller: Caller,
    Path(reference): Path<String>,
) -> ApiResult<Json<Project>> {
    let account = service.account_name(&caller).await?;
    let environments = service.list_environments(&caller).await?.items;
    let named = environments.into_iter().find(|environment| environment.supabase_ref == reference);
    Ok(Json(Project::of(&account, named.ok_or(Error::not_found("project"))?)))
}
