//! `tresor run`.

use std::ffi::OsString;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The environment whose secrets it gets
    #[arg(short, long, visible_alias = "env", value_name = "ENV")]
    pub(crate) environment: String,
    /// Only these secrets, parted by commas [default: all that are not brokered]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) only: Option<Vec<String>>,
    /// Let secrets take the place of variables that are set already
    #[arg(long = "override")]
    pub(crate) overrides: bool,
    /// Replace values in what the command prints by [redacted NAME]; it then writes to pipes and not to a terminal
    #[arg(long)]
    pub(crate) redact: bool,
    /// The command and its arguments
    #[arg(required = true, num_args = 1.., trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}
