//! The list of secrets: a line for each name with what each environment has of it, searched, narrowed and ordered by what
//! stands in the address. And the page that teaches what a secret is when there is none.

use axum::extract::State;
use axum::response::Response;
use domain::{SecretName, catalogue};
use maud::{Markup, html};
use store::SecretOrder;

use super::rotation;
use crate::service::{Line, SecretTable, Service, Show, TableQuery};
use crate::ui::form::Params;
use crate::ui::icons;
use crate::ui::layout::{self, ErrorPage, Section, mask, snippet};
use crate::ui::session::Session;
use crate::ui::text::{count, link, visible};
use crate::wire::{Environment, Secret};

/// Lines of one page.
const LINES: u32 = 50;
/// Environments that have a column when all are shown.
const COLUMNS: usize = 3;
/// Names in the confirmation of a deletion that are told one by one.
const TOLD: usize = 5;

const SHOW: [(Show, &str, &str); 4] = [
    (Show::All, "", "All"),
    (Show::Missing, "missing", "Missing somewhere"),
    (Show::NeverUsed, "unused", "Never used"),
    (Show::Overdue, "overdue", "Overdue"),
];

const ORDERS: [(SecretOrder, &str, bool); 4] = [
    (SecretOrder::Name, "name", false),
    (SecretOrder::Updated, "updated", true),
    (SecretOrder::Used, "used", true),
    (SecretOrder::Due, "due", false),
];

/// `GET /secrets`
pub(in crate::ui) async fn show(
    State(service): State<Service>,
    session: Session,
    params: Params,
) -> Result<Response, ErrorPage> {
    let failed = |error| session.failed(error);
    let environments = service.list_environments(&session.caller).await.map_err(failed)?.items;
    let look = Look::read(&session, &params);
    let table = service.secret_table(&session.caller, look.query()).await.map_err(failed)?;
    let due = service.due_counts(&session.caller, look.environment.as_deref()).await.map_err(failed)?;
    let usual = service.usual_rotation(&session.caller).await.map_err(failed)?;
    let notice = notice(&service, &session, &params).await;
    let nothing = table.lines.is_empty() && look.finds_all() && look.cursor.is_none();
    let chosen = look.environment.as_deref().unwrap_or_default();
    let body = html! {
        @if let Some(notice) = notice { (notice) }
        div.title {
            h1 { "Secrets" }
            div.actions.push {
                @if environments.len() > 1 { a.button href="/secrets/matrix" { "By environment" } }
                @if !nothing { a.button href=(link("/secrets/export", &[("environment", chosen)])) download title="Names, notes and settings, without values" { "Export names" } }
                a.button href=(link("/secrets/import", &[("environment", chosen)])) { "Import" }
                a.button.primary href=(link("/secrets/new", &[("environment", chosen)])) { "Add a secret" }
            }
        }
        @if environments.len() > 1 { (look.environment_links(&environments, session.default_environment().is_none())) }
        @if nothing { (empty(chosen)) } @else {
            (look.tools(&environments))
            (rotation::banner(due, chosen))
            (results(&session, &look, &environments, &table, usual))
        }
    };
    Ok(layout::page(&session, Section::Secrets, "Secrets", &body))
}

/// What the address asks for.
struct Look {
    environment: Option<String>,
    search: String,
    show: Show,
    order: SecretOrder,
    descending: bool,
    cursor: Option<String>,
}

impl Look {
    fn read(session: &Session, params: &Params) -> Self {
        let show = params.text("show").unwrap_or_default();
        let sort = params.text("sort").unwrap_or_default();
        let (order, _, usual) = ORDERS
            .into_iter()
            .find(|(_, word, _)| *word == sort.trim_start_matches('-'))
            .unwrap_or((SecretOrder::Name, "name", false));
        Self {
            environment: params.text("environment").map(str::to_owned).or_else(|| session.default_environment()),
            search: params.text("q").unwrap_or_default().to_owned(),
            show: SHOW.into_iter().find(|(_, word, _)| *word == show).map_or(Show::All, |(show, ..)| show),
            order,
            descending: usual != sort.starts_with('-'),
            cursor: params.text("cursor").map(str::to_owned),
        }
    }

