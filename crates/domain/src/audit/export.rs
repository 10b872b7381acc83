//! The exported log and its offline check: JSON Lines of events, each exactly as hashed, then the signed checkpoint.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::audit::checkpoint::{Checkpoint, CheckpointError, VerifierKey};
use crate::audit::merkle::{Frontier, Hash, leaf_hash};

/// The last line of an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trailer {
    /// The signed note over the tree of the events before it.
    pub checkpoint: String,
    /// The verifier key. A check against a key from the export itself proves only that it is whole; pin the key outside.
    pub verifier_key: String,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The checkpoint at the export's end.
    pub checkpoint: Checkpoint,
    /// The verifier key it was checked with.
    pub key: VerifierKey,
}

/// Why an export was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ExportError {
    /// There is no last line with the checkpoint: the file was cut, or is no export.
    #[error("the export has no checkpoint at its end: it was cut, or is not an export")]
    NoTrailer,
    /// A line is not an audit event.
    #[error("line {0} is not an audit event")]
    Line(usize),
    /// The checkpoint is not one of this key.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Another number of events than the checkpoint signs.
    #[error("the checkpoint signs {signed} events but the export holds {found}: events were removed or added")]
    Size {
        /// By the checkpoint.
        signed: u64,
        /// In the file.
        found: u64,
    },
    /// The events are not those that were signed.
    #[error("the events are not the ones that were signed: one was changed, reordered or replaced")]
    Root,
    /// The pinned checkpoint is of more events than the export holds.
    #[error("the pinned checkpoint saw {pinned} events, but the export holds {found}: the end of the log was cut off")]
    Shorter {
        /// By the pinned checkpoint.
        pinned: u64,
        /// In the file.
        found: u64,
    },
    /// The log's beginning is not the one that was pinned.
    #[error("the log was rewritten: its first {pinned} events are not those of the pinned checkpoint")]
    Forked {
        /// By the pinned checkpoint.
        pinned: u64,
    },
}

/// Checks an export without any server.
///
/// `pinned_key` is the verifier key kept outside the server; without one, the export's own is used and only its
/// wholeness is proved. `pinned` is an older signed checkpoint: the export must begin with exactly its events.
///
/// # Errors
/// The first thing that does not fit.
pub fn verify(export: &str, pinned_key: Option<&VerifierKey>, pinned: Option<&str>) -> Result<Verified, ExportError> {
    let mut lines: Vec<&str> = export.lines().collect();
    let last = lines.pop().ok_or(ExportError::NoTrailer)?;
    let trailer: Trailer = serde_json::from_str(last).map_err(|_| ExportError::NoTrailer)?;
    let key = match pinned_key {
        Some(key) => key.clone(),
        None => VerifierKey::parse(&trailer.verifier_key)?,
    };
    let checkpoint = Checkpoint::verify(&trailer.checkpoint, &key)?;
    let pinned = pinned.map(|note| Checkpoint::verify(note, &key)).transpose()?;
    let mut frontier = Frontier::default();
    let mut pinned_root: Option<Hash> = pinned.as_ref().filter(|p| p.size == 0).map(|_| frontier.root());
    for (index, line) in lines.iter().enumerate() {
        serde_json::from_str::<crate::audit::AuditEvent>(line).map_err(|_| ExportError::Line(index + 1))?;
        frontier.append(leaf_hash(line.as_bytes()));
        if pinned.as_ref().is_some_and(|p| p.size == frontier.size()) {
            pinned_root = Some(frontier.root());
        }
    }
    let found = frontier.size();
    if let Some(pinned) = &pinned {
        match pinned_root {
            None => return Err(ExportError::Shorter { pinned: pinned.size, found }),
            Some(root) if root != pinned.root => return Err(ExportError::Forked { pinned: pinned.size }),
            Some(_) => {}
        }
    }
    if checkpoint.size != found {
        return Err(ExportError::Size { signed: checkpoint.size, found });
    }
    if checkpoint.root != frontier.root() {
        return Err(ExportError::Root);
    }
    Ok(Verified { checkpoint, key })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};

    use super::*;
    use crate::audit::{AuditEvent, Outcome};
    use crate::{AccountId, Action, Actor, RequestId, Timestamp};

    fn events(count: u8) -> Vec<String> {
        let actor = Actor::anonymous(AccountId::new("acc"));
        (0..count)
            .map(|i| {
                AuditEvent::new(
                    &actor,
                    Action::SecretPut,
                    "A",
                    Outcome::Done,
                    Timestamp::from_millis(i.into()),
                    &RequestId::new("r"),
                    [i; 16],
                )
                .to_json()
            })
            .collect()
    }

    fn sign(lines: &[String]) -> (String, VerifierKey) {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let key = VerifierKey::new("log", pair.public_key().as_ref().try_into().unwrap());
        let mut frontier = Frontier::default();
        for line in lines {
            frontier.append(leaf_hash(line.as_bytes()));
        }
        let checkpoint = Checkpoint { origin: "log".to_owned(), size: frontier.size(), root: frontier.root() };
        (checkpoint.note(&key, &pair.sign(checkpoint.body().as_bytes()).as_ref().try_into().unwrap()), key)
    }

    fn export(lines: &[String], checkpoint: &str, key: &VerifierKey) -> String {
        let trailer = Trailer { checkpoint: checkpoint.to_owned(), verifier_key: key.to_string() };
        format!("{}\n{}\n", lines.join("\n"), serde_json::to_string(&trailer).unwrap())
    }

    #[test]
    fn whole_exports_pass_and_every_manipulation_is_named() {
        let lines = events(9);
        let (note, key) = sign(&lines);
        let (older, _) = sign(&lines[..4]);
        assert_eq!(verify(&export(&lines, &note, &key), Some(&key), Some(&older)).map(|v| v.checkpoint.size), Ok(9));

        let mut changed = lines.clone();
        changed[2] = changed[2].replace("\"A\"", "\"B\"");
        assert_eq!(verify(&export(&changed, &note, &key), Some(&key), None), Err(ExportError::Root));
        let mut swapped = lines.clone();
        swapped.swap(1, 2);
        assert_eq!(verify(&export(&swapped, &note, &key), Some(&key), None), Err(ExportError::Root));
        assert_eq!(
            verify(&export(&lines[1..], &note, &key), Some(&key), None),
            Err(ExportError::Size { signed: 9, found: 8 })
        );
        assert_eq!(verify(&lines.join("\n"), Some(&key), None), Err(ExportError::NoTrailer));

        // Whoever holds the database *and* the signing key can rewrite everything, but not what was pinned outside.
        let (cut, _) = sign(&lines[..3]);
        assert_eq!(
            verify(&export(&lines[..3], &cut, &key), Some(&key), Some(&older)),
            Err(ExportError::Shorter { pinned: 4, found: 3 })
        );
        let (forked, _) = sign(&changed);
        assert_eq!(
            verify(&export(&changed, &forked, &key), Some(&key), Some(&older)),
            Err(ExportError::Forked { pinned: 4 })
        );
    }

    #[test]
    fn an_empty_log_verifies() {
        let (note, key) = sign(&[]);
        let trailer = Trailer { checkpoint: note, verifier_key: key.to_string() };
        assert!(verify(&serde_json::to_string(&trailer).unwrap(), Some(&key), None).is_ok());
    }
}
