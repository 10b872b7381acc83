//! What replaces a secret's value by itself: how it stands, what it does now and did lately, and the forms that set, start and remove it.
//!
//! While a rotation is under way the script looks at the page again and exchanges the panel; without it one loads the page.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use domain::Timestamp;
use domain::rotation::{RotationStep, RotatorKind};
use maud::{Markup, html};

use super::detail::Known;
use super::fields::{Field, Problems};
use crate::service::{Error, Service};
use crate::ui::form::Fields;
use crate::ui::layout::{self, ErrorPage, Section};
use crate::ui::session::Session;
use crate::ui::text::{link, sentence, visible};
use crate::ui::time;
use crate::wire::{PutRotator, Rotation, Rotator, Secret};

/// Rotations that are shown.
const ROWS: u32 = 6;
/// Secrets among which those of databases are looked for.
const OTHERS: u32 = 200;
/// How often it can be, as it is offered.
const OFFERED: [u32; 5] = [7, 30, 60, 90, 365];

/// What the page knows of it.
#[derive(Default)]
pub(super) struct Panel {
    rotator: Option<Rotator>,
    rotations: Vec<Rotation>,
    /// Functions that could be it.
    functions: Vec<String>,
    /// Other secrets whose values are addresses of PostgreSQL.
    databases: Vec<String>,
}

/// What was typed into the form, and what was wrong with it.
#[derive(Default)]
pub(super) struct Typed {
    pub(super) problems: Problems,
    input: Option<PutRotator>,
}

impl Panel {
    pub(super) async fn read(service: &Service, session: &Session, secret: &Secret) -> Result<Self, ErrorPage> {
        if secret.state != "set" {
            return Ok(Self::default());
        }
        let (caller, environment) = (&session.caller, Some(secret.environment.as_str()));
        let rotator = match service.rotator(caller, &secret.name, environment).await {
            Ok(rotator) => Some(rotator),
            Err(Error::NotFound { .. }) => None,
            Err(error) => return Err(session.failed(error)),
        };
        let rotations = service.secret_rotations(caller, &secret.name, environment, None, ROWS).await;
        let rotations = rotations.map_err(|error| session.failed(error))?.items;
        // Who may not list functions types the name.
        let functions = service.functions_in(caller, &secret.environment).await.map(|page| page.items);
        let functions = functions.unwrap_or_default().into_iter().filter(|function| {
            function.active.iter().any(|active| active.environment == secret.environment && active.access != "public")
        });
        let functions = functions.map(|function| function.name).collect();
        let others = service.list_secrets(caller, environment, None, OTHERS).await.map(|page| page.items);
        let others =
            others.unwrap_or_default().into_iter().filter(|other| is_database(other) && other.name != secret.name);
        Ok(Self { rotator, rotations, functions, databases: others.map(|other| other.name).collect() })
    }

    /// Whether nobody need be told that the value is to be replaced.
    pub(super) fn begins_by_itself(&self) -> bool {
        self.rotator.as_ref().is_some_and(|rotator| rotator.every_days.is_some() && rotator.failed_at.is_none())
    }

    /// The rotation that is not over.
    fn open(&self) -> Option<&Rotation> {
        self.rotations.first().filter(|rotation| rotation.ended_at.is_none())
    }

