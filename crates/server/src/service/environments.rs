//! Environments of an account.

use std::collections::BTreeSet;

use domain::{AccountId, Action, EnvironmentName, Invalid, SecretId, Timestamp, limits};
use store::{EnvironmentRow, SecretRow};

use super::room::room;
use super::secrets::{tombstone, unknown_environment};
use super::share::{list, slot_like};
use super::versions::first_version;
use super::{Caller, Error, Service, new_id, overlap, show};
use crate::wire::{self, Page};

impl Service {
    /// The account's environments. Any token of the account may know their names; a limited one sees its own.
    pub(crate) async fn list_environments(&self, caller: &Caller) -> Result<Page<wire::Environment>, Error> {
        let found = self.store.environments(&caller.actor.account).await?;
        let allowed = |name: &EnvironmentName| caller.actor.environments.as_ref().is_none_or(|own| own.contains(name));
        Ok(Page {
            items: found
                .iter()
                .filter(|row| allowed(&row.name))
                .map(|row| show::environment(&caller.actor.account, row))
                .collect(),
            next_cursor: None,
        })
    }

    /// Makes an environment; `false` if it was there already.
    pub(crate) async fn put_environment(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<(wire::Environment, bool), Error> {
        let name = EnvironmentName::parse(name)?;
        let permit = self.permit(caller, Action::EnvironmentPut, Some(&name), name.as_str()).await?;
        let account = caller.actor.account.clone();
        let (row, created) = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let (row, created) = ensure(tx, &account, name, permit.time()).await?;
                    if created {
                        tx.append_audit(&permit.done()).await?;
                    }
                    Ok::<_, Error>((row, created))
                })
            })
            .await?;
        Ok((show::environment(&caller.actor.account, &row), created))
    }

    /// Copies the names of an environment's secrets to another, as slots that wait for a value. The other is made if it is
    /// not there; what it has stays as it is.
    pub(crate) async fn clone_environment(
        &self,
        caller: &Caller,
        from: &str,
        to: &str,
    ) -> Result<wire::ClonedEnvironment, Error> {
        let from = EnvironmentName::parse(from)?;
        let permit = self.permit(caller, Action::EnvironmentClone, Some(&from), from.as_str()).await?;
        let to = EnvironmentName::parse(to).map_err(|invalid| Invalid { field: "to".to_owned(), ..invalid })?;
        self.permit(caller, Action::EnvironmentClone, Some(&to), to.as_str()).await?;
        self.permit(caller, Action::SecretList, Some(&from), "").await?;
        self.permit(caller, Action::SecretPut, Some(&to), "").await?;
        if from == to {
            return Err(Invalid::new("to", "clone_to_itself", "must be another environment").into());
        }
        let (account, actor) = (caller.actor.account.clone(), caller.actor.clone());
        let cloned = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    if tx.environment(&account, &from).await?.is_none() {
                        return Err(Error::not_found("environment"));
                    }
                    let (environment, created) = ensure(tx, &account, to, permit.time()).await?;
                    let most = limits::SECRETS_PER_ACCOUNT as u32;
                    let there: BTreeSet<_> = tx
                        .secrets(&account, Some(&environment.name), None, most)
                        .await?
                        .into_iter()
                        .map(|row| row.name)
                        .collect();
                    let mut rows = tx.secrets(&account, Some(&from), None, most).await?;
                    rows.retain(|row| !there.contains(&row.name));
                    room(tx, &account, rows.len() as u64).await?;
                    let (now, by) = (permit.time(), permit.actor_name());
                    let mut broken = Vec::new();
                    for row in &rows {
                        let slot = SecretRow {
                            id: SecretId::new(new_id()),
                            environment: environment.name.clone(),
                            created_at: now,
                            created_by: by.clone(),
                            updated_at: now,
                            updated_by: by.clone(),
                            overlap: row.overlap,
                            ..slot_like(row)
                        };
                        let next = first_version(tx, &account, &row.name).await?;
                        tx.insert_slot(&slot, next).await?;
                        let told = |invalid: Invalid| Invalid {
                            field: "to".to_owned(),
                            detail: format!("must not get {}, which {}", slot.name, invalid.detail),
                            ..invalid
                        };
                        overlap::keep_one_of(tx, &actor, &slot, &mut broken, told).await?;
                    }
                    if !broken.is_empty() {
                        return Err(Error::Invalid(broken));
                    }
                    let event = permit.done().detail("to", &environment.name).detail("slots", rows.len());
                    tx.append_audit(&event).await?;
                    Ok(wire::ClonedEnvironment {
                        environment: show::environment(&account, &environment),
                        created,
                        slots: rows.iter().map(|row| row.name.to_string()).collect(),
                    })
                })
            })
            .await?;
        Ok(cloned)
    }

    /// Deletes an environment with its secrets and what was recorded in it. What was limited to it is limited to nothing, also
    /// where one of the name is made later. Refused while functions are active in it or other environments use values of it,
    /// unless the caller says `anyway` and may delete those functions and secrets: the functions are not active there any
    /// more, and the secrets wait for values of their own.
    pub(crate) async fn delete_environment(&self, caller: &Caller, name: &str, anyway: bool) -> Result<(), Error> {
        let name = EnvironmentName::parse(name)?;
        let permit = self.permit(caller, Action::EnvironmentDelete, Some(&name), name.as_str()).await?;
        // Its secrets go with it.
        let secrets = self.permit(caller, Action::SecretDelete, Some(&name), "").await?;
        if name == EnvironmentName::production() {
            let rule = "must not be production, which every account has";
            return Err(Invalid::new("environment", "environment_production", rule).into());
        }
        let (account, actor, gone) = (caller.actor.account.clone(), caller.actor.clone(), name.clone());
        let (mut stopped, mut told) = (BTreeSet::new(), BTreeSet::new());
        if anyway {
            for (function, _) in self.store.active_deployments(&account, &name).await? {
                self.permit(caller, Action::FunctionDelete, Some(&name), function.as_str()).await?;
                stopped.insert(function);
            }
            for (environment, secret) in self.store.sharers_of(&account, &name).await? {
                self.permit(caller, Action::SecretDelete, Some(&environment), secret.as_str()).await?;
                told.insert((environment, secret));
            }
        }
        let sharers = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    if tx.environment(&account, &name).await?.is_none() {
                        return Err(Error::not_found("environment"));
                    }
                    let active = tx.active_deployments(&account, &name).await?;
                    let sharers = tx.sharers_of(&account, &name).await?;
                    if !anyway {
                        let functions = active.iter().map(|(function, _)| format!("{function} is active in it"));
                        let users = sharers.iter().map(|(place, secret)| {
                            format!("{} uses its value of {secret}", list(&actor, std::slice::from_ref(place)))
                        });
                        refuse_if_any(functions.chain(users))?;
                    } else if !active.iter().all(|(function, _)| stopped.contains(function))
                        || !sharers.iter().all(|sharer| told.contains(sharer))
                    {
                        let detail = "a function or another environment began to use it just now: see which".to_owned();
                        return Err(Error::InUse { detail });
                    }
                    let rows = tx.secrets(&account, Some(&name), None, limits::SECRETS_PER_ACCOUNT as u32).await?;
                    for row in &rows {
                        tombstone(tx, secrets.of(row.name.as_str()), row).await?;
                    }
                    tx.delete_environment(&account, &name).await?;
                    let event = permit.done().detail("secrets", rows.len()).detail("functions", active.len());
                    let left: Vec<_> = sharers.iter().map(|(place, secret)| format!("{secret} in {place}")).collect();
                    let event = if left.is_empty() { event } else { event.detail("left_pending", left.join(", ")) };
                    tx.append_audit(&event).await?;
                    Ok(sharers)
                })
            })
            .await?;
        self.forget_callers();
        self.inner.answered.notify_waiters();
        self.active_changed(&caller.actor.account, &gone);
        let places: BTreeSet<_> = sharers.into_iter().map(|(place, _)| place).collect();
        self.value_changed(&caller.actor.account, &gone, &places.into_iter().collect::<Vec<_>>());
        Ok(())
    }

    /// Refuses an environment that the account does not have.
    pub(super) async fn environment(&self, account: &AccountId, name: &EnvironmentName) -> Result<(), Error> {
        match self.store.environment(account, name).await? {
            Some(_) => Ok(()),
            None => Err(unknown_environment().into()),
        }
    }
}

