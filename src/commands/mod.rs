//! What each command does: one file a group. Commands ask the API and show what it said; they decide nothing that the
//! server decides.

mod access;
mod audit;
mod completions;
mod doctor;
mod environment;
mod function;
mod health;
mod import;
mod invoke;
mod key;
mod mcp;
mod member;
mod provider;
mod request;
mod rotator;
mod run;
mod scan;
mod secret;
mod serve;
mod settings;
mod structure;
mod tail;
mod verify;
mod webhook;

use std::future::Future;

use crate::cli::{Cli, Command, Global};
use crate::client::Client;
use crate::failure::{Done, Failure};
use crate::output::Output;

/// What every client command needs.
pub(crate) struct Context {
    pub(crate) global: Global,
    pub(crate) output: Output,
}

impl Context {
    pub(crate) fn client(&self) -> Done<Client> {
        Client::new(&self.global, self.output)
    }
}

/// Runs the command.
///
/// # Errors
/// What it says about itself; nothing has been printed about it yet.
pub(crate) fn run(cli: Cli, output: Output) -> Done {
    let context = Context { global: cli.global, output };
    match cli.command {
        Command::Completions { shell } => completions::run(&context, shell),
        Command::Serve(args) => on(tokio::runtime::Builder::new_multi_thread(), serve::run(&context, args)),
        command => on(tokio::runtime::Builder::new_current_thread(), client_command(&context, command)),
    }
}

fn on(mut builder: tokio::runtime::Builder, work: impl Future<Output = Done>) -> Done {
    let runtime = builder
        .enable_all()
        .build()
        .map_err(|error| Failure::failed("runtime", format!("could not start: {error}")))?;
    runtime.block_on(work)
}

async fn client_command(context: &Context, command: Command) -> Done {
    match command {
        Command::Secret(command) => secret::run(context, command).await,
        Command::Provider(command) => provider::run(context, command).await,
        Command::Function(command) => function::run(context, command).await,
        Command::Audit(command) => audit::run(context, command).await,
        Command::Token(command) => access::token(context, command).await,
        Command::Member(command) => member::member(context, command).await,
        Command::Group(command) => member::group(context, command).await,
        Command::Issuer(command) => member::issuer(context, command).await,
        Command::Webhook(command) => webhook::run(context, command).await,
        Command::Settings(command) => settings::run(context, command).await,
        Command::Key(command) => key::run(context, command).await,
        Command::Environment(command) => environment::environment(context, command).await,
        Command::Account(command) => access::account(context, command).await,
        Command::Run(args) => run::run(context, args).await,
        Command::Scan(args) => scan::run(context, args).await,
        Command::Mcp => mcp::run(context).await,
        Command::Login => access::login(context).await,
        Command::Doctor => doctor::run(context).await,
        // `run` took these.
        Command::Serve(_) | Command::Completions { .. } => Ok(()),
    }
}
