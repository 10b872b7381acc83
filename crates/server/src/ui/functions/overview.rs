//! One function at first sight: what happened to it, where it runs, which secrets it reads, where it sends requests.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::{Path, State};
use axum::response::Response;
use domain::Timestamp;
use maud::{Markup, html};

use super::frame::{Tab, failed, head};
use super::parts;
use crate::service::{Figures, FunctionView, Place, Read, Service, Span};
use crate::ui::chart;
use crate::ui::form::Params;
use crate::ui::layout::{self, ErrorPage, Section, mask, snippet};
use crate::ui::session::Session;
use crate::ui::text::{count, link, visible};
use crate::wire::{Egress, ReturnedValue};

/// Requests whose hosts are told.
const SENT: u32 = 500;

const SPANS: [(Span, &str, &str); 3] =
    [(Span::Day, "", "24 hours"), (Span::Week, "week", "7 days"), (Span::Month, "month", "30 days")];

/// `GET /functions/{name}`
pub(in crate::ui) async fn show(
    State(service): State<Service>,
    session: Session,
    Path(name): Path<String>,
    params: Params,
) -> Result<Response, ErrorPage> {
    let word = params.text("span").unwrap_or_default();
    let (span, ..) = SPANS.into_iter().find(|(_, known, _)| *known == word).unwrap_or(SPANS[0]);
    let view = service.function_view(&session.caller, &name, span).await;
    let view = view.map_err(|error| failed(&session, error))?;
    let sent = service.function_egress(&session.caller, &name, None, SENT).await;
    let sent = sent.map_err(|error| session.failed(error))?.items;
    let base = service.sites().url();
    let body = html! {
        (head(&name, Tab::Overview))
        (returned(&session, &view.returned))
        (happened(&session, &view, span))
        @if view.places.is_empty() {
            p.notice.warn { "It is active nowhere. " a href=(format!("/functions/{name}/deployments")) { "Roll back to a deployment" } " to make it run." }
        }
        @for place in &view.places { (runs(&view, base, place)) }
        (network(&session, &view, &sent))
        p { a.button.danger href=(format!("/functions/{name}/delete")) { "Delete this function …" } }
    };
    Ok(layout::page(&session, Section::Functions, &name, &body))
}

fn happened(session: &Session, view: &FunctionView, span: Span) -> Markup {
    let Figures { tally, histogram, since, .. } = &view.figures;
    let name = &view.function.name;
    let quantile = |part| histogram.quantile(part).map_or_else(|| "–".to_owned(), parts::micros);
    let (_, _, words) = SPANS.into_iter().find(|(known, ..)| *known == span).unwrap_or(SPANS[0]);
    html! {
        section aria-labelledby="happened" {
            div.title {
                h2 #happened { "What happened" }
                nav.choices.push aria-label="How far back" {
                    @for (known, word, words) in SPANS {
                        a href=(link(&format!("/functions/{name}"), &[("span", word)])) aria-current=[(known == span).then_some("true")] { (words) }
                    }
                }
            }
            dl.figures {
                div { dt { "Invocations" } dd { (parts::grouped(tally.invocations)) } }
                div { dt { "Failed" } dd { (parts::share(tally.errors, tally.invocations)) } }
                div { dt { "Median" } dd { (quantile(500)) } }
                div { dt { "95 of 100 below" } dd { (quantile(950)) } }
                div { dt { "Cold starts" } dd { (parts::share(tally.cold, tally.invocations)) } }
            }
            (chart::large(&parts::bars(&view.figures), &format!("The last {words}"), &moment(*since), "now"))
            @if tally.errors > 0 { p { a href=(link(&format!("/functions/{name}/invocations"), &[("show", "failed")])) { "See those that failed" } } }
            p.muted.small { "Updated " (session.ago(&view.function.updated_at)) ". Times are exact to a few percent." }
        }
    }
}

/// Warns of values in responses.
fn returned(session: &Session, found: &[ReturnedValue]) -> Markup {
    html! {
        @for value in found {
            div.notice.bad role="alert" {
                p {
                    @if value.blocked { "A response was blocked: it held" } @else { "It returned" }
                    " the value of "
                    a.name href=(link(&format!("/secrets/{}", value.secret), &[("environment", &value.environment)])) { (value.secret) }
                    @if value.blocked { " in " } @else { " to a caller in " } (value.environment) ", noticed " (session.ago(&value.time)) "."
                }
                p.small {
                    "Mend deployment " (value.deployment) " and deploy again"
                    @if !value.blocked { ", and give the secret a new value: callers may have this one" }
                    ". If everyone may see it, mark the secret as publishable."
                }
            }
        }
    }
}

/// `24 Nov, 09:00`, in UTC.
fn moment(time: Timestamp) -> String {
    let text = time.to_string();
    format!("{} {}", text.get(..10).unwrap_or_default(), text.get(11..16).unwrap_or_default())
}

