//! Settings of secrets and functions that are choices from a closed list.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{Invalid, SecretName};

/// Who may invoke a function.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Anyone who can reach the gateway.
    Public,
    /// Callers with a token of the account that has `functions:invoke`. The default (invariant 7).
    #[default]
    Authenticated,
}

impl Access {
    /// Reads the API's word.
    ///
    /// # Errors
    /// `access_unknown`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        match text {
            "public" => Ok(Self::Public),
            "authenticated" => Ok(Self::Authenticated),
            _ => Err(Invalid::new("access", "access_unknown", "must be `public` or `authenticated`")),
        }
    }

    /// The API's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Authenticated => "authenticated",
        }
    }
}

/// How a secret reaches a function.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Delivery {
    /// The value is in the function's environment.
    #[default]
    Env,
}

impl Delivery {
    /// Reads the API's word.
    ///
    /// # Errors
    /// `delivery_unknown`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        match text {
            "env" => Ok(Self::Env),
            _ => Err(Invalid::new("delivery", "delivery_unknown", "must be `env`")),
        }
    }

    /// The API's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Env => "env",
        }
    }
}

/// Which of the account's secrets a function gets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum SecretSelection {
    /// All of the environment's. The default, as the brief asks.
    #[default]
    All,
    /// These names only; an empty list is none.
    Only(BTreeSet<SecretName>),
}

impl SecretSelection {
    /// Whether the function gets `name`.
    pub fn includes(&self, name: &SecretName) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.contains(name),
        }
    }

    /// As the database keeps it: `*`, or names parted by commas (possibly none).
    pub fn to_text(&self) -> String {
        match self {
            Self::All => "*".to_owned(),
            Self::Only(names) => names.iter().map(SecretName::as_str).collect::<Vec<_>>().join(","),
        }
    }

    /// Reads [`SecretSelection::to_text`].
    ///
    /// # Errors
    /// The rule that a name broke.
    pub fn from_text(text: &str) -> Result<Self, Invalid> {
        match text {
            "*" => Ok(Self::All),
            names => names
                .split(',')
                .filter(|name| !name.is_empty())
                .map(SecretName::parse)
                .collect::<Result<_, _>>()
                .map(Self::Only),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::SecretSelection;

    #[test]
    fn an_empty_selection_is_none_and_not_all() {
        let none = SecretSelection::Only(std::collections::BTreeSet::new());
        assert_eq!(none.to_text(), "");
        assert_eq!(SecretSelection::from_text("").ok(), Some(none));
        assert_eq!(SecretSelection::from_text("*").ok(), Some(SecretSelection::All));
        assert!(SecretSelection::from_text("A,b").is_err());
    }
}
