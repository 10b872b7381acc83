//! Versions of secrets: list, activate, destroy. Numbers are never reused, not even by a later secret of the same name.

use domain::audit::AuditEvent;
use domain::{AccountId, Action, SecretName};
use store::SecretRow;

use super::caller::Caller;
use super::secrets::{cursor_invalid, environment_or_production};
use super::{Error, Service, paging, show};
use crate::wire::{self, Page};

impl Service {
    /// A secret's versions, newest first.
    pub(crate) async fn secret_versions(
        &self,
        caller: &Caller,
        name: &str,
        environment: Option<&str>,
        cursor: Option<&str>,
        rows: u32,
    ) -> Result<Page<wire::SecretVersion>, Error> {
        let (name, environment) = (SecretName::parse(name)?, environment_or_production(environment)?);
        self.permit(caller, Action::SecretGet, Some(&environment), name.as_str()).await?;
        let before = cursor.map(|cursor| cursor.parse::<u64>().map_err(|_| cursor_invalid())).transpose()?;
        let account = &caller.actor.account;
        let row = self.store.secret(account, &environment, &name).await?.ok_or(Error::not_found("secret"))?;
        let mut versions = self.store.versions(account, &row.id, before, rows + 1).await?;
        let next_cursor = paging::cut(&mut versions, rows, |last| last.version.to_string());
        Ok(Page {
            items: versions.iter().map(|version| show::version(version, own_version(&row))).collect(),
            next_cursor,
        })
    }

    /// Makes an older version current again.
    pub(crate) async fn activate_secret(
        &self,
        caller: &Caller,
        name: &str,
        version: u64,
        environment: Option<&str>,
    ) -> Result<wire::Secret, Error> {
        let (name, environment) = (SecretName::parse(name)?, environment_or_production(environment)?);
        let permit = self.permit(caller, Action::SecretActivate, Some(&environment), name.as_str()).await?;
        let (account, scope) = (caller.actor.account.clone(), environment.clone());
        let (row, sharers) = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let row = tx.secret(&account, &scope, &name).await?.ok_or(Error::not_found("secret"))?;
                    let wanted = tx.version(&account, &row.id, version).await?.ok_or(Error::not_found("version"))?;
                    let (now, actor) = (permit.time(), permit.actor_name());
                    if wanted.destroyed_at.is_some()
                        || !tx.activate_version(&account, &row.id, version, now, &actor).await?
                    {
                        return Err(Error::Destroyed { version });
                    }
                    // Whoever chooses a version has that one alone.
                    tx.end_overlap(&account, &row.id).await?;
                    let event = permit.done().detail("version", version).detail("previous_version", row.version);
                    tx.append_audit(&event).await?;
                    let sharers = tx.sharers(&account, &row.id).await?;
                    let row = tx.secret(&account, &scope, &name).await?.ok_or(Error::not_found("secret"))?;
                    Ok((row, sharers))
                })
            })
            .await?;
        self.value_changed(&caller.actor.account, &environment, &sharers);
        let functions = self.functions_using(&caller.actor.account, Some(&environment)).await?;
        Ok(show::secret(&row, &functions))
    }

    /// Destroys a version's value for good. Its number, mask and note stay, and it cannot become current again.
    pub(crate) async fn destroy_version(
        &self,
        caller: &Caller,
        name: &str,
        version: u64,
        environment: Option<&str>,
    ) -> Result<wire::SecretVersion, Error> {
        let (name, environment) = (SecretName::parse(name)?, environment_or_production(environment)?);
        let permit = self.permit(caller, Action::SecretDestroy, Some(&environment), name.as_str()).await?;
        let (account, scope) = (caller.actor.account.clone(), environment.clone());
        let (shown, affected) = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let row = tx.secret(&account, &environment, &name).await?.ok_or(Error::not_found("secret"))?;
                    let found = tx.version(&account, &row.id, version).await?.ok_or(Error::not_found("version"))?;
                    if own_version(&row) == version {
                        let detail = format!(
                            "version {version} is the current one: put or activate another first, or delete the secret"
                        );
                        return Err(Error::InUse { detail });
                    }
                    if tx.destroy_version(&account, &row.id, version, permit.time()).await? {
                        tx.append_audit(&permit.done().detail("version", version)).await?;
                    } else if found.destroyed_at.is_none() {
                        return Err(Error::Broken("a version could not be destroyed"));
                    }
                    let mut affected = None;
                    if row.previous.as_ref().is_some_and(|previous| previous.version == version) {
                        tx.end_overlap(&account, &row.id).await?;
                        affected = Some(tx.sharers(&account, &row.id).await?);
                    }
                    let done = tx.version(&account, &row.id, version).await?.ok_or(Error::not_found("version"))?;
                    Ok((show::version(&done, own_version(&row)), affected))
                })
            })
            .await?;
        // Functions got it until now.
        if let Some(sharers) = affected {
            self.value_changed(&caller.actor.account, &scope, &sharers);
        }
        Ok(shown)
    }
}

/// The version that is the secret's value, if that is its own.
fn own_version(row: &SecretRow) -> u64 {
    if row.has_own_value() { row.version } else { 0 }
}

/// The number that the first version of a new secret gets: one that no deleted secret of its name had, in any environment.
pub(super) async fn first_version(tx: &mut store::Tx, account: &AccountId, name: &SecretName) -> Result<u64, Error> {
    Ok(deleted_before(tx, account, name).await?.max(1))
}

/// The number at which deleted secrets of that name stopped, as the audit log has it; 0 if none was deleted.
pub(super) async fn deleted_before(tx: &mut store::Tx, account: &AccountId, name: &SecretName) -> Result<u64, Error> {
    let deleted = tx.last_done(account, Action::SecretDelete.as_str(), "secret", name.as_str()).await?;
    let event = deleted.and_then(|body| serde_json::from_str::<AuditEvent>(&body).ok());
    let next = event.and_then(|event| event.details.get("next_version")?.parse().ok());
    Ok(next.unwrap_or(0))
}
