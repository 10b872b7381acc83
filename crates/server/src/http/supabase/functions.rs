//! Functions of a project.

use axum::Json;
use axum::extract::State;
use axum::extract::multipart::{Multipart, MultipartRejection};
use axum::http::StatusCode;
use domain::{Access, Timestamp};
use serde::{Deserialize, Serialize};

use super::upload;
use crate::http::body::JsonBody;
use crate::http::extract::{Path, Query};
use crate::http::problem::{ApiError, ApiResult};
use crate::service::{ActiveFunction, Caller, Error, Service};
use crate::wire;

/// A function, as far as it means anything here.
#[derive(Serialize)]
pub(super) struct Listed {
    /// Names are unique, so the name is the id too.
    id: String,
    slug: String,
    name: String,
    status: &'static str,
    /// The deployment's number.
    version: u64,
    /// Unix milliseconds, as all times there.
    created_at: i64,
    updated_at: i64,
    /// Whether callers must be known: whether access is not `public`.
    verify_jwt: bool,
    import_map: bool,
    entrypoint_path: String,
}

impl From<&ActiveFunction> for Listed {
    fn from(active: &ActiveFunction) -> Self {
        let ActiveFunction { function, deployment } = active;
        Self {
            id: function.name.to_string(),
            slug: function.name.to_string(),
            name: function.name.to_string(),
            status: "ACTIVE",
            version: deployment.number,
            created_at: function.created_at.as_millis(),
            updated_at: deployment.created_at.as_millis(),
            verify_jwt: deployment.access != Access::Public,
            import_map: false,
            entrypoint_path: deployment.entry.clone(),
        }
    }
}

impl Listed {
    fn deployed(deployment: &wire::Deployment, entry: String) -> Self {
        let time = Timestamp::parse(&deployment.created_at).map_or(0, Timestamp::as_millis);
        Self {
            id: deployment.function.clone(),
            slug: deployment.function.clone(),
            name: deployment.function.clone(),
            status: "ACTIVE",
            version: deployment.number,
            created_at: time,
            updated_at: time,
            verify_jwt: deployment.access != "public",
            import_map: false,
            entrypoint_path: entry,
        }
    }
}

/// The query of a deploy.
#[derive(Deserialize)]
pub(super) struct DeployQuery {
    slug: String,
    /// Leaves it waiting for `PUT …/functions`.
    #[serde(default, rename = "bundleOnly")]
    bundle_only: bool,
}

/// What of a function says which deployment is to become active.
#[derive(Deserialize)]
pub(super) struct Wanted {
    slug: String,
    version: u64,
}

/// What was activated.
#[derive(Serialize)]
pub(super) struct Activated {
    functions: Vec<Listed>,
}

/// `GET /v1/projects/{ref}/functions`
pub(super) async fn list(
    State(service): State<Service>,
    caller: Caller,
    Path(reference): Path<String>,
) -> ApiResult<Json<Vec<Listed>>> {
    let environment = service.environment_of_ref(&caller, &reference).await?;
    Ok(Json(service.active_functions(&caller, &environment).await?.iter().map(Listed::from).collect()))
}

/// `GET /v1/projects/{ref}/functions/{slug}`
pub(super) async fn get(
    State(service): State<Service>,
    caller: Caller,
    Path((reference, slug)): Path<(String, String)>,
) -> ApiResult<Json<Listed>> {
    let environment = service.environment_of_ref(&caller, &reference).await?;
    let active = service.active_functions(&caller, &environment).await?;
    let named = active.iter().find(|active| active.function.name.as_str() == slug);
    Ok(Json(named.ok_or(Error::not_found("function"))?.into()))
}

/// `POST /v1/projects/{ref}/functions/deploy?slug=`
pub(super) async fn deploy(
    State(service): State<Service>,
    caller: Caller,
    Path(reference): Path<String>,
    Query(query): Query<DeployQuery>,
    parts: Result<Multipart, MultipartRejection>,
) -> ApiResult<(StatusCode, Json<Listed>)> {
    let environment = service.environment_of_ref(&caller, &reference).await?;
    let parts = parts.map_err(|_| {
        ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_type", "Send the files as `multipart/form-data`.")
    })?;
    let upload = upload::read(parts).await?;
    let entry = upload.entry.clone();
    let done = service.deploy_upload(&caller, &query.slug, &environment, upload, !query.bundle_only).await?;
    Ok((StatusCode::CREATED, Json(Listed::deployed(&done, entry))))
}

/// `PUT /v1/projects/{ref}/functions`: makes deployments active that were left waiting, all of them or none.
pub(super) async fn activate(
    State(service): State<Service>,
    caller: Caller,
    Path(reference): Path<String>,
    JsonBody(wanted): JsonBody<Vec<Wanted>>,
) -> ApiResult<Json<Activated>> {
    let environment = service.environment_of_ref(&caller, &reference).await?;
    let wanted: Vec<_> = wanted.into_iter().map(|wanted| (wanted.slug, wanted.version)).collect();
    let active = service.activate_deployments(&caller, &environment, &wanted).await?;
    Ok(Json(Activated { functions: active.iter().map(Listed::from).collect() }))
}

/// `DELETE /v1/projects/{ref}/functions/{slug}`
pub(super) async fn delete(
    State(service): State<Service>,
    caller: Caller,
    Path((reference, slug)): Path<(String, String)>,
) -> ApiResult<StatusCode> {
    let environment = service.environment_of_ref(&caller, &reference).await?;
    service.delete_function_in(&caller, &slug, &environment).await?;
    Ok(StatusCode::OK)
}
