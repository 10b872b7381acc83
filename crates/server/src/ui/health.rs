//! What should be done about the account's secrets, the most pressing first, with the way to do it beside each.

use axum::extract::State;
use axum::response::Response;
use domain::{SecretName, catalogue};
use maud::{Markup, html};

use super::form::Params;
use super::layout::{self, ErrorPage, Section};
use super::session::Session;
use super::text::{count, link};
use crate::service::Service;
use crate::wire::{Environment, HealthFinding, SecretHealth};

/// Most findings of the page; the command line shows more.
const SHOWN: usize = 200;

/// Each severity with its heading, its badge and what it means.
const PARTS: [(&str, &str, &str, &str); 3] = [
    ("high", "Now", "badge bad", "Something fails or is unsafe."),
    ("medium", "Soon", "badge warn", "This becomes a problem, or may be one already."),
    ("low", "When there is time", "badge", "Less to look after, and less to lose."),
];

/// `GET /health`
pub(super) async fn show(
    State(service): State<Service>,
    session: Session,
    params: Params,
) -> Result<Response, ErrorPage> {
    let failed = |error| session.failed(error);
    let environments = service.list_environments(&session.caller).await.map_err(failed)?.items;
    let environment = params.text("environment").map(str::to_owned).or_else(|| session.default_environment());
    let found = service.secret_health(&session.caller, environment.as_deref(), None).await;
    let mut health = found.map_err(failed)?;
    let unshown = health.findings.len().saturating_sub(SHOWN) as u64 + health.more;
    health.findings.truncate(SHOWN);
    let body = html! {
        div.title { h1 { "Health" } }
        p.lead { "What should be done about your secrets, the most pressing first. No value was decrypted to find it." }
        @if environments.len() > 1 { (choices(&environments, environment.as_deref(), session.default_environment().is_none())) }
        (figures(&health))
        @if health.findings.is_empty() { (well(&health)) }
        @for (severity, heading, badge, meaning) in PARTS {
            (part(&session, &health, severity, heading, badge, meaning))
        }
        @if unshown > 0 {
            p.muted { "There are " (unshown) " more. They show here as these are done, or all at once by:" }
            (layout::snippet("Command that tells what should be done", "tresor secret health"))
        }
    };
    Ok(layout::page(&session, Section::Health, "Health", &body))
}

fn choices(environments: &[Environment], chosen: Option<&str>, may_see_all: bool) -> Markup {
    let current = |name: Option<&str>| (chosen == name).then_some("true");
    html! {
        nav.choices aria-label="Environment" {
            @if may_see_all { a href="/health" aria-current=[current(None)] { "All environments" } }
            @for environment in environments {
                a href=(link("/health", &[("environment", &environment.name)])) aria-current=[current(Some(&environment.name))] { (environment.name) }
            }
        }
    }
}

fn figures(health: &SecretHealth) -> Markup {
    let counts = &health.counts;
    html! {
        dl.figures {
            div { dt { "Now" } dd { (counts.high) } }
            div { dt { "Soon" } dd { (counts.medium) } }
            div { dt { "When there is time" } dd { (counts.low) } }
            div { dt { "Secrets looked at" } dd { (health.secrets) } }
        }
    }
}

fn well(health: &SecretHealth) -> Markup {
    html! {
        section.empty {
            h2 { "Nothing to do" }
            @if health.secrets == 0 { p { "There are no secrets here yet." } } @else {
                p { "No secret is missing, overdue, stored twice, badly formatted or unused for " (health.unused_days) " days." }
            }
        }
    }
}

fn part(session: &Session, health: &SecretHealth, severity: &str, heading: &str, badge: &str, meaning: &str) -> Markup {
    let findings: Vec<_> = health.findings.iter().filter(|finding| finding.severity == severity).collect();
    html! {
        @if !findings.is_empty() {
            section aria-labelledby=(format!("part-{severity}")) {
                h2 id=(format!("part-{severity}")) { (heading) }
                p.muted { (count(findings.len(), "finding", "findings")) ". " (meaning) }
                div.table-box {
                    table.cards.findings {
                        caption.unseen { (heading) }
                        thead { tr { th scope="col" { "Secret" } th scope="col" { "What" } th scope="col" { "What to do" } th scope="col" { "Do it" } } }
                        tbody { @for finding in findings { (row(session, finding, badge)) } }
                    }
                }
            }
        }
    }
}

fn row(session: &Session, finding: &HealthFinding, badge: &str) -> Markup {
    html! {
        tr {
            th scope="row" {
                // A name that is missing has no page.
                @if finding.kind == "missing" { span.name { (finding.name) } } @else { a.name href=(page(finding)) { (finding.name) } }
                span.note { (finding.environment) }
            }
            td data-label="What" {
                div {
                    span class=(badge) { (word(&finding.kind)) } " " (finding.detail)
                    @if let Some(due) = &finding.due_at { span.by { "Due " (session.ago(due)) } }
                    @if !finding.functions.is_empty() {
                        span.links { @for name in &finding.functions { a href=(format!("/functions/{name}")) { (name) } " " } }
                    }
                }
            }
            td data-label="What to do" { (finding.advice) }
            td data-label="Do it" { (action(finding)) }
        }
    }
}

/// A finding's kind in words.
fn word(kind: &str) -> &'static str {
    match kind {
        "missing" => "Missing",
        "overdue" => "Overdue",
        "rotation_failed" => "Not rotated",
        "badly_formatted" => "Odd value",
        "wrong_mode" => "Other mode",
        "browser_exposed" => "Exposed name",
        "seen_by_assistant" => "Told an assistant",
        "publishable" => "Publishable",
        "due_soon" => "Due soon",
        "pending" => "Waiting",
        "duplicated" => "Duplicated",
        "unused" => "Unused",
        _ => "Never used",
    }
}

fn page(finding: &HealthFinding) -> String {
    link(&format!("/secrets/{}", finding.name), &[("environment", &finding.environment)])
}

/// The way to do it. What deletes asks once more there.
fn action(finding: &HealthFinding) -> Markup {
    let (name, environment) = (finding.name.as_str(), finding.environment.as_str());
    let add = |name: &str| link("/secrets/new", &[("name", name), ("environment", environment)]);
    let (to, words) = match finding.action.as_str() {
        "put" => (add(name), "Add the value"),
        "replace" => (format!("{}#replace", page(finding)), "Replace the value"),
        "rename" => (add(&without_prefix(name)), "Add it under another name"),
        "delete" => (link(&format!("/secrets/{name}/delete"), &[("environment", environment)]), "Delete …"),
        _ => (page(finding), "Look at it"),
    };
    html! { a.button.compact href=(to) aria-label=(format!("{words}: {name} in {environment}")) { (words) } }
}

fn without_prefix(name: &str) -> String {
    let prefix = SecretName::parse(name).ok().and_then(|name| catalogue::browser_prefix(&name)).unwrap_or_default();
    let rest = name.strip_prefix(prefix).unwrap_or(name);
    SecretName::parse(rest).map_or_else(|_| String::new(), |name| name.to_string())
}
