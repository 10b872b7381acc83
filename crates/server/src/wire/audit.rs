//! The audit log over HTTP.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An event with its place in the log.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// Its leaf index, from 0.
    pub index: u64,
    /// The event. Its canonical JSON (RFC 8785) is what is hashed.
    #[schema(value_type = Object)]
    pub event: domain::audit::AuditEvent,
}

/// A signed tree head.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SignedCheckpoint {
    /// How many events it covers.
    pub size: u64,
    /// The C2SP signed note. Keep it outside the server: it proves later that nothing before it was changed.
    pub checkpoint: String,
    /// The key that checks it. Keep it outside the server too.
    pub verifier_key: String,
}

/// An RFC 6962 proof.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AuditProof {
    /// Hashes in base64, in the order of RFC 6962.
    pub hashes: Vec<String>,
}
