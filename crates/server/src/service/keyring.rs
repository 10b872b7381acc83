//! The root key and the account keys it opened. The only state of this crate that holds keys.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use domain::AccountId;
use envelope::{AccountKey, RootKey};
use store::Store;

use super::Error;

/// Opens account keys on first use and keeps them.
pub(crate) struct Keyring {
    root: RootKey,
    opened: RwLock<HashMap<AccountId, Arc<AccountKey>>>,
}

impl Keyring {
    pub(crate) fn new(root: RootKey) -> Self {
        Self { root, opened: RwLock::default() }
    }

    /// The root key's public id.
    pub(crate) fn root_id(&self) -> &str {
        self.root.id()
    }

    pub(crate) fn root(&self) -> &RootKey {
        &self.root
    }

    /// The account's current key.
    pub(crate) async fn account(&self, store: &Store, account: &AccountId) -> Result<Arc<AccountKey>, Error> {
        let known = self.opened.read().ok().and_then(|opened| opened.get(account).cloned());
        if let Some(key) = known {
            return Ok(key);
        }
        let stored = store.current_account_key(account).await?.ok_or(Error::Broken("an account has no key"))?;
        let key = Arc::new(self.root.unwrap_account_key(account, &stored.wrapped)?);
        if let Ok(mut opened) = self.opened.write() {
            opened.insert(account.clone(), Arc::clone(&key));
        }
        Ok(key)
    }
}
