//! OAuth 2.1 for clients of `/mcp`: a person lets a program act for the account, in words and for tools only. Its tokens are
//! for this server's `/mcp` and work nowhere else.
//!
//! No client has a secret, so what protects a code is PKCE, and what protects a refresh token is that its second use ends
//! everything that came of the same consent.

mod client;
mod consent;
mod tokens;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::{Scope, ScopeSet};

pub(crate) use client::Registration;
pub(crate) use consent::{Consent, Grant, Refused};
pub(crate) use tokens::TokenRequest;

use super::{Caller, Service};

/// What a client is told that asked in a way that does not work (RFC 6749, 5.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OauthError {
    pub(crate) error: &'static str,
    pub(crate) description: &'static str,
}

impl OauthError {
    fn new(error: &'static str, description: &'static str) -> Self {
        Self { error, description }
    }
}

/// What a client sends to the consent page.
#[derive(Debug, Clone, Default)]
pub(crate) struct AuthorizeInput {
    pub(crate) response_type: String,
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) code_challenge: String,
    pub(crate) code_challenge_method: String,
    pub(crate) scope: Option<String>,
    pub(crate) state: Option<String>,
    pub(crate) resource: Option<String>,
}

/// How long a client that was told what it lacks may take to come back without it.
const CHALLENGE: Duration = Duration::from_secs(60);
/// Most challenges that are remembered; old ones are forgotten first.
const CHALLENGES: usize = 10_000;

/// Which grants were told lately that they lack a scope. A client that comes back without it could not ask a person, or did in vain: some renew
/// their token, which gives them no more, and would end with an error that says nothing. Those are told in the tool's result.
#[derive(Default)]
pub(crate) struct Challenges(Mutex<HashMap<(String, Scope), Instant>>);

impl Challenges {
    /// Whether the grant was not told of the scope lately. It counts as told then.
    pub(crate) fn is_news(&self, grant: &str, scope: Scope, now: Instant) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_fresh = |at: &Instant| now.saturating_duration_since(*at) < CHALLENGE;
        if told.len() >= CHALLENGES {
            told.retain(|_, at| is_fresh(at));
        }
        let key = (grant.to_owned(), scope);
        if told.get(&key).is_some_and(is_fresh) {
            return false;
        }
        told.insert(key, now);
        true
    }
}

impl Service {
    /// Whether a client is to be told that it lacks a scope: one that it could have, and of which it was not told just now.
    pub(crate) fn challenges_client(&self, caller: &Caller, scope: Scope) -> bool {
        let could_have = ScopeSet::for_clients().contains(scope);
        could_have && self.inner.challenges.is_news(&caller.actor.id, scope, Instant::now())
    }

    /// What tokens of clients are for (RFC 8707).
    pub(crate) fn mcp_resource(&self) -> String {
        format!("{}/mcp", self.sites.url())
    }

    /// Whether a client means this server by `resource`.
    fn is_own_resource(&self, resource: &str) -> bool {
        let origin = resource.strip_suffix("/mcp").or_else(|| resource.strip_suffix('/')).unwrap_or(resource);
        self.sites.is_own_origin(origin)
    }
}

/// The scopes that a client asks for, or what it gets if it does not say.
fn wanted(scope: Option<&str>) -> Result<ScopeSet, OauthError> {
    let Some(text) = scope.filter(|text| !text.trim().is_empty()) else { return Ok(ScopeSet::of_a_client()) };
    let invalid = || OauthError::new("invalid_scope", "a scope is not known, or not for clients: see scopes_supported");
    // `admin` is a word of tokens that people make.
    let words: Vec<_> = text.split_ascii_whitespace().filter(|word| *word != "offline_access").collect();
    if words.is_empty() {
        return Ok(ScopeSet::of_a_client());
    }
    let scopes = ScopeSet::parse(words).map_err(|_| invalid())?;
    if scopes.beyond(&ScopeSet::for_clients()).is_empty() { Ok(scopes) } else { Err(invalid()) }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use domain::Scope;

    use super::{CHALLENGE, Challenges, wanted};

    #[test]
    fn a_client_is_told_once_and_again_when_it_had_time() {
        let (challenges, now) = (Challenges::default(), Instant::now());
        assert!(challenges.is_news("a", Scope::AuditRead, now));
        assert!(!challenges.is_news("a", Scope::AuditRead, now + CHALLENGE / 2));
        assert!(challenges.is_news("a", Scope::SecretsWrite, now) && challenges.is_news("b", Scope::AuditRead, now));
        assert!(challenges.is_news("a", Scope::AuditRead, now + CHALLENGE));
    }

    #[test]
    fn clients_ask_for_what_is_for_clients() {
        let text = |scope| wanted(scope).map(|scopes| scopes.to_text()).map_err(|error| error.error);
        assert_eq!(text(Some("secrets:read offline_access")), Ok("secrets:read".to_owned()));
        assert_eq!(text(None), text(Some("  ")));
        assert!(!text(None).unwrap().contains("publish"));
        for bad in
            ["admin", "secrets:inject", "secrets:read tokens:write", "accounts:write", "everything", "secrets:read,x"]
        {
            assert_eq!(text(Some(bad)), Err("invalid_scope"), "{bad}");
        }
    }
}
