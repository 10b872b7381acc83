//! What should be done about secrets, over HTTP. Never a value, and nothing of one.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How the account's secrets are, and what should be done about them.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SecretHealth {
    /// What should be done, the most pressing first.
    pub findings: Vec<HealthFinding>,
    /// How many there are of each severity.
    pub counts: HealthCounts,
    /// How many findings are not in the list, because it has as many as a list may have.
    pub more: u64,
    /// How many secrets were looked at.
    pub secrets: u64,
    /// For how many days nothing may have used a secret before that is told.
    pub unused_days: u32,
    /// RFC 3339, UTC.
    pub checked_at: String,
}

/// Findings by severity.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HealthCounts {
    /// It fails or is unsafe now.
    pub high: u64,
    /// To be done soon.
    pub medium: u64,
    /// When there is time.
    pub low: u64,
}

/// Something that should be done about one secret.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct HealthFinding {
    /// `missing` (a function reads it and it has no value), `overdue`, `rotation_failed` (its rotator could not replace it), `badly_formatted`, `wrong_mode` (a test key in
    /// production or the other way round), `browser_exposed` (its name makes build tools publish it), `seen_by_assistant`, `publishable`, `due_soon`
    /// (within a week), `pending` (a slot without a value), `duplicated`, `unused` (for `unused_days`) or `never_used`.
    pub kind: String,
    /// `high`, `medium` or `low`.
    pub severity: String,
    /// The secret.
    pub name: String,
    /// Where.
    pub environment: String,
    /// A whole sentence about it, for people.
    pub detail: String,
    /// What to do: `put` a value, `replace` it, `rename` it, `delete` it, or `look` and decide.
    pub action: String,
    /// The same as sentences, for people.
    pub advice: String,
    /// The code that the put's `warnings` had, where that is what is found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// When its value should be replaced, if that is what is found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<String>,
    /// Functions that read it, where it is missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub functions: Vec<String>,
    /// Where else its value is stored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<SecretPlace>,
}

/// A name in an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SecretPlace {
    /// The secret.
    pub name: String,
    /// Where.
    pub environment: String,
}
