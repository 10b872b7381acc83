//! Secrets: put, get, list, versions, activate, delete.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::catalogue::{self, Finding, hosts_for};
use domain::mask::mask;
use domain::{AccountId, Action, Delivery, EnvironmentName, HostPattern, Invalid, SecretId, SecretName, Value, limits};
use envelope::{AccountKey, Binding};
use store::{IdempotencyRow, SecretRow, StoredValue};
use zeroize::Zeroizing;

use super::caller::{Caller, Permit};
use super::{Error, Service, new_id, paging, show};
use crate::wire::{self, Page};

/// What a put says. `value` is zeroized once the put has it.
#[derive(Default)]
pub(crate) struct PutInput {
    pub(crate) value: String,
    pub(crate) environment: Option<String>,
    pub(crate) delivery: Option<String>,
    pub(crate) hosts: Option<Vec<String>>,
    pub(crate) note: Option<String>,
    pub(crate) rotate_after_days: Option<u32>,
    /// The ETag that the current version must have.
    pub(crate) if_match: Option<String>,
    /// The secret must not exist yet.
    pub(crate) if_none_match: bool,
    /// A repeat with the same key and content answers as the first did, and changes nothing.
    pub(crate) idempotency_key: Option<String>,
}

/// What a put did.
pub(crate) struct Put {
    pub(crate) secret: wire::Secret,
    /// Whether the secret is new, rather than a new version.
    pub(crate) created: bool,
    pub(crate) etag: String,
}

/// The parts of a put that were checked.
pub(super) struct Checked {
    pub(super) account: AccountId,
    pub(super) name: SecretName,
    pub(super) environment: EnvironmentName,
    value: Value,
    pub(super) mask: String,
    delivery: Option<Delivery>,
    hosts: Option<Vec<String>>,
    /// Its provider's hosts, if name and value agree on whose it is: for a brokered secret that has none.
    known_hosts: Vec<String>,
    note: Option<String>,
    rotate_after_days: Option<u32>,
    if_match: Option<String>,
    if_none_match: bool,
    idempotency: Option<(String, [u8; 32])>,
    /// Whether [`room`] was asked for it already.
    pub(super) has_room: bool,
}

impl Service {
    /// Stores a secret or a new version of it. When this returns, no invocation that starts later sees the old value.
    pub(crate) async fn put_secret(&self, caller: &Caller, name: &str, mut input: PutInput) -> Result<Put, Error> {
        let name = SecretName::parse(name)?;
        let environment = environment_or_production(input.environment.as_deref())?;
        let permit = self.permit(caller, Action::SecretPut, Some(&environment), name.as_str()).await?;
        let key = self.keyring.account(&self.store, &caller.actor.account).await?;
        let value = Value::new(std::mem::take(&mut input.value))?;
        let checked = check(caller, name, environment, value, input, &key)?;
        let (account, environment) = (checked.account.clone(), checked.environment.clone());
        let (row, created) =
            self.store.write(move |tx| Box::pin(async move { checked.store(tx, permit, &key).await })).await?;
        self.secrets_changed(&account, &environment);
        let functions = self.functions_using(&account, Some(&environment)).await?;
        Ok(Put { etag: etag(&row), secret: show::secret(&row, &functions), created })
    }

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

