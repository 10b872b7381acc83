//! The providers that Tresor knows, to pick from: those in use first, then those that most people want, then all others.

use axum::extract::State;
use axum::response::Response;
use domain::catalogue::{self, Provider};
use maud::{Markup, html};

use crate::service::{self, Service};
use crate::ui::form::Params;
use crate::ui::icons;
use crate::ui::layout::{self, ErrorPage, Section};
use crate::ui::session::Session;
use crate::ui::text::{link, visible, words};

/// Categories that have a button, in its order.
const CATEGORIES: [(&str, &str); 8] = [
    ("ai", "AI"),
    ("payments", "Payments"),
    ("email", "Email"),
    ("sms", "Text messages"),
    ("database", "Databases"),
    ("hosting", "Hosting"),
    ("auth", "Sign-in"),
    ("monitoring", "Monitoring"),
];

/// `GET /integrations?q=&category=`
pub(in crate::ui) async fn show(
    State(service): State<Service>,
    session: Session,
    params: Params,
) -> Result<Response, ErrorPage> {
    let environment = session.default_environment();
    let in_use = service.providers_in_use(&session.caller, environment.as_deref()).await;
    let in_use = in_use.map_err(|error| session.failed(error))?;
    let (search, category) = (params.text("q").unwrap_or_default(), params.text("category").unwrap_or_default());
    let mut found = catalogue::search(search);
    found.retain(|provider| category.is_empty() || provider.categories.iter().any(|known| known == category));
    let is_used = |provider: &&'static Provider| in_use.contains(&provider.id.as_str());
    let (used, others): (Vec<_>, Vec<_>) = found.into_iter().partition(is_used);
    let all = search.is_empty() && category.is_empty();
    let popular: Vec<_> =
        service::popular_providers().filter_map(catalogue::find).filter(|provider| all && !is_used(provider)).collect();
    let others: Vec<_> =
        others.into_iter().filter(|provider| !popular.iter().any(|known| known.id == provider.id)).collect();
    let body = html! {
        div.title { h1 { "Integrations" } }
        p.lead { "Pick a service: see which keys it needs and where to get them, store them, and begin with a function that works." }
        form.tools method="get" action="/integrations" role="search" aria-label="Find a service" data-live="results" {
            div.filter-field.wide {
                label for="q" { "Search" }
                input #q name="q" type="search" value=(visible(search)) autocomplete="off" spellcheck="false" placeholder="Stripe, email, OPENAI_API_KEY …";
            }
            @if !category.is_empty() { input type="hidden" name="category" value=(visible(category)); }
            div.filter-actions.unscripted { button type="submit" { "Search" } }
        }
        nav.choices aria-label="Kind" {
            a href=(link("/integrations", &[("q", search)])) aria-current=[category.is_empty().then_some("true")] { "All" }
            @for (id, name) in CATEGORIES {
                a href=(link("/integrations", &[("q", search), ("category", id)])) aria-current=[(id == category).then_some("true")] { (name) }
            }
        }
        div #results {
            @if used.is_empty() && popular.is_empty() && others.is_empty() { (nothing(search)) }
            (group("In use", &used))
            (group("Begin with one of these", &popular))
            (group(if all { "All others" } else { "Found" }, &others))
        }
    };
    Ok(layout::page(&session, Section::Integrations, "Integrations", &body))
}

fn nothing(search: &str) -> Markup {
    html! {
        p role="status" {
            "No service matches. Any credential can be stored all the same: "
            a href=(link("/secrets/new", &[("name", &search.to_uppercase().replace([' ', '-'], "_"))])) { "add a secret" } " under a name of your own."
        }
    }
}

fn group(title: &str, providers: &[&'static Provider]) -> Markup {
    html! {
        @if !providers.is_empty() {
            section {
                h2 { (title) }
                ul.cards-grid { @for provider in providers {
                    li {
                        a.pick-card href=(format!("/integrations/{}", provider.id)) {
                            (icons::mark(Some(provider), true))
                            span { b { (provider.name) } span.by { (provider.categories.iter().map(|word| words(word)).collect::<Vec<_>>().join(", ")) } }
                        }
                    }
                } }
            }
        }
    }
}
