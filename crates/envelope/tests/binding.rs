//! Invariant 4: a ciphertext decrypts with its own key for its own binding, unchanged, and in no other way.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::collections::HashSet;
use std::sync::LazyLock;

use domain::{AccountId, EnvironmentName, SecretId, Value};
use envelope::{AccountKey, AuditKey, Binding, RootKey, random_bytes};
use proptest::prelude::*;

static KEY: LazyLock<AccountKey> = LazyLock::new(|| AccountKey::generate(&AccountId::new("account-1")));

#[derive(Debug, Clone)]
struct Place {
    secret: SecretId,
    environment: EnvironmentName,
    version: u64,
}

impl Place {
    fn new(secret: &str, environment: &str, version: u64) -> Self {
        Self { secret: SecretId::new(secret), environment: EnvironmentName::parse(environment).unwrap(), version }
    }

    fn binding(&self) -> Binding<'_> {
        Binding { secret: &self.secret, environment: &self.environment, version: self.version }
    }
}

fn place() -> impl Strategy<Value = Place> {
    (".{0,40}", "[a-z][a-z0-9]{0,10}", any::<u64>())
        .prop_map(|(secret, environment, version)| Place::new(&secret, &environment, version))
}

fn encrypt(key: &AccountKey, place: &Place, text: &str) -> Vec<u8> {
    key.encrypt(&place.binding(), &Value::new(text.to_owned()).unwrap())
}

proptest! {
    #[test]
    fn round_trip(text in "[^\0]{1,200}", place in place()) {
        let ciphertext = encrypt(&KEY, &place, &text);
        prop_assert_eq!(ciphertext.len(), text.len() + 49);
        let decrypted = KEY.decrypt(&place.binding(), &ciphertext).unwrap();
        prop_assert_eq!(decrypted.expose(), text);
    }

    #[test]
    fn another_binding_fails(place in place(), other in place()) {
        let ciphertext = encrypt(&KEY, &place, "hello");
        // One field of the other at a time, then all.
        for changed in [
            Place { secret: other.secret.clone(), ..place.clone() },
            Place { environment: other.environment.clone(), ..place.clone() },
            Place { version: other.version, ..place.clone() },
            Place { version: place.version ^ 1, ..place.clone() },
            other,
        ] {
            let same = changed.secret == place.secret
                && changed.environment == place.environment
                && changed.version == place.version;
            prop_assert_eq!(KEY.decrypt(&changed.binding(), &ciphertext).is_ok(), same);
        }
    }

    #[test]
    fn noise_never_decrypts(bytes in prop::collection::vec(any::<u8>(), 0..200), place in place()) {
        prop_assert!(KEY.decrypt(&place.binding(), &bytes).is_err());
    }

    #[test]
    fn noise_after_a_true_header_never_decrypts(bytes in prop::collection::vec(any::<u8>(), 16..200), place in place()) {
        let header = &encrypt(&KEY, &place, "x")[..33];
        prop_assert!(KEY.decrypt(&place.binding(), &[header, &bytes].concat()).is_err());
    }
}

#[test]
fn every_flipped_bit_fails() {
    let place = Place::new("secret-1", "production", 1);
    let ciphertext = encrypt(&KEY, &place, "sk-proj-abc123xyz789");
    for bit in 0..ciphertext.len() * 8 {
        let mut changed = ciphertext.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(KEY.decrypt(&place.binding(), &changed).is_err(), "bit {bit}");
    }
    assert!(KEY.decrypt(&place.binding(), &ciphertext).is_ok());
}

#[test]
fn every_cut_and_every_addition_fails() {
    let place = Place::new("secret-1", "production", 1);
    let ciphertext = encrypt(&KEY, &place, "hello");
    for length in 0..ciphertext.len() {
        assert!(KEY.decrypt(&place.binding(), &ciphertext[..length]).is_err(), "first {length}");
        assert!(KEY.decrypt(&place.binding(), &ciphertext[length + 1..]).is_err(), "from {length}");
    }
    for byte in 0..=255 {
        assert!(KEY.decrypt(&place.binding(), &[&ciphertext[..], &[byte]].concat()).is_err());
        assert!(KEY.decrypt(&place.binding(), &[&[byte], &ciphertext[..]].concat()).is_err());
    }
}

/// Joined without lengths, both bindings are `abc`.
#[test]
fn a_moved_boundary_fails() {
    let ciphertext = encrypt(&KEY, &Place::new("ab", "c", 1), "hello");
    assert!(KEY.decrypt(&Place::new("a", "bc", 1).binding(), &ciphertext).is_err());
    assert!(KEY.decrypt(&Place::new("ab", "c", 1).binding(), &ciphertext).is_ok());
}

