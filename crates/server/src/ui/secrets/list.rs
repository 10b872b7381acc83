//! The list of secrets, and the page that teaches what one is when there is none.

use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};

use crate::service::{Error, Service};
use crate::ui::ROWS;
use crate::ui::form::Params;
use crate::ui::layout::{self, ErrorPage, Section, mask, snippet};
use crate::ui::session::Session;
use crate::ui::text::{count, link, visible};
use crate::wire::{Environment, Page, Secret};

/// `GET /secrets`
pub(in crate::ui) async fn show(
    State(service): State<Service>,
    session: Session,
    params: Params,
) -> Result<Response, ErrorPage> {
    let failed = |error| session.failed(error);
    let environments = service.list_environments(&session.caller).await.map_err(failed)?.items;
    let environment = params.text("environment").map(str::to_owned).or_else(|| session.default_environment());
    let cursor = params.text("cursor");
    let page = service.list_secrets(&session.caller, environment.as_deref(), cursor, ROWS).await.map_err(failed)?;
    let notice = notice(&service, &session, &params).await;
    let chosen = environment.as_deref().unwrap_or_default();
    let body = html! {
        @if let Some(notice) = notice { (notice) }
        div.title {
            h1 { "Secrets" }
            div.actions {
                a.button href=(link("/secrets/import", &[("environment", chosen)])) { "Import" }
                a.button.primary href=(link("/secrets/new", &[("environment", chosen)])) { "Add a secret" }
            }
        }
        @if environments.len() > 1 { (environment_links(&environments, chosen, session.default_environment().is_none())) }
        @if page.items.is_empty() && cursor.is_none() { (empty(chosen)) } @else {
            (table(&session, &page, chosen))
            (layout::pager("/secrets", &[("environment", chosen)], cursor, page.next_cursor.as_deref()))
        }
        (layout::shortcuts(!page.items.is_empty()))
    };
    Ok(layout::page(&session, Section::Secrets, "Secrets", &body))
}

/// What just happened, told from what is there now: an address alone can claim nothing.
async fn notice(service: &Service, session: &Session, params: &Params) -> Option<Markup> {
    let environment = params.text("in");
    if let Some(name) = params.text("stored") {
        let (secret, _) = service.get_secret(&session.caller, name, environment).await.ok()?;
        return Some(html! {
            p.notice.good role="status" {
                "Stored " b { (secret.name) } " in " (secret.environment) ". It is shown as " (mask(&secret.mask))
                " from now on, and functions find it at their next invocation."
            }
        });
    }
    let name = params.text("deleted")?;
    match service.get_secret(&session.caller, name, environment).await {
        Err(Error::NotFound { .. }) => Some(
            html! { p.notice.good role="status" { b { (visible(name)) } " is no longer in " (visible(environment.unwrap_or("production"))) "." } },
        ),
        _ => None,
    }
}

fn environment_links(environments: &[Environment], chosen: &str, may_see_all: bool) -> Markup {
    let current = |is: bool| is.then_some("true");
    html! {
        nav.choices aria-label="Environment" {
            @if may_see_all { a href="/secrets" aria-current=[current(chosen.is_empty())] { "All environments" } }
            @for environment in environments {
                a href=(link("/secrets", &[("environment", &environment.name)])) aria-current=[current(chosen == environment.name)] { (environment.name) }
            }
        }
    }
}

fn table(session: &Session, page: &Page<Secret>, environment: &str) -> Markup {
    let whole = page.next_cursor.is_none();
    html! {
        div.tools {
            div.filter {
                label for="filter" { @if whole { "Filter" } @else { "Filter this page" } }
                input #filter type="search" autocomplete="off" spellcheck="false" placeholder="Name, note, function …" data-filter="secrets" data-status="filtered";
            }
            p #filtered.muted role="status" {}
        }
        div.table-box {
            table #secrets.cards {
                caption.unseen { "Secrets" @if !environment.is_empty() { " in " (environment) } }
                thead { tr {
                    th scope="col" { "Name" }
                    th scope="col" { "Shown as" }
                    th scope="col" { "Environment" }
                    th scope="col" { "Version" }
                    th scope="col" { "Created" }
                    th scope="col" { "Updated" }
                    th scope="col" { "Last used" }
                    th scope="col" { "Used by" }
                } }
                tbody { @for secret in &page.items { (row(session, secret)) } }
            }
        }
    }
}

fn row(session: &Session, secret: &Secret) -> Markup {
    html! {
        tr {
            th scope="row" {
                a.name href=(link(&format!("/secrets/{}", secret.name), &[("environment", &secret.environment)])) { (secret.name) }
                @if !secret.note.is_empty() { span.note { (visible(&secret.note)) } }
            }
            td data-label="Shown as" { (mask(&secret.mask)) }
            td data-label="Environment" { (secret.environment) }
            td data-label="Version" { (secret.version) }
            td data-label="Created" { div { (session.ago(&secret.created_at)) span.by { "by " (secret.created_by) } } }
            td data-label="Updated" { div { (session.ago(&secret.updated_at)) span.by { "by " (secret.updated_by) } } }
            td data-label="Last used" { @match &secret.last_used_at { Some(time) => (session.ago(time)), None => span.muted { "Never" } } }
            td data-label="Used by" { (used_by(&secret.functions)) }
        }
    }
}

/// Links to the first functions, and how many more there are.
fn used_by(functions: &[String]) -> Markup {
    const SHOWN: usize = 3;
    html! {
        @if functions.is_empty() { span.muted { "None" } } @else {
            span.links {
                @for name in functions.iter().take(SHOWN) { a href=(format!("/functions/{name}")) { (name) } " " }
                @if functions.len() > SHOWN { span.muted { "and " (functions.len() - SHOWN) " more" } }
            }
        }
    }
}

fn empty(environment: &str) -> Markup {
    let option = if environment.is_empty() || environment == "production" {
        String::new()
    } else {
        format!(" -e {environment}")
    };
    html! {
        section.empty {
            h2 { "No secrets yet" @if !environment.is_empty() { " in " (environment) } }
            p { "A secret is a credential that your functions need: an API key, a password, a connection string. "
                "You store it once. It is encrypted, never shown in full again, and every function of the account finds it by its name." }
            ol.ways {
                li {
                    h3 { "Add one here" }
                    p { "You need its name and its value." }
                    p { a.button href=(link("/secrets/new", &[("environment", environment)])) { "Add your first secret" } }
                }
                li {
                    h3 { "Or in a terminal" }
                    p { "It asks for the value, so that the value stays out of your shell's history." }
                    (snippet("Command that stores a secret", &format!("tresor secret put OPENAI_API_KEY{option}")))
                }
                li {
                    h3 { "Then use it in a function" }
                    p { "The code has the name only." }
                    (snippet("Code that reads a secret", "const key = Deno.env.get(\"OPENAI_API_KEY\");"))
                }
            }
        }
    }
}

/// How many functions, in words.
pub(super) fn functions_in_words(functions: &[String]) -> String {
    count(functions.len(), "function", "functions")
}
