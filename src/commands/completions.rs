//! `tresor completions`: scripts for shells, made from the definition of the command line.

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::Context;
use crate::cli::Cli;
use crate::failure::Done;

pub(super) fn run(context: &Context, shell: Shell) -> Done {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "tresor", &mut script);
    context.output.text(&String::from_utf8_lossy(&script))
}
