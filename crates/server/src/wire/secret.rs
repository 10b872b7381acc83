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
    /// `set`: it has a value of its own here; `shared`: it uses the value that its name has in `shared_from`; `pending`: it has
    /// none yet, and functions do not get it.
    pub state: String,
    /// The environment whose value it uses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_from: Option<String>,
    /// The current version's number; 0 where there is no value.
    pub version: u64,
    /// The shown stand-in of the value, for example `sk-p****z789`.
    pub mask: String,
    /// How it reaches a function: `env`.
    pub delivery: String,
    /// Hosts that a brokered secret may be sent to.
    pub hosts: Vec<String>,
    /// Everyone may see its value, as that of a key made for web pages: functions may return it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub publishable: bool,
    /// What a person wrote about it.
    pub note: String,
    /// Days after which its value should be replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotate_after_days: Option<u32>,
    /// When its current value stops working or must be replaced, if that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotate_by: Option<String>,
    /// For how long functions get the value before too, as `NAME_PREVIOUS`, when it is replaced: `90s`, `10m`, `24h`, `7d`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap: Option<String>,
    /// The version before, while functions get it too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<PreviousVersion>,
    /// When its current value was stored.
    pub value_at: String,
    /// Codes of what may be wrong with the current value, as `warnings` of the put told it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<String>,
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

/// The version before the current one, while functions get it too.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PreviousVersion {
    /// Its number.
    pub version: u64,
    /// No invocation that starts later gets it. RFC 3339, UTC.
    pub until: String,
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
    /// Whether everyone may see the value, as that of a key made for web pages: the response guard lets it pass. It is masked
    /// and hidden in logs all the same. Of a new secret it is true if the catalogue knows name and value as such a key.
    pub publishable: Option<bool>,
    /// At most 1,000 characters.
    pub note: Option<String>,
    /// A note on this version: why it was put. At most 1,000 characters.
    pub version_note: Option<String>,
    /// 1 to 3,650.
    pub rotate_after_days: Option<u32>,
    /// When this value stops working or must be replaced: a time or a day. Counts instead of `rotate_after_days`, for this
    /// version only.
    pub rotate_by: Option<String>,
    /// For how long functions get the value before too, as `NAME_PREVIOUS`, from each put of another value on: 1 second to 30
    /// days, like `90s`, `10m`, `24h` or `7d`. Of secrets whose delivery is `env` only.
    pub overlap: Option<String>,
}

/// What a put or a share did: the secret as it is now, never its value.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct StoredSecret {
    /// The secret.
    #[serde(flatten)]
    pub secret: Secret,
    /// `new`; `changed`: it has a new version; `settings`: the value was the current one already and so got no version, but
    /// settings changed; `shared`: it uses another's value now; `same`: all of it was there already and nothing changed.
    pub outcome: String,
    /// What may be wrong with the value. Advice: it was stored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}

/// Something that may be wrong. Holds nothing of the value.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Warning {
    /// Stable, for example `wrong_format`.
    pub code: String,
    /// `warning` or `note`.
    pub severity: String,
    /// For people, in small letters and without a full stop.
    pub detail: String,
    /// A name that fits better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
}

/// Changes settings of a secret that leave its value where it is. A field that is left out stays as it is; `null` clears.
/// Where a value goes (`delivery`, `hosts`) changes only together with the value, so only by who has it.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeSecret {
    /// `production` if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Whether everyone may see the current value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publishable: Option<bool>,
    /// At most 1,000 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The note on the current version. At most 1,000 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version_note: Option<String>,
    /// 1 to 3,650.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>)]
    pub rotate_after_days: Option<Option<u32>>,
    /// When the current value stops working or must be replaced: a time or a day.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub rotate_by: Option<Option<String>>,
    /// As in a put. `null` also ends at once that functions get the value before.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub overlap: Option<Option<String>>,
}

/// Tells `null` from a field that is left out.
pub(super) fn given<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
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
    /// Why it was put.
    pub note: String,
    /// When it stops working or must be replaced, if that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotate_by: Option<String>,
    /// RFC 3339, UTC.
    pub created_at: String,
    /// Who stored it.
    pub created_by: String,
    /// Since when its value is gone for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destroyed_at: Option<String>,
}

/// Makes a secret use the value that its name has in another environment. What it had itself stays as older versions.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ShareSecret {
    /// Where the value is to be used too; not `production`.
    pub environment: String,
    /// Where the value is; `production` if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

/// What each environment has of each name.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SecretMatrix {
    /// The environments that the caller may see, in the order of the cells.
    pub environments: Vec<String>,
    /// By name.
    pub items: Vec<MatrixRow>,
    /// Give this as `cursor` to get the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A name.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct MatrixRow {
    /// The name.
    pub name: String,
    /// One for each environment.
    pub cells: Vec<MatrixCell>,
}

/// What an environment has of a name.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct MatrixCell {
    /// The environment.
    pub environment: String,
    /// `set`, `shared`, `pending` or `missing`. Of the last two functions get nothing.
    pub state: String,
    /// The current version's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// The shown stand-in of the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<String>,
    /// The environment whose value it is, where it is shared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_from: Option<String>,
    /// Functions active there that name it in their source and would get it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub functions: Vec<String>,
}

/// Destroys the value of an earlier version for good.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DestroyVersion {
    /// The version's number; not the current one.
    pub version: u64,
    /// `production` if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
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
