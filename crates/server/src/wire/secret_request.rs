//! Secret requests over HTTP: who wants which secret, and how that ended. Never a value, and never who entered it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Asks people of the account for a secret.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateSecretRequest {
    /// The secret's name: `[A-Z_][A-Z0-9_]*`, at most 128 characters.
    pub name: String,
    /// What it is needed for, for the person who is to enter it: at most 500 characters, and no key in it.
    pub reason: String,
    /// `production` if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Where to get the value, `https`, where Tresor's catalogue does not know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub obtain_url: Option<String>,
}

/// A secret request.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SecretRequest {
    /// Its id.
    pub id: String,
    /// The page where a person who is logged in to the account answers it. It is no login and holds no secret.
    pub url: String,
    /// `pending`, `fulfilled`, `declined`, `expired` or `cancelled`.
    pub status: String,
    /// The secret's name.
    pub name: String,
    /// Where the value is wanted.
    pub environment: String,
    /// What it is needed for, as whoever asks says.
    pub reason: String,
    /// Where to get the value, as whoever asks says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub obtain_url: Option<String>,
    /// RFC 3339, UTC.
    pub created_at: String,
    /// Who asks.
    pub created_by: String,
    /// From when nobody can answer it.
    pub expires_at: String,
    /// When it was answered or taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_at: Option<String>,
}
