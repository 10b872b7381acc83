//! `/api/v1/secrets`.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::body::JsonBody;
use super::extract::{Path, Query};
use super::page::PageQuery;
use super::problem::{ApiError, ApiResult};
use crate::service::{Caller, ImportInput, PutInput, Service};
use crate::wire::{
    ActivateSecret, ChangeSecret, Check, CheckSecret, DestroyVersion, Import, ImportSecrets, Page, Problem, PutSecret,
    Secret, SecretVersion, StoredSecret,
};

/// Which environment is meant.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct EnvironmentQuery {
    /// `production` if left out; in a list, all.
    pub(crate) environment: Option<String>,
}

/// Store a secret, or a new version of it.
///
/// When this returns, no invocation that starts later sees the old value. A value that is the current one already makes no
/// version; `outcome` says so.
#[utoipa::path(put, path = "/api/v1/secrets/{name}", tag = "secrets", operation_id = "put_secret",
    params(("name" = String, Path), ("If-Match" = Option<String>, Header, description = "ETag that the current version must have"),
        ("If-None-Match" = Option<String>, Header, description = "`*`: the secret must not exist yet"),
        ("Idempotency-Key" = Option<String>, Header, description = "A repeat with the same key changes nothing")),
    request_body = PutSecret,
    responses((status = 200, description = "See `outcome`", body = StoredSecret), (status = 201, description = "A new secret", body = StoredSecret),
        (status = "default", description = "Nothing changed", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn put(
    State(service): State<Service>,
    caller: Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<PutSecret>,
) -> ApiResult<Response> {
    let input = PutInput {
        value: body.value.take(),
        environment: body.environment,
        delivery: body.delivery,
        hosts: body.hosts,
        note: body.note,
        version_note: body.version_note,
        rotate_after_days: body.rotate_after_days,
        rotate_by: body.rotate_by,
        publishable: body.publishable,
        overlap: body.overlap,
        if_match: text(&headers, &header::IF_MATCH)?,
        if_none_match: if_none_match(&headers)?,
        seen: false,
        idempotency_key: text(&headers, &HeaderName::from_static("idempotency-key"))?,
    };
    let put = service.put_secret(&caller, &name, input).await?;
    let status = if put.created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, etag(&put.etag), Json(put.stored)).into_response())
}

fn etag(tag: &str) -> HeaderMap {
    let value = HeaderValue::from_str(tag).ok();
    value.map(|value| (header::ETAG, value)).into_iter().collect()
}

fn text(headers: &HeaderMap, name: &HeaderName) -> ApiResult<Option<String>> {
    let invalid = || {
        ApiError::new(
            StatusCode::BAD_REQUEST,
            "header_invalid",
            format!("The header {name} must be printable ASCII, once."),
        )
    };
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(|text| Some(text.to_owned())).map_err(|_| invalid()),
        _ => Err(invalid()),
    }
}

fn if_none_match(headers: &HeaderMap) -> ApiResult<bool> {
    match text(headers, &header::IF_NONE_MATCH)?.as_deref() {
        None => Ok(false),
        Some("*") => Ok(true),
        Some(_) => Err(ApiError::new(StatusCode::BAD_REQUEST, "header_invalid", "If-None-Match takes only `*` here.")),
    }
}

