//! Environments: which there are, making one (empty, or with another's names), deleting one with all that is in it.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use super::frame::{Tab, page, refused};
use crate::service::{Error, Service};
use crate::ui::form::{Fields, Params};
use crate::ui::layout::ErrorPage;
use crate::ui::secrets::fields::{Field, Problems};
use crate::ui::session::Session;
use crate::ui::text::{link, visible};
use crate::wire::Environment;

/// The one that is always there.
const PRODUCTION: &str = "production";

/// `GET /settings/environments`
pub(in crate::ui) async fn show(
    State(service): State<Service>,
    session: Session,
    params: Params,
) -> Result<Response, ErrorPage> {
    let environments = read(&service, &session).await?;
    let known = |name: &&str| environments.iter().any(|known| known.name == *name);
    let done = html! {
        @if let Some(made) = params.text("made").filter(known) {
            p.notice.good role="status" {
                "The environment " b { (made) } " is there. "
                @match params.text("from").filter(known) {
                    Some(from) => { "It has the names and settings of " (from) ", and no values yet: " a href="/secrets/matrix" { "see what is missing" } "." },
                    None => "It has no secrets yet.",
                }
            }
        }
        @if let Some(deleted) = params.text("deleted").filter(|name| !known(name)) { p.notice.good role="status" { "The environment " b { (visible(deleted)) } " is gone, with all that was in it." } }
    };
    Ok(page(
        &session,
        Tab::Environments,
        &body(&session, &environments, &done, &Typed::default(), &Problems::default()),
    ))
}

/// What the form shows.
#[derive(Default)]
struct Typed {
    name: String,
    from: String,
}

/// `POST /settings/environments`
pub(in crate::ui) async fn put(
    State(service): State<Service>,
    session: Session,
    fields: Fields,
) -> Result<Response, ErrorPage> {
    let text = |name| fields.text(name).unwrap_or_default().to_owned();
    let typed = Typed { name: text("name"), from: text("from") };
    let made = match typed.from.as_str() {
        "" => service.put_environment(&session.caller, &typed.name).await.map(|(made, _)| made),
        from => service.clone_environment(&session.caller, from, &typed.name).await.map(|cloned| cloned.environment),
    };
    match made {
        Ok(made) => {
            let done = [("made", made.name.as_str()), ("from", typed.from.as_str())];
            Ok(Redirect::to(&link("/settings/environments", &done)).into_response())
        }
        Err(error @ (Error::Invalid(_) | Error::Limit { .. })) => {
            let problems = Problems::of(error).map_err(|error| session.failed(error))?;
            let problems = problems.about("environment", "name").about("to", "name");
            let environments = read(&service, &session).await?;
            let body = body(&session, &environments, &html! {}, &typed, &problems);
            Ok(refused(&session, Tab::Environments, &problems, &body))
        }
        Err(error) => Err(session.failed(error)),
    }
}

/// `GET /settings/environments/{name}/delete`
pub(in crate::ui) async fn confirm(
    State(service): State<Service>,
    session: Session,
    Path(name): Path<String>,
) -> Result<Response, ErrorPage> {
    let environments = read(&service, &session).await?;
    let found = environments.iter().any(|known| known.name == name && known.name != PRODUCTION);
    if !found {
        return Err(session.failed(Error::not_found("environment")));
    }
    Ok(page(&session, Tab::Environments, &question(&name, None)))
}

/// `POST /settings/environments/{name}/delete`
pub(in crate::ui) async fn delete(
    State(service): State<Service>,
    session: Session,
    Path(name): Path<String>,
    fields: Fields,
) -> Result<Response, ErrorPage> {
    let anyway = fields.text("anyway").is_some();
    match service.delete_environment(&session.caller, &name, anyway).await {
        Ok(()) => Ok(Redirect::to(&link("/settings/environments", &[("deleted", &name)])).into_response()),
        Err(Error::InUse { detail }) => {
            let mut asked = page(&session, Tab::Environments, &question(&name, Some(&detail)));
            *asked.status_mut() = StatusCode::CONFLICT;
            Ok(asked)
        }
        Err(error) => Err(session.failed(error)),
    }
}

/// Whether it is meant; `in_use` is what else ends with it.
fn question(name: &str, in_use: Option<&str>) -> Markup {
    html! {
        section.narrow {
            h2 { "Delete the environment " span.mono { (visible(name)) } "?" }
            @if let Some(detail) = in_use { div.notice.bad role="alert" { p { (visible(detail)) "." } } }
            p { "Its secrets are deleted with all their versions, and its functions stop. This cannot be undone. Other environments stay as they are." }
            form method="post" action=(format!("/settings/environments/{name}/delete")) {
                @if in_use.is_some() { input type="hidden" name="anyway" value="1"; }
                p.actions { button.danger.filled type="submit" { "Delete " (visible(name)) @if in_use.is_some() { " all the same" } } a.button href="/settings/environments" { "Keep it" } }
            }
        }
    }
}

async fn read(service: &Service, session: &Session) -> Result<Vec<Environment>, ErrorPage> {
    Ok(service.list_environments(&session.caller).await.map_err(|error| session.failed(error))?.items)
}

fn body(session: &Session, environments: &[Environment], done: &Markup, typed: &Typed, problems: &Problems) -> Markup {
    let name = Field::new(
        "name",
        "Name",
        html! { "Small letters, digits and hyphens: " code { "test" } ", " code { "staging" } "." },
        problems,
    );
    html! {
        (done)
        (problems.summary_of("No environment was made."))
        p.lead { "Each environment has its own values of secrets and its own active deployments. Keep test keys out of production." }
        div.columns {
            div.table-box {
                table.cards {
                    caption.unseen { "Environments" }
                    thead { tr { th scope="col" { "Name" } th scope="col" { "Made" } th scope="col" { "Secrets" } th scope="col" { span.unseen { "Delete" } } } }
                    tbody { @for environment in environments {
                        tr {
                            th scope="row" { span.name { (environment.name) } }
                            td data-label="Made" { (session.ago(&environment.created_at)) }
                            td data-label="Secrets" { a href=(link("/secrets", &[("environment", &environment.name)])) { "Secrets" span.unseen { " in " (environment.name) } } }
                            td data-label="Delete" { @if environment.name != PRODUCTION { a.button.danger href=(format!("/settings/environments/{}/delete", environment.name)) { "Delete" span.unseen { " " (environment.name) } "…" } } }
                        }
                    } }
                }
            }
            form.sheet method="post" action="/settings/environments" aria-labelledby="make" {
                h2 #make { "Make an environment" }
                (name.around(&html! { input.mono #name name="name" value=(visible(&typed.name)) required maxlength="64" autocapitalize="off" autocomplete="off" spellcheck="false" aria-describedby=(name.described_by()) aria-invalid=[name.invalid()]; }))
                div.field {
                    label for="from" { "With the names of" }
                    select #from name="from" {
                        option value="" { "None: empty" }
                        @for environment in environments { option value=(environment.name) selected[environment.name == typed.from] { (environment.name) } }
                    }
                    p.hint { "Names, notes and settings are copied. Values are not: they wait to be put." }
                }
                p.actions { button.primary type="submit" { "Make it" } }
            }
        }
    }
}
