//! `/api/v1/settings`.

use axum::Json;
use axum::extract::State;

use super::body::JsonBody;
use super::problem::ApiResult;
use crate::service::{Caller, Service};
use crate::wire::{Problem, PutSettings, Settings};

/// Get the account's settings.
#[utoipa::path(get, path = "/api/v1/settings", tag = "settings", operation_id = "get_settings",
    responses((status = 200, description = "The settings that hold", body = Settings),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn get(State(service): State<Service>, caller: Caller) -> ApiResult<Json<Settings>> {
    Ok(Json(service.get_settings(&caller).await?))
}

/// Change some of the account's settings.
#[utoipa::path(put, path = "/api/v1/settings", tag = "settings", operation_id = "put_settings", request_body = PutSettings,
    responses((status = 200, description = "The settings that hold now", body = Settings),
        (status = "default", description = "Nothing changed", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn put(
    State(service): State<Service>,
    caller: Caller,
    JsonBody(body): JsonBody<PutSettings>,
) -> ApiResult<Json<Settings>> {
    Ok(Json(service.put_settings(&caller, body).await?))
}
