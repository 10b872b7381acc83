//! What may be typed: commands, flags and their help. Nothing here acts.

mod access;
mod audit;
mod function;
mod key;
mod member;
mod provider;
mod request;
mod rotator;
mod run;
mod scan;
mod secret;
mod serve;
mod settings;
mod webhook;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgAction, Args, ColorChoice, Parser, Subcommand};

pub(crate) use access::{AccountCommand, EnvironmentCommand, TokenCommand, TokenCreate};
pub(crate) use audit::{AuditCommand, Verify};
pub(crate) use function::{Deploy, FunctionCommand, Invoke};
pub(crate) use key::KeyCommand;
pub(crate) use member::{GroupCommand, IssuerCommand, IssuerPut, MemberCommand};
pub(crate) use provider::ProviderCommand;
pub(crate) use request::{Request, RequestsCommand};
pub(crate) use rotator::{Rotate, RotationCommand, RotatorCommand, RotatorSet, Which};
pub(crate) use run::Run;
pub(crate) use scan::Scan;
pub(crate) use secret::{ExportFormat, Health, Import, Named, Put, SecretCommand};
pub(crate) use serve::Serve;
pub(crate) use settings::{SettingsCommand, SettingsPut};
pub(crate) use webhook::WebhookCommand;

use crate::failure::Failure;
use crate::output::Output;

const AFTER_HELP: &str = "\
Which token:
  --token-file, else TRESOR_TOKEN; else, for a server on this machine, admin-token in its data folder
  (TRESOR_DATA, `data` of tresor.toml, $XDG_DATA_HOME/tresor or ~/.local/share/tresor).
  It is never taken from the command line, where every user of the machine could read it.

Exit codes:
  0   done
  1   failed: refused by a rule, or it did not work
  2   the command line is wrong, or a confirmation is missing
  3   no token, or one that may not do this
  4   there is no such thing
  5   it exists already, or someone else changed it
  69  no server answered
  `run` ends with the code of its command, or 128 and the number of the signal that ended it; 126: it could not be started;
  127: there is no such command";

