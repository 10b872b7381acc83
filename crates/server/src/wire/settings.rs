//! An account's settings over HTTP.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What the account decides once for all its functions.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Settings {
    /// What is done when a function would return a value of its secrets to its caller, unless its deployment says
    /// otherwise: `report` (it goes out, and the audit log and the admin UI tell of it), `block` (it does not go out
    /// either) or `off`.
    pub response_guard: String,
    /// Whether an assistant may store a value that it was told in the conversation: `allow` (it does, and the secret is
    /// marked as one that it has seen) or `forbid` (people enter values).
    pub conversation_values: String,
    /// What an assistant's tools need a person's yes for, given in the admin UI: `never` anything, or what is `destructive`
    /// (it deletes a secret).
    pub confirmations: String,
    /// After how many days the values of secrets are to be replaced that say nothing else: a number, or `never`.
    pub rotate_after_days: String,
}

/// Changes settings. What is left out stays as it is.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutSettings {
    /// `report`, `block` or `off`; `report` until it is put.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_guard: Option<String>,
    /// `allow` or `forbid`; `allow` until it is put.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation_values: Option<String>,
    /// `never` or `destructive`; `never` until it is put.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmations: Option<String>,
    /// 1 to 3,650 as text, or `never`; `never` until it is put.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotate_after_days: Option<String>,
}
