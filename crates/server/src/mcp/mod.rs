//! The Model Context Protocol at `POST /mcp`: for coding assistants. Both the revision with a handshake (2025-11-25) and
//! the one without (2026-07-28) are spoken, and neither keeps anything between two requests.
//!
//! Must not live here: policy, SQL, values. A tool is a call of the service, as whoever sent the request.

mod call;
mod data;
mod elicit;
mod frame;
mod guide;
mod handler;
mod schema;
mod tools;

use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Extension, Router};
use domain::{Scope, limits};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use zeroize::Zeroizing;

use crate::http::problem::ApiError;
use crate::http::{body, oauth};
use crate::service::Service;
use handler::Handler;

/// The value of a `put_secret`, beside its request. Whoever acts on it takes it out.
#[derive(Clone, Default)]
struct Given(Arc<Mutex<Option<Zeroizing<String>>>>);

/// The scope without which a client's tool was refused. Beside requests with other tokens there is none: no person is asked for those.
#[derive(Clone, Default)]
struct Lacks(Arc<Mutex<Option<Scope>>>);

type Endpoint = StreamableHttpService<Handler, NeverSessionManager>;

/// The endpoint. The caller puts the guards of the control plane before it: `Host` and `Origin` are theirs.
pub(crate) fn router(service: &Service) -> Router<Service> {
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_max_request_body_bytes(LIMIT)
        .with_cancellation_token(service.stopping.child_token())
        // `guard::same_site` compares them with this server's own, port and all.
        .disable_allowed_hosts();
    let handler = Handler { service: service.clone() };
    let endpoint = Endpoint::new(move || Ok(handler.clone()), Arc::new(NeverSessionManager::default()), config);
    Router::new().route("/mcp", post(respond)).layer(Extension(endpoint))
}

/// Source comes as JSON, whose escapes can double it.
const LIMIT: usize = 2 * limits::BUNDLE_BYTES;

async fn respond(
    State(service): State<Service>,
    Extension(endpoint): Extension<Endpoint>,
    request: Request,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let (caller, by_client) = match oauth::caller(&service, &parts).await {
        Ok(caller) => caller,
        Err(response) => return response,
    };
    let bytes = match body::read(body, LIMIT).await {
        Ok(bytes) => bytes,
        Err(error) => return error.into_response(),
    };
    let message = match frame::read(&bytes) {
        Ok(message) => message,
        Err(invalid) => return ApiError::from(invalid).into_response(),
    };
    drop(bytes);
    // What the library reads is what was read here.
    let body = Body::from(serde_json::to_vec(&message.json).unwrap_or_default());
    parts.extensions.insert(Given(Arc::new(Mutex::new(message.value))));
    parts.headers.remove(axum::http::header::CONTENT_LENGTH);
    parts.headers.remove(axum::http::header::AUTHORIZATION);
    parts.extensions.insert(caller.clone());
    let (lacks, headers) = (Lacks::default(), parts.headers.clone());
    if by_client {
        parts.extensions.insert(lacks.clone());
    }
    let response = endpoint.handle(Request::from_parts(parts, body)).await.map(Body::new);
    let lacks = lacks.0.lock().map_or(None, |mut lacks| lacks.take());
    match lacks {
        Some(scope) if service.challenges_client(&caller, scope) => {
            oauth::step_up(&service, &headers, &caller.actor.scopes, scope)
        }
        _ => response,
    }
}
