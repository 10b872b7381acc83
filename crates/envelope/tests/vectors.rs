//! Golden vectors, made by a second implementation (`vectors/make.py`). They pin format version 1 for ever: a database
//! written today must be readable by every later release.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use domain::{AccountId, EnvironmentName, SecretId};
use envelope::{AccountKey, AuditKey, Binding, RootKey, key_id_of};
use serde::Deserialize;

#[derive(Deserialize)]
struct Vectors {
    root_key_file: String,
    root_key_id: String,
    account: String,
    account_key_id: String,
    wrapped_account_key: String,
    server: String,
    wrapped_audit_key: String,
    audit_public_key: String,
    audit_message: String,
    audit_signature: String,
    fingerprints: Vec<FingerprintVector>,
    values: Vec<ValueVector>,
}

#[derive(Deserialize)]
struct FingerprintVector {
    purpose: String,
    bytes: String,
    fingerprint: String,
}

#[derive(Deserialize)]
struct ValueVector {
    name: String,
    secret: String,
    environment: String,
    version: u64,
    ciphertext: String,
    value: Option<String>,
    failure: Option<Failure>,
}

#[derive(Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Failure {
    Format,
    Key,
    Authentication,
    Value,
}

impl Vectors {
    fn load() -> Self {
        serde_json::from_str(include_str!("vectors/v1.json")).unwrap()
    }

    fn root_key(&self) -> RootKey {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root-key");
        fs::write(&path, &self.root_key_file).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        RootKey::load(&path).unwrap()
    }

    fn account_key(&self) -> AccountKey {
        let wrapped = hex::decode(&self.wrapped_account_key).unwrap();
        self.root_key().unwrap_account_key(&AccountId::new(&self.account), &wrapped).unwrap()
    }

    fn audit_key(&self) -> AuditKey {
        let wrapped = hex::decode(&self.wrapped_audit_key).unwrap();
        self.root_key().unwrap_audit_key(&self.server, &wrapped).unwrap()
    }
}

#[test]
fn key_ids() {
    let vectors = Vectors::load();
    assert_eq!(vectors.root_key().id(), vectors.root_key_id);
    assert_eq!(vectors.account_key().id(), vectors.account_key_id);
    assert_eq!(key_id_of(&hex::decode(&vectors.wrapped_account_key).unwrap()), Some(vectors.root_key_id.clone()));
    assert_eq!(key_id_of(&hex::decode(&vectors.wrapped_audit_key).unwrap()), Some(vectors.root_key_id));
}

#[test]
fn values() {
    let vectors = Vectors::load();
    let key = vectors.account_key();
    for vector in &vectors.values {
        let ciphertext = hex::decode(&vector.ciphertext).unwrap();
        let (secret, environment) =
            (SecretId::new(&vector.secret), EnvironmentName::parse(&vector.environment).unwrap());
        let binding = Binding { secret: &secret, environment: &environment, version: vector.version };
        let decrypted = key.decrypt(&binding, &ciphertext);
        let named = key_id_of(&ciphertext);
        let name = &vector.name;
        match (&vector.value, vector.failure) {
            (Some(value), None) => assert_eq!(decrypted.unwrap().expose(), value, "{name}"),
            (None, Some(failure)) => {
                assert!(decrypted.is_err(), "{name}");
                // What of the failure's class can be seen from outside; the rest is opaque by design.
                let class_fits = match failure {
                    Failure::Format => named.is_none(),
                    Failure::Key => named.is_some_and(|id| id != key.id()),
                    Failure::Authentication | Failure::Value => named.as_deref() == Some(key.id()),
                };
                assert!(class_fits, "{name}: {failure:?}");
            }
            _ => panic!("{name}: either a value or a failure"),
        }
    }
    for class in [Failure::Format, Failure::Key, Failure::Authentication, Failure::Value] {
        assert!(vectors.values.iter().any(|vector| vector.failure == Some(class)), "{class:?}");
    }
}

#[test]
fn fingerprints() {
    let vectors = Vectors::load();
    let key = vectors.account_key();
    assert!(!vectors.fingerprints.is_empty());
    for vector in &vectors.fingerprints {
        let fingerprint = key.fingerprint(&vector.purpose, vector.bytes.as_bytes());
        assert_eq!(hex::encode(fingerprint), vector.fingerprint, "{:?} {:?}", vector.purpose, vector.bytes);
    }
}

#[test]
fn audit_key() {
    let vectors = Vectors::load();
    let key = vectors.audit_key();
    assert_eq!(hex::encode(key.public_key()), vectors.audit_public_key);
    assert_eq!(hex::encode(key.sign(vectors.audit_message.as_bytes())), vectors.audit_signature);
}
