//! The programs that act for the account, each with its end.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use super::frame::{Tab, page};
use crate::service::{Grant, Service};
use crate::ui::clients::words;
use crate::ui::layout::ErrorPage;
use crate::ui::session::Session;
use crate::ui::text::visible;

/// `GET /settings/programs`
pub(in crate::ui) async fn show(State(service): State<Service>, session: Session) -> Result<Response, ErrorPage> {
    let grants = service.client_grants(&session.caller).await.map_err(|error| session.failed(error))?;
    let body = html! {
        p.lead { "Assistants and other programs that somebody let act for this account, over the Model Context Protocol." }
        @if grants.is_empty() { section.empty { h2 { "No program is connected" } p { "An assistant that you give the address of this server's " code { "/mcp" } " asks here to be let in." } } }
        @for grant in &grants { (card(&session, grant)) }
    };
    Ok(page(&session, Tab::Programs, &body))
}

/// `POST /settings/programs/{id}/revoke`
pub(in crate::ui) async fn revoke(
    State(service): State<Service>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Response, ErrorPage> {
    service.revoke_client(&session.caller, &id).await.map_err(|error| session.failed(error))?;
    Ok(Redirect::to("/settings/programs").into_response())
}

fn card(session: &Session, grant: &Grant) -> Markup {
    html! {
        section.card {
            h2 { (visible(&grant.name)) }
            dl.facts {
                @if let Some(host) = &grant.host { div { dt { "Known by" } dd { "a document at " (visible(host)) } } }
                div { dt { "Connected" } dd { (session.ago(&grant.created_at)) " by " (visible(&grant.created_by)) } }
                div { dt { "Last used" } dd { @match &grant.last_used_at { Some(time) => (session.ago(time)), None => "Never" } } }
                div { dt { "May" } dd { ul { @for scope in &grant.scopes { li { (words(*scope)) } } } } }
            }
            form method="post" action=(format!("/settings/programs/{}/revoke", grant.id)) {
                p.actions { button.danger type="submit" { "Disconnect " (visible(&grant.name)) } }
            }
        }
    }
}
