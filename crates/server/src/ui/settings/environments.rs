//! Environments: which there are, and making one.

use axum::extract::State;
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

/// `GET /settings/environments`
pub(in crate::ui) async fn show(
    State(service): State<Service>,
    session: Session,
    params: Params,
) -> Result<Response, ErrorPage> {
    let environments = read(&service, &session).await?;
    let made = params.text("made").filter(|name| environments.iter().any(|known| known.name == *name));
    Ok(page(&session, Tab::Environments, &body(&session, &environments, made, "", &Problems::default())))
}

/// `POST /settings/environments`
pub(in crate::ui) async fn put(
    State(service): State<Service>,
    session: Session,
    fields: Fields,
) -> Result<Response, ErrorPage> {
    let name = fields.text("name").unwrap_or_default();
    match service.put_environment(&session.caller, name).await {
        Ok((made, _)) => Ok(Redirect::to(&link("/settings/environments", &[("made", &made.name)])).into_response()),
        Err(error @ (Error::Invalid(_) | Error::Limit { .. })) => {
            let problems = Problems::of(error).map_err(|error| session.failed(error))?;
            let environments = read(&service, &session).await?;
            Ok(refused(&session, Tab::Environments, &problems, &body(&session, &environments, None, name, &problems)))
        }
        Err(error) => Err(session.failed(error)),
    }
}

async fn read(service: &Service, session: &Session) -> Result<Vec<Environment>, ErrorPage> {
    Ok(service.list_environments(&session.caller).await.map_err(|error| session.failed(error))?.items)
}

fn body(
    session: &Session,
    environments: &[Environment],
    made: Option<&str>,
    typed: &str,
    problems: &Problems,
) -> Markup {
    let name = Field::new(
        "name",
        "Name",
        html! { "Small letters, digits and hyphens: " code { "test" } ", " code { "staging" } "." },
        problems,
    );
    html! {
        @if let Some(made) = made { p.notice.good role="status" { "The environment " b { (made) } " is there. It has no secrets yet." } }
        (problems.summary_of("No environment was made."))
        p.lead { "Each environment has its own values of secrets and its own active deployments. Keep test keys out of production." }
        div.columns {
            div.table-box {
                table.cards {
                    caption.unseen { "Environments" }
                    thead { tr { th scope="col" { "Name" } th scope="col" { "Made" } th scope="col" { "Secrets" } } }
                    tbody { @for environment in environments {
                        tr {
                            th scope="row" { span.name { (environment.name) } }
                            td data-label="Made" { (session.ago(&environment.created_at)) }
                            td data-label="Secrets" { a href=(link("/secrets", &[("environment", &environment.name)])) aria-label=(format!("Secrets in {}", environment.name)) { "See them" } }
                        }
                    } }
                }
            }
            form.sheet method="post" action="/settings/environments" aria-labelledby="make" {
                h2 #make { "Make an environment" }
                (name.around(&html! { input.mono #name name="name" value=(visible(typed)) required maxlength="64" autocapitalize="off" autocomplete="off" spellcheck="false" aria-describedby=(name.described_by()) aria-invalid=[name.invalid()]; }))
                p.actions { button.primary type="submit" { "Make it" } }
            }
        }
    }
}
