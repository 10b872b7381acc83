//! `tresor serve`: settings, the log, and the words a started server says to the person who started it.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};

use server::{Config, Ready, TlsFiles};
use tracing_subscriber::EnvFilter;

use super::Context;
use crate::cli::{Global, Serve};
use crate::config::{self, File, LogFormat};
use crate::failure::{Done, Failure};
use crate::output::clean;

const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 7200);

pub(super) async fn run(context: &Context, args: Serve) -> Done {
    let (config, log) = settings(&context.global, args)?;
    start_log(log)?;
    let output = context.output;
    // A closed stdout must not stop a server that runs.
    let announce = |ready: &Ready| drop(output.show(&shape(ready), |_| banner(ready)));
    server::serve(config, announce).await.map_err(|error| Failure::caused("serve", &error))
}

/// Flag or variable (clap has merged those), else the file, else the default.
fn settings(global: &Global, args: Serve) -> Done<(Config, LogFormat)> {
    let file = File::read(global.config.as_deref())?;
    let tls = match (args.tls_cert.or(file.tls_cert), args.tls_key.or(file.tls_key)) {
        (Some(certificate), Some(key)) => Some(TlsFiles { certificate, key }),
        (None, None) => None,
        _ => {
            return Err(Failure::usage("tls_incomplete", "tls_cert and tls_key go together: one of them is missing"));
        }
    };
    let config = Config {
        data: config::data_folder(args.data, file.data)?,
        listen: args.listen.or(file.listen).unwrap_or(LISTEN),
        database_url: args.database_url.or(file.database_url),
        public_url: args.public_url.or(file.public_url),
        tls,
        allow_networks: match args.allow_networks {
            none if none.is_empty() => file.allow_networks.unwrap_or_default(),
            some => some,
        },
        trust: match args.trust {
            none if none.is_empty() => file.trust.unwrap_or_default(),
            some => some,
        },
        resolve: match args.resolve {
            none if none.is_empty() => file.resolve.unwrap_or_default(),
            some => some,
        },
        require_walls: args.require_walls.or(file.require_walls).unwrap_or_default(),
        deno: args.deno.or(file.deno),
    };
    Ok((config, args.log.or(file.log).unwrap_or_default()))
}

fn start_log(format: LogFormat) -> Done {
    let filter = match std::env::var("TRESOR_LOG_FILTER") {
        // The protocol library prints whole messages: what assistants write is not the log's.
        Ok(text) => EnvFilter::try_new(format!("{text},rmcp=warn"))
            .map_err(|error| Failure::usage("log_filter", format!("TRESOR_LOG_FILTER: {error}")))?,
        Err(_) => EnvFilter::new("info"),
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let colour = std::io::IsTerminal::is_terminal(&std::io::stderr())
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let result = match format {
        LogFormat::Text => builder.with_ansi(colour).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).with_ansi(false).try_init(),
    };
    result.map_err(|error| Failure::failed("log", format!("could not start the log: {error}")))
}

/// What `serve --json` prints when the server is ready.
#[derive(serde::Serialize)]
struct Started<'a> {
    url: &'a str,
    login_link: Option<&'a str>,
    admin_token_file: &'a std::path::Path,
    database: &'a str,
    /// The version of Deno; absent if functions cannot run.
    deno: Option<&'a str>,
    /// Why functions cannot run.
    deno_problem: Option<&'a str>,
}

fn shape(ready: &Ready) -> Started<'_> {
    Started {
        url: &ready.url,
        login_link: ready.login_link.as_deref(),
        admin_token_file: &ready.admin_token_file,
        database: ready.database,
        deno: ready.deno.as_ref().ok().map(String::as_str),
        deno_problem: ready.deno.as_ref().err().map(String::as_str),
    }
}

fn banner(ready: &Ready) -> String {
    let functions = match &ready.deno {
        Ok(version) => {
            format!("run on Deno {}", clean(version.trim_start_matches("deno ").trim_start_matches("Deno ")))
        }
        Err(problem) => format!("cannot run: {}", clean(problem)),
    };
    let mut text = format!(
        "Tresor {} is ready at {}\n\n  admin token  {}\n  database     {}\n  functions    {functions}\n",
        env!("CARGO_PKG_VERSION"),
        ready.url,
        ready.admin_token_file.display(),
        ready.database,
    );
    if let Some(link) = &ready.login_link {
        let _ = write!(text, "\nOpen the admin UI; this link works once (`tresor login` makes another):\n  {link}\n");
    }
    let _ = write!(
        text,
        "\nFrom another terminal:\n  export TRESOR_URL={}\n  export TRESOR_TOKEN_FILE={}\n  tresor secret put OPENAI_API_KEY\n",
        ready.url,
        shell_quoted(&ready.admin_token_file.display().to_string()),
    );
    text
}

/// For pasting into a shell.
fn shell_quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@".contains(c);
    if text.chars().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::{banner, shell_quoted};

    #[test]
    fn the_banner_says_what_to_do() {
        let mut ready = server::Ready {
            url: "http://127.0.0.1:7200".to_owned(),
            login_link: Some("http://127.0.0.1:7200/login/x".to_owned()),
            admin_token_file: "/data/admin-token".into(),
            database: "sqlite",
            deno: Err("Deno was not found: run `npm ci`".to_owned()),
        };
        let text = banner(&ready);
        assert!(text.starts_with("Tresor 0.") && text.contains("is ready at http://127.0.0.1:7200\n"), "{text}");
        assert!(text.contains("cannot run: Deno was not found: run `npm ci`") && text.contains("/login/x"), "{text}");
        ready.login_link = None;
        ready.deno = Ok("2.9.5".to_owned());
        let text = banner(&ready);
        assert!(text.contains("run on Deno 2.9.5") && !text.contains("works once"), "{text}");
    }

    #[test]
    fn paths_can_be_pasted() {
        assert_eq!(shell_quoted("/a/b-c.d"), "/a/b-c.d");
        assert_eq!(shell_quoted("/it's here"), "'/it'\\''s here'");
    }
}
