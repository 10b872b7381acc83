//! The source of a deployment, as it was deployed. It is changed by deploying again, not here.

use axum::extract::{Path, State};
use axum::response::Response;
use maud::{Markup, html};

use super::frame::{Tab, failed, head};
use crate::service::Service;
use crate::ui::form::Params;
use crate::ui::highlight;
use crate::ui::layout::{self, ErrorPage, Section, snippet};
use crate::ui::session::Session;
use crate::ui::text::{link, visible};
use crate::wire::FunctionDetail;

/// Characters of a source file that are shown.
const CHARS: usize = 100_000;

/// `GET /functions/{name}/source?deployment=&line=`
pub(in crate::ui) async fn show(
    State(service): State<Service>,
    session: Session,
    Path(name): Path<String>,
    params: Params,
) -> Result<Response, ErrorPage> {
    let number = params.text("deployment").and_then(|number| number.parse().ok());
    let detail = service.get_function(&session.caller, &name, number).await.map_err(|error| failed(&session, error))?;
    // `index.ts:5`
    let line = params.text("line").and_then(|line| line.rsplit_once(':'));
    let line = line.and_then(|(path, number)| Some((path, number.parse().ok()?)));
    let body = html! {
        (head(&name, Tab::Source))
        (which(&name, &detail))
        @for (path, text) in &detail.files {
            (file(path, text, line.filter(|(file, _)| file == path).map(|(_, line)| line), detail.files.len() == 1))
        }
        p.muted { "To change it, deploy again:" }
        (snippet("Command that deploys it", &format!("tresor function deploy {name} {}", first(&detail))))
    };
    Ok(layout::page(&session, Section::Functions, &format!("Source of {name}"), &body))
}

/// The address of a line of a file.
pub(super) fn address(function: &str, deployment: u64, path: &str, line: usize) -> String {
    let query = [("deployment", deployment.to_string()), ("line", format!("{path}:{line}"))];
    let query = query.each_ref().map(|(name, text)| (*name, text.as_str()));
    link(&format!("/functions/{function}/source"), &query) + "#line"
}

fn first(detail: &FunctionDetail) -> &str {
    detail.files.keys().next().map_or("index.ts", String::as_str)
}

fn which(name: &str, detail: &FunctionDetail) -> Markup {
    let shown = detail.files_of;
    let known = detail.deployments.iter().find(|deployment| Some(deployment.number) == shown);
    let places = known.map(|deployment| deployment.active_in.as_slice()).unwrap_or_default();
    html! {
        p {
            @if let Some(number) = shown { "Deployment " (number) }
            @if places.is_empty() { ", active nowhere. " } @else { ", active in " (places.join(", ")) ". " }
             a href=(format!("/functions/{name}/deployments")) { "Other deployments" }
        }
    }
}

fn file(path: &str, text: &str, line: Option<usize>, is_only: bool) -> Markup {
    let shown = begin(text);
    html! {
        details open[is_only || line.is_some()] {
            summary { code { (visible(path)) } }
            pre.source tabindex="0" role="region" aria-label=(format!("Source of {}", visible(path))) {
                code { (highlight::lines(path, shown, line)) }
            }
            @if shown.len() < text.len() { p.muted { "It goes on: only the beginning is shown." } }
        }
    }
}

fn begin(text: &str) -> &str {
    let end = text.char_indices().nth(CHARS).map_or(text.len(), |(at, _)| at);
    text.get(..end).unwrap_or_default()
}
