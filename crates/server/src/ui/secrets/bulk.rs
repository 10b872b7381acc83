//! Deleting several secrets at once: first a page that names each and what would miss it.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use crate::service::Service;
use crate::ui::form::Fields;
use crate::ui::layout::{self, ErrorPage, Section, mask};
use crate::ui::session::Session;
use crate::ui::text::{count, link};
use crate::wire::Secret;

/// What the names of the list's check boxes begin with.
const PICK: &str = "pick.";

/// `POST /secrets/delete`: asks, and with `sure` deletes.
pub(in crate::ui) async fn delete(
    State(service): State<Service>,
    session: Session,
    fields: Fields,
) -> Result<Response, ErrorPage> {
    let names: Vec<&str> = fields.starting_with(PICK).collect();
    let environment = fields.text("environment").map(str::to_owned).or_else(|| session.default_environment());
    let found = service.secrets_named(&session.caller, environment.as_deref(), &names).await;
    let secrets = found.map_err(|error| session.failed(error))?;
    let place = environment.as_deref().unwrap_or_default();
    if secrets.is_empty() {
        return Ok(Redirect::to(&link("/secrets", &[("environment", place)])).into_response());
    }
    if fields.text("sure").is_none() {
        return Ok(layout::page(&session, Section::Secrets, "Delete secrets", &page(&secrets, place)));
    }
    for secret in &secrets {
        let done = service.delete_secret(&session.caller, &secret.name, Some(&secret.environment)).await;
        done.map_err(|error| session.failed(error))?;
    }
    let told =
        [("deleted", self::names(&secrets).join(",")), ("in", place.to_owned()), ("environment", place.to_owned())];
    Ok(Redirect::to(&link("/secrets", &told.each_ref().map(|(name, text)| (*name, text.as_str())))).into_response())
}

fn page(secrets: &[Secret], environment: &str) -> Markup {
    let mut functions: Vec<&str> = secrets.iter().flat_map(|secret| &secret.functions).map(String::as_str).collect();
    functions.sort_unstable();
    functions.dedup();
    let many = count(secrets.len(), "secret", "secrets");
    html! {
        div.narrow {
            (layout::crumbs(&[("/secrets", "Secrets")]))
            h1 { "Delete " (many) "?" }
            @if functions.is_empty() {
                p { "No active function names any of them in its code." }
            } @else {
                div.notice.bad {
                    p { b { (count(functions.len(), "function uses", "functions use")) " them" } " and will not find them from the next invocation on." }
                }
            }
            div.table-box {
                table.cards {
                    caption.unseen { "What will be deleted" }
                    thead { tr { th scope="col" { "Name" } th scope="col" { "Environment" } th scope="col" { "Shown as" } th scope="col" { "Would miss it" } } }
                    tbody { @for secret in secrets {
                        tr {
                            th scope="row" { span.name { (secret.name) } }
                            td data-label="Environment" { (secret.environment) }
                            td data-label="Shown as" { (mask(&secret.mask)) }
                            td data-label="Would miss it" {
                                @if secret.functions.is_empty() { span.muted { "Nothing" } } @else {
                                    span.links { @for name in &secret.functions { a href=(format!("/functions/{name}")) { (name) } " " } }
                                }
                            }
                        }
                    } }
                }
            }
            p { "Their values and all earlier versions are destroyed. This cannot be undone. "
                "If the keys themselves should stop working, also revoke them at the services that issued them." }
            form method="post" action="/secrets/delete" {
                input type="hidden" name="sure" value="1";
                @if !environment.is_empty() { input type="hidden" name="environment" value=(environment); }
                @for name in names(secrets) { input type="hidden" name=(format!("{PICK}{name}")) value="1"; }
                p.actions {
                    button.danger.filled type="submit" { "Delete " (many) }
                    a.button href=(link("/secrets", &[("environment", environment)])) { "Keep them" }
                }
            }
        }
    }
}

fn names(secrets: &[Secret]) -> Vec<&str> {
    let mut names: Vec<&str> = secrets.iter().map(|secret| secret.name.as_str()).collect();
    names.dedup();
    names
}
