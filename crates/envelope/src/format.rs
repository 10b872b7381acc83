//! The byte format of every ciphertext and wrapped key, version 1:
//!
//! | bytes | what |
//! |---|---|
//! | 1 | version, `0x01` |
//! | 8 | id of the key it is encrypted under (an account key for a value, the root key for a wrapped key) |
//! | 24 | nonce, random |
//! | n | the plaintext's n bytes, encrypted by XAES-256-GCM |
//! | 16 | tag |
//!
//! Associated data: see `binding`. It covers version and key id too, so no byte of a ciphertext can change unnoticed.
//! An account key is wrapped as its 32 raw bytes, an audit key as its 32-byte Ed25519 seed.

use zeroize::Zeroizing;

use crate::aead::{NONCE_BYTES, TAG_BYTES, Xaes256Gcm};
use crate::binding::Context;
use crate::derive::KeyId;
use crate::{DecryptError, random_bytes};

const VERSION: u8 = 1;
const HEADER_BYTES: usize = 1 + 8 + NONCE_BYTES;

/// The id of the key that `ciphertext` (or a wrapped key) names, 16 hex digits; `None` if it is not of a known format.
///
/// Nothing is authenticated yet: use it only to find a key. A forged id finds a key that then fails to decrypt.
pub fn key_id_of(ciphertext: &[u8]) -> Option<String> {
    Parts::split(ciphertext).map(|parts| hex::encode(parts.key_id))
}

/// Encrypts under a fresh random nonce.
pub(crate) fn encrypt(cipher: &Xaes256Gcm, key_id: &KeyId, context: &Context<'_>, plaintext: &[u8]) -> Vec<u8> {
    encrypt_with_nonce(cipher, key_id, &random_bytes(), context, plaintext)
}

fn encrypt_with_nonce(
    cipher: &Xaes256Gcm,
    key_id: &KeyId,
    nonce: &[u8; NONCE_BYTES],
    context: &Context<'_>,
    plaintext: &[u8],
) -> Vec<u8> {
    // At its full size from the start: growing would leave a copy of the plaintext behind.
    let mut out = Vec::with_capacity(HEADER_BYTES + plaintext.len() + TAG_BYTES);
    out.push(VERSION);
    out.extend(key_id.bytes);
    out.extend(nonce);
    out.extend(plaintext);
    let (_, body) = out.split_at_mut(HEADER_BYTES);
    let tag = cipher.encrypt(nonce, &context.associated_data(&key_id.bytes, VERSION), body);
    out.extend(tag);
    out
}

/// The plaintext, if `ciphertext` was made by this key for this context and nothing in it changed.
pub(crate) fn decrypt(
    cipher: &Xaes256Gcm,
    key_id: &KeyId,
    context: &Context<'_>,
    ciphertext: &[u8],
) -> Result<Zeroizing<Vec<u8>>, DecryptError> {
    let parts = Parts::split(ciphertext).ok_or(DecryptError)?;
    if *parts.key_id != key_id.bytes {
        return Err(DecryptError);
    }
    cipher.decrypt(parts.nonce, &context.associated_data(parts.key_id, VERSION), parts.body, parts.tag)
}

struct Parts<'a> {
    key_id: &'a [u8; 8],
    nonce: &'a [u8; NONCE_BYTES],
    body: &'a [u8],
    tag: &'a [u8; TAG_BYTES],
}

impl<'a> Parts<'a> {
    fn split(bytes: &'a [u8]) -> Option<Self> {
        let ([VERSION], rest) = bytes.split_first_chunk()? else { return None };
        let (key_id, rest) = rest.split_first_chunk()?;
        let (nonce, rest) = rest.split_first_chunk()?;
        let (body, tag) = rest.split_last_chunk()?;
        Some(Self { key_id, nonce, body, tag })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

    use zeroize::Zeroizing;

    use super::{decrypt, encrypt, encrypt_with_nonce, key_id_of};
    use crate::aead::Xaes256Gcm;
    use crate::binding::Context;
    use crate::derive::KeyId;

    const CONTEXT: Context<'static> = Context::AuditKey { server: "tresor.example" };

    fn key(byte: u8) -> (Xaes256Gcm, KeyId) {
        let key = Zeroizing::new([byte; 32]);
        (Xaes256Gcm::new(&key), KeyId::derive(&key, b"test"))
    }

    #[test]
    fn layout() {
        let (cipher, id) = key(1);
        let out = encrypt_with_nonce(&cipher, &id, &[7; 24], &CONTEXT, b"hello");
        assert_eq!(out.len(), 1 + 8 + 24 + 5 + 16);
        assert_eq!(out.capacity(), out.len(), "it grew, which leaves a copy of the plaintext");
        assert_eq!((out[0], &out[1..9], &out[9..33]), (1, &id.bytes[..], &[7; 24][..]));
        assert_eq!(key_id_of(&out), Some(id.text.clone()));
        assert_eq!(decrypt(&cipher, &id, &CONTEXT, &out).unwrap().as_slice(), b"hello");
    }

    #[test]
    fn key_id_of_other_bytes_is_none() {
        let (cipher, id) = key(1);
        let shortest = encrypt(&cipher, &id, &CONTEXT, b"");
        assert!(key_id_of(&shortest).is_some());
        assert_eq!(key_id_of(&shortest[..shortest.len() - 1]), None);
        for version in (0..=255).filter(|version| *version != 1) {
            assert_eq!(key_id_of(&[&[version], &shortest[1..]].concat()), None);
        }
        assert_eq!(key_id_of(b""), None);
    }

    /// The tag alone refuses a changed key id: the comparison before it is not what protects.
    #[test]
    fn key_id_is_authenticated() {
        let (cipher, id) = key(1);
        let mut out = encrypt(&cipher, &id, &CONTEXT, b"hello");
        let other = KeyId { bytes: [0; 8], text: String::new() };
        out.splice(1..9, other.bytes);
        assert!(decrypt(&cipher, &other, &CONTEXT, &out).is_err());
    }
}
