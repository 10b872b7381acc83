//! Sub-keys and public ids from a 256-bit key. A raw key is used for nothing but this derivation, so that no two
//! uses of a key can meet.

use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use zeroize::Zeroizing;

/// Length of every symmetric key here, and of the Ed25519 seed.
pub(crate) const KEY_BYTES: usize = 32;
/// A raw or derived 256-bit key.
pub(crate) type KeyBytes = Zeroizing<[u8; KEY_BYTES]>;

/// HKDF-SHA256 (RFC 5869) with no salt and `info` as given. Callers keep their `info` strings distinct.
#[expect(clippy::expect_used, reason = "HKDF fails only for outputs longer than 255 hashes; this is one")]
pub(crate) fn derive(key: &KeyBytes, info: &[u8]) -> KeyBytes {
    let mut derived = Zeroizing::new([0; KEY_BYTES]);
    let prk = Salt::none(HKDF_SHA256).extract(key.as_slice());
    prk.expand(&[info], HKDF_SHA256).and_then(|okm| okm.fill(derived.as_mut_slice())).expect("one hash of HKDF output");
    derived
}

/// The public id of a key: the first 8 bytes of a derivation of their own, so it tells nothing about the key.
///
/// Being derived, it also pins a ciphertext to one key, which AES-GCM alone does not do.
pub(crate) struct KeyId {
    pub(crate) bytes: [u8; 8],
    pub(crate) text: String,
}

impl KeyId {
    pub(crate) fn derive(key: &KeyBytes, info: &[u8]) -> Self {
        let mut bytes = [0; 8];
        bytes.iter_mut().zip(derive(key, info).iter()).for_each(|(to, from)| *to = *from);
        Self { bytes, text: hex::encode(bytes) }
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::derive;

    /// RFC 5869 has no vector for a 32-byte key without salt; this one was computed with Python's `hmac`.
    #[test]
    fn known_answer() {
        let derived = derive(&Zeroizing::new([7; 32]), b"tresor test");
        assert_eq!(hex::encode(derived.as_slice()), "a7cb8c1c2bb89f0d517407f9319f05fa785a1d1af1091c9ffa4adec92be580e7");
    }
}
