//! `tresor provider …`.

use reqwest::Method;
use serde::Serialize;
use serde_json::Map;
use server::wire::{Check, Page, Provider, ProviderSecret, ProviderSuggestion, ProviderSummary};

use super::{Context, secret};
use crate::cli::{InEnvironment, ProviderCommand, value_in_argv};
use crate::client::segment;
use crate::failure::Done;
use crate::input;
use crate::table::{Table, fields};

pub(super) async fn run(context: &Context, command: ProviderCommand) -> Done {
    match command {
        ProviderCommand::List { query } => list(context, query.as_deref()).await,
        ProviderCommand::Get { id } => {
            let provider: Provider =
                context.client()?.get(&format!("/api/v1/providers/{}", segment(&id)?), &[]).await?;
            context.output.show(&provider, detail)
        }
        ProviderCommand::Suggest { extra } if extra.is_empty() => suggest(context).await,
        ProviderCommand::Suggest { .. } => Err(value_in_argv("provider suggest")),
        ProviderCommand::Check { extra, .. } if !extra.is_empty() => Err(value_in_argv("provider check")),
        ProviderCommand::Check { id, name, place, .. } => check(context, &id, name, place).await,
    }
}

async fn list(context: &Context, query: Option<&str>) -> Done {
    let page: Page<ProviderSummary> = context.client()?.get("/api/v1/providers", &[("q", query)]).await?;
    if page.items.is_empty() {
        context.output.note("No provider matches; a secret of any other service is stored just the same");
    }
    context.output.show(&page, |page| {
        let mut table = Table::new(["ID", "NAME", "CATEGORIES", "SECRETS"]);
        for provider in &page.items {
            table.row([
                provider.id.clone(),
                provider.name.clone(),
                provider.categories.join(","),
                provider.secrets.join(" "),
            ]);
        }
        table.render()
    })
}

fn detail(provider: &Provider) -> String {
    let head = fields([
        ("id", Some(provider.id.clone())),
        ("name", Some(provider.name.clone())),
        ("categories", Some(provider.categories.join(", "))),
        ("website", Some(provider.website.clone())),
    ]);
    let secrets = provider.secrets.iter().map(|secret| format!("\n\n{}", secret_detail(secret)));
    std::iter::once(head).chain(secrets).collect()
}

fn secret_detail(secret: &ProviderSecret) -> String {
    let obtain = match &secret.obtain_url {
        Some(url) => format!("{url} ({})", secret.obtain_help),
        None => secret.obtain_help.clone(),
    };
    let kind = if secret.kind == "secret" { secret.what.clone() } else { format!("{} ({})", secret.what, secret.kind) };
    fields([
        ("secret", secret.names.first().cloned()),
        ("also", Some(secret.names.get(1..).unwrap_or_default().join(" "))),
        ("what", Some(kind)),
        ("format", secret.format.clone()),
        ("begins", Some(secret.prefixes.join(" "))),
        ("test keys", Some(secret.test_prefixes.join(" "))),
        ("live keys", Some(secret.live_prefixes.join(" "))),
        ("mask", Some(secret.mask.clone())),
        ("hosts", Some(secret.hosts.join(" "))),
        ("get one", Some(obtain)),
        ("rotate", Some(secret.rotate.clone())),
        ("can be checked", secret.can_check.then(|| "yes".to_owned())),
    ])
}

async fn suggest(context: &Context) -> Done {
    let client = context.client()?;
    let value = input::any_value("Value")?;
    let request = client.request(Method::POST, "/api/v1/providers/suggest")?;
    let body = input::with_value(&value, &Map::new())?;
    let page: Page<ProviderSuggestion> = client.call_sensitive(request, body).await?;
    if page.items.is_empty() {
        context.output.note("It does not tell what it is; name it after the service that it is for");
    }
    context.output.show(&page, |page| {
        let mut table = Table::new(["NAME", "PROVIDER", "WHAT", "MODE", "FIT"]);
        for found in &page.items {
            let what =
                if found.kind == "secret" { found.what.clone() } else { format!("{} ({})", found.what, found.kind) };
            table.row([
                found.name.clone(),
                found.provider_name.clone(),
                what,
                found.mode.clone().unwrap_or_default(),
                if found.certain { "whole" } else { "beginning" }.to_owned(),
            ]);
        }
        table.render()
    })
}

async fn check(context: &Context, id: &str, name: Option<String>, place: InEnvironment) -> Done {
    /// What the API's `CheckValue` reads beside the value.
    #[derive(Serialize)]
    struct More {
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        environment: Option<String>,
    }
    let client = context.client()?;
    let request = client.request(Method::POST, &format!("/api/v1/providers/{}/check", segment(id)?))?;
    let value = input::any_value("Value")?;
    let body = input::with_value(&value, &More { name, environment: place.environment })?;
    let check: Check = client.call_sensitive(request, body).await?;
    secret::show_check(context, id, &check)
}
