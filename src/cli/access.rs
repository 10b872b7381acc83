//! `tresor token …`, `tresor environment …` and `tresor account …`.

use clap::{Args, Subcommand};

use crate::time::parse_span;

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token and print it, this once; the server keeps only a hash of it
    Create(TokenCreate),
    /// List tokens, never their text
    List,
    /// Stop a token from working
    Revoke {
        /// Its id, as `token list` shows it
        id: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct TokenCreate {
    /// A name, for people
    pub(crate) name: String,
    /// What it may do, for example secrets:write; repeat for more; `admin` for all of the account
    #[arg(long = "scope", required = true, value_name = "SCOPE")]
    pub(crate) scopes: Vec<String>,
    /// Limit it to this environment; repeat for more
    #[arg(short, long = "environment", visible_alias = "env", value_name = "ENV")]
    pub(crate) environments: Vec<String>,
    /// Make it for this member, whose role bounds it and whose groups it is in
    #[arg(long, value_name = "MEMBER")]
    pub(crate) member: Option<String>,
    /// `supabase`: in the form that the supabase command line takes
    #[arg(long)]
    pub(crate) format: Option<String>,
    /// After how long it stops working, for example 12h or 30d [default: never]
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    pub(crate) expires_in: Option<i64>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum EnvironmentCommand {
    /// List environments
    List,
    /// Make an environment, if it is not there
    Put {
        /// Small letters, digits and dashes
        name: String,
    },
    /// Copy the names of its secrets to another environment, as slots that wait for values; never a value
    Clone {
        /// The environment with the names
        from: String,
        /// The other, made if it is not there
        to: String,
    },
    /// Delete an environment with its secrets
    Delete {
        /// Any but production
        name: String,
        /// Also if functions are active in it or other environments use its values: those then have none
        #[arg(long)]
        anyway: bool,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum AccountCommand {
    /// Make an account and print its first token, this once
    Create {
        /// Small letters, digits and dashes
        name: String,
    },
    /// List accounts
    List,
}
