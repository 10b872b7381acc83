//! One provider, in three steps: its keys, a function that uses them, a first invocation.

use std::collections::HashMap;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use domain::catalogue::{self, Kind, Provider};
use maud::{Markup, html};

use super::deploy;
use crate::service::{Error, PutInput, Service, Template, templates};
use crate::ui::form::{Fields, Params};
use crate::ui::icons;
use crate::ui::layout::{self, ErrorPage, Section, mask};
use crate::ui::secrets::fields::Problems;
use crate::ui::session::Session;
use crate::ui::text::{link, sentence, visible};
use crate::wire::{Check, Environment, Secret, Warning};

/// What the names of the value fields begin with.
const VALUE: &str = "value.";

/// `GET /integrations/{id}?environment=&template=`
pub(in crate::ui) async fn show(
    State(service): State<Service>,
    session: Session,
    Path(id): Path<String>,
    params: Params,
) -> Result<Response, ErrorPage> {
    let known = Known::read(&service, &session, &id, params.text("environment"), params.text("template")).await?;
    let stored: Vec<_> = params.text("stored").unwrap_or_default().split(',').filter(|name| known.has(name)).collect();
    let body =
        known.page(&Problems::default(), &Told { stored: &stored, ..Told::default() }, &deploy::Typed::default());
    Ok(layout::page(&session, Section::Integrations, &known.provider.name, &body))
}

/// `POST /integrations/{id}`: stores what was pasted.
pub(in crate::ui) async fn store(
    State(service): State<Service>,
    session: Session,
    Path(id): Path<String>,
    mut fields: Fields,
) -> Result<Response, ErrorPage> {
    let (environment, template) =
        (fields.text("environment").map(str::to_owned), fields.text("template").map(str::to_owned));
    let brokered = fields.text("brokered").is_some();
    let names: Vec<String> = fields.starting_with(VALUE).map(str::to_owned).collect();
    let known = Known::read(&service, &session, &id, environment.as_deref(), template.as_deref()).await?;
    let (mut stored, mut warnings) = (Vec::new(), Vec::new());
    for name in &names {
        let value = fields.take_value_of(&format!("{VALUE}{name}"));
        // Fields left empty are left alone.
        if value.is_empty() {
            continue;
        }
        let hosts = if brokered { known.hosts(name) } else { Vec::new() };
        let delivery = if hosts.is_empty() { None } else { Some("brokered".to_owned()) };
        let place = Some(known.environment.clone());
        let input = PutInput {
            value,
            environment: place,
            hosts: delivery.is_some().then_some(hosts),
            delivery,
            ..PutInput::default()
        };
        match service.put_secret(&session.caller, name, input).await {
            Ok(put) => {
                warnings
                    .extend(put.stored.warnings.into_iter().map(|warning| (put.stored.secret.name.clone(), warning)));
                stored.push(put.stored.secret.name);
            }
            Err(error) => {
                let problems = Problems::of(error)
                    .map_err(|error| session.failed(error))?
                    .about("value", &format!("{VALUE}{name}"));
                let known = Known::read(&service, &session, &id, environment.as_deref(), template.as_deref()).await?;
                let stored: Vec<_> = stored.iter().map(String::as_str).collect();
                let body =
                    known.page(&problems, &Told { stored: &stored, ..Told::default() }, &deploy::Typed::default());
                return Ok(layout::refused(
                    &session,
                    Section::Integrations,
                    &known.provider.name,
                    problems.status,
                    &body,
                ));
            }
        }
    }
    if warnings.is_empty() {
        return Ok(Redirect::to(&known.address(&[("stored", &stored.join(","))])).into_response());
    }
    let known = Known::read(&service, &session, &id, Some(&known.environment), template.as_deref()).await?;
    let stored: Vec<_> = stored.iter().map(String::as_str).collect();
    let told = Told { stored: &stored, warnings: &warnings, checked: None };
    let body = known.page(&Problems::default(), &told, &deploy::Typed::default());
    Ok(layout::page(&session, Section::Integrations, &known.provider.name, &body))
}

