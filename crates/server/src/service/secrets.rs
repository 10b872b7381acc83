//! Secrets: get, list, delete. Putting is `put`'s, versions are `versions`'.

use domain::{AccountId, Action, Actor, EnvironmentName, Invalid, SecretName};
use store::SecretRow;

use super::caller::{Caller, Permit};
use super::share::list;
use super::versions::deleted_before;
use super::{Error, Service, paging, show};
use crate::wire::{self, Page};

impl Service {
    /// One secret, with its ETag.
    pub(crate) async fn get_secret(
        &self,
        caller: &Caller,
        name: &str,
        environment: Option<&str>,
    ) -> Result<(wire::Secret, String), Error> {
        let (name, environment) = (SecretName::parse(name)?, environment_or_production(environment)?);
        self.permit(caller, Action::SecretGet, Some(&environment), name.as_str()).await?;
        let account = &caller.actor.account;
        let row = self.store.secret(account, &environment, &name).await?.ok_or(Error::not_found("secret"))?;
        let functions = self.functions_using(account, Some(&environment)).await?;
        Ok((show::secret(&row, &functions), etag(&row)))
    }

    /// The account's secrets by environment and name; `None` is every environment.
    pub(crate) async fn list_secrets(
        &self,
        caller: &Caller,
        environment: Option<&str>,
        cursor: Option<&str>,
        rows: u32,
    ) -> Result<Page<wire::Secret>, Error> {
        let environment = environment.map(EnvironmentName::parse).transpose()?;
        self.permit(caller, Action::SecretList, environment.as_ref(), "").await?;
        let account = &caller.actor.account;
        if let Some(environment) = &environment {
            self.environment(account, environment).await?;
        }
        let after = cursor.map(parse_cursor).transpose()?;
        let mut found = self
            .store
            .secrets(
                account,
                environment.as_ref(),
                after.as_ref().map(|(environment, name)| (environment, name)),
                rows + 1,
            )
            .await?;
        let next_cursor = paging::cut(&mut found, rows, |last| format!("{}:{}", last.environment, last.name));
        let functions = self.functions_using(account, environment.as_ref()).await?;
        Ok(Page { items: found.iter().map(|row| show::secret(row, &functions)).collect(), next_cursor })
    }

    /// Deletes a secret with all its versions. What remains is in the audit log only, with the number at which a secret of
    /// that name would go on.
    pub(crate) async fn delete_secret(
        &self,
        caller: &Caller,
        name: &str,
        environment: Option<&str>,
    ) -> Result<(), Error> {
        let (name, environment) = (SecretName::parse(name)?, environment_or_production(environment)?);
        let permit = self.permit(caller, Action::SecretDelete, Some(&environment), name.as_str()).await?;
        let (actor, scope) = (caller.actor.clone(), environment.clone());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    match delete(tx, &actor, &scope, &name, permit).await? {
                        true => Ok(()),
                        false => Err(Error::not_found("secret")),
                    }
                })
            })
            .await?;
        self.secrets_changed(&caller.actor.account, &environment);
        Ok(())
    }

    /// As [`Service::secrets_changed`], where a value changed that other environments use too.
    pub(super) fn value_changed(
        &self,
        account: &AccountId,
        environment: &EnvironmentName,
        sharers: &[EnvironmentName],
    ) {
        for environment in sharers.iter().chain([environment]) {
            self.secrets_changed(account, environment);
        }
    }

    /// Ends the sight of old values: see [`super::generations`]. Call it after the commit and before returning.
    pub(super) fn secrets_changed(&self, account: &AccountId, environment: &EnvironmentName) {
        self.inner.jwts.forget_secrets();
        self.scans.forget(account);
        self.secret_sets.forget(account, environment);
        self.renew_workers(account, environment);
    }

    /// Lets whatever starts from now on run in new workers. Call it after the commit and before returning.
    pub(super) fn renew_workers(&self, account: &AccountId, environment: &EnvironmentName) {
        let generation = self.generations.advance(account, environment);
        if let Ok(functions) = &self.functions {
            functions.runtime.retire(|key| {
                key.account == *account && key.environment == *environment && key.generation < generation
            });
        }
    }
}

/// Deletes a secret in a write, with its event. `false` if there is none; refused while other environments use its value.
pub(super) async fn delete(
    tx: &mut store::Tx,
    actor: &Actor,
    environment: &EnvironmentName,
    name: &SecretName,
    permit: Permit,
) -> Result<bool, Error> {
    let account = &actor.account;
    let Some(row) = tx.secret(account, environment, name).await? else { return Ok(false) };
    let sharers = tx.sharers(account, &row.id).await?;
    if !sharers.is_empty() {
        let detail = format!(
            "{} would lose the value of {name}, which is shared from {environment}: put one there or delete it there first",
            list(actor, &sharers)
        );
        return Err(Error::InUse { detail });
    }
    tombstone(tx, permit, &row).await?;
    tx.delete_secret(account, &row.id).await?;
    Ok(true)
}

/// The event of a secret's deletion, with the number at which one of its name would go on. Append it before it is deleted.
pub(super) async fn tombstone(tx: &mut store::Tx, permit: Permit, row: &SecretRow) -> Result<(), Error> {
    let earlier = deleted_before(tx, &row.account, &row.name).await?;
    let next = tx.next_version(&row.account, &row.id).await?.unwrap_or(0);
    tx.append_audit(&permit.done().detail("version", row.version).detail("next_version", next.max(earlier))).await?;
    Ok(())
}

/// The environment that is meant.
pub(super) fn environment_or_production(text: Option<&str>) -> Result<EnvironmentName, Invalid> {
    text.map_or_else(|| Ok(EnvironmentName::production()), EnvironmentName::parse)
}

/// The rule that an environment must exist.
pub(super) fn unknown_environment() -> Invalid {
    Invalid::new("environment", "environment_unknown", "there is no such environment in this account: make it first")
}

/// Names one state of value and settings together.
pub(super) fn etag(row: &SecretRow) -> String {
    format!("\"{}.{}.{}\"", row.id, row.version, row.revision)
}

fn parse_cursor(cursor: &str) -> Result<(EnvironmentName, SecretName), Invalid> {
    let parsed = cursor.split_once(':').and_then(|(environment, name)| {
        Some((EnvironmentName::parse(environment).ok()?, SecretName::parse(name).ok()?))
    });
    parsed.ok_or_else(cursor_invalid)
}

/// The rule that cursors come from earlier pages.
pub(super) fn cursor_invalid() -> Invalid {
    Invalid::new("cursor", "cursor_invalid", "must be the `next_cursor` of an earlier page")
}
