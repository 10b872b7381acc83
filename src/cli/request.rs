//! `tresor secret request` and `tresor secret requests`.

use clap::{Args, Subcommand};

use super::InEnvironment;

#[derive(Debug, Args)]
pub(crate) struct Request {
    /// The secret that is wanted: capital letters, digits and underscores
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) place: InEnvironment,
    /// What it is needed for, for the person who is to enter it
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// Where to get the value, where Tresor's catalogue does not know it
    #[arg(long, value_name = "URL")]
    pub(crate) obtain_url: Option<String>,
    /// Wait until somebody has answered; exits with 0 only if a value was stored
    #[arg(long)]
    pub(crate) wait: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RequestsCommand {
    /// List requests, newest first
    List {
        /// Those that ended too
        #[arg(long)]
        all: bool,
        /// Only this environment; all if left out
        #[arg(short, long, visible_alias = "env", value_name = "ENV")]
        environment: Option<String>,
    },
    /// Show one request
    Get {
        /// Its id
        id: String,
        /// Wait until somebody has answered; exits with 0 only if a value was stored
        #[arg(long)]
        wait: bool,
    },
    /// Say no to a request
    Decline {
        /// Its id
        id: String,
    },
    /// Take a request back
    Cancel {
        /// Its id
        id: String,
    },
}
