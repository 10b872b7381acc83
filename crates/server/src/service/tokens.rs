//! Tokens: who may call the API, and as what.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use domain::token::{self, Kind};
use domain::{
    Action, Actor, ActorKind, EnvironmentName, GroupName, Invalid, MemberName, Role, Scope, ScopeSet, Timestamp,
    TokenName,
};
use store::TokenRow;

use super::{Caller, Error, Service, new_id, paging, show};
use crate::clock;
use crate::wire::{self, Page};

/// A token as the database had it within the last second.
pub(super) struct KnownToken {
    row: TokenRow,
    operator_account: bool,
    /// What the member it was made for adds and takes away.
    member: Option<(Role, BTreeSet<GroupName>)>,
    /// When its use was last noted, in Unix milliseconds; this node's own note included.
    noted: AtomicI64,
}

impl Service {
    /// The actor of a bearer token. A token revoked by another node may work here for one more second.
    pub(crate) async fn authenticate(&self, text: &str) -> Result<Actor, Error> {
        if !token::is_token(text) {
            return Err(Error::Unauthenticated(
                "This is not a token: tokens look like trs_ and 48 characters. Was it cut or mistyped?",
            ));
        }
        // Looked up by its SHA-256, so the comparison's timing tells nothing about the token.
        let hash = token::hash(text);
        let known = self.inner.tokens.get(hash.clone(), self.read_token(&hash)).await?;
        let now = clock::now();
        let Some(known) = known else { return Err(Error::Unauthenticated("This token is not known to this server.")) };
        let row = &known.row;
        if row.revoked_at.is_some() {
            return Err(Error::Unauthenticated("This token was revoked: make a new one with `tresor token create`."));
        }
        if row.expires_at.is_some_and(|expires| expires <= now) {
            return Err(Error::Unauthenticated("This token has expired: make a new one with `tresor token create`."));
        }
        self.touch_token(&known, now).await?;
        let (scopes, groups) = match &known.member {
            Some((role, groups)) => (row.scopes.within(&role.scopes()), groups.clone()),
            None => (row.scopes.clone(), BTreeSet::new()),
        };
        Ok(Actor {
            kind: ActorKind::Token,
            id: row.id.clone(),
            name: row.name.to_string(),
            account: row.account.clone(),
            operator_account: known.operator_account,
            scopes,
            environments: row.environments.clone(),
            member: row.member.clone(),
            groups,
        })
    }

    async fn read_token(&self, hash: &str) -> Result<Option<Arc<KnownToken>>, Error> {
        let Some(row) = self.store.token_by_hash(hash).await? else { return Ok(None) };
        let operator_account = self.is_operator(&row.account).await?;
        let noted = AtomicI64::new(row.last_used_at.map_or(i64::MIN, Timestamp::as_millis));
        let member = match &row.member {
            Some(name) => {
                // Its tokens are revoked with a member, so one without is a token of nobody: it may do nothing.
                let member = self.store.member(&row.account, name).await?;
                let Some(member) = member else { return Ok(None) };
                let groups = self.store.groups_of_member(&row.account, name).await?;
                Some((member.role, groups.into_iter().collect()))
            }
            None => None,
        };
        Ok(Some(Arc::new(KnownToken { row, operator_account, member, noted })))
    }

