//! Signed tree heads: the C2SP tlog-checkpoint text inside a C2SP signed note with one Ed25519 signature.
//!
//! ```text
//! <origin>
//! <size, decimal>
//! <root, base64>
//!
//! — <origin> <base64 of 4-byte key id and 64-byte signature>
//! ```

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

use crate::audit::Hash;

/// A tree head, before or after signing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log: `tresor/<server id>/<account id>`.
    pub origin: String,
    /// How many leaves.
    pub size: u64,
    /// The tree's root.
    pub root: Hash,
}

/// Why a signed checkpoint was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CheckpointError {
    /// Not a signed note that holds a checkpoint.
    #[error("this is not a signed checkpoint")]
    Malformed,
    /// A checkpoint of another log.
    #[error("the checkpoint is of another log than the key")]
    OtherLog,
    /// No signature by this key, or one that does not fit the text.
    #[error("the checkpoint's signature does not fit its text")]
    Signature,
    /// The verifier key is not one.
    #[error("this is not a verifier key: it looks like origin+01234567+base64")]
    Key,
}

impl Checkpoint {
    /// The text that is signed.
    pub fn body(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root))
    }

    /// The signed note, given the signature of [`Checkpoint::body`] by `key`.
    pub fn note(&self, key: &VerifierKey, signature: &[u8; 64]) -> String {
        let mut blob = key.id().to_vec();
        blob.extend_from_slice(signature);
        format!("{}\n\u{2014} {} {}\n", self.body(), key.name, STANDARD.encode(blob))
    }

    /// Reads a signed note and checks its signature. Signatures by other keys are passed over, as C2SP asks.
    ///
    /// # Errors
    /// Which check failed.
    pub fn verify(note: &str, key: &VerifierKey) -> Result<Self, CheckpointError> {
        let at = note.rfind("\n\n").ok_or(CheckpointError::Malformed)?;
        let (body, signatures) = note.split_at_checked(at + 1).ok_or(CheckpointError::Malformed)?;
        let checkpoint = Self::parse(body)?;
        if checkpoint.origin != key.name {
            return Err(CheckpointError::OtherLog);
        }
        let verified = signatures.trim_start_matches('\n').lines().any(|line| {
            let blob = line
                .strip_prefix("\u{2014} ")
                .and_then(|rest| rest.strip_prefix(&key.name))
                .and_then(|rest| rest.strip_prefix(' '))
                .and_then(|blob| STANDARD.decode(blob).ok());
            blob.as_deref().and_then(|blob| blob.split_at_checked(4)).is_some_and(|(id, signature)| {
                id == key.id()
                    && UnparsedPublicKey::new(&ED25519, key.public).verify(body.as_bytes(), signature).is_ok()
            })
        });
        if verified { Ok(checkpoint) } else { Err(CheckpointError::Signature) }
    }

    fn parse(body: &str) -> Result<Self, CheckpointError> {
        let mut lines = body.lines();
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(CheckpointError::Malformed);
        };
        let size: u64 = size.parse().map_err(|_| CheckpointError::Malformed)?;
        let root =
            STANDARD.decode(root).ok().and_then(|root| root.try_into().ok()).ok_or(CheckpointError::Malformed)?;
        let checkpoint = Self { origin: origin.to_owned(), size, root };
        // One spelling only: no leading zeros or plus signs, no extension lines that nobody would check.
        if checkpoint.body() == body { Ok(checkpoint) } else { Err(CheckpointError::Malformed) }
    }
}

/// The public key that checks a log's checkpoints, with the log's name (C2SP `vkey`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    public: [u8; 32],
}

const ED25519_NOTE: u8 = 1;

impl VerifierKey {
    /// The key of the log `origin`.
    pub fn new(origin: &str, public: [u8; 32]) -> Self {
        Self { name: origin.to_owned(), public }
    }

    /// The log it is of.
    pub fn origin(&self) -> &str {
        &self.name
    }

    /// First four bytes of SHA-256 over name, newline, algorithm and key.
    fn id(&self) -> [u8; 4] {
        let mut data = format!("{}\n", self.name).into_bytes();
        data.push(ED25519_NOTE);
        data.extend_from_slice(&self.public);
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &data);
        digest.as_ref().first_chunk().copied().unwrap_or_default()
    }

    /// Reads `origin+01234567+base64`.
    ///
    /// # Errors
    /// [`CheckpointError::Key`].
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let mut parts = text.trim().splitn(3, '+');
        let (Some(name), Some(id), Some(blob)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(CheckpointError::Key);
        };
        let blob = STANDARD.decode(blob).map_err(|_| CheckpointError::Key)?;
        let Some((&ED25519_NOTE, public)) = blob.split_first() else { return Err(CheckpointError::Key) };
        let key = Self { name: name.to_owned(), public: public.try_into().map_err(|_| CheckpointError::Key)? };
        if hex::encode(key.id()) == id && !name.is_empty() { Ok(key) } else { Err(CheckpointError::Key) }
    }
}

impl std::fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut blob = vec![ED25519_NOTE];
        blob.extend_from_slice(&self.public);
        write!(f, "{}+{}+{}", self.name, hex::encode(self.id()), STANDARD.encode(blob))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};

    use super::{Checkpoint, CheckpointError, VerifierKey};

    fn signed() -> (String, VerifierKey, Checkpoint) {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let key = VerifierKey::new("tresor/abc/acc", pair.public_key().as_ref().try_into().unwrap());
        let checkpoint = Checkpoint { origin: "tresor/abc/acc".to_owned(), size: 12, root: [9; 32] };
        let signature = pair.sign(checkpoint.body().as_bytes()).as_ref().try_into().unwrap();
        (checkpoint.note(&key, &signature), key, checkpoint)
    }

    #[test]
    fn a_signed_checkpoint_verifies() {
        let (note, key, checkpoint) = signed();
        assert_eq!(Checkpoint::verify(&note, &key), Ok(checkpoint));
        assert_eq!(VerifierKey::parse(&key.to_string()), Ok(key.clone()));
        let cosigned = format!("{note}\u{2014} witness.example AAAAAAAA\n");
        assert!(Checkpoint::verify(&cosigned, &key).is_ok());
    }

    #[test]
    fn anything_changed_is_refused() {
        let (note, key, _) = signed();
        assert_eq!(Checkpoint::verify(&note.replace("\n12\n", "\n13\n"), &key), Err(CheckpointError::Signature));
        assert_eq!(Checkpoint::verify(&note.replace("\n12\n", "\n012\n"), &key), Err(CheckpointError::Malformed));
        assert_eq!(Checkpoint::verify(&note.replace("/acc", "/other"), &key), Err(CheckpointError::OtherLog));
        assert_eq!(Checkpoint::verify("", &key), Err(CheckpointError::Malformed));
        let other = VerifierKey::new("tresor/abc/acc", [3; 32]);
        assert_eq!(Checkpoint::verify(&note, &other), Err(CheckpointError::Signature));
        for at in 0..note.len() {
            let mut bytes = note.clone().into_bytes();
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1;
            }
            if let Ok(changed) = String::from_utf8(bytes) {
                assert!(Checkpoint::verify(&changed, &key).is_err(), "changed at {at}");
            }
        }
        assert!(VerifierKey::parse("a+b+c").is_err());
    }
}
