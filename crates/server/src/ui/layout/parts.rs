//! Small pieces that several pages use.

use maud::{Markup, html};

use crate::ui::text::{link, visible};

/// The way to a page: addresses and words of the pages that lead to it.
pub(in crate::ui) fn crumbs(way: &[(&str, &str)]) -> Markup {
    html! {
        nav.crumbs aria-label="Where you are" {
            @for (at, (address, words)) in way.iter().enumerate() { @if at > 0 { " / " } a href=(address) { (words) } }
        }
    }
}

/// Links to the next page of a list and back to its start.
pub(in crate::ui) fn pager(path: &str, query: &[(&str, &str)], cursor: Option<&str>, next: Option<&str>) -> Markup {
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
pub(in crate::ui) fn mask(mask: &str) -> Markup {
    html! { code.mask { (visible(mask)) } }
}

/// Commands or code to copy.
pub(in crate::ui) fn snippet(label: &str, code: &str) -> Markup {
    html! { div.snippet data-copy role="group" aria-label=(label) { pre { code { (visible(code)) } } } }
}
