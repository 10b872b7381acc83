//! What all pages share: the document, its frame with the navigation, small pieces, error pages.

mod failure;
mod parts;

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

pub(super) use failure::ErrorPage;
pub(super) use parts::{crumbs, mask, pager, snippet};

use super::assets;
use super::icons::{self, Icon};
use super::look::Look;
use super::session::Session;

/// A part of the navigation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Secrets,
    Integrations,
    Functions,
    Health,
    Requests,
    Webhooks,
    Audit,
    Settings,
}

/// Each with its path, name and icon, in the order of the navigation.
const SECTIONS: [(Section, &str, &str, Icon); 8] = [
    (Section::Secrets, "/secrets", "Secrets", icons::KEY),
    (Section::Integrations, "/integrations", "Integrations", icons::PLUG),
    (Section::Functions, "/functions", "Functions", icons::BOLT),
    (Section::Health, "/health", "Health", icons::PULSE),
    (Section::Requests, "/requests", "Requests", icons::INBOX),
    (Section::Webhooks, "/webhooks", "Webhooks", icons::SEND),
    (Section::Audit, "/audit", "Audit", icons::LIST),
    (Section::Settings, "/settings", "Settings", icons::SLIDERS),
];

/// Keys and what they do. `app.js` reads the jumps from the navigation's `data-key`.
const KEYS: [(&str, &str); 3] = [("/", "Search or filter"), ("n", "Add a secret"), ("?", "Show these keys")];

/// A page of a session.
pub(super) fn page(session: &Session, section: Section, title: &str, body: &Markup) -> Response {
    Html(document(title, &frame(session, Some(section), body)).into_string()).into_response()
}

/// A page of a session that shows what went wrong with a form.
pub(super) fn refused(session: &Session, section: Section, title: &str, status: StatusCode, body: &Markup) -> Response {
    (status, page(session, section, title, body)).into_response()
}

/// A page of nobody's session.
pub(super) fn bare_page(status: StatusCode, title: &str, body: &Markup) -> Response {
    let framed = html! {
        header.bare-top { (brand()) }
        main.bare #main tabindex="-1" { (body) }
    };
    (status, Html(document(title, &framed).into_string())).into_response()
}

/// A page that only loads itself again.
pub(super) fn load_again() -> Response {
    let page = html! { (DOCTYPE) html lang="en" { head { meta charset="utf-8"; meta http-equiv="refresh" content="0"; title { "Tresor" } } body {} } };
    Html(page.into_string()).into_response()
}

fn document(title: &str, framed: &Markup) -> Markup {
    let look = Some(Look::current()).filter(|look| *look != Look::System).map(Look::word);
    html! {
        (DOCTYPE)
        html lang="en" data-look=[look] {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content=(look.unwrap_or("light dark"));
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
                (framed)
                span #end {}
            }
        }
    }
}

fn brand() -> Markup {
    html! { a.brand href="/" { img src=(assets::ICON.url()) alt="" width="22" height="22"; "Tresor" } }
}

/// The navigation and the page. On narrow screens the navigation is a menu that the browser opens by itself.
fn frame(session: &Session, current: Option<Section>, body: &Markup) -> Markup {
    html! {
        div.frame {
            header.side {
                div.side-top {
                    (brand())
                    button.menu-button.compact type="button" popovertarget="menu" { (icons::MENU.show()) "Menu" }
                }
                div.menu #menu popover {
                    nav aria-label="Main" {
                        ul { @for (section, path, name, icon) in SECTIONS {
                            li { a href=(path) aria-current=[(current == Some(section)).then_some("page")] { (icon.show()) (name) } }
                        } }
                    }
                    (who(session))
                }
            }
            main #main tabindex="-1" { (body) }
        }
        (keys())
    }
}

/// The account, what the person chose, and the way out.
fn who(session: &Session) -> Markup {
    let chosen = Look::current();
    html! {
        div.who {
            form method="post" action="/look" {
                fieldset.looks {
                    legend.unseen { "Colours" }
                    @for (look, words) in Look::ALL {
                        button type="submit" name="look" value=(look.word()) aria-pressed=(if look == chosen { "true" } else { "false" }) { (words) }
                    }
                }
            }
            button.quiet.compact.scripted.for-keys type="button" popovertarget="keys" { "Keyboard " kbd { "?" } }
            div.who-row {
                span { "Account " b { (session.account) } }
                form method="post" action="/logout" { button.quiet.compact type="submit" { "Log out" } }
            }
        }
    }
}

/// What the keyboard can do. `app.js` makes it so.
fn keys() -> Markup {
    html! {
        div.dialog #keys popover role="dialog" aria-labelledby="keys-title" {
            h2 #keys-title { "Keyboard" }
            dl.keys {
                @for (key, words) in KEYS { dt { kbd { (key) } } dd { (words) } }
                @for (_, path, name, _) in SECTIONS {
                    @let key = jump(path);
                    dt { kbd { "g" } " " kbd { (key) } } dd data-key=(key) data-path=(path) { "Go to " (name) }
                }
                dt { kbd { "Esc" } } dd { "Close, or empty the search" }
            }
            div.actions {
                button.compact type="button" popovertarget="keys" popovertargetaction="hide" { "Close" }
                button.quiet.compact type="button" data-shortcuts { "Turn shortcuts off" }
            }
        }
    }
}

/// The letter that follows `g`.
fn jump(path: &str) -> char {
    match path {
        "/settings" => 't',
        path => path.chars().nth(1).unwrap_or('s'),
    }
}

#[cfg(test)]
mod tests {
    use super::{SECTIONS, jump};
    use std::collections::BTreeSet;

    #[test]
    fn every_jump_has_its_own_letter() {
        let letters: BTreeSet<char> = SECTIONS.iter().map(|(_, path, ..)| jump(path)).collect();
        assert_eq!(letters.len(), SECTIONS.len());
    }
}
