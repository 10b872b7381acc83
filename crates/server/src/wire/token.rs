//! Tokens over HTTP.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A token: never its text, of which only a hash is kept.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Token {
    /// Its id.
    pub id: String,
    /// Its name, for people.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// The environments it is limited to; absent if it is not limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environments: Option<Vec<String>>,
    /// The member it was made for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// RFC 3339, UTC.
    pub created_at: String,
    /// Who made it.
    pub created_by: String,
    /// When it stops working; absent if never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<String>,
    /// When it was last used, exact to a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<String>,
}

/// Makes a token.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateToken {
    /// `[a-z][a-z0-9-]*`, at most 64 characters.
    pub name: String,
    /// Scopes, none beyond the caller's own; `admin` stands for all of the account's.
    pub scopes: Vec<String>,
    /// Limits it to these environments; left out: not limited; an empty list: refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environments: Option<Vec<String>>,
    /// The member it is for, whose role bounds its scopes and whose groups are the token's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// `supabase`: in the form that the `supabase` command line takes; `tresor` if left out. It is a token like any other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// RFC 3339, in the future; left out: it does not expire.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

/// A token that was just made.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CreatedToken {
    /// The token itself. Shown this once.
    pub token: String,
    /// What is kept of it.
    #[serde(flatten)]
    pub kept: Token,
}
