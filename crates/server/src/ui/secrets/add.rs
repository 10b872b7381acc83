//! The form that adds a secret, with what the catalogue knows of its name.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use domain::{SecretName, catalogue};
use maud::{Markup, html};

use super::fields::{self, Problems};
use crate::service::{Error, PutInput, Service};
use crate::ui::form::{Fields, Params};
use crate::ui::layout::{self, ErrorPage, Section, mask};
use crate::ui::session::Session;
use crate::ui::text::link;
use crate::wire::Environment;

/// What the form shows: all but the value.
#[derive(Default)]
struct Typed {
    name: String,
    environment: String,
    note: String,
    delivery: String,
    hosts: String,
    rotate_after_days: String,
}

/// `GET /secrets/new`. `name` and `environment` in the address fill in the form.
pub(in crate::ui) async fn show(
    State(service): State<Service>,
    session: Session,
    params: Params,
) -> Result<Response, ErrorPage> {
    let environments = service.list_environments(&session.caller).await.map_err(|error| session.failed(error))?.items;
    let text = |name| params.text(name).unwrap_or_default().to_owned();
    let typed = Typed { name: text("name"), environment: text("environment"), ..Typed::default() };
    Ok(layout::page(&session, Section::Secrets, "Add a secret", &page(&typed, &environments, &Problems::default())))
}

/// `POST /secrets/new`
pub(in crate::ui) async fn store(
    State(service): State<Service>,
    session: Session,
    mut fields: Fields,
) -> Result<Response, ErrorPage> {
    let text = |name| fields.text(name).unwrap_or_default().to_owned();
    let typed = Typed {
        name: text("name"),
        environment: text("environment"),
        note: fields.lines("note"),
        delivery: text("delivery"),
        hosts: text("hosts"),
        rotate_after_days: text("rotate_after_days"),
    };
    let environment = Some(typed.environment.clone()).filter(|name| !name.is_empty());
    let input = PutInput {
        value: fields.take_value(),
        environment: environment.clone(),
        note: Some(typed.note.clone()),
        delivery: Some(typed.delivery.clone()).filter(|word| !word.is_empty()),
        hosts: fields::hosts_of(&typed.hosts),
        rotate_after_days: fields::days(&typed.rotate_after_days),
        // A second secret of the name would silently replace the first one's value.
        if_none_match: true,
        ..PutInput::default()
    };
    let problems = match service.put_secret(&session.caller, &typed.name, input).await {
        Ok(put) => {
            let told = [("stored", put.stored.secret.name.as_str()), ("in", put.stored.secret.environment.as_str())];
            return Ok(Redirect::to(&link("/secrets", &told)).into_response());
        }
        Err(Error::Precondition) => taken(&service, &session, &typed.name, environment.as_deref()).await?,
        Err(error) => Problems::of(error).map_err(|error| session.failed(error))?,
    };
    let environments = service.list_environments(&session.caller).await.map_err(|error| session.failed(error))?.items;
    let body = page(&typed, &environments, &problems);
    Ok(layout::refused(&session, Section::Secrets, "Add a secret", problems.status, &body))
}

async fn taken(
    service: &Service,
    session: &Session,
    name: &str,
    environment: Option<&str>,
) -> Result<Problems, ErrorPage> {
    let (secret, _) =
        service.get_secret(&session.caller, name, environment).await.map_err(|error| session.failed(error))?;
    let address = link(&format!("/secrets/{}", secret.name), &[("environment", &secret.environment)]);
    Ok(Problems::other(
        StatusCode::CONFLICT,
        html! {
            (secret.environment) " has a secret of this name already: " (mask(&secret.mask)) ". "
            "Choose another name, or " a href=(address) { "open " (secret.name) " and replace its value" } "."
        },
    ))
}

/// What the catalogue knows of a name: whose it is, what a value looks like, where to get one.
fn help(name: &str) -> Markup {
    let known = SecretName::parse(name).ok();
    let known = known.as_ref().and_then(catalogue::for_name);
    html! {
        div #help aria-live="polite" {
            @if let Some((provider, secret)) = known {
                div.notice {
                    p { b { (provider.name) } ": " (secret.what) ", like " code { (secret.mask) } ". " (secret.get.help) }
                    @if let Some(url) = &secret.get.url { p { a href=(url) target="_blank" rel="noopener noreferrer" { "Get one at " (provider.name) } } }
                }
            }
        }
    }
}

fn page(typed: &Typed, environments: &[Environment], problems: &Problems) -> Markup {
    let more = typed.delivery == "brokered"
        || ["delivery", "hosts", "rotate_after_days"].iter().any(|field| problems.is_about(field));
    html! {
        div.narrow {
            (layout::crumbs(&[("/secrets", "Secrets")]))
            h1 { "Add a secret" }
            (problems.summary())
            form.sheet method="post" action="/secrets/new" autocomplete="off" {
                (fields::name(&typed.name, problems, true))
                (help(&typed.name))
                (fields::value("Value", problems))
                (fields::environment(environments, &typed.environment, problems))
                (fields::note(&typed.note, problems))
                details open[more] {
                    summary { "How functions get it, and how long it is good" }
                    (fields::delivery(&typed.delivery, problems))
                    (fields::hosts(&typed.hosts, problems))
                    (fields::rotate_after_days(&typed.rotate_after_days, problems))
                }
                p.actions {
                    button.primary type="submit" { "Store secret" }
                    a.button href="/secrets" { "Cancel" }
                }
            }
        }
    }
}
