//! OAuth 2.1 for clients of `/mcp`: a person lets a program act for the account, in words and for tools only. Its tokens are
//! for this server's `/mcp` and work nowhere else.
//!
//! No client has a secret, so what protects a code is PKCE, and what protects a refresh token is that its second use ends
//! everything that came of the same consent.

mod client;
mod consent;
mod tokens;

use domain::ScopeSet;

pub(crate) use client::Registration;
pub(crate) use consent::{Consent, Grant, Refused};
pub(crate) use tokens::TokenRequest;

use super::Service;

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

impl Service {
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
    use super::wanted;

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