    pub(super) fn show(&self, session: &Session, secret: &Secret, typed: &Typed) -> Markup {
        let watched = self.open().filter(|rotation| rotation.status == "running");
        html! {
            @if secret.state == "set" {
                p.unseen role="status" data-watch-told {}
                section.card #rotator aria-labelledby="rotator-head" data-watch=[watched.map(|_| "about versions")] data-state=(self.state()) data-told=(self.told()) {
                    h2 #rotator-head tabindex="-1" { "Rotation" }
                    @match (&self.rotator, self.open()) {
                        (None, _) => (self.without(secret, typed)),
                        (Some(rotator), Some(open)) => { (settings(session, rotator)) (under_way(session, open)) },
                        (Some(rotator), None) => { (settings(session, rotator)) (self.at_rest(secret, rotator, typed)) },
                    }
                    (self.history(session))
                }
            }
        }
    }

    /// Differs wherever the panel does.
    fn state(&self) -> String {
        let state = |rotation: &Rotation| {
            format!("{} {} {} {} {:?}", rotation.id, rotation.status, rotation.step, rotation.tries, rotation.next_at)
        };
        self.rotations.first().map(state).unwrap_or_default()
    }

    /// For whoever does not see it change.
    fn told(&self) -> String {
        let told = |rotation: &Rotation| match (rotation.status.as_str(), rotation.version) {
            ("running", _) => format!("Rotation, at the step: {}.", step_words(&rotation.step)),
            ("failed", _) => format!("The rotation stopped at the step: {}.", step_words(&rotation.step)),
            ("done", Some(version)) => format!("The value is replaced: version {version} is current."),
            _ => "The rotation was given up.".to_owned(),
        };
        self.rotations.first().map(told).unwrap_or_default()
    }

    fn without(&self, secret: &Secret, typed: &Typed) -> Markup {
        html! {
            p { "Somebody replaces this value by hand. It can be replaced by itself: a new one is made, tried, made current, and the old one ended." }
            details open[typed.input.is_some()] {
                summary { "Have it replaced by itself …" }
                (self.form(secret, typed, "Set the rotator"))
            }
        }
    }

    /// What can be done where no rotation is under way.
    fn at_rest(&self, secret: &Secret, rotator: &Rotator, typed: &Typed) -> Markup {
        let known = Typed { problems: Problems::default(), input: Some(as_put(rotator)) };
        html! {
            div.actions {
                (post(&rotator.environment, &format!("/secrets/{}/rotate", secret.name), &html! { button.primary #rotate-now type="submit" { "Rotate now" } }))
            }
            details open[typed.input.is_some()] {
                summary { "Change …" }
                (self.form(secret, if typed.input.is_some() { typed } else { &known }, "Save the rotator"))
            }
            details {
                summary { "Remove …" }
                p { "The value stays as it is, and is replaced by hand from then on." }
                (post(&rotator.environment, &format!("/secrets/{}/rotator/remove", secret.name), &html! { button.danger type="submit" { "Remove the rotator" } }))
            }
        }
    }

    fn form(&self, secret: &Secret, typed: &Typed, button: &str) -> Markup {
        let (empty, problems) = (PutRotator::default(), &typed.problems);
        let input = typed.input.as_ref().unwrap_or(&empty);
        let chosen = RotatorKind::parse(&input.kind).unwrap_or(match is_database(secret) {
            true => RotatorKind::Postgres,
            false => RotatorKind::Function,
        });
        html! {
            (problems.summary_of("The rotator was not set."))
            form.kinds method="post" action=(format!("/secrets/{}/rotator", secret.name)) autocomplete="off" {
                input type="hidden" name="environment" value=(secret.environment);
                fieldset.field #kind {
                    legend { "What makes the new value" }
                    div.checks { @for kind in RotatorKind::ALL {
                        label.check.fine { input type="radio" name="kind" value=(kind.as_str()) data-kind=(kind.as_str()) checked[*kind == chosen]; (kind_words(*kind)) }
                    } }
                    @if let Some(problem) = problems.get("kind") { p.problem { (problem) } }
                }
                div.of-function { (self.function_fields(secret, input, problems)) }
                div.of-postgres { (self.postgres_fields(secret, input, problems)) }
                (how_often(input.every_days, problems))
                p.actions { button type="submit" { (button) } }
            }
        }
    }

    fn function_fields(&self, secret: &Secret, input: &PutRotator, problems: &Problems) -> Markup {
        let hint = html! { "It is active in " (secret.environment) ", not public, and answers what it is asked: to make a value, to try it, to end the old one." };
        let function = Field::new("function", "Function", hint, problems);
        html! {
            (function.around(&html! {
                input.mono #function name="function" value=(visible(input.function.as_deref().unwrap_or_default())) list="functions"
                    spellcheck="false" aria-describedby=(function.described_by()) aria-invalid=[function.invalid()];
                datalist #functions { @for name in &self.functions { option value=(name) {} } }
            }))
            div.field { div { label.check.fine { input type="checkbox" name="give_value" value="1" checked[input.give_value];
                span { "Tell it the values at each step " span.muted { "(needed where it does not get them in its environment)" } } } } }
        }
    }

    fn postgres_fields(&self, secret: &Secret, input: &PutRotator, problems: &Problems) -> Markup {
        let hint = html! { "The name of a secret in " (secret.environment) " with the address of a user who may give passwords. Two roles take turns then, and no connection fails. "
        "Without it the user changes its own password: who connects in the moment before the new one is current is refused." };
        let admin = Field::new("admin", "Secret of who gives passwords (optional)", hint, problems);
        let hint = html! { "One is the user of this value. Left empty, the other one is called the same with " code { "_b" } " behind it, and is made if it is not there." };
        let roles = Field::new("roles", "The two roles (optional)", hint, problems);
        let role =
            |at: usize| input.roles.as_ref().and_then(|roles| roles.get(at)).map(String::as_str).unwrap_or_default();
        html! {
            (admin.around(&html! {
                input.mono #admin name="admin" value=(visible(input.admin.as_deref().unwrap_or_default())) list="databases"
                    spellcheck="false" aria-describedby=(admin.described_by()) aria-invalid=[admin.invalid()];
                datalist #databases { @for name in &self.databases { option value=(name) {} } }
            }))
            (roles.around(&html! {
                div.pair {
                    input.mono #roles name="role.first" value=(visible(role(0))) spellcheck="false" aria-describedby=(roles.described_by()) aria-invalid=[roles.invalid()];
                    input.mono name="role.second" value=(visible(role(1))) spellcheck="false" aria-label="The second role" aria-describedby=(roles.described_by()) aria-invalid=[roles.invalid()];
                }
            }))
        }
    }

    fn history(&self, session: &Session) -> Markup {
        let over: Vec<_> = self.rotations.iter().filter(|rotation| rotation.ended_at.is_some()).collect();
        html! {
            @if !over.is_empty() {
                h3 { "Last rotations" }
                div.table-box {
                    table.cards {
                        caption.unseen { "Last rotations, newest first" }
                        thead { tr { th scope="col" { "Started" } th scope="col" { "Outcome" } th scope="col" { "Version" } } }
                        tbody { @for rotation in over {
                            tr {
                                th scope="row" { div { (session.ago(&rotation.started_at)) span.by { (by(rotation)) } } }
                                td data-label="Outcome" { div {
                                    @if rotation.status == "done" { span.badge.good { "Done" } }
                                    @else { span.badge { "Given up" } span.by { "at the step “" (step_words(&rotation.step)) "”" } }
                                    @if let Some(problem) = &rotation.problem { span.by { (sentence(&visible(problem))) } }
                                } }
                                td data-label="Version" { @match rotation.version { Some(version) => { (rotation.of_version) " → " (version) }, None => { (rotation.of_version) " stayed" } } }
                            }
                        } }
                    }
                }
            }
        }
    }
}

/// `POST /secrets/{name}/rotator`
pub(in crate::ui) async fn set(
    State(service): State<Service>,
    session: Session,
    Path(name): Path<String>,
    fields: Fields,
) -> Result<Response, ErrorPage> {
    let environment = fields.text("environment").map(str::to_owned);
    let input = || typed(&fields, environment.clone());
    match service.put_rotator(&session.caller, &name, input()).await {
        Ok(_) => Ok(back(&name, environment.as_deref())),
        Err(error) => {
            // What is said of the secret's name is said of its value, which is of no such kind.
            let problems = Problems::of(error).map_err(|error| session.failed(error))?.about("name", "kind");
            let known = Known::read(&service, &session, &name, environment.as_deref()).await?;
            let status = if problems.status.is_success() { StatusCode::UNPROCESSABLE_ENTITY } else { problems.status };
            let typed = Typed { problems, input: Some(input()) };
            let body = known.page(&session, None, None, &Problems::default(), &typed);
            Ok(layout::refused(&session, Section::Secrets, &name, status, &body))
        }
    }
}

/// What the form says of the kind that was chosen; the other's fields are not seen then.
fn typed(fields: &Fields, environment: Option<String>) -> PutRotator {
    let kind = fields.text("kind").unwrap_or_default().to_owned();
    let of =
        |kind_of: RotatorKind, name: &str| fields.text(name).filter(|_| kind == kind_of.as_str()).map(str::to_owned);
    let roles = ["role.first", "role.second"].map(|name| of(RotatorKind::Postgres, name));
    let roles: Vec<String> = roles.into_iter().flatten().collect();
    PutRotator {
        environment,
        function: of(RotatorKind::Function, "function"),
        give_value: of(RotatorKind::Function, "give_value").is_some(),
        admin: of(RotatorKind::Postgres, "admin"),
        roles: Some(roles).filter(|roles| !roles.is_empty()),
        // What is no number is none that may be.
        every_days: fields.text("every_days").map(|days| days.parse().unwrap_or(0)),
        kind,
    }
}

/// `POST /secrets/{name}/rotator/remove`
pub(in crate::ui) async fn remove(
    State(service): State<Service>,
    session: Session,
    Path(name): Path<String>,
    fields: Fields,
) -> Result<Response, ErrorPage> {
    let done = service.delete_rotator(&session.caller, &name, fields.text("environment")).await;
    done.map_err(|error| session.failed(error))?;
    Ok(back(&name, fields.text("environment")))
}

/// `POST /secrets/{name}/rotate`
pub(in crate::ui) async fn rotate(
    State(service): State<Service>,
    session: Session,
    Path(name): Path<String>,
    fields: Fields,
) -> Result<Response, ErrorPage> {
    let done = service.rotate_secret(&session.caller, &name, fields.text("environment")).await;
    done.map_err(|error| session.failed(error))?;
    Ok(back(&name, fields.text("environment")))
}

/// `POST /secrets/{name}/rotations/{id}/retry`
pub(in crate::ui) async fn retry(
    State(service): State<Service>,
    session: Session,
    Path((name, id)): Path<(String, String)>,
    fields: Fields,
) -> Result<Response, ErrorPage> {
    let done = service.retry_rotation(&session.caller, &name, fields.text("environment"), &id).await;
    done.map_err(|error| session.failed(error))?;
    Ok(back(&name, fields.text("environment")))
}

/// `POST /secrets/{name}/rotations/{id}/cancel`
pub(in crate::ui) async fn cancel(
    State(service): State<Service>,
    session: Session,
    Path((name, id)): Path<(String, String)>,
    fields: Fields,
) -> Result<Response, ErrorPage> {
    let done = service.cancel_rotation(&session.caller, &name, fields.text("environment"), &id).await;
    done.map_err(|error| session.failed(error))?;
    Ok(back(&name, fields.text("environment")))
}

/// To the panel of the secret's page.
fn back(name: &str, environment: Option<&str>) -> Response {
    let query = [("environment", environment.unwrap_or("production"))];
    Redirect::to(&(link(&format!("/secrets/{name}"), &query) + "#rotator")).into_response()
}

fn as_put(rotator: &Rotator) -> PutRotator {
    PutRotator {
        environment: Some(rotator.environment.clone()),
        kind: rotator.kind.clone(),
        function: rotator.function.clone(),
        give_value: rotator.give_value,
        admin: rotator.admin.clone(),
        roles: rotator.roles.clone(),
        every_days: rotator.every_days,
    }
}

/// Whether the value is an address of PostgreSQL, of which a mask shows all but the password.
fn is_database(secret: &Secret) -> bool {
    ["postgres://", "postgresql://"].iter().any(|scheme| secret.mask.starts_with(scheme))
}

fn kind_words(kind: RotatorKind) -> &'static str {
    match kind {
        RotatorKind::Function => "A function of this account",
        RotatorKind::Postgres => "The server: it is the password of a PostgreSQL user",
    }
}

