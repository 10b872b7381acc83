//! Rotators and rotations over HTTP. No value is in any of them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What replaces a secret's value by itself.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Rotator {
    /// The secret.
    pub secret: String,
    /// Where that is.
    pub environment: String,
    /// `function` or `postgres`.
    pub kind: String,
    /// The function that makes, verifies and retires values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// Whether the function is told the secret's values though it does not get them in its environment.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub give_value: bool,
    /// Of PostgreSQL: the secret of who gives roles their passwords.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin: Option<String>,
    /// Of PostgreSQL: the two roles that take turns. Without them the user changes its own password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<String>>,
    /// After how many days it begins by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every_days: Option<u32>,
    /// When it next does. RFC 3339, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<String>,
    /// Since when its last rotation waits for somebody to retry or cancel it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_at: Option<String>,
    /// When it was set.
    pub set_at: String,
    /// By whom.
    pub set_by: String,
    /// Its newest rotation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<Rotation>,
}

/// Sets a secret's rotator.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutRotator {
    /// `production` if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// `function`, or `postgres` for a value that is a URL, `postgres://user:password@host/database`.
    pub kind: String,
    /// A function that is active in the environment and not public.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// Tell the function the secret's values also where it does not get them in its environment: of a brokered secret, or one that
    /// its deployment leaves out.
    #[serde(default)]
    pub give_value: bool,
    /// Of PostgreSQL: another secret of the environment, also a URL, of a user who may give roles passwords. Two roles then take turns, and
    /// no connection fails. Left out: the user changes its own password, and who connects with the old one before the new one is current fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin: Option<String>,
    /// The two roles, one of them the value's user. Left out: that and the same with `_b` behind it, which is made if it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<String>>,
    /// After how many days it is to begin by itself: 1 to 3650. Left out: only when it is told to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every_days: Option<u32>,
}

/// A replacement of a secret's value, step by step.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Rotation {
    /// Its id.
    pub id: String,
    /// The secret.
    pub secret: String,
    /// Where that is.
    pub environment: String,
    /// `running`, `failed` (retry or cancel it), `done` or `cancelled`.
    pub status: String,
    /// `create`, `verify`, `activate` or `retire`: the one that it is at, or ended with.
    pub step: String,
    /// Since when it is at its step. RFC 3339, UTC.
    pub step_at: String,
    /// How often that was tried.
    pub tries: u32,
    /// Why the last try failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// When it goes on, if it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<String>,
    /// The version that is replaced.
    pub of_version: u64,
    /// The version that replaces it, once that is current.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// When it was started.
    pub started_at: String,
    /// By whom: a token or session by its name, or `schedule`.
    pub started_by: String,
    /// When it was done or cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
}

/// Which environment is meant.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateSecret {
    /// `production` if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
}