/// Change settings of a secret without its value.
#[utoipa::path(patch, path = "/api/v1/secrets/{name}", tag = "secrets", operation_id = "change_secret",
    params(("name" = String, Path), ("If-Match" = Option<String>, Header, description = "ETag that the secret must have")),
    request_body = ChangeSecret,
    responses((status = 200, description = "The secret", body = Secret),
        (status = "default", description = "Nothing changed", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn change(
    State(service): State<Service>,
    caller: Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<ChangeSecret>,
) -> ApiResult<Response> {
    let if_match = text(&headers, &header::IF_MATCH)?;
    let (secret, tag) = service.change_secret(&caller, &name, body, if_match).await?;
    Ok((etag(&tag), Json(secret)).into_response())
}

/// List secrets: masks and metadata, never a value.
#[utoipa::path(get, path = "/api/v1/secrets", tag = "secrets", operation_id = "list_secrets", params(EnvironmentQuery, PageQuery),
    responses((status = 200, description = "By environment and name", body = Page<Secret>),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn list(
    State(service): State<Service>,
    caller: Caller,
    Query(environment): Query<EnvironmentQuery>,
    Query(page): Query<PageQuery>,
) -> ApiResult<Json<Page<Secret>>> {
    let rows = page.rows()?;
    Ok(Json(service.list_secrets(&caller, environment.environment.as_deref(), page.cursor.as_deref(), rows).await?))
}

/// Get one secret: mask and metadata, never the value.
#[utoipa::path(get, path = "/api/v1/secrets/{name}", tag = "secrets", operation_id = "get_secret", params(("name" = String, Path), EnvironmentQuery),
    responses((status = 200, description = "The secret", body = Secret),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn get(
    State(service): State<Service>,
    caller: Caller,
    Path(name): Path<String>,
    Query(query): Query<EnvironmentQuery>,
) -> ApiResult<Response> {
    let (secret, tag) = service.get_secret(&caller, &name, query.environment.as_deref()).await?;
    Ok((etag(&tag), Json(secret)).into_response())
}

/// Store the secrets of a file: all of them or, where a line is rejected, none.
///
/// A dry run tells what would happen to each line. When an import returns, no invocation that starts later sees an old value.
#[utoipa::path(post, path = "/api/v1/secrets/import", tag = "secrets", operation_id = "import_secrets", request_body = ImportSecrets,
    responses((status = 200, description = "What became of each line, or would", body = Import),
        (status = "default", description = "Nothing changed", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn import(
    State(service): State<Service>,
    caller: Caller,
    JsonBody(body): JsonBody<ImportSecrets>,
) -> ApiResult<Json<Import>> {
    let input = ImportInput {
        format: body.format,
        text: body.text.take().into(),
        environment: body.environment,
        delivery: body.delivery,
        skip_rejected: body.skip_rejected,
    };
    Ok(Json(if body.dry_run {
        service.preview_import(&caller, input).await?
    } else {
        service.import_secrets(&caller, input).await?
    }))
}

/// List a secret's versions, newest first.
#[utoipa::path(get, path = "/api/v1/secrets/{name}/versions", tag = "secrets", operation_id = "list_secret_versions", params(("name" = String, Path), EnvironmentQuery, PageQuery),
    responses((status = 200, description = "Versions", body = Page<SecretVersion>),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn versions(
    State(service): State<Service>,
    caller: Caller,
    Path(name): Path<String>,
    Query(query): Query<EnvironmentQuery>,
    Query(page): Query<PageQuery>,
) -> ApiResult<Json<Page<SecretVersion>>> {
    let (environment, rows) = (query.environment.as_deref(), page.rows()?);
    Ok(Json(service.secret_versions(&caller, &name, environment, page.cursor.as_deref(), rows).await?))
}

/// Make an older version current again.
#[utoipa::path(post, path = "/api/v1/secrets/{name}/activate", tag = "secrets", operation_id = "activate_secret", params(("name" = String, Path)), request_body = ActivateSecret,
    responses((status = 200, description = "The secret", body = Secret),
        (status = "default", description = "Nothing changed", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn activate(
    State(service): State<Service>,
    caller: Caller,
    Path(name): Path<String>,
    JsonBody(body): JsonBody<ActivateSecret>,
) -> ApiResult<Json<Secret>> {
    Ok(Json(service.activate_secret(&caller, &name, body.version, body.environment.as_deref()).await?))
}

/// Check with its provider whether a secret works. Its value goes to the provider and nowhere else.
#[utoipa::path(post, path = "/api/v1/secrets/{name}/check", tag = "secrets", operation_id = "check_secret", params(("name" = String, Path)), request_body = CheckSecret,
    responses((status = 200, description = "What the provider says", body = Check),
        (status = "default", description = "Not checked", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn check(
    State(service): State<Service>,
    caller: Caller,
    Path(name): Path<String>,
    JsonBody(body): JsonBody<CheckSecret>,
) -> ApiResult<Json<Check>> {
    Ok(Json(service.check_secret(&caller, &name, body.environment.as_deref()).await?))
}

/// Destroy the value of an earlier version for good. Its number, mask and note stay.
#[utoipa::path(post, path = "/api/v1/secrets/{name}/destroy", tag = "secrets", operation_id = "destroy_secret_version", params(("name" = String, Path)), request_body = DestroyVersion,
    responses((status = 200, description = "The version", body = SecretVersion),
        (status = "default", description = "Nothing changed", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn destroy(
    State(service): State<Service>,
    caller: Caller,
    Path(name): Path<String>,
    JsonBody(body): JsonBody<DestroyVersion>,
) -> ApiResult<Json<SecretVersion>> {
    Ok(Json(service.destroy_version(&caller, &name, body.version, body.environment.as_deref()).await?))
}

/// Delete a secret with all its versions.
#[utoipa::path(delete, path = "/api/v1/secrets/{name}", tag = "secrets", operation_id = "delete_secret", params(("name" = String, Path), EnvironmentQuery),
    responses((status = 204, description = "Deleted"),
        (status = "default", description = "Nothing changed", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn delete(
    State(service): State<Service>,
    caller: Caller,
    Path(name): Path<String>,
    Query(query): Query<EnvironmentQuery>,
) -> ApiResult<StatusCode> {
    service.delete_secret(&caller, &name, query.environment.as_deref()).await?;
    Ok(StatusCode::NO_CONTENT)
}