    async fn touch_token(&self, known: &KnownToken, now: Timestamp) -> Result<(), Error> {
        let noted = known.noted.load(Ordering::Relaxed);
        if now.as_millis().saturating_sub(noted) < 60_000
            || known.noted.compare_exchange(noted, now.as_millis(), Ordering::Relaxed, Ordering::Relaxed).is_err()
        {
            return Ok(());
        }
        let row = &known.row;
        let (account, id) = (row.account.clone(), row.id.clone());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    tx.touch_token(&account, &id, now).await?;
                    Ok::<_, Error>(())
                })
            })
            .await
    }

    /// The account's tokens, never their texts.
    pub(crate) async fn list_tokens(
        &self,
        caller: &Caller,
        cursor: Option<&str>,
        rows: u32,
    ) -> Result<Page<wire::Token>, Error> {
        self.permit(caller, Action::TokenList, None, "").await?;
        let mut found = self.store.tokens(&caller.actor.account, cursor, rows + 1).await?;
        let next_cursor = paging::cut(&mut found, rows, |last| last.id.clone());
        Ok(Page { items: found.iter().map(show::token).collect(), next_cursor })
    }

    /// Makes a token with no more than the caller's own scopes.
    pub(crate) async fn create_token(
        &self,
        caller: &Caller,
        input: wire::CreateToken,
    ) -> Result<wire::CreatedToken, Error> {
        let name = TokenName::parse(&input.name)?;
        let scopes = ScopeSet::parse(input.scopes.iter().map(String::as_str))?;
        let permit = self.permit(caller, Action::TokenCreate, None, name.as_str()).await?;
        let beyond = caller.actor.scopes.cannot_give(&scopes);
        if !beyond.is_empty() {
            let names: Vec<_> = beyond.into_iter().map(Scope::as_str).collect();
            let rule = format!("your own token lacks {}: it cannot give what it does not have", names.join(", "));
            return Err(Invalid::new("scopes", "scopes_beyond_own", rule).into());
        }
        let member = self.token_member(caller, input.member.as_deref(), &scopes).await?;
        let environments = self.token_environments(caller, input.environments).await?;
        if environments.is_none() && scopes.contains(Scope::SecretsInject) {
            let rule = "must be named for secrets:inject: values go only to tokens of named environments";
            return Err(Invalid::new("environments", "environments_missing", rule).into());
        }
        let expires_at = input.expires_at.as_deref().map(parse_expiry).transpose()?;
        let text = token::encode(kind(input.format.as_deref())?, &envelope::random_bytes());
        let row = TokenRow {
            id: new_id(),
            account: caller.actor.account.clone(),
            name,
            hash: token::hash(&text),
            scopes,
            environments,
            member,
            created_at: permit.time(),
            created_by: permit.actor_name(),
            expires_at,
            revoked_at: None,
            last_used_at: None,
        };
        let kept = show::token(&row);
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let event = permit.done().detail("token_id", &row.id).detail("scopes", row.scopes.to_text());
                    let event = match &row.member {
                        // It may have been deleted meanwhile.
                        Some(member) if tx.member(&row.account, member).await?.is_none() => {
                            return Err(member_unknown());
                        }
                        Some(member) => event.detail("member", member),
                        None => event,
                    };
                    tx.insert_token(&row).await?;
                    tx.append_audit(&event).await?;
                    Ok::<_, Error>(())
                })
            })
            .await?;
        Ok(wire::CreatedToken { token: text, kept })
    }

    async fn token_member(
        &self,
        caller: &Caller,
        name: Option<&str>,
        scopes: &ScopeSet,
    ) -> Result<Option<MemberName>, Error> {
        let Some(name) = name else { return Ok(None) };
        let name = MemberName::parse(name).map_err(|invalid| Invalid { field: "member".to_owned(), ..invalid })?;
        let member = self.store.member(&caller.actor.account, &name).await?.ok_or_else(member_unknown)?;
        // Else who may make tokens could put himself in any group.
        if caller.actor.member.as_ref() != Some(&name) {
            self.permit(caller, Action::MemberPut, None, name.as_str()).await?;
        }
        let beyond = scopes.beyond(&member.role.scopes());
        if !beyond.is_empty() {
            let names: Vec<_> = beyond.into_iter().map(Scope::as_str).collect();
            let rule = format!("a member who is a `{}` cannot have {}", member.role.as_str(), names.join(", "));
            return Err(Invalid::new("scopes", "scopes_beyond_role", rule).into());
        }
        Ok(Some(name))
    }

    async fn token_environments(
        &self,
        caller: &Caller,
        names: Option<Vec<String>>,
    ) -> Result<Option<Vec<EnvironmentName>>, Error> {
        let Some(names) = names else { return Ok(None) };
        if names.is_empty() {
            return Err(Invalid::new(
                "environments",
                "environments_empty",
                "must name at least one, or be left out for all",
            )
            .into());
        }
        let mut environments = Vec::new();
        for name in names {
            let name = EnvironmentName::parse(&name)?;
            self.environment(&caller.actor.account, &name).await?;
            environments.push(name);
        }
        Ok(Some(environments))
    }

    /// One token.
    pub(crate) async fn get_token(&self, caller: &Caller, id: &str) -> Result<wire::Token, Error> {
        self.permit(caller, Action::TokenList, None, "").await?;
        let row = self.store.token(&caller.actor.account, id).await?.ok_or(Error::not_found("token"))?;
        Ok(show::token(&row))
    }

    /// Revokes a token, and with it the sessions and login links that it opened.
    pub(crate) async fn revoke_token(&self, caller: &Caller, id: &str) -> Result<(), Error> {
        let permit = self.permit(caller, Action::TokenRevoke, None, "").await?;
        let (account, id) = (caller.actor.account.clone(), id.to_owned());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let row = tx.token(&account, &id).await?.ok_or(Error::not_found("token"))?;
                    if row.revoked_at.is_some() {
                        return Ok(());
                    }
                    tx.revoke_token(&account, &id, permit.time()).await?;
                    tx.append_audit(&permit.done().detail("token_id", &id).detail("name", &row.name)).await?;
                    Ok::<_, Error>(())
                })
            })
            .await?;
        self.inner.tokens.forget();
        Ok(())
    }
}

fn kind(format: Option<&str>) -> Result<Kind, Invalid> {
    match format {
        None | Some("tresor") => Ok(Kind::Token),
        Some("supabase") => Ok(Kind::SupabaseToken),
        Some(_) => Err(Invalid::new("format", "format_unknown", "must be `tresor` or `supabase`, or be left out")),
    }
}

fn member_unknown() -> Error {
    Invalid::new("member", "member_unknown", "is not there: make it first").into()
}

fn parse_expiry(text: &str) -> Result<Timestamp, Invalid> {
    let invalid = |rule: &str| Invalid::new("expires_at", "expires_at_invalid", rule);
    let time =
        Timestamp::parse(text).ok_or_else(|| invalid("must be an RFC 3339 time, for example 2027-01-31T00:00:00Z"))?;
    if time <= clock::now() { Err(invalid("must be in the future")) } else { Ok(time) }
}
