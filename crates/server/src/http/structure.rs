//! `/api/v1/secrets/structure`: names, notes and settings of secrets, out and in.

use axum::Json;
use axum::extract::State;

use super::body::JsonBody;
use super::extract::Query;
use super::problem::ApiResult;
use super::secrets::EnvironmentQuery;
use crate::service::{Caller, Service};
use crate::wire::{ImportStructure, ImportedStructure, Problem, SecretStructure};

/// Export names, notes and settings of secrets, without values.
#[utoipa::path(get, path = "/api/v1/secrets/structure", tag = "secrets", operation_id = "export_secret_structure", params(EnvironmentQuery),
    responses((status = 200, description = "The structure", body = SecretStructure),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn export(
    State(service): State<Service>,
    caller: Caller,
    Query(query): Query<EnvironmentQuery>,
) -> ApiResult<Json<SecretStructure>> {
    Ok(Json(service.secret_structure(&caller, query.environment.as_deref()).await?))
}

/// Make the secrets of a structure that are not there, as slots that wait for values. Environments that are not there are
/// made, for a caller who may.
#[utoipa::path(post, path = "/api/v1/secrets/structure", tag = "secrets", operation_id = "import_secret_structure", request_body = ImportStructure,
    responses((status = 200, description = "What was made, or would be", body = ImportedStructure),
        (status = "default", description = "Nothing changed", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn import(
    State(service): State<Service>,
    caller: Caller,
    JsonBody(body): JsonBody<ImportStructure>,
) -> ApiResult<Json<ImportedStructure>> {
    Ok(Json(service.import_structure(&caller, body).await?))
}
