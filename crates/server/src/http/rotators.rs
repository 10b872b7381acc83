//! `/api/v1/secrets/{name}/rotator`, `…/rotate` and `…/rotations`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::body::JsonBody;
use super::extract::{Path, Query};
use super::page::PageQuery;
use super::problem::ApiResult;
use super::secrets::EnvironmentQuery;
use crate::service::{Caller, Service};
use crate::wire::{Page, Problem, PutRotator, RotateSecret, Rotation, Rotator};

/// Get a secret's rotator, with its newest rotation.
#[utoipa::path(get, path = "/api/v1/secrets/{name}/rotator", tag = "rotation", operation_id = "get_rotator", params(("name" = String, Path), EnvironmentQuery),
    responses((status = 200, description = "The rotator", body = Rotator),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn get(
    State(service): State<Service>,
    caller: Caller,
    Path(name): Path<String>,
    Query(query): Query<EnvironmentQuery>,
) -> ApiResult<Json<Rotator>> {
    Ok(Json(service.rotator(&caller, &name, query.environment.as_deref()).await?))
}

/// Set what replaces a secret's value by itself.
#[utoipa::path(put, path = "/api/v1/secrets/{name}/rotator", tag = "rotation", operation_id = "put_rotator", params(("name" = String, Path)), request_body = PutRotator,
    responses((status = 200, description = "It had one, and has this one now", body = Rotator), (status = 201, description = "It had none", body = Rotator),
        (status = "default", description = "Nothing changed", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn put(
    State(service): State<Service>,
    caller: Caller,
    Path(name): Path<String>,
    JsonBody(body): JsonBody<PutRotator>,
) -> ApiResult<(StatusCode, Json<Rotator>)> {
    let (rotator, made) = service.put_rotator(&caller, &name, body).await?;
    Ok((if made { StatusCode::CREATED } else { StatusCode::OK }, Json(rotator)))
}

/// Remove a secret's rotator. A rotation that failed is given up with it.
#[utoipa::path(delete, path = "/api/v1/secrets/{name}/rotator", tag = "rotation", operation_id = "delete_rotator", params(("name" = String, Path), EnvironmentQuery),
    responses((status = 204, description = "Removed"),
        (status = "default", description = "Nothing changed", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn delete(
    State(service): State<Service>,
    caller: Caller,
    Path(name): Path<String>,
    Query(query): Query<EnvironmentQuery>,
) -> ApiResult<StatusCode> {
    service.delete_rotator(&caller, &name, query.environment.as_deref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Start a rotation now. While one is under way, the answer is that one.
#[utoipa::path(post, path = "/api/v1/secrets/{name}/rotate", tag = "rotation", operation_id = "rotate_secret", params(("name" = String, Path)), request_body = RotateSecret,
    responses((status = 200, description = "One is under way already", body = Rotation), (status = 202, description = "Started", body = Rotation),
        (status = "default", description = "Not started", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn rotate(
    State(service): State<Service>,
    caller: Caller,
    Path(name): Path<String>,
    JsonBody(body): JsonBody<RotateSecret>,
) -> ApiResult<(StatusCode, Json<Rotation>)> {
    let (rotation, is_new) = service.rotate_secret(&caller, &name, body.environment.as_deref()).await?;
    Ok((if is_new { StatusCode::ACCEPTED } else { StatusCode::OK }, Json(rotation)))
}

/// List a secret's rotations, newest first.
#[utoipa::path(get, path = "/api/v1/secrets/{name}/rotations", tag = "rotation", operation_id = "list_rotations", params(("name" = String, Path), EnvironmentQuery, PageQuery),
    responses((status = 200, description = "Rotations", body = Page<Rotation>),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn list(
    State(service): State<Service>,
    caller: Caller,
    Path(name): Path<String>,
    Query(query): Query<EnvironmentQuery>,
    Query(page): Query<PageQuery>,
) -> ApiResult<Json<Page<Rotation>>> {
    let (environment, rows) = (query.environment.as_deref(), page.rows()?);
    Ok(Json(service.secret_rotations(&caller, &name, environment, page.cursor.as_deref(), rows).await?))
}

/// Get one rotation: which step it is at, and what keeps it.
#[utoipa::path(get, path = "/api/v1/secrets/{name}/rotations/{id}", tag = "rotation", operation_id = "get_rotation", params(("name" = String, Path), ("id" = String, Path), EnvironmentQuery),
    responses((status = 200, description = "The rotation", body = Rotation),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn one(
    State(service): State<Service>,
    caller: Caller,
    Path((name, id)): Path<(String, String)>,
    Query(query): Query<EnvironmentQuery>,
) -> ApiResult<Json<Rotation>> {
    Ok(Json(service.secret_rotation(&caller, &name, query.environment.as_deref(), &id).await?))
}

/// Go on with a rotation that failed, or that waits to try a step again.
#[utoipa::path(post, path = "/api/v1/secrets/{name}/rotations/{id}/retry", tag = "rotation", operation_id = "retry_rotation", params(("name" = String, Path), ("id" = String, Path)), request_body = RotateSecret,
    responses((status = 200, description = "It goes on", body = Rotation),
        (status = "default", description = "Nothing changed", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn retry(
    State(service): State<Service>,
    caller: Caller,
    Path((name, id)): Path<(String, String)>,
    JsonBody(body): JsonBody<RotateSecret>,
) -> ApiResult<Json<Rotation>> {
    Ok(Json(service.retry_rotation(&caller, &name, body.environment.as_deref(), &id).await?))
}

/// Give a rotation up. The value that is current stays so.
#[utoipa::path(post, path = "/api/v1/secrets/{name}/rotations/{id}/cancel", tag = "rotation", operation_id = "cancel_rotation", params(("name" = String, Path), ("id" = String, Path)), request_body = RotateSecret,
    responses((status = 200, description = "Cancelled", body = Rotation),
        (status = "default", description = "Nothing changed", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn cancel(
    State(service): State<Service>,
    caller: Caller,
    Path((name, id)): Path<(String, String)>,
    JsonBody(body): JsonBody<RotateSecret>,
) -> ApiResult<Json<Rotation>> {
    Ok(Json(service.cancel_rotation(&caller, &name, body.environment.as_deref(), &id).await?))
}
