//! `tresor function …`, but for `invoke`, which speaks to the gateway and not to the API.

use std::io::IsTerminal as _;

use reqwest::Method;
use server::wire::{
    Deployment, Egress, Function, FunctionDetail, Invocation, LogLine, Page, PutFunction, Rollback, Secrets,
};

use super::{Context, invoke, request, tail};
use crate::cli::{Deploy, FunctionCommand};
use crate::client::segment;
use crate::failure::Done;
use crate::input;
use crate::output::{clean, lines};
use crate::table::{Table, fields};
use crate::time::ago;
use crate::upload::{self, Upload};

pub(super) async fn run(context: &Context, command: FunctionCommand) -> Done {
    match command {
        FunctionCommand::Deploy(args) => deploy(context, args).await,
        FunctionCommand::List => list(context).await,
        FunctionCommand::Get { name, source, number } => get(context, &name, source, number).await,
        FunctionCommand::Rollback { name, number, place } => {
            let body = Rollback { number, environment: place.environment };
            let path = format!("{}/rollback", path(&name)?);
            let deployment: Deployment = context.client()?.call(Method::POST, &path, &body).await?;
            context.output.show(&deployment, |deployment| active(deployment, "Rolled back to"))
        }
        FunctionCommand::Delete { name, yes } => delete(context, &name, yes).await,
        FunctionCommand::Invoke(args) => invoke::run(context, args).await,
        FunctionCommand::Logs { name, follow: true, .. } => tail::follow(context, &name).await,
        FunctionCommand::Logs { name, invocation, limit, .. } => {
            logs(context, &name, invocation.as_deref(), limit).await
        }
        FunctionCommand::Egress { name, invocation, limit } => {
            egress(context, &name, invocation.as_deref(), limit).await
        }
        FunctionCommand::Invocations { name, environment, limit } => {
            invocations(context, &name, environment.as_deref(), limit).await
        }
    }
}

/// The function's path in the API.
pub(super) fn path(name: &str) -> Done<String> {
    Ok(format!("/api/v1/functions/{}", segment(name)?))
}

async fn deploy(context: &Context, args: Deploy) -> Done {
    let path = path(&args.name)?;
    let mut body = PutFunction {
        access: args.access,
        secrets: args.secrets.as_deref().map(secrets),
        environment: args.place.environment,
        timeout_seconds: args.timeout_seconds,
        memory_mib: args.memory_mib,
        cors_origins: Some(args.cors_origins).filter(|origins| !origins.is_empty()),
        egress: Some(args.egress).filter(|hosts| !hosts.is_empty()),
        tcp: Some(args.tcp).filter(|endpoints| !endpoints.is_empty()),
        response_guard: args.response_guard,
        cpu_seconds: args.cpu_seconds,
        response_mib: args.response_mib,
        concurrency: args.concurrency,
        ..PutFunction::default()
    };
    match upload::read(&args.file, args.entry.as_deref())? {
        Upload::Source(source) => body.source = Some(source),
        Upload::Files(files, entry) => (body.files, body.entry) = (Some(files), Some(entry)),
    }
    let place = body.environment.as_deref().map(|environment| format!(" -e {environment}")).unwrap_or_default();
    let client = context.client()?;
    let deployment: Deployment = client.call(Method::PUT, &path, &body).await?;
    context.output.show(&deployment, |deployment| active(deployment, "Deployed"))?;
    for name in &deployment.missing_secrets {
        context.output.hint(&format!("the code reads {name}, which it does not get: tresor secret put {name}{place}"));
    }
    let missing = absent(&deployment);
    if args.request_missing || (!missing.is_empty() && offer(context)?) {
        let environment = body.environment.as_deref();
        request::create_missing(context, &client, &deployment.function, &missing, environment).await?;
    } else if !missing.is_empty() {
        context.output.hint("or let somebody enter what is missing: deploy again with --request-missing");
    }
    context.output.hint(&format!("try it: tresor function invoke {}{place}", args.name));
    Ok(())
}

/// The secrets that a request could bring: those that the deployment would get if they were there.
fn absent(deployment: &Deployment) -> Vec<String> {
    let gets = |name: &String| match &deployment.secrets {
        Secrets::Word(_) => true,
        Secrets::Names(names) => names.contains(name),
    };
    deployment.missing_secrets.iter().filter(|name| gets(name)).cloned().collect()
}

