//! The key that signs the audit log's checkpoints (Ed25519, RFC 8032).

use std::fmt;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};

use crate::derive::KeyBytes;
use crate::random_bytes;

/// Signs C2SP signed notes. Its public key is what anyone outside the server verifies the log by.
pub struct AuditKey {
    seed: KeyBytes,
    pair: Ed25519KeyPair,
}

impl AuditKey {
    /// A new random key.
    pub fn generate() -> Self {
        Self::from_seed(random_bytes())
    }

    #[expect(clippy::expect_used, reason = "any 32 bytes are an Ed25519 seed (RFC 8032 §5.1.5)")]
    pub(crate) fn from_seed(seed: KeyBytes) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.as_slice()).expect("a 32-byte seed");
        Self { seed, pair }
    }

    /// The private seed, for wrapping only.
    pub(crate) fn seed(&self) -> &KeyBytes {
        &self.seed
    }

    /// The public key's 32 bytes.
    pub fn public_key(&self) -> [u8; 32] {
        let mut public_key = [0; 32];
        public_key.copy_from_slice(self.pair.public_key().as_ref());
        public_key
    }

    /// Signs `message`; the same message always gives the same signature.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        let mut signature = [0; 64];
        signature.copy_from_slice(self.pair.sign(message).as_ref());
        signature
    }
}

impl fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuditKey({})", hex::encode(self.public_key()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

    use zeroize::Zeroizing;

    use super::AuditKey;

    /// RFC 8032 §7.1, test 2.
    #[test]
    fn rfc_8032() {
        let seed = hex::decode("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb").unwrap();
        let key = AuditKey::from_seed(Zeroizing::new(seed.as_slice().try_into().unwrap()));
        assert_eq!(hex::encode(key.public_key()), "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
        assert_eq!(
            hex::encode(key.sign(&[0x72])),
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
             085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        );
        assert!(!format!("{key:?}").contains("4ccd"));
    }
}
