//! What a token may do, as the person who makes it reads it. `policy.rs` says which action needs which scope.

use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::Invalid;

macro_rules! scopes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)*) => {
        /// One permission.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Scope {
            $($(#[$doc])* $variant,)*
        }

        impl Scope {
            /// Every scope, in the order they are shown.
            pub const ALL: &'static [Scope] = &[$(Scope::$variant,)*];

            /// The scope as the API writes it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

scopes! {
    /// List and get secrets: names, masks and metadata. Never a value.
    SecretsRead = "secrets:read",
    /// Put, share, activate, destroy and delete secrets.
    SecretsWrite = "secrets:write",
    /// Run a process on one's own machine with an environment's values (`tresor run`). Only a token of named environments
    /// can hold it, and nobody has it by being an admin: it is given by its name.
    SecretsInject = "secrets:inject",
    /// Ask people for secrets, and see what became of one's own requests. Never a value.
    SecretsRequest = "secrets:request",
    /// Ask which texts are stored values, by digests of them. Values that can be guessed are never confirmed.
    SecretsScan = "secrets:scan",
    /// List and get functions, their source, invocations and logs.
    FunctionsRead = "functions:read",
    /// Deploy, roll back and delete functions. Code that is deployed can use the account's secrets.
    FunctionsWrite = "functions:write",
    /// Let anybody on the network invoke a function: deploy with access `public`, or roll back to such a deployment, where the
    /// function was not public before.
    FunctionsPublish = "functions:publish",
    /// Invoke functions whose access is `authenticated`.
    FunctionsInvoke = "functions:invoke",
    /// Make, clone and delete environments.
    EnvironmentsWrite = "environments:write",
    /// Read and export the audit log.
    AuditRead = "audit:read",
    /// List tokens, never their text.
    TokensRead = "tokens:read",
    /// Make tokens (with no more than one's own scopes) and revoke them.
    TokensWrite = "tokens:write",
    /// List members, groups and issuers.
    MembersRead = "members:read",
    /// Put and delete members, groups and issuers. Whoever has it decides who may invoke functions that are not public.
    MembersWrite = "members:write",
    /// Get the account's settings.
    SettingsRead = "settings:read",
    /// Put the account's settings.
    SettingsWrite = "settings:write",
    /// Make one-time login links, which open a browser session with the scopes of the token that made them.
    SessionsWrite = "sessions:write",
    /// List and make accounts. Only tokens of the account `default` can hold it.
    AccountsWrite = "accounts:write",
}

/// A set of scopes. Empty means nothing is permitted (invariant 7).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScopeSet(BTreeSet<Scope>);

impl ScopeSet {
    /// Every scope of an ordinary account but `secrets:inject`, which is only ever given by its name.
    pub fn admin() -> Self {
        let apart = [Scope::AccountsWrite, Scope::SecretsInject];
        Self(Scope::ALL.iter().copied().filter(|scope| !apart.contains(scope)).collect())
    }

    /// As [`ScopeSet::admin`], with `accounts:write`: for the first token of the account `default`.
    pub fn operator() -> Self {
        Self::admin().with(Scope::AccountsWrite)
    }

    /// What a person can let a program do that it connects by OAuth: nothing that reads a value into a process, and nothing
    /// that makes tokens, members, sessions, environments or settings.
    pub fn for_clients() -> Self {
        use Scope::{
            AuditRead, FunctionsInvoke, FunctionsPublish, FunctionsRead, FunctionsWrite, SecretsRead, SecretsRequest,
            SecretsWrite,
        };
        let scopes = [
            SecretsRead,
            SecretsWrite,
            SecretsRequest,
            FunctionsRead,
            FunctionsWrite,
            FunctionsPublish,
            FunctionsInvoke,
            AuditRead,
        ];
        scopes.into_iter().collect()
    }

    /// What such a program gets that does not say what it wants: enough to build an integration.
    pub fn of_a_client() -> Self {
        use Scope::{FunctionsInvoke, FunctionsRead, FunctionsWrite, SecretsRead, SecretsRequest};
        [SecretsRead, SecretsRequest, FunctionsRead, FunctionsWrite, FunctionsInvoke].into_iter().collect()
    }

    /// With one more.
    #[must_use]
    pub fn with(mut self, scope: Scope) -> Self {
        self.0.insert(scope);
        self
    }

    /// Reads scopes as the API writes them. The word `admin` stands for [`ScopeSet::admin`].
    ///
    /// # Errors
    /// `scopes_empty`, or `scope_unknown` with the place in the list.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, Invalid> {
        let mut set = BTreeSet::new();
        for (index, text) in texts.into_iter().enumerate() {
            if text == "admin" {
                set.extend(Self::admin().0);
                continue;
            }
            let known = Scope::ALL.iter().find(|scope| scope.as_str() == text);
            let Some(scope) = known else {
                let all: Vec<_> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
                let detail = format!("must be `admin` or one of {}", all.join(", "));
                return Err(Invalid::new(format!("scopes[{index}]"), "scope_unknown", detail));
            };
            set.insert(*scope);
        }
        if set.is_empty() {
            return Err(Invalid::new(
                "scopes",
                "scopes_empty",
                "must name at least one scope: an empty list permits nothing",
            ));
        }
        Ok(Self(set))
    }

    /// The scopes of `self` that `other` has too.
    pub fn within(&self, other: &Self) -> Self {
        Self(self.0.intersection(&other.0).copied().collect())
    }

    /// Whether `scope` is in the set.
    pub fn contains(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    /// The scopes of `self` that `other` lacks.
    pub fn beyond(&self, other: &Self) -> Vec<Scope> {
        self.0.difference(&other.0).copied().collect()
    }

    /// What `self` may not give to a new token of these scopes. Nobody has `secrets:inject` by a role, so whoever has all that
    /// an admin has can give it.
    pub fn cannot_give(&self, scopes: &Self) -> Vec<Scope> {
        let is_admin = Self::admin().beyond(self).is_empty();
        let mut beyond = scopes.beyond(self);
        beyond.retain(|scope| !(is_admin && *scope == Scope::SecretsInject));
        beyond
    }

    /// The scopes in the order they are shown.
    pub fn iter(&self) -> impl Iterator<Item = Scope> {
        self.0.iter().copied()
    }

    /// The scopes as one text, parted by spaces, as the database keeps them.
    pub fn to_text(&self) -> String {
        self.iter().map(Scope::as_str).collect::<Vec<_>>().join(" ")
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().collect())
    }
}

impl Serialize for ScopeSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Scope::as_str))
    }
}

