//! Providers over HTTP: what the catalogue knows, and what is asked of it about a value.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::RawValue;

/// A provider in a list.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ProviderSummary {
    /// Stable, `[a-z0-9-]+`.
    pub id: String,
    /// For people.
    pub name: String,
    /// What it is for: `payments`, `email`, `ai`, …
    pub categories: Vec<String>,
    /// The usual names of its secrets.
    pub secrets: Vec<String>,
}

/// A company or a kind of service, and what there is of it to store.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Provider {
    /// Stable, `[a-z0-9-]+`.
    pub id: String,
    /// For people.
    pub name: String,
    /// What it is for: `payments`, `email`, `ai`, …
    pub categories: Vec<String>,
    /// Its home page.
    pub website: String,
    /// Its credentials.
    pub secrets: Vec<ProviderSecret>,
}

/// One credential of a provider.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ProviderSecret {
    /// The usual name first, then others in use.
    pub names: Vec<String>,
    /// What it is, for people.
    pub what: String,
    /// `secret`, or `publishable`: made to be known.
    pub kind: String,
    /// A regular expression for the whole value; absent if none is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// How values begin.
    pub prefixes: Vec<String>,
    /// How values of the provider's test mode begin.
    pub test_prefixes: Vec<String>,
    /// How values of its live mode begin.
    pub live_prefixes: Vec<String>,
    /// An example of a mask: no value.
    pub mask: String,
    /// Hosts that it is sent to. `{part}` is for a person to fill in; empty if it never leaves the function as it is.
    pub hosts: Vec<String>,
    /// A page where one can be had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub obtain_url: Option<String>,
    /// What to do there.
    pub obtain_help: String,
    /// How to exchange one without a gap.
    pub rotate: String,
    /// Whether a harmless request is known that tells if one works.
    pub can_check: bool,
}

/// Asks what a value may be. It is neither stored nor logged, and no answer repeats any of it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SuggestProvider {
    /// The value, as it was pasted.
    pub value: RawValue,
}

/// What a value may be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ProviderSuggestion {
    /// The name to store it under.
    pub name: String,
    /// The provider's id.
    pub provider: String,
    /// The provider's name, for people.
    pub provider_name: String,
    /// What it is, for people.
    pub what: String,
    /// `secret` or `publishable`.
    pub kind: String,
    /// `test` or `live`, if the value tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// The whole value fits, not only its beginning.
    pub certain: bool,
}
