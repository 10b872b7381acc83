//! `/api/v1/key`: the key that an account's values are encrypted with.

use axum::Json;
use axum::extract::State;

use super::problem::ApiResult;
use crate::service::{Caller, Service};
use crate::wire::{AccountKey, Problem};

/// Get what may be known of the account's key.
#[utoipa::path(get, path = "/api/v1/key", tag = "settings", operation_id = "get_account_key",
    responses((status = 200, description = "The key's id and age", body = AccountKey),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn get(State(service): State<Service>, caller: Caller) -> ApiResult<Json<AccountKey>> {
    Ok(Json(service.account_key(&caller).await?))
}

/// Make a new key for the account and encrypt every value anew. Values and versions stay as they are.
#[utoipa::path(post, path = "/api/v1/key/rotate", tag = "settings", operation_id = "rotate_account_key",
    responses((status = 200, description = "The new key", body = AccountKey),
        (status = "default", description = "Nothing changed", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn rotate(State(service): State<Service>, caller: Caller) -> ApiResult<Json<AccountKey>> {
    Ok(Json(service.rotate_account_key(&caller).await?))
}
