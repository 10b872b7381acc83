//! The account's key: which it is, and putting another in its place.
//!
//! All that the old one made is made anew in one write: ciphertexts, fingerprints, masks that show a fingerprint, the tags of
//! shared values, the signing keys of webhooks, what rotations hold. Meanwhile nobody has a key of the account, so nothing is read by one and written by the other.

use domain::mask::mask;
use domain::{Action, Timestamp};
use envelope::{AccountKey, Binding};
use store::{AccountKeyRow, NewCiphertext, VersionValue};

use super::put::OF_VALUES;
use super::share::tag;
use super::{Caller, Error, Service, rotator, webhooks};
use crate::wire;

/// Versions that are read at a time.
const PAGE: u32 = 200;

impl Service {
    /// The account's key, as far as anybody may know it.
    pub(crate) async fn account_key(&self, caller: &Caller) -> Result<wire::AccountKey, Error> {
        self.permit(caller, Action::KeyGet, None, "").await?;
        let keys = self.store.account_keys(&caller.actor.account).await?;
        let current = keys.iter().find(|key| key.current).ok_or(Error::Broken("an account has no key"))?;
        Ok(self.shown(&current.key_id, current.created_at, keys.len(), None))
    }

    /// Makes a new key and all that the old one made with it. Values stay as they are, and so do their versions.
    pub(crate) async fn rotate_account_key(&self, caller: &Caller) -> Result<wire::AccountKey, Error> {
        let account = caller.actor.account.clone();
        let new = AccountKey::generate(&account);
        let permit = self.permit(caller, Action::KeyRotate, None, new.id()).await?;
        let row = AccountKeyRow {
            account: account.clone(),
            key_id: new.id().to_owned(),
            wrapped: self.keyring.root().wrap_account_key(&new),
            created_at: permit.time(),
            current: true,
        };
        let (id, now) = (row.key_id.clone(), row.created_at);
        let (mut place, old) = self.keyring.alone(&self.store, &account).await?;
        let of = account.clone();
        let (new, versions) = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let versions = renew_values(tx, &old, &new).await?;
                    for share in tx.shares(new.account()).await? {
                        let (source, user) = (&share.source, &share.user);
                        let tag = tag(&new, source, user, &share.environment, &share.name);
                        tx.retag_share(new.account(), user, &tag).await?;
                    }
                    for webhook in tx.webhooks(new.account()).await? {
                        let signing_key = webhooks::renewed(&webhook, &old, &new)?;
                        tx.put_signing_key(new.account(), &webhook.name, &signing_key).await?;
                    }
                    for rotation in tx.pending_rotations(new.account()).await? {
                        let pending = rotator::renewed(&rotation, &old, &new)?;
                        tx.renew_pending(new.account(), &rotation.id, &pending).await?;
                    }
                    // Texts that wait for minutes are pasted again.
                    tx.delete_drafts(new.account()).await?;
                    tx.insert_account_key(&row).await?;
                    tx.append_audit(&permit.done().detail("versions", versions)).await?;
                    Ok::<_, Error>((new, versions))
                })
            })
            .await?;
        *place = Some(new);
        drop(place);
        // Its digests are salted by the key.
        self.scans.forget(&of);
        let keys = self.store.account_keys(&of).await?.len();
        Ok(self.shown(&id, now, keys, Some(versions)))
    }

    fn shown(&self, id: &str, created_at: Timestamp, keys: usize, versions: Option<u64>) -> wire::AccountKey {
        wire::AccountKey {
            id: id.to_owned(),
            created_at: created_at.to_string(),
            root_key: self.keyring.root_id().to_owned(),
            rotations: keys.saturating_sub(1) as u64,
            versions,
        }
    }
}

/// Encrypts every version that is not destroyed anew, and counts them.
async fn renew_values(tx: &mut store::Tx, old: &AccountKey, new: &AccountKey) -> Result<u64, Error> {
    let (mut count, mut last) = (0, None);
    loop {
        let after = last.as_ref().map(|(secret, version)| (secret, *version));
        let page = tx.newest_values(new.account(), u32::MAX, after, PAGE).await?;
        let Some(end) = page.last() else { return Ok(count) };
        last = Some((end.secret.clone(), end.version));
        for stored in page {
            tx.renew_ciphertext(new.account(), &renewed(&stored, old, new)?).await?;
            count += 1;
        }
    }
}

fn renewed(stored: &VersionValue, old: &AccountKey, new: &AccountKey) -> Result<NewCiphertext, Error> {
    let binding = Binding { secret: &stored.secret, environment: &stored.environment, version: stored.version };
    let value = old.decrypt(&binding, &stored.ciphertext)?;
    let bytes = value.expose().as_bytes();
    Ok(NewCiphertext {
        secret: stored.secret.clone(),
        version: stored.version,
        ciphertext: new.encrypt(&binding, &value),
        fingerprint: new.fingerprint(OF_VALUES, bytes).to_vec(),
        mask: mask(&value, &hex::encode(new.fingerprint("mask", bytes))),
    })
}
