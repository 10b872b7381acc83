//! `tresor secret import`: shows what would become of each line, asks, stores. The file's text goes from the file to the
//! request and nowhere else.

use domain::import::Format;
use reqwest::Method;
use serde::Serialize;
use server::wire::{Import, ImportLine};
use zeroize::Zeroizing;

use super::Context;
use crate::cli;
use crate::client::Client;
use crate::failure::{Done, Failure};
use crate::input;
use crate::output::clean;
use crate::table::Table;

/// What the API's `ImportSecrets` reads. Borrows the text.
#[derive(Serialize)]
struct Body<'a> {
    format: &'a str,
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    environment: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery: Option<&'a str>,
    dry_run: bool,
    skip_rejected: bool,
}

pub(super) async fn run(context: &Context, args: cli::Import) -> Done {
    let client = context.client()?;
    let text = input::secrets_file(&args.file)?;
    let format = match &args.format {
        Some(format) => format.as_str(),
        None => Format::of_file_name(&args.file.to_string_lossy()).unwrap_or_else(|| Format::of_text(&text)).as_str(),
    };
    let mut body = Body {
        format,
        text: &text,
        environment: args.place.environment.as_deref(),
        delivery: args.delivery.as_deref(),
        dry_run: true,
        skip_rejected: args.skip_rejected,
    };
    if args.dry_run {
        return context.output.show(&send(&client, &body).await?, told);
    }
    if args.yes {
        body.dry_run = false;
        return context.output.show(&send(&client, &body).await?, told);
    }
    let preview = send(&client, &body).await?;
    context.output.note(&told(&preview));
    if preview.new + preview.changed > 0 {
        input::confirm(context.output, false, &question(&preview))?;
        // What is left out has been shown, and the answer was yes.
        body.skip_rejected = true;
    }
    body.dry_run = false;
    context.output.show(&send(&client, &body).await?, summary)
}

async fn send(client: &Client, body: &Body<'_>) -> Done<Import> {
    let request = client.request(Method::POST, "/api/v1/secrets/import")?;
    client.call_sensitive(request, bytes(body)?).await.map_err(|failure| match failure.problem.code.as_str() {
        "import_rejected" => failure.hint("--dry-run shows every line; --skip-rejected stores the others"),
        _ => failure,
    })
}

fn bytes(body: &Body<'_>) -> Done<Zeroizing<Vec<u8>>> {
    // JSON writes a byte as six at most. The buffer must not grow: growing leaves a copy behind.
    let others =
        [Some(body.format), body.environment, body.delivery].iter().flatten().map(|text| text.len()).sum::<usize>();
    let mut bytes = Zeroizing::new(Vec::with_capacity(6 * (body.text.len() + others + 128)));
    // serde_json's own error could quote what it was writing.
    serde_json::to_writer(&mut *bytes, body).map_err(|_| Failure::failed("internal", "could not write the request"))?;
    Ok(bytes)
}

fn question(preview: &Import) -> String {
    let stored = preview.new + preview.changed;
    let secrets = if stored == 1 { "secret" } else { "secrets" };
    let left_out = if preview.blocked { " Rejected lines are left out." } else { "" };
    format!("Store {stored} {secrets} in {}?{left_out}", clean(&preview.environment))
}

fn told(import: &Import) -> String {
    let mut table = Table::new(["LINE", "NAME", "STATUS", "MASK", "NOTE"]);
    for line in &import.lines {
        table.row([
            line.line.to_string(),
            line.name.clone().unwrap_or_default(),
            line.status.clone(),
            line.mask.clone().unwrap_or_default(),
            note(line),
        ]);
    }
    let table = table.render();
    if table.is_empty() { summary(import) } else { format!("{table}\n{}", summary(import)) }
}

fn note(line: &ImportLine) -> String {
    let warnings = line.warnings.iter().map(|warning| warning.detail.as_str());
    line.reason.as_deref().into_iter().chain(warnings).collect::<Vec<_>>().join("; ")
}

fn summary(import: &Import) -> String {
    let begin = if import.dry_run { "Would import" } else { "Imported" };
    format!(
        "{begin} into {}: {} new, {} changed, {} the same, {} rejected",
        clean(&import.environment),
        import.new,
        import.changed,
        import.same,
        import.rejected
    )
}

#[cfg(test)]
mod tests {
    use super::{Body, bytes};

    #[test]
    fn the_request_buffer_never_grows() {
        let text = "\u{1}".repeat(domain::limits::IMPORT_BYTES);
        let body = Body {
            format: "dotenv",
            text: &text,
            environment: Some("test"),
            delivery: Some("env"),
            dry_run: true,
            skip_rejected: true,
        };
        let bytes = bytes(&body).unwrap();
        assert_eq!(bytes.capacity(), 6 * (text.len() + 13 + 128));
        let parsed: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!((parsed["text"].as_str(), &parsed["skip_rejected"]), (Some(text.as_str()), &true.into()));
    }
}
