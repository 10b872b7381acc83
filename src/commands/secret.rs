//! `tresor secret …`, but for `import`. The only command here that holds a value is `put`, from the prompt to the request.

use domain::{SecretName, Value};
use reqwest::Method;
use reqwest::header::{HeaderValue, IF_MATCH, IF_NONE_MATCH};
use serde::Serialize;
use server::wire::{
    ActivateSecret, ChangeSecret, Check, CheckSecret, DestroyVersion, Secret, SecretVersion, StoredSecret, Warning,
};
use zeroize::Zeroizing;

use super::{Context, environment, health, import, request, rotator, structure};
use crate::cli::{Named, Put, SecretCommand, value_in_argv};
use crate::client::{Client, segment};
use crate::failure::{Done, Exit, Failure};
use crate::input;
use crate::output::clean;
use crate::table::{Table, fields};
use crate::time::ago;

pub(super) async fn run(context: &Context, command: SecretCommand) -> Done {
    match command {
        SecretCommand::Put(args) => put(context, args).await,
        SecretCommand::Import(args) if args.structure => structure::import(context, args).await,
        SecretCommand::Import(args) => import::run(context, args).await,
        SecretCommand::Export { environment, format } => {
            structure::export(context, environment.as_deref(), format).await
        }
        SecretCommand::List { environment } => list(context, environment.as_deref()).await,
        SecretCommand::Get(named) => {
            let secret = get(&context.client()?, &named.name, named.place.environment.as_deref()).await?;
            context.output.show(&secret, detail)
        }
        SecretCommand::Health(args) => health::run(context, args).await,
        SecretCommand::Versions(named) => versions(context, &named.name, named.place.environment.as_deref()).await,
        SecretCommand::Activate { name, version, place } => {
            let body = ActivateSecret { version, environment: place.environment };
            let path = format!("{}/activate", path(&name)?);
            let secret: Secret = context.client()?.call(Method::POST, &path, &body).await?;
            context.output.show(&secret, |secret| format!("Activated version {version} of {}", place_of(secret)))
        }
        SecretCommand::Rotate(args) => rotator::rotate(context, args).await,
        SecretCommand::Rotator(command) => rotator::run(context, command).await,
        SecretCommand::Rotation(command) => rotator::rotations(context, command).await,
        SecretCommand::Check(named) => check(context, named).await,
        SecretCommand::Matrix => environment::matrix(context).await,
        SecretCommand::Share { name, environment, from } => environment::share(context, &name, environment, from).await,
        SecretCommand::Destroy { name, version, place, yes } => {
            destroy(context, &name, DestroyVersion { version, environment: place.environment }, yes).await
        }
        SecretCommand::Delete { named, yes } => {
            delete(context, &named.name, named.place.environment.as_deref(), yes).await
        }
        SecretCommand::Request(args) => request::create(context, args).await,
        SecretCommand::Requests(command) => request::run(context, command).await,
    }
}

fn path(name: &str) -> Done<String> {
    Ok(format!("/api/v1/secrets/{}", segment(name)?))
}

/// What the API's `PutSecret` reads. Borrows the value, so that it stands in memory once here and once in the request.
#[derive(Serialize)]
struct PutBody<'a> {
    value: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    environment: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hosts: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_note: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rotate_after_days: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rotate_by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    publishable: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    overlap: Option<&'a str>,
}

async fn put(context: &Context, args: Put) -> Done {
    if !args.extra.is_empty() || args.value.is_some() || args.name.contains('=') {
        return Err(value_in_argv("secret put"));
    }
    // Before the value is asked for: nobody should type one for a name that is refused or a server that is not named.
    let name = SecretName::parse(&args.name)?;
    let client = context.client()?;
    let method = if args.keep_value { Method::PATCH } else { Method::PUT };
    let mut request = client.request(method, &path(name.as_str())?)?;
    match args.if_version {
        Some(0) => request = request.header(IF_NONE_MATCH, "*"),
        Some(version) => request = request.header(IF_MATCH, etag_of(&client, &args, version).await?),
        None => {}
    }
    if args.keep_value {
        let secret: Secret = client.send_json(request, &change(args)).await?;
        return context.output.show(&secret, |secret| format!("Changed the settings of {}", place_of(secret)));
    }
    let value = input::value(&name)?;
    let stored: StoredSecret = client.call_sensitive(request, body(&args, &value)?).await?;
    if args.hosts.is_empty() && stored.secret.delivery == "brokered" {
        context.output.note(&format!("Its value goes only to {}", clean(&stored.secret.hosts.join(", "))));
    }
    if let Some(previous) = &stored.secret.previous {
        context.output.note(&format!(
            "Functions also get version {} as {}_PREVIOUS, which ends {}",
            previous.version,
            clean(&stored.secret.name),
            ago(&previous.until)
        ));
    }
    context.output.show(&stored, stored_words)?;
    tell(context, &stored.warnings);
    Ok(())
}