/// Whether the person at the terminal wants to ask somebody for what is missing; without one, no.
fn offer(context: &Context) -> Done<bool> {
    if context.output.is_json() || !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Ok(false);
    }
    context.output.confirm("Ask the people of the account to enter what is missing?")
}

/// `none` cannot be a secret's name: those are in capital letters.
fn secrets(text: &str) -> Secrets {
    match text {
        "all" | "referenced" => Secrets::Word(text.to_owned()),
        "none" => Secrets::Names(Vec::new()),
        names => Secrets::Names(
            names.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect(),
        ),
    }
}

fn active(deployment: &Deployment, done: &str) -> String {
    let places =
        if deployment.active_in.is_empty() { "nowhere".to_owned() } else { clean(&deployment.active_in.join(", ")) };
    format!("{done} {} number {}, active in {places}", clean(&deployment.function), deployment.number)
}

fn secrets_text(secrets: &Secrets) -> String {
    match secrets {
        Secrets::Word(word) => word.clone(),
        Secrets::Names(names) if names.is_empty() => "none".to_owned(),
        Secrets::Names(names) => names.join(","),
    }
}

async fn list(context: &Context) -> Done {
    let page = context.client()?.list::<Function>("/api/v1/functions", &[], None).await?;
    if page.items.is_empty() {
        context.output.note("No functions yet. Deploy one: tresor function deploy NAME FILE");
    }
    context.output.show(&page, |page| {
        let mut table = Table::new(["NAME", "ACTIVE", "ACCESS", "PATH", "UPDATED"]);
        for function in &page.items {
            let active: Vec<_> =
                function.active.iter().map(|active| format!("{} {}", active.environment, active.number)).collect();
            let mut access: Vec<_> = function.active.iter().map(|active| active.access.as_str()).collect();
            access.dedup();
            table.row([
                function.name.clone(),
                active.join(", "),
                access.join(", "),
                function.path.clone(),
                ago(&function.updated_at),
            ]);
        }
        table.render()
    })
}

async fn get(context: &Context, name: &str, source: bool, number: Option<u64>) -> Done {
    let number = number.map(|number| number.to_string());
    let detail: FunctionDetail = context.client()?.get(&path(name)?, &[("number", number.as_deref())]).await?;
    if source && !context.output.is_json() {
        return print_source(context, &detail);
    }
    for value in detail.returned.iter().filter(|_| !context.output.is_json()) {
        let (secret, place) = (clean(&value.secret), clean(&value.environment));
        let did = if value.blocked { "a response was blocked: it held" } else { "it returned" };
        context.output.warn(&format!("{did} the value of {secret} in {place} ({})", ago(&value.time)));
    }
    context.output.show(&detail, |detail| {
        let function = &detail.function;
        let text = fields([
            ("name", Some(function.name.clone())),
            ("path", Some(function.path.clone())),
            ("created", Some(ago(&function.created_at))),
            ("updated", Some(ago(&function.updated_at))),
            ("files", Some(detail.files.keys().cloned().collect::<Vec<_>>().join(", "))),
        ]);
        let mut table = Table::new(["NUMBER", "ACTIVE IN", "ACCESS", "SECRETS", "DIGEST", "CREATED", "BY"]);
        for deployment in &detail.deployments {
            table.row([
                deployment.number.to_string(),
                deployment.active_in.join(", "),
                deployment.access.clone(),
                secrets_text(&deployment.secrets),
                deployment.digest.chars().take(12).collect(),
                ago(&deployment.created_at),
                deployment.created_by.clone(),
            ]);
        }
        format!("{text}\n\n{}", table.render())
    })
}

/// One file as it is; several each under its name.
fn print_source(context: &Context, detail: &FunctionDetail) -> Done {
    let mut body = context.output.body();
    for (path, text) in &detail.files {
        if detail.files.len() > 1 {
            body.write(format!("// {}\n", clean(path)).as_bytes())?;
        }
        body.write(text.as_bytes())?;
        if !text.ends_with('\n') {
            body.write(b"\n")?;
        }
    }
    Ok(())
}

