//! What all pages share: the document, the navigation, error pages, small pieces that several pages use.

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

use super::assets;
use super::session::Session;
use super::text::{link, sentence, visible};
use crate::http::problem::ApiError;
use crate::service::Error;

/// A part of the navigation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Secrets,
    Functions,
    Audit,
}

const SECTIONS: [(Section, &str, &str); 3] = [
    (Section::Secrets, "/secrets", "Secrets"),
    (Section::Functions, "/functions", "Functions"),
    (Section::Audit, "/audit", "Audit"),
];

/// A page of a session.
pub(super) fn page(session: &Session, section: Section, title: &str, body: &Markup) -> Response {
    Html(document(title, &banner(session, Some(section)), body).into_string()).into_response()
}

/// A page of a session that shows what went wrong with a form.
pub(super) fn refused(session: &Session, section: Section, title: &str, status: StatusCode, body: &Markup) -> Response {
    (status, page(session, section, title, body)).into_response()
}

/// A page of nobody's session.
pub(super) fn bare_page(status: StatusCode, title: &str, body: &Markup) -> Response {
    let banner = html! { header.banner { div.banner-row { (brand()) } } };
    (status, Html(document(title, &banner, &html! { div.narrow { (body) } }).into_string())).into_response()
}

/// A page that only loads itself again.
pub(super) fn load_again() -> Response {
    let page = html! { (DOCTYPE) html lang="en" { head { meta charset="utf-8"; meta http-equiv="refresh" content="0"; title { "Tresor" } } body {} } };
    Html(page.into_string()).into_response()
}

fn document(title: &str, banner: &Markup, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex, nofollow";
                title { (title) " · Tresor" }
                link rel="icon" type="image/svg+xml" href=(assets::ICON.url());
                link rel="stylesheet" href=(assets::STYLE.url());
                script src=(assets::SCRIPT.url()) defer {}
                // A table that is painted before its last row came shifts its columns.
                link rel="expect" href="#end" blocking="render";
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                (banner)
                main #main tabindex="-1" { (body) }
                span #end {}
            }
        }
    }
}

fn brand() -> Markup {
    html! { a.brand href="/" { img src=(assets::ICON.url()) alt="" width="22" height="22"; "Tresor" } }
}

fn banner(session: &Session, current: Option<Section>) -> Markup {
    html! {
        header.banner {
            div.banner-row {
                (brand())
                nav aria-label="Main" {
                    @for (section, path, name) in SECTIONS {
                        a href=(path) aria-current=[(current == Some(section)).then_some("page")] { (name) }
                    }
                }
                div.who {
                    span title="Account" { (session.account) }
                    form method="post" action="/logout" { button.quiet type="submit" { "Log out" } }
                }
            }
        }
    }
}

/// The line of shortcuts below a page's content. `app.js` makes them work, so it is shown only where scripts run.
pub(super) fn shortcuts(has_filter: bool) -> Markup {
    html! {
        footer.keys {
            @if has_filter { span { kbd { "/" } " filters" } }
            span { kbd { "n" } " adds a secret" }
            button.quiet type="button" data-shortcuts { "Turn shortcuts off" }
        }
    }
}

/// Links to the next page of a list and back to its start.
pub(super) fn pager(path: &str, query: &[(&str, &str)], cursor: Option<&str>, next: Option<&str>) -> Markup {
    let mut further = query.to_vec();
    further.push(("cursor", next.unwrap_or_default()));
    html! {
        @if cursor.is_some() || next.is_some() {
            nav.pager aria-label="Pages" {
                @if cursor.is_some() { a.button href=(link(path, query)) { "Back to the first page" } }
                @if next.is_some() { a.button href=(link(path, &further)) rel="next" { "Next page" } }
            }
        }
    }
}

/// A mask, as it is shown everywhere.
pub(super) fn mask(mask: &str) -> Markup {
    html! { code.mask { (visible(mask)) } }
}

/// Commands or code to copy.
pub(super) fn snippet(label: &str, code: &str) -> Markup {
    html! { div.snippet data-copy role="group" aria-label=(label) { pre { code { (visible(code)) } } } }
}

/// An error on its way to the browser, as a page.
pub(super) struct ErrorPage(Box<Response>);

impl ErrorPage {
    /// In the chrome of the session.
    pub(super) fn of(session: &Session, error: Error) -> Self {
        let error = ApiError::from(error);
        let body = html! { div.narrow { (explain(&error)) p.muted.small { "Request " code { (session.caller.request_id) } } } };
        let document = document(heading(&error), &banner(session, None), &body);
        Self(Box::new((error.status(), Html(document.into_string())).into_response()))
    }

    /// When there is no session to show the navigation of.
    pub(super) fn without_session(error: Error) -> Self {
        let error = ApiError::from(error);
        Self(Box::new(bare_page(error.status(), heading(&error), &explain(&error))))
    }

    /// With words of its own.
    pub(super) fn bare(status: StatusCode, heading: &str, what: &str) -> Self {
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
        p.actions {
            a.button href="/secrets" { "Secrets" }
            a.button href="/functions" { "Functions" }
            a.button href="/audit" { "Audit" }
        }
    }
}
