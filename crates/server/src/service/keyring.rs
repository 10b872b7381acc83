//! The root key and the account keys it opened. The only state of this crate that holds keys.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use domain::AccountId;
use envelope::{AccountKey, RootKey};
use store::Store;
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use super::Error;

type Slot = Arc<RwLock<Option<AccountKey>>>;

/// Opens account keys on first use and keeps them.
pub(crate) struct Keyring {
    root: RootKey,
    opened: Mutex<HashMap<AccountId, Slot>>,
}

/// An account's key. As long as there is one, the account has no other: whoever reads or writes ciphertexts takes it first
/// and drops it when done, and takes no second one meanwhile.
pub(crate) type Key = Arc<Held>;

/// See [`Key`].
pub(crate) struct Held(OwnedRwLockReadGuard<Option<AccountKey>, AccountKey>);

impl Deref for Held {
    type Target = AccountKey;

    fn deref(&self) -> &AccountKey {
        &self.0
    }
}

impl Keyring {
    pub(crate) fn new(root: RootKey) -> Self {
        Self { root, opened: Mutex::default() }
    }

    /// The root key's public id.
    pub(crate) fn root_id(&self) -> &str {
        self.root.id()
    }

    pub(crate) fn root(&self) -> &RootKey {
        &self.root
    }

    /// The account's current key. Waits while another takes its place.
    pub(crate) async fn account(&self, store: &Store, account: &AccountId) -> Result<Key, Error> {
        let slot = self.slot(account);
        let held = Arc::clone(&slot).read_owned().await;
        let held = match OwnedRwLockReadGuard::try_map(held, Option::as_ref) {
            Ok(held) => held,
            Err(none) => {
                drop(none);
                let mut empty = slot.write_owned().await;
                if empty.is_none() {
                    *empty = Some(self.open(store, account).await?);
                }
                OwnedRwLockReadGuard::try_map(empty.downgrade(), Option::as_ref)
                    .map_err(|_| Error::Broken("a key was not opened"))?
            }
        };
        Ok(Arc::new(Held(held)))
    }

    /// The account's place, once nobody has its key any more, and that key. What is put there is the account's key from then
    /// on; if nothing is, the next who asks opens it anew.
    pub(super) async fn alone(
        &self,
        store: &Store,
        account: &AccountId,
    ) -> Result<(OwnedRwLockWriteGuard<Option<AccountKey>>, AccountKey), Error> {
        let mut slot = self.slot(account).write_owned().await;
        let key = match slot.take() {
            Some(key) => key,
            None => self.open(store, account).await?,
        };
        Ok((slot, key))
    }

    /// The keys that the account had before. Nothing is encrypted with them any more.
    pub(super) async fn earlier(&self, store: &Store, account: &AccountId) -> Result<Vec<AccountKey>, Error> {
        let rows = store.account_keys(account).await?;
        let earlier = rows.iter().filter(|row| !row.current);
        earlier.map(|row| Ok(self.root.unwrap_account_key(account, &row.wrapped)?)).collect()
    }

    fn slot(&self, account: &AccountId) -> Slot {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(opened.entry(account.clone()).or_default())
    }

    async fn open(&self, store: &Store, account: &AccountId) -> Result<AccountKey, Error> {
        let stored = store.current_account_key(account).await?.ok_or(Error::Broken("an account has no key"))?;
        Ok(self.root.unwrap_account_key(account, &stored.wrapped)?)
    }
}
