//! The server itself, for whoever looks after it: which walls stand around functions, its keys, and what it keeps for how long.

use axum::extract::State;
use axum::response::Response;
use domain::limits;
use maud::{Markup, html};

use super::frame::{Tab, page};
use crate::service::{Error, Service};
use crate::ui::layout::{ErrorPage, snippet};
use crate::ui::session::Session;
use crate::ui::text::sentence;
use crate::wire::{Wall, Walls};

/// `GET /settings/server`
pub(in crate::ui) async fn show(State(service): State<Service>, session: Session) -> Result<Response, ErrorPage> {
    let walls = match service.list_walls(&session.caller).await {
        Ok(walls) => Some(walls),
        Err(Error::Denied(_)) => None,
        Err(error) => return Err(session.failed(error)),
    };
    let body = html! {
        @match &walls {
            Some(walls) => { (runtime(&service)) (table(walls)) (keys(&service)) },
            None => p.lead { "What runs this server is shown to its administrators: in the account " code { "default" } ", with a token that may manage accounts." },
        }
        (kept())
    };
    Ok(page(&session, Tab::Server, &body))
}

/// Whether functions can run.
fn runtime(service: &Service) -> Markup {
    html! {
        @match &service.functions {
            Ok(_) => p.notice.good { "Functions can run. Tresor " (env!("CARGO_PKG_VERSION")) "." },
            Err(why) => div.notice.bad { p { b { "Functions cannot run." } " " (sentence(why)) } },
        }
    }
}

fn table(walls: &Walls) -> Markup {
    let missing = walls.items.iter().filter(|wall| !wall.stands).count();
    html! {
        h2 { "Walls around functions" }
        p { @if missing == 0 { "All of them stand on this machine." } @else { (walls.items.len() - missing) " of " (walls.items.len()) " stand on this machine." }
            " Without these no function runs: " code { (walls.required) } "." }
        div.table-box {
            table.cards {
                caption.unseen { "Walls around functions" }
                thead { tr { th scope="col" { "Wall" } th scope="col" { "State" } th scope="col" { "What it keeps" } } }
                tbody { @for wall in &walls.items { (row(wall)) } }
            }
        }
        p.hint { "On the command line: " code { "tresor doctor" } "." }
    }
}

fn row(wall: &Wall) -> Markup {
    html! {
        tr {
            th scope="row" { span.name { (wall.name) } }
            td data-label="State" { @if wall.stands { span.badge.good { "Stands" } } @else { span.badge.warn { "Missing" } } }
            td data-label="What it keeps" {
                div {
                    (sentence(&wall.keeps))
                    @if let Some(reason) = &wall.reason { p.small { b { "Why it is missing: " } (sentence(reason)) } }
                    @if let Some(meaning) = &wall.meaning { p.small.muted { b { "Without it: " } (sentence(meaning)) } }
                }
            }
        }
    }
}

fn keys(service: &Service) -> Markup {
    html! {
        h2 { "Keys" }
        p { "Values are encrypted with a key of each account, which the root key wraps. The root key is a file beside the database; without it nothing can be decrypted, by nobody. Keep a copy of it apart from every copy of the database." }
        (snippet("Id of the root key", service.keyring.root_id()))
    }
}

fn kept() -> Markup {
    let mebibytes = limits::LOG_BYTES_PER_FUNCTION >> 20;
    html! {
        h2 { "What is kept, and for how long" }
        ul {
            li { "Invocations and logs: " (limits::INVOCATIONS_KEPT_DAYS) " days, and of one function at most the newest " (limits::INVOCATIONS_KEPT / 1_000) ",000 invocations and " (mebibytes) " MiB of lines." }
            li { "Their hourly sums: " (limits::HOURS_KEPT_DAYS) " days." }
            li { "The audit log: for ever." }
            li { "Versions of secrets: until they or the secret are destroyed." }
        }
    }
}
