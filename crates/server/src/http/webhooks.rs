//! `/api/v1/webhooks`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::body::JsonBody;
use super::extract::Path;
use super::problem::ApiResult;
use crate::service::{Caller, Service};
use crate::wire::{Page, Problem, PutWebhook, PutWebhookAnswer, RotateWebhook, Webhook, WebhookTest};

/// List webhooks.
#[utoipa::path(get, path = "/api/v1/webhooks", tag = "webhooks", operation_id = "list_webhooks",
    responses((status = 200, description = "By name", body = Page<Webhook>),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn list(State(service): State<Service>, caller: Caller) -> ApiResult<Json<Page<Webhook>>> {
    Ok(Json(service.list_webhooks(&caller).await?))
}

/// Make a webhook, or change and enable one.
#[utoipa::path(put, path = "/api/v1/webhooks/{name}", tag = "webhooks", operation_id = "put_webhook", params(("name" = String, Path)),
    request_body = PutWebhook,
    responses((status = 200, description = "It was there already", body = PutWebhookAnswer),
        (status = 201, description = "Made: the key is shown this once", body = PutWebhookAnswer),
        (status = "default", description = "Nothing changed", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn put(
    State(service): State<Service>,
    caller: Caller,
    Path(name): Path<String>,
    JsonBody(body): JsonBody<PutWebhook>,
) -> ApiResult<(StatusCode, Json<PutWebhookAnswer>)> {
    let answer = service.put_webhook(&caller, &name, body).await?;
    let status = if answer.signing_key.is_some() { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(answer)))
}

/// Send a webhook a message to try it.
#[utoipa::path(post, path = "/api/v1/webhooks/{name}/test", tag = "webhooks", operation_id = "test_webhook", params(("name" = String, Path)),
    responses((status = 200, description = "What came of it", body = WebhookTest),
        (status = "default", description = "Nothing was sent", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn test(
    State(service): State<Service>,
    caller: Caller,
    Path(name): Path<String>,
) -> ApiResult<Json<WebhookTest>> {
    Ok(Json(service.test_webhook(&caller, &name).await?))
}

/// Give a webhook another key.
#[utoipa::path(post, path = "/api/v1/webhooks/{name}/rotate", tag = "webhooks", operation_id = "rotate_webhook", params(("name" = String, Path)),
    request_body = RotateWebhook,
    responses((status = 200, description = "Its key is another: it is shown this once", body = PutWebhookAnswer),
        (status = "default", description = "Nothing changed", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn rotate(
    State(service): State<Service>,
    caller: Caller,
    Path(name): Path<String>,
    JsonBody(body): JsonBody<RotateWebhook>,
) -> ApiResult<Json<PutWebhookAnswer>> {
    Ok(Json(service.rotate_webhook(&caller, &name, body).await?))
}

/// Delete a webhook, with what it was still to be told.
#[utoipa::path(delete, path = "/api/v1/webhooks/{name}", tag = "webhooks", operation_id = "delete_webhook", params(("name" = String, Path)),
    responses((status = 204, description = "Deleted"),
        (status = "default", description = "Nothing changed", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn delete(
    State(service): State<Service>,
    caller: Caller,
    Path(name): Path<String>,
) -> ApiResult<StatusCode> {
    service.delete_webhook(&caller, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
