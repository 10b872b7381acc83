//! `tresor function …`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::InEnvironment;

#[derive(Debug, Subcommand)]
pub(crate) enum FunctionCommand {
    /// Deploy a file or a folder and make it active
    ///
    /// Of a folder, all ts, js, mjs, tsx, jsx and json files are sent, except node_modules, hidden files and links.
    Deploy(Deploy),
    /// List functions
    List,
    /// Show a function and its deployments
    Get {
        /// The function
        name: String,
        /// Print the source instead
        #[arg(long)]
        source: bool,
        /// Of this deployment [default: the newest]
        #[arg(long, value_name = "NUMBER", requires = "source")]
        number: Option<u64>,
    },
    /// Make an earlier deployment active again
    Rollback {
        /// The function
        name: String,
        /// The deployment's number
        number: u64,
        #[command(flatten)]
        place: InEnvironment,
    },
    /// Delete a function with all its deployments, invocations and logs
    Delete {
        /// The function
        name: String,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// Send a request to a function and print its answer as it arrives
    ///
    /// The answer's body goes to stdout as it arrives, its status and the invocation's id to stderr. Exits with 1 if the
    /// function answered with status 400 or above.
    Invoke(Invoke),
    /// Print what a function printed
    Logs {
        /// The function
        name: String,
        /// Print lines as they come, until Ctrl-C
        #[arg(short, long, conflicts_with_all = ["invocation", "limit"])]
        follow: bool,
        /// Only this invocation
        #[arg(long, value_name = "ID")]
        invocation: Option<String>,
        /// The newest lines, at most this many
        #[arg(long, default_value_t = 100, value_name = "N")]
        limit: u32,
    },
    /// Show what a function sent where: hosts, answers and sizes
    Egress {
        /// The function
        name: String,
        /// Only this invocation
        #[arg(long, value_name = "ID")]
        invocation: Option<String>,
        /// The newest, at most this many
        #[arg(long, default_value_t = 100, value_name = "N")]
        limit: u32,
    },
    /// List a function's invocations, newest first
    Invocations {
        /// The function
        name: String,
        /// Only this environment; all if left out
        #[arg(short, long, visible_alias = "env", value_name = "ENV")]
        environment: Option<String>,
        /// At most this many
        #[arg(long, default_value_t = 20, value_name = "N")]
        limit: u32,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Deploy {
    /// Its name, as in its URL
    pub(crate) name: String,
    /// TypeScript or JavaScript
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) place: InEnvironment,
    /// Who may invoke it: `public`, `authenticated` (a token, or a JWT of an issuer) or `group:NAME` [default: authenticated]
    #[arg(long)]
    pub(crate) access: Option<String>,
    /// A web page's origin that may call it, like https://app.example.com, or `*`; repeat for more
    #[arg(long = "cors-origin", value_name = "ORIGIN")]
    pub(crate) cors_origins: Vec<String>,
    /// Which secrets it gets: `all`, `referenced` (those that the code reads), `none`, or names parted by commas [default: all]
    #[arg(long, value_name = "WHICH")]
    pub(crate) secrets: Option<String>,
    /// Where it may send requests: `public` (every public host), `none`, or a host; repeat for more [default: public]
    #[arg(long, value_name = "HOST")]
    pub(crate) egress: Vec<String>,
    /// An endpoint that it connects to by other ways than HTTP, like db.example.com:5432; repeat for more
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) tcp: Vec<String>,
    /// Ask people for the secrets that the code reads and that are not there
    #[arg(long)]
    pub(crate) request_missing: bool,
    /// What is done when it would return a value of its secrets to its caller: `report` it, or `block` it too; the stricter of this and
    /// the account's setting holds [default: the account's]
    #[arg(long, value_name = "WHAT")]
    pub(crate) response_guard: Option<String>,
    /// The file of a folder that is run [default: index.ts, or index with another ending]
    #[arg(long, value_name = "PATH")]
    pub(crate) entry: Option<String>,
    /// Longest time of one invocation, 1 to 900 [default: 150]
    #[arg(long, value_name = "N")]
    pub(crate) timeout_seconds: Option<u32>,
    /// Largest JavaScript heap, 32 to 4096 [default: 256]
    #[arg(long, value_name = "N")]
    pub(crate) memory_mib: Option<u32>,
    /// Most processor time of one invocation, 1 to 900 [default: 30]
    #[arg(long, value_name = "N")]
    pub(crate) cpu_seconds: Option<u32>,
    /// Largest response, 1 to 4096 [default: 100]
    #[arg(long, value_name = "N")]
    pub(crate) response_mib: Option<u32>,
    /// Most invocations at once, 1 to 1000; the rest wait in line [default: 200]
    #[arg(long, value_name = "N")]
    pub(crate) concurrency: Option<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct Invoke {
    /// The function
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) place: InEnvironment,
    /// The account it is of [default: the token's]
    #[arg(long)]
    pub(crate) account: Option<String>,
    /// GET, POST, …
    #[arg(long, short = 'X', default_value = "POST")]
    pub(crate) method: String,
    /// The body: text, @FILE, or - for stdin
    #[arg(long, short, value_name = "DATA", allow_hyphen_values = true)]
    pub(crate) data: Option<String>,
    /// A header, `name: value`; repeat for more
    #[arg(long = "header", short = 'H', value_name = "HEADER")]
    pub(crate) headers: Vec<String>,
    /// What follows the function's name in the URL, with a query if there is one
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) path: String,
}
