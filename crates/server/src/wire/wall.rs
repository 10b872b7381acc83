//! The walls around functions over HTTP.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What keeps functions from the machine, beside Deno's permissions.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct Walls {
    /// Without these no function runs: commas part them, and of those parted by `|` one will do.
    pub required: String,
    /// Each wall; none if functions cannot run for another reason, which `/readyz` tells.
    pub items: Vec<Wall>,
}

/// One wall.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Wall {
    /// `user`, `mount`, `pid`, `ipc`, `net`, `landlock`, `seccomp`, `memory` or `threads`.
    pub name: String,
    /// Whether it stands.
    pub stands: bool,
    /// What it keeps while it stands.
    pub keeps: String,
    /// Why it does not stand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What that means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meaning: Option<String>,
}
