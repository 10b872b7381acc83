//! The structure of secrets as a file.

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

use crate::service::{Error, Service};
use crate::ui::form::Params;
use crate::ui::layout::ErrorPage;
use crate::ui::session::Session;

/// `GET /secrets/export`
pub(in crate::ui) async fn structure(
    State(service): State<Service>,
    session: Session,
    params: Params,
) -> Result<Response, ErrorPage> {
    let environment = params.text("environment").map(str::to_owned).or_else(|| session.default_environment());
    let failed = |error| session.failed(error);
    let structure = service.secret_structure(&session.caller, environment.as_deref()).await.map_err(failed)?;
    let text = serde_json::to_string_pretty(&structure)
        .map_err(|_| session.failed(Error::Broken("a structure could not be written")))?;
    let headers = [
        (CONTENT_TYPE, "application/json"),
        (CONTENT_DISPOSITION, "attachment; filename=\"tresor-secrets.json\""),
        (CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, text + "\n").into_response())
}
