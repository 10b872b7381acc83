//! The key of one account (the DEK): encrypts its values and makes keyed fingerprints.

use std::fmt;

use aws_lc_rs::hmac;
use domain::{AccountId, SecretId, Value};
use zeroize::Zeroizing;

use crate::aead::Xaes256Gcm;
use crate::binding::{Context, fields};
use crate::derive::{KeyBytes, KeyId, derive};
use crate::{Binding, DecryptError, format, random_bytes};

/// One account's key. It knows its account, so a value cannot be decrypted as another account's.
pub struct AccountKey {
    account: AccountId,
    id: KeyId,
    key: KeyBytes,
    values: Xaes256Gcm,
}

impl AccountKey {
    /// A new random key for `account`.
    pub fn generate(account: &AccountId) -> Self {
        Self::from_bytes(account, random_bytes())
    }

    pub(crate) fn from_bytes(account: &AccountId, key: KeyBytes) -> Self {
        let id = KeyId::derive(&key, b"tresor account key id v1");
        let values = Xaes256Gcm::new(&derive(&key, b"tresor value encryption v1"));
        Self { account: account.clone(), id, key, values }
    }

    /// The raw key, for wrapping only.
    pub(crate) fn bytes(&self) -> &KeyBytes {
        &self.key
    }

    /// The key's public id, 16 hex digits, derived from the key. [`crate::key_id_of`] finds it in a ciphertext.
    pub fn id(&self) -> &str {
        &self.id.text
    }

    /// The account it belongs to.
    pub fn account(&self) -> &AccountId {
        &self.account
    }

    /// Encrypts `value` for `binding`; equal values give different ciphertexts. 49 bytes longer than the value.
    pub fn encrypt(&self, binding: &Binding<'_>, value: &Value) -> Vec<u8> {
        format::encrypt(&self.values, &self.id, &self.context(binding), value.expose().as_bytes())
    }

    /// The value, if `ciphertext` was made by this key for this very binding.
    ///
    /// # Errors
    /// [`DecryptError`] for anything else, also for an authentic plaintext that breaks the rules of [`Value`].
    pub fn decrypt(&self, binding: &Binding<'_>, ciphertext: &[u8]) -> Result<Value, DecryptError> {
        let mut plaintext = format::decrypt(&self.values, &self.id, &self.context(binding), ciphertext)?;
        Value::from_bytes(std::mem::take(&mut plaintext)).map_err(|_| DecryptError)
    }

    /// Encrypts a text that waits to be imported under the name `id`. It is no value: no value's binding decrypts it.
    pub fn encrypt_draft(&self, id: &str, text: &[u8]) -> Vec<u8> {
        format::encrypt(&self.values, &self.id, &Context::Draft { account: &self.account, id }, text)
    }

    /// The text of the draft `id`.
    ///
    /// # Errors
    /// [`DecryptError`] for anything but what [`AccountKey::encrypt_draft`] made for this very id.
    pub fn decrypt_draft(&self, id: &str, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>, DecryptError> {
        format::decrypt(&self.values, &self.id, &Context::Draft { account: &self.account, id }, ciphertext)
    }

    /// Encrypts a value that the rotation `rotation` of `secret` has made and that is no version yet. No version's binding
    /// decrypts it.
    pub fn encrypt_pending(&self, secret: &SecretId, rotation: &str, value: &Value) -> Vec<u8> {
        let context = Context::Pending { account: &self.account, secret, rotation };
        format::encrypt(&self.values, &self.id, &context, value.expose().as_bytes())
    }

    /// The value that a rotation has made.
    ///
    /// # Errors
    /// [`DecryptError`] for anything but what [`AccountKey::encrypt_pending`] made for this very secret and rotation.
    pub fn decrypt_pending(&self, secret: &SecretId, rotation: &str, ciphertext: &[u8]) -> Result<Value, DecryptError> {
        let context = Context::Pending { account: &self.account, secret, rotation };
        let mut plaintext = format::decrypt(&self.values, &self.id, &context, ciphertext)?;
        Value::from_bytes(std::mem::take(&mut plaintext)).map_err(|_| DecryptError)
    }

    /// A keyed fingerprint of `bytes`: equal for equal bytes and purpose under this key, and untestable without it.
    ///
    /// HMAC-SHA256 under a sub-key of its own for each `purpose`. It changes when the account key is rotated.
    pub fn fingerprint(&self, purpose: &str, bytes: &[u8]) -> [u8; 32] {
        let key = derive(&self.key, &fields(&[b"tresor fingerprint v1", purpose.as_bytes()]));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_slice()), bytes);
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(tag.as_ref());
        fingerprint
    }

    fn context<'a>(&'a self, binding: &'a Binding<'a>) -> Context<'a> {
        Context::Value { account: &self.account, binding }
    }
}

