//! The first minutes: what there is to do in an account that holds nothing yet. Shown once there, and left by any way.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use domain::catalogue;
use maud::html;

use super::icons;
use super::layout::{self, ErrorPage, Section};
use super::session::Session;
use crate::service::{self, Service};

/// `GET /`: the first page for who has nothing here, and the list of secrets for everybody else.
pub(super) async fn home(State(service): State<Service>, session: Session) -> Response {
    let is_new = service.holds_nothing(&session.caller).await.unwrap_or_default();
    Redirect::to(if is_new { "/welcome" } else { "/secrets" }).into_response()
}

/// `GET /welcome`
pub(super) async fn show(session: Session) -> Result<Response, ErrorPage> {
    let body = html! {
        div.title { h1 { "What would you like to connect?" } a.button.push href="/secrets" { "Skip" } }
        p.lead { "Pick a service. You paste its key, deploy a function that works, and call it: three steps, about a minute." }
        ul.cards-grid {
            @for provider in service::popular_providers().filter_map(catalogue::find) {
                li {
                    a.pick-card href=(format!("/integrations/{}", provider.id)) {
                        (icons::mark(Some(provider), true))
                        span { b { (provider.name) } @if let Some(template) = service::templates(provider).first() { span.by { (template.what) } } }
                    }
                }
            }
        }
        section {
            h2 { "Or" }
            ol.ways {
                li { h3 { "Another service" } p { "Tresor knows " (catalogue::all().len()) " of them, and takes any credential." } p { a.button href="/integrations" { "All integrations" } } }
                li { h3 { "You have a .env file" } p { "Paste it, and look at what becomes of each line before anything is stored." } p { a.button href="/secrets/import" { "Import" } } }
                li { h3 { "You have a function" } p { "Deploy it from a terminal; it finds its secrets by name." } (layout::snippet("Command that deploys a function", "tresor function deploy NAME FILE")) }
            }
        }
    };
    Ok(layout::page(&session, Section::Secrets, "Welcome", &body))
}
