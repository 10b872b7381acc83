//! Browser sessions, opened by one-time login links.

use domain::token::{self, Kind};
use domain::{Action, Actor, ActorKind, RequestId};
use store::{LoginCodeRow, SessionRow};

use super::{Caller, Error, Service, new_id};
use crate::clock;
use crate::wire;

/// How long a login link works.
const LINK_MILLIS: i64 = 60 * 60 * 1000;
/// How long a session lasts.
const SESSION_MILLIS: i64 = 12 * 60 * 60 * 1000;

/// A session that just began.
pub(crate) struct SessionStart {
    /// The cookie's value.
    pub(crate) cookie: String,
    pub(crate) max_age_seconds: i64,
}

impl Service {
    /// Makes a link that opens one browser session with the caller's own scopes.
    pub(crate) async fn create_login_link(&self, caller: &Caller) -> Result<wire::LoginLink, Error> {
        let permit = self.permit(caller, Action::SessionCreate, None, "").await?;
        let code = token::encode(Kind::LoginCode, &envelope::random_bytes());
        let row = LoginCodeRow {
            hash: token::hash(&code),
            account: caller.actor.account.clone(),
            token_id: Some(caller.actor.id.clone()).filter(|_| caller.actor.kind == ActorKind::Token),
            name: caller.actor.name.clone(),
            scopes: caller.actor.scopes.clone(),
            environments: caller.actor.environments.clone(),
            expires_at: permit.time().plus_millis(LINK_MILLIS),
        };
        let expires_at = row.expires_at.to_string();
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    tx.insert_login_code(&row).await?;
                    tx.append_audit(&permit.done().detail("link", "created")).await?;
                    Ok::<_, Error>(())
                })
            })
            .await?;
        Ok(wire::LoginLink { url: format!("{}/login?code={code}", self.sites.url()), expires_at })
    }

    /// Turns a link's code into a session. A code works once.
    pub(crate) async fn redeem_login(&self, code: &str, request_id: &RequestId) -> Result<SessionStart, Error> {
        const USED: &str = "This login link does not work: it was used, is older than an hour, or was cut. Make a new one with `tresor login`.";
        if !token::well_formed(Kind::LoginCode, code) {
            return Err(Error::Unauthenticated(USED));
        }
        let cookie = token::encode(Kind::Session, &envelope::random_bytes());
        let (hash, code_hash, request_id) = (token::hash(&cookie), token::hash(code), request_id.clone());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let now = clock::now();
                    let link = tx.take_login_code(&code_hash, now).await?.ok_or(Error::Unauthenticated(USED))?;
                    let row = SessionRow {
                        id: new_id(),
                        account: link.account,
                        token_id: link.token_id,
                        hash,
                        name: link.name,
                        scopes: link.scopes,
                        environments: link.environments,
                        created_at: now,
                        expires_at: now.plus_millis(SESSION_MILLIS),
                    };
                    tx.insert_session(&row).await?;
                    let actor = Actor {
                        kind: ActorKind::Session,
                        id: row.id,
                        name: row.name,
                        scopes: row.scopes,
                        ..Actor::anonymous(row.account)
                    };
                    let salt = *envelope::random_bytes::<16>();
                    let done = domain::audit::Outcome::Done;
                    let event =
                        domain::audit::AuditEvent::new(&actor, Action::SessionCreate, "", done, now, &request_id, salt);
                    tx.append_audit(&event.detail("link", "used")).await?;
                    Ok::<_, Error>(())
                })
            })
            .await?;
        Ok(SessionStart { cookie, max_age_seconds: SESSION_MILLIS / 1000 })
    }

    /// The actor of a session cookie.
    pub(crate) async fn session(&self, cookie: &str) -> Result<Actor, Error> {
        const ENDED: &str = "This session has ended. Log in again with a link from `tresor login`.";
        if !token::well_formed(Kind::Session, cookie) {
            return Err(Error::Unauthenticated(ENDED));
        }
        let row = self.store.session_by_hash(&token::hash(cookie)).await?;
        let row = row.filter(|row| row.expires_at > clock::now()).ok_or(Error::Unauthenticated(ENDED))?;
        let operator_account = self.is_operator(&row.account).await?;
        Ok(Actor {
            kind: ActorKind::Session,
            id: row.id,
            name: row.name,
            operator_account,
            scopes: row.scopes,
            environments: row.environments,
            ..Actor::anonymous(row.account)
        })
    }

    /// Ends a session.
    pub(crate) async fn logout(&self, caller: &Caller) -> Result<(), Error> {
        let (account, id) = (caller.actor.account.clone(), caller.actor.id.clone());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    tx.delete_session(&account, &id).await?;
                    Ok::<_, Error>(())
                })
            })
            .await
    }
}
