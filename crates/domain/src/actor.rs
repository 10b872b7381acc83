//! Who makes this request.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{AccountId, EnvironmentName, GroupName, Invalid, MemberName, Scope, ScopeSet};

/// What kind of actor it is, as the audit log writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActorKind {
    /// A bearer token.
    Token,
    /// A browser that logged in by a one-time link.
    Session,
    /// The server itself on its first start.
    Setup,
    /// A caller without credentials, of a public function.
    Anonymous,
    /// A function's code.
    Function,
    /// A caller of functions with a JWT of one of the account's issuers.
    Jwt,
    /// The server itself, on behalf of a secret's rotator. Its name is the secret's.
    Rotator,
}

/// What a member may at most do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// All of the account.
    Admin,
    /// Look at secrets' metadata and at functions, invoke them, and ask for secrets.
    User,
}

impl Role {
    /// Reads the API's word.
    ///
    /// # Errors
    /// `role_unknown`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        match text {
            "admin" => Ok(Self::Admin),
            "user" => Ok(Self::User),
            _ => Err(Invalid::new("role", "role_unknown", "must be `admin` or `user`")),
        }
    }

    /// The API's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::User => "user",
        }
    }

    /// The scopes that a token of such a member can have; more are refused, and lost with the role.
    pub fn scopes(self) -> ScopeSet {
        match self {
            Self::Admin => Scope::ALL.iter().copied().collect(),
            Self::User => [
                Scope::SecretsRead,
                Scope::SecretsRequest,
                Scope::SecretsScan,
                Scope::FunctionsRead,
                Scope::FunctionsInvoke,
            ]
            .into_iter()
            .collect(),
        }
    }
}

/// An authenticated actor with what it may do. Of exactly one account: there is no actor above accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// What kind it is.
    pub kind: ActorKind,
    /// The id of the token or session; empty for `setup` and `anonymous`.
    pub id: String,
    /// A name for people, for example the token's.
    pub name: String,
    /// The account that everything this actor does happens in.
    pub account: AccountId,
    /// Whether `account` is the account `default`, whose actors may hold `accounts:write`.
    pub operator_account: bool,
    /// What it may do.
    pub scopes: ScopeSet,
    /// The environments it may touch; `None` is all of them, an empty list is none (invariant 7).
    pub environments: Option<Vec<EnvironmentName>>,
    /// The member it acts for, if it was made for one.
    pub member: Option<MemberName>,
    /// The groups it is in.
    pub groups: BTreeSet<GroupName>,
}

impl Actor {
    /// A caller without credentials: it may do nothing but invoke public functions.
    pub fn anonymous(account: AccountId) -> Self {
        Self {
            kind: ActorKind::Anonymous,
            id: String::new(),
            name: "anonymous".to_owned(),
            account,
            operator_account: false,
            scopes: ScopeSet::default(),
            environments: Some(Vec::new()),
            member: None,
            groups: BTreeSet::new(),
        }
    }
}
