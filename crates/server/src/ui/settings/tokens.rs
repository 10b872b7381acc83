//! Tokens: which there are, making one, revoking one. A token is shown once, on the page that made it.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use domain::Scope;
use maud::{Markup, html};

use super::frame::{Tab, page, refused};
use crate::service::{Error, Service};
use crate::ui::ROWS;
use crate::ui::form::{Fields, Params};
use crate::ui::layout::{self, ErrorPage, snippet};
use crate::ui::secrets::fields::{Field, Problems};
use crate::ui::session::Session;
use crate::ui::text::{link, visible};
use crate::ui::words;
use crate::wire::{CreateToken, CreatedToken, Environment, Token};

/// What the names of the check boxes begin with.
const SCOPE: &str = "scope.";
const ENVIRONMENT: &str = "environment.";

/// Days until a token expires; none for never.
const LIVES: [(&str, &str); 4] = [("30", "In 30 days"), ("90", "In 90 days"), ("365", "In a year"), ("", "Never")];

/// `GET /settings/tokens`
pub(in crate::ui) async fn show(
    State(service): State<Service>,
    session: Session,
    params: Params,
) -> Result<Response, ErrorPage> {
    let cursor = params.text("cursor");
    let found = service.list_tokens(&session.caller, cursor, ROWS).await.map_err(|error| session.failed(error))?;
    let revoked = params.text("revoked").and_then(|id| found.items.iter().find(|token| token.id == id));
    let body = html! {
        @if let Some(token) = revoked.filter(|token| token.revoked_at.is_some()) { p.notice.good role="status" { "The token " b { (token.name) } " is revoked. Whoever has it can do nothing with it." } }
        div.title { p.lead { "A token lets a program, a colleague or an assistant use this account: only for what you tick, and only where." } a.button.primary.push href="/settings/tokens/new" { "Make a token" } }
        (table(&session, &found.items))
        (layout::pager("/settings/tokens", &[], cursor, found.next_cursor.as_deref()))
    };
    Ok(page(&session, Tab::Tokens, &body))
}

/// `GET /settings/tokens/new`
pub(in crate::ui) async fn new(State(service): State<Service>, session: Session) -> Result<Response, ErrorPage> {
    let environments = service.list_environments(&session.caller).await.map_err(|error| session.failed(error))?.items;
    let typed = Typed { expires: "90".to_owned(), ..Typed::default() };
    Ok(page(&session, Tab::Tokens, &form(&session, &environments, &typed, &Problems::default())))
}

/// What the form shows.
#[derive(Default)]
struct Typed {
    name: String,
    scopes: Vec<String>,
    environments: Vec<String>,
    member: String,
    expires: String,
}

/// `POST /settings/tokens/new`
pub(in crate::ui) async fn create(
    State(service): State<Service>,
    session: Session,
    fields: Fields,
) -> Result<Response, ErrorPage> {
    let text = |name| fields.text(name).unwrap_or_default().to_owned();
    let ticked = |prefix| fields.starting_with(prefix).map(str::to_owned).collect::<Vec<_>>();
    let (name, member, expires) = (text("name"), text("member"), text("expires"));
    let typed = Typed { name, scopes: ticked(SCOPE), environments: ticked(ENVIRONMENT), member, expires };
    let days: Option<i64> = typed.expires.parse().ok();
    let input = CreateToken {
        name: typed.name.clone(),
        scopes: typed.scopes.clone(),
        environments: Some(typed.environments.clone()).filter(|names| !names.is_empty()),
        member: Some(typed.member.clone()).filter(|name| !name.is_empty()),
        expires_at: days.map(|days| session.now.plus_days(days).to_string()),
        format: None,
    };
    match service.create_token(&session.caller, input).await {
        Ok(made) => Ok(page(&session, Tab::Tokens, &shown_once(&made))),
        Err(error @ (Error::Invalid(_) | Error::Limit { .. })) => {
            let problems = Problems::of(error).map_err(|error| session.failed(error))?;
            let found = service.list_environments(&session.caller).await;
            let environments = found.map_err(|error| session.failed(error))?.items;
            Ok(refused(&session, Tab::Tokens, &problems, &form(&session, &environments, &typed, &problems)))
        }
        Err(error) => Err(session.failed(error)),
    }
}

