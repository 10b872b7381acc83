//! HTTP: routes, authentication, problem documents. Handlers are thin: they hold no policy and no SQL.

mod access;
mod account_key;
pub(crate) mod audit;
pub(crate) mod auth;
pub(crate) mod body;
mod cors;
mod environments;
mod extract;
mod functions;
mod gateway;
mod guard;
mod health;
mod inject;
mod llms;
mod members;
pub(crate) mod oauth;
mod openapi;
mod page;
pub(crate) mod problem;
mod providers;
pub(crate) mod request_id;
mod rotators;
mod scan;
mod secret_health;
mod secret_requests;
mod secrets;
mod settings;
mod structure;
mod supabase;
mod walls;
mod webhooks;

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use domain::limits;
use futures_util::FutureExt as _;
use tower::ServiceExt as _;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::metrics::RequestLabels;
use crate::service::Service;
use crate::{mcp, ui};
use body::BodyLimit;
use problem::ApiError;

/// Every route of the control plane.
fn router(service: Service) -> Router {
    let (api, document) = api().split_for_parts();
    let api = api.method_not_allowed_fallback(method_not_allowed);
    let document = openapi::finish(document);
    let control = Router::new()
        .merge(api)
        .merge(supabase::router())
        .merge(ui::router())
        .merge(mcp::router(&service))
        .merge(llms::router())
        .merge(oauth::router())
        .route("/openapi.json", get(move || openapi::serve(document.clone())))
        .route("/metrics", get(health::metrics))
        .fallback(not_found)
        .layer(from_fn_with_state(service.clone(), guard::same_site))
        .layer(from_fn_with_state(service.clone(), guard::security_headers))
        .layer(from_fn_with_state(service.clone(), count));
    Router::new()
        // Load balancers ask by address, so these stand before the Host check; they tell nothing.
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .merge(control)
        .layer(CatchPanicLayer::custom(|_| panicked()))
        .layer(from_fn(request_id::assign))
        .with_state(service)
}

/// What answers every request.
pub(crate) struct App {
    service: Service,
    control: Router,
}

impl App {
    pub(crate) fn new(service: Service) -> Self {
        Self { control: router(service.clone()), service }
    }

    /// Invocations go past the router and its layers, which are the control plane's and cost as much as a small function.
    pub(crate) async fn respond(&self, mut request: Request, peer: SocketAddr) -> Response {
        let Some(target) = gateway::target(request.uri().path()) else {
            request.extensions_mut().insert(ConnectInfo(peer));
            let is_safe = request.method().is_safe();
            let answer = self.control.clone().oneshot(request).map(|Ok(response)| response);
            // Whoever asks for a change and hangs up does not stop it half-way: what must follow a commit follows.
            return match is_safe {
                true => answer.await,
                false => tokio::spawn(answer).await.unwrap_or_else(|_| panicked()),
            };
        };
        let target = target.map(|(target, below)| (target, below.to_owned()));
        let id = request_id::fresh();
        // In a place of its own: it is large, and every step from here to the connection would copy it.
        let answer = Box::pin(gateway::respond(self.service.clone(), id.clone(), target, request, peer));
        let answer = AssertUnwindSafe(answer).catch_unwind().map(|answer| answer.unwrap_or_else(|_| panicked()));
        request_id::within(id, answer).await
    }

    /// A problem document for a request that nobody may act on.
    pub(crate) async fn refuse(&self, code: &'static str, detail: &'static str) -> Response {
        let problem = async { ApiError::new(StatusCode::BAD_REQUEST, code, detail).into_response() };
        request_id::within(request_id::fresh(), problem).await
    }
}

/// One request's panic must not end the others.
fn panicked() -> Response {
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something failed on the server.").into_response()
}