    /// A secret's versions, newest first.
    pub(crate) async fn secret_versions(
        &self,
        caller: &Caller,
        name: &str,
        environment: Option<&str>,
    ) -> Result<Page<wire::SecretVersion>, Error> {
        let (name, environment) = (SecretName::parse(name)?, environment_or_production(environment)?);
        self.permit(caller, Action::SecretGet, Some(&environment), name.as_str()).await?;
        let account = &caller.actor.account;
        let row = self.store.secret(account, &environment, &name).await?.ok_or(Error::not_found("secret"))?;
        let versions = self.store.versions(account, &row.id).await?;
        Ok(Page {
            items: versions.iter().map(|version| show::version(version, row.version)).collect(),
            next_cursor: None,
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
        let row = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let row = tx.secret(&account, &scope, &name).await?.ok_or(Error::not_found("secret"))?;
                    if !tx.activate_version(&account, &row.id, version, permit.time(), &permit.actor_name()).await? {
                        return Err(Error::not_found("version"));
                    }
                    tx.append_audit(&permit.done().detail("version", version).detail("previous_version", row.version))
                        .await?;
                    tx.secret(&account, &scope, &name).await?.ok_or(Error::not_found("secret"))
                })
            })
            .await?;
        self.secrets_changed(&caller.actor.account, &environment);
        let functions = self.functions_using(&caller.actor.account, Some(&environment)).await?;
        Ok(show::secret(&row, &functions))
    }

    /// Deletes a secret with all its versions. What remains is in the audit log only.
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
                    let row = tx.secret(&account, &scope, &name).await?.ok_or(Error::not_found("secret"))?;
                    tx.delete_secret(&account, &row.id).await?;
                    tx.append_audit(&permit.done().detail("version", row.version)).await?;
                    Ok::<_, Error>(())
                })
            })
            .await?;
        self.secrets_changed(&caller.actor.account, &environment);
        Ok(())
    }

    /// Ends the sight of old values: see [`super::generations`]. Call it after the commit and before returning.
    pub(super) fn secrets_changed(&self, account: &AccountId, environment: &EnvironmentName) {
        self.inner.jwts.forget_secrets();
        let generation = self.generations.advance(account, environment);
        if let Ok(functions) = &self.functions {
            functions.runtime.retire(|key| {
                key.account == *account && key.environment == *environment && key.generation < generation
            });
        }
    }
}

impl Checked {
    /// Whether this is the value that is stored.
    pub(super) fn is_stored(&self, stored: &StoredValue, key: &AccountKey) -> Result<bool, Error> {
        let binding = Binding { secret: &stored.secret, environment: &self.environment, version: stored.version };
        Ok(key.decrypt(&binding, &stored.ciphertext)?.expose() == self.value.expose())
    }

    /// What may be wrong with the value, in words that hold nothing of it.
    pub(super) fn review(&self) -> Vec<Finding> {
        catalogue::review(&self.name, self.value.expose(), Some(&self.environment))
    }

    /// Whether it is to be brokered, and nobody knows where to.
    pub(super) fn lacks_hosts(&self) -> bool {
        let delivery = self.delivery.unwrap_or_default();
        delivery == Delivery::Brokered && self.hosts_or_known(delivery, Vec::new()).is_empty()
    }

    /// Leaves how it is delivered as it is.
    pub(super) fn keep_delivery(&mut self) {
        (self.delivery, self.hosts) = (None, None);
    }

    pub(super) async fn store(
        self,
        tx: &mut store::Tx,
        permit: Permit,
        key: &Arc<AccountKey>,
    ) -> Result<(SecretRow, bool), Error> {
        let (now, actor) = (permit.time(), permit.actor_name());
        if let Some((idempotency_key, fingerprint)) = &self.idempotency
            && let Some(earlier) = tx.idempotency(&self.account, idempotency_key).await?
        {
            if earlier.fingerprint != fingerprint {
                return Err(Error::IdempotencyReuse);
            }
            let row =
                tx.secret(&self.account, &self.environment, &self.name).await?.ok_or(Error::not_found("secret"))?;
            return Ok((row, earlier.status == 201));
        }
        let view = tx.put_view(&self.account, &self.environment, &self.name).await?;
        if !view.environment {
            return Err(unknown_environment().into());
        }
        let current = view.secret;
        let matches = match (&self.if_match, &current) {
            (None, _) => true,
            (Some(tag), Some((row, _))) => tag == "*" || *tag == etag(row),
            (Some(_), None) => false,
        };
        if !matches || (self.if_none_match && current.is_some()) {
            return Err(Error::Precondition);
        }
        let created = current.is_none();
        let row = match current {
            Some((row, next)) => self.add_version(tx, key, row, next, now, &actor).await?,
            None => self.insert(tx, key, now, &actor).await?,
        };
        let event = permit.done().detail("version", row.version).detail("delivery", row.delivery.as_str());
        let event = if row.hosts.is_empty() { event } else { event.detail("hosts", row.hosts.join(" ")) };
        tx.append_audit(&event).await?;
        if let Some((idempotency_key, fingerprint)) = self.idempotency {
            let status = if created { 201 } else { 200 };
            let row = IdempotencyRow {
                account: self.account,
                key: idempotency_key,
                fingerprint: fingerprint.to_vec(),
                status,
                body: String::new(),
                created_at: now,
            };
            tx.insert_idempotency(&row).await?;
        }
        Ok((row, created))
    }

