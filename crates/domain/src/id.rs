//! Identifiers. All are text, so that both databases order and compare them alike.

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps an identifier that the server made or the database returned; nothing is checked.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The identifier's text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// The tenant. Part of every ciphertext's binding, so it never changes once made.
    AccountId
);
id!(
    /// One secret in one account. Never reused, also not by a later secret of the same name.
    SecretId
);
id!(
    /// One request to the server, as shown to the caller in `x-request-id`, in logs and in the audit log.
    RequestId
);
