//! A function's deployments, and going back to one of them.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use super::frame::{Tab, failed, head};
use super::parts;
use crate::service::Service;
use crate::ui::form::{Fields, Params};
use crate::ui::layout::{self, ErrorPage, Section};
use crate::ui::session::Session;
use crate::ui::text::{link, visible};
use crate::wire::{Deployment, FunctionDetail};

/// `GET /functions/{name}/deployments`
pub(in crate::ui) async fn show(
    State(service): State<Service>,
    session: Session,
    Path(name): Path<String>,
    params: Params,
) -> Result<Response, ErrorPage> {
    let detail = service.get_function(&session.caller, &name, None).await.map_err(|error| failed(&session, error))?;
    let rolled = params.text("rolled").and_then(|number| number.parse().ok());
    let body = html! {
        (head(&name, Tab::Deployments))
        @if let Some(number) = rolled { (rolled_back(&detail, number)) }
        p.lead { "Every deployment stays as it was. Going back to one changes what the next invocation runs; the secrets are always those of now." }
        (table(&session, &detail))
    };
    Ok(layout::page(&session, Section::Functions, &format!("Deployments of {name}"), &body))
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
    let told = [("rolled", deployment.number.to_string())];
    let told = told.each_ref().map(|(name, text)| (*name, text.as_str()));
    Ok(Redirect::to(&link(&format!("/functions/{name}/deployments"), &told)).into_response())
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

fn table(session: &Session, detail: &FunctionDetail) -> Markup {
    let source = format!("/functions/{}/source", detail.function.name);
    html! {
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
                        th scope="row" { span.phone-only { "Deployment " } a href=(link(&source, &[("deployment", &deployment.number.to_string())])) title="Show its source" { (deployment.number) } }
                        td data-label="Active in" { span.links { @for name in &deployment.active_in { span.badge.good { (name) } " " } @if deployment.active_in.is_empty() { span.muted { "Nowhere" } } } }
                        td data-label="Who may call it" { (parts::access(&deployment.access)) }
                        td data-label="Secrets" { (parts::secrets(&deployment.secrets)) }
                        td data-label="Deployed" { div { (session.ago(&deployment.created_at)) span.by { "by " (visible(&deployment.created_by)) } } }
                        td data-label="Bundle" { code title=(format!("SHA-256 {}", deployment.digest)) { (deployment.digest.chars().take(12).collect::<String>()) } }
                        td data-label="Roll back" { div.stack { (rollback_buttons(detail, deployment)) } }
                    }
                } }
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
