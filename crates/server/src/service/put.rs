//! Putting a secret: a new one, a new version, or other settings of the one that is there.

use std::collections::BTreeSet;

use domain::catalogue::{self, Finding, Kind, Severity, hosts_for};
use domain::mask::mask;
use domain::{
    Action, Actor, ConversationValues, Delivery, Denied, EnvironmentName, Invalid, SecretId, SecretName,
    SecretRequestStatus, Timestamp, Value, limits,
};
use envelope::{AccountKey, Binding};
use store::{IdempotencyRow, SecretRow, ValueFacts};
use zeroize::Zeroizing;

use super::caller::{Caller, Permit};
use super::change::Settings;
use super::delivery::{delivered, hosts};
use super::room::room;
use super::secrets::{environment_or_production, etag, unknown_environment};
use super::versions::first_version;
use super::{Error, Service, new_id, overlap, show};
use crate::wire;

/// The purpose of the keyed fingerprints that are stored with versions.
pub(super) const OF_VALUES: &str = "value";

/// What a put says. `value` is zeroized once the put has it.
#[derive(Default)]
pub(crate) struct PutInput {
    pub(crate) value: String,
    pub(crate) environment: Option<String>,
    pub(crate) delivery: Option<String>,
    pub(crate) hosts: Option<Vec<String>>,
    pub(crate) note: Option<String>,
    pub(crate) version_note: Option<String>,
    pub(crate) rotate_after_days: Option<u32>,
    pub(crate) rotate_by: Option<String>,
    pub(crate) publishable: Option<bool>,
    pub(crate) overlap: Option<String>,
    /// The ETag that the secret must have.
    pub(crate) if_match: Option<String>,
    /// The secret must not exist yet.
    pub(crate) if_none_match: bool,
    /// It was given in a conversation with an assistant, which keeps it.
    pub(crate) seen: bool,
    /// A repeat with the same key and content answers as the first did, and changes nothing.
    pub(crate) idempotency_key: Option<String>,
}

/// What a put did.
pub(crate) struct Put {
    pub(crate) stored: wire::StoredSecret,
    /// Whether the secret is new, rather than changed.
    pub(crate) created: bool,
    pub(crate) etag: String,
}

/// What became of a put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// There was no such secret.
    New,
    /// It has a new version.
    Changed,
    /// The value was there already; settings changed.
    Settings,
    /// All of it was there already.
    Same,
}

impl Outcome {
    const ALL: [Self; 4] = [Self::New, Self::Changed, Self::Settings, Self::Same];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Changed => "changed",
            Self::Settings => "settings",
            Self::Same => "same",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == text)
    }
}

/// What a put stored.
pub(super) struct Stored {
    pub(super) row: SecretRow,
    pub(super) outcome: Outcome,
    /// Where else the value is used.
    pub(super) sharers: Vec<EnvironmentName>,
    /// Another secret may have the same value.
    repeated: bool,
}

/// The parts of a put that were checked.
pub(super) struct Checked {
    pub(super) actor: Actor,
    pub(super) name: SecretName,
    pub(super) environment: EnvironmentName,
    value: Value,
    pub(super) mask: String,
    pub(super) fingerprint: [u8; 32],
    findings: Vec<Finding>,
    mode: Option<catalogue::Mode>,
    delivery: Option<Delivery>,
    hosts: Option<Vec<String>>,
    /// Its provider's hosts, if name and value agree on whose it is: for a brokered secret that has none.
    known_hosts: Vec<String>,
    /// The catalogue knows name and value as those of a key that is made to be seen.
    made_for_pages: bool,
    settings: Settings,
    seen: bool,
    if_match: Option<String>,
    if_none_match: bool,
    idempotency: Option<(String, [u8; 32])>,
    /// Whether [`room`] was asked for it already.
    pub(super) has_room: bool,
    /// The secret request that this answers.
    request: Option<String>,
}

impl Service {
    /// Stores a secret or a new version of it. When this returns, no invocation that starts later sees the old value.
    pub(crate) async fn put_secret(&self, caller: &Caller, name: &str, input: PutInput) -> Result<Put, Error> {
        self.put_for(caller, name, input, None).await
    }

