//! Tokens of clients: a code traded for the first, a refresh token for the next, and who an access token is.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::audit::{AuditEvent, Outcome};
use domain::token::{self, Kind};
use domain::{Action, Actor, ActorKind, RequestId, ScopeSet, Timestamp};
use store::{ClientGrantRow, ClientTokenKind, ClientTokenRow, Tx};
use subtle::ConstantTimeEq as _;

use super::OauthError;
use crate::clock;
use crate::service::{Error, Service};

/// How long an access token works.
const ACCESS_MILLIS: i64 = 15 * 60 * 1000;
/// How long a refresh token works.
const REFRESH_MILLIS: i64 = 30 * 24 * 60 * 60 * 1000;

/// What a client sends for tokens.
#[derive(Debug, Default)]
pub(crate) struct TokenRequest {
    pub(crate) grant_type: String,
    pub(crate) client_id: String,
    pub(crate) code: String,
    pub(crate) redirect_uri: String,
    pub(crate) code_verifier: String,
    pub(crate) refresh_token: String,
    pub(crate) resource: Option<String>,
}

/// What it gets.
pub(crate) struct Issued {
    pub(crate) access_token: String,
    pub(crate) expires_in: i64,
    pub(crate) refresh_token: String,
    pub(crate) scope: String,
}

fn invalid_grant() -> OauthError {
    OauthError::new(
        "invalid_grant",
        "the code or token does not work: it is unknown, used, too old, or of another client",
    )
}

impl Service {
    /// Trades a code or a refresh token. The inner error is the client's, and what it broke stays broken.
    pub(crate) async fn issue_client_tokens(
        &self,
        request: TokenRequest,
        request_id: &RequestId,
    ) -> Result<Result<Issued, OauthError>, Error> {
        if request.resource.as_ref().is_some_and(|resource| !self.is_own_resource(resource)) {
            return Ok(Err(OauthError::new("invalid_target", "resource must be the address of this server's /mcp")));
        }
        let request_id = request_id.clone();
        match request.grant_type.as_str() {
            "authorization_code" if token::well_formed(Kind::ClientCode, &request.code) => {}
            "refresh_token" if token::well_formed(Kind::ClientRefresh, &request.refresh_token) => {}
            "authorization_code" | "refresh_token" => return Ok(Err(invalid_grant())),
            _ => {
                return Ok(Err(OauthError::new(
                    "unsupported_grant_type",
                    "must be authorization_code or refresh_token",
                )));
            }
        }
        // Who guesses costs a look, and no write.
        let known = match request.grant_type.as_str() {
            "authorization_code" => self.store.client_code(&token::hash(&request.code)).await?.is_some(),
            _ => {
                let hash = token::hash(&request.refresh_token);
                self.store.client_token(&hash, ClientTokenKind::Refresh).await?.is_some()
            }
        };
        if !known {
            return Ok(Err(invalid_grant()));
        }
        // What is refused is written too: a code that was tried, a token that came twice.
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let now = clock::now();
                    let grant = match request.grant_type.as_str() {
                        "authorization_code" => of_code(tx, &request, now, &request_id).await?,
                        _ => of_refresh(tx, &request, now, &request_id).await?,
                    };
                    match grant {
                        Some(grant) => issue(tx, &grant, now).await.map(Ok),
                        None => Ok(Err(invalid_grant())),
                    }
                })
            })
            .await
    }

    /// Ends what came of the consent that a token is of. Whoever has the token may (RFC 7009).
    pub(crate) async fn revoke_client_token(&self, text: &str, request_id: &RequestId) -> Result<(), Error> {
        let (hash, request_id) = (token::hash(text), request_id.clone());
        let access = self.store.client_token(&hash, ClientTokenKind::Access).await?;
        if access.is_none() && self.store.client_token(&hash, ClientTokenKind::Refresh).await?.is_none() {
            return Ok(());
        }
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    for kind in [ClientTokenKind::Access, ClientTokenKind::Refresh] {
                        if let Some(row) = tx.client_token(&hash, kind).await?
                            && let Some(grant) = tx.client_grant(&row.account, &row.grant_id).await?
                        {
                            end(tx, &grant, clock::now(), &request_id, "by_client").await?;
                        }
                    }
                    Ok::<_, Error>(())
                })
            })
            .await
    }

    /// The actor of an access token.
    pub(crate) async fn authenticate_client(&self, text: &str) -> Result<Actor, Error> {
        const ENDED: Error = Error::Unauthenticated("This access token does not work any more: get another one.");
        let row = self.store.client_token(&token::hash(text), ClientTokenKind::Access).await?.ok_or(ENDED)?;
        let now = clock::now();
        let grant = self.store.client_grant(&row.account, &row.grant_id).await?;
        let grant = grant.filter(|grant| grant.revoked_at.is_none() && row.expires_at > now).ok_or(ENDED)?;
        if grant.last_used_at.is_none_or(|used| now.as_millis() - used.as_millis() >= 60_000) {
            let (account, id) = (grant.account.clone(), grant.id.clone());
            self.store
                .write(move |tx| {
                    Box::pin(async move { Ok::<_, Error>(tx.touch_client_grant(&account, &id, now).await?) })
                })
                .await?;
        }
        Ok(actor(&grant))
    }
}

