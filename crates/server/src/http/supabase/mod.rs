//! `/v1/projects…`: the part of Supabase's Management API that its command line needs to set secrets and deploy functions
//! here. An environment is a project. Bound to the same use cases as our own API, with the same permits and events;
//! `docs/supabase.md` says what stands for what. Errors come in that API's shape.

mod functions;
mod projects;
mod secrets;
mod upload;

use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use domain::limits;
use http_body_util::BodyExt as _;
use serde_json::json;

use crate::service::Service;
use crate::wire::Problem;

/// What stands around the files of a deployment.
const MULTIPART_BYTES: usize = 1024 * 1024;

pub(super) fn router() -> Router<Service> {
    Router::new()
        .route("/v1/projects", get(projects::list))
        .route("/v1/projects/{reference}", get(projects::get))
        .route("/v1/projects/{reference}/secrets", get(secrets::list).post(secrets::set).delete(secrets::unset))
        .route("/v1/projects/{reference}/functions", get(functions::list).put(functions::activate))
        .route("/v1/projects/{reference}/functions/deploy", post(functions::deploy))
        .route("/v1/projects/{reference}/functions/{slug}", get(functions::get).delete(functions::delete))
        .layer(DefaultBodyLimit::max(limits::BUNDLE_BYTES + MULTIPART_BYTES))
        .layer(map_response(in_its_words))
}

/// A problem document as `{"message": …}`.
async fn in_its_words(response: Response) -> Response {
    if response.headers().get(header::CONTENT_TYPE) != Some(&HeaderValue::from_static("application/problem+json")) {
        return response;
    }
    let (mut head, body) = response.into_parts();
    let bytes = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let Ok(problem) = serde_json::from_slice::<Problem>(&bytes) else { return (head, bytes).into_response() };
    let fields: Vec<_> = problem.errors.iter().map(|field| format!("{}: {}", field.field, field.detail)).collect();
    let message = if fields.len() > 1 { fields.join("; ") } else { problem.detail };
    head.headers.remove(header::CONTENT_LENGTH);
    head.headers.remove(header::CONTENT_TYPE);
    (head, Json(json!({ "message": message, "code": problem.code, "request_id": problem.request_id }))).into_response()
}