async fn delete(context: &Context, name: &str, yes: bool) -> Done {
    let client = context.client()?;
    let path = path(name)?;
    if !yes {
        let detail: FunctionDetail = client.get(&path, &[]).await?;
        let places: Vec<_> = detail.function.active.iter().map(|active| active.environment.as_str()).collect();
        let places = if places.is_empty() {
            "It is active nowhere.".to_owned()
        } else {
            format!("It is active in: {}.", clean(&places.join(", ")))
        };
        input::confirm(
            context.output,
            yes,
            &format!("Delete the function {name} with its deployments, invocations and logs? {places}"),
        )?;
    }
    client.delete(&path, &[]).await?;
    context.output.note(&format!("Deleted {name}"));
    Ok(())
}

async fn logs(context: &Context, name: &str, invocation: Option<&str>, limit: u32) -> Done {
    let path = path(name)?;
    let path = match invocation {
        Some(id) => format!("{path}/invocations/{}/logs", segment(id)?),
        None => format!("{path}/logs"),
    };
    let page = context.client()?.list::<LogLine>(&path, &[], Some(limit)).await?;
    if page.items.is_empty() {
        context.output.note("No log lines. Functions write them with console.log");
    }
    context.output.show(&page, |page| page.items.iter().map(log_line).collect::<Vec<_>>().join("\n"))
}

/// One line as people read it.
pub(super) fn log_line(line: &LogLine) -> String {
    let head = format!("{}  {:6}  ", clean(&line.time), clean(&line.stream));
    // Further lines of one text stand below it, so that none looks like an entry of its own.
    let text = lines(&line.text).replace('\n', &format!("\n{:1$}", "", head.chars().count()));
    head + &text
}

async fn egress(context: &Context, name: &str, invocation: Option<&str>, limit: u32) -> Done {
    let limit = limit.to_string();
    let query = [("invocation", invocation), ("limit", Some(limit.as_str()))];
    let page: Page<Egress> = context.client()?.get(&format!("{}/egress", path(name)?), &query).await?;
    context.output.show(&page, |page| {
        if page.items.is_empty() {
            return "It has sent nothing yet.".to_owned();
        }
        let mut table = Table::new(["TIME", "REQUEST", "ANSWER", "SENT", "RECEIVED", "TOOK", "SECRETS PUT IN"]);
        for one in &page.items {
            table.row([
                ago(&one.time),
                format!("{} {}:{}", one.method, one.host, one.port),
                one.outcome.clone(),
                one.request_bytes.to_string(),
                one.response_bytes.to_string(),
                format!("{:.0} ms", one.duration_ms),
                if one.secrets.is_empty() { "-".to_owned() } else { one.secrets.join(" ") },
            ]);
        }
        table.render()
    })
}

async fn invocations(context: &Context, name: &str, environment: Option<&str>, limit: u32) -> Done {
    let path = format!("{}/invocations", path(name)?);
    let page = context.client()?.list::<Invocation>(&path, &[("environment", environment)], Some(limit)).await?;
    if page.items.is_empty() {
        context.output.note(&format!("No invocations yet. Make one: tresor function invoke {name}"));
    }
    context.output.show(&page, |page| {
        let mut table =
            Table::new(["STARTED", "STATUS", "OUTCOME", "TOOK", "REQUEST", "ENVIRONMENT", "NUMBER", "ACTOR", "ID"]);
        for invocation in &page.items {
            let cold = if invocation.cold { " (cold)" } else { "" };
            table.row([
                ago(&invocation.started_at),
                invocation.status.to_string(),
                invocation.outcome.clone(),
                format!("{:.1} ms{cold}", invocation.duration_ms),
                format!("{} {}", invocation.method, invocation.path),
                invocation.environment.clone(),
                invocation.deployment.to_string(),
                invocation.actor.name.clone(),
                invocation.id.clone(),
            ]);
        }
        table.render()
    })
}

#[cfg(test)]
mod tests {
    use server::wire::Secrets;

    use super::secrets;

    #[test]
    fn no_secrets_is_never_all_of_them() {
        assert_eq!(secrets("all"), Secrets::Word("all".to_owned()));
        assert_eq!(secrets("none"), Secrets::Names(Vec::new()));
        assert_eq!(secrets(""), Secrets::Names(Vec::new()));
        assert_eq!(secrets("A, B,"), Secrets::Names(vec!["A".to_owned(), "B".to_owned()]));
    }
}