/// Whom a grant lets act. Whatever is stored, never with more than is for clients.
fn actor(grant: &ClientGrantRow) -> Actor {
    Actor {
        kind: ActorKind::Token,
        id: grant.id.clone(),
        // A program chooses what it is called; a token's name has neither spaces nor brackets, so it is none by it.
        name: format!("{} (program)", grant.name),
        account: grant.account.clone(),
        operator_account: false,
        scopes: grant.scopes.within(&ScopeSet::for_clients()),
        environments: grant.environments.clone(),
        member: None,
        groups: BTreeSet::new(),
    }
}

/// The grant of a code that is good for this request. A code that was tried is used up.
async fn of_code(
    tx: &mut Tx,
    request: &TokenRequest,
    now: Timestamp,
    request_id: &RequestId,
) -> Result<Option<ClientGrantRow>, Error> {
    let Some(code) = tx.client_code(&token::hash(&request.code)).await? else { return Ok(None) };
    let Some(grant) = tx.client_grant(&code.account, &code.grant_id).await? else { return Ok(None) };
    if !tx.use_client_code(&code.hash, now).await? {
        // Somebody else has it too: what it was traded for is not to be trusted.
        end(tx, &grant, now, request_id, "code_reuse").await?;
        return Ok(None);
    }
    let good = code.expires_at > now
        && grant.revoked_at.is_none()
        && grant.client_id == request.client_id
        && code.redirect_uri == request.redirect_uri
        && verifies(&request.code_verifier, &code.challenge);
    if !good {
        end(tx, &grant, now, request_id, "code_misused").await?;
    }
    Ok(Some(grant).filter(|_| good))
}

/// The grant of a refresh token that is good for this request.
async fn of_refresh(
    tx: &mut Tx,
    request: &TokenRequest,
    now: Timestamp,
    request_id: &RequestId,
) -> Result<Option<ClientGrantRow>, Error> {
    let found = tx.client_token(&token::hash(&request.refresh_token), ClientTokenKind::Refresh).await?;
    let Some(row) = found else { return Ok(None) };
    let Some(grant) = tx.client_grant(&row.account, &row.grant_id).await? else { return Ok(None) };
    if grant.client_id != request.client_id {
        return Ok(None);
    }
    if !tx.use_client_token(&row.hash, now).await? {
        // The client and a thief have it, and which of them asks is not to be told.
        end(tx, &grant, now, request_id, "refresh_reuse").await?;
        return Ok(None);
    }
    Ok(Some(grant).filter(|grant| row.expires_at > now && grant.revoked_at.is_none()))
}

async fn end(
    tx: &mut Tx,
    grant: &ClientGrantRow,
    now: Timestamp,
    request_id: &RequestId,
    reason: &str,
) -> Result<(), Error> {
    if tx.revoke_client_grant(&grant.account, &grant.id, now).await? {
        let salt = *envelope::random_bytes::<16>();
        let (actor, action) = (actor(grant), Action::ClientRevoke);
        let event = AuditEvent::new(&actor, action, &grant.name, Outcome::Done, now, request_id, salt);
        tx.append_audit(&event.detail("grant_id", &grant.id).detail("reason", reason)).await?;
    }
    Ok(())
}

async fn issue(tx: &mut Tx, grant: &ClientGrantRow, now: Timestamp) -> Result<Issued, Error> {
    let access_token = token::encode(Kind::ClientAccess, &envelope::random_bytes());
    let refresh_token = token::encode(Kind::ClientRefresh, &envelope::random_bytes());
    for (text, kind, millis) in [
        (&access_token, ClientTokenKind::Access, ACCESS_MILLIS),
        (&refresh_token, ClientTokenKind::Refresh, REFRESH_MILLIS),
    ] {
        let row = ClientTokenRow {
            hash: token::hash(text),
            account: grant.account.clone(),
            grant_id: grant.id.clone(),
            kind,
            expires_at: now.plus_millis(millis),
            used_at: None,
        };
        tx.insert_client_token(&row).await?;
    }
    let scope = actor(grant).scopes.to_text();
    Ok(Issued { access_token, expires_in: ACCESS_MILLIS / 1000, refresh_token, scope })
}

/// Whether the verifier's digest is the challenge (RFC 7636, S256).
fn verifies(verifier: &str, challenge: &str) -> bool {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    if !(43..=128).contains(&verifier.len()) || !verifier.bytes().all(unreserved) {
        return false;
    }
    // The hash of tokens is SHA-256 too.
    let digest = hex::decode(token::hash(verifier)).unwrap_or_default();
    bool::from(URL_SAFE_NO_PAD.encode(digest).as_bytes().ct_eq(challenge.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::verifies;

    /// RFC 7636, appendix B.
    #[test]
    fn the_digest_of_the_verifier() {
        let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        assert!(verifies("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", challenge));
        for bad in ["dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXl", challenge, "", "short"] {
            assert!(!verifies(bad, challenge), "{bad}");
        }
    }
}
