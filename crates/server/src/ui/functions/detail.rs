//! One function: where it runs, its deployments, source, latest invocations and log lines.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use super::parts;
use crate::service::{Error, Service};
use crate::ui::form::{Fields, Params};
use crate::ui::layout::{self, ErrorPage, Section, snippet};
use crate::ui::session::Session;
use crate::ui::text::{link, visible};
use crate::wire::{Deployment, FunctionDetail, Invocation, Page};

/// Invocations of one page.
const INVOCATIONS: u32 = 25;
/// Log lines shown.
const LOG_LINES: u32 = 100;
/// Characters of a source file that are shown.
const SOURCE_CHARS: usize = 100_000;

/// `GET /functions/{name}`
pub(in crate::ui) async fn show(
    State(service): State<Service>,
    session: Session,
    Path(name): Path<String>,
    params: Params,
) -> Result<Response, ErrorPage> {
    // A name that no function can have is one that is not here.
    let failed =
        |error| session.failed(if matches!(error, Error::Invalid(_)) { Error::not_found("function") } else { error });
    let number = params.text("source").and_then(|number| number.parse().ok());
    let detail = service.get_function(&session.caller, &name, number).await.map_err(failed)?;
    let cursor = params.text("cursor");
    let found = service.list_invocations(&session.caller, &name, None, cursor, INVOCATIONS).await;
    let invocations = found.map_err(|error| session.failed(error))?;
    let lines =
        service.function_logs(&session.caller, &name, LOG_LINES).await.map_err(|error| session.failed(error))?;
    let rolled = params.text("rolled").and_then(|number| number.parse().ok());
    let path = format!("/functions/{name}");
    let body = html! {
        nav.crumbs aria-label="Where you are" { a href="/functions" { "Functions" } }
        div.title { h1.mono { (detail.function.name) } }
        @if let Some(number) = rolled { (rolled_back(&detail, number)) }
        (active(&service, &session, &detail))
        section #invocations {
            h2 { "Invocations" }
            (invocation_table(&session, &path, &invocations))
            (layout::pager(&path, &[], cursor, invocations.next_cursor.as_deref()))
        }
        section {
            h2 { "Log" }
            (parts::log(&lines.items, "It has printed nothing yet. What it writes with console.log shows here."))
        }
        (deployments(&session, &detail))
        (source(&detail))
    };
    Ok(layout::page(&session, Section::Functions, &detail.function.name, &body))
}

/// `POST /functions/{name}/rollback`
pub(in crate::ui) async fn rollback(
    State(service): State<Service>,
    session: Session,
    Path(name): Path<String>,
    fields: Fields,
) -> Result<Response, ErrorPage> {
    let number = fields.text("number").and_then(|number| number.parse().ok()).unwrap_or_default();
    let done = service.rollback_function(&session.caller, &name, number, fields.text("environment")).await;
    let deployment = done.map_err(|error| session.failed(error))?;
    Ok(Redirect::to(&link(&format!("/functions/{name}"), &[("rolled", &deployment.number.to_string())]))
        .into_response())
}

fn rolled_back(detail: &FunctionDetail, number: u64) -> Markup {
    let deployment =
        detail.deployments.iter().find(|deployment| deployment.number == number && !deployment.active_in.is_empty());
    html! {
        @if let Some(deployment) = deployment {
            p.notice.good role="status" { "Deployment " (number) " is active in " (deployment.active_in.join(", ")) ". The next invocation runs it." }
        }
    }
}

fn active(service: &Service, session: &Session, detail: &FunctionDetail) -> Markup {
    let function = &detail.function;
    let base = service.sites().url();
    html! {
        section aria-label="Where it runs" {
            @if function.active.is_empty() { p { "It is active nowhere: roll back to a deployment to make it run." } }
            dl.facts {
                @for active in &function.active {
                    div {
                        dt { (active.environment) }
                        dd {
                            p { "Deployment " (active.number) " " (parts::access(&active.access)) }
                            @let path = if active.environment == "production" { function.path.clone() } else {
                                format!("/a/{}/{}/functions/v1/{}", session.account, active.environment, function.name)
                            };
                            p { code.address { (base) (path) } }
                        }
                    }
                }
                div { dt { "Updated" } dd { (session.ago(&function.updated_at)) } }
            }
            @if function.active.iter().any(|active| active.environment == "production") {
                (snippet("Command that invokes it", &format!("tresor function invoke {}", function.name)))
            }
        }
    }
}

