//! `tresor environment …`, and what goes across environments: `tresor secret matrix` and `tresor secret share`.

use reqwest::Method;
use server::wire::{
    CloneEnvironment, ClonedEnvironment, Environment, MatrixCell, MatrixRow, Page, Secret, SecretMatrix, ShareSecret,
    StoredSecret,
};

use super::{Context, secret};
use crate::cli::EnvironmentCommand;
use crate::client::segment;
use crate::failure::Done;
use crate::input;
use crate::output::clean;
use crate::table::Table;
use crate::time::ago;

pub(super) async fn environment(context: &Context, command: EnvironmentCommand) -> Done {
    match command {
        EnvironmentCommand::List => {
            let page = context.client()?.list::<Environment>("/api/v1/environments", &[], None).await?;
            context.output.show(&page, |page| {
                let mut table = Table::new(["NAME", "CREATED", "SUPABASE REF"]);
                for item in &page.items {
                    table.row([item.name.clone(), ago(&item.created_at), item.supabase_ref.clone()]);
                }
                table.render()
            })
        }
        EnvironmentCommand::Put { name } => {
            let environment: Environment = context.client()?.call_empty(Method::PUT, &path(&name)?).await?;
            context
                .output
                .show(&environment, |environment| format!("Environment {} is there", clean(&environment.name)))
        }
        EnvironmentCommand::Clone { from, to } => {
            let path = format!("{}/clone", path(&from)?);
            let cloned: ClonedEnvironment =
                context.client()?.call(Method::POST, &path, &CloneEnvironment { to }).await?;
            context.output.show(&cloned, |cloned| {
                let name = clean(&cloned.environment.name);
                match cloned.slots.as_slice() {
                    [] => format!("{name} has every name of {} already", clean(&from)),
                    slots => format!("Pending in {name}: {}", clean(&slots.join(", "))),
                }
            })?;
            if !cloned.slots.is_empty() {
                context.output.hint("put their values: tresor secret put NAME -e ENV; see tresor secret matrix");
            }
            Ok(())
        }
        EnvironmentCommand::Delete { name, anyway, yes } => delete(context, &name, anyway, yes).await,
    }
}

fn path(name: &str) -> Done<String> {
    Ok(format!("/api/v1/environments/{}", segment(name)?))
}

async fn delete(context: &Context, name: &str, anyway: bool, yes: bool) -> Done {
    let client = context.client()?;
    if !yes {
        let secrets: Page<Secret> = client.list("/api/v1/secrets", &[("environment", Some(name))], None).await?;
        let held = match secrets.items.len() {
            0 => "It has no secrets.".to_owned(),
            1 => "Its one secret goes with it.".to_owned(),
            count => format!("Its {count} secrets go with it."),
        };
        let question = format!("Delete the environment {}? {held}", clean(name));
        input::confirm(context.output, yes, &question)?;
    }
    client.delete(&path(name)?, &[("anyway", anyway.then_some("true"))]).await?;
    context.output.note(&format!("Deleted the environment {}", clean(name)));
    Ok(())
}

pub(super) async fn share(context: &Context, name: &str, environment: String, from: String) -> Done {
    let path = format!("/api/v1/secrets/{}/share", segment(name)?);
    let body = ShareSecret { environment, from: Some(from) };
    let stored: StoredSecret = context.client()?.call(Method::POST, &path, &body).await?;
    context.output.show(&stored, |StoredSecret { secret, .. }| {
        let from = clean(secret.shared_from.as_deref().unwrap_or_default());
        format!(
            "{} in {} uses the value of {from}: {}",
            clean(&secret.name),
            clean(&secret.environment),
            clean(&secret.mask)
        )
    })?;
    secret::tell(context, &stored.warnings);
    Ok(())
}

pub(super) async fn matrix(context: &Context) -> Done {
    let client = context.client()?;
    let mut whole: SecretMatrix = client.get("/api/v1/secrets/matrix", &[("limit", Some("500"))]).await?;
    while let Some(cursor) = whole.next_cursor.take() {
        let query = [("limit", Some("500")), ("cursor", Some(cursor.as_str()))];
        let page: SecretMatrix = client.get("/api/v1/secrets/matrix", &query).await?;
        whole.items.extend(page.items);
        // The same cursor again would never end.
        whole.next_cursor = page.next_cursor.filter(|next| *next != cursor);
    }
    if whole.items.is_empty() {
        context.output.note("No secrets yet. Put one: tresor secret put NAME");
    }
    context.output.show(&whole, |whole| {
        let headings = whole.environments.iter().map(|name| name.to_uppercase());
        let mut table = Table::of(std::iter::once("NAME".to_owned()).chain(headings).collect());
        for row in &whole.items {
            table.cells(line(row));
        }
        table.render()
    })
}

fn line(row: &MatrixRow) -> Vec<String> {
    std::iter::once(row.name.clone()).chain(row.cells.iter().map(cell)).collect()
}

/// In a cell: the mask, where there is a value; else who misses it.
fn cell(cell: &MatrixCell) -> String {
    let mask = cell.mask.clone().unwrap_or_default();
    let wanted = match cell.functions.as_slice() {
        [] => String::new(),
        names => format!(", wanted by {}", names.join(" ")),
    };
    match (cell.state.as_str(), &cell.shared_from) {
        ("set", _) => mask,
        ("shared", Some(from)) => format!("{mask} of {from}"),
        (state, _) => format!("{state}{wanted}"),
    }
}
