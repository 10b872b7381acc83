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

const TOLD: [(&str, &str, &str); 2] = [
    ("allow", "Store it", "The secret is marked as one that an assistant has seen, and health advises to rotate it."),
    ("forbid", "Refuse it", "It asks you instead, and you enter the value here."),
];

const CONFIRM: [(&str, &str, &str); 2] = [
    ("never", "Do it", "What its token allows is enough."),
    ("destructive", "Ask a person first", "It waits for a yes that you give here, once for each time."),
];

const ROTATION: [(&str, &str); 5] = [
    ("never", "Never"),
    ("30", "After 30 days"),
    ("90", "After 90 days"),
    ("180", "After 180 days"),
    ("365", "After a year"),
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
    let text = |name| fields.text(name).map(str::to_owned);
    let input = PutSettings {
        response_guard: text("response_guard"),
        conversation_values: text("conversation_values"),
        confirmations: text("confirmations"),
        rotate_after_days: text("rotate_after_days"),
    };
    service.put_settings(&session.caller, input).await.map_err(|error| session.failed(error))?;
    Ok(Redirect::to("/settings?saved=1").into_response())
}

fn body(settings: &Settings, saved: bool) -> Markup {
    html! {
        @if saved { p.notice.good role="status" { "Saved. It holds for every invocation that starts from now on." } }
        form.sheet.narrow method="post" action="/settings" {
            (choice("response_guard", "When a function would return a secret's value to its caller", &GUARD, &settings.response_guard))
            p.hint { "A deployment can be stricter for its function, never less strict." }
            (choice("conversation_values", "When an assistant is told a value in the conversation", &TOLD, &settings.conversation_values))
            (choice("confirmations", "When an assistant would do what cannot be undone", &CONFIRM, &settings.confirmations))
            (rotation(&settings.rotate_after_days))
            p.actions { button.primary type="submit" { "Save" } }
        }
    }
}

/// After how long values are to be replaced that say nothing else.
fn rotation(chosen: &str) -> Markup {
    html! {
        div.filter-field {
            label for="rotate_after_days" { "When values of secrets are to be replaced that say nothing else" }
            select #rotate_after_days name="rotate_after_days" {
                @for (days, words) in ROTATION { option value=(days) selected[days == chosen] { (words) } }
                @if ROTATION.iter().all(|(days, _)| *days != chosen) { option value=(chosen) selected { "After " (chosen) " days" } }
            }
        }
    }
}

fn choice(name: &str, question: &str, answers: &[(&str, &str, &str)], chosen: &str) -> Markup {
    html! {
        fieldset.field {
            legend { (question) }
            div.checks { @for (word, answer, what) in answers {
                label.check.fine { input type="radio" name=(name) value=(word) checked[chosen == *word]; span { b { (answer) } br; span.muted { (what) } } }
            } }
        }
    }
}
