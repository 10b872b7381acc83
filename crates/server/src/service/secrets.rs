//! Secrets: get, list, delete. Putting is `put`'s, versions are `versions`'.

use domain::{AccountId, Action, EnvironmentName, Invalid, SecretName};
use store::SecretRow;

use super::caller::{Caller, Permit};
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
        let (account, scope) = (caller.actor.account.clone(), environment.clone());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    match delete(tx, &account, &scope, &name, permit).await? {
                        true => Ok(()),
                        false => Err(Error::not_found("secret")),
                    }
                })
            })
            .await?;
        self.secrets_changed(&caller.actor.account, &environment);
        Ok(())
    }

    /// Ends the sight of old values: see [`super::generations`]. Call it after the commit and before returning.
    pub(super) fn secrets_changed(&self, account: &AccountId, environment: &EnvironmentName) {
        self.inner.jwts.forget_secrets();
        self.scans.forget(account);
        let generation = self.generations.advance(account, environment);
        if let Ok(functions) = &self.functions {
            functions.runtime.retire(|key| {
                key.account == *account && key.environment == *environment && key.generation < generation
            });
        }
    }
}

/// Deletes a secret in a write, with its event, which keeps the number at which a secret of that name would go on. `false`
/// if there is none.
pub(super) async fn delete(
    tx: &mut store::Tx,
    account: &AccountId,
    environment: &EnvironmentName,
    name: &SecretName,
    permit: Permit,
) -> Result<bool, Error> {
    let earlier = deleted_before(tx, account, name).await?;
    let Some((row, next)) = tx.put_view(account, environment, name).await?.secret else { return Ok(false) };
    tx.delete_secret(account, &row.id).await?;
    let event = permit.done().detail("version", row.version);
    tx.append_audit(&event.detail("next_version", next.max(earlier))).await?;
    Ok(true)
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
