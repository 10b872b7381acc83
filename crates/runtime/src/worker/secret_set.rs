//! The secrets of one worker, or of several that have the same.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::redact::Redactor;
use domain::{SecretName, Value, VersionSet};

use crate::egress::Brokered;

/// What workers of a function are given. It is made once, however many they are, and holds values: it lives no longer than
/// they do and whoever makes it wants.
#[derive(Default)]
pub struct SecretSet {
    env: Vec<(SecretName, Value)>,
    brokered: Vec<Arc<Brokered>>,
    versions: Arc<VersionSet>,
    redactor: Redactor,
}

impl SecretSet {
    /// Of the secrets in `env` its workers get the values, of those in `brokered` placeholders. What is `publishable` may stand
    /// in responses; `versions` is what they all are. Values that workers are `told` on the way are taken out of what they
    /// write like their own.
    pub fn new(
        env: Vec<(SecretName, Value)>,
        brokered: Vec<Brokered>,
        publishable: &BTreeSet<SecretName>,
        versions: VersionSet,
        told: &[(SecretName, Value)],
    ) -> Self {
        // A value that comes back by a way that the broker cannot see into must not stand in a log either.
        let held = env.iter().map(|(name, value)| (name, value));
        let known = held.chain(brokered.iter().map(|secret| (&secret.name, &secret.value)));
        let known = known.chain(told.iter().map(|(name, value)| (name, value)));
        let redactor = Redactor::new(known.map(|(name, value)| (name, value, publishable.contains(name))));
        Self { redactor, brokered: brokered.into_iter().map(Arc::new).collect(), versions: Arc::new(versions), env }
    }

    /// The names of all.
    pub fn names(&self) -> impl Iterator<Item = &SecretName> {
        self.env.iter().map(|(name, _)| name).chain(self.brokered.iter().map(|secret| &secret.name))
    }

    pub(crate) fn env(&self) -> impl Iterator<Item = (&SecretName, &Value)> {
        self.env.iter().map(|(name, value)| (name, value))
    }

    pub(crate) fn brokered(&self) -> &[Arc<Brokered>] {
        &self.brokered
    }

    pub(crate) fn versions(&self) -> &Arc<VersionSet> {
        &self.versions
    }

    pub(crate) fn redactor(&self) -> &Redactor {
        &self.redactor
    }
}
