//! Trying a function: a request written here, and what it answers, as text.

use axum::extract::{Path, State};
use axum::response::Response;
use maud::{Markup, html};

use super::frame::{Tab, failed, head};
use super::parts;
use crate::service::{Answer, Error, Once, OnceInput, Service, Shown, Span, template_named};
use crate::ui::form::{Fields, Params};
use crate::ui::layout::{self, ErrorPage, Section};
use crate::ui::secrets::fields::{Field, Problems};
use crate::ui::session::Session;
use crate::ui::text::{sentence, visible};
use crate::wire::LogLine;

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/// What the form shows.
#[derive(Default)]
struct Typed {
    environment: String,
    method: String,
    path: String,
    headers: String,
    body: String,
}

/// `GET /functions/{name}/try`
pub(in crate::ui) async fn show(
    State(service): State<Service>,
    session: Session,
    Path(name): Path<String>,
    params: Params,
) -> Result<Response, ErrorPage> {
    let text = |name| params.text(name).unwrap_or_default().to_owned();
    let (environment, method, path) = (text("environment"), text("method"), text("path"));
    let mut typed = Typed { environment, method, path, ..Typed::default() };
    if let Some(template) = params.text("example").and_then(template_named) {
        (typed.method, typed.body) = (template.method.to_owned(), template.body.to_owned());
        "Content-Type: application/json".clone_into(&mut typed.headers);
    }
    let places = places(&service, &session, &name).await?;
    let deployed = params.text("deployed").is_some() && places.contains(&typed.environment);
    let note = html! {
        @if deployed { p.notice.good role="status" { b { "Deployed." } " Change the request as you like, and invoke it." } }
    };
    let body = page(&name, &places, &typed, &Problems::default(), &note);
    Ok(layout::page(&session, Section::Functions, &format!("Try {name}"), &body))
}

/// `POST /functions/{name}/try`
pub(in crate::ui) async fn send(
    State(service): State<Service>,
    session: Session,
    Path(name): Path<String>,
    fields: Fields,
) -> Result<Response, ErrorPage> {
    let text = |name| fields.text(name).unwrap_or_default().to_owned();
    let mut typed = Typed {
        environment: text("environment"),
        method: text("method"),
        path: text("path"),
        headers: fields.lines("headers"),
        body: String::new(),
    };
    let input = OnceInput {
        environment: Some(typed.environment.clone()).filter(|name| !name.is_empty()),
        method: typed.method.clone(),
        path: typed.path.clone(),
        headers: typed.headers.clone(),
        body: fields.lines("body"),
    };
    let done = service.invoke_once(&session.caller, &name, input).await;
    let places = places(&service, &session, &name).await?;
    let title = format!("Try {name}");
    match done {
        Ok(once) => {
            [typed.path, typed.headers, typed.body] = once.sent.clone();
            let lines = service.invocation_logs(&session.caller, &name, &once.id).await;
            let lines = lines.map(|page| page.items).unwrap_or_default();
            let body = page(&name, &places, &typed, &Problems::default(), &result(&name, &once, &lines));
            Ok(layout::page(&session, Section::Functions, &title, &body))
        }
        Err(error @ Error::Invalid(_)) => {
            let problems = Problems::of(error).map_err(|error| session.failed(error))?;
            // They can hold a credential, and nothing has cleaned them.
            typed.headers.clear();
            let body = page(&name, &places, &typed, &problems, &html! {});
            Ok(layout::refused(&session, Section::Functions, &title, problems.status, &body))
        }
        Err(error) => Err(failed(&session, error)),
    }
}

/// The environments that the function is active in.
async fn places(service: &Service, session: &Session, name: &str) -> Result<Vec<String>, ErrorPage> {
    let view = service.function_view(&session.caller, name, Span::Day).await.map_err(|error| failed(session, error))?;
    Ok(view.places.into_iter().map(|place| place.environment).collect())
}

fn page(name: &str, places: &[String], typed: &Typed, problems: &Problems, result: &Markup) -> Markup {
    html! {
        (head(name, Tab::Try))
        @if places.is_empty() {
            p.notice.warn { "It is active nowhere, so it cannot be invoked. " a href=(format!("/functions/{name}/deployments")) { "Roll back to a deployment" } " first." }
        } @else {
            (problems.summary_of("Nothing was sent."))
            div.columns.even {
                (form(name, places, typed, problems))
                div #result { (result) }
            }
        }
    }
}

