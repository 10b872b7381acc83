//! A person's consent: what a client asks for, and the code that it gets for a yes. And what was consented to, and its end.

use domain::token::{self, Kind};
use domain::{Action, Scope, ScopeSet, limits};
use reqwest::Url;
use store::{ClientCodeRow, ClientGrantRow};

use super::client::Client;
use super::{AuthorizeInput, OauthError, wanted};
use crate::service::{Caller, Error, Service, new_id};

/// How long a code can be traded.
const CODE_MILLIS: i64 = 60_000;
/// The digest of a verifier, in base64.
const CHALLENGE_CHARS: usize = 43;
const STATE_BYTES: usize = 1_024;

/// What a person is asked.
pub(crate) struct Consent {
    pub(crate) client: Client,
    /// What it may do if the answer is yes.
    pub(crate) scopes: ScopeSet,
    /// What it asked for and does not get, since the person has it not either.
    pub(crate) lacking: Vec<Scope>,
    pub(crate) input: AuthorizeInput,
}

/// Why a person is not asked.
pub(crate) enum Refused {
    /// The client is not known, or would be answered at a place that is not its own: it is told nothing.
    Here(Error),
    /// The address at which the client is told what is wrong.
    Back(String),
}

/// A program that acts for the account.
pub(crate) struct Grant {
    pub(crate) id: String,
    pub(crate) name: String,
    /// The host of its id, where that is an address.
    pub(crate) host: Option<String>,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) created_at: String,
    pub(crate) created_by: String,
    pub(crate) last_used_at: Option<String>,
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Here(error)
    }
}

impl Service {
    /// What a person is asked, for a client that asks well.
    pub(crate) async fn consider_client(&self, caller: &Caller, input: AuthorizeInput) -> Result<Consent, Refused> {
        self.permit(caller, Action::ClientGrant, None, "").await?;
        let client = self.client(&input.client_id).await?;
        if !client.is_redirect(&input.redirect_uri) {
            let rule = "is none of the addresses that the client named";
            return Err(Error::from(domain::Invalid::new("redirect_uri", "redirect_uri_mismatch", rule)).into());
        }
        let back = |error: OauthError| {
            Refused::Back(self.answer(&input, &[("error", error.error), ("error_description", error.description)]))
        };
        let scopes = self.asks_well(&input).map_err(back)?;
        let lacking = scopes.beyond(&caller.actor.scopes);
        let scopes = scopes.within(&caller.actor.scopes);
        Ok(Consent { client, scopes, lacking, input })
    }

    fn asks_well(&self, input: &AuthorizeInput) -> Result<ScopeSet, OauthError> {
        let invalid = |description| Err(OauthError::new("invalid_request", description));
        if input.response_type != "code" {
            return Err(OauthError::new("unsupported_response_type", "response_type must be code"));
        }
        if input.code_challenge_method != "S256" {
            return invalid("code_challenge_method must be S256");
        }
        let url_alphabet = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if input.code_challenge.len() != CHALLENGE_CHARS || !input.code_challenge.bytes().all(url_alphabet) {
            return invalid("code_challenge must be the base64url of a SHA-256 digest");
        }
        if input.state.as_ref().is_some_and(|state| state.len() > STATE_BYTES) {
            return invalid("state must be at most 1,024 bytes");
        }
        if input.resource.as_ref().is_some_and(|resource| !self.is_own_resource(resource)) {
            return Err(OauthError::new("invalid_target", "resource must be the address of this server's /mcp"));
        }
        wanted(input.scope.as_deref())
    }

    /// The answer of a person: the address that it is told the client at, with a code for a yes. All is looked at again: a form
    /// is the browser's word.
    pub(crate) async fn answer_client(
        &self,
        caller: &Caller,
        input: AuthorizeInput,
        yes: bool,
    ) -> Result<String, Refused> {
        let consent = self.consider_client(caller, input).await?;
        if !yes || consent.scopes.iter().next().is_none() {
            return Ok(self.answer(&consent.input, &[("error", "access_denied")]));
        }
        let permit = self.permit(caller, Action::ClientGrant, None, &consent.client.name).await?;
        let code = token::encode(Kind::ClientCode, &envelope::random_bytes());
        let grant = ClientGrantRow {
            id: new_id(),
            account: caller.actor.account.clone(),
            client_id: consent.client.id.clone(),
            name: consent.client.name.clone(),
            scopes: consent.scopes.clone(),
            environments: caller.actor.environments.clone(),
            created_at: permit.time(),
            created_by: permit.actor_name(),
            revoked_at: None,
            last_used_at: None,
        };
        let row = ClientCodeRow {
            hash: token::hash(&code),
            account: grant.account.clone(),
            grant_id: grant.id.clone(),
            redirect_uri: consent.input.redirect_uri.clone(),
            challenge: consent.input.code_challenge.clone(),
            expires_at: permit.time().plus_millis(CODE_MILLIS),
            used_at: None,
        };
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let held = tx.client_grants(&grant.account, limits::CLIENTS + 1).await?;
                    if held.len() > limits::CLIENTS as usize {
                        let detail = format!("an account holds at most {} connected programs", limits::CLIENTS);
                        return Err(Error::Limit { code: "too_many_clients", detail });
                    }
                    tx.insert_client_grant(&grant).await?;
                    tx.insert_client_code(&row).await?;
                    let event = permit.done().detail("grant_id", &grant.id).detail("scopes", grant.scopes.to_text());
                    tx.append_audit(&event).await?;
                    Ok::<_, Error>(())
                })
            })
            .await?;
        Ok(self.answer(&consent.input, &[("code", &code)]))
    }

    /// The client's address with what it is told. `iss` says who answers (RFC 9207).
    fn answer(&self, input: &AuthorizeInput, told: &[(&str, &str)]) -> String {
        let Ok(mut url) = Url::parse(&input.redirect_uri) else { return String::new() };
        let state = input.state.as_deref().map(|state| ("state", state));
        url.query_pairs_mut().extend_pairs(told).extend_pairs(state).append_pair("iss", self.sites.url());
        url.into()
    }

    /// The programs that act for the account, the newest first.
    pub(crate) async fn client_grants(&self, caller: &Caller) -> Result<Vec<Grant>, Error> {
        self.permit(caller, Action::ClientList, None, "").await?;
        let rows = self.store.client_grants(&caller.actor.account, limits::CLIENTS + 1).await?;
        Ok(rows.into_iter().map(shown).collect())
    }

    /// Ends what a program may do, at once.
    pub(crate) async fn revoke_client(&self, caller: &Caller, id: &str) -> Result<(), Error> {
        let permit = self.permit(caller, Action::ClientRevoke, None, "").await?;
        let (account, id) = (caller.actor.account.clone(), id.to_owned());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let grant = tx.client_grant(&account, &id).await?.ok_or(Error::not_found("connected program"))?;
                    if tx.revoke_client_grant(&account, &id, permit.time()).await? {
                        tx.append_audit(&permit.done_to(&grant.name).detail("grant_id", &id)).await?;
                    }
                    Ok::<_, Error>(())
                })
            })
            .await
    }
}

fn shown(row: ClientGrantRow) -> Grant {
    Grant {
        host: Url::parse(&row.client_id).ok().and_then(|url| url.host_str().map(str::to_owned)),
        id: row.id,
        name: row.name,
        scopes: row.scopes.iter().collect(),
        created_at: row.created_at.to_string(),
        created_by: row.created_by,
        last_used_at: row.last_used_at.map(|time| time.to_string()),
    }
}