    fn query(&self) -> TableQuery<'_> {
        TableQuery {
            environment: self.environment.as_deref(),
            search: &self.search,
            show: self.show,
            order: self.order,
            descending: self.descending,
            cursor: self.cursor.as_deref(),
            rows: LINES,
        }
    }

    fn finds_all(&self) -> bool {
        self.search.is_empty() && self.show == Show::All
    }

    fn show_word(&self) -> &'static str {
        SHOW.into_iter().find(|(show, ..)| *show == self.show).map_or("", |(_, word, _)| word)
    }

    /// What is put into `sort`; empty for what is usual.
    fn sort_word(&self) -> String {
        let (_, word, usual) = ORDERS.into_iter().find(|(order, ..)| *order == self.order).unwrap_or(ORDERS[0]);
        let turned = if usual == self.descending { "" } else { "-" };
        if self.order == SecretOrder::Name && turned.is_empty() { String::new() } else { format!("{turned}{word}") }
    }

    /// The address of this look, with `changed` in the place of what it has of that name.
    fn address(&self, changed: &[(&str, &str)]) -> String {
        let sort = self.sort_word();
        let own = [
            ("environment", self.environment.as_deref().unwrap_or_default()),
            ("q", self.search.as_str()),
            ("show", self.show_word()),
            ("sort", sort.as_str()),
        ];
        let kept = own.into_iter().filter(|(name, _)| changed.iter().all(|(other, _)| other != name));
        link("/secrets", &kept.chain(changed.iter().copied()).collect::<Vec<_>>())
    }

    fn environment_links(&self, environments: &[Environment], may_see_all: bool) -> Markup {
        let current = |name: Option<&str>| (self.environment.as_deref() == name).then_some("true");
        html! {
            nav.choices aria-label="Environment" {
                @if may_see_all { a href=(self.address(&[("environment", "")])) aria-current=[current(None)] { "All environments" } }
                @for environment in environments {
                    a href=(self.address(&[("environment", &environment.name)])) aria-current=[current(Some(&environment.name))] { (environment.name) }
                }
            }
        }
    }

    fn tools(&self, environments: &[Environment]) -> Markup {
        let several = environments.len() > 1 && self.environment.is_none();
        let offered = SHOW.into_iter().filter(|(show, ..)| several || *show != Show::Missing || self.show == *show);
        html! {
            form.tools method="get" action="/secrets" role="search" aria-label="Find secrets" data-live="results" {
                @if let Some(environment) = &self.environment { input type="hidden" name="environment" value=(environment); }
                @if !self.sort_word().is_empty() { input type="hidden" name="sort" value=(self.sort_word()); }
                div.filter-field.wide {
                    label for="q" { "Search" }
                    input #q name="q" type="search" value=(visible(&self.search)) autocomplete="off" spellcheck="false" placeholder="Name or note";
                }
                div.filter-field {
                    label for="show" { "Show" }
                    select #show name="show" { @for (show, word, words) in offered { option value=(word) selected[show == self.show] { (words) } } }
                }
                div.filter-actions.unscripted { button type="submit" { "Search" } }
            }
        }
    }

    /// A heading that orders by its column, or turns the order round.
    fn heading(&self, order: SecretOrder, words: &str) -> Markup {
        let (_, word, usual) = ORDERS.into_iter().find(|(known, ..)| *known == order).unwrap_or(ORDERS[0]);
        let is_current = self.order == order;
        let sorted = is_current.then_some(if self.descending { "descending" } else { "ascending" });
        let turned = is_current && self.descending == usual;
        let sort = if turned { format!("-{word}") } else { word.to_owned() };
        html! { th scope="col" aria-sort=[sorted] { a href=(self.address(&[("sort", &sort)])) { (words) } } }
    }
}

