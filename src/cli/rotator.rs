//! `tresor secret rotate`, `tresor secret rotator …` and `tresor secret rotation …`.

use clap::{ArgGroup, Args, Subcommand};

use super::{InEnvironment, Named};

#[derive(Debug, Args)]
pub(crate) struct Rotate {
    #[command(flatten)]
    pub(crate) named: Named,
    /// Tell its steps as they are taken, until the value before is retired; exit code 0 if it is
    #[arg(long)]
    pub(crate) wait: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RotatorCommand {
    /// Set what replaces the secret's value by itself
    ///
    /// A function of the account, which makes a new value, tries it and ends the one before; or, for a value that is a URL
    /// postgres://…, the server itself: by two roles that take turns, which needs an admin's URL, or by the user in place.
    ///
    ///   tresor secret rotator set API_KEY --function rotate-api-key --every 30d
    ///   tresor secret rotator set DATABASE_URL --postgres --admin DATABASE_ADMIN_URL
    #[command(verbatim_doc_comment)]
    Set(RotatorSet),
    /// Show the secret's rotator and how its last rotation went
    Show(Named),
    /// Remove the secret's rotator; a rotation that failed is given up with it
    Remove(Named),
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("kind").required(true).args(["function", "postgres"])))]
pub(crate) struct RotatorSet {
    #[command(flatten)]
    pub(crate) named: Named,
    /// The function that rotates it: active in the environment, and not public
    #[arg(long, value_name = "FUNCTION")]
    pub(crate) function: Option<String>,
    /// Tell the function the values also where it does not get them: of a brokered secret, or one that its deployment leaves out
    #[arg(long, requires = "function")]
    pub(crate) give_value: bool,
    /// The server gives the URL's PostgreSQL user another password
    #[arg(long)]
    pub(crate) postgres: bool,
    /// The secret with the URL of a user who may give passwords: two roles then take turns, and no connection fails
    #[arg(long, value_name = "NAME", requires = "postgres")]
    pub(crate) admin: Option<String>,
    /// A role that takes turns; give it twice [default: the URL's user, and the same with _b behind it]
    #[arg(long = "role", value_name = "ROLE", requires = "admin")]
    pub(crate) roles: Vec<String>,
    /// How often it begins by itself, in days, like 30d [default: only when it is told to]
    #[arg(long, value_name = "DAYS", value_parser = days)]
    pub(crate) every: Option<u32>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RotationCommand {
    /// List the secret's rotations, newest first
    List(Named),
    /// Go on with a rotation that failed, or that waits to try a step again
    Retry {
        #[command(flatten)]
        which: Which,
        /// Tell its steps as they are taken, until the value before is retired; exit code 0 if it is
        #[arg(long)]
        wait: bool,
    },
    /// Give a rotation up; the value that is current stays so
    Cancel(Which),
}

#[derive(Debug, Args)]
pub(crate) struct Which {
    #[command(flatten)]
    pub(crate) named: Named,
    /// The rotation's id [default: the newest]
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
}

impl Which {
    /// The secret's environment.
    pub(crate) fn place(&self) -> &InEnvironment {
        &self.named.place
    }
}

/// `30d`, or `30`.
fn days(text: &str) -> Result<u32, String> {
    text.trim_end_matches('d').parse().map_err(|_| "must be a number of days, like 30d".to_owned())
}
