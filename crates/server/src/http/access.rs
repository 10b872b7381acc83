//! `/api/v1/tokens`, `/accounts`, `/login-links`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::body::JsonBody;
use super::extract::{Path, Query};
use super::page::PageQuery;
use super::problem::ApiResult;
use crate::service::{Caller, Service};
use crate::wire::{Account, CreateAccount, CreateToken, CreatedAccount, CreatedToken, LoginLink, Page, Problem, Token};

/// Make a token. Its text is in this answer and nowhere else.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "access", operation_id = "create_token", request_body = CreateToken,
    responses((status = 201, description = "The token, shown once", body = CreatedToken),
        (status = "default", description = "Nothing changed", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn create_token(
    State(service): State<Service>,
    caller: Caller,
    JsonBody(body): JsonBody<CreateToken>,
) -> ApiResult<(StatusCode, Json<CreatedToken>)> {
    Ok((StatusCode::CREATED, Json(service.create_token(&caller, body).await?)))
}

/// List tokens, never their texts.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "access", operation_id = "list_tokens", params(PageQuery),
    responses((status = 200, description = "Tokens", body = Page<Token>),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn list_tokens(
    State(service): State<Service>,
    caller: Caller,
    Query(page): Query<PageQuery>,
) -> ApiResult<Json<Page<Token>>> {
    let rows = page.rows()?;
    Ok(Json(service.list_tokens(&caller, page.cursor.as_deref(), rows).await?))
}

/// Revoke a token, with the sessions it opened.
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", tag = "access", operation_id = "revoke_token", params(("id" = String, Path)),
    responses((status = 204, description = "Revoked"),
        (status = "default", description = "Nothing changed", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn revoke_token(
    State(service): State<Service>,
    caller: Caller,
    Path(id): Path<String>,
) -> ApiResult<StatusCode> {
    service.revoke_token(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Make a one-time link that opens a browser session with the caller's scopes.
#[utoipa::path(post, path = "/api/v1/login-links", tag = "access", operation_id = "create_login_link",
    responses((status = 201, description = "The link", body = LoginLink),
        (status = "default", description = "Nothing changed", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn create_login_link(
    State(service): State<Service>,
    caller: Caller,
) -> ApiResult<(StatusCode, Json<LoginLink>)> {
    Ok((StatusCode::CREATED, Json(service.create_login_link(&caller).await?)))
}

/// Make an account. Only for tokens of the account `default`.
#[utoipa::path(post, path = "/api/v1/accounts", tag = "access", operation_id = "create_account", request_body = CreateAccount,
    responses((status = 201, description = "The account and its first token, shown once", body = CreatedAccount),
        (status = "default", description = "Nothing changed", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn create_account(
    State(service): State<Service>,
    caller: Caller,
    JsonBody(body): JsonBody<CreateAccount>,
) -> ApiResult<(StatusCode, Json<CreatedAccount>)> {
    Ok((StatusCode::CREATED, Json(service.create_account(&caller, &body.name).await?)))
}

/// List accounts. Only for tokens of the account `default`.
#[utoipa::path(get, path = "/api/v1/accounts", tag = "access", operation_id = "list_accounts", params(PageQuery),
    responses((status = 200, description = "By name", body = Page<Account>),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn list_accounts(
    State(service): State<Service>,
    caller: Caller,
    Query(page): Query<PageQuery>,
) -> ApiResult<Json<Page<Account>>> {
    let rows = page.rows()?;
    Ok(Json(service.list_accounts(&caller, page.cursor.as_deref(), rows).await?))
}
