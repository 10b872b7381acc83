//! Errors on their way to the browser, as pages.

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use maud::{Markup, html};

use super::{SECTIONS, bare_page, document, frame};
use crate::http::problem::ApiError;
use crate::service::Error;
use crate::ui::session::Session;
use crate::ui::text::{sentence, visible};

/// A page that says what went wrong and what to do.
pub(in crate::ui) struct ErrorPage(Box<Response>);

impl ErrorPage {
    /// In the frame of the session.
    pub(in crate::ui) fn of(session: &Session, error: Error) -> Self {
        let error = ApiError::from(error);
        let body = html! { div.narrow { (explain(&error)) p.muted.small { "Request " code { (session.caller.request_id) } } } };
        let page = document(heading(&error), &frame(session, None, &body));
        Self(Box::new((error.status(), Html(page.into_string())).into_response()))
    }

    /// When there is no session to show the navigation of.
    pub(in crate::ui) fn without_session(error: Error) -> Self {
        let error = ApiError::from(error);
        Self(Box::new(bare_page(error.status(), heading(&error), &explain(&error))))
    }

    /// With words of its own.
    pub(in crate::ui) fn bare(status: StatusCode, heading: &str, what: &str) -> Self {
        let body = html! { h1 { (heading) } p { (what) } p { a.button href="/" { "Go to the start" } } };
        Self(Box::new(bare_page(status, heading, &body)))
    }
}

impl IntoResponse for ErrorPage {
    fn into_response(self) -> Response {
        *self.0
    }
}

fn heading(error: &ApiError) -> &'static str {
    match error.status() {
        StatusCode::NOT_FOUND => "That is not here",
        StatusCode::FORBIDDEN => "You may not do this",
        StatusCode::SERVICE_UNAVAILABLE => "Functions cannot run",
        status if status.is_server_error() => "Something failed",
        _ => "That did not work",
    }
}

fn explain(error: &ApiError) -> Markup {
    html! {
        h1 { (heading(error)) }
        @if error.fields().is_empty() {
            p { (sentence(&visible(error.detail()))) }
        } @else {
            ul { @for field in error.fields() { li { (sentence(&visible(&format!("{} {}", field.field, field.detail)))) } } }
        }
        @if error.status() == StatusCode::FORBIDDEN {
            p { "Your session may do what the token may that made its login link. To do more, log in with a link of another token." }
        }
        @if error.status() == StatusCode::NOT_FOUND {
            p { "It may have been deleted, or the address may have a typing error." }
        }
        p.actions { @for (_, path, name, _) in SECTIONS { a.button href=(path) { (name) } } }
    }
}
