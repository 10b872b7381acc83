//! What all pages of settings have above them.

use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};

use crate::ui::layout::{self, Section};
use crate::ui::secrets::fields::Problems;
use crate::ui::session::Session;

/// A page of settings.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tab {
    General,
    Environments,
    Tokens,
    Programs,
    People,
    Issuers,
    Server,
}

const TABS: [(Tab, &str, &str); 7] = [
    (Tab::General, "/settings", "General"),
    (Tab::Environments, "/settings/environments", "Environments"),
    (Tab::Tokens, "/settings/tokens", "Tokens"),
    (Tab::Programs, "/settings/programs", "Programs"),
    (Tab::People, "/settings/people", "Members and groups"),
    (Tab::Issuers, "/settings/issuers", "Callers with a JWT"),
    (Tab::Server, "/settings/server", "Server"),
];

/// The page, with the ways to the others.
pub(super) fn page(session: &Session, tab: Tab, body: &Markup) -> Response {
    let title = TABS.iter().find(|(known, ..)| *known == tab).map_or("Settings", |(_, _, name)| name);
    let body = html! {
        div.title { h1 { "Settings" } }
        nav.tabs aria-label="Settings" {
            @for (known, path, name) in TABS { a href=(path) aria-current=[(known == tab).then_some("page")] { (name) } }
        }
        (body)
    };
    layout::page(session, Section::Settings, title, &body)
}

/// The page with a form that was refused.
pub(super) fn refused(session: &Session, tab: Tab, problems: &Problems, body: &Markup) -> Response {
    let mut response = page(session, tab, body);
    *response.status_mut() =
        if problems.status == StatusCode::OK { StatusCode::UNPROCESSABLE_ENTITY } else { problems.status };
    response
}
