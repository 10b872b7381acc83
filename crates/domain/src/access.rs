//! Settings of secrets and functions that are choices from a closed list.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{GroupName, Invalid, SecretName};

/// Who may invoke a function.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Access {
    /// Anyone who can reach the gateway.
    Public,
    /// Callers with a token of the account that has `functions:invoke`, or with a JWT of one of its issuers. The default
    /// (invariant 7).
    #[default]
    Authenticated,
    /// Of those, only who is in this group.
    Group(GroupName),
}

impl Access {
    /// Reads the API's word.
    ///
    /// # Errors
    /// `access_unknown`, or the rule that the group's name broke.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        match text {
            "public" => Ok(Self::Public),
            "authenticated" => Ok(Self::Authenticated),
            _ => match text.strip_prefix("group:") {
                Some(group) => GroupName::parse(group).map(Self::Group).map_err(|invalid| {
                    Invalid::new("access", invalid.code, format!("the group's name {}", invalid.detail))
                }),
                None => {
                    let rule = "must be `public`, `authenticated` or `group:` and the name of a group";
                    Err(Invalid::new("access", "access_unknown", rule))
                }
            },
        }
    }

    /// The group it asks for, if it does.
    pub fn group(&self) -> Option<&GroupName> {
        match self {
            Self::Group(group) => Some(group),
            Self::Public | Self::Authenticated => None,
        }
    }
}

impl std::fmt::Display for Access {
    /// The API's word.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Public => f.write_str("public"),
            Self::Authenticated => f.write_str("authenticated"),
            Self::Group(group) => write!(f, "group:{group}"),
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
    /// A placeholder is in the function's environment; the egress broker puts the value in, on requests to the secret's
    /// hosts.
    Brokered,
}

impl Delivery {
    /// Reads the API's word.
    ///
    /// # Errors
    /// `delivery_unknown`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        match text {
            "env" => Ok(Self::Env),
            "brokered" => Ok(Self::Brokered),
            _ => Err(Invalid::new("delivery", "delivery_unknown", "must be `env` or `brokered`")),
        }
    }

    /// The API's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Env => "env",
            Self::Brokered => "brokered",
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
    use super::{Access, SecretSelection};

    #[test]
    fn access_reads_back_and_has_no_other_words() {
        for text in ["public", "authenticated", "group:billing"] {
            assert_eq!(Access::parse(text).map(|access| access.to_string()), Ok(text.to_owned()));
        }
        assert_eq!(Access::default(), Access::Authenticated);
        for text in ["", "Public", "group", "group:", "group:Billing", "group:a,b", " public"] {
            assert!(Access::parse(text).is_err_and(|invalid| invalid.field == "access"), "{text}");
        }
    }

    #[test]
    fn an_empty_selection_is_none_and_not_all() {
        let none = SecretSelection::Only(std::collections::BTreeSet::new());
        assert_eq!(none.to_text(), "");
        assert_eq!(SecretSelection::from_text("").ok(), Some(none));
        assert_eq!(SecretSelection::from_text("*").ok(), Some(SecretSelection::All));
        assert!(SecretSelection::from_text("A,b").is_err());
    }
}