fn stored_words(stored: &StoredSecret) -> String {
    let secret = &stored.secret;
    let (place, mask) = (place_of(secret), clean(&secret.mask));
    match stored.outcome.as_str() {
        "same" => format!("{place} has this value already, as version {}: {mask}", secret.version),
        "settings" => {
            format!("{place} has this value already, as version {}: {mask}; its settings changed", secret.version)
        }
        _ => format!("Stored {place} as version {}: {mask}", secret.version),
    }
}

/// Says what may be wrong with a value. With `--json` it is in the answer.
pub(super) fn tell(context: &Context, warnings: &[Warning]) {
    for warning in warnings {
        let better = warning.suggestion.as_ref().map(|name| format!("; better: {}", clean(name))).unwrap_or_default();
        let text = format!("{}{better}", clean(&warning.detail));
        match (context.output.is_json(), warning.severity.as_str()) {
            (true, _) => {}
            (false, "warning") => context.output.warn(&text),
            (false, _) => context.output.note(&format!("note: {text}")),
        }
    }
}

/// The settings of a put that keeps the value.
fn change(args: Put) -> ChangeSecret {
    ChangeSecret {
        environment: args.place.environment,
        note: args.note,
        version_note: args.version_note,
        rotate_after_days: args.rotate_after_days.map(|days| Some(days).filter(|days| *days > 0)),
        rotate_by: args.rotate_by.map(|day| Some(day).filter(|day| day != "never")),
        publishable: args.publishable,
        overlap: args.overlap.map(|time| Some(time).filter(|time| time != "none")),
    }
}

/// The ETag of `version`, if that is the current one: the server compares it again when it stores.
async fn etag_of(client: &Client, args: &Put, version: u64) -> Done<HeaderValue> {
    let query = [("environment", args.place.environment.as_deref())];
    let (secret, etag): (Secret, _) = client.get_with_etag(&path(&args.name)?, &query).await?;
    if secret.version != version {
        let what = format!("{} is at version {}, not {version}", place_of(&secret), secret.version);
        return Err(Failure::new(Exit::Conflict, "version_mismatch", what)
            .hint("someone changed it: look at it with `tresor secret get`, then repeat"));
    }
    etag.ok_or_else(|| Failure::failed("answer_unknown", "the server named no ETag for the secret"))
}

fn body(args: &Put, value: &Value) -> Done<Zeroizing<Vec<u8>>> {
    let body = PutBody {
        value: value.expose(),
        environment: args.place.environment.as_deref(),
        delivery: args.delivery.as_deref(),
        hosts: (!args.hosts.is_empty()).then_some(&args.hosts),
        note: args.note.as_deref(),
        version_note: args.version_note.as_deref(),
        rotate_after_days: args.rotate_after_days,
        rotate_by: args.rotate_by.as_deref(),
        publishable: args.publishable,
        overlap: args.overlap.as_deref(),
    };
    // JSON writes a byte as six at most. The buffer must not grow: growing leaves a copy behind.
    let others = [&args.note, &args.version_note, &args.rotate_by, &args.overlap]
        .into_iter()
        .flatten()
        .map(String::len)
        .sum::<usize>()
        + args.hosts.iter().map(|host| host.len() + 3).sum::<usize>()
        + 1_024;
    let mut bytes = Zeroizing::new(Vec::with_capacity(6 * (value.expose().len() + others)));
    // serde_json's own error could quote what it was writing.
    serde_json::to_writer(&mut *bytes, &body)
        .map_err(|_| Failure::failed("internal", "could not write the request"))?;
    Ok(bytes)
}

async fn get(client: &Client, name: &str, environment: Option<&str>) -> Done<Secret> {
    client.get(&path(name)?, &[("environment", environment)]).await
}

async fn list(context: &Context, environment: Option<&str>) -> Done {
    let page = context.client()?.list::<Secret>("/api/v1/secrets", &[("environment", environment)], None).await?;
    if page.items.is_empty() {
        context.output.note("No secrets yet. Put one: tresor secret put NAME");
    }
    context.output.show(&page, |page| {
        let mut table = Table::new(["NAME", "ENVIRONMENT", "MASK", "VERSION", "UPDATED", "LAST USED"]);
        for secret in &page.items {
            table.row([
                secret.name.clone(),
                secret.environment.clone(),
                if secret.state == "pending" { "pending".to_owned() } else { secret.mask.clone() },
                if secret.version > 0 { secret.version.to_string() } else { String::new() },
                ago(&secret.updated_at),
                secret.last_used_at.as_deref().map_or_else(|| "never".to_owned(), ago),
            ]);
        }
        table.render()
    })
}

