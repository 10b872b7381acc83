//! The list of secret requests.

use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};

use super::confirm;
use super::parts::badge;
use crate::service::Service;
use crate::ui::ROWS;
use crate::ui::form::Params;
use crate::ui::layout::{self, ErrorPage, Section, snippet};
use crate::ui::session::Session;
use crate::ui::text::visible;
use crate::wire::SecretRequest;

/// `GET /requests`
pub(in crate::ui) async fn show(
    State(service): State<Service>,
    session: Session,
    params: Params,
) -> Result<Response, ErrorPage> {
    let (cursor, environment) = (params.text("cursor"), session.default_environment());
    let found = service.list_secret_requests(&session.caller, environment.as_deref(), false, cursor, ROWS).await;
    let page = found.map_err(|error| session.failed(error))?;
    let open = service.open_confirmations(&session.caller, environment.as_deref()).await;
    let open = open.map_err(|error| session.failed(error))?;
    let body = html! {
        div.title { h1 { "Requests" } }
        p.lead { "Secrets that an assistant or a person has asked for. You enter the value here; whoever asks learns only that you did." }
        (confirm::waiting(&session, &open))
        @if page.items.is_empty() && cursor.is_none() { (empty()) } @else {
            (table(&session, &page.items))
            (layout::pager("/requests", &[], cursor, page.next_cursor.as_deref()))
        }
    };
    Ok(layout::page(&session, Section::Requests, "Requests", &body))
}

fn table(session: &Session, requests: &[SecretRequest]) -> Markup {
    html! {
        div.table-box {
            table.cards {
                caption.unseen { "Secret requests, newest first" }
                thead { tr { th scope="col" { "Secret" } th scope="col" { "Status" } th scope="col" { "Environment" } th scope="col" { "Asked for by" } th scope="col" { "When" } } }
                tbody { @for request in requests {
                    tr {
                        th scope="row" {
                            a.name href=(format!("/requests/{}", request.id)) { (request.name) }
                            span.note { (visible(&request.reason)) }
                        }
                        td data-label="Status" { (badge(&request.status)) }
                        td data-label="Environment" { (request.environment) }
                        td data-label="Asked for by" { (visible(&request.created_by)) }
                        td data-label="When" { (session.ago(&request.created_at)) }
                    }
                } }
            }
        }
    }
}

fn empty() -> Markup {
    html! {
        section.empty {
            h2 { "Nobody has asked for a secret" }
            p { "An assistant that builds an integration for you asks here for the credentials it needs, so that they never pass through a chat. "
                "A script or a colleague can ask too:" }
            (snippet("Command that asks for a secret", "tresor secret request SENDGRID_API_KEY --reason \"to send the weekly mail\""))
        }
    }
}
