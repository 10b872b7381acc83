//! `tresor settings …`.

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum SettingsCommand {
    /// Show the account's settings
    Get,
    /// Change some of them; what is left out stays as it is
    Put(SettingsPut),
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct SettingsPut {
    /// What is done when a function would return a value of its secrets to its caller: `report` it, `block` it too, or `off`
    #[arg(long, value_name = "WHAT")]
    pub(crate) response_guard: Option<String>,
    /// Whether an assistant may store a value that it was told in the conversation: `allow` or `forbid`
    #[arg(long, value_name = "WHAT")]
    pub(crate) conversation_values: Option<String>,
    /// What an assistant needs a person's yes for: `never` anything, or what is `destructive`
    #[arg(long, value_name = "WHAT")]
    pub(crate) confirmations: Option<String>,
    /// After how many days values of secrets are to be replaced that say nothing else, or `never`
    #[arg(long, value_name = "DAYS")]
    pub(crate) rotate_after_days: Option<String>,
}