fn runs(view: &FunctionView, base: &str, place: &Place) -> Markup {
    let (name, environment, deployment) = (&view.function.name, &place.environment, &place.deployment);
    let id = format!("in-{environment}");
    html! {
        section.card aria-labelledby=(id) {
            h2 id=(id) { "In " (environment) }
            dl.facts {
                div { dt { "Deployment" } dd { a href=(link(&format!("/functions/{name}/source"), &[("deployment", &deployment.number.to_string())])) { (deployment.number) } " by " (visible(&deployment.created_by)) } }
                div { dt { "Who may call it" } dd { (parts::access(&deployment.access)) } }
                div { dt { "Address" } dd { code.address { (base) (place.path) } } }
                @if !deployment.cors_origins.is_empty() { div { dt { "Web pages of" } dd { (deployment.cors_origins.join(", ")) } } }
                div { dt { "May send to" } dd { (may_send(&deployment.egress)) @if !deployment.tcp.is_empty() { ", and connect to " (deployment.tcp.join(", ")) } } }
                @if let Some(guard) = &deployment.response_guard { div { dt { "Response guard" } dd { (guard) } } }
                div { dt { "Gets" } dd { (parts::secrets(&deployment.secrets)) " secrets" } }
            }
            @if environment == "production" { (snippet("Command that invokes it", &format!("tresor function invoke {name}"))) }
            (reads(name, environment, &place.reads))
        }
    }
}

fn may_send(egress: &[String]) -> String {
    match egress {
        [word] if word == "public" => "Any public host".to_owned(),
        [word] if word == "none" => "No host".to_owned(),
        hosts => hosts.join(", "),
    }
}

/// The secrets that the code reads, and what is there of each.
fn reads(function: &str, environment: &str, reads: &[Read]) -> Markup {
    let (own, packages): (Vec<&Read>, Vec<&Read>) = reads.iter().partition(|read| !read.by_package);
    html! {
        h3 { "Secrets its code reads" }
        @if own.is_empty() { p.muted { "None by a name that stands in the code." } } @else {
            div.table-box {
                table.cards {
                    caption.unseen { "Secrets that the code of " (function) " reads in " (environment) }
                    thead { tr { th scope="col" { "Name" } th scope="col" { "Value" } th scope="col" { "State" } } }
                    tbody { @for read in own {
                        tr {
                            th scope="row" { a.name href=(link(&format!("/secrets/{}", read.name), &[("environment", environment)])) { (read.name) } }
                            td data-label="Value" { @match &read.mask { Some(shown) => (mask(shown)), None => span.muted { "None" } } }
                            td data-label="State" { (state(environment, read)) }
                        }
                    } }
                }
            }
        }
        @if !packages.is_empty() {
            p.muted.small { "Packages it imports also look for " @for (at, read) in packages.iter().enumerate() { @if at > 0 { ", " } code { (read.name) } } "; most can do without." }
        }
    }
}

fn state(environment: &str, read: &Read) -> Markup {
    html! {
        @match (read.mask.is_some(), read.given) {
            (true, true) => span.badge.good { "Given" },
            (true, false) => span { span.badge.warn { "Not given" } " Its deployment lists other secrets." },
            (false, _) => span { span.badge.bad { "Missing" } " " a href=(link("/secrets/new", &[("name", &read.name), ("environment", environment)])) aria-label=(format!("Add {}", read.name)) { "Add it" } },
        }
    }
}

/// What was sent to one host.
#[derive(Default)]
struct Sent<'a> {
    requests: usize,
    failed: usize,
    bytes: u64,
    last: &'a str,
    secrets: BTreeSet<&'a str>,
}

fn network(session: &Session, view: &FunctionView, sent: &[Egress]) -> Markup {
    let mut hosts: BTreeMap<&str, Sent> = BTreeMap::new();
    for one in sent {
        let host = hosts.entry(&one.host).or_default();
        host.requests += 1;
        host.failed += usize::from(!one.outcome.starts_with(['1', '2', '3']) && one.outcome != "opened");
        host.bytes += one.request_bytes + one.response_bytes;
        host.last = host.last.max(&one.time);
        host.secrets.extend(one.secrets.iter().map(String::as_str));
    }
    html! {
        section {
            h2 { "Where it sends requests" }
            @if hosts.is_empty() { p.muted { (view.function.name) " has sent none yet." } } @else {
                p.muted { "Of its latest " (count(sent.len(), "request", "requests")) "." }
                div.table-box {
                    table.cards {
                        caption.unseen { "Hosts it sent requests to" }
                        thead { tr { th scope="col" { "Host" } th.number scope="col" { "Requests" } th.number scope="col" { "Refused or failed" } th.number scope="col" { "Data" } th scope="col" { "Last" } th scope="col" { "Secrets put in" } } }
                        tbody { @for (host, sent) in &hosts {
                            tr {
                                th scope="row" { code.address { (visible(host)) } }
                                td.number data-label="Requests" { (sent.requests) }
                                td.number data-label="Refused or failed" { (sent.failed) }
                                td.number data-label="Data" { (parts::bytes(sent.bytes)) }
                                td data-label="Last" { (session.ago(sent.last)) }
                                td data-label="Secrets put in" { @if sent.secrets.is_empty() { span.muted { "None" } } @for (at, name) in sent.secrets.iter().enumerate() { @if at > 0 { ", " } (name) } }
                            }
                        } }
                    }
                }
            }
        }
    }
}