/// What just happened, told from what is there now: an address alone can claim nothing.
async fn notice(service: &Service, session: &Session, params: &Params) -> Option<Markup> {
    let environment = params.text("in");
    if let Some(name) = params.text("stored") {
        let (secret, _) = service.get_secret(&session.caller, name, environment).await.ok()?;
        return Some(html! {
            p.notice.good role="status" {
                "Stored " b { (secret.name) } " in " (secret.environment) ". It is shown as " (mask(&secret.mask))
                " from now on, and functions find it at their next invocation."
            }
        });
    }
    let names: Vec<_> = params.text("deleted")?.split(',').collect();
    let told: Vec<_> = names.iter().copied().take(TOLD).collect();
    if !service.secrets_named(&session.caller, environment, &told).await.ok()?.is_empty() {
        return None;
    }
    let place = environment.map_or("any environment".into(), visible);
    Some(html! {
        p.notice.good role="status" {
            @match names.as_slice() {
                [name] => { b { (visible(name)) } " is no longer in " (place) "." }
                names => { b { (names.len()) " secrets" } " are no longer in " (place) "." }
            }
        }
    })
}

fn results(
    session: &Session,
    look: &Look,
    environments: &[Environment],
    table: &SecretTable,
    usual: Option<u32>,
) -> Markup {
    let mut columns: Vec<&str> = match &look.environment {
        Some(environment) => vec![environment],
        None => environments.iter().map(|environment| environment.name.as_str()).collect(),
    };
    // What runs for real comes first.
    columns.sort_by_key(|name| *name != "production");
    let unseen = columns.len().saturating_sub(COLUMNS);
    columns.truncate(COLUMNS);
    let more = table.next_cursor.as_deref();
    html! {
        div #results {
            @if table.lines.is_empty() {
                p.muted role="status" { "No secret matches. " a href=(look.address(&[("q", ""), ("show", "")])) { "Show all" } }
            } @else {
                p.muted.small role="status" {
                    (count(table.lines.len(), "secret", "secrets")) @if more.is_some() || look.cursor.is_some() { " on this page" }
                    @if unseen > 0 { ". Choose an environment to see one of the " (unseen) " that have no column." }
                }
                form method="post" action="/secrets/delete" {
                    @if let Some(environment) = &look.environment { input type="hidden" name="environment" value=(environment); }
                    div.table-box { (lines(session, look, &columns, table, usual)) }
                    div.bulk { span.muted { "Of those that are ticked:" } button.danger type="submit" { "Delete …" } }
                }
                (pager(look, more))
            }
        }
    }
}

fn pager(look: &Look, next: Option<&str>) -> Markup {
    html! {
        @if look.cursor.is_some() || next.is_some() {
            nav.pager aria-label="Pages" {
                @if look.cursor.is_some() { a.button href=(look.address(&[])) { "Back to the first page" } }
                @if let Some(next) = next { a.button href=(look.address(&[("cursor", next)])) rel="next" { "Next page" } }
            }
        }
    }
}

fn lines(session: &Session, look: &Look, columns: &[&str], table: &SecretTable, usual: Option<u32>) -> Markup {
    html! {
        table.cards.middle {
            caption.unseen { "Secrets" @if let Some(environment) = &look.environment { " in " (environment) } }
            thead { tr {
                td.pick { input.scripted type="checkbox" aria-label="Tick all" data-pick-all; }
                (look.heading(SecretOrder::Name, "Name"))
                @for column in columns { th scope="col" { (column) } }
                (look.heading(SecretOrder::Updated, "Updated"))
                (look.heading(SecretOrder::Used, "Last used"))
                th scope="col" { "Used by" }
                (look.heading(SecretOrder::Due, "Rotation"))
            } }
            tbody { @for line in &table.lines { (row(session, columns, line, usual)) } }
        }
    }
}

