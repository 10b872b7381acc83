//! Deleting a function: first a page that says what goes with it.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use super::frame::failed;
use crate::service::Service;
use crate::ui::layout::{self, ErrorPage, Section};
use crate::ui::session::Session;
use crate::ui::text::link;
use crate::wire::FunctionDetail;

/// `GET /functions/{name}/delete`
pub(in crate::ui) async fn confirm(
    State(service): State<Service>,
    session: Session,
    Path(name): Path<String>,
) -> Result<Response, ErrorPage> {
    let detail = service.get_function(&session.caller, &name, None).await.map_err(|error| failed(&session, error))?;
    Ok(layout::page(&session, Section::Functions, &format!("Delete {name}"), &page(&detail)))
}

/// `POST /functions/{name}/delete`
pub(in crate::ui) async fn delete(
    State(service): State<Service>,
    session: Session,
    Path(name): Path<String>,
) -> Result<Response, ErrorPage> {
    service.delete_function(&session.caller, &name).await.map_err(|error| failed(&session, error))?;
    Ok(Redirect::to(&link("/functions", &[("deleted", &name)])).into_response())
}

fn page(detail: &FunctionDetail) -> Markup {
    let name = &detail.function.name;
    let back = format!("/functions/{name}");
    html! {
        div.narrow {
            (layout::crumbs(&[("/functions", "Functions"), (&back, name)]))
            h1 { "Delete " span.mono { (name) } "?" }
            @if detail.function.active.is_empty() {
                p { "It is active nowhere." }
            } @else {
                div.notice.bad { p { b { "It is active in " @for (at, active) in detail.function.active.iter().enumerate() { @if at > 0 { ", " } (active.environment) } "." } " Whoever calls it gets “not found” from now on." } }
            }
            p { "All its deployments, invocations and log lines go too. This cannot be undone. Secrets stay, and so does the audit log." }
            form method="post" action=(format!("/functions/{name}/delete")) {
                p.actions {
                    button.danger.filled type="submit" { "Delete " (name) }
                    a.button href=(back) { "Keep it" }
                }
            }
        }
    }
}