/// `POST /integrations/{id}/check`: asks the provider whether a stored key works.
pub(in crate::ui) async fn check(
    State(service): State<Service>,
    session: Session,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Response, ErrorPage> {
    let (environment, template) = (fields.text("environment"), fields.text("template"));
    let name = fields.text("name").unwrap_or_default();
    let known = Known::read(&service, &session, &id, environment, template).await?;
    let checked = service.check_secret(&session.caller, name, Some(&known.environment)).await;
    let checked = checked.map_err(|error| session.failed(error))?;
    let body = known.page(
        &Problems::default(),
        &Told { checked: Some((name, &checked)), ..Told::default() },
        &deploy::Typed::default(),
    );
    Ok(layout::page(&session, Section::Integrations, &known.provider.name, &body))
}

/// What the page shows.
pub(super) struct Known {
    pub(super) provider: &'static Provider,
    pub(super) environment: String,
    pub(super) environments: Vec<Environment>,
    pub(super) templates: Vec<Template>,
    /// Which of them is shown.
    pub(super) chosen: Option<Template>,
    /// The secrets that the environment has, by name.
    secrets: HashMap<String, Secret>,
    may_see_all: bool,
}

/// What just happened.
#[derive(Default)]
pub(super) struct Told<'a> {
    stored: &'a [&'a str],
    warnings: &'a [(String, Warning)],
    checked: Option<(&'a str, &'a Check)>,
}

/// A secret that can be stored here.
struct Wanted<'a> {
    name: &'a str,
    what: &'a str,
    /// What the catalogue says of it; nothing of settings that only a template reads.
    known: Option<&'static catalogue::Secret>,
}

impl Known {
    pub(super) async fn read(
        service: &Service,
        session: &Session,
        id: &str,
        environment: Option<&str>,
        template: Option<&str>,
    ) -> Result<Self, ErrorPage> {
        let provider = catalogue::find(id).ok_or_else(|| session.failed(Error::not_found("provider")))?;
        let environments =
            service.list_environments(&session.caller).await.map_err(|error| session.failed(error))?.items;
        let default = session.default_environment();
        let environment = environment.map(str::to_owned).or(default.clone()).unwrap_or_else(|| "production".to_owned());
        let templates = templates(provider);
        let chosen = templates.iter().find(|known| Some(known.id.as_ref()) == template).or(templates.first()).cloned();
        let mut names: Vec<String> =
            provider.secrets.iter().filter_map(|secret| secret.name()).map(ToString::to_string).collect();
        names.extend(templates.iter().flat_map(|template| &template.secrets).map(ToString::to_string));
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let found = service.secrets_named(&session.caller, Some(&environment), &names).await;
        let found = found.map_err(|error| session.failed(error))?;
        let valued = found.into_iter().filter(|secret| secret.version > 0);
        let secrets = valued.map(|secret| (secret.name.clone(), secret)).collect();
        Ok(Self { provider, environment, environments, templates, chosen, secrets, may_see_all: default.is_none() })
    }

    fn has(&self, name: &str) -> bool {
        self.secrets.contains_key(name)
    }

    /// The provider's own hosts that a confidential key is sent to; none if it is not one, or there are none.
    fn hosts(&self, name: &str) -> Vec<String> {
        let is_meant = |secret: &&catalogue::Secret| {
            secret.name().is_some_and(|known| known.as_str() == name) && secret.kind == Kind::Secret
        };
        let known = self.provider.secrets.iter().find(is_meant);
        known.map(|secret| secret.ready_hosts().map(str::to_owned).collect()).unwrap_or_default()
    }

    pub(super) fn address(&self, more: &[(&str, &str)]) -> String {
        let environment = if self.environment == "production" { "" } else { self.environment.as_str() };
        let mut query = vec![("environment", environment), ("template", self.template())];
        query.extend(more);
        link(&format!("/integrations/{}", self.provider.id), &query)
    }

    fn template(&self) -> &str {
        match self.templates.as_slice() {
            [_, _, ..] => self.chosen.as_ref().map_or("", |template| template.id.as_ref()),
            _ => "",
        }
    }