impl<'de> Deserialize<'de> for ScopeSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        Self::parse(texts.iter().map(String::as_str)).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::{Scope, ScopeSet};

    #[test]
    fn parses_and_refuses() {
        let set = ScopeSet::parse(["secrets:read", "secrets:write", "secrets:read"]);
        assert_eq!(set.map(|set| set.to_text()), Ok("secrets:read secrets:write".to_owned()));
        assert_eq!(ScopeSet::parse([]).err().map(|e| e.code), Some("scopes_empty"));
        let error = ScopeSet::parse(["secrets:read", "everything"]).err();
        assert_eq!(error.map(|e| (e.field, e.code)), Some(("scopes[1]".to_owned(), "scope_unknown")));
    }

    #[test]
    fn admin_does_not_reach_other_accounts() {
        assert!(!ScopeSet::admin().contains(Scope::AccountsWrite));
        assert!(!ScopeSet::operator().contains(Scope::SecretsInject));
        assert_eq!(ScopeSet::operator().beyond(&ScopeSet::admin()), [Scope::AccountsWrite]);
        assert!(ScopeSet::default().iter().next().is_none());
    }

    #[test]
    fn a_client_gets_nothing_that_gives_more() {
        let clients = ScopeSet::for_clients();
        assert!(ScopeSet::of_a_client().beyond(&clients).is_empty());
        for never in
            ["secrets:inject", "tokens:write", "members:write", "sessions:write", "settings:write", "accounts:write"]
        {
            assert!(clients.iter().all(|scope| scope.as_str() != never), "{never}");
        }
    }

    #[test]
    fn injection_is_given_by_name_only() {
        let inject: ScopeSet = [Scope::SecretsInject].into_iter().collect();
        assert_eq!(ScopeSet::admin().cannot_give(&inject), []);
        assert_eq!(ScopeSet::operator().cannot_give(&ScopeSet::operator().with(Scope::SecretsInject)), []);
        assert_eq!(ScopeSet::admin().cannot_give(&ScopeSet::operator()), [Scope::AccountsWrite]);
        let maker: ScopeSet = Scope::ALL.iter().copied().filter(|scope| *scope != Scope::AuditRead).collect();
        assert_eq!(maker.cannot_give(&inject), [], "it has it itself");
        let maker = maker.within(&ScopeSet::admin());
        assert_eq!(maker.cannot_give(&inject), [Scope::SecretsInject], "neither it nor all of an admin's");
    }
}
