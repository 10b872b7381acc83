//! What the account decides once for all its functions.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use super::frame::{Tab, page};
use crate::service::Service;
use crate::ui::form::{Fields, Params};
use crate::ui::layout::ErrorPage;
use crate::ui::session::Session;
use crate::wire::{PutSettings, Settings};

const GUARD: [(&str, &str, &str); 3] = [
    ("report", "Report it", "The answer goes out, and you are told: in the audit log and on the function's page."),
    ("block", "Block it", "The answer does not go out, or ends before the value, and you are told."),
    ("off", "Do nothing", "Answers are not looked at."),
];

/// `GET /settings`
pub(in crate::ui) async fn show(
    State(service): State<Service>,
    session: Session,
    params: Params,
) -> Result<Response, ErrorPage> {
    let settings = service.get_settings(&session.caller).await.map_err(|error| session.failed(error))?;
    Ok(page(&session, Tab::General, &body(&settings, params.text("saved").is_some())))
}

/// `POST /settings`
pub(in crate::ui) async fn put(
    State(service): State<Service>,
    session: Session,
    fields: Fields,
) -> Result<Response, ErrorPage> {
    let input = PutSettings { response_guard: fields.text("response_guard").map(str::to_owned) };
    service.put_settings(&session.caller, input).await.map_err(|error| session.failed(error))?;
    Ok(Redirect::to("/settings?saved=1").into_response())
}

fn body(settings: &Settings, saved: bool) -> Markup {
    html! {
        @if saved { p.notice.good role="status" { "Saved. It holds for every invocation that starts from now on." } }
        form.sheet.narrow method="post" action="/settings" {
            fieldset.field {
                legend { "When a function would return a secret's value to its caller" }
                div.checks { @for (word, name, what) in GUARD {
                    label.check.fine { input type="radio" name="response_guard" value=(word) checked[settings.response_guard == word]; span { b { (name) } br; span.muted { (what) } } }
                } }
            }
            p.hint { "A function's deployment can say otherwise for itself." }
            p.actions { button.primary type="submit" { "Save" } }
        }
    }
}
