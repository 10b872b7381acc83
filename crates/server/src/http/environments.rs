//! `/api/v1/environments`, and what goes across environments: the matrix of secrets, and sharing one.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;
use utoipa::IntoParams;

use super::body::JsonBody;
use super::extract::{Path, Query};
use super::page::PageQuery;
use super::problem::ApiResult;
use crate::service::{Caller, Service};
use crate::wire::{
    CloneEnvironment, ClonedEnvironment, Environment, Page, Problem, SecretMatrix, ShareSecret, StoredSecret,
};

/// How an environment is deleted.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeleteQuery {
    /// Also if functions are active in it, which then run there no more, or other environments use values of it, which then
    /// have none.
    anyway: Option<bool>,
}

/// List environments.
#[utoipa::path(get, path = "/api/v1/environments", tag = "access", operation_id = "list_environments",
    responses((status = 200, description = "Environments", body = Page<Environment>),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn list(State(service): State<Service>, caller: Caller) -> ApiResult<Json<Page<Environment>>> {
    Ok(Json(service.list_environments(&caller).await?))
}

/// Make an environment.
#[utoipa::path(put, path = "/api/v1/environments/{name}", tag = "access", operation_id = "put_environment", params(("name" = String, Path)),
    responses((status = 200, description = "It was there already", body = Environment), (status = 201, description = "Made", body = Environment),
        (status = "default", description = "Nothing changed", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn put(
    State(service): State<Service>,
    caller: Caller,
    Path(name): Path<String>,
) -> ApiResult<(StatusCode, Json<Environment>)> {
    let (environment, created) = service.put_environment(&caller, &name).await?;
    Ok((if created { StatusCode::CREATED } else { StatusCode::OK }, Json(environment)))
}

/// Delete an environment with its secrets and what was recorded in it. Tokens that were limited to it can do nothing any more,
/// not even if one of its name is made again.
#[utoipa::path(delete, path = "/api/v1/environments/{name}", tag = "access", operation_id = "delete_environment", params(("name" = String, Path), DeleteQuery),
    responses((status = 204, description = "Deleted"),
        (status = "default", description = "Nothing changed", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn delete(
    State(service): State<Service>,
    caller: Caller,
    Path(name): Path<String>,
    Query(query): Query<DeleteQuery>,
) -> ApiResult<StatusCode> {
    service.delete_environment(&caller, &name, query.anyway.unwrap_or_default()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Copy the names of an environment's secrets to another, as slots that wait for values. Never a value.
#[utoipa::path(post, path = "/api/v1/environments/{name}/clone", tag = "access", operation_id = "clone_environment", params(("name" = String, Path)), request_body = CloneEnvironment,
    responses((status = 200, description = "What is pending there now", body = ClonedEnvironment),
        (status = "default", description = "Nothing changed", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn clone(
    State(service): State<Service>,
    caller: Caller,
    Path(name): Path<String>,
    JsonBody(body): JsonBody<CloneEnvironment>,
) -> ApiResult<Json<ClonedEnvironment>> {
    Ok(Json(service.clone_environment(&caller, &name, &body.to).await?))
}

/// What each environment has of each name: masks, never a value.
#[utoipa::path(get, path = "/api/v1/secrets/matrix", tag = "secrets", operation_id = "get_secret_matrix", params(PageQuery),
    responses((status = 200, description = "By name", body = SecretMatrix),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn matrix(
    State(service): State<Service>,
    caller: Caller,
    Query(page): Query<PageQuery>,
) -> ApiResult<Json<SecretMatrix>> {
    let rows = page.rows()?;
    Ok(Json(service.secret_matrix(&caller, page.cursor.as_deref(), rows).await?))
}

/// Make a secret use the value that its name has in another environment, until it is put, activated or deleted. It takes a
/// token that may write in both.
#[utoipa::path(post, path = "/api/v1/secrets/{name}/share", tag = "secrets", operation_id = "share_secret", params(("name" = String, Path)), request_body = ShareSecret,
    responses((status = 200, description = "The secret where it is used", body = StoredSecret),
        (status = "default", description = "Nothing changed", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn share(
    State(service): State<Service>,
    caller: Caller,
    Path(name): Path<String>,
    JsonBody(body): JsonBody<ShareSecret>,
) -> ApiResult<(HeaderMap, Json<StoredSecret>)> {
    let (secret, tag) = service.share_secret(&caller, &name, body).await?;
    let tag = HeaderValue::from_str(&tag).ok().map(|tag| (header::ETAG, tag));
    Ok((tag.into_iter().collect(), Json(secret)))
}
