//! `/api/v1/members`, `/groups`, `/issuers`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::body::JsonBody;
use super::extract::{Path, Query};
use super::page::PageQuery;
use super::problem::ApiResult;
use crate::service::{Caller, Service};
use crate::wire::{Group, Issuer, Member, Page, Problem, PutGroup, PutIssuer, PutMember};

fn put_status(new: bool) -> StatusCode {
    if new { StatusCode::CREATED } else { StatusCode::OK }
}

/// List members.
#[utoipa::path(get, path = "/api/v1/members", tag = "access", operation_id = "list_members", params(PageQuery),
    responses((status = 200, description = "By name", body = Page<Member>),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn list_members(
    State(service): State<Service>,
    caller: Caller,
    Query(page): Query<PageQuery>,
) -> ApiResult<Json<Page<Member>>> {
    let rows = page.rows()?;
    Ok(Json(service.list_members(&caller, page.cursor.as_deref(), rows).await?))
}

/// Make a member, or change one.
#[utoipa::path(put, path = "/api/v1/members/{name}", tag = "access", operation_id = "put_member", params(("name" = String, Path)),
    request_body = PutMember,
    responses((status = 200, description = "It was there already", body = Member), (status = 201, description = "Made", body = Member),
        (status = "default", description = "Nothing changed", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn put_member(
    State(service): State<Service>,
    caller: Caller,
    Path(name): Path<String>,
    JsonBody(body): JsonBody<PutMember>,
) -> ApiResult<(StatusCode, Json<Member>)> {
    let (member, new) = service.put_member(&caller, &name, body).await?;
    Ok((put_status(new), Json(member)))
}

/// Delete a member, with the tokens made for them.
#[utoipa::path(delete, path = "/api/v1/members/{name}", tag = "access", operation_id = "delete_member", params(("name" = String, Path)),
    responses((status = 204, description = "Deleted"),
        (status = "default", description = "Nothing changed", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn delete_member(
    State(service): State<Service>,
    caller: Caller,
    Path(name): Path<String>,
) -> ApiResult<StatusCode> {
    service.delete_member(&caller, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List groups.
#[utoipa::path(get, path = "/api/v1/groups", tag = "access", operation_id = "list_groups",
    responses((status = 200, description = "All, by name", body = Page<Group>),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn list_groups(State(service): State<Service>, caller: Caller) -> ApiResult<Json<Page<Group>>> {
    Ok(Json(service.list_groups(&caller).await?))
}

/// Make a group, or give it other members.
#[utoipa::path(put, path = "/api/v1/groups/{name}", tag = "access", operation_id = "put_group", params(("name" = String, Path)),
    request_body = PutGroup,
    responses((status = 200, description = "It was there already", body = Group), (status = 201, description = "Made", body = Group),
        (status = "default", description = "Nothing changed", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn put_group(
    State(service): State<Service>,
    caller: Caller,
    Path(name): Path<String>,
    JsonBody(body): JsonBody<PutGroup>,
) -> ApiResult<(StatusCode, Json<Group>)> {
    let (group, new) = service.put_group(&caller, &name, body).await?;
    Ok((put_status(new), Json(group)))
}

/// Delete a group that no active function is for.
#[utoipa::path(delete, path = "/api/v1/groups/{name}", tag = "access", operation_id = "delete_group", params(("name" = String, Path)),
    responses((status = 204, description = "Deleted"),
        (status = "default", description = "Nothing changed", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn delete_group(
    State(service): State<Service>,
    caller: Caller,
    Path(name): Path<String>,
) -> ApiResult<StatusCode> {
    service.delete_group(&caller, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List issuers.
#[utoipa::path(get, path = "/api/v1/issuers", tag = "access", operation_id = "list_issuers",
    responses((status = 200, description = "All, by name", body = Page<Issuer>),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn list_issuers(State(service): State<Service>, caller: Caller) -> ApiResult<Json<Page<Issuer>>> {
    Ok(Json(service.list_issuers(&caller).await?))
}

/// Make an issuer of JWTs, or replace one.
#[utoipa::path(put, path = "/api/v1/issuers/{name}", tag = "access", operation_id = "put_issuer", params(("name" = String, Path)),
    request_body = PutIssuer,
    responses((status = 200, description = "It was there already", body = Issuer), (status = 201, description = "Made", body = Issuer),
        (status = "default", description = "Nothing changed", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn put_issuer(
    State(service): State<Service>,
    caller: Caller,
    Path(name): Path<String>,
    JsonBody(body): JsonBody<PutIssuer>,
) -> ApiResult<(StatusCode, Json<Issuer>)> {
    let (issuer, new) = service.put_issuer(&caller, &name, body).await?;
    Ok((put_status(new), Json(issuer)))
}

/// Delete an issuer: its JWTs stop to work.
#[utoipa::path(delete, path = "/api/v1/issuers/{name}", tag = "access", operation_id = "delete_issuer", params(("name" = String, Path)),
    responses((status = 204, description = "Deleted"),
        (status = "default", description = "Nothing changed", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn delete_issuer(
    State(service): State<Service>,
    caller: Caller,
    Path(name): Path<String>,
) -> ApiResult<StatusCode> {
    service.delete_issuer(&caller, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