/// A form that is one button.
fn post(environment: &str, action: &str, button: &Markup) -> Markup {
    html! { form method="post" action=(action) { input type="hidden" name="environment" value=(environment); (button) } }
}

fn how_often(every: Option<u32>, problems: &Problems) -> Markup {
    let field =
        Field::new("every_days", "How often", html! { "It can be started by hand at any time, too." }, problems);
    field.around(&html! {
        select #every_days name="every_days" aria-describedby=(field.described_by()) aria-invalid=[field.invalid()] {
            option value="" selected[every.is_none()] { "Only when somebody starts it" }
            @for days in OFFERED.into_iter().chain(every.filter(|days| !OFFERED.contains(days))) {
                option value=(days) selected[every == Some(days)] { "Every " (days) " days" }
            }
        }
    })
}

fn settings(session: &Session, rotator: &Rotator) -> Markup {
    html! {
        dl.facts {
            div { dt { "Replaced by" } dd { @match &rotator.function {
                Some(name) => { "the function " a.mono href=(format!("/functions/{name}")) { (name) } @if rotator.give_value { ", which is told the values" } },
                None => "the server, which gives the PostgreSQL user another password",
            } } }
            @if let (Some(admin), Some([first, second])) = (&rotator.admin, rotator.roles.as_deref()) {
                div { dt { "Roles" } dd { span.mono { (visible(first)) } " and " span.mono { (visible(second)) } " in turn, by " a.mono href=(link(&format!("/secrets/{admin}"), &[("environment", &rotator.environment)])) { (admin) } } }
            }
            div { dt { "How often" } dd { @match rotator.every_days {
                Some(days) => { "Every " (days) " days" @if let Some(next) = &rotator.next_at { ", next " (session.ago(next)) } },
                None => "Only when somebody starts it",
            } } }
            div { dt { "Set" } dd { (session.ago(&rotator.set_at)) " by " (visible(&rotator.set_by)) } }
        }
    }
}

