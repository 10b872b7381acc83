//! Checks of credentials over HTTP.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::RawValue;

/// Checks a stored secret.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckSecret {
    /// `production` if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
}

/// Checks a value that is not stored. It is neither stored nor logged.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckValue {
    /// The value.
    pub value: RawValue,
    /// The name it would be stored under, where the provider has several credentials.
    pub name: Option<String>,
    /// Where the provider's other secrets are taken from, if the request needs one; `production` if left out.
    pub environment: Option<String>,
}

/// What the provider says of a value.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Check {
    /// `valid`, `invalid`, or `unknown`.
    pub verdict: String,
    /// Stable: `accepted`, `refused`, or why it is not known. `no_probe`, `wrong_format`, `other_secret_missing` and
    /// `host_not_of_secret`: the value was not sent. `forbidden`, `rate_limited`, `server_error`, `redirect`,
    /// `other_status`, `unclear_answer`: the provider's answer does not tell. Others, such as `connect_timeout`: there was none.
    pub reason: String,
    /// For people. Never holds anything of the value.
    pub detail: String,
    /// The provider's id, if it is known whose the value is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The host that the value was sent to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The HTTP status of its answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}
