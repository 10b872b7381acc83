//! `/api/v1/secrets/health`.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::extract::Query;
use super::problem::ApiResult;
use crate::service::{Caller, Service};
use crate::wire::{Problem, SecretHealth};

/// What is looked at, and how patiently.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct HealthQuery {
    /// Only this environment; all if left out.
    environment: Option<String>,
    /// For how many days nothing may have used a secret: 1 to 3,650; 90 if left out.
    unused_days: Option<u32>,
}

/// Tell what should be done about secrets: missing, overdue, duplicated, badly formatted, exposed, unused.
#[utoipa::path(get, path = "/api/v1/secrets/health", tag = "secrets", operation_id = "get_secret_health", params(HealthQuery),
    responses((status = 200, description = "The most pressing first", body = SecretHealth),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn get(
    State(service): State<Service>,
    caller: Caller,
    Query(query): Query<HealthQuery>,
) -> ApiResult<Json<SecretHealth>> {
    Ok(Json(service.secret_health(&caller, query.environment.as_deref(), query.unused_days).await?))
}
