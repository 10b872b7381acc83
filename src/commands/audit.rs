//! `tresor audit list|export|checkpoint`. Proving is `verify`'s.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use domain::audit::Outcome;
use reqwest::Method;
use server::wire::{AuditEntry, SignedCheckpoint};

use super::{Context, verify};
use crate::cli::AuditCommand;
use crate::client::Client;
use crate::failure::{Done, Failure};
use crate::table::Table;
use crate::time::ago;

pub(super) async fn run(context: &Context, command: AuditCommand) -> Done {
    match command {
        AuditCommand::List { limit, action, resource, actor } => {
            list(
                context,
                limit,
                &[("action", action.as_deref()), ("resource", resource.as_deref()), ("actor", actor.as_deref())],
            )
            .await
        }
        AuditCommand::Export { file } => export(context, &file).await,
        AuditCommand::Verify(args) => verify::run(context, args).await,
        AuditCommand::Checkpoint { new_log } => checkpoint(context, new_log).await,
    }
}

async fn list(context: &Context, limit: u32, query: &[(&str, Option<&str>)]) -> Done {
    let page = context.client()?.list::<AuditEntry>("/api/v1/audit", query, Some(limit)).await?;
    context.output.show(&page, |page| {
        let mut table =
            Table::new(["INDEX", "TIME", "ACTOR", "ACTION", "RESOURCE", "ENVIRONMENT", "OUTCOME", "DETAILS"]);
        for entry in &page.items {
            let event = &entry.event;
            let outcome = match event.outcome {
                Outcome::Done => "done",
                Outcome::Denied => "denied",
            };
            let details: Vec<_> = event.details.iter().map(|(name, text)| format!("{name}={}", short(text))).collect();
            table.row([
                entry.index.to_string(),
                ago(&event.time.to_string()),
                event.actor.name.clone(),
                event.action.clone(),
                event.resource.name.clone(),
                event.environment.as_ref().map(ToString::to_string).unwrap_or_default(),
                outcome.to_owned(),
                details.join(" "),
            ]);
        }
        table.render()
    })
}

/// Digests and lists of scopes would push the table off the screen; `--json` has all of them.
fn short(text: &str) -> String {
    const MOST: usize = 24;
    let cut: String = text.chars().take(MOST).collect();
    if cut.len() < text.len() { format!("{cut}…") } else { cut }
}

/// The export as the server sends it.
pub(super) const EXPORT: &str = "/api/v1/audit/export";

/// Into a file, all or nothing: half a log would look like one that was cut.
async fn export(context: &Context, file: &Path) -> Done {
    let client = context.client()?;
    let mut response = client.succeed(client.request(Method::GET, EXPORT)?).await?;
    if file == Path::new("-") {
        let mut body = context.output.body();
        while let Some(chunk) = client.chunk(&mut response).await? {
            body.write(&chunk)?;
        }
        return Ok(());
    }
    let mut partial = file.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let result = save(&client, response, &partial)
        .await
        .and_then(|()| std::fs::rename(&partial, file).map_err(|error| Failure::file("write", file, &error)));
    if result.is_err() {
        // It may not even be there; the error to tell is the first one.
        let _ = std::fs::remove_file(&partial);
    }
    result?;
    context.output.note(&format!("Wrote {}", file.display()));
    context
        .output
        .hint(&format!("check it anywhere, without the server: tresor audit verify {} --key KEY", file.display()));
    Ok(())
}

async fn save(client: &Client, mut response: reqwest::Response, path: &Path) -> Done {
    let failed = |error: std::io::Error| Failure::file("write", path, &error);
    let mut file = std::fs::File::create(path).map_err(failed)?;
    while let Some(chunk) = client.chunk(&mut response).await? {
        file.write_all(&chunk).map_err(failed)?;
    }
    file.sync_all().map_err(failed)
}

async fn checkpoint(context: &Context, new_log: bool) -> Done {
    let client = context.client()?;
    let signed: SignedCheckpoint = client.get("/api/v1/audit/checkpoint", &[]).await?;
    let seen = verify::continues(&client, &signed, new_log).await?;
    context.output.show(&signed, |signed| crate::output::lines(signed.checkpoint.trim_end()))?;
    context.output.note(&format!("verifier key: {}", crate::output::clean(&signed.verifier_key)));
    context.output.note(&seen);
    Ok(())
}
