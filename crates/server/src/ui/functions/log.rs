//! What a function prints: the newest lines, and those that come while one watches.

use std::convert::Infallible;

use axum::extract::{Path, State};
use axum::response::Response;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::StreamExt as _;
use futures_util::stream::Stream;
use maud::html;
use tokio::time::{Duration, sleep};

use super::frame::{Tab, failed, head};
use super::parts;
use crate::service::Service;
use crate::ui::layout::{self, ErrorPage, Section, snippet};
use crate::ui::session::Session;

/// Lines shown.
const LINES: u32 = 200;
/// A browser that watches for longer asks again, and shows again that its session goes on.
const WATCHED: Duration = Duration::from_secs(10 * 60);

/// `GET /functions/{name}/log`
pub(in crate::ui) async fn show(
    State(service): State<Service>,
    session: Session,
    Path(name): Path<String>,
) -> Result<Response, ErrorPage> {
    let lines = service.function_logs(&session.caller, &name, LINES).await.map_err(|error| failed(&session, error))?;
    let body = html! {
        (head(&name, Tab::Log))
        div.title {
            h2 { "Newest lines" }
            label.check.push.scripted { input type="checkbox" data-follow=(format!("/functions/{name}/log/live")); "Follow as they come" }
        }
        p.muted.small role="status" data-follow-state {}
        @if lines.items.is_empty() { p.muted { "It has printed nothing yet. What it writes with console.log shows here." } }
        (parts::log_box(&lines.items))
        p.muted { "Values of secrets never show here: they are replaced before a line is kept. In a terminal:" }
        (snippet("Command that follows the log", &format!("tresor function logs {name} --follow")))
    };
    Ok(layout::page(&session, Section::Functions, &format!("Log of {name}"), &body))
}

/// `GET /functions/{name}/log/live`: lines as they come, each as an item of the list.
pub(in crate::ui) async fn follow(
    State(service): State<Service>,
    session: Session,
    Path(name): Path<String>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ErrorPage> {
    let lines = service.watch_logs(&session.caller, &name).await.map_err(|error| failed(&session, error))?;
    let events = lines.map(|line| {
        Ok(match line {
            Some(line) => {
                Event::default().event("line").data(parts::log_line(&line).into_string().replace(['\r', '\n'], "&#10;"))
            }
            None => Event::default().event("missed").data(""),
        })
    });
    Ok(Sse::new(events.take_until(sleep(WATCHED))).keep_alive(KeepAlive::default()))
}
