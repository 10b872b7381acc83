//! Who may vouch for callers of functions: an issuer of JSON Web Tokens (RFC 7519) that an account trusts.
//!
//! What is here says what a token must be; reading and verifying one is the server's.

use serde::{Deserialize, Serialize};

use crate::{EnvironmentName, Invalid, IssuerName, SecretName, limits};

macro_rules! algorithms {
    ($($variant:ident = $text:literal,)*) => {
        /// A signature algorithm of RFC 7518 or RFC 8037. `none` is not one.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "each is named by its text")]
        pub enum Algorithm {
            $($variant,)*
        }

        impl Algorithm {
            /// Every one.
            pub const ALL: &'static [Algorithm] = &[$(Algorithm::$variant,)*];

            /// As the `alg` of a token's header has it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

algorithms! {
    Hs256 = "HS256",
    Hs384 = "HS384",
    Hs512 = "HS512",
    Rs256 = "RS256",
    Rs384 = "RS384",
    Rs512 = "RS512",
    Ps256 = "PS256",
    Ps384 = "PS384",
    Ps512 = "PS512",
    Es256 = "ES256",
    Es384 = "ES384",
    EdDsa = "EdDSA",
}

impl Algorithm {
    /// Reads an `alg`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|algorithm| algorithm.as_str() == text)
    }

    /// Whether signer and verifier hold the same key.
    pub fn is_shared(self) -> bool {
        matches!(self, Self::Hs256 | Self::Hs384 | Self::Hs512)
    }

    /// The least length of a shared key in bytes: that of the hash (RFC 7518 §3.2).
    pub fn shared_key_bytes(self) -> usize {
        match self {
            Self::Hs384 => 48,
            Self::Hs512 => 64,
            _ => 32,
        }
    }
}

/// Where the keys come from that verify an issuer's tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IssuerKeys {
    /// A JWK Set (RFC 7517) at this address.
    JwksUrl(String),
    /// A JWK Set of public keys, as text.
    Jwks(String),
    /// The value of the account's secret of this name in the function's environment.
    Secret(SecretName),
}

/// An issuer that an account trusts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// Its name here.
    pub name: IssuerName,
    /// The `iss` of its tokens, compared exactly.
    pub issuer: String,
    /// What their `aud` must be or contain.
    pub audience: String,
    /// The algorithms that are taken, at least one; all shared if the key is, else none.
    pub algorithms: Vec<Algorithm>,
    /// What verifies them.
    pub keys: IssuerKeys,
    /// The claim with the names of the caller's groups, if it is believed.
    pub groups_claim: Option<String>,
    /// Where its callers may invoke functions; `None` is everywhere, an empty list nowhere (invariant 7).
    pub environments: Option<Vec<EnvironmentName>>,
}

impl Issuer {
    /// Refuses what could not work or not safely.
    ///
    /// # Errors
    /// Every rule that is broken.
    pub fn check(&self) -> Result<(), Vec<Invalid>> {
        let mut broken = Vec::new();
        let mut refuse = |field: &str, code, rule: &str| broken.push(Invalid::new(field, code, rule));
        let texts = [
            ("issuer", Some(&self.issuer)),
            ("audience", Some(&self.audience)),
            ("groups_claim", self.groups_claim.as_ref()),
        ];
        for (field, text) in texts {
            let Some(text) = text else { continue };
            if text.is_empty() || text.len() > limits::ISSUER_TEXT_BYTES || text.chars().any(char::is_control) {
                refuse(field, "text_invalid", "must be 1 to 1,024 bytes without control characters");
            }
        }
        let shared = matches!(self.keys, IssuerKeys::Secret(_));
        if self.algorithms.is_empty() {
            refuse("algorithms", "algorithms_empty", "must name at least one, for example RS256");
        } else if self.algorithms.iter().any(|algorithm| algorithm.is_shared() != shared) {
            // Else a token signed with the *public* key as if it were a shared one would pass.
            let rule = match shared {
                true => "must be HS256, HS384 or HS512 only, since the key is a shared secret",
                false => "must not be HS256, HS384 or HS512: those are for a shared secret",
            };
            refuse("algorithms", "algorithms_mixed", rule);
        }
        if let IssuerKeys::JwksUrl(url) = &self.keys
            && (url.len() > limits::ISSUER_TEXT_BYTES
                || !(url.starts_with("https://") || url.starts_with("http://"))
                || url.chars().any(|c| c.is_control() || c == ' '))
        {
            refuse("jwks_url", "jwks_url_invalid", "must be an https:// address of at most 1,024 bytes");
        }
        if let IssuerKeys::Jwks(text) = &self.keys
            && text.len() > limits::JWKS_BYTES
        {
            refuse("jwks", "jwks_too_large", "must be at most 64 KiB");
        }
        if broken.is_empty() { Ok(()) } else { Err(broken) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{Algorithm, Issuer, IssuerKeys};
    use crate::{IssuerName, SecretName};

    fn codes(algorithms: &[Algorithm], keys: IssuerKeys) -> Vec<&'static str> {
        let issuer = Issuer {
            name: IssuerName::parse("auth").unwrap(),
            issuer: "https://auth.example.com/".to_owned(),
            audience: "functions".to_owned(),
            algorithms: algorithms.to_vec(),
            keys,
            groups_claim: None,
            environments: None,
        };
        issuer.check().err().unwrap_or_default().iter().map(|invalid| invalid.code).collect()
    }

    #[test]
    fn shared_and_public_keys_are_not_mixed() {
        let secret = || IssuerKeys::Secret(SecretName::parse("JWT_SECRET").unwrap());
        let jwks = || IssuerKeys::Jwks("{}".to_owned());
        assert!(codes(&[Algorithm::Hs256], secret()).is_empty());
        assert!(codes(&[Algorithm::Rs256, Algorithm::Es256], jwks()).is_empty());
        assert_eq!(codes(&[Algorithm::Hs256], jwks()), ["algorithms_mixed"]);
        assert_eq!(codes(&[Algorithm::Rs256], secret()), ["algorithms_mixed"]);
        assert_eq!(codes(&[Algorithm::Rs256, Algorithm::Hs256], jwks()), ["algorithms_mixed"]);
        assert_eq!(codes(&[], jwks()), ["algorithms_empty"]);
        assert_eq!(
            codes(&[Algorithm::Rs256], IssuerKeys::JwksUrl("file:///etc/passwd".to_owned())),
            ["jwks_url_invalid"]
        );
    }

    #[test]
    fn none_is_no_algorithm() {
        assert_eq!(Algorithm::parse("none"), None);
        assert_eq!(Algorithm::parse("RS256"), Some(Algorithm::Rs256));
        assert_eq!(Algorithm::parse("rs256"), None);
    }
}