fn detail(secret: &Secret) -> String {
    fields([
        ("name", Some(secret.name.clone())),
        ("environment", Some(secret.environment.clone())),
        ("mask", Some(secret.mask.clone())),
        ("value", (secret.state == "pending").then(|| "none yet".to_owned())),
        ("shared from", secret.shared_from.clone()),
        ("version", (secret.version > 0).then(|| secret.version.to_string())),
        ("delivery", Some(secret.delivery.clone())),
        ("hosts", Some(secret.hosts.join(", "))),
        ("publishable", secret.publishable.then(|| "yes: functions may return it".to_owned())),
        ("note", Some(secret.note.clone())),
        ("rotate", secret.rotate_after_days.map(|days| format!("after {days} days"))),
        ("rotate by", secret.rotate_by.as_deref().map(ago)),
        ("overlap", secret.overlap.clone()),
        (
            "previous",
            secret.previous.as_ref().map(|other| format!("version {}, ends {}", other.version, ago(&other.until))),
        ),
        ("created", Some(format!("{} by {}", ago(&secret.created_at), secret.created_by))),
        ("updated", Some(format!("{} by {}", ago(&secret.updated_at), secret.updated_by))),
        ("last used", Some(secret.last_used_at.as_deref().map_or_else(|| "never".to_owned(), ago))),
        ("functions", Some(if secret.functions.is_empty() { "none".to_owned() } else { secret.functions.join(", ") })),
    ])
}

async fn versions(context: &Context, name: &str, environment: Option<&str>) -> Done {
    let path = format!("{}/versions", path(name)?);
    let page = context.client()?.list::<SecretVersion>(&path, &[("environment", environment)], None).await?;
    context.output.show(&page, |page| {
        let mut table = Table::new(["VERSION", "MASK", "CREATED", "BY", "STATE", "NOTE"]);
        for version in &page.items {
            let state = match (version.current, &version.destroyed_at) {
                (true, _) => "current",
                (false, Some(_)) => "destroyed",
                (false, None) => "",
            };
            table.row([
                version.version.to_string(),
                version.mask.clone(),
                ago(&version.created_at),
                version.created_by.clone(),
                state.to_owned(),
                version.note.clone(),
            ]);
        }
        table.render()
    })
}

async fn check(context: &Context, named: Named) -> Done {
    let body = CheckSecret { environment: named.place.environment };
    let check: Check = context.client()?.call(Method::POST, &format!("{}/check", path(&named.name)?), &body).await?;
    show_check(context, &named.name, &check)
}

/// Shows what a provider said; a failure unless the value works.
pub(super) fn show_check(context: &Context, what: &str, check: &Check) -> Done {
    let status = check.status.map_or_else(String::new, |status| format!(" ({status})"));
    context.output.show(check, |check| clean(&format!("{what}: {}: {}{status}", check.verdict, check.detail)))?;
    match check.verdict.as_str() {
        "valid" => Ok(()),
        "invalid" => Err(Failure::failed("value_invalid", format!("the provider refuses {what}"))),
        _ => Err(Failure::failed("value_unknown", format!("whether {what} works is not known"))),
    }
}

async fn destroy(context: &Context, name: &str, body: DestroyVersion, yes: bool) -> Done {
    let place = clean(body.environment.as_deref().unwrap_or("production"));
    let question =
        format!("Destroy version {} of {} in {place}? Its value is gone for good then.", body.version, clean(name));
    input::confirm(context.output, yes, &question)?;
    let path = format!("{}/destroy", path(name)?);
    let version: SecretVersion = context.client()?.call(Method::POST, &path, &body).await?;
    context
        .output
        .show(&version, |version| format!("Destroyed version {} of {} in {place}", version.version, clean(name)))
}

async fn delete(context: &Context, name: &str, environment: Option<&str>, yes: bool) -> Done {
    let client = context.client()?;
    if !yes {
        let secret = get(&client, name, environment).await?;
        let users = match secret.functions.as_slice() {
            [] => "No function names it in its source.".to_owned(),
            functions => format!("These functions use it: {}.", clean(&functions.join(", "))),
        };
        let question = format!("Delete {} with all its versions? {users}", place_of(&secret));
        input::confirm(context.output, yes, &question)?;
    }
    client.delete(&path(name)?, &[("environment", environment)]).await?;
    context.output.note(&format!("Deleted {name}"));
    Ok(())
}

fn place_of(secret: &Secret) -> String {
    format!("{} in {}", clean(&secret.name), clean(&secret.environment))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use domain::Value;

    use super::body;
    use crate::cli::{Cli, Command, SecretCommand};

    #[test]
    fn the_request_buffer_never_grows() {
        let cli = Cli::try_parse_from(["tresor", "secret", "put", "A", "--note", "\u{1}\u{1}", "--host", "a.example"])
            .unwrap();
        let Command::Secret(SecretCommand::Put(args)) = cli.command else { panic!("another command") };
        let value = Value::new("\u{1}".repeat(domain::limits::VALUE_BYTES)).unwrap();
        let bytes = body(&args, &value).unwrap();
        assert!(bytes.len() > 6 * domain::limits::VALUE_BYTES);
        assert_eq!(bytes.capacity(), 6 * (domain::limits::VALUE_BYTES + 2 + 12 + 1_024));
        let parsed: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!((parsed["value"].as_str(), parsed["hosts"][0].as_str()), (Some(value.expose()), Some("a.example")));
    }
}
