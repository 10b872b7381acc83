//! The root key (the KEK): wraps the account keys and the audit key, and encrypts nothing else.

use std::fmt;
use std::path::Path;

use domain::AccountId;
use zeroize::Zeroizing;

use crate::aead::Xaes256Gcm;
use crate::binding::Context;
use crate::derive::{KEY_BYTES, KeyBytes, KeyId, derive};
use crate::{AccountKey, AuditKey, DecryptError, KeyFileError, format, key_file, random_bytes};

/// The key above all others. Whoever holds it and the database holds every value.
pub struct RootKey {
    id: KeyId,
    wrapping: Xaes256Gcm,
}

impl RootKey {
    /// A new random key that is in no file: what it wraps is lost with it.
    pub fn generate() -> Self {
        Self::from_bytes(&random_bytes())
    }

    /// Reads the key from its file.
    ///
    /// # Errors
    /// [`KeyFileError`], also if anyone but the file's owner could read it.
    pub fn load(path: &Path) -> Result<Self, KeyFileError> {
        key_file::load(path).map(|key| Self::from_bytes(&key))
    }

    /// Makes a new key and its file, mode 0600. When it returns, the file is on disk.
    ///
    /// # Errors
    /// [`KeyFileError`]; an existing file is never overwritten.
    pub fn create(path: &Path) -> Result<Self, KeyFileError> {
        let key = random_bytes();
        key_file::create(path, &key)?;
        Ok(Self::from_bytes(&key))
    }

    fn from_bytes(key: &KeyBytes) -> Self {
        let id = KeyId::derive(key, b"tresor root key id v1");
        Self { id, wrapping: Xaes256Gcm::new(&derive(key, b"tresor key wrapping v1")) }
    }

    /// The key's public id, 16 hex digits, derived from the key. [`crate::key_id_of`] finds it in a wrapped key.
    pub fn id(&self) -> &str {
        &self.id.text
    }

    /// `key`, encrypted and bound to its account.
    pub fn wrap_account_key(&self, key: &AccountKey) -> Vec<u8> {
        self.wrap(&Context::AccountKey { account: key.account() }, key.bytes())
    }

    /// The account key in `wrapped`.
    ///
    /// # Errors
    /// [`DecryptError`] if it was not wrapped by this root key for this account.
    pub fn unwrap_account_key(&self, account: &AccountId, wrapped: &[u8]) -> Result<AccountKey, DecryptError> {
        self.unwrap(&Context::AccountKey { account }, wrapped).map(|key| AccountKey::from_bytes(account, key))
    }

    /// `key`, encrypted and bound to `server`, the log's name (its origin).
    pub fn wrap_audit_key(&self, key: &AuditKey, server: &str) -> Vec<u8> {
        self.wrap(&Context::AuditKey { server }, key.seed())
    }

    /// The audit key in `wrapped`.
    ///
    /// # Errors
    /// [`DecryptError`] if it was not wrapped by this root key for this server.
    pub fn unwrap_audit_key(&self, server: &str, wrapped: &[u8]) -> Result<AuditKey, DecryptError> {
        self.unwrap(&Context::AuditKey { server }, wrapped).map(AuditKey::from_seed)
    }

    fn wrap(&self, context: &Context<'_>, key: &KeyBytes) -> Vec<u8> {
        format::encrypt(&self.wrapping, &self.id, context, key.as_slice())
    }

    fn unwrap(&self, context: &Context<'_>, wrapped: &[u8]) -> Result<KeyBytes, DecryptError> {
        let plaintext = format::decrypt(&self.wrapping, &self.id, context, wrapped)?;
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        if plaintext.len() != key.len() {
            return Err(DecryptError);
        }
        key.copy_from_slice(&plaintext);
        Ok(key)
    }
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RootKey({})", self.id.text)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

    use domain::AccountId;

    use super::RootKey;
    use crate::binding::Context;
    use crate::{AccountKey, AuditKey, format};

    #[test]
    fn authentic_plaintext_of_another_length_is_no_key() {
        let root = RootKey::generate();
        let account = AccountId::new("a");
        for length in [0, 31, 33] {
            let context = Context::AccountKey { account: &account };
            let wrapped = format::encrypt(&root.wrapping, &root.id, &context, &vec![1; length]);
            assert!(root.unwrap_account_key(&account, &wrapped).is_err());
        }
    }

    /// An account key passed off as the audit key would make its bytes a signing key, and the other way round.
    #[test]
    fn kinds_of_key_do_not_mix() {
        let root = RootKey::generate();
        let account = AccountId::new("same");
        let account_key = root.wrap_account_key(&AccountKey::generate(&account));
        let audit_key = root.wrap_audit_key(&AuditKey::generate(), "same");
        assert!(root.unwrap_audit_key("same", &account_key).is_err());
        assert!(root.unwrap_account_key(&account, &audit_key).is_err());
    }
}