    /// The hosts that were named, or else those it has, or else its provider's. What is not brokered has none.
    fn hosts_or_known(&self, delivery: Delivery, has: Vec<String>) -> Vec<String> {
        match (&self.hosts, delivery) {
            (Some(hosts), _) => hosts.clone(),
            (None, Delivery::Env) => Vec::new(),
            (None, Delivery::Brokered) if has.is_empty() => self.known_hosts.clone(),
            (None, Delivery::Brokered) => has,
        }
    }

    fn encrypt(&self, key: &AccountKey, secret: &SecretId, version: u64) -> Vec<u8> {
        key.encrypt(&Binding { secret, environment: &self.environment, version }, &self.value)
    }

    async fn insert(
        &self,
        tx: &mut store::Tx,
        key: &AccountKey,
        now: domain::Timestamp,
        actor: &str,
    ) -> Result<SecretRow, Error> {
        if !self.has_room {
            room(tx, &self.account, 1).await?;
        }
        let delivery = self.delivery.unwrap_or_default();
        let hosts = self.hosts_or_known(delivery, Vec::new());
        delivered(delivery, &hosts)?;
        let id = SecretId::new(new_id());
        let ciphertext = self.encrypt(key, &id, 1);
        let row = SecretRow {
            id,
            account: self.account.clone(),
            environment: self.environment.clone(),
            name: self.name.clone(),
            version: 1,
            mask: self.mask.clone(),
            delivery,
            hosts,
            note: self.note.clone().unwrap_or_default(),
            rotate_after_days: self.rotate_after_days,
            created_at: now,
            updated_at: now,
            created_by: actor.to_owned(),
            updated_by: actor.to_owned(),
            last_used_at: None,
        };
        tx.insert_secret(&row, &ciphertext).await?;
        Ok(row)
    }

    async fn add_version(
        &self,
        tx: &mut store::Tx,
        key: &AccountKey,
        mut row: SecretRow,
        version: u64,
        now: domain::Timestamp,
        actor: &str,
    ) -> Result<SecretRow, Error> {
        let ciphertext = self.encrypt(key, &row.id, version);
        row.version = version;
        row.mask.clone_from(&self.mask);
        row.delivery = self.delivery.unwrap_or(row.delivery);
        row.hosts = self.hosts_or_known(row.delivery, row.hosts);
        delivered(row.delivery, &row.hosts)?;
        if let Some(note) = &self.note {
            row.note.clone_from(note);
        }
        row.rotate_after_days = self.rotate_after_days.or(row.rotate_after_days);
        row.updated_at = now;
        actor.clone_into(&mut row.updated_by);
        tx.add_version(&row, &ciphertext).await?;
        Ok(row)
    }
}

/// The rule that an account holds so many secrets, for `more` new ones.
pub(super) async fn room(tx: &mut store::Tx, account: &AccountId, more: u64) -> Result<(), Error> {
    if more > 0 && tx.count_secrets(account).await? + more > limits::SECRETS_PER_ACCOUNT {
        let detail =
            format!("an account holds at most {} secrets: delete one you no longer use", limits::SECRETS_PER_ACCOUNT);
        return Err(Error::Limit { code: "too_many_secrets", detail });
    }
    Ok(())
}