fn row(session: &Session, columns: &[&str], line: &Line, usual: Option<u32>) -> Markup {
    let name = &line.name;
    let provider =
        SecretName::parse(name).ok().and_then(|name| catalogue::for_name(&name)).map(|(provider, _)| provider);
    let newest = line.secrets.iter().max_by(|a, b| a.updated_at.cmp(&b.updated_at));
    let used = line.secrets.iter().filter_map(|secret| secret.last_used_at.as_deref()).max();
    let note = line.secrets.iter().map(|secret| secret.note.as_str()).find(|note| !note.is_empty());
    let mut functions: Vec<&str> =
        line.secrets.iter().flat_map(|secret| &secret.functions).map(String::as_str).collect();
    functions.sort_unstable();
    functions.dedup();
    html! {
        tr {
            td.pick { input type="checkbox" name=(format!("pick.{name}")) value="1" aria-label=(format!("Tick {name}")); }
            th scope="row" {
                div.named {
                    (icons::mark(provider, false))
                    div {
                        a.name href=(address(line.secrets.first(), name)) { (name) }
                        @if provider.is_some() || note.is_some() {
                            span.note {
                                @if let Some(provider) = provider { (provider.name) }
                                @if provider.is_some() && note.is_some() { " · " }
                                @if let Some(note) = note { (visible(note)) }
                            }
                        }
                    }
                }
            }
            @for column in columns {
                td data-label=(column) { (place(name, column, line.secrets.iter().find(|secret| secret.environment == *column))) }
            }
            td data-label="Updated" { div { @if let Some(secret) = newest { (session.ago(&secret.updated_at)) span.by { "by " (visible(&secret.updated_by)) } } } }
            td data-label="Last used" { @match used { Some(time) => (session.ago(time)), None => span.muted { "Never" } } }
            td data-label="Used by" { (used_by(&functions)) }
            td data-label="Rotation" { (rotation::of(session, line, usual)) }
        }
    }
}

fn address(secret: Option<&Secret>, name: &str) -> String {
    let environment = secret.map(|secret| secret.environment.as_str()).unwrap_or_default();
    link(&format!("/secrets/{name}"), &[("environment", environment)])
}

/// What one environment has of a name.
fn place(name: &str, environment: &str, secret: Option<&Secret>) -> Markup {
    html! {
        @match secret {
            Some(secret) if secret.state == "pending" => a href=(address(Some(secret), name)) aria-label=(format!("{name} in {environment}: no value yet")) { "No value yet" },
            Some(secret) => a href=(address(Some(secret), name)) aria-label=(format!("{name} in {environment}: {}", secret.mask)) {
                (mask(&secret.mask)) @if let Some(from) = &secret.shared_from { span.by { "of " (from) } }
            },
            None => a.missing href=(link("/secrets/new", &[("name", name), ("environment", environment)])) aria-label=(format!("{name} is missing in {environment}: add it")) { "Missing" },
        }
    }
}

/// Links to the first functions, and how many more there are.
fn used_by(functions: &[&str]) -> Markup {
    const SHOWN: usize = 2;
    html! {
        @if functions.is_empty() { span.muted { "None" } } @else {
            span.links {
                @for name in functions.iter().take(SHOWN) { a href=(format!("/functions/{name}")) { (name) } " " }
                @if functions.len() > SHOWN { span.muted { "and " (functions.len() - SHOWN) " more" } }
            }
        }
    }
}

fn empty(environment: &str) -> Markup {
    let option = if environment.is_empty() || environment == "production" {
        String::new()
    } else {
        format!(" -e {environment}")
    };
    html! {
        section.empty {
            h2 { "No secrets yet" @if !environment.is_empty() { " in " (environment) } }
            p { "A secret is a credential that your functions need: an API key, a password, a connection string. "
                "You store it once. It is encrypted, never shown in full again, and every function of the account finds it by its name." }
            ol.ways {
                li {
                    h3 { "Add one here" }
                    p { "You need its name and its value." }
                    p { a.button href=(link("/secrets/new", &[("environment", environment)])) { "Add your first secret" } }
                }
                li {
                    h3 { "Or in a terminal" }
                    p { "It asks for the value, so that the value stays out of your shell's history." }
                    (snippet("Command that stores a secret", &format!("tresor secret put OPENAI_API_KEY{option}")))
                }
                li {
                    h3 { "Then use it in a function" }
                    p { "The code has the name only." }
                    (snippet("Code that reads a secret", "const key = Deno.env.get(\"OPENAI_API_KEY\");"))
                }
            }
        }
    }
}
