//! Looking for stored values over HTTP: digests go in, names come out.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How to ask.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ScanSettings {
    /// Goes into every digest, as hexadecimal digits. It is the account's and no secret.
    pub salt: String,
    /// Most digests of one request.
    pub digests_at_once: usize,
}

/// Asks which of these are stored values.
///
/// A digest is the first 16 bytes of SHA-256 over `tresor scan v1`, a zero byte, the salt's length as 8 bytes (the most
/// significant first), the salt, and the candidate without white space around it and with `\n` for line ends.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FindDigests {
    /// At most 20,000, of 32 hexadecimal digits each.
    pub digests: Vec<String>,
    /// Only this environment's values; all if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
}

/// What was found.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FoundDigests {
    /// In the order of the digests.
    pub items: Vec<FoundSecret>,
    /// How many stored values are too easy to guess to be looked for: they are never confirmed.
    pub too_weak: u64,
}

/// A stored value that a digest is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FoundSecret {
    /// Which digest of the request, from 0.
    pub index: usize,
    /// The secret.
    pub name: String,
    /// Its environment.
    pub environment: String,
    /// The version.
    pub version: u64,
    /// Whether functions get it now.
    pub current: bool,
}
