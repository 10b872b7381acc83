//! Issuers of JWTs: who vouches for callers of an account's functions. Reading and verifying the tokens is `jwt`'s.

use domain::{Action, Algorithm, EnvironmentName, Invalid, Issuer, IssuerKeys, IssuerName, SecretName, limits};
use store::{IssuerRow, StoreError};

use super::jwt::{FetchError, KeySet};
use super::{Caller, Error, Service, show};
use crate::wire::{self, Page};

impl Service {
    /// The account's issuers by name.
    pub(crate) async fn list_issuers(&self, caller: &Caller) -> Result<Page<wire::Issuer>, Error> {
        self.permit(caller, Action::IssuerList, None, "").await?;
        let found = self.store.issuers(&caller.actor.account).await?;
        Ok(Page { items: found.iter().map(show::issuer).collect(), next_cursor: None })
    }

    /// Makes an issuer or replaces one; `true` if it is new. What verifies its tokens must be there, but for a secret.
    pub(crate) async fn put_issuer(
        &self,
        caller: &Caller,
        name: &str,
        input: wire::PutIssuer,
    ) -> Result<(wire::Issuer, bool), Error> {
        let name = IssuerName::parse(name)?;
        let permit = self.permit(caller, Action::IssuerPut, None, name.as_str()).await?;
        let issuer = read(name, input)?;
        for environment in issuer.environments.iter().flatten() {
            self.environment(&caller.actor.account, environment).await?;
        }
        match &issuer.keys {
            IssuerKeys::Jwks(text) => {
                let usable = KeySet::parse(text.as_bytes()).is_some_and(|keys| !keys.is_empty());
                if !usable {
                    let rule = "must be a JWK Set with at least one public key for signatures";
                    return Err(Invalid::new("jwks", "jwks_invalid", rule).into());
                }
            }
            IssuerKeys::JwksUrl(url) => {
                self.inner
                    .jwts
                    .fetch(url)
                    .await
                    .map_err(|error| Invalid::new("jwks_url", error.code(), error.to_string()))?;
            }
            IssuerKeys::Secret(_) => {}
        }
        let account = caller.actor.account.clone();
        let written = self.store.write(move |tx| {
            Box::pin(async move {
                let all = tx.issuers(&account).await?;
                let known = all.iter().find(|row| row.issuer.name == issuer.name);
                if known.is_none() && all.len() as u64 >= limits::ISSUERS_PER_ACCOUNT {
                    let detail = format!("an account holds at most {} issuers", limits::ISSUERS_PER_ACCOUNT);
                    return Err(Error::Limit { code: "too_many_issuers", detail });
                }
                let row = match known {
                    Some(known) => IssuerRow { issuer, ..known.clone() },
                    None => IssuerRow { issuer, created_at: permit.time(), created_by: permit.actor_name() },
                };
                if known != Some(&row) {
                    tx.put_issuer(&account, &row).await?;
                    let event =
                        permit.done().detail("issuer", &row.issuer.issuer).detail("audience", &row.issuer.audience);
                    tx.append_audit(&event).await?;
                }
                Ok((show::issuer(&row), known.is_none()))
            })
        });
        let done = written.await.map_err(|error| match error {
            Error::Store(StoreError::Conflict) => {
                Invalid::new("issuer", "issuer_taken", "is that of another issuer of the account").into()
            }
            other => other,
        })?;
        self.forget_callers();
        Ok(done)
    }

    /// Deletes an issuer: its tokens stop to work.
    pub(crate) async fn delete_issuer(&self, caller: &Caller, name: &str) -> Result<(), Error> {
        let name = IssuerName::parse(name)?;
        let permit = self.permit(caller, Action::IssuerDelete, None, name.as_str()).await?;
        let account = caller.actor.account.clone();
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    if !tx.delete_issuer(&account, &name).await? {
                        return Err(Error::not_found("issuer"));
                    }
                    tx.append_audit(&permit.done()).await?;
                    Ok::<_, Error>(())
                })
            })
            .await?;
        self.forget_callers();
        Ok(())
    }
}

impl FetchError {
    fn code(&self) -> &'static str {
        match self {
            Self::Forbidden => "jwks_url_forbidden",
            Self::Unreachable | Self::Status(_) => "jwks_url_unreachable",
            Self::NotKeys => "jwks_invalid",
        }
    }
}

fn read(name: IssuerName, input: wire::PutIssuer) -> Result<Issuer, Error> {
    let algorithm = |(index, text): (usize, &String)| {
        Algorithm::parse(text).ok_or_else(|| {
            let all: Vec<_> = Algorithm::ALL.iter().map(|algorithm| algorithm.as_str()).collect();
            let rule = format!("must be one of {}", all.join(", "));
            Invalid::new(format!("algorithms[{index}]"), "algorithm_unknown", rule)
        })
    };
    let algorithms = input.algorithms.iter().enumerate().map(algorithm).collect::<Result<_, _>>()?;
    let keys = match (input.jwks_url, input.jwks, input.secret) {
        (Some(url), None, None) => IssuerKeys::JwksUrl(url),
        (None, Some(jwks), None) => IssuerKeys::Jwks(jwks.to_string()),
        (None, None, Some(secret)) => {
            let named = |invalid| Invalid { field: "secret".to_owned(), ..invalid };
            IssuerKeys::Secret(SecretName::parse(&secret).map_err(named)?)
        }
        _ => {
            let rule = "exactly one of jwks_url, jwks and secret must be given";
            return Err(Invalid::new("jwks_url", "keys_ambiguous", rule).into());
        }
    };
    let environments = match input.environments {
        Some(names) if names.is_empty() => {
            let rule = "must name at least one, or be left out for all";
            return Err(Invalid::new("environments", "environments_empty", rule).into());
        }
        names => names
            .map(|names| names.iter().map(|name| EnvironmentName::parse(name)).collect::<Result<Vec<_>, _>>())
            .transpose()?,
    };
    let issuer = Issuer {
        name,
        issuer: input.issuer,
        audience: input.audience,
        algorithms,
        keys,
        groups_claim: input.groups_claim,
        environments,
    };
    issuer.check().map_err(Error::Invalid)?;
    Ok(issuer)
}
