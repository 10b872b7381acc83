//! `tresor scan …`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").args(["staged", "git", "install_hook"]).multiple(false))]
pub(crate) struct Scan {
    /// A folder or a file
    #[arg(default_value = ".")]
    pub(crate) path: PathBuf,
    /// Look at what is staged for the next commit
    #[arg(long)]
    pub(crate) staged: bool,
    /// Look at every line that ever came into the repository, on all branches, tags and stashes
    #[arg(long)]
    pub(crate) git: bool,
    /// Make `tresor scan --staged` run before each commit
    #[arg(long)]
    pub(crate) install_hook: bool,
    /// Ask no server: find what looks like a credential, and no stored values
    #[arg(long)]
    pub(crate) offline: bool,
    /// Look for stored values of this environment only; all if left out
    #[arg(short, long, visible_alias = "env", value_name = "ENV")]
    pub(crate) environment: Option<String>,
    /// Pass over the findings in this file
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,
    /// Write a file with all findings, to be passed over from now on
    #[arg(long, value_name = "FILE")]
    pub(crate) write_baseline: Option<PathBuf>,
    /// Print SARIF 2.1.0, for code hosts and editors
    #[arg(long)]
    pub(crate) sarif: bool,
    /// Also look at files that .gitignore names
    #[arg(long)]
    pub(crate) no_ignore: bool,
    /// Pass over larger files, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 5)]
    pub(crate) max_size: u64,
}
