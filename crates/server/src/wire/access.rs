//! Accounts, environments and login links over HTTP.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An account: the tenant.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Account {
    /// Its name, as in its gateway URLs.
    pub name: String,
    /// RFC 3339, UTC.
    pub created_at: String,
}

/// Makes an account.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateAccount {
    /// `[a-z][a-z0-9-]*`, at most 64 characters.
    pub name: String,
}

/// An account that was just made.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CreatedAccount {
    /// The account.
    #[serde(flatten)]
    pub account: Account,
    /// Its first token, with every scope of the account. Shown this once.
    pub token: String,
}

/// An environment: a secret has its own value in each.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Environment {
    /// Its name.
    pub name: String,
    /// What the `supabase` command line calls it: its project's reference.
    pub supabase_ref: String,
    /// RFC 3339, UTC.
    pub created_at: String,
}

/// What may be known of an account's key.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AccountKey {
    /// Its id, which stands in every ciphertext.
    pub id: String,
    /// When it was made.
    pub created_at: String,
    /// The id of the root key that wraps it.
    pub root_key: String,
    /// How often the account's key was replaced.
    pub rotations: u64,
    /// Of a rotation: how many versions were encrypted anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub versions: Option<u64>,
}

/// Copies the names of an environment's secrets to another, never their values.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CloneEnvironment {
    /// Where to; made if it is not there.
    pub to: String,
}

/// What cloning an environment did.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ClonedEnvironment {
    /// The environment that was cloned to.
    pub environment: Environment,
    /// Whether it was made.
    pub created: bool,
    /// The names that are pending there now: those that it did not have, with their notes and settings.
    pub slots: Vec<String>,
}

/// A link that opens one browser session.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LoginLink {
    /// Works once.
    pub url: String,
    /// RFC 3339, UTC.
    pub expires_at: String,
}
