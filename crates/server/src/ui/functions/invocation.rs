//! One invocation: how it ended, what it had, what it printed.

use axum::extract::{Path, State};
use axum::response::Response;
use maud::{Markup, html};

use super::{parts, stack};
use crate::service::Service;
use crate::ui::layout::{self, ErrorPage, Section};
use crate::ui::session::Session;
use crate::ui::text::{link, visible};
use crate::ui::time;
use crate::wire::{Egress, Invocation};

/// Most requests that are shown.
const SENT: u32 = 100;

/// `GET /functions/{name}/invocations/{id}`
pub(in crate::ui) async fn show(
    State(service): State<Service>,
    session: Session,
    Path((name, id)): Path<(String, String)>,
) -> Result<Response, ErrorPage> {
    let invocation = service.get_invocation(&session.caller, &name, &id).await;
    let invocation = invocation.map_err(|error| session.not_here("function", error))?;
    let lines = service.invocation_logs(&session.caller, &name, &id).await.map_err(|error| session.failed(error))?;
    let sent = service.function_egress(&session.caller, &name, Some(&id), SENT).await;
    let sent = sent.map_err(|error| session.failed(error))?;
    let place = match &invocation.error {
        Some(error) => stack::place(&service, &session, &name, invocation.deployment, error).await,
        None => None,
    };
    let body = html! {
        (layout::crumbs(&[("/functions", "Functions"), (&format!("/functions/{name}"), &name)]))
        div.title { h1 { "Invocation" } (parts::outcome(&invocation.outcome)) }
        @if let Some(error) = &invocation.error {
            div.notice.bad { p { b { "It failed." } } pre.error-text tabindex="0" role="region" aria-label="Error" { (stack::linked(&name, invocation.deployment, error)) } }
            @if let Some(place) = &place { (place) }
        }
        (facts(&session, &invocation))
        section { h2 { "Log" } (parts::log(&lines.items, "It printed nothing.")) }
        (requests(&sent.items))
    };
    Ok(layout::page(&session, Section::Functions, &format!("Invocation of {name}"), &body))
}

/// Where it sent what.
fn requests(sent: &[Egress]) -> Markup {
    html! {
        section {
            h2 { "Requests it sent" }
            @if sent.is_empty() { p.muted { "None." } } @else {
                div.table-box {
                    table.cards {
                        caption.unseen { "Requests it sent" }
                        thead { tr {
                            th scope="col" { "Request" }
                            th scope="col" { "Answer" }
                            th scope="col" { "Sent" }
                            th scope="col" { "Received" }
                            th scope="col" { "Took" }
                            th scope="col" { "Secrets put in" }
                        } }
                        tbody { @for one in sent {
                            tr {
                                th scope="row" { code.address { (one.method) " " (visible(&one.host)) ":" (one.port) } }
                                td data-label="Answer" { (one.outcome.replace('_', " ")) }
                                td data-label="Sent" { (one.request_bytes) " bytes" }
                                td data-label="Received" { (one.response_bytes) " bytes" }
                                td data-label="Took" { (parts::duration(one.duration_ms)) }
                                td data-label="Secrets put in" { @if one.secrets.is_empty() { span.muted { "None" } } (one.secrets.join(", ")) }
                            }
                        } }
                    }
                }
            }
        }
    }
}

fn facts(session: &Session, invocation: &Invocation) -> Markup {
    html! {
        dl.facts {
            div { dt { "When" } dd { (time::full(&invocation.started_at, session.now)) } }
            div { dt { "Request" } dd { (parts::request(invocation)) } }
            div { dt { "Status" } dd { (invocation.status) } }
            div { dt { "Took" } dd { (parts::duration(invocation.duration_ms)) @if invocation.cold { ", with the start of a worker" } } }
            div { dt { "Caller" } dd { (parts::caller(&invocation.actor)) } }
            div { dt { "Deployment" } dd { (invocation.deployment) " in " (invocation.environment) } }
            div { dt { "Secrets it got" } dd.stack {
                @if invocation.versions.is_empty() { "None" }
                @for (name, version) in &invocation.versions {
                    span { a.mono href=(link(&format!("/secrets/{name}"), &[("environment", &invocation.environment)])) { (name) } " version " (version) }
                }
            } }
            div { dt { "Id" } dd { code.address { (invocation.id) } } }
        }
    }
}
