//! Importing secrets over HTTP.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::RawValue;

/// Stores the secrets of a file: all of them or, where a line is rejected, none.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportSecrets {
    /// `dotenv`, `json` or `yaml`; exports of Supabase, Doppler, Infisical and Vault are recognised by their shape. Left out:
    /// what the text looks like.
    pub format: Option<String>,
    /// The file, at most 1 MiB and 10,000 entries.
    pub text: RawValue,
    /// `production` if left out.
    pub environment: Option<String>,
    /// How new secrets are delivered, `env` if left out. With `brokered` their hosts are those of the provider that name
    /// and value agree on. Secrets that are there keep theirs.
    pub delivery: Option<String>,
    /// Says what would happen, and stores nothing.
    #[serde(default)]
    pub dry_run: bool,
    /// Leaves out the lines that are rejected, instead of refusing the whole file.
    #[serde(default)]
    pub skip_rejected: bool,
}

/// What an import did, or would do.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Import {
    /// Whether nothing was stored, since that was not asked for.
    pub dry_run: bool,
    /// Where the secrets are stored.
    pub environment: String,
    /// How the text was read.
    pub format: String,
    /// How many secrets are new.
    pub new: usize,
    /// How many have another value than before.
    pub changed: usize,
    /// How many have the value already: no version was made of them.
    pub same: usize,
    /// How many lines are rejected.
    pub rejected: usize,
    /// Whether a line is rejected that must be corrected, or left out by `skip_rejected`.
    pub blocked: bool,
    /// Each entry and each rejected line, in the file's order.
    pub lines: Vec<ImportLine>,
}

/// One line's verdict, without a word of the line.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ImportLine {
    /// Its number; the first is 1.
    pub line: usize,
    /// Its name, if it has one that a secret may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `new`, `changed`, `same` or `rejected`.
    pub status: String,
    /// The mask of its value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<String>,
    /// Of a rejected line: why, for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Of a rejected line: why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What is odd about a line that is taken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<ImportWarning>,
}

/// Something odd about a line that is taken.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ImportWarning {
    /// Stable, for programs.
    pub code: String,
    /// For people.
    pub detail: String,
}
