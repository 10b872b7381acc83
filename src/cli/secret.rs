//! `tresor secret …`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{InEnvironment, Request, RequestsCommand, Rotate, RotationCommand, RotatorCommand};

#[derive(Debug, Subcommand)]
pub(crate) enum SecretCommand {
    /// Store a secret, or a new version of it; the value comes from stdin or a hidden prompt
    ///
    /// The value is read from stdin, without one newline at its end; if stdin is a terminal, it is asked for and not shown.
    /// It is never taken from the command line. What is left out keeps what the secret has.
    ///
    ///   tresor secret put OPENAI_API_KEY
    ///   tresor secret put TLS_KEY --note "for the mail relay" < key.pem
    ///   tresor secret put OPENAI_API_KEY --keep-value --rotate-after-days 90
    #[command(verbatim_doc_comment)]
    Put(Put),
    /// Store the secrets of a file: all of them or, where a line is rejected, none
    ///
    /// Shows what would become of each line, with masks, and asks. Reads .env files as npm dotenv does, flat JSON and YAML, and
    /// what Supabase, Vercel, Doppler, Infisical and Vault export. Nothing is expanded and no command is run.
    ///
    ///   tresor secret import .env -e test
    ///   doppler secrets download --no-file --format json | tresor secret import - --yes
    #[command(verbatim_doc_comment)]
    Import(Import),
    /// Write names, notes and settings of secrets, without values: to keep in git, or to import elsewhere
    ///
    ///   tresor secret export -e production --format yaml > secrets.yaml
    ///   tresor secret import --structure secrets.yaml -e staging
    #[command(verbatim_doc_comment)]
    Export {
        /// Only this environment; all if left out
        #[arg(short, long, visible_alias = "env", value_name = "ENV")]
        environment: Option<String>,
        /// How the file is written
        #[arg(long, value_enum, default_value_t = ExportFormat::Json)]
        format: ExportFormat,
    },
    /// List secrets, with masks
    List {
        /// Only this environment; all if left out
        #[arg(short, long, visible_alias = "env", value_name = "ENV")]
        environment: Option<String>,
    },
    /// Show one secret, with its mask
    Get(Named),
    /// Tell what should be done about secrets, the most pressing first; exit code 0 if there is nothing
    ///
    /// Finds what is missing, overdue, due within a week, stored twice, badly formatted, exposed to browsers by its name, never
    /// used or unused for long. No value is decrypted. Exit code 1 if anything is found that is as severe as --fail-on.
    ///
    ///   tresor secret health -e production --fail-on high
    #[command(verbatim_doc_comment)]
    Health(Health),
    /// List the versions of a secret, with masks
    Versions(Named),
    /// Make an earlier version current again
    Activate {
        /// The secret
        name: String,
        /// The version's number
        version: u64,
        #[command(flatten)]
        place: InEnvironment,
    },
    /// Replace a secret's value now, by its rotator
    ///
    ///   tresor secret rotate DATABASE_URL -e production --wait
    #[command(verbatim_doc_comment)]
    Rotate(Rotate),
    /// Set, show and remove what replaces a secret's value by itself
    #[command(subcommand)]
    Rotator(RotatorCommand),
    /// List the rotations of a secret; retry or give up one that failed
    #[command(subcommand)]
    Rotation(RotationCommand),
    /// Ask its provider whether a secret works; exit code 0 if it does
    ///
    /// The server sends the value to the provider's own host, in a request that changes nothing, and shows what came of it.
    Check(Named),
    /// Show what each environment has of each name: a value, another's, an open slot, or nothing
    Matrix,
    /// Make a secret use the value that its name has in another environment
    ///
    /// Until it is put, activated or deleted here. What it had itself stays as older versions.
    Share {
        /// The secret
        name: String,
        /// Where the value is to be used too
        #[arg(short, long = "environment", visible_alias = "env", value_name = "ENV", required = true)]
        environment: String,
        /// Where the value is
        #[arg(long, value_name = "ENV", default_value = "production")]
        from: String,
    },
    /// Destroy the value of an earlier version for good; its number, mask and note stay
    Destroy {
        /// The secret
        name: String,
        /// The version's number; not the current one
        version: u64,
        #[command(flatten)]
        place: InEnvironment,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// Delete a secret with all its versions in one environment
    Delete {
        #[command(flatten)]
        named: Named,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// Ask a person to enter a secret; prints the link of the page where that is done
    ///
    /// The link holds no secret and is no login: it opens for people who are logged in to the account.
    Request(Request),
    /// List, decline and cancel what was asked for
    #[command(subcommand)]
    Requests(RequestsCommand),
}

#[derive(Debug, Args)]
pub(crate) struct Health {
    /// Only this environment; all if left out
    #[arg(short, long, visible_alias = "env", value_name = "ENV")]
    pub(crate) environment: Option<String>,
    /// For how many days nothing may have used a secret [default: 90]
    #[arg(long, value_name = "DAYS")]
    pub(crate) unused_days: Option<u32>,
    /// The least severity that makes the exit code 1
    #[arg(long, value_name = "SEVERITY", default_value = "low", value_parser = ["low", "medium", "high", "never"])]
    pub(crate) fail_on: String,
}

#[derive(Debug, Args)]
pub(crate) struct Named {
    /// The secret
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) place: InEnvironment,
}

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The file, in UTF-8 or UTF-16; `-` for stdin
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) place: InEnvironment,
    /// dotenv, json or yaml [default: by the file's name, else as it looks]
    #[arg(long)]
    pub(crate) format: Option<String>,
    /// How new secrets are delivered: `env`, or `brokered` to the hosts that are known for them [default: env]
    #[arg(long)]
    pub(crate) delivery: Option<String>,
    /// Only show what would become of each line
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Leave out the lines that are rejected, instead of refusing the file
    #[arg(long)]
    pub(crate) skip_rejected: bool,
    /// The file is one of `secret export`: make what is not there, as slots that wait for values
    #[arg(long, conflicts_with_all = ["format", "delivery", "skip_rejected"])]
    pub(crate) structure: bool,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
}

