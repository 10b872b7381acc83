//! `/api/v1/functions`: deployments, invocations and logs. Invoking is `gateway`'s.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::{Stream, StreamExt as _};
use serde::Deserialize;
use utoipa::IntoParams;

use super::body::JsonBody;
use super::extract::{Path, Query};
use super::page::PageQuery;
use super::problem::ApiResult;
use super::secrets::EnvironmentQuery;
use crate::service::{Caller, Service};
use crate::wire::{
    Deployment, Egress, Function, FunctionDetail, Invocation, LogLine, Page, Problem, PutFunction, Rollback,
};

/// Deploy a function: bundle its source, store it under the next number and make it active.
#[utoipa::path(put, path = "/api/v1/functions/{name}", tag = "functions", operation_id = "deploy_function", params(("name" = String, Path)), request_body = PutFunction,
    responses((status = 201, description = "The deployment, now active", body = Deployment),
        (status = "default", description = "Nothing changed", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn deploy(
    State(service): State<Service>,
    caller: Caller,
    Path(name): Path<String>,
    JsonBody(body): JsonBody<PutFunction>,
) -> ApiResult<(StatusCode, Json<Deployment>)> {
    Ok((StatusCode::CREATED, Json(service.deploy_function(&caller, &name, body).await?)))
}

/// List functions.
#[utoipa::path(get, path = "/api/v1/functions", tag = "functions", operation_id = "list_functions", params(PageQuery),
    responses((status = 200, description = "By name", body = Page<Function>),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn list(
    State(service): State<Service>,
    caller: Caller,
    Query(page): Query<PageQuery>,
) -> ApiResult<Json<Page<Function>>> {
    let rows = page.rows()?;
    Ok(Json(service.list_functions(&caller, page.cursor.as_deref(), rows).await?))
}

/// Which deployment's source is wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct SourceQuery {
    /// Its number; the newest if left out.
    number: Option<u64>,
}

/// Get a function with its deployments and the source of one of them.
#[utoipa::path(get, path = "/api/v1/functions/{name}", tag = "functions", operation_id = "get_function", params(("name" = String, Path), SourceQuery),
    responses((status = 200, description = "The function", body = FunctionDetail),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn get(
    State(service): State<Service>,
    caller: Caller,
    Path(name): Path<String>,
    Query(source): Query<SourceQuery>,
) -> ApiResult<Json<FunctionDetail>> {
    Ok(Json(service.get_function(&caller, &name, source.number).await?))
}

/// Make an older deployment active again.
#[utoipa::path(post, path = "/api/v1/functions/{name}/rollback", tag = "functions", operation_id = "rollback_function", params(("name" = String, Path)), request_body = Rollback,
    responses((status = 200, description = "The deployment, now active", body = Deployment),
        (status = "default", description = "Nothing changed", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn rollback(
    State(service): State<Service>,
    caller: Caller,
    Path(name): Path<String>,
    JsonBody(body): JsonBody<Rollback>,
) -> ApiResult<Json<Deployment>> {
    Ok(Json(service.rollback_function(&caller, &name, body.number, body.environment.as_deref()).await?))
}

/// Delete a function with its deployments, invocations and logs.
#[utoipa::path(delete, path = "/api/v1/functions/{name}", tag = "functions", operation_id = "delete_function", params(("name" = String, Path)),
    responses((status = 204, description = "Deleted"),
        (status = "default", description = "Nothing changed", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn delete(
    State(service): State<Service>,
    caller: Caller,
    Path(name): Path<String>,
) -> ApiResult<StatusCode> {
    service.delete_function(&caller, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List a function's invocations, newest first.
#[utoipa::path(get, path = "/api/v1/functions/{name}/invocations", tag = "functions", operation_id = "list_invocations", params(("name" = String, Path), EnvironmentQuery, PageQuery),
    responses((status = 200, description = "Invocations", body = Page<Invocation>),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn invocations(
    State(service): State<Service>,
    caller: Caller,
    Path(name): Path<String>,
    Query(environment): Query<EnvironmentQuery>,
    Query(page): Query<PageQuery>,
) -> ApiResult<Json<Page<Invocation>>> {
    let rows = page.rows()?;
    Ok(Json(
        service
            .list_invocations(&caller, &name, environment.environment.as_deref(), false, page.cursor.as_deref(), rows)
            .await?,
    ))
}

/// What one invocation printed, redacted.
#[utoipa::path(get, path = "/api/v1/functions/{name}/invocations/{id}/logs", tag = "functions", operation_id = "get_invocation_logs", params(("name" = String, Path), ("id" = String, Path)),
    responses((status = 200, description = "Log lines", body = Page<LogLine>),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn invocation_logs(
    State(service): State<Service>,
    caller: Caller,
    Path((name, id)): Path<(String, String)>,
) -> ApiResult<Json<Page<LogLine>>> {
    Ok(Json(service.invocation_logs(&caller, &name, &id).await?))
}

/// The newest lines a function printed, redacted, in the order of time.
#[utoipa::path(get, path = "/api/v1/functions/{name}/logs", tag = "functions", operation_id = "get_function_logs", params(("name" = String, Path), PageQuery),
    responses((status = 200, description = "Log lines", body = Page<LogLine>),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn logs(
    State(service): State<Service>,
    caller: Caller,
    Path(name): Path<String>,
    Query(page): Query<PageQuery>,
) -> ApiResult<Json<Page<LogLine>>> {
    let rows = page.rows()?;
    Ok(Json(service.function_logs(&caller, &name, rows).await?))
}

/// Of which invocation, and how many.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct EgressQuery {
    /// Only what this invocation sent.
    invocation: Option<String>,
    /// The newest so many: 1 to 500; 100 if left out.
    limit: Option<u32>,
}

/// What a function sent where, in the order of time: hosts and sizes, never a value, a path or a query.
#[utoipa::path(get, path = "/api/v1/functions/{name}/egress", tag = "functions", operation_id = "list_egress", params(("name" = String, Path), EgressQuery),
    responses((status = 200, description = "Requests and tunnels", body = Page<Egress>),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn egress(
    State(service): State<Service>,
    caller: Caller,
    Path(name): Path<String>,
    Query(query): Query<EgressQuery>,
) -> ApiResult<Json<Page<Egress>>> {
    let rows = PageQuery { limit: query.limit, cursor: None }.rows()?;
    Ok(Json(service.function_egress(&caller, &name, query.invocation.as_deref(), rows).await?))
}

/// The lines a function prints from now on, redacted, as server-sent events: `line` with a log line as JSON, and `missed`
/// where the watcher was too slow.
#[utoipa::path(get, path = "/api/v1/functions/{name}/logs/tail", tag = "functions", operation_id = "tail_function_logs", params(("name" = String, Path)),
    responses((status = 200, description = "Events, until the caller hangs up", body = String, content_type = "text/event-stream"),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn tail(
    State(service): State<Service>,
    caller: Caller,
    Path(name): Path<String>,
) -> ApiResult<Sse<impl Stream<Item = Result<Event, axum::Error>>>> {
    let lines = service.watch_logs(&caller, &name).await?;
    let events = lines.map(|line| match line {
        Some(line) => Event::default().event("line").json_data(line),
        None => Ok(Event::default().event("missed").data("")),
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}