/// Checks what a put says of `value`; `input.value` is not looked at.
pub(super) fn check(
    caller: &Caller,
    name: SecretName,
    environment: EnvironmentName,
    value: Value,
    input: PutInput,
    key: &AccountKey,
) -> Result<Checked, Error> {
    let delivery = input.delivery.as_deref().map(Delivery::parse).transpose()?;
    let hosts = input.hosts.as_deref().map(hosts).transpose()?;
    if input.note.as_ref().is_some_and(|note| note.chars().count() > limits::NOTE_CHARS || note.contains('\0')) {
        return Err(Invalid::new(
            "note",
            "note_too_long",
            format!("must be at most {} characters, without NUL", limits::NOTE_CHARS),
        )
        .into());
    }
    if input.rotate_after_days.is_some_and(|days| !(1..=3650).contains(&days)) {
        return Err(Invalid::new("rotate_after_days", "out_of_range", "must be 1 to 3650").into());
    }
    let idempotency = input.idempotency_key.map(|idempotency_key| {
        let usable = !idempotency_key.is_empty() && idempotency_key.len() <= limits::IDEMPOTENCY_KEY_CHARS;
        if !usable || !idempotency_key.bytes().all(|byte| byte.is_ascii_graphic()) {
            let rule = format!("must be 1 to {} printable ASCII characters", limits::IDEMPOTENCY_KEY_CHARS);
            return Err(Error::from(Invalid::new("Idempotency-Key", "idempotency_key_invalid", rule)));
        }
        let text = Zeroizing::new(format!(
            "{name}\n{environment}\n{:?}\n{:?}\n{:?}\n{:?}\n{}",
            delivery,
            hosts,
            input.note,
            input.rotate_after_days,
            value.expose()
        ));
        // Not the key itself: nothing keeps a caller from sending what is no one else's business.
        let stored = hex::encode(key.fingerprint("idempotency-key", idempotency_key.as_bytes()));
        Ok((stored, key.fingerprint("idempotency", text.as_bytes())))
    });
    let known_hosts = match (delivery, &hosts) {
        (Some(Delivery::Brokered), None) => {
            let patterns: BTreeSet<_> = hosts_for(&name, value.expose()).into_iter().collect();
            patterns.iter().map(ToString::to_string).collect()
        }
        _ => Vec::new(),
    };
    let fingerprint = hex::encode(key.fingerprint("mask", value.expose().as_bytes()));
    Ok(Checked {
        account: caller.actor.account.clone(),
        mask: mask(&value, &fingerprint),
        name,
        environment,
        value,
        delivery,
        hosts,
        known_hosts,
        note: input.note,
        rotate_after_days: input.rotate_after_days,
        if_match: input.if_match,
        if_none_match: input.if_none_match,
        idempotency: idempotency.transpose()?,
        has_room: false,
    })
}

/// Hosts as they are kept: each once, in the pattern's own spelling.
fn hosts(texts: &[String]) -> Result<Vec<String>, Invalid> {
    if texts.len() > limits::HOSTS {
        return Err(Invalid::new("hosts", "too_many_hosts", format!("must be at most {}", limits::HOSTS)));
    }
    let parse = |(index, text): (usize, &String)| {
        HostPattern::parse(text).map_err(|invalid| Invalid { field: format!("hosts[{index}]"), ..invalid })
    };
    let patterns = texts.iter().enumerate().map(parse).collect::<Result<BTreeSet<_>, _>>()?;
    Ok(patterns.iter().map(ToString::to_string).collect())
}

/// The rule that a brokered secret has hosts, and no other has.
fn delivered(delivery: Delivery, hosts: &[String]) -> Result<(), Invalid> {
    match (delivery, hosts.is_empty()) {
        (Delivery::Brokered, true) => Err(Invalid::new(
            "hosts",
            "hosts_missing",
            "a brokered secret must name the hosts that its value may be sent to",
        )),
        (Delivery::Env, false) => {
            Err(Invalid::new("hosts", "hosts_without_broker", "only brokered secrets have hosts; leave it out"))
        }
        _ => Ok(()),
    }
}

/// The environment that is meant.
pub(super) fn environment_or_production(text: Option<&str>) -> Result<EnvironmentName, Invalid> {
    text.map_or_else(|| Ok(EnvironmentName::production()), EnvironmentName::parse)
}

/// The rule that an environment must exist.
pub(super) fn unknown_environment() -> Invalid {
    Invalid::new("environment", "environment_unknown", "there is no such environment in this account: make it first")
}

fn etag(row: &SecretRow) -> String {
    format!("\"{}.{}\"", row.id, row.version)
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
