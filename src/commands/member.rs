//! `tresor member …`, `tresor group …` and `tresor issuer …`.

use reqwest::Method;
use server::wire::{Group, Issuer, Member, PutGroup, PutIssuer, PutMember};

use super::Context;
use crate::cli::{GroupCommand, IssuerCommand, IssuerPut, MemberCommand};
use crate::client::segment;
use crate::failure::{Done, Failure};
use crate::output::clean;
use crate::table::Table;
use crate::time::ago;

pub(super) async fn member(context: &Context, command: MemberCommand) -> Done {
    match command {
        MemberCommand::List => {
            let page = context.client()?.list::<Member>("/api/v1/members", &[], None).await?;
            context.output.show(&page, |page| {
                let mut table = Table::new(["NAME", "ROLE", "GROUPS", "JWT", "CREATED"]);
                for member in &page.items {
                    let jwt = member.issuer.as_ref().zip(member.subject.as_ref());
                    table.row([
                        member.name.clone(),
                        member.role.clone(),
                        or_dash(&member.groups),
                        jwt.map_or_else(|| "-".to_owned(), |(issuer, subject)| format!("{issuer}/{subject}")),
                        ago(&member.created_at),
                    ]);
                }
                table.render()
            })
        }
        MemberCommand::Put(args) => {
            let path = format!("/api/v1/members/{}", segment(&args.name)?);
            let body = PutMember { role: Some(args.role), issuer: args.issuer, subject: args.subject };
            let member: Member = context.client()?.call(Method::PUT, &path, &body).await?;
            context
                .output
                .show(&member, |member| format!("Member {} is a {}", clean(&member.name), clean(&member.role)))?;
            let hint =
                "make a token for the member with `tresor token create NAME --member MEMBER --scope functions:invoke`";
            if member.issuer.is_none() {
                context.output.hint(hint);
            }
            Ok(())
        }
        MemberCommand::Delete { name } => delete(context, "members", &name).await,
    }
}

pub(super) async fn group(context: &Context, command: GroupCommand) -> Done {
    match command {
        GroupCommand::List => {
            let page = context.client()?.list::<Group>("/api/v1/groups", &[], None).await?;
            context.output.show(&page, |page| {
                let mut table = Table::new(["NAME", "MEMBERS", "FUNCTIONS", "CREATED"]);
                for group in &page.items {
                    table.row([
                        group.name.clone(),
                        or_dash(&group.members),
                        or_dash(&group.functions),
                        ago(&group.created_at),
                    ]);
                }
                table.render()
            })
        }
        GroupCommand::Put { name, members } => {
            let path = format!("/api/v1/groups/{}", segment(&name)?);
            let group: Group = context.client()?.call(Method::PUT, &path, &PutGroup { members }).await?;
            context.output.show(&group, |group| {
                format!("Group {} has these members: {}", clean(&group.name), clean(&or_dash(&group.members)))
            })?;
            if group.functions.is_empty() {
                context
                    .output
                    .hint(&format!("let it invoke a function: tresor function deploy … --access group:{name}"));
            }
            Ok(())
        }
        GroupCommand::Delete { name } => delete(context, "groups", &name).await,
    }
}

pub(super) async fn issuer(context: &Context, command: IssuerCommand) -> Done {
    match command {
        IssuerCommand::List => {
            let page = context.client()?.list::<Issuer>("/api/v1/issuers", &[], None).await?;
            context.output.show(&page, |page| {
                let mut table =
                    Table::new(["NAME", "ISSUER", "AUDIENCE", "ALGORITHMS", "KEYS", "ENVIRONMENTS", "CREATED"]);
                for issuer in &page.items {
                    let settings = &issuer.settings;
                    let secret = settings.secret.as_ref().map(|name| format!("secret {name}"));
                    table.row([
                        issuer.name.clone(),
                        settings.issuer.clone(),
                        settings.audience.clone(),
                        settings.algorithms.join(","),
                        settings.jwks_url.clone().or(secret).unwrap_or_else(|| "given".to_owned()),
                        settings.environments.as_ref().map_or_else(|| "all".to_owned(), |names| names.join(",")),
                        ago(&issuer.created_at),
                    ]);
                }
                table.render()
            })
        }
        IssuerCommand::Put(args) => put_issuer(context, args).await,
        IssuerCommand::Delete { name } => delete(context, "issuers", &name).await,
    }
}

async fn put_issuer(context: &Context, args: IssuerPut) -> Done {
    let path = format!("/api/v1/issuers/{}", segment(&args.name)?);
    let jwks = match &args.jwks {
        None => None,
        Some(file) => {
            let text = std::fs::read_to_string(file).map_err(|error| Failure::file("read", file, &error))?;
            let parsed = serde_json::from_str(&text);
            Some(parsed.map_err(|_| Failure::usage("jwks_invalid", format!("{}: this is not JSON", file.display())))?)
        }
    };
    let body = PutIssuer {
        issuer: args.issuer,
        audience: args.audience,
        algorithms: args.algorithms,
        jwks_url: args.jwks_url,
        jwks,
        secret: args.secret,
        groups_claim: args.groups_claim,
        environments: (!args.environments.is_empty()).then_some(args.environments),
    };
    let issuer: Issuer = context.client()?.call(Method::PUT, &path, &body).await?;
    context.output.show(&issuer, |issuer| {
        let (name, issuer, audience) = (&issuer.name, &issuer.settings.issuer, &issuer.settings.audience);
        format!("Issuer {}: JWTs of {} for {} may invoke functions", clean(name), clean(issuer), clean(audience))
    })
}

async fn delete(context: &Context, plural: &str, name: &str) -> Done {
    context.client()?.delete(&format!("/api/v1/{plural}/{}", segment(name)?), &[]).await?;
    context.output.note(&format!("Deleted {name}"));
    Ok(())
}

fn or_dash(names: &[String]) -> String {
    if names.is_empty() { "-".to_owned() } else { names.join(" ") }
}
