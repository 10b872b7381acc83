//! Secrets over HTTP.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zeroize::Zeroizing;

/// A secret: never its value.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Secret {
    /// `[A-Z_][A-Z0-9_]*`, at most 128 characters.
    pub name: String,
    /// The environment this value is of.
    pub environment: String,
    /// The current version's number.
    pub version: u64,
    /// The shown stand-in of the value, for example `sk-p****z789`.
    pub mask: String,
    /// How it reaches a function: `env`.
    pub delivery: String,
    /// Hosts that a brokered secret may be sent to.
    pub hosts: Vec<String>,
    /// What a person wrote about it.
    pub note: String,
    /// Days after which its value should be replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotate_after_days: Option<u32>,
    /// RFC 3339, UTC.
    pub created_at: String,
    /// Who stored it first.
    pub created_by: String,
    /// When its value or settings last changed.
    pub updated_at: String,
    /// Who changed it last.
    pub updated_by: String,
    /// When a worker last got it; absent if none ever did. Exact to a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<String>,
    /// Functions active in the environment that get it and name it in their source.
    pub functions: Vec<String>,
}

/// A text that is zeroized when dropped and that nothing prints.
#[derive(ToSchema)]
#[schema(value_type = String)]
pub struct RawValue(Zeroizing<String>);

impl RawValue {
    /// Takes the text out; the caller keeps it zeroized.
    pub fn take(mut self) -> String {
        std::mem::take(&mut self.0)
    }
}

impl<'de> Deserialize<'de> for RawValue {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Zeroizing::new(text)))
    }
}

impl std::fmt::Debug for RawValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RawValue(****)")
    }
}

/// Stores a secret, or a new version of it. A field that is left out keeps what the secret has.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutSecret {
    /// The value: 1 to 65,536 bytes of UTF-8 without NUL.
    pub value: RawValue,
    /// `production` if left out.
    pub environment: Option<String>,
    /// `env` (the value is in functions' environment) or `brokered` (a placeholder is; the egress broker puts the value in, on
    /// requests to `hosts`); a new secret is `env` if left out.
    pub delivery: Option<String>,
    /// Where a brokered secret may be sent, over TLS: `api.example.com`, `*.example.com` (below it), each with a port if it is
    /// not 443. At most 100.
    pub hosts: Option<Vec<String>>,
    /// At most 1,000 characters.
    pub note: Option<String>,
    /// 1 to 3,650.
    pub rotate_after_days: Option<u32>,
}

/// One version of a secret.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SecretVersion {
    /// Its number; never reused.
    pub version: u64,
    /// The mask of its value.
    pub mask: String,
    /// Whether it is the one that functions get.
    pub current: bool,
    /// RFC 3339, UTC.
    pub created_at: String,
    /// Who stored it.
    pub created_by: String,
}

/// Makes an earlier version current again.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ActivateSecret {
    /// The version's number.
    pub version: u64,
    /// `production` if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
}
