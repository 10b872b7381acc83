//! `/api/v1/scan`.

use axum::Json;
use axum::extract::State;

use super::body::JsonBody;
use super::extract::Query;
use super::problem::ApiResult;
use super::secrets::EnvironmentQuery;
use crate::service::{Caller, Service};
use crate::wire::{FindDigests, FoundDigests, Problem, ScanSettings};

/// Get what is needed to ask for stored values.
#[utoipa::path(get, path = "/api/v1/scan", tag = "scan", operation_id = "get_scan", params(EnvironmentQuery),
    responses((status = 200, description = "How to make digests", body = ScanSettings),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn settings(
    State(service): State<Service>,
    caller: Caller,
    Query(query): Query<EnvironmentQuery>,
) -> ApiResult<Json<ScanSettings>> {
    Ok(Json(service.scan_settings(&caller, query.environment.as_deref()).await?))
}

/// Find which digests are of stored values. Values that can be guessed are never confirmed.
#[utoipa::path(post, path = "/api/v1/scan", tag = "scan", operation_id = "find_digests", request_body = FindDigests,
    responses((status = 200, description = "Names of secrets, never a value", body = FoundDigests),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn find(
    State(service): State<Service>,
    caller: Caller,
    JsonBody(body): JsonBody<FindDigests>,
) -> ApiResult<Json<FoundDigests>> {
    Ok(Json(service.find_digests(&caller, body).await?))
}
