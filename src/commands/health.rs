//! `tresor secret health`: what should be done about secrets, for people and for CI.

use domain::{SecretName, catalogue};
use server::wire::{HealthCounts, HealthFinding, SecretHealth};

use super::Context;
use crate::cli::Health;
use crate::failure::{Done, Failure};
use crate::table::Table;

pub(super) async fn run(context: &Context, args: Health) -> Done {
    let days = args.unused_days.map(|days| days.to_string());
    let query = [("environment", args.environment.as_deref()), ("unused_days", days.as_deref())];
    let health: SecretHealth = context.client()?.get("/api/v1/secrets/health", &query).await?;
    context.output.show(&health, text)?;
    let counts = &health.counts;
    if health.findings.is_empty() {
        context.output.note(&format!("Nothing to do: {} looked at", counted(health.secrets, "secret")));
    } else {
        context.output.note(&format!("{} high, {} medium, {} low", counts.high, counts.medium, counts.low));
    }
    if health.more > 0 {
        context.output.note(&format!("and {} more, which show as these are done", health.more));
    }
    match failing(counts, &args.fail_on) {
        0 => Ok(()),
        count => Err(Failure::failed("secrets_ailing", counted(count, "finding"))
            .hint("--fail-on says which severity makes the exit code 1")),
    }
}

/// How many findings are at least this severe.
fn failing(counts: &HealthCounts, least: &str) -> u64 {
    match least {
        "high" => counts.high,
        "medium" => counts.high + counts.medium,
        "low" => counts.high + counts.medium + counts.low,
        _ => 0,
    }
}

fn counted(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn text(health: &SecretHealth) -> String {
    let mut table = Table::new(["SEVERITY", "FINDING", "WHAT", "TO DO IT"]);
    for finding in &health.findings {
        table.row([finding.severity.clone(), finding.kind.clone(), finding.detail.clone(), command(finding)]);
    }
    table.render()
}

/// The command that does it, or that it begins with.
fn command(finding: &HealthFinding) -> String {
    let name = match finding.action.as_str() {
        "rename" => without_prefix(&finding.name),
        _ => finding.name.clone(),
    };
    let verb = match finding.action.as_str() {
        "put" | "replace" | "rename" => "put",
        "delete" => "delete",
        _ => "get",
    };
    format!("tresor secret {verb} {name} -e {}", finding.environment)
}

fn without_prefix(name: &str) -> String {
    let prefix = SecretName::parse(name).ok().and_then(|name| catalogue::browser_prefix(&name)).unwrap_or_default();
    name.strip_prefix(prefix).unwrap_or(name).to_owned()
}