    /// First what the chosen template needs, then what else there is.
    fn wanted(&self) -> (Vec<Wanted<'_>>, Vec<Wanted<'_>>) {
        let named = |name: &str| {
            self.provider.secrets.iter().find(|secret| secret.names.iter().any(|known| known.as_str() == name))
        };
        let needed: Vec<Wanted<'_>> = match &self.chosen {
            Some(template) => template
                .secrets
                .iter()
                .map(|name| {
                    let known = named(name);
                    Wanted {
                        name,
                        what: known.map_or("A setting that the function reads", |secret| secret.what.as_str()),
                        known,
                    }
                })
                .collect(),
            None => Vec::new(),
        };
        let others = self.provider.secrets.iter().filter_map(|secret| {
            let name = secret.name()?.as_str();
            let is_needed = needed.iter().any(|wanted| wanted.name == name);
            (!is_needed).then_some(Wanted { name, what: &secret.what, known: Some(secret) })
        });
        let others: Vec<_> = others.collect();
        if needed.is_empty() { (others, Vec::new()) } else { (needed, others) }
    }

    pub(super) fn page(&self, problems: &Problems, told: &Told<'_>, typed: &deploy::Typed) -> Markup {
        let provider = self.provider;
        let (needed, others) = self.wanted();
        let ready = needed.iter().all(|wanted| self.has(wanted.name));
        html! {
            (layout::crumbs(&[("/integrations", "Integrations")]))
            div.title {
                h1 { (icons::mark(Some(provider), true)) (provider.name) }
                a.push href=(provider.website) rel="noreferrer noopener" target="_blank" { "Website" span.unseen { " of " (provider.name) ", in a new tab" } }
            }
            @if !told.stored.is_empty() {
                p.notice.good role="status" { "Stored " @for (at, name) in told.stored.iter().enumerate() { @if at > 0 { ", " } b { (name) } } " in " (self.environment) "." }
            }
            (warned(told.warnings))
            (problems.summary_of(if deploy::concerns(problems) { "Nothing was deployed." } else { "Not everything was stored." }))
            @if self.environments.len() > 1 { (self.environment_links()) }
            ol.steps {
                li.step.done[ready && !needed.is_empty()] {
                    h2 { "Store its keys" }
                    (self.keys(&needed, &others, problems, told.checked))
                }
                @if let Some(template) = &self.chosen {
                    li.step {
                        h2 { "Deploy a function that uses them" }
                        @if self.templates.len() > 1 { (self.template_links(template)) }
                        (deploy::form(self, template, ready, problems, typed))
                    }
                    li.step {
                        h2 { "Invoke it" }
                        p { "After deploying you get a panel with an example request. Change it and send it; the answer and what the function printed show beside it." }
                    }
                } @else {
                    li.step {
                        h2 { "Use them in a function" }
                        @if let Some(wanted) = needed.first() {
                            (layout::snippet("Code that reads the key", &format!("const key = Deno.env.get(\"{}\");", wanted.name)))
                        }
                    }
                }
            }
        }
    }

    fn environment_links(&self) -> Markup {
        html! {
            nav.choices aria-label="Environment" {
                @for environment in self.environments.iter().filter(|environment| self.may_see_all || environment.name == self.environment) {
                    a href=(link(&format!("/integrations/{}", self.provider.id), &[("environment", &environment.name), ("template", self.template())])) aria-current=[(environment.name == self.environment).then_some("true")] { (environment.name) }
                }
            }
        }
    }

    fn template_links(&self, chosen: &Template) -> Markup {
        html! {
            nav.choices aria-label="Function" {
                @for template in &self.templates {
                    a href=(link(&format!("/integrations/{}", self.provider.id), &[("environment", &self.environment), ("template", &template.id)])) aria-current=[(template.id == chosen.id).then_some("true")] { (template.what) }
                }
            }
        }
    }

    fn keys(
        &self,
        needed: &[Wanted<'_>],
        others: &[Wanted<'_>],
        problems: &Problems,
        checked: Option<(&str, &Check)>,
    ) -> Markup {
        let brokers = needed.iter().any(|wanted| !self.hosts(wanted.name).is_empty());
        html! {
            form.sheet method="post" action=(format!("/integrations/{}", self.provider.id)) autocomplete="off" {
                input type="hidden" name="environment" value=(self.environment);
                input type="hidden" name="template" value=(self.template());
                @for wanted in needed { (self.key(wanted, problems)) }
                @if !others.is_empty() {
                    details open[others.iter().any(|wanted| problems.is_about(&format!("{VALUE}{}", wanted.name)))] {
                        summary { "Other credentials of " (self.provider.name) }
                        @for wanted in others { (self.key(wanted, problems)) }
                    }
                }
                @if brokers {
                    label.check.fine {
                        input type="checkbox" name="brokered" value="1" checked;
                        span { "Keep secret keys out of the function. It gets a placeholder, and Tresor puts the key in on the way to " (self.provider.name) ", and nowhere else." }
                    }
                }
                p.actions { button.primary type="submit" { "Store" } }
            }
            (self.checks(checked))
        }
    }

    fn key(&self, wanted: &Wanted<'_>, problems: &Problems) -> Markup {
        let (name, id) = (wanted.name, format!("{VALUE}{}", wanted.name));
        let secret = self.secrets.get(name);
        let problem = problems.get(&id);
        let (hint, told) = (format!("{id}-hint"), format!("{id}-problem"));
        let described = if problem.is_some() { format!("{told} {hint}") } else { hint.clone() };
        html! {
            div.field {
                div.title {
                    label.name for=(id) { (name) }
                    @match secret {
                        Some(secret) => { span.badge.good { "Set" } (mask(&secret.mask)) a.small href=(link(&format!("/secrets/{name}"), &[("environment", &self.environment)])) aria-label=(format!("Open {name}")) { "Open" } },
                        None => span.badge { "Not set" },
                    }
                    @if wanted.known.is_some_and(|known| known.kind == Kind::Publishable) { span.badge { "Not confidential" } }
                }
                div.veil {
                    textarea.veiled.one id=(id) name=(id) rows="1" autocomplete="off" autocapitalize="off" autocorrect="off" spellcheck="false" data-1p-ignore data-lpignore="true"
                        placeholder=(if secret.is_some() { "Paste a new one to replace it" } else { "Paste it here" }) aria-describedby=(described) aria-invalid=[problem.map(|_| "true")] {}
                }
                @if let Some(problem) = problem { p.problem id=(told) { (problem) } }
                p.hint id=(hint) {
                    (sentence(wanted.what))
                    @if let Some(known) = wanted.known {
                        " " (sentence(&known.get.help))
                        @if let Some(url) = &known.get.url { " " a href=(url) rel="noreferrer noopener" target="_blank" { "Get it at " (host(url)) span.unseen { ", in a new tab" } } "." }
                        @if known.mask != "****" { " It looks like " code { (known.mask) } "." }
                    }
                }
            }
        }
    }

    /// Buttons that ask the provider whether what is stored works.
    fn checks(&self, checked: Option<(&str, &Check)>) -> Markup {
        let mut known: Vec<&str> = self
            .provider
            .secrets
            .iter()
            .filter(|secret| secret.probe.is_some())
            .filter_map(|secret| Some(secret.name()?.as_str()))
            .filter(|name| self.has(name))
            .collect();
        known.dedup();
        html! {
            @if !known.is_empty() {
                div.actions {
                    @for name in known {
                        form method="post" action=(format!("/integrations/{}/check", self.provider.id)) {
                            input type="hidden" name="environment" value=(self.environment);
                            input type="hidden" name="template" value=(self.template());
                            input type="hidden" name="name" value=(name);
                            button type="submit" { "Check whether " (name) " works" }
                        }
                    }
                }
            }
            @if let Some((name, check)) = checked { (verdict(name, check)) }
        }
    }
}

fn warned(warnings: &[(String, Warning)]) -> Markup {
    html! {
        @if !warnings.is_empty() {
            div.notice.warn role="status" {
                p { b { "Look at this once more." } }
                ul { @for (name, warning) in warnings { li { (name) ": " (visible(&warning.detail)) "." } } }
            }
        }
    }
}

fn verdict(name: &str, check: &Check) -> Markup {
    let (class, words) = match check.verdict.as_str() {
        "valid" => ("notice good", "works."),
        "invalid" => ("notice bad", "does not work."),
        _ => ("notice warn", "could not be checked."),
    };
    html! { p class=(class) role="status" { b { (visible(name)) " " (words) } " " (sentence(&visible(&check.detail))) } }
}

fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

/// A conflict of names that a person can decide.
pub(super) fn conflict(words: Markup) -> Problems {
    Problems::other(StatusCode::CONFLICT, words)
}
