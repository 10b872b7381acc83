//! Importing a pasted file: paste, look at what would happen to each line, say yes. The text stays on the server between
//! the two steps, encrypted; no page sends it back.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use super::fields::{self, Field, Problems};
use crate::service::{Error, ImportInput, Service};
use crate::ui::form::{Fields, Params};
use crate::ui::layout::{self, ErrorPage, Section, mask};
use crate::ui::session::Session;
use crate::ui::text::{count, link, sentence, visible};
use crate::wire::{Environment, Import, ImportLine};

const TITLE: &str = "Import secrets";
const PREVIEW: &str = "/secrets/import/preview";

/// How a file may be written, as the form names it.
const FORMATS: [(&str, &str); 4] = [("", "As it looks"), ("dotenv", ".env file"), ("json", "JSON"), ("yaml", "YAML")];

/// What the form shows: all but the text.
#[derive(Default)]
struct Typed {
    environment: String,
    format: String,
}

/// `GET /secrets/import`
pub(in crate::ui) async fn show(
    State(service): State<Service>,
    session: Session,
    params: Params,
) -> Result<Response, ErrorPage> {
    let environments = service.list_environments(&session.caller).await.map_err(|error| session.failed(error))?.items;
    let environment = params.text("environment").map(str::to_owned).or_else(|| session.default_environment());
    let typed = Typed { environment: environment.unwrap_or_default(), format: String::new() };
    let gone = params.text("gone").is_some();
    Ok(layout::page(&session, Section::Secrets, TITLE, &page(&typed, &environments, &Problems::default(), gone)))
}

/// `POST /secrets/import`: keeps the text for the preview.
pub(in crate::ui) async fn paste(
    State(service): State<Service>,
    session: Session,
    mut fields: Fields,
) -> Result<Response, ErrorPage> {
    let text = |name| fields.text(name).unwrap_or_default().to_owned();
    let typed = Typed { environment: text("environment"), format: text("format") };
    let named = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let input = ImportInput {
        format: named(&typed.format),
        environment: named(&typed.environment),
        text: fields.take_lines("text"),
        delivery: None,
        skip_rejected: false,
    };
    let problems = match service.put_draft(&session.caller, input).await {
        Ok(()) => return Ok(Redirect::to(PREVIEW).into_response()),
        Err(error) => Problems::of(error).map_err(|error| session.failed(error))?,
    };
    let environments = service.list_environments(&session.caller).await.map_err(|error| session.failed(error))?.items;
    let body = page(&typed, &environments, &problems, false);
    Ok(layout::refused(&session, Section::Secrets, TITLE, problems.status, &body))
}

/// `GET /secrets/import/preview`
pub(in crate::ui) async fn preview(State(service): State<Service>, session: Session) -> Result<Response, ErrorPage> {
    match service.preview_draft(&session.caller).await {
        Ok(draft) => Ok(layout::page(&session, Section::Secrets, TITLE, &preview_page(&draft.id, &draft.preview))),
        Err(error) => gone(&session, error),
    }
}

/// `POST /secrets/import/preview`: the yes.
pub(in crate::ui) async fn store(
    State(service): State<Service>,
    session: Session,
    fields: Fields,
) -> Result<Response, ErrorPage> {
    match service.import_draft(&session.caller, fields.text("draft").unwrap_or_default()).await {
        Ok(done) => Ok(layout::page(&session, Section::Secrets, TITLE, &done_page(&done))),
        Err(error) => gone(&session, error),
    }
}

/// `POST /secrets/import/discard`
pub(in crate::ui) async fn discard(
    State(service): State<Service>,
    session: Session,
    fields: Fields,
) -> Result<Response, ErrorPage> {
    let id = fields.text("draft").unwrap_or_default();
    service.delete_draft(&session.caller, id).await.map_err(|error| session.failed(error))?;
    Ok(Redirect::to("/secrets").into_response())
}

fn gone(session: &Session, error: Error) -> Result<Response, ErrorPage> {
    match error {
        Error::NotFound { .. } => Ok(Redirect::to("/secrets/import?gone=1").into_response()),
        other => Err(session.failed(other)),
    }
}

