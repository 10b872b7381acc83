//! The admin UI: pages rendered here, for a browser's session, by the same services as the API.
//!
//! Must not live here: policy, SQL, values. What people or functions wrote is data: it is escaped by `maud`, made visible
//! by [`text`], and never marked as HTML. Every core action works without JavaScript; `assets/app.js` only adds comfort.

mod assets;
mod audit;
mod chart;
mod clients;
mod form;
mod functions;
mod health;
mod highlight;
mod icons;
mod integrations;
mod layout;
mod login;
mod look;
mod next;
mod requests;
mod secrets;
mod session;
mod settings;
mod text;
mod time;
mod webhooks;
mod welcome;
mod words;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{get, post};

use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;

use crate::service::Service;

/// The names of our cookies, over plain HTTP and over TLS. The gateway keeps them from functions, which share our host.
pub(crate) const SESSION_COOKIES: [&str; 2] = ["tresor_session", "__Host-tresor_session"];

/// Rows of one page of any list.
const ROWS: u32 = 100;

/// The pages. The caller puts the guards of the control plane before them.
pub(crate) fn router() -> Router<Service> {
    let import = Router::new()
        .route("/secrets/import", get(secrets::import::show).post(secrets::import::paste))
        .route("/secrets/import/preview", get(secrets::import::preview).post(secrets::import::store))
        .route("/secrets/import/discard", post(secrets::import::discard))
        .route_layer(middleware::from_fn(form::own_pages_only))
        // A form writes a byte as three at most.
        .layer(DefaultBodyLimit::max(3 * domain::limits::IMPORT_BYTES + 1024));
    Router::new()
        .route("/", get(welcome::home))
        .route("/welcome", get(welcome::show))
        .route("/login", get(login::show).post(login::open))
        .route("/logout", post(login::end))
        .route("/look", post(look::choose))
        .route("/secrets", get(secrets::list::show))
        .route("/secrets/delete", post(secrets::bulk::delete))
        .route("/secrets/export", get(secrets::export::structure))
        .route("/secrets/matrix", get(secrets::matrix::show))
        .route("/secrets/new", get(secrets::add::show).post(secrets::add::store))
        .route("/secrets/{name}", get(secrets::detail::show).post(secrets::detail::update))
        .route("/secrets/{name}/activate", post(secrets::detail::activate))
        .route("/secrets/{name}/share", post(secrets::share::share))
        .route("/secrets/{name}/overlap", post(secrets::overlap::change))
        .route("/secrets/{name}/rotator", post(secrets::rotator::set))
        .route("/secrets/{name}/rotator/remove", post(secrets::rotator::remove))
        .route("/secrets/{name}/rotate", post(secrets::rotator::rotate))
        .route("/secrets/{name}/rotations/{id}/retry", post(secrets::rotator::retry))
        .route("/secrets/{name}/rotations/{id}/cancel", post(secrets::rotator::cancel))
        .route("/secrets/{name}/destroy", post(secrets::detail::destroy))
        .route("/secrets/{name}/delete", get(secrets::delete::confirm).post(secrets::delete::delete))
        .route("/health", get(health::show))
        .route("/requests", get(requests::list::show))
        .route("/requests/{id}", get(requests::answer::show).post(requests::answer::answer))
        .route("/requests/{id}/decline", post(requests::answer::decline))
        .route("/oauth/authorize", get(clients::consent::show).post(clients::consent::answer))
        .route("/settings/programs", get(settings::programs::show))
        .route("/settings/programs/{id}/revoke", post(settings::programs::revoke))
        .route("/confirmations/{id}", get(requests::confirm::show))
        .route("/confirmations/{id}/approve", post(requests::confirm::approve))
        .route("/confirmations/{id}/decline", post(requests::confirm::decline))
        .route("/integrations", get(integrations::list::show))
        .route("/integrations/{id}", get(integrations::detail::show).post(integrations::detail::store))
        .route("/integrations/{id}/check", post(integrations::detail::check))
        .route("/integrations/{id}/deploy", post(integrations::deploy::deploy))
        .route("/functions", get(functions::list::show))
        .route("/functions/{name}", get(functions::overview::show))
        .route("/functions/{name}/try", get(functions::try_it::show).post(functions::try_it::send))
        .route("/functions/{name}/invocations", get(functions::invocations::show))
        .route("/functions/{name}/log", get(functions::log::show))
        .route("/functions/{name}/log/live", get(functions::log::follow))
        .route("/functions/{name}/source", get(functions::source::show))
        .route("/functions/{name}/deployments", get(functions::deployments::show))
        .route("/functions/{name}/rollback", post(functions::deployments::rollback))
        .route("/functions/{name}/delete", get(functions::delete::confirm).post(functions::delete::delete))
        .route("/functions/{name}/invocations/{id}", get(functions::invocation::show))
        .route("/webhooks", get(webhooks::show).post(webhooks::put))
        .route("/webhooks/{name}/test", post(webhooks::test))
        .route("/webhooks/{name}/rotate", post(webhooks::rotate))
        .route("/webhooks/{name}/delete", post(webhooks::delete))
        .route("/audit", get(audit::show))
        .route("/audit/export", get(audit::export))
        .route("/settings", get(settings::general::show).post(settings::general::put))
        .route("/settings/environments", get(settings::environments::show).post(settings::environments::put))
        .route(
            "/settings/environments/{name}/delete",
            get(settings::environments::confirm).post(settings::environments::delete),
        )
        .route("/settings/tokens", get(settings::tokens::show))
        .route("/settings/tokens/new", get(settings::tokens::new).post(settings::tokens::create))
        .route("/settings/tokens/{id}/revoke", get(settings::tokens::confirm).post(settings::tokens::revoke))
        .route("/settings/people", get(settings::people::show))
        .route("/settings/people/member", post(settings::people::put_member))
        .route("/settings/people/member/{name}/delete", post(settings::people::delete_member))
        .route("/settings/people/group", post(settings::people::put_group))
        .route("/settings/people/group/{name}/delete", post(settings::people::delete_group))
        .route("/settings/server", get(settings::server::show))
        .route("/settings/issuers", get(settings::issuers::show).post(settings::issuers::put))
        .route("/settings/issuers/{name}/delete", post(settings::issuers::delete))
        .route_layer(middleware::from_fn(form::own_pages_only))
        .route_layer(middleware::from_fn(look::know))
        .layer(DefaultBodyLimit::max(domain::limits::API_REQUEST_BYTES))
        .route("/assets/{hash}/{file}", get(assets::serve))
        .merge(import)
        // No page holds a value, and none is made with what another site chose: there is nothing to guess from its size.
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
}
