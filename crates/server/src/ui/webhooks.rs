//! Webhooks: who is told of what, whether they take it, and the form that adds one. Its key is on the page that follows, once.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use domain::webhook::WebhookEvent;
use maud::{Markup, html};

use super::form::Fields;
use super::layout::{self, ErrorPage, Section, snippet};
use super::secrets::fields::{Field, Problems};
use super::session::Session;
use super::text::{sentence, visible};
use super::time;
use crate::service::Service;
use crate::wire::{PutWebhook, RotateWebhook, Webhook};

/// For how long a key that is replaced may go on being used.
const OVERLAPS: [(&str, &str); 4] =
    [("", "not at all: it may be known to others"), ("1h", "1 hour"), ("1d", "1 day"), ("7d", "7 days")];

/// `GET /webhooks`
pub(super) async fn show(State(service): State<Service>, session: Session) -> Result<Response, ErrorPage> {
    let body = body(&service, &session, &html! {}, &Problems::default(), ["", ""]).await?;
    Ok(layout::page(&session, Section::Webhooks, "Webhooks", &body))
}

/// `POST /webhooks`
pub(super) async fn put(
    State(service): State<Service>,
    session: Session,
    fields: Fields,
) -> Result<Response, ErrorPage> {
    let (name, url) = (fields.text("name").unwrap_or_default(), fields.text("url").unwrap_or_default());
    let events = fields.starting_with("event.").map(str::to_owned).collect();
    let problems = match service.put_webhook(&session.caller, name, PutWebhook { url: url.to_owned(), events }).await {
        Ok(answer) => {
            let told = told(&html! { b { (name) } " is told from now on." }, answer.signing_key.as_deref());
            let body = body(&service, &session, &told, &Problems::default(), ["", ""]).await?;
            return Ok(layout::page(&session, Section::Webhooks, "Webhooks", &body));
        }
        Err(error) => Problems::of(error).map_err(|error| session.failed(error))?,
    };
    let body = body(&service, &session, &html! {}, &problems, [name, url]).await?;
    let status = if problems.status.is_success() { StatusCode::UNPROCESSABLE_ENTITY } else { problems.status };
    Ok(layout::refused(&session, Section::Webhooks, "Webhooks", status, &body))
}

/// `POST /webhooks/{name}/test`
pub(super) async fn test(
    State(service): State<Service>,
    session: Session,
    Path(name): Path<String>,
) -> Result<Response, ErrorPage> {
    let tried = service.test_webhook(&session.caller, &name).await.map_err(|error| session.failed(error))?;
    let class = if tried.taken { "notice good" } else { "notice bad" };
    let told =
        html! { p class=(class) role="status" { b { (visible(&name)) } ": " (visible(&sentence(&tried.detail))) } };
    let body = body(&service, &session, &told, &Problems::default(), ["", ""]).await?;
    Ok(layout::page(&session, Section::Webhooks, "Webhooks", &body))
}

/// `POST /webhooks/{name}/rotate`
pub(super) async fn rotate(
    State(service): State<Service>,
    session: Session,
    Path(name): Path<String>,
    fields: Fields,
) -> Result<Response, ErrorPage> {
    let input = RotateWebhook { overlap: Some(fields.text("overlap").map(str::to_owned)) };
    let answer = service.rotate_webhook(&session.caller, &name, input).await.map_err(|error| session.failed(error))?;
    let words = html! {
        b { (answer.webhook.name) } " has another key. "
        @match &answer.webhook.previous_until {
            Some(until) => { "Until " (time::full(until, session.now)) " messages are signed with the one before too." },
            None => "The one before is out of use.",
        }
    };
    let told = told(&words, answer.signing_key.as_deref());
    let body = body(&service, &session, &told, &Problems::default(), ["", ""]).await?;
    Ok(layout::page(&session, Section::Webhooks, "Webhooks", &body))
}

/// `POST /webhooks/{name}/delete`
pub(super) async fn delete(
    State(service): State<Service>,
    session: Session,
    Path(name): Path<String>,
) -> Result<Response, ErrorPage> {
    service.delete_webhook(&session.caller, &name).await.map_err(|error| session.failed(error))?;
    Ok(Redirect::to("/webhooks").into_response())
}

/// What was done, with the key if there is a new one.
fn told(words: &Markup, key: Option<&str>) -> Markup {
    html! {
        div.notice.good role="status" {
            p { (words) }
            @if let Some(key) = key {
                p { "Messages are signed with this key, as the Standard Webhooks specification says. Keep it where they are received: it is not shown again." }
                (snippet("Key that messages are signed with", key))
            }
        }
    }
}