#[test]
fn another_key_fails_even_of_the_same_account() {
    let place = Place::new("secret-1", "production", 1);
    let ciphertext = encrypt(&KEY, &place, "hello");
    for account in ["account-1", "account-2"] {
        let other = AccountKey::generate(&AccountId::new(account));
        assert_ne!(other.id(), KEY.id());
        assert!(other.decrypt(&place.binding(), &ciphertext).is_err());
        // Also when the ciphertext claims to be the other key's.
        let mut renamed = ciphertext.clone();
        renamed.splice(1..9, hex::decode(other.id()).unwrap());
        assert!(other.decrypt(&place.binding(), &renamed).is_err());
    }
}

#[test]
fn equal_values_share_no_nonce_and_no_ciphertext() {
    let place = Place::new("secret-1", "production", 1);
    let ciphertexts: Vec<_> = (0..2_000).map(|_| encrypt(&KEY, &place, "hello")).collect();
    let distinct = |from: usize, to: usize| {
        ciphertexts.iter().map(|ciphertext| &ciphertext[from..to]).collect::<HashSet<_>>().len()
    };
    // The nonce's halves each by itself too: one makes the message key, the other is AES-GCM's nonce.
    for (from, to) in [(9, 21), (21, 33), (33, 38), (38, 54)] {
        assert_eq!(distinct(from, to), ciphertexts.len(), "bytes {from} to {to}");
    }
}

#[test]
fn wrapped_keys_unwrap_only_where_they_belong() {
    let (root, other_root) = (RootKey::generate(), RootKey::generate());
    let (account, other_account) = (AccountId::new("account-1"), AccountId::new("account-2"));
    let place = Place::new("secret-1", "production", 1);
    let ciphertext = encrypt(&KEY, &place, "hello");

    let wrapped = root.wrap_account_key(&KEY);
    let unwrapped = root.unwrap_account_key(&account, &wrapped).unwrap();
    assert_eq!(unwrapped.id(), KEY.id());
    assert_eq!(unwrapped.decrypt(&place.binding(), &ciphertext).unwrap().expose(), "hello");
    assert!(root.unwrap_account_key(&other_account, &wrapped).is_err());
    assert!(other_root.unwrap_account_key(&account, &wrapped).is_err());
    assert_ne!(root.wrap_account_key(&KEY), wrapped);

    let audit_key = AuditKey::generate();
    let wrapped_audit = root.wrap_audit_key(&audit_key, "tresor.example/log");
    let unwrapped = root.unwrap_audit_key("tresor.example/log", &wrapped_audit).unwrap();
    assert_eq!(unwrapped.public_key(), audit_key.public_key());
    assert_eq!(unwrapped.sign(b"m"), audit_key.sign(b"m"));
    assert!(root.unwrap_audit_key("tresor.example/other", &wrapped_audit).is_err());
    assert!(other_root.unwrap_audit_key("tresor.example/log", &wrapped_audit).is_err());

    for bit in 0..wrapped.len() * 8 {
        let (mut changed, mut changed_audit) = (wrapped.clone(), wrapped_audit.clone());
        changed[bit / 8] ^= 1 << (bit % 8);
        changed_audit[bit / 8] ^= 1 << (bit % 8);
        assert!(root.unwrap_account_key(&account, &changed).is_err(), "bit {bit}");
        assert!(root.unwrap_audit_key("tresor.example/log", &changed_audit).is_err(), "bit {bit}");
    }
}

#[test]
fn fingerprints_are_keyed_and_kept_apart() {
    let fingerprint = KEY.fingerprint("same value", b"hello");
    assert_eq!(fingerprint, KEY.fingerprint("same value", b"hello"));
    let other = AccountKey::generate(&AccountId::new("account-1"));
    for different in [
        other.fingerprint("same value", b"hello"),
        KEY.fingerprint("audit", b"hello"),
        KEY.fingerprint("same value", b"hellO"),
        KEY.fingerprint("same valueh", b"ello"),
    ] {
        assert_ne!(fingerprint, different);
    }
}

/// Keys are shared between the server's threads.
#[test]
fn keys_are_send_and_sync() {
    fn check<T: Send + Sync + 'static>() {}
    check::<RootKey>();
    check::<AccountKey>();
    check::<AuditKey>();
    assert_eq!(random_bytes::<16>().len(), 16);
}
