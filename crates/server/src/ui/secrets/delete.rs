//! Deleting a secret: first a page that names what would miss it.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use crate::service::Service;
use crate::ui::form::{Fields, Params};
use crate::ui::layout::{self, ErrorPage, Section, mask};
use crate::ui::session::Session;
use crate::ui::text::{count, link};
use crate::wire::Secret;

/// `GET /secrets/{name}/delete`
pub(in crate::ui) async fn confirm(
    State(service): State<Service>,
    session: Session,
    Path(name): Path<String>,
    params: Params,
) -> Result<Response, ErrorPage> {
    let environment = params.text("environment").map(str::to_owned).or_else(|| session.default_environment());
    let found = service.get_secret(&session.caller, &name, environment.as_deref()).await;
    let (secret, _) = found.map_err(|error| session.not_here("secret", error))?;
    Ok(layout::page(&session, Section::Secrets, &format!("Delete {}", secret.name), &page(&secret)))
}

/// `POST /secrets/{name}/delete`
pub(in crate::ui) async fn delete(
    State(service): State<Service>,
    session: Session,
    Path(name): Path<String>,
    fields: Fields,
) -> Result<Response, ErrorPage> {
    let environment = fields.text("environment");
    service.delete_secret(&session.caller, &name, environment).await.map_err(|error| session.failed(error))?;
    Ok(Redirect::to(&link("/secrets", &[("deleted", &name), ("in", environment.unwrap_or("production"))]))
        .into_response())
}

fn page(secret: &Secret) -> Markup {
    let back = link(&format!("/secrets/{}", secret.name), &[("environment", &secret.environment)]);
    html! {
        div.narrow {
            (layout::crumbs(&[("/secrets", "Secrets"), (&back, &secret.name)]))
            h1 { "Delete " span.mono { (secret.name) } " from " (secret.environment) "?" }
            @if secret.functions.is_empty() {
                p { "No function that is active in " (secret.environment) " names it in its code." }
            } @else {
                div.notice.bad {
                    p { b { (count(secret.functions.len(), "function uses it", "functions use it")) }
                        " and will not find it from the next invocation on:" }
                    ul { @for name in &secret.functions { li { a href=(format!("/functions/{name}")) { (name) } } } }
                }
            }
            p {
                @if secret.state == "set" { "The value " (mask(&secret.mask)) " and all its earlier versions are destroyed. " }
                @else { "It has no value of its own now; earlier ones are destroyed. " @if let Some(from) = &secret.shared_from { "That of " (from) " stays. " } }
                "This cannot be undone. "
                "If the key itself should stop working, also revoke it at the service that issued it."
            }
            form method="post" action=(format!("/secrets/{}/delete", secret.name)) {
                input type="hidden" name="environment" value=(secret.environment);
                p.actions {
                    button.danger.filled type="submit" { "Delete " (secret.name) }
                    a.button href=(back) { "Keep it" }
                }
            }
        }
    }
}
