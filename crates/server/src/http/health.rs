//! `/healthz`, `/readyz`, `/metrics`.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::Action;

use super::problem::{ApiError, ApiResult};
use crate::service::{Caller, Service};

/// The process lives.
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// Requests can be answered: the database answers and functions can run.
pub(super) async fn readyz(State(service): State<Service>) -> Response {
    match service.readiness().await {
        Ok(()) => "ready\n".into_response(),
        Err(error) => {
            let problem = ApiError::from(error);
            (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {}\n", problem.detail())).into_response()
        }
    }
}

/// Counters in the OpenMetrics text format; for tokens of the account `default` that may manage accounts.
pub(super) async fn metrics(State(service): State<Service>, caller: Caller) -> ApiResult<Response> {
    service.permit(&caller, Action::AccountList, None, "metrics").await?;
    let text = service.render_metrics();
    Ok(([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response())
}
