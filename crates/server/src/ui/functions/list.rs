//! The list of functions with what happened to each lately, and the page that teaches how to deploy one.

use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};

use super::parts::{self, access};
use crate::service::{FunctionLine, Service};
use crate::ui::form::Params;
use crate::ui::layout::{self, ErrorPage, Section, snippet};
use crate::ui::session::Session;
use crate::ui::text::visible;

/// Lines of one page.
const LINES: u32 = 50;

const EXAMPLE: &str = r#"Deno.serve(async () => {
  const key = Deno.env.get("OPENAI_API_KEY");
  const url = "https://api.openai.com/v1/models";
  const answer = await fetch(url, {
    headers: { authorization: `Bearer ${key}` },
  });
  return new Response(answer.body, answer);
});"#;

/// `GET /functions`
pub(in crate::ui) async fn show(
    State(service): State<Service>,
    session: Session,
    params: Params,
) -> Result<Response, ErrorPage> {
    let (cursor, search) = (params.text("cursor"), params.text("q").unwrap_or_default());
    let found = service.function_lines(&session.caller, search, cursor, LINES).await;
    let (lines, next) = found.map_err(|error| session.failed(error))?;
    let nothing = lines.is_empty() && cursor.is_none() && search.is_empty();
    let deleted = params.text("deleted").filter(|name| !lines.iter().any(|line| line.function.name == *name));
    let body = html! {
        @if let Some(name) = deleted { p.notice.good role="status" { b { (visible(name)) } " is deleted." } }
        div.title { h1 { "Functions" } }
        @if nothing { (empty()) } @else {
            form.tools method="get" action="/functions" role="search" aria-label="Find functions" data-live="results" {
                div.filter-field.wide {
                    label for="q" { "Search" }
                    input #q name="q" type="search" value=(visible(search)) autocomplete="off" spellcheck="false" placeholder="Name";
                }
                div.filter-actions.unscripted { button type="submit" { "Search" } }
            }
            div #results {
                @if lines.is_empty() { p.muted role="status" { "No function matches. " a href="/functions" { "Show all" } } } @else { (table(&session, &lines)) }
                (layout::pager("/functions", &[("q", search)], cursor, next.as_deref()))
            }
        }
    };
    Ok(layout::page(&session, Section::Functions, "Functions", &body))
}

fn table(session: &Session, lines: &[FunctionLine]) -> Markup {
    html! {
        div.table-box {
            table.cards.middle {
                caption.unseen { "Functions, with what happened in the last 24 hours" }
                thead { tr {
                    th scope="col" { "Name" }
                    th scope="col" { "Active" }
                    th scope="col" { "Last 24 hours" }
                    th.number scope="col" { "Invocations" }
                    th.number scope="col" { "Failed" }
                    th.number scope="col" title="Half of them took less" { "Median" }
                    th.number scope="col" title="95 of 100 took less" { "Slowest 5%" }
                    th.number scope="col" title="A worker was started for it" { "Cold" }
                    th scope="col" { "Updated" }
                } }
                tbody { @for line in lines { (row(session, line)) } }
            }
        }
    }
}

fn row(session: &Session, line: &FunctionLine) -> Markup {
    let (function, figures) = (&line.function, &line.figures);
    let tally = &figures.tally;
    let quantile = |part| figures.histogram.quantile(part).map_or_else(|| "–".to_owned(), parts::micros);
    html! {
        tr {
            th scope="row" { a.name href=(format!("/functions/{}", function.name)) { (function.name) } }
            td data-label="Active" {
                div.stack {
                    @if function.active.is_empty() { span.muted { "Nowhere" } }
                    @for active in &function.active { span { (active.environment) " " (access(&active.access)) } }
                }
            }
            td data-label="Last 24 hours" { (parts::small_chart(figures)) }
            td.number data-label="Invocations" { (parts::grouped(tally.invocations)) }
            td.number data-label="Failed" { (parts::share(tally.errors, tally.invocations)) }
            td.number data-label="Median" { (quantile(500)) }
            td.number data-label="Slowest 5%" { (quantile(950)) }
            td.number data-label="Cold" { (parts::share(tally.cold, tally.invocations)) }
            td data-label="Updated" { (session.ago(&function.updated_at)) }
        }
    }
}

fn empty() -> Markup {
    html! {
        section.empty {
            h2 { "No functions yet" }
            p { "A function is TypeScript or JavaScript that Tresor runs when its address is called. It finds your secrets in its environment, by name." }
            ol.ways.wide-first {
                li {
                    h3 { "Write it" }
                    p { "Save this as " code { "models.ts" } "." }
                    (snippet("Example function", EXAMPLE))
                }
                li {
                    h3 { "Deploy it" }
                    (snippet("Command that deploys a function", "tresor function deploy models models.ts"))
                }
                li {
                    h3 { "Call it" }
                    (snippet("Command that invokes a function", "tresor function invoke models"))
                    p { "Its invocations and what it printed then show here." }
                }
            }
        }
    }
}
