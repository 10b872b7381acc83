//! `tresor key …`.

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Show which key the account's values are encrypted with, and since when
    Status,
    /// Encrypt every value of the account with a new key; values and versions stay as they are
    Rotate {
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}
