//! One audit event: who did what to which resource, and how it ended. Never a value.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::audit::Hash;
use crate::audit::merkle::leaf_hash;
use crate::{AccountId, Action, Actor, ActorKind, EnvironmentName, RequestId, Timestamp};

/// How the action ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It happened; the event was committed together with it.
    Done,
    /// Policy refused it, and nothing changed.
    Denied,
}

/// The actor as the event keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventActor {
    /// Its id; empty for `setup` and `anonymous`.
    pub id: String,
    /// Its kind.
    pub kind: ActorKind,
    /// Its name at that time.
    pub name: String,
}

/// What was acted on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// Its kind: `secret`, `function`, `token`, …
    pub kind: String,
    /// Its name; empty if the action was on all of a kind.
    pub name: String,
}

/// A leaf of the log.
///
/// Fields stand in alphabetical order and maps are sorted, and numbers are integers, so the derived JSON is RFC 8785
/// canonical: [`AuditEvent::to_json`] is what is hashed, stored and exported, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEvent {
    /// The account in whose log it stands.
    pub account: AccountId,
    /// `resource.verb`.
    pub action: String,
    /// Who.
    pub actor: EventActor,
    /// More about it, for example `version`. Names and numbers only, never a value or a mask.
    pub details: BTreeMap<String, String>,
    /// The environment, where the action was in one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub environment: Option<EnvironmentName>,
    /// How it ended.
    pub outcome: Outcome,
    /// The request that did it.
    pub request_id: RequestId,
    /// What was acted on.
    pub resource: Resource,
    /// 32 hex characters of randomness, so that a published leaf hash does not let anyone guess the event.
    pub salt: String,
    /// When.
    pub time: Timestamp,
    /// Version of this format.
    pub v: u32,
}

impl AuditEvent {
    /// An event of `actor` doing `action` to `name`. The kind of the resource is the action's first word.
    pub fn new(
        actor: &Actor,
        action: Action,
        name: &str,
        outcome: Outcome,
        time: Timestamp,
        request_id: &RequestId,
        salt: [u8; 16],
    ) -> Self {
        let kind = action.as_str().split('.').next().unwrap_or_default().to_owned();
        Self {
            account: actor.account.clone(),
            action: action.as_str().to_owned(),
            actor: EventActor { id: actor.id.clone(), kind: actor.kind, name: actor.name.clone() },
            details: BTreeMap::new(),
            environment: None,
            outcome,
            request_id: request_id.clone(),
            resource: Resource { kind, name: name.to_owned() },
            salt: hex::encode(salt),
            time,
            v: 1,
        }
    }

    /// Sets the environment.
    #[must_use]
    pub fn environment(mut self, environment: &EnvironmentName) -> Self {
        self.environment = Some(environment.clone());
        self
    }

    /// Adds a detail. `text` must be a name or a number that people may read.
    #[must_use]
    pub fn detail(mut self, key: &str, text: impl ToString) -> Self {
        self.details.insert(key.to_owned(), text.to_string());
        self
    }

    /// The canonical JSON.
    pub fn to_json(&self) -> String {
        // Serializing plain strings and integers into memory has no failing case.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The leaf hash of [`AuditEvent::to_json`].
    pub fn leaf(&self) -> Hash {
        leaf_hash(self.to_json().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::{AuditEvent, Outcome};
    use crate::{AccountId, Action, Actor, EnvironmentName, RequestId, Timestamp};

    /// Golden: exports made today must verify in ten years.
    #[test]
    fn canonical_json() {
        let mut actor = Actor::anonymous(AccountId::new("acc"));
        actor.name = "café \"x\"\u{7}".to_owned();
        let event = AuditEvent::new(
            &actor,
            Action::SecretPut,
            "KEY",
            Outcome::Done,
            Timestamp::from_millis(0),
            &RequestId::new("req"),
            [1; 16],
        )
        .environment(&EnvironmentName::production())
        .detail("version", 2)
        .detail("delivery", "env");
        let json = event.to_json();
        assert_eq!(
            json,
            "{\"account\":\"acc\",\"action\":\"secret.put\",\"actor\":{\"id\":\"\",\"kind\":\"anonymous\",\"name\":\"café \\\"x\\\"\\u0007\"},\
             \"details\":{\"delivery\":\"env\",\"version\":\"2\"},\"environment\":\"production\",\"outcome\":\"done\",\"request_id\":\"req\",\
             \"resource\":{\"kind\":\"secret\",\"name\":\"KEY\"},\"salt\":\"01010101010101010101010101010101\",\
             \"time\":\"1970-01-01T00:00:00.000Z\",\"v\":1}"
        );
        let sorted: serde_json::Value = serde_json::from_str(&json).unwrap_or_default();
        assert_eq!(sorted.to_string(), json, "keys are in RFC 8785 order");
        assert_eq!(serde_json::from_str::<AuditEvent>(&json).ok(), Some(event));
    }
}