impl fmt::Debug for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccountKey({})", self.id.text)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

    use domain::{AccountId, EnvironmentName, SecretId, Value};
    use zeroize::Zeroizing;

    use super::AccountKey;
    use crate::{Binding, format};

    /// The same key bytes under another account: the account in the binding is what refuses, not the key.
    #[test]
    fn account_is_bound_apart_from_the_key() {
        let with = |account: &str| AccountKey::from_bytes(&AccountId::new(account), Zeroizing::new([5; 32]));
        let (secret, environment) = (SecretId::new("s"), EnvironmentName::production());
        let binding = Binding { secret: &secret, environment: &environment, version: 1 };
        let ciphertext = with("ab").encrypt(&binding, &Value::new("hello".to_owned()).unwrap());
        assert_eq!(with("ab").decrypt(&binding, &ciphertext).unwrap().expose(), "hello");
        assert!(with("a").decrypt(&binding, &ciphertext).is_err());
        // "ab" + "s" and "a" + "bs" are the same text.
        let secret = SecretId::new("bs");
        assert!(with("a").decrypt(&Binding { secret: &secret, ..binding }, &ciphertext).is_err());
    }

    #[test]
    fn authentic_plaintext_that_is_no_value_is_an_error() {
        let key = AccountKey::generate(&AccountId::new("a"));
        let (secret, environment) = (SecretId::new("s"), EnvironmentName::production());
        let binding = Binding { secret: &secret, environment: &environment, version: 1 };
        for plaintext in [&b""[..], b"a\0b", b"\xff\xfe", &[b'x'; 64 * 1024 + 1]] {
            let ciphertext = format::encrypt(&key.values, &key.id, &key.context(&binding), plaintext);
            assert!(key.decrypt(&binding, &ciphertext).is_err());
        }
    }

    #[test]
    fn debug_shows_the_id_only() {
        let key = AccountKey::from_bytes(&AccountId::new("a"), Zeroizing::new([0xab; 32]));
        assert_eq!(format!("{key:?}"), format!("AccountKey({})", key.id()));
        assert!(!key.id().contains("abab"));
    }

    #[test]
    fn a_pending_value_is_of_one_rotation_and_no_version() {
        let key = AccountKey::generate(&AccountId::new("a"));
        let (secret, environment) = (SecretId::new("s"), EnvironmentName::production());
        let value = Value::new("hello".to_owned()).unwrap();
        let pending = key.encrypt_pending(&secret, "one", &value);
        assert_eq!(key.decrypt_pending(&secret, "one", &pending).unwrap().expose(), "hello");
        assert!(key.decrypt_pending(&secret, "two", &pending).is_err());
        assert!(key.decrypt_pending(&SecretId::new("t"), "one", &pending).is_err());
        assert!(AccountKey::generate(&AccountId::new("a")).decrypt_pending(&secret, "one", &pending).is_err());
        let binding = Binding { secret: &secret, environment: &environment, version: 1 };
        assert!(key.decrypt(&binding, &pending).is_err());
        assert!(key.decrypt_draft("one", &pending).is_err());
        assert!(key.decrypt_pending(&secret, "one", &key.encrypt(&binding, &value)).is_err());
    }

    #[test]
    fn a_draft_is_no_value_and_no_other_draft() {
        let key = AccountKey::generate(&AccountId::new("a"));
        let draft = key.encrypt_draft("one", b"A=1");
        assert_eq!(key.decrypt_draft("one", &draft).unwrap().as_slice(), b"A=1");
        assert!(key.decrypt_draft("two", &draft).is_err());
        assert!(AccountKey::generate(&AccountId::new("a")).decrypt_draft("one", &draft).is_err());
        let (secret, environment) = (SecretId::new("one"), EnvironmentName::production());
        let binding = Binding { secret: &secret, environment: &environment, version: 1 };
        assert!(key.decrypt(&binding, &draft).is_err());
        let value = key.encrypt(&binding, &Value::new("A=1".to_owned()).unwrap());
        assert!(key.decrypt_draft("one", &value).is_err());
    }
}
