//! For how long functions get the value before too, when a value is replaced.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use crate::service::Service;
use crate::ui::form::Fields;
use crate::ui::layout::ErrorPage;
use crate::ui::session::Session;
use crate::ui::text::link;
use crate::ui::time;
use crate::wire::{ChangeSecret, Secret};

/// The times that are offered.
const OFFERED: [(&str, &str); 6] = [
    ("", "Not at all"),
    ("10m", "10 minutes"),
    ("1h", "1 hour"),
    ("1d", "1 day"),
    ("7d", "7 days"),
    ("30d", "30 days"),
];

/// `POST /secrets/{name}/overlap`
pub(in crate::ui) async fn change(
    State(service): State<Service>,
    session: Session,
    Path(name): Path<String>,
    fields: Fields,
) -> Result<Response, ErrorPage> {
    let environment = fields.text("environment").unwrap_or("production").to_owned();
    let overlap = Some(fields.text("overlap").map(str::to_owned));
    let input = ChangeSecret { environment: Some(environment.clone()), overlap, ..ChangeSecret::default() };
    service.change_secret(&session.caller, &name, input, None).await.map_err(|error| session.failed(error))?;
    Ok(Redirect::to(&link(&format!("/secrets/{name}"), &[("environment", &environment)])).into_response())
}

/// That functions get the value before now, and the way to end it.
pub(super) fn notice(session: &Session, secret: &Secret) -> Markup {
    html! {
        @if let Some(previous) = &secret.previous {
            div.notice.warn role="note" {
                p { "Functions also get version " (previous.version) ", as " code { (secret.name) "_PREVIOUS" } ", until " (time::full(&previous.until, session.now)) "." }
                form method="post" action=(format!("/secrets/{}/overlap", secret.name)) {
                    input type="hidden" name="environment" value=(secret.environment);
                    button.compact type="submit" { "End it now" }
                }
            }
        }
    }
}

/// The setting. What is not in functions' environment, or is another's value, has none.
pub(super) fn form(secret: &Secret) -> Markup {
    let chosen = secret.overlap.as_deref().unwrap_or_default();
    html! {
        @if secret.delivery == "env" && secret.shared_from.is_none() {
            details {
                summary { "Keep the old value working …" }
                form method="post" action=(format!("/secrets/{}/overlap", secret.name)) {
                    input type="hidden" name="environment" value=(secret.environment);
                    p { "When the value is replaced, functions get the old one too, as " code { (secret.name) "_PREVIOUS" } ", for this long. "
                        "So signatures that were made with either can be checked." }
                    div.filter-field {
                        label for="overlap" { "For" }
                        select #overlap name="overlap" {
                            @for (time, words) in OFFERED { option value=(time) selected[time == chosen] { (words) } }
                            @if OFFERED.iter().all(|(time, _)| *time != chosen) { option value=(chosen) selected { (chosen) } }
                        }
                    }
                    p.actions { button type="submit" { "Save" } }
                }
            }
        }
    }
}
