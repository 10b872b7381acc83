//! Accounts: the tenants.

use domain::{AccountId, AccountName, Action, ScopeSet};

use super::setup::NewAccount;
use super::{Caller, Error, Service, paging, show};
use crate::wire::{self, Page};

impl Service {
    /// Every account's name. Only for tokens of the account `default`.
    pub(crate) async fn list_accounts(
        &self,
        caller: &Caller,
        cursor: Option<&str>,
        rows: u32,
    ) -> Result<Page<wire::Account>, Error> {
        self.permit(caller, Action::AccountList, None, "").await?;
        let after = cursor.map(AccountName::parse).transpose()?;
        let mut found = self.store.accounts(after.as_ref(), rows + 1).await?;
        let next_cursor = paging::cut(&mut found, rows, |last| last.name.to_string());
        Ok(Page { items: found.iter().map(show::account).collect(), next_cursor })
    }

    /// Makes an account with its environment `production`, its key and its first token.
    pub(crate) async fn create_account(&self, caller: &Caller, name: &str) -> Result<wire::CreatedAccount, Error> {
        let name = AccountName::parse(name)?;
        let permit = self.permit(caller, Action::AccountCreate, None, name.as_str()).await?;
        let made = NewAccount::make(
            self.keyring.root(),
            &caller.actor,
            &caller.request_id,
            &name,
            ScopeSet::admin(),
            "admin",
        )?;
        let answer = wire::CreatedAccount { account: show::account(&made.row), token: made.token.clone() };
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    if tx.account_by_name(&name).await?.is_some() {
                        return Err(Error::Exists { kind: "an account" });
                    }
                    made.insert(tx).await?;
                    tx.append_audit(&permit.done()).await?;
                    Ok(())
                })
            })
            .await?;
        Ok(answer)
    }

    /// The name of the caller's own account.
    pub(crate) async fn account_name(&self, caller: &Caller) -> Result<String, Error> {
        let row = self.store.account(&caller.actor.account).await?.ok_or(Error::not_found("account"))?;
        Ok(row.name.to_string())
    }

    /// Whether this is the account `default`, whose tokens may manage accounts.
    pub(super) async fn is_operator(&self, account: &AccountId) -> Result<bool, Error> {
        let row = self.store.account(account).await?;
        Ok(row.is_some_and(|row| row.name == AccountName::default_account()))
    }
}
