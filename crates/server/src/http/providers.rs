//! `/api/v1/providers`.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::body::JsonBody;
use super::extract::{Path, Query};
use super::problem::ApiResult;
use crate::service::{Caller, Service};
use crate::wire::{Check, CheckValue, Page, Problem, Provider, ProviderSuggestion, ProviderSummary, SuggestProvider};

/// What is looked for.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ProviderQuery {
    /// An id, a part of a name, a category or a secret's name; all providers if left out.
    pub(crate) q: Option<String>,
}

/// List the providers whose credentials are known.
#[utoipa::path(get, path = "/api/v1/providers", tag = "providers", operation_id = "list_providers", params(ProviderQuery),
    responses((status = 200, description = "Best match first", body = Page<ProviderSummary>),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn list(
    State(service): State<Service>,
    caller: Caller,
    Query(query): Query<ProviderQuery>,
) -> ApiResult<Json<Page<ProviderSummary>>> {
    Ok(Json(service.list_providers(&caller, query.q.as_deref().unwrap_or_default())))
}

/// Get one provider: names, formats, hosts, where to get a key and how to rotate it.
#[utoipa::path(get, path = "/api/v1/providers/{id}", tag = "providers", operation_id = "get_provider", params(("id" = String, Path)),
    responses((status = 200, description = "The provider", body = Provider),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn get(
    State(service): State<Service>,
    caller: Caller,
    Path(id): Path<String>,
) -> ApiResult<Json<Provider>> {
    Ok(Json(service.get_provider(&caller, &id)?))
}

/// Ask what a value may be. It is neither stored nor logged.
#[utoipa::path(post, path = "/api/v1/providers/suggest", tag = "providers", operation_id = "suggest_providers", request_body = SuggestProvider,
    responses((status = 200, description = "Most likely first; at most five", body = Page<ProviderSuggestion>),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn suggest(
    State(service): State<Service>,
    caller: Caller,
    JsonBody(body): JsonBody<SuggestProvider>,
) -> ApiResult<Json<Page<ProviderSuggestion>>> {
    Ok(Json(service.suggest_providers(&caller, body.value.take())?))
}

/// Check with a provider whether a value works, before it is stored. It is neither stored nor logged.
#[utoipa::path(post, path = "/api/v1/providers/{id}/check", tag = "providers", operation_id = "check_value", params(("id" = String, Path)), request_body = CheckValue,
    responses((status = 200, description = "What the provider says", body = Check),
        (status = "default", description = "Not checked", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn check(
    State(service): State<Service>,
    caller: Caller,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<CheckValue>,
) -> ApiResult<Json<Check>> {
    Ok(Json(service.check_value(&caller, &id, body).await?))
}