fn form(name: &str, places: &[String], typed: &Typed, problems: &Problems) -> Markup {
    let method = if typed.method.is_empty() { "POST" } else { &typed.method };
    let path = Field::new(
        "path",
        "Path below the function (optional)",
        html! { "With the query, for example " code { "/items?limit=2" } "." },
        problems,
    );
    let headers = Field::new(
        "headers",
        "Headers (optional)",
        html! { "One a line, like " code { "Content-Type: application/json" } "." },
        problems,
    );
    let body = Field::new("body", "Body (optional)", html! { "Sent as it stands here." }, problems);
    html! {
        form.sheet method="post" action=(format!("/functions/{name}/try")) autocomplete="off" {
            div.pair {
                div.field {
                    label for="method" { "Method" }
                    select #method name="method" { @for word in METHODS { option selected[word == method] { (word) } } }
                }
                @if places.len() > 1 {
                    div.field {
                        label for="environment" { "Environment" }
                        select #environment name="environment" { @for place in places { option value=(place) selected[*place == typed.environment] { (place) } } }
                    }
                } @else if let Some(place) = places.first() { input type="hidden" name="environment" value=(place); }
            }
            (path.around(&html! { input.mono #path name="path" value=(visible(&typed.path)) autocapitalize="off" spellcheck="false" aria-describedby=(path.described_by()) aria-invalid=[path.invalid()]; }))
            (headers.around(&html! { textarea.mono #headers name="headers" rows="2" autocapitalize="off" spellcheck="false" aria-describedby=(headers.described_by()) aria-invalid=[headers.invalid()] { "\n" (typed.headers) } }))
            (body.around(&html! { textarea.mono #body name="body" rows="6" autocapitalize="off" spellcheck="false" aria-describedby=(body.described_by()) { "\n" (typed.body) } }))
            p.actions { button.primary type="submit" { "Invoke " (name) } }
            p.hint { "It runs for real: what it sends, charges or deletes is sent, charged and deleted." }
        }
    }
}

fn result(name: &str, once: &Once, lines: &[LogLine]) -> Markup {
    html! {
        section.card aria-labelledby="answer" {
            h2 #answer { "Its answer" }
            @match &once.answer {
                Ok(answer) => (answered(answer)),
                Err(why) => div.notice.bad role="status" { p { b { "It gave none. " } (sentence(&visible(why))) } },
            }
            p.muted.small {
                "Took " (parts::duration(once.took.as_secs_f64() * 1000.0)) ". "
                a href=(format!("/functions/{name}/invocations/{}", once.id)) { "This invocation" }
            }
            h3 { "What it printed" }
            (parts::log(lines, "Nothing."))
        }
    }
}

fn answered(answer: &Answer) -> Markup {
    let good = answer.status < 400;
    let is_json = answer.headers.iter().any(|(name, value)| name == "content-type" && value.contains("json"));
    html! {
        p role="status" { span class=(if good { "badge good" } else { "badge bad" }) { "Status " (answer.status) } }
        @match &answer.body {
            Shown::Text(text, _) if text.is_empty() => p.muted { "Its body is empty." },
            Shown::Text(text, more) => {
                pre.answer tabindex="0" role="region" aria-label="Body" { code { (visible(&if is_json { pretty(text) } else { text.clone() })) } }
                @if *more { p.muted.small { "It goes on: only the beginning is shown." } }
            },
            Shown::Bytes(count, more) => p.muted { (parts::bytes(*count as u64)) @if *more { " or more" } " that are no text." },
        }
        details {
            summary { "Headers" }
            dl.facts { @for (name, value) in &answer.headers { div { dt { (name) } dd { code.address { (visible(value)) } } } } }
        }
    }
}

/// JSON with its lines broken, if that is what it is.
fn pretty(text: &str) -> String {
    let parsed: Option<serde_json::Value> = serde_json::from_str(text).ok();
    parsed.and_then(|value| serde_json::to_string_pretty(&value).ok()).unwrap_or_else(|| text.to_owned())
}