/// A self-hosted vault for application credentials, with the edge functions that use them.
///
/// `tresor serve` runs everything; every other command is a client of a server.
#[derive(Debug, Parser)]
#[command(name = "tresor", version, after_help = AFTER_HELP, max_term_width = 110, arg_required_else_help = true, subcommand_required = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// The server
    #[arg(long, global = true, env = "TRESOR_URL", default_value = "http://127.0.0.1:7200", hide_env_values = true)]
    pub(crate) url: String,
    /// A file that holds the token
    #[arg(long, global = true, env = "TRESOR_TOKEN_FILE", value_name = "FILE", hide_env_values = true)]
    pub(crate) token_file: Option<PathBuf>,
    /// Send tokens and values over plain http to another machine
    #[arg(long, global = true)]
    pub(crate) insecure_http: bool,
    /// Settings of the server, instead of ./tresor.toml
    #[arg(long, global = true, env = "TRESOR_CONFIG", value_name = "FILE", hide_env_values = true)]
    pub(crate) config: Option<PathBuf>,
    /// Print the API's JSON; errors become problem documents on stderr
    #[arg(long, global = true, action = ArgAction::SetTrue)]
    pub(crate) json: bool,
    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: ColorChoice,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server
    ///
    /// Each setting is taken from its flag, else its variable, else tresor.toml (same names, with underscores).
    ///
    /// The first start on an empty data folder makes an account, a root key and an admin token, and prints a login link.
    /// TRESOR_LOG_FILTER chooses what is logged, for example `info,server=debug`.
    Serve(Serve),
    /// Put, list and delete secrets; values go in and never come out
    #[command(subcommand)]
    Secret(SecretCommand),
    /// Look up providers: names, formats, hosts, where to get a key and how to rotate it
    #[command(subcommand)]
    Provider(ProviderCommand),
    /// Deploy, invoke and watch functions
    #[command(subcommand)]
    Function(FunctionCommand),
    /// Read the audit log and prove that it is whole
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Make and revoke tokens
    #[command(subcommand)]
    Token(TokenCommand),
    /// Manage the people of the account, for whom tokens are made
    #[command(subcommand)]
    Member(MemberCommand),
    /// Manage groups of members, which functions can be for
    #[command(subcommand)]
    Group(GroupCommand),
    /// Manage issuers of JWTs, whose users may invoke functions
    #[command(subcommand)]
    Issuer(IssuerCommand),
    /// Tell addresses of yours when something happens
    #[command(subcommand)]
    Webhook(WebhookCommand),
    /// Get and put what the account decides once for all its functions
    #[command(subcommand)]
    Settings(SettingsCommand),
    /// Show and rotate the key that the account's values are encrypted with
    #[command(subcommand)]
    Key(KeyCommand),
    /// List, make, clone and delete environments
    #[command(subcommand)]
    Environment(EnvironmentCommand),
    /// List and make accounts
    #[command(subcommand)]
    Account(AccountCommand),
    /// Run a command with an environment's secrets as its variables
    ///
    /// For tokens with the scope secrets:inject, which an admin gives by its name and for named environments. Each run is in
    /// the audit log, with the secrets, their versions and the command's name. Nothing is written to disk; brokered secrets
    /// stay on the server; the token is taken out of the command's environment. Signals reach the command, and its exit
    /// code becomes this one.
    ///
    ///   tresor run -e test -- npm start
    #[command(verbatim_doc_comment)]
    Run(Run),
    /// Find stored values and other credentials in a folder, in what is staged or in git history
    ///
    /// The server is told digests of candidates, never a text, and answers with names of secrets. Exit code 1: something was
    /// found. A line with `tresor:allow` is passed over, and so are files that .gitignore and .tresorscanignore name.
    Scan(Scan),
    /// Speak the Model Context Protocol on stdin and stdout, for an assistant that starts this
    ///
    /// Each message goes to the server, with this command line's token. docs/assistants.md says how to set assistants up.
    Mcp,
    /// Print a link that opens the admin UI once
    Login,
    /// Check that the server works and this machine can use it
    Doctor,
    /// Print completions for a shell
    ///
    /// For example: tresor completions bash > ~/.local/share/bash-completion/completions/tresor
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// The environment that a command is about.
#[derive(Debug, Args)]
pub(crate) struct InEnvironment {
    /// The environment; `production` if left out
    #[arg(short, long = "environment", visible_alias = "env", value_name = "ENV")]
    pub(crate) environment: Option<String>,
}

/// Prints help, the version, or what is wrong with the command line.
///
/// clap quotes what it did not understand. On the way to a command that takes a value that could be one, which would then
/// stand in a log as well as in the shell's history, so those errors are said without it.
pub(crate) fn refuse(error: &clap::Error) -> ExitCode {
    let wants_value = TAKE_VALUES
        .iter()
        .find(|(group, verb)| std::env::args_os().skip_while(|arg| arg != group).skip(1).any(|arg| arg == *verb));
    let harmless = matches!(
        error.kind(),
        ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
            | ErrorKind::MissingRequiredArgument
    );
    let lacks_value = error.kind() == ErrorKind::InvalidValue
        && matches!(error.get(ContextKind::InvalidValue), Some(ContextValue::String(text)) if text.is_empty());
    if let Some((group, verb)) = wants_value
        && !harmless
        && !lacks_value
    {
        let json = std::env::args_os().any(|arg| arg == "--json");
        return Output::new(json, ColorChoice::Auto).fail(&value_in_argv(&format!("{group} {verb}")));
    }
    // Nothing can be said if stdout or stderr is closed.
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// The commands that ask for a value or read it from stdin.
const TAKE_VALUES: [(&str, &str); 3] = [("secret", "put"), ("provider", "suggest"), ("provider", "check")];

/// The refusal of a value on the command line of `command`.
pub(crate) fn value_in_argv(command: &str) -> Failure {
    let named = if command == "secret put" { "secret put NAME" } else { command };
    Failure::usage(
        "value_in_argv",
        format!(
            "`{command}` was given something that it does not take; if that was the value: values are not taken from \
             the command line, because every user of the machine can read it there and the shell writes it to its \
             history"
        ),
    )
    .hint(format!(
        "run `tresor {named}` and type the value, or pipe it in: `tresor {named} < file`; see `tresor {command} --help`"
    ))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_definition_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
