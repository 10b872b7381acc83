//! `tresor audit …`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// List what happened, newest first
    List {
        /// At most this many
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: u32,
        /// Only this action, for example secret.put
        #[arg(long)]
        action: Option<String>,
        /// Only on the thing of this name
        #[arg(long)]
        resource: Option<String>,
        /// Only by this actor
        #[arg(long)]
        actor: Option<String>,
    },
    /// Write the whole log as JSON Lines, with its signed checkpoint at the end
    Export {
        /// Where to; stdout if left out or -
        #[arg(default_value = "-", hide_default_value = true)]
        file: PathBuf,
    },
    /// Prove that the log is whole, or say where it is not
    ///
    /// With FILE, an export is checked and no server is asked. Without, the server's log is fetched and checked, and it must
    /// continue what this machine saw of it before (kept in $XDG_STATE_HOME/tresor or ~/.local/state/tresor).
    Verify(Verify),
    /// Print the signed checkpoint, to be kept outside the server
    ///
    /// Also demands that it continues the one this machine saw last, and remembers it.
    Checkpoint {
        /// Accept a log that this machine has not seen at this server, beside the ones it has
        #[arg(long)]
        new_log: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// An export; - for stdin
    pub(crate) file: Option<PathBuf>,
    /// The verifier key kept outside the server, or @FILE that holds it
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// An older checkpoint kept outside the server: the log must begin with exactly what it signed
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoint: Option<PathBuf>,
    /// Accept a log that this machine has not seen at this server, beside the ones it has
    #[arg(long, conflicts_with = "file")]
    pub(crate) new_log: bool,
}