fn page(typed: &Typed, environments: &[Environment], problems: &Problems, gone: bool) -> Markup {
    html! {
        div.narrow {
            (layout::crumbs(&[("/secrets", "Secrets")]))
            h1 { (TITLE) }
            p.lead { "Paste a file of secrets. The next page shows what would become of each line; nothing is stored before you say so." }
            @if gone {
                p.notice.bad role="alert" { "That text is no longer here: it was imported already, or has waited longer than 15 minutes. Paste it again." }
            }
            (problems.summary())
            form.sheet method="post" action="/secrets/import" autocomplete="off" {
                (text(problems))
                (fields::environment(environments, &typed.environment, problems))
                (format(&typed.format, problems))
                p.actions {
                    button.primary type="submit" { "Show what would change" }
                    a.button href="/secrets" { "Cancel" }
                }
            }
        }
    }
}

fn text(problems: &Problems) -> Markup {
    let hint = html! {
        "A " code { ".env" } " file, or what Supabase, Vercel, Doppler, Infisical or Vault export. Nothing is expanded and no command is run."
    };
    let field = Field::new("text", "Text of the file", hint, problems);
    field.around(&html! {
        div.veil {
            textarea.veiled #text name="text" rows="8" required autofocus autocomplete="off" autocapitalize="off" autocorrect="off" spellcheck="false"
                data-1p-ignore data-lpignore="true" aria-describedby=(field.described_by()) aria-invalid=[field.invalid()] {}
            label.check { input.show type="checkbox" autocomplete="off"; "Show what I paste" }
        }
    })
}

fn format(chosen: &str, problems: &Problems) -> Markup {
    let field = Field::new("format", "Format", html! { "How the file is written." }, problems);
    field.around(&html! {
        select #format name="format" aria-describedby=(field.described_by()) aria-invalid=[field.invalid()] {
            @for (format, label) in FORMATS { option value=(format) selected[format == chosen] { (label) } }
        }
    })
}

fn preview_page(id: &str, preview: &Import) -> Markup {
    let stored = preview.new + preview.changed;
    html! {
        (layout::crumbs(&[("/secrets", "Secrets")]))
        h1 { "Import into " (preview.environment) "?" }
        p.lead { (summary(preview)) " Nothing is stored yet." }
        (table(&preview.lines))
        div.actions {
            @if stored > 0 {
                form method="post" action=(PREVIEW) {
                    input type="hidden" name="draft" value=(id);
                    button.primary type="submit" { "Store " (count(stored, "secret", "secrets")) @if preview.blocked { ", leave out the rejected lines" } }
                }
            }
            form method="post" action="/secrets/import/discard" {
                input type="hidden" name="draft" value=(id);
                button type="submit" { "Discard" }
            }
            a.button href=(link("/secrets/import", &[("environment", &preview.environment)])) { "Paste another text" }
        }
    }
}

fn done_page(done: &Import) -> Markup {
    html! {
        (layout::crumbs(&[("/secrets", "Secrets")]))
        h1 { "Imported into " (done.environment) }
        p.notice.good role="status" { (summary(done)) " Functions find the new values at their next invocation." }
        (table(&done.lines))
        p.actions { a.button.primary href=(link("/secrets", &[("environment", &done.environment)])) { "See the secrets" } }
    }
}

fn summary(import: &Import) -> String {
    format!("{} new, {} changed, {} the same, {} rejected.", import.new, import.changed, import.same, import.rejected)
}

fn table(lines: &[ImportLine]) -> Markup {
    html! {
        div.table-box {
            table.cards {
                caption.unseen { "What becomes of each line" }
                thead { tr {
                    th scope="col" { "Line" }
                    th scope="col" { "Name" }
                    th scope="col" { "What happens" }
                    th scope="col" { "Shown as" }
                    th scope="col" { "Worth knowing" }
                } }
                tbody { @for line in lines { (row(line)) } }
            }
        }
    }
}

fn row(line: &ImportLine) -> Markup {
    let (word, class) = match line.status.as_str() {
        "new" => ("New", "good"),
        "changed" => ("New version", "good"),
        "same" => ("Same value, no change", ""),
        _ => ("Rejected", "bad"),
    };
    html! {
        tr {
            td data-label="Line" { (line.line) }
            th scope="row" { @if let Some(name) = &line.name { span.name { (name) } } @else { span.muted { "No name" } } }
            td data-label="What happens" { span class={ "badge " (class) } { (word) } }
            td data-label="Shown as" { @if let Some(shown) = &line.mask { (mask(shown)) } }
            td data-label="Worth knowing" {
                div.stack {
                    @if let Some(reason) = &line.reason { span { (sentence(&visible(reason))) } }
                    @for warning in &line.warnings { span { (sentence(&visible(&warning.detail))) } }
                }
            }
        }
    }
}
