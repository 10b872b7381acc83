//! `tresor token …`, `tresor account …` and `tresor login`.

use domain::ScopeSet;
use reqwest::Method;
use server::wire::{Account, CreateAccount, CreateToken, CreatedAccount, CreatedToken, LoginLink, Token};

use super::Context;
use crate::cli::{AccountCommand, TokenCommand, TokenCreate};
use crate::client::segment;
use crate::failure::Done;
use crate::output::clean;
use crate::table::Table;
use crate::time::{ago, ago_or, now};

const ONCE: &str = "this is the only time it is shown; keep it in a password manager or a file with mode 0600";

pub(super) async fn token(context: &Context, command: TokenCommand) -> Done {
    match command {
        TokenCommand::Create(args) => create_token(context, args).await,
        TokenCommand::List => list_tokens(context).await,
        TokenCommand::Revoke { id } => {
            context.client()?.delete(&format!("/api/v1/tokens/{}", segment(&id)?), &[]).await?;
            context.output.note(&format!("Revoked {id}"));
            Ok(())
        }
    }
}

async fn create_token(context: &Context, args: TokenCreate) -> Done {
    let body = CreateToken {
        name: args.name,
        scopes: args.scopes,
        environments: (!args.environments.is_empty()).then_some(args.environments),
        member: args.member,
        format: args.format,
        expires_at: args.expires_in.map(|span| now().plus_millis(span).to_string()),
    };
    let created: CreatedToken = context.client()?.call(Method::POST, "/api/v1/tokens", &body).await?;
    context.output.show(&created, |created| clean(&created.token))?;
    context.output.hint(ONCE);
    Ok(())
}

async fn list_tokens(context: &Context) -> Done {
    let page = context.client()?.list::<Token>("/api/v1/tokens", &[], None).await?;
    context.output.show(&page, |page| {
        let mut table = Table::new(["NAME", "ID", "MEMBER", "SCOPES", "ENVIRONMENTS", "CREATED", "LAST USED", "STATE"]);
        for token in &page.items {
            let environments = token.environments.as_ref().map_or_else(|| "all".to_owned(), |names| names.join(","));
            table.row([
                token.name.clone(),
                token.id.clone(),
                token.member.clone().unwrap_or_else(|| "-".to_owned()),
                scopes(&token.scopes),
                environments,
                ago(&token.created_at),
                ago_or(token.last_used_at.as_deref(), "never"),
                state(token),
            ]);
        }
        table.render()
    })
}

/// The scopes that `admin` stands for are shown as that word, which `--scope` takes too.
fn scopes(scopes: &[String]) -> String {
    let admin = ScopeSet::admin();
    match ScopeSet::parse(scopes.iter().map(String::as_str)) {
        Ok(set) if admin.beyond(&set).is_empty() => {
            let more = set.beyond(&admin);
            std::iter::once("admin").chain(more.iter().map(|scope| scope.as_str())).collect::<Vec<_>>().join(" ")
        }
        _ => scopes.join(" "),
    }
}

fn state(token: &Token) -> String {
    if let Some(time) = &token.revoked_at {
        return format!("revoked {}", ago(time));
    }
    match token.expires_at.as_deref() {
        None => "works".to_owned(),
        Some(time) if domain::Timestamp::parse(time).is_some_and(|time| time <= now()) => {
            format!("expired {}", ago(time))
        }
        Some(time) => format!("expires {}", ago(time)),
    }
}

pub(super) async fn account(context: &Context, command: AccountCommand) -> Done {
    match command {
        AccountCommand::Create { name } => {
            let created: CreatedAccount =
                context.client()?.call(Method::POST, "/api/v1/accounts", &CreateAccount { name }).await?;
            context.output.show(&created, |created| clean(&created.token))?;
            context.output.note(&format!(
                "Made account {}; on stdout is its first token, with every scope of the account",
                clean(&created.account.name)
            ));
            context.output.hint(ONCE);
            Ok(())
        }
        AccountCommand::List => {
            let page = context.client()?.list::<Account>("/api/v1/accounts", &[], None).await?;
            context.output.show(&page, |page| names(page.items.iter().map(|item| (&item.name, &item.created_at))))
        }
    }
}

fn names<'a>(rows: impl Iterator<Item = (&'a String, &'a String)>) -> String {
    let mut table = Table::new(["NAME", "CREATED"]);
    for (name, created) in rows {
        table.row([name.clone(), ago(created)]);
    }
    table.render()
}

pub(super) async fn login(context: &Context) -> Done {
    let link: LoginLink = context.client()?.call_empty(Method::POST, "/api/v1/login-links").await?;
    context.output.show(&link, |link| clean(&link.url))?;
    context.output.hint(&format!("open it in a browser; it works once and expires {}", ago(&link.expires_at)));
    Ok(())
}