/// The routes that the OpenAPI document describes.
fn api() -> OpenApiRouter<Service> {
    let deploy = OpenApiRouter::new()
        .routes(routes!(functions::deploy, functions::get, functions::delete))
        // JSON escapes can double a source.
        .layer(Extension(BodyLimit(2 * limits::BUNDLE_BYTES)));
    let import = OpenApiRouter::new()
        .routes(routes!(secrets::import))
        // Likewise.
        .layer(Extension(BodyLimit(2 * limits::IMPORT_BYTES)));
    OpenApiRouter::new()
        .routes(routes!(secrets::put, secrets::get, secrets::change, secrets::delete))
        .routes(routes!(secrets::list))
        .routes(routes!(secret_health::get))
        .routes(routes!(environments::matrix))
        .routes(routes!(environments::share))
        .routes(routes!(structure::export, structure::import))
        .routes(routes!(secrets::versions))
        .routes(routes!(secrets::activate))
        .routes(routes!(rotators::get, rotators::put, rotators::delete))
        .routes(routes!(rotators::rotate))
        .routes(routes!(rotators::list))
        .routes(routes!(rotators::one))
        .routes(routes!(rotators::retry))
        .routes(routes!(rotators::cancel))
        .routes(routes!(secrets::check))
        .routes(routes!(scan::settings, scan::find))
        .routes(routes!(providers::list))
        .routes(routes!(providers::get))
        .routes(routes!(providers::suggest))
        .routes(routes!(providers::check))
        .routes(routes!(secrets::destroy))
        .routes(routes!(secret_requests::create, secret_requests::list))
        .routes(routes!(secret_requests::get))
        .routes(routes!(secret_requests::decline))
        .routes(routes!(secret_requests::cancel))
        .routes(routes!(functions::list))
        .routes(routes!(functions::rollback))
        .routes(routes!(functions::invocations))
        .routes(routes!(functions::invocation_logs))
        .routes(routes!(functions::logs))
        .routes(routes!(functions::egress))
        .routes(routes!(functions::tail))
        .routes(routes!(access::create_token, access::list_tokens))
        .routes(routes!(access::revoke_token))
        .routes(routes!(inject::inject))
        .routes(routes!(environments::list))
        .routes(routes!(environments::put, environments::delete))
        .routes(routes!(environments::clone))
        .routes(routes!(members::list_members))
        .routes(routes!(members::put_member, members::delete_member))
        .routes(routes!(members::list_groups))
        .routes(routes!(members::put_group, members::delete_group))
        .routes(routes!(members::list_issuers))
        .routes(routes!(members::put_issuer, members::delete_issuer))
        .routes(routes!(settings::get, settings::put))
        .routes(routes!(account_key::get))
        .routes(routes!(account_key::rotate))
        .routes(routes!(walls::list))
        .routes(routes!(webhooks::list))
        .routes(routes!(webhooks::put, webhooks::delete))
        .routes(routes!(webhooks::test))
        .routes(routes!(webhooks::rotate))
        .routes(routes!(access::create_login_link))
        .routes(routes!(access::create_account, access::list_accounts))
        .routes(routes!(audit::list))
        .routes(routes!(audit::checkpoint))
        .routes(routes!(audit::proof))
        .routes(routes!(audit::export))
        .merge(deploy)
        .merge(import)
}

/// The OpenAPI document, for the test that diffs it.
pub(crate) fn document() -> utoipa::openapi::OpenApi {
    openapi::finish(api().into_openapi())
}

async fn not_found() -> ApiError {
    ApiError::new(
        StatusCode::NOT_FOUND,
        "no_route",
        "There is nothing at this path. The API is described at /openapi.json.",
    )
}

async fn method_not_allowed() -> ApiError {
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "This path does not take this method. The API is described at /openapi.json.",
    )
}

const METHODS: [Method; 7] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];

async fn count(State(service): State<Service>, request: Request, next: Next) -> Response {
    // The route, not the path: in a path that was put together wrongly anything can stand, a value too.
    let route = request.extensions().get::<MatchedPath>().map_or("-", MatchedPath::as_str).to_owned();
    // Likewise: HTTP takes any word for a method.
    let method = if METHODS.contains(request.method()) { request.method().to_string() } else { "-".to_owned() };
    let response = next.run(request).await;
    let status = response.status().as_u16();
    service.metrics.requests.get_or_create(&RequestLabels { status }).inc();
    tracing::info!(request_id = request_id::current(), method, route, status, "request");
    response
}