    /// As [`Service::put_secret`], of a value that an assistant was told, where the account takes such.
    pub(crate) async fn put_seen_secret(
        &self,
        caller: &Caller,
        name: &str,
        mut value: Zeroizing<String>,
        input: PutInput,
    ) -> Result<Put, Error> {
        let settings = self.store.settings(&caller.actor.account).await?;
        if settings.conversation_values == ConversationValues::Forbid {
            let (name, environment) =
                (SecretName::parse(name)?, environment_or_production(input.environment.as_deref())?);
            self.audit_denied(caller, Action::SecretPut, Some(&environment), name.as_str()).await?;
            return Err(Denied::ConversationValue.into());
        }
        let input = PutInput { value: std::mem::take(&mut *value), seen: true, ..input };
        self.put_for(caller, name, input, None).await
    }

    /// As [`Service::put_secret`], to answer a secret request: nothing is stored if that cannot be answered any more.
    pub(super) async fn put_for(
        &self,
        caller: &Caller,
        name: &str,
        mut input: PutInput,
        request: Option<String>,
    ) -> Result<Put, Error> {
        let name = SecretName::parse(name)?;
        let environment = environment_or_production(input.environment.as_deref())?;
        let permit = self.permit(caller, Action::SecretPut, Some(&environment), name.as_str()).await?;
        let key = self.keyring.account(&self.store, &caller.actor.account).await?;
        let value = Value::new(std::mem::take(&mut input.value))?;
        let checked = Checked { request, ..check(caller, name, environment, value, input, &key)? };
        let (account, environment) = (checked.actor.account.clone(), checked.environment.clone());
        let mut warnings = checked.warnings();
        let Stored { row, outcome, sharers, repeated } =
            self.store.write(move |tx| Box::pin(async move { checked.store(tx, permit, &key).await })).await?;
        // Also where all was there already: whoever put that may not have come so far yet.
        self.value_changed(&account, &environment, &sharers);
        self.inner.answered.notify_waiters();
        if repeated {
            warnings.extend(self.same_value(caller, &row).await?);
        }
        let functions = self.functions_using(&account, Some(&environment)).await?;
        let secret = show::secret(&row, &functions);
        let stored = wire::StoredSecret { secret, outcome: outcome.as_str().to_owned(), warnings };
        Ok(Put { etag: etag(&row), stored, created: outcome == Outcome::New })
    }
}

impl Checked {
    /// Whether this is the current value, and the secret's own.
    pub(super) fn is_stored(&self, row: &SecretRow) -> bool {
        row.has_own_value() && self.is_used(row)
    }

