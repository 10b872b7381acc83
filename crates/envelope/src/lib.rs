//! The only code that touches keys. Small enough to read in an hour; every primitive is aws-lc-rs.
//!
//! One [`RootKey`], kept in a file outside the database, *wraps* one [`AccountKey`] per account and the [`AuditKey`].
//! An account key *encrypts* that account's values. Both use XAES-256-GCM with random 192-bit nonces (`aead`), in one
//! byte format (`format`), each ciphertext bound to where it belongs (`binding`). Read in this order: `random`,
//! `derive`, `aead`, `binding`, `format`, then the keys.
//!
//! What must not live here: SQL, HTTP, clocks, logging, and any policy on who may decrypt.
#![forbid(unsafe_code)]

mod account_key;
mod aead;
mod audit_key;
mod binding;
mod derive;
mod format;
mod key_file;
mod random;
mod root_key;
mod signature;

pub use account_key::AccountKey;
pub use audit_key::AuditKey;
pub use binding::Binding;
pub use format::key_id_of;
pub use key_file::KeyFileError;
pub use random::random_bytes;
pub use root_key::RootKey;
pub use signature::hmac_sha256;

/// A ciphertext or wrapped key that does not decrypt here. Deliberately without detail: whether the bytes, the key, the
/// binding or the plaintext was wrong is nothing a caller may act on differently or tell anyone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("decryption failed")]
pub struct DecryptError;
