//! One secret: what is known of it, its versions, and the form that replaces its value.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use domain::catalogue;
use maud::{Markup, html};

use super::fields::{self, Problems};
use super::rotator::{Panel, Typed};
use super::{overlap, rotation, share};
use crate::service::{Error, PutInput, Service};
use crate::ui::ROWS;
use crate::ui::form::{Fields, Params};
use crate::ui::layout::{self, ErrorPage, Section, mask};
use crate::ui::session::Session;
use crate::ui::text::{link, sentence, visible};
use crate::ui::time;
use crate::wire::{Secret, SecretVersion, Warning};

/// `GET /secrets/{name}?environment=`
pub(in crate::ui) async fn show(
    State(service): State<Service>,
    session: Session,
    Path(name): Path<String>,
    params: Params,
) -> Result<Response, ErrorPage> {
    let environment = params.text("environment").map(str::to_owned).or_else(|| session.default_environment());
    let known = Known::read(&service, &session, &name, environment.as_deref()).await?;
    let replaced = params.text("was").and_then(|was| was.parse().ok());
    let body = known.page(&session, replaced, None, &Problems::default(), &Typed::default());
    Ok(layout::page(&session, Section::Secrets, &known.secret.name, &body))
}

/// `POST /secrets/{name}`: a new version, if the secret is still the one that the form showed.
pub(in crate::ui) async fn update(
    State(service): State<Service>,
    session: Session,
    Path(name): Path<String>,
    mut fields: Fields,
) -> Result<Response, ErrorPage> {
    let environment = fields.text("environment").map(str::to_owned);
    let was = fields.text("version").unwrap_or_default().to_owned();
    let note = fields.lines("note");
    let input = PutInput {
        value: fields.take_value(),
        environment: environment.clone(),
        note: Some(note.clone()),
        version_note: fields.text("version_note").map(str::to_owned),
        if_match: Some(fields.text("etag").unwrap_or_default().to_owned()),
        ..PutInput::default()
    };
    let problems = match service.put_secret(&session.caller, &name, input).await {
        Ok(put) => {
            let told = [("was", was.as_str()), ("outcome", put.stored.outcome.as_str())];
            return Ok(Redirect::to(&address(&put.stored.secret, &told)).into_response());
        }
        Err(Error::Precondition) => None,
        Err(error) => Some(Problems::of(error).map_err(|error| session.failed(error))?),
    };
    let known = Known::read(&service, &session, &name, environment.as_deref()).await?;
    let problems = problems.unwrap_or_else(|| changed_meanwhile(&session, &known.secret));
    let body = known.page(&session, None, Some(&note), &problems, &Typed::default());
    Ok(layout::refused(&session, Section::Secrets, &known.secret.name, problems.status, &body))
}

/// `POST /secrets/{name}/destroy`
pub(in crate::ui) async fn destroy(
    State(service): State<Service>,
    session: Session,
    Path(name): Path<String>,
    fields: Fields,
) -> Result<Response, ErrorPage> {
    let version = fields.text("version").and_then(|version| version.parse().ok()).unwrap_or_default();
    let environment = fields.text("environment");
    let done = service.destroy_version(&session.caller, &name, version, environment).await;
    done.map_err(|error| session.failed(error))?;
    let query = [("environment", environment.unwrap_or("production"))];
    Ok(Redirect::to(&link(&format!("/secrets/{name}"), &query)).into_response())
}

/// `POST /secrets/{name}/activate`
pub(in crate::ui) async fn activate(
    State(service): State<Service>,
    session: Session,
    Path(name): Path<String>,
    fields: Fields,
) -> Result<Response, ErrorPage> {
    let version = fields.text("version").and_then(|version| version.parse().ok()).unwrap_or_default();
    let was = fields.text("was").unwrap_or_default();
    let done = service.activate_secret(&session.caller, &name, version, fields.text("environment")).await;
    let secret = done.map_err(|error| session.failed(error))?;
    Ok(Redirect::to(&address(&secret, &[("was", was)])).into_response())
}

fn address(secret: &Secret, more: &[(&str, &str)]) -> String {
    let mut query = vec![("environment", secret.environment.as_str())];
    query.extend(more);
    link(&format!("/secrets/{}", secret.name), &query)
}

fn changed_meanwhile(session: &Session, secret: &Secret) -> Problems {
    Problems::other(
        StatusCode::PRECONDITION_FAILED,
        html! {
            (secret.updated_by) " changed this secret " (session.ago(&secret.updated_at)) ", while you had it open: it is now version "
            (secret.version) ", " (mask(&secret.mask)) ". If yours should replace that, enter it again."
        },
    )
}