    /// Whether this is the value that functions get, the secret's own or another's.
    pub(super) fn is_used(&self, row: &SecretRow) -> bool {
        row.facts.fingerprint.as_deref() == Some(&self.fingerprint)
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

    pub(super) async fn store(self, tx: &mut store::Tx, permit: Permit, key: &AccountKey) -> Result<Stored, Error> {
        let (now, actor) = (permit.time(), permit.actor_name());
        if let Some((idempotency_key, fingerprint)) = &self.idempotency
            && let Some(earlier) = tx.idempotency(&self.actor.account, idempotency_key).await?
        {
            if earlier.fingerprint != fingerprint {
                return Err(Error::IdempotencyReuse);
            }
            let row = tx
                .secret(&self.actor.account, &self.environment, &self.name)
                .await?
                .ok_or(Error::not_found("secret"))?;
            let outcome = Outcome::parse(&earlier.body).unwrap_or(Outcome::Changed);
            let sharers = tx.sharers(&self.actor.account, &row.id).await?;
            return Ok(Stored { row, outcome, sharers, repeated: true });
        }
        let (account, fingerprint) = (&self.actor.account, Some(&self.fingerprint[..]));
        let view = tx.put_view(account, &self.environment, &self.name, fingerprint).await?;
        if !view.environment {
            return Err(unknown_environment().into());
        }
        let (current, sharers) = (view.secret, view.sharers);
        let matches = match (&self.if_match, &current) {
            (None, _) => true,
            (Some(tag), Some((row, _))) => tag == "*" || *tag == etag(row),
            (Some(_), None) => false,
        };
        if !matches || (self.if_none_match && current.as_ref().is_some_and(|(row, _)| row.version > 0)) {
            return Err(Error::Precondition);
        }
        let (row, outcome) = match current {
            Some((row, _)) if self.is_stored(&row) => self.keep_value(tx, row, now, &actor).await?,
            Some((row, next)) => {
                let outcome = if row.version == 0 { Outcome::New } else { Outcome::Changed };
                (self.add_version(tx, key, row, next, now, &actor).await?, outcome)
            }
            None => (self.insert(tx, key, now, &actor).await?, Outcome::New),
        };
        if view.requested {
            self.answer(tx, &permit).await?;
        } else if self.request.is_some() {
            return Err(Error::RequestEnded(SecretRequestStatus::Fulfilled));
        }
        let event = permit.done().detail("version", row.version).detail("delivery", row.delivery.as_str());
        let event = if self.seen { event.detail("seen_by_assistant", true) } else { event };
        let event = if row.hosts.is_empty() { event } else { event.detail("hosts", row.hosts.join(" ")) };
        let event = if row.facts.publishable { event.detail("publishable", true) } else { event };
        let event = if outcome == Outcome::Changed { overlap::told(event, &row) } else { event };
        // A put that changed nothing too: it told that the value is this one.
        tx.append_audit(&event.detail("outcome", outcome.as_str())).await?;
        if let Some((idempotency_key, fingerprint)) = self.idempotency {
            let row = IdempotencyRow {
                account: self.actor.account,
                key: idempotency_key,
                fingerprint: fingerprint.to_vec(),
                status: if outcome == Outcome::New { 201 } else { 200 },
                body: outcome.as_str().to_owned(),
                created_at: now,
            };
            tx.insert_idempotency(&row).await?;
        }
        Ok(Stored { row, outcome, sharers, repeated: view.repeated })
    }

    /// What to tell of the value.
    pub(super) fn warnings(&self) -> Vec<wire::Warning> {
        self.review().iter().map(show::warning).collect()
    }

    /// What may be wrong with the value, in words that hold nothing of it.
    pub(super) fn review(&self) -> Vec<Finding> {
        let mode = self.mode.and_then(|mode| catalogue::wrong_mode(mode, &self.environment));
        self.findings.iter().cloned().chain(mode).collect()
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

    /// Ends the secret requests for this secret: whoever waits for it has it now.
    async fn answer(&self, tx: &mut store::Tx, permit: &Permit) -> Result<(), Error> {
        let (now, actor) = (permit.time(), permit.actor_name());
        let ended = tx.fulfil_secret_requests(&self.actor.account, &self.environment, &self.name, now, &actor).await?;
        if self.request.as_ref().is_some_and(|request| !ended.contains(request)) {
            return Err(Error::RequestEnded(SecretRequestStatus::Expired));
        }
        for id in ended {
            let event = permit.beside(Action::SecretRequestFulfil);
            tx.append_audit(&event.detail("secret_request", id)).await?;
        }
        Ok(())
    }

    fn encrypt(&self, key: &AccountKey, secret: &SecretId, version: u64) -> Vec<u8> {
        key.encrypt(&Binding { secret, environment: &self.environment, version }, &self.value)
    }

    /// What is kept of the value beside its ciphertext.
    fn facts(&self) -> ValueFacts {
        ValueFacts {
            note: self.settings.version_note.clone().unwrap_or_default(),
            fingerprint: Some(self.fingerprint.to_vec()),
            findings: findings_text(&self.findings),
            mode: self.mode.map(catalogue::Mode::as_str).unwrap_or_default().to_owned(),
            rotate_by: self.settings.rotate_by.flatten(),
            publishable: self.settings.publishable.unwrap_or(self.made_for_pages),
        }
    }

    async fn insert(
        &self,
        tx: &mut store::Tx,
        key: &AccountKey,
        now: Timestamp,
        actor: &str,
    ) -> Result<SecretRow, Error> {
        if !self.has_room {
            room(tx, &self.actor.account, 1).await?;
        }
        let delivery = self.delivery.unwrap_or_default();
        let hosts = self.hosts_or_known(delivery, Vec::new());
        delivered(delivery, &hosts)?;
        let (id, version) = (SecretId::new(new_id()), first_version(tx, &self.actor.account, &self.name).await?);
        let ciphertext = self.encrypt(key, &id, version);
        let row = SecretRow {
            id,
            account: self.actor.account.clone(),
            environment: self.environment.clone(),
            name: self.name.clone(),
            version,
            shared: None,
            mask: self.mask.clone(),
            facts: self.facts(),
            value_at: now,
            revision: 0,
            delivery,
            hosts,
            note: self.settings.note.clone().unwrap_or_default(),
            rotate_after_days: self.settings.rotate_after_days.flatten(),
            overlap: self.settings.overlap.flatten(),
            previous: None,
            created_at: now,
            updated_at: now,
            created_by: actor.to_owned(),
            updated_by: actor.to_owned(),
            last_used_at: None,
        };
        tx.insert_secret(&row, &ciphertext).await?;
        overlap::keep(tx, &self.actor, None, &row).await?;
        Ok(row)
    }

    /// The row as this put changes it, but for the value.
    fn changed(&self, row: &SecretRow) -> Result<SecretRow, Error> {
        let mut row = row.clone();
        row.delivery = self.delivery.unwrap_or(row.delivery);
        row.hosts = self.hosts_or_known(row.delivery, row.hosts);
        delivered(row.delivery, &row.hosts)?;
        self.settings.apply(&mut row);
        // Who stored it first may have kept it to himself; that is over.
        let known = |code: &str| code == catalogue::SEEN_BY_ASSISTANT;
        if self.seen && !row.facts.findings.split(' ').any(known) {
            row.facts.findings = format!("{} {}", row.facts.findings, catalogue::SEEN_BY_ASSISTANT).trim().to_owned();
        }
        Ok(row)
    }

    /// The value is the current one, so it gets no version of its own.
    async fn keep_value(
        &self,
        tx: &mut store::Tx,
        row: SecretRow,
        now: Timestamp,
        actor: &str,
    ) -> Result<(SecretRow, Outcome), Error> {
        let mut changed = self.changed(&row)?;
        if changed == row {
            return Ok((row, Outcome::Same));
        }
        changed.updated_at = now;
        actor.clone_into(&mut changed.updated_by);
        tx.update_secret(&changed).await?;
        overlap::keep(tx, &self.actor, Some(&row), &changed).await?;
        changed.revision += 1;
        Ok((changed, Outcome::Settings))
    }

    async fn add_version(
        &self,
        tx: &mut store::Tx,
        key: &AccountKey,
        before: SecretRow,
        version: u64,
        now: Timestamp,
        actor: &str,
    ) -> Result<SecretRow, Error> {
        let ciphertext = self.encrypt(key, &before.id, version);
        let mut row = self.changed(&before)?;
        overlap::begin(&before, &mut row, now);
        row.version = version;
        row.shared = None;
        row.mask.clone_from(&self.mask);
        // Whoever puts the next key of the same kind need not say again what it is.
        let publishable = row.facts.publishable;
        row.facts = ValueFacts { publishable, ..self.facts() };
        row.value_at = now;
        row.updated_at = now;
        actor.clone_into(&mut row.updated_by);
        tx.add_version(&row, &ciphertext).await?;
        overlap::keep(tx, &self.actor, Some(&before), &row).await?;
        row.revision += 1;
        Ok(row)
    }
}

/// Codes as they are kept: those that are only worth knowing with `~` before.
fn findings_text(findings: &[Finding]) -> String {
    let word = |finding: &Finding| match finding.severity {
        Severity::Warning => finding.code.to_owned(),
        Severity::Note => format!("~{}", finding.code),
    };
    findings.iter().map(word).collect::<Vec<_>>().join(" ")
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
    let settings = Settings::check(
        input.note,
        input.version_note,
        input.rotate_after_days.map(Some),
        input.rotate_by.map(Some),
        input.overlap.map(Some),
    )?;
    let idempotency = input.idempotency_key.map(|idempotency_key| {
        let usable = !idempotency_key.is_empty() && idempotency_key.len() <= limits::IDEMPOTENCY_KEY_CHARS;
        if !usable || !idempotency_key.bytes().all(|byte| byte.is_ascii_graphic()) {
            let rule = format!("must be 1 to {} printable ASCII characters", limits::IDEMPOTENCY_KEY_CHARS);
            return Err(Error::from(Invalid::new("Idempotency-Key", "idempotency_key_invalid", rule)));
        }
        let text = Zeroizing::new(format!(
            "{name}\n{environment}\n{delivery:?}\n{hosts:?}\n{settings:?}\n{:?}\n{}",
            input.publishable,
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
    let mut findings = catalogue::review(&name, value.expose(), None);
    findings.extend(input.seen.then(catalogue::seen_by_assistant));
    let known = catalogue::agreed(&name, value.expose());
    let made_for_pages = known.is_some_and(|(_, secret)| secret.kind == Kind::Publishable);
    let shown = hex::encode(key.fingerprint("mask", value.expose().as_bytes()));
    Ok(Checked {
        actor: caller.actor.clone(),
        mask: mask(&value, &shown),
        fingerprint: key.fingerprint(OF_VALUES, value.expose().as_bytes()),
        findings,
        mode: catalogue::mode(&name, value.expose()),
        name,
        environment,
        value,
        delivery,
        hosts,
        known_hosts,
        made_for_pages,
        settings: Settings { publishable: input.publishable, ..settings },
        seen: input.seen,
        if_match: input.if_match,
        if_none_match: input.if_none_match,
        idempotency: idempotency.transpose()?,
        has_room: false,
        request: None,
    })
}
