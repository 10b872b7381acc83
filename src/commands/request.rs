//! `tresor secret request …`: asking a person for a value. It never passes through here: it is entered in the admin UI.

use reqwest::Method;
use server::wire::{CreateSecretRequest, SecretRequest};

use super::Context;
use crate::cli::{Request, RequestsCommand};
use crate::client::{Client, segment};
use crate::failure::{Done, Exit, Failure};
use crate::output::{clean, lines};
use crate::table::{Table, fields};
use crate::time::ago;

const PATH: &str = "/api/v1/secret-requests";
/// How long one call waits for an answer, in seconds.
const WAIT: &str = "50";

pub(super) async fn create(context: &Context, args: Request) -> Done {
    let client = context.client()?;
    let body = CreateSecretRequest {
        name: args.name,
        reason: args.reason,
        environment: args.place.environment,
        obtain_url: args.obtain_url,
    };
    let request: SecretRequest = client.call(Method::POST, PATH, &body).await?;
    if !args.wait {
        context.output.show(&request, |request| clean(&request.url))?;
        context.output.hint(&format!(
            "a person who is logged in opens this link and enters {}; see how it went: tresor secret requests get {}",
            clean(&request.name),
            clean(&request.id)
        ));
        return Ok(());
    }
    context.output.note(&format!("Waiting for somebody to enter {} at {}", clean(&request.name), clean(&request.url)));
    wait(context, &client, request).await
}

/// Asks for secrets that a deployment lacks, and prints where they are to be entered.
pub(super) async fn create_missing(
    context: &Context,
    client: &Client,
    function: &str,
    names: &[String],
    environment: Option<&str>,
) -> Done {
    for name in names {
        let body = CreateSecretRequest {
            name: name.clone(),
            reason: format!("The function {function} reads it."),
            environment: environment.map(str::to_owned),
            obtain_url: None,
        };
        let request: SecretRequest = client.call(Method::POST, PATH, &body).await?;
        context.output.note(&format!("Asked for {}: {}", clean(&request.name), clean(&request.url)));
    }
    Ok(())
}

pub(super) async fn run(context: &Context, command: RequestsCommand) -> Done {
    let client = context.client()?;
    match command {
        RequestsCommand::List { all, environment } => {
            let open = (!all).then_some("true");
            let query = [("open", open), ("environment", environment.as_deref())];
            let page = client.list::<SecretRequest>(PATH, &query, None).await?;
            if page.items.is_empty() {
                context.output.note("Nobody waits for a secret");
            }
            context.output.show(&page, |page| {
                let mut table = Table::new(["SECRET", "ENVIRONMENT", "STATUS", "ASKED FOR BY", "CREATED", "ID"]);
                for request in &page.items {
                    table.row([
                        request.name.clone(),
                        request.environment.clone(),
                        request.status.clone(),
                        request.created_by.clone(),
                        ago(&request.created_at),
                        request.id.clone(),
                    ]);
                }
                table.render()
            })
        }
        RequestsCommand::Get { id, wait: false } => {
            let request: SecretRequest = client.get(&path(&id)?, &[]).await?;
            context.output.show(&request, detail)
        }
        RequestsCommand::Get { id, wait: true } => {
            let request: SecretRequest = client.get(&path(&id)?, &[]).await?;
            wait(context, &client, request).await
        }
        RequestsCommand::Decline { id } => end(context, &client, &id, "decline").await,
        RequestsCommand::Cancel { id } => end(context, &client, &id, "cancel").await,
    }
}

fn path(id: &str) -> Done<String> {
    Ok(format!("{PATH}/{}", segment(id)?))
}

async fn end(context: &Context, client: &Client, id: &str, verb: &str) -> Done {
    let request: SecretRequest = client.call_empty(Method::POST, &format!("{}/{verb}", path(id)?)).await?;
    context.output.show(&request, |request| format!("The request for {} is {}", clean(&request.name), request.status))
}

/// Waits for the end of a request, and fails if no value was stored.
async fn wait(context: &Context, client: &Client, mut request: SecretRequest) -> Done {
    let path = path(&request.id)?;
    while request.status == "pending" {
        request = client.get(&path, &[("wait", Some(WAIT))]).await?;
    }
    let ended = format!("{} in {} was {}", clean(&request.name), clean(&request.environment), clean(&request.status));
    if request.status == "fulfilled" {
        return context.output.show(&request, |_| ended);
    }
    Err(Failure::new(Exit::Failed, "request_ended", ended))
}

fn detail(request: &SecretRequest) -> String {
    fields([
        ("id", Some(request.id.clone())),
        ("secret", Some(request.name.clone())),
        ("environment", Some(request.environment.clone())),
        ("status", Some(request.status.clone())),
        ("reason", Some(lines(&request.reason).replace('\n', " "))),
        ("get it at", request.obtain_url.clone()),
        ("link", Some(request.url.clone())),
        ("created", Some(format!("{} by {}", ago(&request.created_at), request.created_by))),
        ("expires", Some(ago(&request.expires_at))),
        ("ended", request.resolved_at.as_deref().map(ago)),
    ])
}
