//! `/api/v1/walls`.

use axum::Json;
use axum::extract::State;

use super::problem::ApiResult;
use crate::service::{Caller, Service};
use crate::wire::{Problem, Walls};

/// List the walls around functions: which stand on the server's machine, and what each missing one means.
#[utoipa::path(get, path = "/api/v1/walls", tag = "walls", operation_id = "list_walls",
    responses((status = 200, description = "The walls", body = Walls),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn list(State(service): State<Service>, caller: Caller) -> ApiResult<Json<Walls>> {
    Ok(Json(service.list_walls(&caller).await?))
}
