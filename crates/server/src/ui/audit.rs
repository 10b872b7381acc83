//! The audit log in plain words, and the proof that nobody changed it.

use axum::extract::State;
use axum::response::Response;
use domain::Action;
use domain::audit::Outcome;
use maud::{Markup, html};

use super::ROWS;
use super::form::Params;
use super::layout::{self, ErrorPage, Section, snippet};
use super::session::Session;
use super::text::visible;
use super::words;
use crate::service::{AuditQuery, Error, Service};
use crate::wire::{AuditEntry, SignedCheckpoint};

/// Up to here every visit verifies the whole log; a longer one is verified when asked.
const VERIFIED_AT_ONCE: u64 = 20_000;

/// `GET /audit`
pub(super) async fn show(
    State(service): State<Service>,
    session: Session,
    params: Params,
) -> Result<Response, ErrorPage> {
    let owned = |name| params.text(name).map(str::to_owned);
    let query = AuditQuery {
        cursor: owned("cursor"),
        rows: ROWS,
        action: owned("action"),
        actor: owned("actor"),
        resource: owned("resource"),
    };
    let page = service.list_audit(&session.caller, query).await.map_err(|error| session.failed(error))?;
    let proof = Proof::read(&service, &session, params.text("verify").is_some()).await?;
    let filter: Vec<_> =
        ["action", "actor", "resource"].map(|name| (name, params.text(name).unwrap_or_default())).into();
    let is_filtered = filter.iter().any(|(_, text)| !text.is_empty());
    let body = html! {
        div.title { h1 { "Audit" } }
        p.lead { "Every change to the account, with who made it. An entry is written together with its change, or the change does not happen." }
        (proof.card())
        (filters(&params, is_filtered))
        @if page.items.is_empty() { p.muted { @if is_filtered { "Nothing in the log matches." } @else { "The log is empty." } } } @else { (table(&session, &page.items)) }
        (layout::pager("/audit", &filter, params.text("cursor"), page.next_cursor.as_deref()))
    };
    Ok(layout::page(&session, Section::Audit, "Audit", &body))
}

/// What is known of the log's integrity.
enum Proof {
    Verified(SignedCheckpoint),
    NotAsked(SignedCheckpoint),
    Broken(&'static str),
}

impl Proof {
    async fn read(service: &Service, session: &Session, asked: bool) -> Result<Self, ErrorPage> {
        let signed = match service.audit_checkpoint(&session.caller).await {
            Ok(signed) => signed,
            Err(Error::Broken(why)) => return Ok(Self::broken(why)),
            Err(error) => return Err(session.failed(error)),
        };
        if signed.size > VERIFIED_AT_ONCE && !asked {
            return Ok(Self::NotAsked(signed));
        }
        match service.verify_audit(&session.caller).await {
            Ok(_) => Ok(Self::Verified(signed)),
            Err(Error::Broken(why)) => Ok(Self::broken(why)),
            Err(error) => Err(session.failed(error)),
        }
    }

    fn broken(why: &'static str) -> Self {
        tracing::error!(why, "the audit log does not verify");
        Self::Broken(why)
    }

    fn card(&self) -> Markup {
        html! {
            section.card aria-labelledby="proof" {
                @match self {
                    Self::Verified(signed) => {
                        h2 #proof { span.badge.good { "Verified now" } " " (events(signed.size)) }
                        p { "Each event was hashed again just now, and together they give the signed checkpoint: nothing was changed, dropped or reordered." }
                        (how(signed))
                    }
                    Self::NotAsked(signed) => {
                        h2 #proof { (events(signed.size)) }
                        p { a.button href="/audit?verify=1" { "Verify them now" } " " span.muted { "This may take some seconds." } }
                        (how(signed))
                    }
                    Self::Broken(why) => {
                        h2 #proof { span.badge.bad { "Does not verify" } }
                        div.notice.bad role="alert" {
                            p { b { "The log is not the one that was signed: " (why) "." } }
                            p { "Somebody may have changed the database. Keep a copy of it as it is, and compare with a checkpoint or an export that you kept elsewhere:" }
                        }
                        (snippet("Command that verifies the log", "tresor audit verify"))
                    }
                }
            }
        }
    }
}

fn events(size: u64) -> String {
    if size == 1 { "1 event".to_owned() } else { format!("{size} events") }
}

fn how(signed: &SignedCheckpoint) -> Markup {
    html! {
        details {
            summary { "Verify it yourself" }
            p { "This checks the whole log on your machine, with no trust in this server:" }
            (snippet("Command that verifies the log", "tresor audit verify"))
            p { "Keep this checkpoint and its key somewhere else. Whoever changes the log later cannot also change your copy." }
            (snippet("Signed checkpoint", &signed.checkpoint))
            (snippet("Key that checks it", &signed.verifier_key))
        }
    }
}

fn filters(params: &Params, is_filtered: bool) -> Markup {
    let text = |name| visible(params.text(name).unwrap_or_default());
    html! {
        form.tools method="get" action="/audit" role="search" aria-label="Filter the log" {
            div.filter-field {
                label for="action" { "What" }
                select #action name="action" {
                    option value="" { "Everything" }
                    @for action in Action::ALL.iter().filter(|action| words::is_logged(**action)) {
                        option value=(action.as_str()) selected[action.as_str() == text("action")] { (words::title(*action)) }
                    }
                }
            }
            div.filter-field { label for="actor" { "Who" } input #actor name="actor" value=(text("actor")) autocomplete="off" spellcheck="false"; }
            div.filter-field { label for="resource" { "Name" } input #resource name="resource" value=(text("resource")) autocomplete="off" spellcheck="false" placeholder="STRIPE_SECRET_KEY"; }
            div.filter-actions {
                button type="submit" { "Filter" }
                @if is_filtered { a.button href="/audit" { "Show everything" } }
            }
        }
    }
}

fn table(session: &Session, entries: &[AuditEntry]) -> Markup {
    html! {
        div.table-box {
            table.cards {
                caption.unseen { "Events, newest first" }
                thead { tr { th scope="col" { "What happened" } th scope="col" { "When" } th scope="col" { "Request" } th scope="col" { "Number" } } }
                tbody { @for entry in entries {
                    tr.denied[entry.event.outcome == Outcome::Denied] {
                        th.words scope="row" {
                            @if entry.event.outcome == Outcome::Denied { span.badge.bad { "Refused" } " " }
                            (words::sentence(&entry.event))
                        }
                        td data-label="When" { (session.ago(&entry.event.time.to_string())) }
                        td data-label="Request" { code.request { (visible(entry.event.request_id.as_str())) } }
                        td data-label="Number" { (entry.index) }
                    }
                } }
            }
        }
    }
}