/// A rotation that is not over: its steps, what keeps it, and what can be done.
fn under_way(session: &Session, rotation: &Rotation) -> Markup {
    let (failed, waits) = (rotation.status == "failed", rotation.next_at.is_some() && rotation.problem.is_some());
    let at = |what: &str| format!("/secrets/{}/rotations/{}/{what}", rotation.secret, rotation.id);
    let current = RotationStep::parse(&rotation.step).ok();
    html! {
        p { "Started " (session.ago(&rotation.started_at)) " " (by(rotation)) "." }
        ol.progress aria-label="Steps of the rotation" {
            @for step in RotationStep::ALL {
                @let class = match current {
                    Some(now) if *step < now => "done",
                    Some(now) if *step == now && failed => "failed",
                    Some(now) if *step == now => "now",
                    _ => "",
                };
                li class=(class) aria-current=[(current == Some(*step)).then_some("step")] { (step_words(step.as_str()))
                    @if class == "done" { span.unseen { ", done" } } @else if class == "failed" { span.unseen { ", failed" } }
                }
            }
        }
        @if let Some(problem) = &rotation.problem {
            div class=(if failed { "notice bad" } else { "notice warn" }) {
                p { b { @if failed { "It stopped: somebody must retry it or give it up." } @else { "This step failed, and is tried again." } } }
                p { (sentence(&visible(problem))) }
                p.muted { "Tried " (rotation.tries) @if rotation.tries == 1 { " time" } @else { " times" }
                    @if !failed && waits { (again(session, rotation)) } ". " (stays(rotation)) }
            }
        } @else { p.muted { (stays(rotation)) } }
        div.actions {
            @if failed || waits { (post(&rotation.environment, &at("retry"), &html! { button.primary #rotation-retry type="submit" { @if failed { "Retry" } @else { "Try again now" } } })) }
            details {
                summary #rotation-give-up { "Give up …" }
                p { @if rotation.version.is_some() { "The new value stays current. The old one is not ended: do that where it comes from." } @else { "The value that is current stays so. What was made is forgotten here: end it where it comes from." } }
                (post(&rotation.environment, &at("cancel"), &html! { button.danger type="submit" { "Give up this rotation" } }))
            }
        }
    }
}

/// When a step is tried again.
fn again(session: &Session, rotation: &Rotation) -> Markup {
    let next = rotation.next_at.as_deref().and_then(Timestamp::parse);
    html! {
        @match next {
            Some(next) if next >= session.now.plus_millis(60_000) => { ", again in " (time::span(next, session.now)) },
            _ => ", again in a moment",
        }
    }
}

/// Which value functions get meanwhile.
fn stays(rotation: &Rotation) -> Markup {
    html! {
        @match rotation.version {
            Some(version) => { "Functions get the new value, version " (version) ". The old one works until nothing uses it any more." },
            None => { "Functions get version " (rotation.of_version) " until the new one is current." },
        }
    }
}

fn by(rotation: &Rotation) -> Markup {
    html! { @if rotation.started_by == "schedule" { "by itself" } @else { "by " (visible(&rotation.started_by)) } }
}

fn step_words(step: &str) -> &'static str {
    match RotationStep::parse(step) {
        Ok(RotationStep::Create) => "Make a new value",
        Ok(RotationStep::Verify) => "Try it",
        Ok(RotationStep::Activate) => "Make it current",
        Ok(RotationStep::Retire) => "End the old one",
        Err(_) => "",
    }
}
