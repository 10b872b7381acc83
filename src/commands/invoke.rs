//! `tresor function invoke`: one request to the gateway, its answer printed as it arrives.

use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Serialize;
use server::wire::FunctionDetail;

use super::{Context, function};
use crate::cli::Invoke;
use crate::client::{Client, segment};
use crate::failure::{Done, Exit, Failure};
use crate::input;
use crate::output::clean;

const INVOCATION: &str = "x-tresor-invocation";

/// What stderr says with `--json`; the body on stdout is the function's own.
#[derive(Serialize)]
struct Answer<'a> {
    status: u16,
    invocation: Option<&'a str>,
}

pub(super) async fn run(context: &Context, args: Invoke) -> Done {
    let method = Method::from_bytes(args.method.to_ascii_uppercase().as_bytes())
        .map_err(|_| Failure::usage("method_invalid", "--method must be an HTTP method, like POST"))?;
    let headers = args.headers.iter().map(|header| parse_header(header)).collect::<Done<Vec<_>>>()?;
    let body = args.data.as_deref().map(input::body).transpose()?;
    let client = context.client()?;
    let place = Place::find(&client, &args).await?;
    let path = format!("{}{}", place.path, below(&args.path)?);
    let finish = |mut request: RequestBuilder| {
        if let Some(body) = &body {
            if !headers.iter().any(|(name, _)| name == CONTENT_TYPE) {
                request = request.header(CONTENT_TYPE, content_type(body));
            }
            request = request.body(body.clone());
        }
        headers.iter().fold(request, |request, (name, value)| request.header(name, value))
    };
    // A public function sees the request as it is, so the token must not be in it. Where the access is not known, the
    // gateway says whether one is needed before any function sees anything.
    let mut response = None;
    if !place.authenticated {
        let answer = client.send(finish(client.anonymous(method.clone(), &path))).await?;
        let wants_token = answer.status() == StatusCode::UNAUTHORIZED
            && !answer.headers().contains_key(INVOCATION)
            && client.token_source().is_some();
        response = (!wants_token).then_some(answer);
    }
    let response = match response {
        Some(response) => response,
        None => client.send(finish(client.request(method, &path)?)).await?,
    };
    print(context, &client, &args.name, response).await
}

async fn print(context: &Context, client: &Client, name: &str, mut response: Response) -> Done {
    let status = response.status();
    let invocation = response.headers().get(INVOCATION).and_then(|id| id.to_str().ok()).map(str::to_owned);
    if invocation.is_none() && !status.is_success() {
        // No worker saw it: the gateway itself refused.
        return Err(client.refused(response).await);
    }
    if context.output.is_json() {
        context.output.aside(&Answer { status: status.as_u16(), invocation: invocation.as_deref() })?;
    } else {
        let id = invocation.as_deref().map(|id| format!("  invocation {}", clean(id))).unwrap_or_default();
        context.output.note(&format!("{status}{id}"));
    }
    let mut body = context.output.body();
    while let Some(chunk) = client.chunk(&mut response).await? {
        body.write(&chunk)?;
    }
    if status.as_u16() < 400 {
        return Ok(());
    }
    let mut failure = Failure::new(Exit::Failed, "function_failed", format!("the function answered {status}"));
    failure.problem.status = status.as_u16();
    let id = invocation.map(|id| format!(" --invocation {}", clean(&id))).unwrap_or_default();
    Err(failure.hint(format!("see what it printed: tresor function logs {name}{id}")))
}

/// Where the function answers, and whether it is known to want a token.
struct Place {
    path: String,
    authenticated: bool,
}

impl Place {
    /// The gateway's short path is the account `default` in `production`; for the rest the account must be known, and
    /// the function's own description tells it to those who may read it.
    async fn find(client: &Client, args: &Invoke) -> Done<Self> {
        let name = segment(&args.name)?;
        let environment = args.place.environment.as_deref().unwrap_or("production");
        let detail = match (&args.account, client.token_source()) {
            (None, Some(_)) => match client.get::<FunctionDetail>(&function::path(&args.name)?, &[]).await {
                Ok(detail) => Some(detail),
                Err(failure) if failure.exit == Exit::Unreachable => return Err(failure),
                // It need not be readable, or even this account's, to be invoked; the gateway decides.
                Err(_) => None,
            },
            _ => None,
        };
        let account = args
            .account
            .as_deref()
            .or(detail.as_ref().map(|detail| account_in(&detail.function.path)))
            .unwrap_or(DEFAULT);
        let path = if (account, environment) == (DEFAULT, "production") {
            format!("/functions/v1/{name}")
        } else {
            format!("/a/{}/{}/functions/v1/{name}", segment(account)?, segment(environment)?)
        };
        let active =
            detail.iter().flat_map(|detail| &detail.function.active).find(|active| active.environment == environment);
        Ok(Self { path, authenticated: active.is_some_and(|active| active.access == "authenticated") })
    }
}

const DEFAULT: &str = "default";

fn account_in(path: &str) -> &str {
    path.strip_prefix("/a/").and_then(|rest| rest.split('/').next()).unwrap_or(DEFAULT)
}

/// `--path` after the function's name; must not climb out of it.
fn below(path: &str) -> Done<String> {
    let only_path = path.split(['?', '#']).next().unwrap_or_default();
    if only_path
        .split(['/', '\\'])
        .any(|part| matches!(part.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | ".."))
    {
        return Err(Failure::usage("path_invalid", "--path must not have `.` or `..` in it"));
    }
    Ok(if path.is_empty() || path.starts_with(['/', '?']) { path.to_owned() } else { format!("/{path}") })
}

fn content_type(body: &[u8]) -> &'static str {
    if serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok() {
        "application/json"
    } else if std::str::from_utf8(body).is_ok() {
        "text/plain; charset=utf-8"
    } else {
        "application/octet-stream"
    }
}

/// The error does not repeat the header: it may hold a credential.
fn parse_header(text: &str) -> Done<(HeaderName, HeaderValue)> {
    let parsed =
        text.split_once(':').and_then(|(name, value)| Some((name.trim().parse().ok()?, value.trim().parse().ok()?)));
    parsed.ok_or_else(|| Failure::usage("header_invalid", "--header must be like `name: value`"))
}

#[cfg(test)]
mod tests {
    use super::{account_in, below, content_type, parse_header};

    #[test]
    fn paths_stay_below_the_function() {
        assert_eq!(below("").ok().as_deref(), Some(""));
        assert_eq!(below("sub?x=..").ok().as_deref(), Some("/sub?x=.."));
        assert_eq!(below("?x=1").ok().as_deref(), Some("?x=1"));
        for bad in ["/../other", "a/%2E%2e/b", "..", "/./a", "\\..\\x"] {
            assert!(below(bad).is_err(), "{bad}");
        }
        assert_eq!(account_in("/functions/v1/a"), "default");
        assert_eq!(account_in("/a/team/production/functions/v1/a"), "team");
    }

    #[test]
    fn bodies_and_headers() {
        assert_eq!(content_type(b"{\"a\":1}"), "application/json");
        assert_eq!(content_type("hällo".as_bytes()), "text/plain; charset=utf-8");
        assert_eq!(content_type(b"\xff"), "application/octet-stream");
        assert!(parse_header("x-a: b").is_ok());
        let error = parse_header("x a: sk-canary").unwrap_err();
        assert!(!error.problem.detail.contains("canary"));
    }
}