/// What the page shows.
pub(super) struct Known {
    secret: Secret,
    etag: String,
    versions: Vec<SecretVersion>,
    /// Environments whose value it could use.
    sources: Vec<String>,
    /// Where else the same value is stored.
    equal: Vec<Warning>,
    /// After how many days values are to be replaced that say nothing else.
    usual: Option<u32>,
    rotator: Panel,
}

impl Known {
    pub(super) async fn read(
        service: &Service,
        session: &Session,
        name: &str,
        environment: Option<&str>,
    ) -> Result<Self, ErrorPage> {
        let failed = |error| session.not_here("secret", error);
        let (secret, etag) = service.get_secret(&session.caller, name, environment).await.map_err(failed)?;
        let versions = service.secret_versions(&session.caller, name, environment, None, ROWS).await;
        let versions = versions.map_err(failed)?.items;
        let sources = share::sources(service, session, &secret).await;
        let equal = service.equal_values(&session.caller, name, environment).await.map_err(failed)?;
        let usual = service.usual_rotation(&session.caller).await.map_err(failed)?;
        let rotator = Panel::read(service, session, &secret).await?;
        Ok(Self { secret, etag, versions, sources, equal, usual, rotator })
    }

    pub(super) fn page(
        &self,
        session: &Session,
        was: Option<u64>,
        note: Option<&str>,
        problems: &Problems,
        typed: &Typed,
    ) -> Markup {
        let secret = &self.secret;
        html! {
            (layout::crumbs(&[(&link("/secrets", &[("environment", &secret.environment)]), "Secrets")]))
            div.title {
                h1.mono { (secret.name) }
                a.button.danger href=(link(&format!("/secrets/{}/delete", secret.name), &[("environment", &secret.environment)])) { "Delete …" }
            }
            @if let Some(was) = was { (self.replaced(was)) }
            (problems.summary())
            @for warning in &self.equal { p.notice role="note" { (sentence(&visible(&warning.detail))) } }
            @if !self.rotator.begins_by_itself() { (rotation::notice(session, secret, self.usual)) }
            (overlap::notice(session, secret))
            div.columns {
                div {
                    (self.facts(session))
                    (share::form(secret, &self.sources))
                    (overlap::form(secret))
                    (self.rotator.show(session, secret, typed))
                    (self.version_table(session))
                }
                (self.update_form(note.unwrap_or(&secret.note), problems))
            }
        }
    }

    /// The mask before and the mask now. Both are read from the versions: the address says only a number.
    fn replaced(&self, was: u64) -> Markup {
        let before = self.versions.iter().find(|version| version.version == was && !version.current);
        html! {
            @if let Some(before) = before {
                div.notice.good role="status" {
                    p { b { @if was < self.secret.version { "The new value is stored." } @else { "Version " (self.secret.version) " is current again." } }
                        " Functions get it from their next invocation on." }
                    dl.swap {
                        div { dt { "Before, version " (before.version) } dd.old { (mask(&before.mask)) } }
                        div { dt { "Now, version " (self.secret.version) } dd.new { (mask(&self.secret.mask)) } }
                    }
                }
            } @else if was == 0 && self.secret.version > 0 {
                p.notice.good role="status" { "This value is used now: functions get it from their next invocation on." }
            } @else if was == self.secret.version {
                p.notice role="status" { "It is still version " (was) ", " (mask(&self.secret.mask)) ": a value that is stored already makes no new version." }
            }
        }
    }

    /// The version that is its value; 0 if that is another's or none.
    fn own_version(&self) -> u64 {
        if self.secret.state == "set" { self.secret.version } else { 0 }
    }

