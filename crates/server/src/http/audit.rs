//! `/api/v1/audit`.

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::{AccountId, Invalid, Timestamp};
use futures_util::{StreamExt as _, stream};
use serde::Deserialize;
use utoipa::IntoParams;

use super::extract::Query;
use super::page::PageQuery;
use super::problem::{ApiError, ApiResult};
use crate::service::{AuditQuery, Caller, Error, Service};
use crate::wire::{AuditEntry, AuditProof, Page, Problem, SignedCheckpoint};

/// Which events.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Filter {
    /// For example `secret.put`.
    action: Option<String>,
    /// The actor's name or id.
    actor: Option<String>,
    /// The resource's name.
    resource: Option<String>,
    /// RFC 3339: not from before this time.
    since: Option<String>,
    /// RFC 3339: from before this time.
    until: Option<String>,
}

/// List audit events, newest first.
#[utoipa::path(get, path = "/api/v1/audit", tag = "audit", operation_id = "list_audit", params(Filter, PageQuery),
    responses((status = 200, description = "Events", body = Page<AuditEntry>),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn list(
    State(service): State<Service>,
    caller: Caller,
    Query(filter): Query<Filter>,
    Query(page): Query<PageQuery>,
) -> ApiResult<Json<Page<AuditEntry>>> {
    let rows = page.rows()?;
    let time = |name, text: Option<String>| {
        let parse = |text: String| Timestamp::parse(&text).ok_or_else(|| time_invalid(name));
        text.map(parse).transpose()
    };
    let Filter { action, actor, resource, since, until } = filter;
    let (since, until) = (time("since", since)?, time("until", until)?);
    let query = AuditQuery { cursor: page.cursor, rows, action, actor, resource, since, until };
    Ok(Json(service.list_audit(&caller, query).await?))
}

fn time_invalid(name: &'static str) -> Error {
    Invalid::new(name, "time_invalid", "must be a time like 2027-03-31T12:00:00Z").into()
}

/// The log's signed tree head. Keep it outside the server.
#[utoipa::path(get, path = "/api/v1/audit/checkpoint", tag = "audit", operation_id = "get_audit_checkpoint",
    responses((status = 200, description = "A C2SP signed note", body = SignedCheckpoint),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn checkpoint(State(service): State<Service>, caller: Caller) -> ApiResult<Json<SignedCheckpoint>> {
    Ok(Json(service.audit_checkpoint(&caller).await?))
}

/// What is to be proved: `index` and `size`, or `old` and `new`.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ProofQuery {
    /// The leaf.
    index: Option<u64>,
    /// The tree that holds it.
    size: Option<u64>,
    /// The smaller tree.
    old: Option<u64>,
    /// The larger tree.
    new: Option<u64>,
}

/// An RFC 6962 inclusion or consistency proof.
#[utoipa::path(get, path = "/api/v1/audit/proof", tag = "audit", operation_id = "get_audit_proof", params(ProofQuery),
    responses((status = 200, description = "The proof", body = AuditProof),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn proof(
    State(service): State<Service>,
    caller: Caller,
    Query(query): Query<ProofQuery>,
) -> ApiResult<Json<AuditProof>> {
    Ok(Json(match query {
        ProofQuery { index: Some(index), size: Some(size), old: None, new: None } => {
            service.inclusion_proof(&caller, index, size).await?
        }
        ProofQuery { index: None, size: None, old: Some(old), new: Some(new) } => {
            service.consistency_proof(&caller, old, new).await?
        }
        _ => {
            return Err(ApiError::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "proof_unclear",
                "Give `index` and `size`, or `old` and `new`.",
            ));
        }
    }))
}

/// The whole log as JSON Lines, each event as it is hashed, then the signed checkpoint: `tresor audit verify` checks it offline.
#[utoipa::path(get, path = "/api/v1/audit/export", tag = "audit", operation_id = "export_audit",
    responses((status = 200, description = "Events and a trailer", body = String, content_type = "application/jsonl"),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn export(State(service): State<Service>, caller: Caller) -> ApiResult<Response> {
    let begun = service.begin_export(&caller).await?;
    Ok(([(header::CONTENT_TYPE, "application/jsonl")], exported(service, begun)).into_response())
}

/// The lines of an export that [`Service::begin_export`] began.
pub(crate) fn exported(service: Service, (account, size, trailer): (AccountId, u64, String)) -> Body {
    let lines = stream::unfold((0, Some(trailer)), move |(from, trailer)| {
        let (service, account) = (service.clone(), account.clone());
        async move {
            let trailer = trailer?;
            if from >= size {
                return Some((Ok(Bytes::from(format!("{trailer}\n"))), (from, None)));
            }
            match service.export_rows(&account, from, size).await {
                Ok(rows) if rows.is_empty() => {
                    // With its trailer, so that the check can say that events were removed.
                    tracing::error!(from, size, "audit events are missing");
                    Some((Ok(Bytes::from(format!("{trailer}\n"))), (from, None)))
                }
                Ok(rows) => {
                    let next = from + rows.len() as u64;
                    Some((Ok(Bytes::from(rows.join("\n") + "\n")), (next, Some(trailer))))
                }
                // The response then ends without its trailer, which the check refuses.
                Err(error) => Some((Err(std::io::Error::other(error)), (from, None))),
            }
        }
    });
    // Compression asks once more after the end.
    Body::from_stream(lines.fuse())
}
