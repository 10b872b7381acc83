//! A worker's brokered secrets: what stands for them, and where each may go.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use domain::find::Finder;
use domain::{HostPattern, Placeholder, SecretName, Value, redact};
use zeroize::Zeroizing;

use super::refusal::Refusal;
use super::rewrite::{Rewrite, With};
use super::target::Target;

/// A secret that a function uses and does not hold.
pub struct Brokered {
    /// Name of the variable.
    pub name: SecretName,
    /// What the broker puts in.
    pub value: Value,
    /// Where it may go, over TLS. A pattern without a port covers 443.
    pub hosts: Vec<HostPattern>,
}

/// The system gave no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the system gives no random bytes")]
pub struct NoRandomness;

struct Entry {
    secret: Arc<Brokered>,
    placeholder: Placeholder,
}

struct Reflections {
    finder: Arc<Finder>,
    with: Arc<[With]>,
}

/// The brokered secrets of one worker with placeholders of its own. Holds values: it lives no longer than the worker.
pub struct Placeholders {
    entries: Vec<Entry>,
    finder: Arc<Finder>,
    /// By the secrets that a host may have: how their values are found in its answers.
    reflections: Mutex<HashMap<Vec<usize>, Arc<Reflections>>>,
}

impl Placeholders {
    /// Draws a placeholder for each secret.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn new(secrets: &[Arc<Brokered>]) -> Result<Self, NoRandomness> {
        let mut entries = Vec::with_capacity(secrets.len());
        for secret in secrets {
            let mut seed = Zeroizing::new([0; 32]);
            aws_lc_rs::rand::fill(seed.as_mut()).map_err(|_| NoRandomness)?;
            entries.push(Entry { placeholder: Placeholder::new(&secret.value, &seed), secret: Arc::clone(secret) });
        }
        let forms = entries.iter().map(|entry| Zeroizing::new(entry.placeholder.as_str().as_bytes().to_vec()));
        let finder = Arc::new(Finder::new(forms.collect()));
        Ok(Self { entries, finder, reflections: Mutex::default() })
    }

    /// Of a worker without brokered secrets.
    pub fn none() -> Self {
        Self { entries: Vec::new(), finder: Arc::new(Finder::new(Vec::new())), reflections: Mutex::default() }
    }

    /// What goes into the worker's environment.
    pub fn env(&self) -> impl Iterator<Item = (&SecretName, &Placeholder)> {
        self.entries.iter().map(|entry| (&entry.secret.name, &entry.placeholder))
    }

    pub(super) fn name(&self, secret: usize) -> Option<&SecretName> {
        self.entries.get(secret).map(|entry| &entry.secret.name)
    }

    /// What `target` may have.
    pub(super) fn plan(&self, target: &Target) -> Plan<'_> {
        let may = |entry: &Entry| {
            target.tls && entry.secret.hosts.iter().any(|host| host.matches_tls(&target.host, target.port))
        };
        let open = self.entries.iter().enumerate().filter(|(_, entry)| may(entry)).map(|(secret, _)| secret).collect();
        Plan { placeholders: self, host: target.host.clone(), open }
    }
}

/// Which secrets a request may carry.
pub(super) struct Plan<'a> {
    placeholders: &'a Placeholders,
    host: String,
    open: Vec<usize>,
}

/// How a body is written, so that a value does not break it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Syntax {
    Raw,
    Json,
    Form,
}

impl Plan<'_> {
    /// The worker has no brokered secrets.
    pub(super) fn is_empty(&self) -> bool {
        self.placeholders.entries.is_empty()
    }

    /// The target may have one secret at least, so its answers are searched for values.
    pub(super) fn opens(&self) -> bool {
        !self.open.is_empty()
    }

    /// The secrets that the target may have.
    pub(super) fn open(&self) -> impl Iterator<Item = usize> {
        self.open.iter().copied()
    }

    pub(super) fn finder(&self) -> &Arc<Finder> {
        &self.placeholders.finder
    }

    pub(super) fn value(&self, secret: usize) -> Result<&str, Refusal> {
        match self.placeholders.entries.get(secret).filter(|_| self.open.contains(&secret)) {
            Some(entry) => Ok(entry.secret.value.expose()),
            None => Err(self.refusal(secret)),
        }
    }

    pub(super) fn refusal(&self, secret: usize) -> Refusal {
        let name = self.placeholders.name(secret).map_or("?", SecretName::as_str);
        let detail = format!("the placeholder of {name} may go only to its own hosts over https, not to {}", self.host);
        Refusal::forbidden("placeholder_refused", detail).about(self.placeholders.name(secret))
    }

    pub(super) fn unfit(&self, secret: usize, place: &str) -> Refusal {
        let name = self.placeholders.name(secret).map_or("?", SecretName::as_str);
        Refusal::forbidden("value_unfit", format!("the value of {name} holds characters that {place} cannot carry"))
    }

    /// Puts values where placeholders stand in a body.
    pub(super) fn rewrite(&self, syntax: Syntax) -> Rewrite {
        let with = |(secret, entry): (usize, &Entry)| match self.open.contains(&secret) {
            true => With::Text(escaped(entry.secret.value.expose(), syntax)),
            false => With::Refuse,
        };
        Rewrite::new(Arc::clone(self.finder()), self.placeholders.entries.iter().enumerate().map(with).collect())
    }

    /// Whether a body keeps its length whatever is replaced in it.
    pub(super) fn keeps_length(&self, syntax: Syntax) -> bool {
        self.open
            .iter()
            .filter_map(|&secret| self.placeholders.entries.get(secret))
            .all(|entry| escaped(entry.secret.value.expose(), syntax).len() == entry.placeholder.as_str().len())
    }

    /// Puts placeholders where values stand in an answer, in every form in which logs are searched for them.
    pub(super) fn reflections(&self) -> Rewrite {
        let mut built = self.placeholders.reflections.lock().unwrap_or_else(PoisonError::into_inner);
        let found = built.entry(self.open.clone()).or_insert_with(|| {
            let (mut forms, mut with) = (Vec::new(), Vec::new());
            for entry in self.open.iter().filter_map(|&secret| self.placeholders.entries.get(secret)) {
                for form in redact::forms(&entry.secret.value) {
                    forms.push(form);
                    with.push(With::Text(Zeroizing::new(entry.placeholder.as_str().as_bytes().to_vec())));
                }
            }
            Arc::new(Reflections { finder: Arc::new(Finder::new(forms)), with: with.into() })
        });
        Rewrite::new(Arc::clone(&found.finder), Arc::clone(&found.with))
    }
}

fn escaped(value: &str, syntax: Syntax) -> Zeroizing<Vec<u8>> {
    match syntax {
        Syntax::Raw => Zeroizing::new(value.as_bytes().to_vec()),
        Syntax::Json => {
            let quoted = Zeroizing::new(serde_json::to_string(value).unwrap_or_default());
            Zeroizing::new(quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().as_bytes().to_vec())
        }
        Syntax::Form => {
            Zeroizing::new(url::form_urlencoded::byte_serialize(value.as_bytes()).collect::<String>().into())
        }
    }
}