/// How a structure is written.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum ExportFormat {
    Json,
    Yaml,
}

#[derive(Debug, Args)]
pub(crate) struct Put {
    /// Capital letters, digits and underscores: the variable that functions find the value in
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) place: InEnvironment,
    /// How functions get it: `env` puts the value in their environment, `brokered` a placeholder, which becomes the value on
    /// requests to the secret's hosts [default: as it is, or env]
    #[arg(long)]
    pub(crate) delivery: Option<String>,
    /// A host that a brokered secret may be sent to, like api.stripe.com or *.example.com; repeat for more
    #[arg(long = "host", value_name = "HOST")]
    pub(crate) hosts: Vec<String>,
    /// Everyone may see the value, as that of a key made for web pages: functions may return it; `false` takes it back
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) publishable: Option<bool>,
    /// What people should know about it; no secrets in here
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
    /// Why this value is put; kept with its version
    #[arg(long, value_name = "TEXT")]
    pub(crate) version_note: Option<String>,
    /// After how many days the value should be replaced; 0 with --keep-value: never
    #[arg(long, value_name = "DAYS")]
    pub(crate) rotate_after_days: Option<u32>,
    /// When this value stops working or must be replaced, like 2027-03-31
    #[arg(long, value_name = "DAY")]
    pub(crate) rotate_by: Option<String>,
    /// For how long functions get the value before too, as NAME_PREVIOUS, from each put of another value on: 90s, 10m, 24h, 7d;
    /// none with --keep-value: no longer, from now on
    #[arg(long, value_name = "TIME")]
    pub(crate) overlap: Option<String>,
    /// Ask for no value: change notes, rotation, overlap and who may see it only
    #[arg(long, conflicts_with_all = ["delivery", "hosts"])]
    pub(crate) keep_value: bool,
    /// Only if this is the current version; 0: only if there is no such secret
    #[arg(long, value_name = "VERSION")]
    pub(crate) if_version: Option<u64>,
    /// Catches a value on the command line, to say why it is refused
    #[arg(hide = true, value_name = "VALUE")]
    pub(crate) extra: Vec<String>,
    /// Likewise
    #[arg(long = "value", hide = true, num_args = 0..=1, default_missing_value = "", allow_hyphen_values = true)]
    pub(crate) value: Option<String>,
}