/// Names the first few of what keeps an environment.
fn refuse_if_any(reasons: impl Iterator<Item = String>) -> Result<(), Error> {
    const NAMED: usize = 5;
    let reasons: Vec<_> = reasons.collect();
    if reasons.is_empty() {
        return Ok(());
    }
    let more = if reasons.len() > NAMED { format!(" and {} more", reasons.len() - NAMED) } else { String::new() };
    let named = reasons.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    Err(Error::InUse { detail: format!("{named}{more}; to delete it all the same, say `anyway`") })
}

/// The environment, made if it is not there; `true` if it was made.
pub(super) async fn ensure(
    tx: &mut store::Tx,
    account: &AccountId,
    name: EnvironmentName,
    now: Timestamp,
) -> Result<(EnvironmentRow, bool), Error> {
    if let Some(row) = tx.environment(account, &name).await? {
        return Ok((row, false));
    }
    if tx.environments(account).await?.len() as u64 >= limits::ENVIRONMENTS_PER_ACCOUNT {
        let detail = format!("an account holds at most {} environments", limits::ENVIRONMENTS_PER_ACCOUNT);
        return Err(Error::Limit { code: "too_many_environments", detail });
    }
    let row = EnvironmentRow { name, created_at: now };
    tx.insert_environment(account, &row).await?;
    Ok((row, true))
}
