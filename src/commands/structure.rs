//! `tresor secret export`, and `tresor secret import --structure`: names, notes and settings, never a value.

use domain::tree;
use reqwest::Method;
use serde::Serialize;
use server::wire::{ImportedStructure, SecretPlace, SecretStructure};
use zeroize::Zeroizing;

use super::Context;
use crate::cli::{ExportFormat, Import};
use crate::failure::{Done, Failure};
use crate::input;
use crate::output::{clean, json};

/// What the API's `ImportStructure` reads. Borrows the text: somebody may have taken a file of values for this one.
#[derive(Serialize)]
struct Body<'a> {
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    environment: Option<&'a str>,
    dry_run: bool,
}

pub(super) async fn export(context: &Context, environment: Option<&str>, format: ExportFormat) -> Done {
    let client = context.client()?;
    let structure: SecretStructure = client.get("/api/v1/secrets/structure", &[("environment", environment)]).await?;
    let text = match format {
        ExportFormat::Yaml if !context.output.is_json() => {
            let unclear = |_| Failure::failed("internal", "could not write the file");
            tree::yaml(&serde_json::to_value(&structure).map_err(unclear)?)
        }
        _ => json(&structure)? + "\n",
    };
    context.output.text(&text)
}

pub(super) async fn import(context: &Context, args: Import) -> Done {
    let client = context.client()?;
    let text = input::secrets_file(&args.file)?;
    let body = Body { text: &text, environment: args.place.environment.as_deref(), dry_run: args.dry_run };
    // JSON writes a byte as six at most. The buffer must not grow: growing leaves a copy behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(6 * (text.len() + body.environment.map_or(0, str::len) + 64)));
    serde_json::to_writer(&mut *bytes, &body)
        .map_err(|_| Failure::failed("internal", "could not write the request"))?;
    let request = client.request(Method::POST, "/api/v1/secrets/structure")?;
    let done: ImportedStructure = client.call_sensitive(request, bytes).await?;
    context.output.show(&done, told)?;
    if !done.pending.is_empty() && !done.dry_run {
        context.output.hint("put their values: tresor secret put NAME -e ENV; see tresor secret matrix");
    }
    Ok(())
}

fn told(done: &ImportedStructure) -> String {
    let places = |places: &[SecretPlace]| {
        let named = |place: &SecretPlace| format!("{} in {}", clean(&place.name), clean(&place.environment));
        places.iter().map(named).collect::<Vec<_>>().join(", ")
    };
    let (made, pending) = match done.dry_run {
        true => ("Would make the environments", "Would be pending"),
        false => ("Made the environments", "Pending"),
    };
    let mut lines = Vec::new();
    if !done.environments.is_empty() {
        lines.push(format!("{made} {}", clean(&done.environments.join(", "))));
    }
    if !done.pending.is_empty() {
        lines.push(format!("{pending}: {}", places(&done.pending)));
    }
    if !done.there.is_empty() {
        lines.push(format!("There already: {}", places(&done.there)));
    }
    if lines.is_empty() { "The file names no secrets".to_owned() } else { lines.join("\n") }
}
