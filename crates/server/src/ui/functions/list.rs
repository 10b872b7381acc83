//! The list of functions, and the page that teaches how to deploy one.

use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};

use super::parts::access;
use crate::service::Service;
use crate::ui::ROWS;
use crate::ui::form::Params;
use crate::ui::layout::{self, ErrorPage, Section, snippet};
use crate::ui::session::Session;
use crate::wire::Function;

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
    let cursor = params.text("cursor");
    let page = service.list_functions(&session.caller, cursor, ROWS).await.map_err(|error| session.failed(error))?;
    let body = html! {
        div.title { h1 { "Functions" } }
        @if page.items.is_empty() && cursor.is_none() { (empty()) } @else {
            (table(&session, service.sites().url(), &page.items))
            (layout::pager("/functions", &[], cursor, page.next_cursor.as_deref()))
        }
    };
    Ok(layout::page(&session, Section::Functions, "Functions", &body))
}

fn table(session: &Session, base: &str, functions: &[Function]) -> Markup {
    html! {
        div.table-box {
            table #functions.cards {
                caption.unseen { "Functions" }
                thead { tr {
                    th scope="col" { "Name" }
                    th scope="col" { "Active" }
                    th scope="col" { "Address" }
                    th scope="col" { "Created" }
                    th scope="col" { "Updated" }
                } }
                tbody {
                    @for function in functions {
                        tr {
                            th scope="row" { a.name href=(format!("/functions/{}", function.name)) { (function.name) } }
                            td data-label="Active" {
                                div.stack {
                                    @if function.active.is_empty() { span.muted { "Nowhere" } }
                                    @for active in &function.active { span { (active.environment) ", deployment " (active.number) " " (access(&active.access)) } }
                                }
                            }
                            td data-label="Address" { code.address { (base) (function.path) } }
                            td data-label="Created" { (session.ago(&function.created_at)) }
                            td data-label="Updated" { (session.ago(&function.updated_at)) }
                        }
                    }
                }
            }
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
