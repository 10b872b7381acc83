//! Every name by every environment: what is there, what is another's, what waits for its value, what is missing.

use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};

use crate::service::Service;
use crate::ui::ROWS;
use crate::ui::form::Params;
use crate::ui::layout::{self, ErrorPage, Section, mask, pager};
use crate::ui::session::Session;
use crate::ui::text::link;
use crate::wire::{MatrixCell, SecretMatrix};

/// `GET /secrets/matrix`
pub(in crate::ui) async fn show(
    State(service): State<Service>,
    session: Session,
    params: Params,
) -> Result<Response, ErrorPage> {
    let cursor = params.text("cursor");
    let matrix = service.secret_matrix(&session.caller, cursor, ROWS).await.map_err(|error| session.failed(error))?;
    let body = html! {
        (layout::crumbs(&[("/secrets", "Secrets")]))
        h1 { "By environment" }
        p.lead { "Each environment has its own value of a secret, or one that was shared with it on purpose. Functions get nothing where one is missing or open." }
        @if matrix.items.is_empty() { p.muted role="status" { "No secrets yet." } } @else { (table(&matrix)) }
        (pager("/secrets/matrix", &[], cursor, matrix.next_cursor.as_deref()))
    };
    Ok(layout::page(&session, Section::Secrets, "Secrets by environment", &body))
}

fn table(matrix: &SecretMatrix) -> Markup {
    html! {
        div.table-box {
            table.cards.middle {
                caption.unseen { "Secrets by environment" }
                thead { tr { th scope="col" { "Name" } @for name in &matrix.environments { th scope="col" { (name) } } } }
                tbody { @for row in &matrix.items {
                    tr {
                        th scope="row" { span.name { (row.name) } }
                        @for cell in &row.cells { td data-label=(cell.environment) { (place(&row.name, cell)) } }
                    }
                } }
            }
        }
    }
}

/// What one environment has of a name.
fn place(name: &str, cell: &MatrixCell) -> Markup {
    let environment = &cell.environment;
    let (own, new) = (
        link(&format!("/secrets/{name}"), &[("environment", environment)]),
        link("/secrets/new", &[("name", name), ("environment", environment)]),
    );
    let shown = cell.mask.as_deref().unwrap_or_default();
    html! {
        @match cell.state.as_str() {
            "missing" => a.missing href=(new) aria-label=(format!("{name} is missing in {environment}: add it")) { "Missing" },
            "pending" => a.missing href=(own) aria-label=(format!("{name} in {environment}: no value yet")) { "No value yet" },
            _ => a href=(own) aria-label=(format!("{name} in {environment}: {shown}")) { (mask(shown)) },
        }
        @if let Some(from) = &cell.shared_from { span.by { "of " (from) } }
        @if cell.mask.is_none() && !cell.functions.is_empty() { span.by { "wanted by " (cell.functions.join(", ")) } }
    }
}
