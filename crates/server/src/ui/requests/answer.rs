//! One secret request: who asks and why, and the form where a person enters the value or says no.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use domain::{Scope, SecretRequestStatus};
use maud::{Markup, html};

use super::parts::{badge, ending, where_to_get, who};
use crate::service::{Asked, Entered, Error, Fulfilled, Service};
use crate::ui::form::{Fields, Params};
use crate::ui::layout::{self, ErrorPage, Section, mask};
use crate::ui::secrets::fields::{self, Problems};
use crate::ui::session::Session;
use crate::ui::text::{link, visible};
use crate::ui::time;

/// `GET /requests/{id}`
pub(in crate::ui) async fn show(
    State(service): State<Service>,
    session: Session,
    Path(id): Path<String>,
    params: Params,
) -> Result<Response, ErrorPage> {
    let asked = service.asked(&session.caller, &id).await.map_err(|error| session.failed(error))?;
    let late = params.text("late").is_some() && asked.status != SecretRequestStatus::Pending;
    let body = html! {
        @if late { p.notice.bad role="alert" { "What you entered was not stored: the request had ended before." } }
        (page(&session, &asked, &Problems::default(), false))
    };
    Ok(layout::page(&session, Section::Requests, &asked.request.name, &body))
}

/// `POST /requests/{id}`: stores the value, once.
pub(in crate::ui) async fn answer(
    State(service): State<Service>,
    session: Session,
    Path(id): Path<String>,
    mut fields: Fields,
) -> Result<Response, ErrorPage> {
    let (anyway, brokered) = (fields.text("anyway").is_some(), fields.text("brokered").is_some());
    let entered = Entered { value: fields.take_value(), anyway, brokered };
    let answered = service.fulfil_secret_request(&session.caller, &id, entered).await;
    let (problems, warned) = match answered {
        // The same address now says that it is fulfilled: a form that is sent again stores nothing.
        Ok(Fulfilled::Stored) => return Ok(Redirect::to(&format!("/requests/{id}")).into_response()),
        Err(Error::RequestEnded(_)) => return Ok(Redirect::to(&format!("/requests/{id}?late=1")).into_response()),
        Ok(Fulfilled::Warned(findings)) => {
            let words = html! {
                "The value " @for (at, finding) in findings.iter().enumerate() { @if at > 0 { "; it " } (finding.detail) } "."
                " Paste the right one, or say below that this is the right one and paste it again: it was not kept."
            };
            (Problems::other(StatusCode::UNPROCESSABLE_ENTITY, words), true)
        }
        Err(error) => (Problems::of(error).map_err(|error| session.failed(error))?, false),
    };
    let asked = service.asked(&session.caller, &id).await.map_err(|error| session.failed(error))?;
    let body = page(&session, &asked, &problems, warned || anyway);
    Ok(layout::refused(&session, Section::Requests, &asked.request.name, problems.status, &body))
}

/// `POST /requests/{id}/decline`
pub(in crate::ui) async fn decline(
    State(service): State<Service>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Response, ErrorPage> {
    match service.decline_secret_request(&session.caller, &id).await {
        Ok(_) | Err(Error::RequestEnded(_)) => Ok(Redirect::to(&format!("/requests/{id}")).into_response()),
        Err(error) => Err(session.failed(error)),
    }
}

fn page(session: &Session, asked: &Asked, problems: &Problems, offer_anyway: bool) -> Markup {
    let request = &asked.request;
    let open = asked.status == SecretRequestStatus::Pending;
    html! {
        div.narrow {
            (layout::crumbs(&[("/requests", "Requests")]))
            div.title { h1.mono { (request.name) } (badge(&request.status)) }
            @if open { (problems.summary()) } @else { p.notice role="status" { (ending(asked.status)) } }
            (asking(session, asked))
            @if open {
                @if session.caller.actor.scopes.contains(Scope::SecretsWrite) {
                    (where_to_get(request))
                    (form(asked, problems, offer_anyway))
                } @else {
                    p.notice { "Your session may look at secrets but not store them. Log in with a link of a token that has " code { "secrets:write" } " to answer." }
                }
            } @else if let Some(secret) = asked.current.as_ref().filter(|_| asked.status == SecretRequestStatus::Fulfilled) {
                p.actions { a.button href=(link(&format!("/secrets/{}", secret.name), &[("environment", &secret.environment)])) { "Open " (secret.name) } }
            }
        }
    }
}

/// Who asks for what, and why. The reason is whatever was written: it stands apart and as a quotation.
fn asking(session: &Session, asked: &Asked) -> Markup {
    let request = &asked.request;
    html! {
        section.card aria-label="The request" {
            p { (who(&asked.requester_kind, &request.created_by)) " asked for this secret in " b { (request.environment) } ", " (session.ago(&request.created_at)) ", and gives this reason:" }
            blockquote.quoted { (visible(&request.reason)) }
            dl.facts {
                div { dt { "Stored now" } dd { @match &asked.current {
                    Some(secret) if secret.version > 0 => { (mask(&secret.mask)) ", version " (secret.version) ". A new value replaces it; the old one stays as an earlier version." }
                    _ => "Nothing: it will be a new secret.",
                } } }
                @if let Some(secret) = asked.current.as_ref().filter(|secret| secret.delivery == "brokered") {
                    div { dt { "Goes only to" } dd { @for (at, host) in secret.hosts.iter().enumerate() { @if at > 0 { ", " } b { (visible(host)) } } } }
                }
                div { dt { "Read by" } dd.links {
                    @if asked.functions.is_empty() { "No function that is active in " (request.environment) " yet." }
                    @for name in &asked.functions { a href=(format!("/functions/{name}")) { (name) } " " }
                } }
                @if asked.status == SecretRequestStatus::Pending { div { dt { "Can be answered" } dd { "until " (time::full(&request.expires_at, session.now)) } } }
            }
        }
    }
}

fn form(asked: &Asked, problems: &Problems, offer_anyway: bool) -> Markup {
    let request = &asked.request;
    html! {
        section.sheet aria-labelledby="enter" {
            h2 #enter { "Enter the value" }
            p { "Do it only if you expected this request. Whoever asks never sees the value, but functions that are deployed in "
                (request.environment) " can use it." }
            form method="post" action=(format!("/requests/{}", request.id)) autocomplete="off" {
                (fields::value("Value", problems))
                @if !asked.hosts.is_empty() {
                    label.check.fine {
                        input type="checkbox" name="brokered" value="yes" checked;
                        span { "Keep it out of functions. They get a placeholder, and Tresor puts the value in on the way to "
                            @for (at, host) in asked.hosts.iter().enumerate() { @if at > 0 { ", " } b { (host) } } ", and nowhere else." }
                    }
                }
                @if offer_anyway {
                    div.field { label.check { input type="checkbox" name="anyway" value="yes"; "Store it even if it looks wrong" } }
                }
                p.actions { button.primary type="submit" { "Store " (request.name) } }
            }
            form method="post" action=(format!("/requests/{}/decline", request.id)) {
                p.actions { button.danger type="submit" { "Decline" } span.muted { "Whoever asks learns that you said no." } }
            }
        }
    }
}
