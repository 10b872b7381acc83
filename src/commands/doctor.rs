//! `tresor doctor`: what works from here and what does not, each with what to do about it.

use reqwest::{Method, StatusCode};
use serde::Serialize;
use server::wire::{Environment, Page, Walls};

use super::Context;
use crate::client::Client;
use crate::failure::{Done, Exit, Failure};
use crate::output::clean;

/// One line of the report.
#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    ok: bool,
    detail: String,
    /// What to do, or what it means.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

/// All of it, for `--json`.
#[derive(Debug, Serialize)]
struct Report {
    url: String,
    checks: Vec<Check>,
}

pub(super) async fn run(context: &Context) -> Done {
    let client = context.client()?;
    let mut checks = Vec::new();
    match server(&client).await {
        Err(failure) => checks.push(Check::of("server", Err(failure))),
        Ok(detail) => {
            checks.push(Check::of("server", Ok(detail)));
            checks.push(Check::of("version", version(&client).await));
            checks.push(Check::of("ready", ready(&client).await));
            checks.push(Check::of("token", token(&client).await));
            checks.extend(walls(&client).await);
        }
    }
    let problems = checks.iter().filter(|check| !check.ok).count();
    let report = Report { url: client.url().to_owned(), checks };
    context.output.show(&report, text)?;
    match problems {
        0 => Ok(()),
        1 => Err(Failure::failed("doctor", "there is 1 problem")),
        _ => Err(Failure::failed("doctor", format!("there are {problems} problems"))),
    }
}

async fn server(client: &Client) -> Done<String> {
    client.succeed(client.request(Method::GET, "/healthz")?).await?;
    Ok(format!("answers at {}", client.url()))
}

#[derive(serde::Deserialize)]
struct OpenApi {
    info: OpenApiInfo,
}

#[derive(serde::Deserialize)]
struct OpenApiInfo {
    version: String,
}

async fn version(client: &Client) -> Done<String> {
    let own = env!("CARGO_PKG_VERSION");
    let document: OpenApi = client.get("/openapi.json", &[]).await?;
    match document.info.version {
        theirs if theirs == own => Ok(format!("server and command line are both {own}")),
        theirs => {
            Err(Failure::failed("version", format!("the server is {}, the command line is {own}", clean(&theirs)))
                .hint("install the same version here as on the server"))
        }
    }
}

/// The server says itself whether its database answers and functions can run, and what it lacks.
async fn ready(client: &Client) -> Done<String> {
    let response = client.send(client.request(Method::GET, "/readyz")?).await?;
    let status = response.status();
    let said = String::from_utf8_lossy(&client.bytes(response).await?).trim().to_owned();
    match status {
        StatusCode::OK => Ok("the database answers and functions can run".to_owned()),
        _ => Err(Failure::failed("not_ready", said).hint(
            "the server's log tells more; for functions, install Deno where the server runs: `npm ci`, or TRESOR_DENO",
        )),
    }
}

/// Environments can be listed with any scope, so a refusal is of the token itself or of its environments.
async fn token(client: &Client) -> Done<String> {
    let Some(source) = client.token_source() else {
        return Err(Failure::new(Exit::Denied, "no_token", "there is none")
            .hint("set TRESOR_TOKEN, or name a file with --token-file; `tresor serve` says where the admin token is"));
    };
    match client.get::<Page<Environment>>("/api/v1/environments", &[]).await {
        Ok(page) => {
            let names: Vec<_> = page.items.iter().map(|environment| environment.name.as_str()).collect();
            Ok(format!("of {source} works; environments: {}", names.join(", ")))
        }
        Err(failure) if failure.problem.status == 403 => {
            Ok(format!("of {source} works, but is limited: {}", failure.problem.detail))
        }
        Err(failure) => Err(failure),
    }
}

/// Which walls stand around functions, and what each missing one means. That a required one is missing is told by `ready`.
async fn walls(client: &Client) -> Vec<Check> {
    let told = |detail: String| Check { name: "walls", ok: true, detail, hint: None };
    let walls: Walls = match client.get("/api/v1/walls", &[]).await {
        Ok(walls) => walls,
        Err(failure) if failure.problem.status == 403 => {
            return vec![told("are told to tokens of the account `default` with the scope accounts:write".to_owned())];
        }
        // `token` has said it.
        Err(failure) if failure.problem.status == 401 => return Vec::new(),
        Err(failure) => return vec![Check::of("walls", Err(failure))],
    };
    if walls.items.is_empty() {
        return Vec::new();
    }
    let standing: Vec<_> = walls.items.iter().filter(|wall| wall.stands).map(|wall| wall.name.as_str()).collect();
    let standing = if standing.is_empty() { "none".to_owned() } else { standing.join(", ") };
    let summary = told(format!("around functions stand: {standing}; required: {}", walls.required));
    let missing = walls.items.into_iter().filter(|wall| !wall.stands).map(|wall| Check {
        name: "walls",
        ok: true,
        detail: format!("{} does not stand: {}", wall.name, wall.reason.unwrap_or_default()),
        hint: wall.meaning,
    });
    std::iter::once(summary).chain(missing).collect()
}

impl Check {
    fn of(name: &'static str, result: Done<String>) -> Self {
        match result {
            Ok(detail) => Self { name, ok: true, detail, hint: None },
            Err(failure) => Self { name, ok: false, detail: failure.problem.detail, hint: failure.hint },
        }
    }
}

fn text(report: &Report) -> String {
    let width = report.checks.iter().map(|check| check.name.len()).max().unwrap_or_default();
    let lines = report.checks.iter().map(|check| {
        let state = match (check.ok, &check.hint) {
            (true, None) => "ok     ",
            (true, Some(_)) => "note   ",
            (false, _) => "problem",
        };
        let hint =
            check.hint.as_deref().map(|hint| format!("\n{:width$}           {}", "", clean(hint))).unwrap_or_default();
        format!("{state}  {:width$}  {}{hint}", check.name, clean(&check.detail))
    });
    lines.collect::<Vec<_>>().join("\n")
}
