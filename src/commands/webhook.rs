//! `tresor webhook …`.

use reqwest::Method;
use server::wire::{PutWebhook, PutWebhookAnswer, RotateWebhook, Webhook, WebhookTest};

use super::Context;
use crate::cli::WebhookCommand;
use crate::client::segment;
use crate::failure::{Done, Failure};
use crate::output::clean;
use crate::table::Table;
use crate::time::ago;

pub(super) async fn run(context: &Context, command: WebhookCommand) -> Done {
    let client = context.client()?;
    match command {
        WebhookCommand::List => {
            let page = client.list::<Webhook>("/api/v1/webhooks", &[], None).await?;
            if page.items.is_empty() {
                context.output.note("No webhooks yet. Make one: tresor webhook put NAME ADDRESS --event EVENT");
            }
            context.output.show(&page, |page| {
                let mut table = Table::new(["NAME", "STATE", "EVENTS", "LAST TAKEN", "WAITING", "URL"]);
                for webhook in &page.items {
                    table.row([
                        webhook.name.clone(),
                        state(webhook),
                        webhook.events.join(" "),
                        webhook.told_at.as_deref().map_or_else(|| "never".to_owned(), ago),
                        webhook.waiting.to_string(),
                        webhook.url.clone(),
                    ]);
                }
                table.render()
            })
        }
        WebhookCommand::Put { name, address, events } => {
            let answer: PutWebhookAnswer =
                client.call(Method::PUT, &path(&name)?, &PutWebhook { url: address, events }).await?;
            if answer.signing_key.is_some() {
                context.output.hint("keep the key where messages are received: it is not shown again");
            }
            context.output.show(&answer, |answer| match &answer.signing_key {
                Some(key) => clean(key),
                None => format!("Changed the webhook {}; its key is as it was", clean(&answer.webhook.name)),
            })
        }
        WebhookCommand::Test { name } => {
            let tried: WebhookTest =
                client.call(Method::POST, &format!("{}/test", path(&name)?), &serde_json::json!({})).await?;
            context.output.show(&tried, |tried| clean(&format!("{name}: {}", tried.detail)))?;
            match tried.taken {
                true => Ok(()),
                false => Err(Failure::failed("webhook_not_taken", format!("{name} did not take the message"))),
            }
        }
        WebhookCommand::Rotate { name, overlap } => {
            let input = RotateWebhook { overlap: Some(Some(overlap).filter(|time| time != "none")) };
            let answer: PutWebhookAnswer =
                client.call(Method::POST, &format!("{}/rotate", path(&name)?), &input).await?;
            context.output.hint(&match &answer.webhook.previous_until {
                Some(until) => format!(
                    "put the key where messages are received by {}: until then they are signed with the one before too; it is not shown again",
                    clean(until)
                ),
                None => "put the key where messages are received: the one before is out of use; it is not shown again".to_owned(),
            });
            context.output.show(&answer, |answer| clean(answer.signing_key.as_deref().unwrap_or_default()))
        }
        WebhookCommand::Delete { name } => {
            client.delete(&path(&name)?, &[]).await?;
            context.output.note(&format!("Deleted {name}"));
            Ok(())
        }
    }
}

fn path(name: &str) -> Done<String> {
    Ok(format!("/api/v1/webhooks/{}", segment(name)?))
}

fn state(webhook: &Webhook) -> String {
    match (&webhook.disabled_at, &webhook.problem) {
        (Some(time), _) => format!("disabled {}", ago(time)),
        (None, Some(problem)) => problem.clone(),
        (None, None) => "works".to_owned(),
    }
}
