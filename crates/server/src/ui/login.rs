//! Logging in by a one-time link, and out. A link's code is taken only by a button, so that a preview does not use it up.

use axum::extract::{FromRequestParts, State};
use axum::http::{HeaderMap, StatusCode, request::Parts};
use axum::response::{IntoResponse, Redirect, Response};
use domain::RequestId;
use maud::{Markup, html};

use super::form::{Fields, Params};
use super::layout::{ErrorPage, bare_page, snippet};
use super::next;
use super::session::{self, Session};
use crate::service::{Error, Service};

/// The id of a request that has no session yet.
pub(super) struct Unknown(RequestId);

impl FromRequestParts<Service> for Unknown {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Service) -> Result<Self, Self::Rejection> {
        Ok(Self(session::request_id(parts)))
    }
}

/// `GET /login`
pub(super) async fn show(State(service): State<Service>, headers: HeaderMap, params: Params) -> Response {
    if let Some(code) = params.text("code") {
        return bare_page(StatusCode::OK, "Log in", &button(code));
    }
    // Somebody who is logged in has nothing to do here.
    if let Some(cookie) = session::cookie(&headers, service.sites())
        && service.session(&cookie).await.is_ok()
    {
        return Redirect::to("/secrets").into_response();
    }
    let why = match (params.text("ended"), params.text("out")) {
        (Some(_), _) => Some("Your session has ended."),
        (_, Some(_)) => Some("You are logged out."),
        _ => None,
    };
    let waits = next::page(&headers).is_some();
    let body = html! {
        @if let Some(why) = why { p.notice role="status" { (why) } }
        h1 { "Log in to Tresor" }
        @if waits { p { "The page that you opened is for people of the account. Log in within an hour in this browser, and you get there." } }
        (how())
    };
    bare_page(StatusCode::OK, "Log in", &body)
}

/// `POST /login`
pub(super) async fn open(
    State(service): State<Service>,
    Unknown(request_id): Unknown,
    headers: HeaderMap,
    fields: Fields,
) -> Response {
    match service.redeem_login(fields.text("code").unwrap_or_default(), &request_id).await {
        Ok(start) => {
            let began = session::set_cookie(service.sites(), &start.cookie, start.max_age_seconds);
            match next::page(&headers) {
                Some(page) => session::redirect_with_cookies(&page, [began, next::forget(service.sites())]),
                None => session::redirect_with_cookies("/", [began]),
            }
        }
        Err(Error::Unauthenticated(_)) => {
            let body = html! {
                h1 { "This link does not work" }
                p { "It was used before, is older than an hour, or was not copied whole. A login link opens one browser, once." }
                (how())
            };
            bare_page(StatusCode::UNAUTHORIZED, "This link does not work", &body)
        }
        Err(error) => ErrorPage::without_session(error).into_response(),
    }
}

/// `POST /logout`
pub(super) async fn end(State(service): State<Service>, session: Session) -> Response {
    if let Err(error) = service.logout(&session.caller).await {
        return session.failed(error).into_response();
    }
    session::redirect_with_cookies("/login?out=1", [session::set_cookie(service.sites(), "", 0)])
}

fn button(code: &str) -> Markup {
    html! {
        h1 { "Welcome to Tresor" }
        p { "This link opens your vault in this browser. It works once." }
        form method="post" action="/login" {
            input type="hidden" name="code" value=(code);
            button.primary.large type="submit" autofocus { "Open Tresor" }
        }
        p.muted { "You stay logged in for 12 hours, or until you log out." }
    }
}

fn how() -> Markup {
    html! {
        p { "There is no password. You log in with a one-time link, made by anyone who has a token of the account. In a terminal:" }
        (snippet("Command that makes a login link", "tresor login"))
        p.muted { "Open the link it prints in this browser. On its first start the server prints such a link itself." }
    }
}
