//! Values that environments share on purpose: a secret that uses what its name has in another environment.
//!
//! Its row names the other secret, with a tag that only this server can make, so that a row which somebody else wrote opens
//! nothing; the ciphertext stays bound to the one secret and environment that it is of (invariant 4).

use domain::{Action, Actor, EnvironmentName, Invalid, SecretId, SecretName, Value, authorize, catalogue};
use envelope::{AccountKey, Binding, DecryptError};
use store::{SecretRow, StoredValue};
use subtle::ConstantTimeEq as _;

use super::room::room;
use super::secrets::{etag, unknown_environment};
use super::versions::first_version;
use super::{Caller, Error, Service, new_id, overlap, show};
use crate::wire;

impl Service {
    /// Makes a secret use the value that its name has in another environment, from the next invocation on. It takes leave
    /// to do so in both: who shares a value gives it to the functions of one and to whoever may deploy them.
    pub(crate) async fn share_secret(
        &self,
        caller: &Caller,
        name: &str,
        input: wire::ShareSecret,
    ) -> Result<(wire::StoredSecret, String), Error> {
        let name = SecretName::parse(name)?;
        let environment = EnvironmentName::parse(&input.environment)?;
        let from = input.from.as_deref().map_or_else(|| Ok(EnvironmentName::production()), EnvironmentName::parse);
        let from = from.map_err(|invalid| Invalid { field: "from".to_owned(), ..invalid })?;
        let permit = self.permit(caller, Action::SecretShare, Some(&environment), name.as_str()).await?;
        self.permit(caller, Action::SecretShare, Some(&from), name.as_str()).await?;
        if environment == from {
            return Err(Invalid::new("from", "share_with_itself", "must be another environment").into());
        }
        // Whoever may write to a test environment must not decide what production uses.
        if environment == EnvironmentName::production() {
            let rule = "must not be production, whose values are its own: share from production instead";
            return Err(Invalid::new("environment", "share_into_production", rule).into());
        }
        let account = caller.actor.account.clone();
        let key = self.keyring.account(&self.store, &account).await?;
        let (place, scope, actor) = (account.clone(), environment.clone(), caller.actor.clone());
        let (row, outcome) = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let view = tx.put_view(&account, &scope, &name, None).await?;
                    if !view.environment {
                        return Err(unknown_environment().into());
                    }
                    let source = tx.secret(&account, &from, &name).await?.ok_or(Error::not_found("secret"))?;
                    if !source.has_own_value() {
                        let rule = "has no value of its own there: name the environment that has one";
                        return Err(Invalid::new("from", "share_without_value", rule).into());
                    }
                    if !view.sharers.is_empty() {
                        let detail =
                            format!("{} would lose its value: it is shared from {scope}", list(&actor, &view.sharers));
                        return Err(Error::InUse { detail });
                    }
                    let id = match view.secret {
                        Some((row, _)) if row.shared.as_ref().is_some_and(|shared| shared.id == source.id) => {
                            return Ok((row, "same"));
                        }
                        Some((row, _)) => row.id,
                        None => {
                            room(tx, &account, 1).await?;
                            let next = first_version(tx, &account, &name).await?;
                            let id = SecretId::new(new_id());
                            let (now, by) = (permit.time(), permit.actor_name());
                            let slot = SecretRow {
                                environment: scope.clone(),
                                created_at: now,
                                created_by: by.clone(),
                                updated_at: now,
                                updated_by: by,
                                id: id.clone(),
                                ..slot_like(&source)
                            };
                            tx.insert_slot(&slot, next).await?;
                            id
                        }
                    };
                    let tag = tag(&key, &source.id, &id, &scope, &name);
                    tx.share_secret(&account, &id, &source.id, &tag, permit.time(), &permit.actor_name()).await?;
                    tx.append_audit(&permit.done().detail("from", &from).detail("version", source.version)).await?;
                    let row = tx.secret(&account, &scope, &name).await?.ok_or(Error::not_found("secret"))?;
                    overlap::names(tx, &actor, &row).await?;
                    Ok((row, "shared"))
                })
            })
            .await?;
        self.secrets_changed(&place, &environment);
        let functions = self.functions_using(&place, Some(&environment)).await?;
        let wrong = catalogue::Mode::parse(&row.facts.mode).and_then(|mode| catalogue::wrong_mode(mode, &environment));
        let stored = wire::StoredSecret {
            secret: show::secret(&row, &functions),
            outcome: outcome.to_owned(),
            warnings: wrong.iter().map(show::warning).collect(),
        };
        Ok((stored, etag(&row)))
    }
}

/// A slot with the settings of a secret and nothing of its value.
pub(super) fn slot_like(row: &SecretRow) -> SecretRow {
    SecretRow {
        version: 0,
        shared: None,
        mask: String::new(),
        facts: store::ValueFacts::default(),
        overlap: None,
        previous: None,
        revision: 0,
        last_used_at: None,
        ..row.clone()
    }
}

/// Environments in a sentence, those by name that the actor may look into.
pub(super) fn list(actor: &Actor, names: &[EnvironmentName]) -> String {
    let may_know = |name: &&EnvironmentName| authorize(actor, Action::SecretGet, Some(name)).is_ok();
    let known: Vec<_> = names.iter().filter(may_know).map(EnvironmentName::as_str).collect();
    match names.len() - known.len() {
        0 => known.join(", "),
        1 => [&known[..], &["another environment"]].concat().join(", "),
        _ => [&known[..], &["other environments"]].concat().join(", "),
    }
}

/// Shows that `user` was given the value of `source`.
pub(super) fn tag(
    key: &AccountKey,
    source: &SecretId,
    user: &SecretId,
    environment: &EnvironmentName,
    name: &SecretName,
) -> [u8; 32] {
    // None of them can hold a line break.
    key.fingerprint("shared value", format!("{source}\n{user}\n{environment}\n{name}").as_bytes())
}

/// Decrypts a value as `environment` has it: its own, or one that it was given.
pub(super) fn open(key: &AccountKey, environment: &EnvironmentName, stored: &StoredValue) -> Result<Value, Error> {
    let of = match &stored.user {
        None => environment,
        Some(user) => {
            let expected = tag(key, &stored.secret, &user.secret, environment, &stored.name);
            if !bool::from(expected.as_slice().ct_eq(&user.tag)) {
                return Err(DecryptError.into());
            }
            &stored.environment
        }
    };
    let binding = Binding { secret: &stored.secret, environment: of, version: stored.version };
    Ok(key.decrypt(&binding, &stored.ciphertext)?)
}
