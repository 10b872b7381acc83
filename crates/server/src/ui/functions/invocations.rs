//! A function's invocations, newest first.

use axum::extract::{Path, State};
use axum::response::Response;
use maud::{Markup, html};

use super::frame::{Tab, failed, head};
use super::parts;
use crate::service::Service;
use crate::ui::form::Params;
use crate::ui::layout::{self, ErrorPage, Section};
use crate::ui::session::Session;
use crate::ui::text::link;
use crate::wire::{Invocation, Page};

/// Rows of one page.
const ROWS: u32 = 50;

/// `GET /functions/{name}/invocations`
pub(in crate::ui) async fn show(
    State(service): State<Service>,
    session: Session,
    Path(name): Path<String>,
    params: Params,
) -> Result<Response, ErrorPage> {
    let cursor = params.text("cursor");
    let only_failed = params.text("show") == Some("failed");
    let environment = session.default_environment();
    let (caller, place) = (&session.caller, environment.as_deref());
    let found = service.list_invocations(caller, &name, place, only_failed, cursor, ROWS).await;
    let page = found.map_err(|error| failed(&session, error))?;
    let path = format!("/functions/{name}/invocations");
    let shown = if only_failed { "failed" } else { "" };
    let body = html! {
        (head(&name, Tab::Invocations))
        nav.choices aria-label="Which" {
            a href=(path) aria-current=[(!only_failed).then_some("true")] { "All" }
            a href=(link(&path, &[("show", "failed")])) aria-current=[only_failed.then_some("true")] { "Failed" }
        }
        @if page.items.is_empty() {
            p.muted { @if only_failed { "None of those that are kept failed." } @else { "Nobody has called it yet." } }
        } @else { (table(&session, &path, &page)) }
        (layout::pager(&path, &[("show", shown)], cursor, page.next_cursor.as_deref()))
    };
    Ok(layout::page(&session, Section::Functions, &format!("Invocations of {name}"), &body))
}

fn table(session: &Session, path: &str, page: &Page<Invocation>) -> Markup {
    html! {
        div.table-box {
            table.cards {
                caption.unseen { "Invocations, newest first" }
                thead { tr {
                    th scope="col" { "When" }
                    th scope="col" { "Request" }
                    th.number scope="col" { "Status" }
                    th scope="col" { "Outcome" }
                    th.number scope="col" { "Took" }
                    th scope="col" { "Caller" }
                    th.number scope="col" { "Deployment" }
                    th.number scope="col" { "Secrets" }
                } }
                tbody { @for invocation in &page.items { (row(session, path, invocation)) } }
            }
        }
    }
}

fn row(session: &Session, path: &str, invocation: &Invocation) -> Markup {
    html! {
        tr {
            th scope="row" { a href=(format!("{path}/{}", invocation.id)) { (session.ago(&invocation.started_at)) } }
            td data-label="Request" { (parts::request(invocation)) }
            td.number data-label="Status" { (invocation.status) }
            td data-label="Outcome" { (parts::outcome(&invocation.outcome)) @if invocation.cold { " " span.badge title="A worker was started for it" { "Cold" } } }
            td.number data-label="Took" { (parts::duration(invocation.duration_ms)) }
            td data-label="Caller" { (parts::caller(&invocation.actor)) }
            td.number data-label="Deployment" { (invocation.deployment) @if invocation.environment != "production" { " in " (invocation.environment) } }
            td.number data-label="Secrets" { (invocation.versions.len()) }
        }
    }
}
