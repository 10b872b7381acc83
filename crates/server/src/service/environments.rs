//! Environments of an account.

use domain::{AccountId, Action, EnvironmentName, limits};
use store::EnvironmentRow;

use super::secrets::unknown_environment;
use super::{Caller, Error, Service, show};
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
                    if let Some(row) = tx.environment(&account, &name).await? {
                        return Ok((row, false));
                    }
                    if tx.environments(&account).await?.len() as u64 >= limits::ENVIRONMENTS_PER_ACCOUNT {
                        let detail =
                            format!("an account holds at most {} environments", limits::ENVIRONMENTS_PER_ACCOUNT);
                        return Err(Error::Limit { code: "too_many_environments", detail });
                    }
                    let row = EnvironmentRow { name, created_at: permit.time() };
                    tx.insert_environment(&account, &row).await?;
                    tx.append_audit(&permit.done()).await?;
                    Ok((row, true))
                })
            })
            .await?;
        Ok((show::environment(&caller.actor.account, &row), created))
    }

    /// Refuses an environment that the account does not have.
    pub(super) async fn environment(&self, account: &AccountId, name: &EnvironmentName) -> Result<(), Error> {
        match self.store.environment(account, name).await? {
            Some(_) => Ok(()),
            None => Err(unknown_environment().into()),
        }
    }
}
