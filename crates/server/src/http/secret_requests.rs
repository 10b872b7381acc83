//! `/api/v1/secret-requests`. They are answered in the admin UI, by a person.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::Invalid;
use serde::Deserialize;
use utoipa::IntoParams;

use super::body::JsonBody;
use super::extract::{Path, Query};
use super::page::PageQuery;
use super::problem::ApiResult;
use super::secrets::EnvironmentQuery;
use crate::service::{Caller, Service};
use crate::wire::{CreateSecretRequest, Page, Problem, SecretRequest};

/// Longest wait of one request for an answer.
const WAIT_SECONDS: u64 = 60;

/// Ask people of the account for a secret.
///
/// The answer's `url` is where a person who is logged in enters the value. Nothing tells it to whoever asks.
#[utoipa::path(post, path = "/api/v1/secret-requests", tag = "secret requests", operation_id = "create_secret_request", request_body = CreateSecretRequest,
    responses((status = 200, description = "You have asked for it already, and nobody has answered", body = SecretRequest),
        (status = 201, description = "The request", body = SecretRequest),
        (status = "default", description = "Nothing changed", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn create(
    State(service): State<Service>,
    caller: Caller,
    JsonBody(body): JsonBody<CreateSecretRequest>,
) -> ApiResult<(StatusCode, Json<SecretRequest>)> {
    let (request, created) = service.create_secret_request(&caller, body).await?;
    Ok((if created { StatusCode::CREATED } else { StatusCode::OK }, Json(request)))
}

/// Which requests are wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// `true`: only those that can still be answered.
    open: Option<bool>,
}

/// List secret requests, newest first.
#[utoipa::path(get, path = "/api/v1/secret-requests", tag = "secret requests", operation_id = "list_secret_requests", params(EnvironmentQuery, ListQuery, PageQuery),
    responses((status = 200, description = "Requests", body = Page<SecretRequest>),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn list(
    State(service): State<Service>,
    caller: Caller,
    Query(environment): Query<EnvironmentQuery>,
    Query(query): Query<ListQuery>,
    Query(page): Query<PageQuery>,
) -> ApiResult<Json<Page<SecretRequest>>> {
    let rows = page.rows()?;
    let (environment, open) = (environment.environment.as_deref(), query.open.unwrap_or(false));
    Ok(Json(service.list_secret_requests(&caller, environment, open, page.cursor.as_deref(), rows).await?))
}

/// How long to wait.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct WaitQuery {
    /// Seconds to wait for an answer to a pending request: 0 to 60; 0 if left out.
    wait: Option<u64>,
}

/// Get a secret request: its status. Its maker may, and whoever may read secrets.
#[utoipa::path(get, path = "/api/v1/secret-requests/{id}", tag = "secret requests", operation_id = "get_secret_request", params(("id" = String, Path), WaitQuery),
    responses((status = 200, description = "The request", body = SecretRequest),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn get(
    State(service): State<Service>,
    caller: Caller,
    Path(id): Path<String>,
    Query(query): Query<WaitQuery>,
) -> ApiResult<Json<SecretRequest>> {
    let wait = query.wait.unwrap_or(0);
    if wait > WAIT_SECONDS {
        return Err(Invalid::new("wait", "out_of_range", "must be 0 to 60").into());
    }
    Ok(Json(service.get_secret_request(&caller, &id, Duration::from_secs(wait)).await?))
}

/// Say no to a secret request.
#[utoipa::path(post, path = "/api/v1/secret-requests/{id}/decline", tag = "secret requests", operation_id = "decline_secret_request", params(("id" = String, Path)),
    responses((status = 200, description = "The request, declined", body = SecretRequest),
        (status = "default", description = "Nothing changed", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn decline(
    State(service): State<Service>,
    caller: Caller,
    Path(id): Path<String>,
) -> ApiResult<Json<SecretRequest>> {
    Ok(Json(service.decline_secret_request(&caller, &id).await?))
}

/// Take a secret request back. Its maker may, and whoever may put secrets.
#[utoipa::path(post, path = "/api/v1/secret-requests/{id}/cancel", tag = "secret requests", operation_id = "cancel_secret_request", params(("id" = String, Path)),
    responses((status = 200, description = "The request, cancelled", body = SecretRequest),
        (status = "default", description = "Nothing changed", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn cancel(
    State(service): State<Service>,
    caller: Caller,
    Path(id): Path<String>,
) -> ApiResult<Json<SecretRequest>> {
    Ok(Json(service.cancel_secret_request(&caller, &id).await?))
}