    /// Who stored a value. A rotator goes by the name of its secret, which is nobody else's.
    fn who<'a>(&self, name: &'a str) -> &'a str {
        if name == self.secret.name { "its rotator" } else { name }
    }

    fn facts(&self, session: &Session) -> Markup {
        let secret = &self.secret;
        html! {
            section #about aria-label="About this secret" {
                @if secret.state == "pending" { p.notice { "No value yet: functions do not get it." } } @else { p.big-mask { (mask(&secret.mask)) } }
                @if secret.findings.iter().any(|code| code == catalogue::SEEN_BY_ASSISTANT) {
                    p.notice.bad { "This value was given in a conversation with an assistant, which keeps it. Have a new one made by its provider, enter that here, and end the old one there." }
                }
                dl.facts {
                    div { dt { "Environment" } dd { (secret.environment) } }
                    @if let Some(from) = &secret.shared_from { div { dt { "Value" } dd { "Shared from " a href=(link(&format!("/secrets/{}", secret.name), &[("environment", from)])) { (from) } } } }
                    @if secret.version > 0 { div { dt { "Version" } dd { (secret.version) @if secret.publishable { " " span.badge { "Everyone may see it" } } } } }
                    div { dt { "Functions" } dd { @if secret.delivery == "brokered" { "never hold it; it is sent to " span.mono { (secret.hosts.join(", ")) } " only" } @else { "hold it in their environment" } } }
                    div { dt { "Created" } dd { (time::full(&secret.created_at, session.now)) " by " (secret.created_by) } }
                    div { dt { "Updated" } dd { (time::full(&secret.updated_at, session.now)) " by " (self.who(&secret.updated_by)) } }
                    div { dt { "Last used" } dd { @match &secret.last_used_at { Some(time) => (session.ago(time)), None => "Never" } } }
                    @if let Some(time) = &secret.rotate_by { div { dt { "Good until" } dd { (time::full(time, session.now)) } } }
                    @if let Some(days) = secret.rotate_after_days { div { dt { "Replace after" } dd { (days) " days" } } }
                    div { dt { "Used by" } dd.links {
                        @if secret.functions.is_empty() { "No function that is active in " (secret.environment) " names it." }
                        @for name in &secret.functions { a href=(format!("/functions/{name}")) { (name) } " " }
                    } }
                    @if !secret.note.is_empty() { div { dt { "Note" } dd.prose { (visible(&secret.note)) } } }
                }
                @if !secret.findings.is_empty() { p.notice.warn { "Something about this value is odd. " a href=(link("/health", &[("environment", &secret.environment)])) { "See what, and what to do" } } }
                p { a href=(link("/audit", &[("resource", &secret.name)])) { "Everything that was done to it" } }
            }
        }
    }

    fn version_table(&self, session: &Session) -> Markup {
        let secret = &self.secret;
        html! {
            section #versions {
                h2 { "Versions" }
                div.table-box {
                    table.cards {
                        caption.unseen { "Versions of " (secret.name) }
                        thead { tr { th scope="col" { "Version" } th scope="col" { "Shown as" } th scope="col" { "Stored" } th scope="col" { "Use" } } }
                        tbody {
                            @for version in &self.versions {
                                tr {
                                    th scope="row" { span.phone-only { "Version " } (version.version) }
                                    td data-label="Shown as" { (mask(&version.mask)) }
                                    td data-label="Stored" {
                                        div { (session.ago(&version.created_at)) span.by { "by " (self.who(&version.created_by)) } }
                                        @if !version.note.is_empty() { span.note { (visible(&version.note)) } }
                                    }
                                    td data-label="Use" {
                                        @if version.current { span.badge.good { "Current" } }
                                        @else if let Some(time) = &version.destroyed_at { "Destroyed " (session.ago(time)) }
                                        @else { (self.activate_button(version.version)) (self.destroy_button(version.version)) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    fn activate_button(&self, version: u64) -> Markup {
        html! {
            form method="post" action=(format!("/secrets/{}/activate", self.secret.name)) {
                input type="hidden" name="environment" value=(self.secret.environment);
                input type="hidden" name="version" value=(version);
                input type="hidden" name="was" value=(self.own_version());
                button type="submit" aria-label=(format!("Use again: version {version}")) { "Use again" }
            }
        }
    }

    fn destroy_button(&self, version: u64) -> Markup {
        html! {
            details {
                summary { "Destroy …" }
                form method="post" action=(format!("/secrets/{}/destroy", self.secret.name)) {
                    input type="hidden" name="environment" value=(self.secret.environment);
                    input type="hidden" name="version" value=(version);
                    p { "The value of version " (version) " is gone for good then." }
                    button.danger type="submit" { "Destroy version " (version) }
                }
            }
        }
    }

    fn update_form(&self, note: &str, problems: &Problems) -> Markup {
        let secret = &self.secret;
        html! {
            section.sheet aria-labelledby="replace" {
                h2 #replace { "Replace the value" }
                @match (secret.state.as_str(), &secret.shared_from) {
                    ("pending", _) => p { "It has none yet." },
                    (_, Some(from)) => p { "It is now that of " (from) ", " (mask(&secret.mask)) ". A value that you store here is used here instead." },
                    _ => p { "It is now " (mask(&secret.mask)) ". The old value stays as version " (secret.version) ", so you can go back." },
                }
                form method="post" action=(format!("/secrets/{}", secret.name)) autocomplete="off" {
                    input type="hidden" name="environment" value=(secret.environment);
                    input type="hidden" name="version" value=(self.own_version());
                    input type="hidden" name="etag" value=(self.etag);
                    (fields::value("New value", problems))
                    (fields::version_note(problems))
                    (fields::note(note, problems))
                    p.actions { button.primary type="submit" { "Store new value" } }
                }
            }
        }
    }
}