fn invocation_table(session: &Session, path: &str, page: &Page<Invocation>) -> Markup {
    html! {
        @if page.items.is_empty() { p.muted { "Nobody has called it yet." } } @else {
            div.table-box {
                table.cards {
                    caption.unseen { "Invocations, newest first" }
                    thead { tr {
                        th scope="col" { "When" }
                        th scope="col" { "Request" }
                        th scope="col" { "Status" }
                        th scope="col" { "Outcome" }
                        th scope="col" { "Took" }
                        th scope="col" { "Caller" }
                        th scope="col" { "Deployment" }
                        th scope="col" { "Secrets it got" }
                    } }
                    tbody { @for invocation in &page.items { (invocation_row(session, path, invocation)) } }
                }
            }
        }
    }
}

fn invocation_row(session: &Session, path: &str, invocation: &Invocation) -> Markup {
    html! {
        tr {
            th scope="row" { a href=(format!("{path}/invocations/{}", invocation.id)) { (session.ago(&invocation.started_at)) } }
            td data-label="Request" { (parts::request(invocation)) }
            td data-label="Status" { (invocation.status) }
            td data-label="Outcome" { (parts::outcome(&invocation.outcome)) }
            td data-label="Took" { span { (parts::duration(invocation.duration_ms)) @if invocation.cold { " " span.badge title="A worker was started for it" { "Cold" } } } }
            td data-label="Caller" { (parts::caller(&invocation.actor)) }
            td data-label="Deployment" { (invocation.deployment) @if invocation.environment != "production" { " in " (invocation.environment) } }
            td data-label="Secrets it got" { (invocation.versions.len()) }
        }
    }
}

fn deployments(session: &Session, detail: &FunctionDetail) -> Markup {
    html! {
        section {
            h2 { "Deployments" }
            div.table-box {
                table.cards {
                    caption.unseen { "Deployments, newest first" }
                    thead { tr {
                        th scope="col" { "Number" }
                        th scope="col" { "Active in" }
                        th scope="col" { "Who may call it" }
                        th scope="col" { "Secrets" }
                        th scope="col" { "Deployed" }
                        th scope="col" { "Bundle" }
                        th scope="col" { "Roll back" }
                    } }
                    tbody { @for deployment in &detail.deployments {
                        tr {
                            th scope="row" { span.phone-only { "Deployment " } a href=(format!("?source={}#source", deployment.number)) title="Show its source" { (deployment.number) } }
                            td data-label="Active in" { span.links { @for name in &deployment.active_in { span.badge.good { (name) } " " } @if deployment.active_in.is_empty() { span.muted { "Nowhere" } } } }
                            td data-label="Who may call it" { (parts::access(&deployment.access)) }
                            td data-label="Secrets" { (parts::secrets(&deployment.secrets)) }
                            td data-label="Deployed" { div { (session.ago(&deployment.created_at)) span.by { "by " (deployment.created_by) } } }
                            td data-label="Bundle" { code title=(format!("SHA-256 {}", deployment.digest)) { (deployment.digest.chars().take(12).collect::<String>()) } }
                            td data-label="Roll back" { div.stack { (rollback_buttons(detail, deployment)) } }
                        }
                    } }
                }
            }
        }
    }
}

/// One button for every environment that runs another deployment.
fn rollback_buttons(detail: &FunctionDetail, deployment: &Deployment) -> Markup {
    let others = detail.function.active.iter().filter(|active| active.number != deployment.number);
    html! {
        @if others.clone().next().is_none() { span.muted { "In use" } }
        @for active in others {
            form method="post" action=(format!("/functions/{}/rollback", detail.function.name)) {
                input type="hidden" name="number" value=(deployment.number);
                input type="hidden" name="environment" value=(active.environment);
                button type="submit" aria-label=(format!("Use in {}: deployment {}", active.environment, deployment.number)) { "Use in " (active.environment) }
            }
        }
    }
}

fn source(detail: &FunctionDetail) -> Markup {
    html! {
        section #source {
            h2 { "Source" }
            p.muted { @if let Some(number) = detail.files_of { "Of deployment " (number) ". " } "To change it, deploy again." }
            @for (path, text) in &detail.files {
                details open[detail.files.len() == 1] {
                    summary { code { (visible(path)) } }
                    pre.source tabindex="0" role="region" aria-label=(format!("Source of {}", visible(path))) {
                        code { @for line in shown(text).lines() { span.line { (visible(line)) "\n" } } }
                    }
                    @if shown(text).len() < text.len() { p.muted { "It goes on: only the beginning is shown." } }
                }
            }
        }
    }
}

fn shown(text: &str) -> &str {
    let end = text.char_indices().nth(SOURCE_CHARS).map_or(text.len(), |(at, _)| at);
    text.get(..end).unwrap_or_default()
}
