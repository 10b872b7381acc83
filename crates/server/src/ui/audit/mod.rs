//! The audit log in plain words, the proof that nobody changed it, and all of it to take along.

mod proof;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use domain::audit::Outcome;
use domain::{Action, Timestamp};
use maud::{Markup, html};

use super::ROWS;
use super::form::Params;
use super::layout::{self, ErrorPage, Section};
use super::session::Session;
use super::text::{link, visible};
use super::{time, words};
use crate::http::audit::exported;
use crate::service::{AuditQuery, Service};
use crate::wire::AuditEntry;
use proof::Proof;

/// `GET /audit`
pub(super) async fn show(
    State(service): State<Service>,
    session: Session,
    params: Params,
) -> Result<Response, ErrorPage> {
    let look = Look::read(&params);
    let cursor = params.text("cursor");
    let page = service.list_audit(&session.caller, look.query(cursor)).await.map_err(|error| session.failed(error))?;
    let proof = Proof::read(&service, &session, params.text("verify").is_some()).await?;
    let body = html! {
        div.title { h1 { "Audit" } a.button.push href="/audit/export" download { "Export" } }
        p.lead { "Every change to the account, with who made it. An entry is written together with its change, or the change does not happen." }
        (proof.card())
        (look.form())
        div #results {
            @if page.items.is_empty() {
                p.muted role="status" { @if look.is_narrowed() { "Nothing in the log matches. " a href="/audit" { "Show everything" } } @else { "The log is empty." } }
            } @else { (table(&session, &page.items)) }
            (layout::pager("/audit", &look.parts(), cursor, page.next_cursor.as_deref()))
        }
    };
    Ok(layout::page(&session, Section::Audit, "Audit", &body))
}

/// `GET /audit/export`: the whole log, as `tresor audit verify` reads it.
pub(super) async fn export(State(service): State<Service>, session: Session) -> Result<Response, ErrorPage> {
    let begun = service.begin_export(&session.caller).await.map_err(|error| session.failed(error))?;
    let day = session.now.to_string().chars().take(10).collect::<String>();
    let name = format!("attachment; filename=\"audit-{}-{day}.jsonl\"", session.account);
    let headers = [(header::CONTENT_TYPE, "application/jsonl".to_owned()), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, exported(service, begun)).into_response())
}

/// What the address asks for.
struct Look<'a> {
    action: &'a str,
    actor: &'a str,
    resource: &'a str,
    from: &'a str,
    to: &'a str,
}

impl<'a> Look<'a> {
    fn read(params: &'a Params) -> Self {
        let text = |name| params.text(name).unwrap_or_default();
        Self {
            action: text("action"),
            actor: text("actor"),
            resource: text("resource"),
            from: text("from"),
            to: text("to"),
        }
    }

    fn parts(&self) -> [(&'static str, &'a str); 5] {
        [
            ("action", self.action),
            ("actor", self.actor),
            ("resource", self.resource),
            ("from", self.from),
            ("to", self.to),
        ]
    }

    fn is_narrowed(&self) -> bool {
        self.parts().iter().any(|(_, text)| !text.is_empty())
    }

    fn query(&self, cursor: Option<&str>) -> AuditQuery {
        let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        AuditQuery {
            cursor: cursor.map(str::to_owned),
            rows: ROWS,
            action: given(self.action),
            actor: given(self.actor),
            resource: given(self.resource),
            since: day(self.from),
            // The whole of the last day.
            until: day(self.to).map(|day| day.plus_days(1)),
        }
    }

    fn form(&self) -> Markup {
        html! {
            form.tools method="get" action="/audit" role="search" aria-label="Filter the log" data-live="results" {
                div.filter-field {
                    label for="action" { "What" }
                    select #action name="action" {
                        option value="" { "Everything" }
                        @for action in Action::ALL.iter().filter(|action| words::is_logged(**action)) {
                            option value=(action.as_str()) selected[action.as_str() == self.action] { (words::title(*action)) }
                        }
                    }
                }
                div.filter-field { label for="actor" { "Who" } input #actor name="actor" type="search" value=(visible(self.actor)) autocomplete="off" spellcheck="false" placeholder="admin"; }
                div.filter-field { label for="resource" { "Name" } input #resource name="resource" type="search" value=(visible(self.resource)) autocomplete="off" spellcheck="false" placeholder="STRIPE_SECRET_KEY"; }
                div.filter-field.short { label for="from" { "From" } input #from name="from" type="date" value=(visible(self.from)); }
                div.filter-field.short { label for="to" { "To" } input #to name="to" type="date" value=(visible(self.to)); }
                div.filter-actions {
                    button.unscripted type="submit" { "Filter" }
                    @if self.is_narrowed() { a.button href="/audit" { "Show everything" } }
                }
            }
        }
    }
}

/// A day's beginning, in UTC; nothing for what is no day.
fn day(text: &str) -> Option<Timestamp> {
    Timestamp::parse(&format!("{text}T00:00:00Z"))
}

fn table(session: &Session, entries: &[AuditEntry]) -> Markup {
    html! {
        div.table-box {
            table.cards {
                caption.unseen { "Events, newest first" }
                thead { tr { th scope="col" { "What happened" } th scope="col" { "When" } } }
                tbody { @for entry in entries {
                    tr.denied[entry.event.outcome == Outcome::Denied] {
                        th.words scope="row" {
                            @if entry.event.outcome == Outcome::Denied { span.badge.bad { "Refused" } " " }
                            (words::sentence(&entry.event))
                            (details(entry))
                        }
                        td data-label="When" { (session.ago(&entry.event.time.to_string())) }
                    }
                } }
            }
        }
    }
}

/// All that the entry holds.
fn details(entry: &AuditEntry) -> Markup {
    let event = &entry.event;
    let about = |name: &str, text: &str| link("/audit", &[(name, text)]);
    html! {
        details.more {
            summary { "Details" }
            dl.facts.tight {
                div { dt { "Time" } dd { (time::exact(event.time)) } }
                div { dt { "Number" } dd { (entry.index) } }
                div { dt { "Who" } dd { a href=(about("actor", &event.actor.name)) { (visible(&event.actor.name)) } ", " code.request { (visible(&event.actor.id)) } } }
                @if !event.resource.name.is_empty() { div { dt { "What" } dd { a href=(about("resource", &event.resource.name)) { (visible(&event.resource.name)) } } } }
                @if let Some(environment) = &event.environment { div { dt { "Environment" } dd { (environment) } } }
                @for (key, text) in &event.details { div { dt { (words::detail(key)) } dd { (visible(text)) } } }
                div { dt { "Request" } dd { code.request { (visible(event.request_id.as_str())) } } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::day;

    #[test]
    fn days_begin_at_midnight() {
        assert_eq!(day("2026-11-24").unwrap().to_string(), "2026-11-24T00:00:00.000Z");
        assert_eq!((day(""), day("yesterday"), day("2026-13-01")), (None, None, None));
    }
}
