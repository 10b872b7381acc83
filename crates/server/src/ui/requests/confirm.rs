//! One confirmation: what an assistant wants to do that cannot be undone, and a person's yes or no. Opening the page does
//! nothing.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use domain::{ConfirmationStatus, Scope};
use maud::{Markup, html};

use super::parts::who;
use crate::service::{Confirming, Service};
use crate::ui::layout::{self, ErrorPage, Section};
use crate::ui::session::Session;
use crate::ui::text::link;
use crate::ui::time;

/// `GET /confirmations/{id}`
pub(in crate::ui) async fn show(
    State(service): State<Service>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Response, ErrorPage> {
    let asked = service.get_confirmation(&session.caller, &id).await.map_err(|error| session.failed(error))?;
    Ok(layout::page(&session, Section::Requests, &title(&asked), &page(&session, &asked)))
}

/// `POST /confirmations/{id}/approve`
pub(in crate::ui) async fn approve(
    service: State<Service>,
    session: Session,
    id: Path<String>,
) -> Result<Response, ErrorPage> {
    answer(service, session, id, true).await
}

/// `POST /confirmations/{id}/decline`
pub(in crate::ui) async fn decline(
    service: State<Service>,
    session: Session,
    id: Path<String>,
) -> Result<Response, ErrorPage> {
    answer(service, session, id, false).await
}

async fn answer(
    State(service): State<Service>,
    session: Session,
    Path(id): Path<String>,
    yes: bool,
) -> Result<Response, ErrorPage> {
    // One that was answered before stays as it was: the page says how.
    let done = service.answer_confirmation(&session.caller, &id, yes).await;
    done.map_err(|error| session.failed(error))?;
    Ok(Redirect::to(&format!("/confirmations/{id}")).into_response())
}

/// Those that wait, for the top of the list of requests.
pub(super) fn waiting(session: &Session, open: &[Confirming]) -> Markup {
    html! {
        @if !open.is_empty() {
            section.card aria-labelledby="confirm" {
                h2 #confirm { "Wait for your yes" }
                ul { @for asked in open {
                    li { a href=(format!("/confirmations/{}", asked.id)) { (title(asked)) } " in " (asked.environment) ", "
                        (who(&asked.requester_kind, &asked.requester)) ", " (session.ago(&asked.created_at)) }
                } }
            }
        }
    }
}

fn title(asked: &Confirming) -> String {
    format!("Delete {}", asked.resource)
}

fn page(session: &Session, asked: &Confirming) -> Markup {
    let open = asked.status == ConfirmationStatus::Pending;
    let secret = link(&format!("/secrets/{}", asked.resource), &[("environment", asked.environment.as_str())]);
    html! {
        div.narrow {
            (layout::crumbs(&[("/requests", "Requests")]))
            div.title { h1 { "Delete " span.mono { (asked.resource) } } (badge(asked.status)) }
            @if !open { p.notice role="status" { (ending(asked.status)) } }
            section.card aria-label="What is asked" {
                p { (who(&asked.requester_kind, &asked.requester)) " wants to delete this secret in " b { (asked.environment) }
                    " with all its versions, " (session.ago(&asked.created_at)) ". It cannot be undone." }
                p { a href=(secret) { "Look at " (asked.resource) " and at what uses it" } }
                @if open { p.muted { "Can be answered until " (time::full(&asked.expires_at, session.now)) ". A yes is good for once." } }
            }
            @if open {
                @if session.caller.actor.scopes.contains(Scope::SecretsWrite) {
                    form method="post" action=(format!("/confirmations/{}/decline", asked.id)) {
                        p.actions { button.primary type="submit" { "No, keep it" } }
                    }
                    form method="post" action=(format!("/confirmations/{}/approve", asked.id)) {
                        p.actions { button.danger type="submit" { "Yes, delete " (asked.resource) } span.muted { "The assistant deletes it when it asks again." } }
                    }
                } @else {
                    p.notice { "Your session may look at secrets but not delete them. Log in with a link of a token that has " code { "secrets:write" } " to answer." }
                }
            }
        }
    }
}

fn badge(status: ConfirmationStatus) -> Markup {
    let (class, word) = match status {
        ConfirmationStatus::Pending => ("badge warn", "Waiting"),
        ConfirmationStatus::Approved => ("badge good", "Approved"),
        ConfirmationStatus::Used => ("badge", "Done"),
        ConfirmationStatus::Declined => ("badge bad", "Declined"),
        ConfirmationStatus::Expired => ("badge", "Expired"),
    };
    html! { span class=(class) { (word) } }
}

fn ending(status: ConfirmationStatus) -> &'static str {
    match status {
        ConfirmationStatus::Pending => "It waits for an answer.",
        ConfirmationStatus::Approved => "You said yes. It is done when the assistant asks again, once.",
        ConfirmationStatus::Used => "It was done.",
        ConfirmationStatus::Declined => "It was declined: nothing was deleted.",
        ConfirmationStatus::Expired => "Its time is over: nothing was deleted.",
    }
}
