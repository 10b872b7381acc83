//! What all pages of one function have above them.

use maud::{Markup, html};

use crate::service::Error;
use crate::ui::layout::{self, ErrorPage};
use crate::ui::session::Session;

/// A page of a function.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tab {
    Overview,
    Try,
    Invocations,
    Log,
    Source,
    Deployments,
}

const TABS: [(Tab, &str, &str); 6] = [
    (Tab::Overview, "", "Overview"),
    (Tab::Try, "/try", "Try it"),
    (Tab::Invocations, "/invocations", "Invocations"),
    (Tab::Log, "/log", "Log"),
    (Tab::Source, "/source", "Source"),
    (Tab::Deployments, "/deployments", "Deployments"),
];

/// The way here, the name, and the ways to the function's other pages.
pub(super) fn head(name: &str, tab: Tab) -> Markup {
    html! {
        (layout::crumbs(&[("/functions", "Functions")]))
        div.title { h1.mono { (name) } }
        nav.tabs aria-label="This function" {
            @for (known, path, words) in TABS {
                a href=(format!("/functions/{name}{path}")) aria-current=[(known == tab).then_some("page")] { (words) }
            }
        }
    }
}

/// Why a page of a function cannot be shown.
pub(super) fn failed(session: &Session, error: Error) -> ErrorPage {
    session.not_here("function", error)
}
