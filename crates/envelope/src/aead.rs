//! XAES-256-GCM (<https://c2sp.org/XAES-256-GCM>), composed of AES-256-CMAC and AES-256-GCM.
//!
//! Why not plain AES-256-GCM: its 96-bit nonce, drawn at random, allows 2^32 messages under one key. The 192-bit nonce
//! here allows 2^80 at the same risk, so that no account key has to count its uses. Per message, CMAC under the key
//! derives a message key from the first half of the nonce; AES-256-GCM uses it with the second half.

#[cfg(test)]
mod tests;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cmac;
use zeroize::Zeroizing;

use crate::DecryptError;
use crate::derive::{KEY_BYTES, KeyBytes};

/// Bytes of a nonce.
pub(crate) const NONCE_BYTES: usize = 24;
/// Bytes of an authentication tag.
pub(crate) const TAG_BYTES: usize = 16;

const GCM_NONCE_BYTES: usize = 12;

/// A key ready for XAES-256-GCM.
pub(crate) struct Xaes256Gcm(cmac::Key);

impl Xaes256Gcm {
    #[expect(clippy::expect_used, reason = "the key's length is in its type; only lack of memory is left")]
    pub(crate) fn new(key: &KeyBytes) -> Self {
        Self(cmac::Key::new(cmac::AES_256, key.as_slice()).expect("a 32-byte key"))
    }

    /// Encrypts `in_out` in place and returns its tag. A nonce is for one message: only `format` draws it.
    pub(crate) fn encrypt(&self, nonce: &[u8; NONCE_BYTES], aad: &[u8], in_out: &mut [u8]) -> [u8; TAG_BYTES] {
        let (key, nonce) = self.message_key(nonce);
        encrypt_aes_256_gcm(&key, nonce, aad, in_out)
    }

    /// The plaintext, or an error and nothing of it.
    pub(crate) fn decrypt(
        &self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        body: &[u8],
        tag: &[u8; TAG_BYTES],
    ) -> Result<Zeroizing<Vec<u8>>, DecryptError> {
        let (key, nonce) = self.message_key(nonce);
        decrypt_aes_256_gcm(&key, nonce, aad, body, tag)
    }

    /// The specification's steps 1 to 6: CMAC of one whole block *M* is AES(*M* ⊕ *K1*).
    #[expect(clippy::expect_used, reason = "CMAC of one block into one block; only lack of memory is left")]
    fn message_key(&self, nonce: &[u8; NONCE_BYTES]) -> (KeyBytes, [u8; GCM_NONCE_BYTES]) {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        let [n0, n1, n2, n3, n4, n5, n6, n7, n8, n9, n10, n11, gcm_nonce @ ..] = *nonce;
        for (counter, half) in (1..).zip(key.chunks_exact_mut(16)) {
            let block = [0, counter, b'X', 0, n0, n1, n2, n3, n4, n5, n6, n7, n8, n9, n10, n11];
            cmac::sign_to_buffer(&self.0, &block, half).expect("CMAC of one block");
        }
        (key, gcm_nonce)
    }
}

#[expect(clippy::expect_used, reason = "fails only beyond 64 GiB; values are at most 64 KiB")]
fn encrypt_aes_256_gcm(key: &KeyBytes, nonce: [u8; GCM_NONCE_BYTES], aad: &[u8], in_out: &mut [u8]) -> [u8; TAG_BYTES] {
    let tag = gcm(key)
        .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), in_out)
        .expect("a short message");
    tag.as_ref().try_into().expect("a 16-byte tag")
}

fn decrypt_aes_256_gcm(
    key: &KeyBytes,
    nonce: [u8; GCM_NONCE_BYTES],
    aad: &[u8],
    body: &[u8],
    tag: &[u8; TAG_BYTES],
) -> Result<Zeroizing<Vec<u8>>, DecryptError> {
    let mut plaintext = Zeroizing::new(vec![0; body.len()]);
    gcm(key)
        .open_separate_gather(Nonce::assume_unique_for_key(nonce), Aad::from(aad), body, tag, &mut plaintext)
        .map_err(|_| DecryptError)?;
    Ok(plaintext)
}

#[expect(clippy::expect_used, reason = "the key's length is in its type; only lack of memory is left")]
fn gcm(key: &KeyBytes) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.as_slice()).expect("a 32-byte key"))
}
