//! The consent page: which program asks, for what, and where the answer goes. Opening it does nothing.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use domain::Scope;
use maud::{Markup, html};
use reqwest::Url;

use super::words;
use crate::http::problem::ApiError;
use crate::service::{AuthorizeInput, Consent, Refused, Service};
use crate::ui::form::{Fields, Params};
use crate::ui::layout::{self, ErrorPage, Section};
use crate::ui::session::Session;
use crate::ui::text::visible;

/// `GET /oauth/authorize`
pub(in crate::ui) async fn show(
    State(service): State<Service>,
    session: Session,
    params: Params,
) -> Result<Response, ErrorPage> {
    let text = |name: &str| params.text(name).map(str::to_owned);
    match service.consider_client(&session.caller, read(text)).await {
        Ok(consent) => Ok(layout::page(&session, Section::Requests, "Connect a program", &page(&session, &consent))),
        Err(refused) => refuse(&session, refused),
    }
}

/// `POST /oauth/authorize`
pub(in crate::ui) async fn answer(
    State(service): State<Service>,
    session: Session,
    fields: Fields,
) -> Result<Response, ErrorPage> {
    let input = read(|name| fields.text(name).map(str::to_owned));
    let yes = fields.text("answer") == Some("yes");
    match service.answer_client(&session.caller, input, yes).await {
        Ok(to) => Ok(onward(&to)),
        Err(refused) => refuse(&session, refused),
    }
}

fn read(text: impl Fn(&str) -> Option<String>) -> AuthorizeInput {
    AuthorizeInput {
        response_type: text("response_type").unwrap_or_default(),
        client_id: text("client_id").unwrap_or_default(),
        redirect_uri: text("redirect_uri").unwrap_or_default(),
        code_challenge: text("code_challenge").unwrap_or_default(),
        code_challenge_method: text("code_challenge_method").unwrap_or_default(),
        scope: text("scope"),
        state: text("state"),
        resource: text("resource"),
    }
}

fn refuse(session: &Session, refused: Refused) -> Result<Response, ErrorPage> {
    match refused {
        // Whoever asks is not who it says, or is answered elsewhere: it is told nothing, and nobody is sent there.
        Refused::Here(error @ crate::service::Error::Invalid(_)) => {
            let error = ApiError::from(error);
            let body = html! {
                div.narrow {
                    h1 { "This program cannot be connected" }
                    p.notice.bad role="alert" { (visible(error.detail())) }
                    p { "Nothing was granted, and the program was not told. Begin anew in the program that sent you here." }
                }
            };
            Ok(layout::refused(
                session,
                Section::Requests,
                "This program cannot be connected",
                StatusCode::BAD_REQUEST,
                &body,
            ))
        }
        Refused::Here(error) => Err(session.failed(error)),
        Refused::Back(to) => Ok(onward(&to)),
    }
}

/// To the program. No redirect: our pages forbid forms that lead elsewhere, and that holds for redirects of their answers.
fn onward(to: &str) -> Response {
    let page = html! {
        (maud::DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                meta http-equiv="refresh" content=(format!("0;url={to}"));
                title { "Back to the program · Tresor" }
            }
            body { main { h1 { "Back to the program" } p { a href=(to) rel="noreferrer" { "Go on" } " if this page stays." } } }
        }
    };
    Html(page.into_string()).into_response()
}

fn page(session: &Session, consent: &Consent) -> Markup {
    let (client, input) = (&consent.client, &consent.input);
    let place = Url::parse(&input.redirect_uri).ok();
    let place = place.as_ref().map_or("", |url| url.host_str().unwrap_or(url.scheme()));
    let fields = [
        ("response_type", Some(&input.response_type)),
        ("client_id", Some(&input.client_id)),
        ("redirect_uri", Some(&input.redirect_uri)),
        ("code_challenge", Some(&input.code_challenge)),
        ("code_challenge_method", Some(&input.code_challenge_method)),
        ("scope", input.scope.as_ref()),
        ("state", input.state.as_ref()),
        ("resource", input.resource.as_ref()),
    ];
    let nothing = consent.scopes.iter().next().is_none();
    html! {
        div.narrow {
            h1 { "Connect " (visible(&client.name)) "?" }
            section.card aria-label="The program" {
                p { "A program that calls itself " b { (visible(&client.name)) } " wants to act for the account " b { (session.account) } "." }
                dl.facts {
                    div { dt { "Known by" } dd { @match &client.host {
                        Some(host) => { "a document at " b { (visible(host)) } }
                        None => "nothing but its own word: any program can give itself this name",
                    } } }
                    div { dt { "Answered at" } dd { b { (visible(place)) } } }
                    div { dt { "Environments" } dd { @match &session.caller.actor.environments {
                        None => "all",
                        Some(names) => { @for (at, name) in names.iter().enumerate() { @if at > 0 { ", " } (name) } }
                    } } }
                }
                p.notice { "Say yes only if you have just begun this yourself, in that program." }
            }
            section.card aria-labelledby="may" {
                h2 #may { "It will be able to" }
                ul { @for scope in consent.scopes.iter() { li { (words(scope)) } } }
                @if !consent.lacking.is_empty() {
                    p.muted { "It also asked for what your own session may not do, and does not get it: "
                        @for (at, scope) in consent.lacking.iter().enumerate() { @if at > 0 { ", " } code { (Scope::as_str(*scope)) } } "." }
                }
                p.muted { "It cannot see a value, make tokens, change members or settings, or open this admin UI. You can end it at any time under Settings, Programs." }
            }
            form method="post" action="/oauth/authorize" {
                @for (name, text) in fields { @if let Some(text) = text { input type="hidden" name=(name) value=(text); } }
                p.actions {
                    @if !nothing { button.primary type="submit" name="answer" value="yes" { "Connect" } }
                    button type="submit" name="answer" value="no" { "No" }
                }
            }
        }
    }
}
