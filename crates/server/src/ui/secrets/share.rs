//! Using the value that a secret's name has in another environment.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use crate::service::Service;
use crate::ui::form::Fields;
use crate::ui::layout::ErrorPage;
use crate::ui::session::Session;
use crate::ui::text::link;
use crate::wire::{Secret, ShareSecret};

/// `POST /secrets/{name}/share`
pub(in crate::ui) async fn share(
    State(service): State<Service>,
    session: Session,
    Path(name): Path<String>,
    fields: Fields,
) -> Result<Response, ErrorPage> {
    let environment = fields.text("environment").unwrap_or("production").to_owned();
    let input = ShareSecret { environment: environment.clone(), from: fields.text("from").map(str::to_owned) };
    service.share_secret(&session.caller, &name, input).await.map_err(|error| session.failed(error))?;
    Ok(Redirect::to(&link(&format!("/secrets/{name}"), &[("environment", &environment)])).into_response())
}

/// Where the secret's name has a value of its own that it could use; none for a caller who may not look there.
pub(super) async fn sources(service: &Service, session: &Session, secret: &Secret) -> Vec<String> {
    // Production's values are always its own.
    if secret.environment == "production" || session.default_environment().is_some() {
        return Vec::new();
    }
    let found = service.secrets_named(&session.caller, None, &[&secret.name]).await.unwrap_or_default();
    let others = found.into_iter().filter(|other| other.state == "set" && other.environment != secret.environment);
    others.map(|other| other.environment).filter(|name| secret.shared_from.as_ref() != Some(name)).collect()
}

pub(super) fn form(secret: &Secret, sources: &[String]) -> Markup {
    html! {
        @if !sources.is_empty() {
            details {
                summary { "Use the value of another environment …" }
                form method="post" action=(format!("/secrets/{}/share", secret.name)) {
                    input type="hidden" name="environment" value=(secret.environment);
                    p { "When it changes there, it changes here. What is stored here stays as earlier versions." }
                    div.filter-field {
                        label for="from" { "Environment" }
                        select #from name="from" { @for name in sources { option value=(name) { (name) } } }
                    }
                    p.actions { button type="submit" { "Use its value in " (secret.environment) } }
                }
            }
        }
    }
}
