//! The structure of secrets: names, notes and settings, as a file without a value.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{RawValue, SecretPlace};

/// Names, notes and settings of the secrets of environments. No value, no mask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretStructure {
    /// The shape of this file: 1.
    pub structure: u32,
    /// The environments, also those without secrets.
    pub environments: Vec<String>,
    /// By environment and name.
    pub secrets: Vec<SecretOutline>,
}

/// A secret without its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretOutline {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub environment: String,
    /// `env` or `brokered`; `env` if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<String>,
    /// Where a brokered value may be sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// What it is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// After how many days its value should be replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotate_after_days: Option<u32>,
    /// For how long functions get the value before too, when it is replaced: `90s`, `10m`, `24h`, `7d`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap: Option<String>,
    /// Whose key the name is usual for, as the catalogue calls it. Told for who reads the file; an import does without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The environment whose value it used. Told likewise: what is imported has no value to share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_from: Option<String>,
}

/// Makes the secrets of a structure that are not there, as slots that wait for their values.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportStructure {
    /// The file, JSON or YAML, at most 1 MiB and 10,000 secrets.
    pub text: RawValue,
    /// Puts the secrets there instead of where the file says; it must be the structure of one environment then.
    pub environment: Option<String>,
    /// Says what would happen, and makes nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// What the import of a structure made, or would make.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ImportedStructure {
    /// Whether nothing was made, since that was not asked for.
    pub dry_run: bool,
    /// Environments that were not there.
    pub environments: Vec<String>,
    /// What waits for a value now.
    pub pending: Vec<SecretPlace>,
    /// What was there already and stays as it is.
    pub there: Vec<SecretPlace>,
}
