//! What a ciphertext is bound to: its associated data, encoded so that no two bindings have the same bytes.

use domain::{AccountId, EnvironmentName, SecretId};

/// Where a value belongs, beside the account, which comes from the key. Decrypting asks for exactly the same.
#[derive(Debug, Clone, Copy)]
pub struct Binding<'a> {
    /// The secret whose value it is.
    pub secret: &'a SecretId,
    /// The environment it holds in.
    pub environment: &'a EnvironmentName,
    /// The version's number.
    pub version: u64,
}

/// What the plaintext is, and whose. Each kind has its own label, so none can be passed off as another.
pub(crate) enum Context<'a> {
    Value { account: &'a AccountId, binding: &'a Binding<'a> },
    Draft { account: &'a AccountId, id: &'a str },
    Pending { account: &'a AccountId, secret: &'a SecretId, rotation: &'a str },
    AccountKey { account: &'a AccountId },
    AuditKey { server: &'a str },
}

impl Context<'_> {
    /// Every field preceded by its length (u64, big endian): label, the kind's fields, then key id and version byte.
    pub(crate) fn associated_data(&self, key_id: &[u8], version_byte: u8) -> Vec<u8> {
        match self {
            Self::Value { account, binding } => fields(&[
                b"tresor value v1",
                account.as_str().as_bytes(),
                binding.secret.as_str().as_bytes(),
                binding.environment.as_str().as_bytes(),
                &binding.version.to_be_bytes(),
                key_id,
                &[version_byte],
            ]),
            Self::Draft { account, id } => fields(&[
                b"tresor import draft v1",
                account.as_str().as_bytes(),
                id.as_bytes(),
                key_id,
                &[version_byte],
            ]),
            Self::Pending { account, secret, rotation } => fields(&[
                b"tresor pending value v1",
                account.as_str().as_bytes(),
                secret.as_str().as_bytes(),
                rotation.as_bytes(),
                key_id,
                &[version_byte],
            ]),
            Self::AccountKey { account } => {
                fields(&[b"tresor account key v1", account.as_str().as_bytes(), key_id, &[version_byte]])
            }
            Self::AuditKey { server } => fields(&[b"tresor audit key v1", server.as_bytes(), key_id, &[version_byte]]),
        }
    }
}

/// Joins `fields` unambiguously.
pub(crate) fn fields(fields: &[&[u8]]) -> Vec<u8> {
    let mut joined = Vec::new();
    for field in fields {
        joined.extend((field.len() as u64).to_be_bytes());
        joined.extend(*field);
    }
    joined
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

    use domain::{AccountId, EnvironmentName, SecretId};
    use proptest::prelude::*;

    use super::{Binding, Context, fields};

    #[test]
    fn encoding_of_a_value() {
        let (account, secret) = (AccountId::new("a"), SecretId::new("bc"));
        let binding = Binding { secret: &secret, environment: &EnvironmentName::production(), version: 258 };
        let encoded = Context::Value { account: &account, binding: &binding }.associated_data(&[9; 8], 1);
        let expected = [
            &[0, 0, 0, 0, 0, 0, 0, 15][..],
            b"tresor value v1",
            &[0, 0, 0, 0, 0, 0, 0, 1],
            b"a",
            &[0, 0, 0, 0, 0, 0, 0, 2],
            b"bc",
            &[0, 0, 0, 0, 0, 0, 0, 10],
            b"production",
            &[0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 1, 2],
            &[0, 0, 0, 0, 0, 0, 0, 8, 9, 9, 9, 9, 9, 9, 9, 9],
            &[0, 0, 0, 0, 0, 0, 0, 1, 1],
        ]
        .concat();
        assert_eq!(encoded, expected);
    }

    #[test]
    fn kinds_never_meet() {
        let same = AccountId::new("x");
        let account = Context::AccountKey { account: &same }.associated_data(&[0; 8], 1);
        assert_ne!(account, Context::AuditKey { server: "x" }.associated_data(&[0; 8], 1));
        let (secret, environment) = (SecretId::new("x"), EnvironmentName::production());
        let binding = Binding { secret: &secret, environment: &environment, version: 1 };
        let value = Context::Value { account: &same, binding: &binding }.associated_data(&[0; 8], 1);
        assert_ne!(value, Context::Draft { account: &same, id: "x" }.associated_data(&[0; 8], 1));
    }

    proptest! {
        /// One text cut in two at two places: plain joining would give the same bytes.
        #[test]
        fn a_moved_boundary_shows(text in "[a-c]{1,8}", one in 0_usize..9, two in 0_usize..9) {
            let (one, two) = (one.min(text.len()), two.min(text.len()));
            let split = |at: usize| fields(&[&text.as_bytes()[..at], &text.as_bytes()[at..]]);
            prop_assert_eq!(split(one) == split(two), one == two);
        }
    }
}