async fn body(
    service: &Service,
    session: &Session,
    told: &Markup,
    problems: &Problems,
    typed: [&str; 2],
) -> Result<Markup, ErrorPage> {
    let webhooks = service.list_webhooks(&session.caller).await.map_err(|error| session.failed(error))?.items;
    Ok(html! {
        (told)
        div.title { h1 { "Webhooks" } }
        p.lead { "Addresses of yours that are told when something happens here. Messages are signed, sent again until they are taken, and hold no value." }
        (problems.summary())
        @if !webhooks.is_empty() { (table(session, &webhooks)) }
        (form(problems, typed))
    })
}

fn table(session: &Session, webhooks: &[Webhook]) -> Markup {
    html! {
        div.table-box {
            table.cards {
                caption.unseen { "Webhooks" }
                thead { tr { th scope="col" { "Name" } th scope="col" { "State" } th scope="col" { "Is told" } th scope="col" { "Last taken" } th scope="col" { "Do" } } }
                tbody { @for webhook in webhooks {
                    tr {
                        th scope="row" { span.name { (webhook.name) } span.by { (visible(&webhook.url)) } }
                        td data-label="State" { div {
                            @match (&webhook.disabled_at, &webhook.problem) {
                                (Some(time), _) => { span.badge.bad { "Disabled" } " " (session.ago(time)) },
                                (None, Some(_)) => span.badge.warn { "Fails" },
                                (None, None) => span.badge.good { "Works" },
                            }
                            @if let Some(problem) = &webhook.problem { span.by { (sentence(problem)) } }
                            @if webhook.waiting > 0 { span.by { (webhook.waiting) " waiting" } }
                            @if let Some(until) = &webhook.previous_until { span.by { "Signed with two keys until " (time::full(until, session.now)) } }
                        } }
                        td data-label="Is told" { div.stack { @for event in &webhook.events { code { (event) } } } }
                        td data-label="Last taken" { @match &webhook.told_at { Some(time) => (session.ago(time)), None => span.muted { "Never" } } }
                        td data-label="Do" { div.actions {
                            form method="post" action=(format!("/webhooks/{}/test", webhook.name)) { button type="submit" { "Try " (webhook.name) } }
                            details {
                                summary { "New key …" }
                                form method="post" action=(format!("/webhooks/{}/rotate", webhook.name)) {
                                    div.filter-field {
                                        label for=(format!("overlap-{}", webhook.name)) { "Sign with the old key too, for" }
                                        select id=(format!("overlap-{}", webhook.name)) name="overlap" {
                                            @for (time, words) in OVERLAPS { option value=(time) selected[time == "1d"] { (words) } }
                                        }
                                    }
                                    p.actions { button type="submit" { "Make a new key for " (webhook.name) } }
                                }
                            }
                            details {
                                summary { "Delete …" }
                                form method="post" action=(format!("/webhooks/{}/delete", webhook.name)) { button.danger type="submit" { "Delete " (webhook.name) } }
                            }
                        } }
                    }
                } }
            }
        }
    }
}

fn form(problems: &Problems, [name, url]: [&str; 2]) -> Markup {
    let called = Field::new(
        "name",
        "Name",
        html! { "Small letters, digits and hyphens. One that is there is changed." },
        problems,
    );
    let address = Field::new("url", "Address", html! { "An https address that takes messages by POST." }, problems);
    html! {
        section.sheet.narrow aria-labelledby="add" {
            h2 #add { "Add a webhook" }
            form method="post" action="/webhooks" {
                (called.around(&html! { input #name name="name" value=(visible(name)) autocomplete="off" spellcheck="false" required aria-describedby=(called.described_by()) aria-invalid=[called.invalid()]; }))
                (address.around(&html! { input #url name="url" type="url" value=(visible(url)) autocomplete="off" spellcheck="false" required aria-describedby=(address.described_by()) aria-invalid=[address.invalid()]; }))
                fieldset.field {
                    legend { "Is told of" }
                    div.checks {
                        @for event in WebhookEvent::ALL {
                            label.check { input type="checkbox" name=(format!("event.{}", event.as_str())) value="1" checked; (words(*event)) }
                        }
                    }
                }
                p.actions { button.primary type="submit" { "Store webhook" } }
            }
        }
    }
}

fn words(event: WebhookEvent) -> &'static str {
    match event {
        WebhookEvent::RotationFailed => "A rotator could not replace a value",
        WebhookEvent::SecretDueSoon => "A value is to be replaced within a week",
        WebhookEvent::SecretOverdue => "A value should have been replaced",
        WebhookEvent::SecretRequestCreated => "Somebody asks for a secret",
        WebhookEvent::SecretValueReturned => "A function returns the value of a secret",
    }
}
