//! `tresor`: the server (`tresor serve`) and the command line, which is a client of the server's API and nothing more.
//!
//! This file parses, runs and maps the exit code. What may be typed is in `cli`, what it does in `commands`.
#![forbid(unsafe_code)]

mod cli;
mod client;
mod commands;
mod config;
mod credential;
mod failure;
mod input;
mod output;
mod pin;
mod scan;
mod table;
mod time;
mod upload;

use std::process::ExitCode;

use clap::Parser as _;

/// The system's allocator takes a tenth of the gateway's time under load.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return cli::refuse(&error),
    };
    let output = output::Output::new(cli.global.json, cli.global.color);
    match commands::run(cli, output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => output.fail(&failure),
    }
}