/// `GET /settings/tokens/{id}/revoke`
pub(in crate::ui) async fn confirm(
    State(service): State<Service>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Response, ErrorPage> {
    let token = service.get_token(&session.caller, &id).await.map_err(|error| session.failed(error))?;
    let body = html! {
        section.narrow {
            h2 { "Revoke " span.mono { (token.name) } "?" }
            p { "It stops working at once, and so do the browser sessions that it opened. This cannot be undone." }
            p.muted { "Made " (session.ago(&token.created_at)) " by " (visible(&token.created_by)) ", " @match &token.last_used_at { Some(time) => { "last used " (session.ago(time)) }, None => "never used" } "." }
            form method="post" action=(format!("/settings/tokens/{}/revoke", token.id)) {
                p.actions { button.danger.filled type="submit" { "Revoke " (token.name) } a.button href="/settings/tokens" { "Keep it" } }
            }
        }
    };
    Ok(page(&session, Tab::Tokens, &body))
}

/// `POST /settings/tokens/{id}/revoke`
pub(in crate::ui) async fn revoke(
    State(service): State<Service>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Response, ErrorPage> {
    service.revoke_token(&session.caller, &id).await.map_err(|error| session.failed(error))?;
    Ok(Redirect::to(&link("/settings/tokens", &[("revoked", &id)])).into_response())
}

fn table(session: &Session, tokens: &[Token]) -> Markup {
    html! {
        div.table-box {
            table.cards {
                caption.unseen { "Tokens" }
                thead { tr {
                    th scope="col" { "Name" }
                    th scope="col" { "May do" }
                    th scope="col" { "Where" }
                    th scope="col" { "Made" }
                    th scope="col" { "Last used" }
                    th scope="col" { "Works until" }
                    th scope="col" { span.unseen { "Revoke" } }
                } }
                tbody { @for token in tokens {
                    tr {
                        th scope="row" { span.name { (token.name) } @if let Some(member) = &token.member { span.by { "for " (member) } } }
                        td data-label="May do" { (may_do(&token.scopes)) }
                        td data-label="Where" { @match &token.environments { Some(names) => (names.join(", ")), None => "Everywhere" } }
                        td data-label="Made" { div { (session.ago(&token.created_at)) span.by { "by " (visible(&token.created_by)) } } }
                        td data-label="Last used" { @match &token.last_used_at { Some(time) => (session.ago(time)), None => span.muted { "Never" } } }
                        td data-label="Works until" { (until(session, token)) }
                        td data-label="Revoke" { @if token.revoked_at.is_none() { a.button.danger href=(format!("/settings/tokens/{}/revoke", token.id)) aria-label=(format!("Revoke {}", token.name)) { "Revoke …" } } }
                    }
                } }
            }
        }
    }
}

/// What a token may do, short; all of it is on hover.
fn may_do(scopes: &[String]) -> Markup {
    const SHOWN: usize = 3;
    let admin = domain::ScopeSet::admin();
    let is_admin = admin.iter().all(|scope| scopes.iter().any(|own| own == scope.as_str()));
    html! {
        @if is_admin { span title=(scopes.join(", ")) { "Everything an administrator may" } } @else {
            span title=(scopes.join(", ")) { (scopes.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ")) @if scopes.len() > SHOWN { " and " (scopes.len() - SHOWN) " more" } }
        }
    }
}

fn until(session: &Session, token: &Token) -> Markup {
    html! {
        @match (&token.revoked_at, &token.expires_at) {
            (Some(time), _) => { span.badge.bad { "Revoked" } " " (session.ago(time)) }
            (None, Some(time)) if *time < session.now.to_string() => { span.badge.warn { "Expired" } " " (session.ago(time)) }
            (None, Some(time)) => (session.ago(time)),
            (None, None) => span.muted { "It is revoked" },
        }
    }
}

fn form(session: &Session, environments: &[Environment], typed: &Typed, problems: &Problems) -> Markup {
    let own = &session.caller.actor.scopes;
    let name = Field::new(
        "name",
        "Name",
        html! { "What it is for: " code { "ci" } ", " code { "anna-laptop" } ", " code { "assistant" } "." },
        problems,
    );
    let member = Field::new(
        "member",
        "Member (optional)",
        html! { "Bounds it by the member's role, and it is revoked with the member." },
        problems,
    );
    let scopes = problems.get("scopes");
    html! {
        (problems.summary_of("No token was made."))
        form.sheet.narrow method="post" action="/settings/tokens/new" autocomplete="off" {
            h2 { "Make a token" }
            (name.around(&html! { input.mono #name name="name" value=(visible(&typed.name)) required maxlength="64" autocapitalize="off" spellcheck="false" autofocus aria-describedby=(name.described_by()) aria-invalid=[name.invalid()]; }))
            fieldset.field id="scopes" {
                legend { "It may" }
                @if let Some(problem) = scopes { p.problem { (problem) } }
                div.checks {
                    @for scope in Scope::ALL.iter().copied().filter(|scope| own.contains(*scope)) {
                        label.check.fine { input type="checkbox" name=(format!("{SCOPE}{}", scope.as_str())) value="1" checked[typed.scopes.iter().any(|known| known == scope.as_str())]; span { (words::scope(scope)) " " code.request { (scope.as_str()) } } }
                    }
                }
            }
            fieldset.field {
                legend { "Only in these environments" }
                div.checks {
                    @for environment in environments {
                        label.check { input type="checkbox" name=(format!("{ENVIRONMENT}{}", environment.name)) value="1" checked[typed.environments.contains(&environment.name)]; (environment.name) }
                    }
                }
                p.hint { "Tick none for all of them, those made later too." }
            }
            div.field {
                label for="expires" { "Stops working" }
                select #expires name="expires" { @for (days, words) in LIVES { option value=(days) selected[days == typed.expires] { (words) } } }
            }
            (member.around(&html! { input.mono #member name="member" value=(visible(&typed.member)) maxlength="64" autocapitalize="off" spellcheck="false" aria-describedby=(member.described_by()) aria-invalid=[member.invalid()]; }))
            p.actions { button.primary type="submit" { "Make token" } a.button href="/settings/tokens" { "Cancel" } }
        }
    }
}

fn shown_once(made: &CreatedToken) -> Markup {
    html! {
        section.narrow {
            div.notice.good role="status" { p { b { "The token " (made.kept.name) " is made." } " It is shown this once: copy it now to where it is needed. Only its hash is kept here." } }
            (snippet("The token", &made.token))
            p { "A program sends it as " code { "Authorization: Bearer …" } ". On a command line:" }
            (snippet("Command that uses the token", "export TRESOR_TOKEN=…"))
            p.actions { a.button.primary href="/settings/tokens" { "I have copied it" } }
        }
    }
}
