//! What the `supabase` command line asks that Tresor's own API does not: environments by a project's reference, digests of
//! values, several secrets at once.

use domain::supabase::project_ref;
use domain::{Action, EnvironmentName, Invalid, SecretName, limits};

use super::secrets::delete;
use super::{Caller, Error, Service};

/// A secret as it is listed there.
pub(crate) struct SecretDigest {
    pub(crate) name: SecretName,
    /// Tells equal values from others, and nothing to who has not the account's key: not a plain hash, which anyone could
    /// compare with the hashes of guesses.
    pub(crate) digest: String,
    pub(crate) updated_at: String,
}

impl Service {
    /// The environment that the reference names in the caller's account.
    pub(crate) async fn environment_of_ref(&self, caller: &Caller, reference: &str) -> Result<EnvironmentName, Error> {
        let account = &caller.actor.account;
        let environments = self.store.environments(account).await?;
        let named = environments.into_iter().find(|row| project_ref(account, &row.name) == reference);
        named.map(|row| row.name).ok_or(Error::not_found("project"))
    }

    /// The environment's secrets that have a value by name, each with a keyed digest of its current value.
    pub(crate) async fn secret_digests(
        &self,
        caller: &Caller,
        environment: &EnvironmentName,
    ) -> Result<Vec<SecretDigest>, Error> {
        self.permit(caller, Action::SecretList, Some(environment), "").await?;
        let account = &caller.actor.account;
        let key = self.keyring.account(&self.store, account).await?;
        let (mut digests, mut last) = (Vec::new(), None);
        loop {
            let after = last.as_ref().map(|name| (environment, name));
            let rows = self.store.secrets(account, Some(environment), after, limits::PAGE_ROWS).await?;
            digests.extend(rows.iter().filter(|row| row.version > 0).map(|row| {
                // Not the fingerprint itself, which tells the same of values elsewhere.
                let fingerprint = row.facts.fingerprint.as_deref().unwrap_or_default();
                let digest = hex::encode(key.fingerprint("supabase digest", fingerprint));
                SecretDigest { name: row.name.clone(), digest, updated_at: row.updated_at.to_string() }
            }));
            if (rows.len() as u64) < u64::from(limits::PAGE_ROWS) {
                return Ok(digests);
            }
            last = rows.last().map(|row| row.name.clone());
        }
    }

    /// Deletes secrets of one environment, all of them or, where one is not there, none.
    pub(crate) async fn delete_secrets(
        &self,
        caller: &Caller,
        environment: &EnvironmentName,
        names: &[String],
    ) -> Result<(), Error> {
        let mut permitted = Vec::with_capacity(names.len());
        for (index, name) in names.iter().enumerate() {
            let at = |invalid| Invalid { field: format!("[{index}]"), ..invalid };
            let name = SecretName::parse(name).map_err(at)?;
            let permit = self.permit(caller, Action::SecretDelete, Some(environment), name.as_str()).await?;
            if permitted.iter().all(|(other, _, _)| *other != name) {
                permitted.push((name, index, permit));
            }
        }
        let (actor, place) = (caller.actor.clone(), environment.clone());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    for (name, index, permit) in permitted {
                        if !delete(tx, &actor, &place, &name, permit).await? {
                            let rule = "there is no such secret in this environment";
                            return Err(Invalid::new(format!("[{index}]"), "secret_unknown", rule).into());
                        }
                    }
                    Ok::<_, Error>(())
                })
            })
            .await?;
        self.secrets_changed(&caller.actor.account, environment);
        Ok(())
    }
}
