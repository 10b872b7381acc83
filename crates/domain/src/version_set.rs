//! Which version of which secret a process was given.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use crate::SecretName;

/// Versions by secret: many invocations have the same, so it is made once and known by its id.
#[derive(Debug, Clone)]
pub struct VersionSet {
    id: String,
    json: String,
}

impl VersionSet {
    /// The set of `versions`.
    pub fn new(versions: &BTreeMap<SecretName, u64>) -> Self {
        let entries: serde_json::Map<_, _> =
            versions.iter().map(|(name, version)| (name.to_string(), (*version).into())).collect();
        let json = serde_json::Value::Object(entries).to_string();
        Self { id: crate::token::hash(&json), json }
    }

    /// One that was stored.
    pub fn stored(id: String, json: String) -> Self {
        Self { id, json }
    }

    /// The SHA-256 of [`VersionSet::json`] in hex.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// A JSON object of names and numbers.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// The names, with their versions.
    pub fn versions(&self) -> BTreeMap<String, u64> {
        serde_json::from_str(&self.json).unwrap_or_default()
    }
}

/// Sets of one id are the same.
impl PartialEq for VersionSet {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for VersionSet {}

impl Hash for VersionSet {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

impl Default for VersionSet {
    fn default() -> Self {
        Self::new(&BTreeMap::new())
    }
}
