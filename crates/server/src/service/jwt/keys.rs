//! A JWK Set (RFC 7517): the public keys that an issuer shows.

use domain::Algorithm;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use serde::Deserialize;

/// Most keys of a set that are looked at.
const MOST: usize = 100;

/// Those keys of a set that can verify signatures.
pub(crate) struct KeySet(Vec<Key>);

struct Key {
    kid: Option<String>,
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<serde_json::Value>,
}

impl KeySet {
    /// Reads a set. Keys of an unknown kind are passed over, as RFC 7517 §5 asks; `None` if it is no set at all.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let document: Document = serde_json::from_slice(bytes).ok()?;
        let keys = document.keys.into_iter().take(MOST);
        Some(Self(keys.filter_map(|key| serde_json::from_value(key).ok().as_ref().and_then(Key::of)).collect()))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The key that a token of `algorithm` names; if it names none, the only one it can be.
    pub(crate) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<&DecodingKey> {
        let mut fitting = self
            .0
            .iter()
            .filter(|key| key.algorithms.contains(&algorithm) && kid.is_none_or(|kid| key.kid.as_deref() == Some(kid)));
        let found = fitting.next()?;
        fitting.next().is_none().then_some(&found.key)
    }
}

impl Key {
    fn of(jwk: &Jwk) -> Option<Self> {
        let common = &jwk.common;
        let signs = common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature);
        let verifies = common.key_operations.as_ref().is_none_or(|all| all.contains(&KeyOperations::Verify));
        if !signs || !verifies {
            return None;
        }
        use Algorithm::{EdDsa, Es256, Es384, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
        let mut algorithms = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => vec![Rs256, Rs384, Rs512, Ps256, Ps384, Ps512],
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => vec![Es256],
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P384 => vec![Es384],
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => vec![EdDsa],
            // A shared key in a public document would be nobody's secret.
            _ => return None,
        };
        if let Some(own) = &common.key_algorithm {
            let own = Algorithm::parse(&own.to_string())?;
            algorithms.retain(|algorithm| *algorithm == own);
        }
        let key = DecodingKey::from_jwk(jwk).ok()?;
        (!algorithms.is_empty()).then(|| Self { kid: common.key_id.clone(), algorithms, key })
    }
}

/// The library's name for it.
pub(super) fn algorithm(algorithm: Algorithm) -> jsonwebtoken::Algorithm {
    use jsonwebtoken::Algorithm as Lib;
    match algorithm {
        Algorithm::Hs256 => Lib::HS256,
        Algorithm::Hs384 => Lib::HS384,
        Algorithm::Hs512 => Lib::HS512,
        Algorithm::Rs256 => Lib::RS256,
        Algorithm::Rs384 => Lib::RS384,
        Algorithm::Rs512 => Lib::RS512,
        Algorithm::Ps256 => Lib::PS256,
        Algorithm::Ps384 => Lib::PS384,
        Algorithm::Ps512 => Lib::PS512,
        Algorithm::Es256 => Lib::ES256,
        Algorithm::Es384 => Lib::ES384,
        Algorithm::EdDsa => Lib::EdDSA,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use domain::Algorithm;
    use serde_json::json;

    use super::KeySet;

    fn found(key: serde_json::Value, kid: Option<&str>, algorithm: Algorithm) -> bool {
        let set = KeySet::parse(json!({"keys": [{"kty": "unheard-of"}, key]}).to_string().as_bytes()).unwrap();
        set.find(kid, algorithm).is_some()
    }

    #[test]
    fn keys_serve_only_what_they_are_for() {
        let x = "11qYAycHBZnUXMwJ3jHt5F4eeTCLyQD0aFLqBzTpYZE";
        let key = |more: serde_json::Value| {
            let mut key = json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": "a"});
            key.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            key
        };
        assert!(found(key(json!({})), Some("a"), Algorithm::EdDsa));
        assert!(found(key(json!({"use": "sig", "alg": "EdDSA", "key_ops": ["verify"]})), None, Algorithm::EdDsa));
        assert!(!found(key(json!({})), Some("b"), Algorithm::EdDsa));
        assert!(!found(key(json!({})), Some("a"), Algorithm::Es256));
        for other in [json!({"use": "enc"}), json!({"key_ops": ["encrypt"]}), json!({"alg": "ES256"})] {
            assert!(!found(key(other.clone()), Some("a"), Algorithm::EdDsa), "{other}");
        }
        let shared = json!({"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA", "kid": "a"});
        assert!(!found(shared, Some("a"), Algorithm::Hs256));
        let two = json!({"keys": [key(json!({})), key(json!({"kid": "b"}))]}).to_string();
        assert!(KeySet::parse(two.as_bytes()).unwrap().find(None, Algorithm::EdDsa).is_none(), "it could be either");
        assert!(KeySet::parse(b"[]").is_none());
    }
}
