//! Deploying a provider's example, in one step.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use super::detail::{Known, Told, conflict};
use crate::service::{Error, Service, Template};
use crate::ui::form::Fields;
use crate::ui::highlight;
use crate::ui::layout::{self, ErrorPage, Section};
use crate::ui::secrets::fields::{Field, Problems};
use crate::ui::session::Session;
use crate::ui::text::{link, visible};
use crate::wire::{PutFunction, Secrets};

/// What the form shows.
#[derive(Default)]
pub(super) struct Typed {
    function: String,
    endpoint: String,
}

/// `POST /integrations/{id}/deploy`
pub(in crate::ui) async fn deploy(
    State(service): State<Service>,
    session: Session,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Response, ErrorPage> {
    let known = Known::read(&service, &session, &id, fields.text("environment"), fields.text("template")).await?;
    let template = known.chosen.as_ref().ok_or_else(|| session.failed(Error::not_found("template")))?;
    let text = |name| fields.text(name).unwrap_or_default().to_owned();
    let typed = Typed { function: text("function"), endpoint: text("endpoint") };
    let refused = |problems: &Problems| {
        let body = known.page(problems, &Told::default(), &typed);
        layout::refused(&session, Section::Integrations, &known.provider.name, problems.status, &body)
    };
    if fields.text("replace").is_none() && service.get_function(&session.caller, &typed.function, None).await.is_ok() {
        return Ok(refused(&conflict(html! {
            "There is a function " a href=(format!("/functions/{}", typed.function)) { (typed.function) } " already. Choose another name, or say that it may be replaced."
        })));
    }
    match service.deploy_function(&session.caller, &typed.function, input(&known.environment, template, &typed)).await {
        Ok(deployment) => {
            let query = [("example", template.id.as_ref()), ("environment", &known.environment), ("deployed", "1")];
            Ok(Redirect::to(&link(&format!("/functions/{}/try", deployment.function), &query)).into_response())
        }
        Err(error @ (Error::Invalid(_) | Error::Limit { .. })) => {
            let problems = Problems::of(error).map_err(|error| session.failed(error))?;
            Ok(refused(&problems.about("name", "function").about("egress[0]", "endpoint").about("tcp[0]", "endpoint")))
        }
        Err(error) => Err(session.failed(error)),
    }
}

fn input(environment: &str, template: &Template, typed: &Typed) -> PutFunction {
    let names = template.secrets.iter().map(|name| name.as_ref()).chain(template.optional.iter().copied());
    let tcp = template.endpoint.map(|_| vec![typed.endpoint.clone()]);
    let host = typed.endpoint.rsplit_once(':').map_or(typed.endpoint.as_str(), |(host, _)| host);
    let egress = match (&tcp, template.hosts.as_slice()) {
        (Some(_), _) => vec![host.to_owned()],
        (None, []) => vec!["none".to_owned()],
        (None, hosts) => hosts.to_vec(),
    };
    PutFunction {
        source: Some(template.source.to_string()),
        access: Some(template.access.to_owned()),
        secrets: Some(Secrets::Names(names.map(str::to_owned).collect())),
        egress: Some(egress),
        tcp,
        environment: Some(environment.to_owned()),
        ..PutFunction::default()
    }
}

/// Whether what was wrong is about deploying.
pub(super) fn concerns(problems: &Problems) -> bool {
    problems.status == StatusCode::CONFLICT || ["function", "endpoint"].iter().any(|field| problems.is_about(field))
}

/// The example's code, and the button that deploys it.
pub(super) fn form(known: &Known, template: &Template, ready: bool, problems: &Problems, typed: &Typed) -> Markup {
    let name = if typed.function.is_empty() { template.id.as_ref() } else { &typed.function };
    let function = Field::new(
        "function",
        "Name of the function",
        html! { "Small letters, digits and hyphens. It is part of the function's address." },
        problems,
    );
    let endpoint = Field::new(
        "endpoint",
        template.endpoint.unwrap_or_default(),
        html! { "For example " code { "db.example.com:5432" } ". The function can connect to nothing else." },
        problems,
    );
    html! {
        details {
            summary { "Read the code: " (template.what) }
            pre.source tabindex="0" role="region" aria-label="Code of the example" { code { (highlight::lines("index.ts", &template.source, None)) } }
        }
        form.sheet method="post" action=(format!("/integrations/{}/deploy", known.provider.id)) {
            input type="hidden" name="environment" value=(known.environment);
            input type="hidden" name="template" value=(template.id);
            (function.around(&html! { input.mono #function name="function" value=(visible(name)) required maxlength="63" autocapitalize="off" spellcheck="false" aria-describedby=(function.described_by()) aria-invalid=[function.invalid()]; }))
            @if template.endpoint.is_some() {
                (endpoint.around(&html! { input.mono #endpoint name="endpoint" value=(visible(&typed.endpoint)) required autocapitalize="off" spellcheck="false" aria-describedby=(endpoint.described_by()) aria-invalid=[endpoint.invalid()]; }))
            }
            @if problems.status == StatusCode::CONFLICT {
                label.check { input type="checkbox" name="replace" value="1"; "Deploy over the function of this name" }
            }
            dl.facts {
                div { dt { "Who may call it" } dd { @if template.access == "public" { "Anyone; it believes only what is signed" } @else { "Who has a token" } } }
                div { dt { "May send to" } dd {
                    @match (template.endpoint, template.hosts.as_slice()) {
                        (Some(_), _) => "The endpoint above",
                        (None, []) => "No host",
                        (None, hosts) => (hosts.join(", ")),
                    }
                } }
                div { dt { "Gets" } dd { (template.secrets.join(", ")) @if !template.optional.is_empty() { "; if there, " (template.optional.join(", ")) } } }
            }
            @if !ready { p.notice.warn { "Some of its keys are not set yet in " (known.environment) ". It deploys all the same, and works once they are." } }
            p.actions { button.primary type="submit" { "Deploy" } }
        }
    }
}
