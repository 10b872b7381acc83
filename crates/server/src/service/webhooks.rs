//! Webhooks of an account, and what is put into their queue: in the write of what is told, so that neither is without the other.
//! Sending is `webhook_send`'s.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::webhook::WebhookEvent;
use domain::{AccountId, Action, EnvironmentName, Invalid, Overlap, SecretId, Timestamp, Value, WebhookName, limits};
use envelope::{AccountKey, Binding, random_bytes};
use store::{MessageRow, SigningKey, WebhookRow};
use zeroize::Zeroizing;

use super::{Caller, Error, Service, new_id};
use crate::clock;
use crate::wire::{self, Page};

/// For how long messages are signed with the key before too, where nobody says it: a day.
const KEY_OVERLAP_SECONDS: u32 = 86_400;
/// What the text of a key begins with.
pub(super) const KEY_PREFIX: &str = "whsec_";

impl Service {
    /// The account's webhooks by name.
    pub(crate) async fn list_webhooks(&self, caller: &Caller) -> Result<Page<wire::Webhook>, Error> {
        self.permit(caller, Action::WebhookList, None, "").await?;
        let mut items = Vec::new();
        for row in self.store.webhooks(&caller.actor.account).await? {
            let waiting = self.store.count_messages(&row.account, &row.name).await?;
            items.push(shown(&row, waiting));
        }
        Ok(Page { items, next_cursor: None })
    }

    /// Makes a webhook, whose key is in the answer, or changes and enables one.
    pub(crate) async fn put_webhook(
        &self,
        caller: &Caller,
        name: &str,
        input: wire::PutWebhook,
    ) -> Result<wire::PutWebhookAnswer, Error> {
        let name = WebhookName::parse(name)?;
        let permit = self.permit(caller, Action::WebhookPut, None, name.as_str()).await?;
        let (url, host) = self.checked_url(&input.url)?;
        let events = WebhookEvent::parse_all(input.events.iter().map(String::as_str))?;
        let account = caller.actor.account.clone();
        let key = self.keyring.account(&self.store, &account).await?;
        let (id, text) = (new_id(), new_key());
        let signing_key = SigningKey { version: 1, ciphertext: encrypt(&key, &id, 1, &text)?, previous: None };
        let (row, waiting, made) = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let all = tx.webhooks(&account).await?;
                    let known = all.iter().find(|row| row.name == name);
                    if known.is_none() && all.len() as u64 >= limits::WEBHOOKS_PER_ACCOUNT {
                        let detail = format!("an account holds at most {} webhooks", limits::WEBHOOKS_PER_ACCOUNT);
                        return Err(Error::Limit { code: "too_many_webhooks", detail });
                    }
                    let base = known.cloned().unwrap_or_else(|| WebhookRow {
                        account: account.clone(),
                        name,
                        id,
                        url: String::new(),
                        events: Vec::new(),
                        signing_key,
                        created_at: permit.time(),
                        created_by: permit.actor_name(),
                        told_at: None,
                        failing_since: None,
                        problem: None,
                        disabled_at: None,
                    });
                    let row = WebhookRow { url, events, failing_since: None, problem: None, disabled_at: None, ..base };
                    if known != Some(&row) {
                        tx.put_webhook(&row).await?;
                        // An address may hold what lets its owner in, so only whose it is is told.
                        let event = permit.done().detail("host", host).detail("events", event_words(&row.events));
                        tx.append_audit(&event).await?;
                    }
                    let waiting = tx.count_messages(&account, &row.name).await?;
                    Ok((row, waiting, known.is_none()))
                })
            })
            .await?;
        Ok(wire::PutWebhookAnswer { webhook: shown(&row, waiting), signing_key: made.then(|| text.to_string()) })
    }

    /// Gives a webhook another key, which is in the answer. Messages are signed with the one before too for a while, unless the
    /// caller says `null`: with that only, whoever has not changed yet goes on verifying.
    pub(crate) async fn rotate_webhook(
        &self,
        caller: &Caller,
        name: &str,
        input: wire::RotateWebhook,
    ) -> Result<wire::PutWebhookAnswer, Error> {
        let name = WebhookName::parse(name)?;
        let permit = self.permit(caller, Action::WebhookRotate, None, name.as_str()).await?;
        let overlap = match input.overlap {
            None => Overlap::of_seconds(KEY_OVERLAP_SECONDS),
            Some(time) => time.map(|text| Overlap::parse(&text)).transpose()?,
        };
        let account = caller.actor.account.clone();
        let key = self.keyring.account(&self.store, &account).await?;
        let text = new_key();
        let (webhook, text) = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let mut row = tx.webhook(&account, &name).await?.ok_or(Error::not_found("webhook"))?;
                    let SigningKey { version, ciphertext: before, .. } = row.signing_key;
                    let until = overlap.map(|overlap| permit.time().plus_millis(overlap.millis()));
                    row.signing_key = SigningKey {
                        version: version + 1,
                        ciphertext: encrypt(&key, &row.id, version + 1, &text)?,
                        previous: until.map(|until| (before, until)),
                    };
                    tx.put_signing_key(&account, &name, &row.signing_key).await?;
                    let event = permit.done();
                    let event = until.into_iter().fold(event, |event, until| event.detail("previous_until", until));
                    tx.append_audit(&event).await?;
                    let waiting = tx.count_messages(&account, &name).await?;
                    Ok::<_, Error>((shown(&row, waiting), text))
                })
            })
            .await?;
        Ok(wire::PutWebhookAnswer { webhook, signing_key: Some(text.to_string()) })
    }

    /// Deletes a webhook: it is told nothing any more, and what waited is not told.
    pub(crate) async fn delete_webhook(&self, caller: &Caller, name: &str) -> Result<(), Error> {
        let name = WebhookName::parse(name)?;
        let permit = self.permit(caller, Action::WebhookDelete, None, name.as_str()).await?;
        let account = caller.actor.account.clone();
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    if !tx.delete_webhook(&account, &name).await? {
                        return Err(Error::not_found("webhook"));
                    }
                    tx.append_audit(&permit.done()).await?;
                    Ok(())
                })
            })
            .await
    }

    /// Sends a webhook a message now, to see whether it takes it.
    pub(crate) async fn test_webhook(&self, caller: &Caller, name: &str) -> Result<wire::WebhookTest, Error> {
        let name = WebhookName::parse(name)?;
        let permit = self.permit(caller, Action::WebhookTest, None, name.as_str()).await?;
        let row = self.store.webhook(&caller.actor.account, &name).await?.ok_or(Error::not_found("webhook"))?;
        let now = permit.time();
        // What leaves must be on record before it does.
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    tx.append_audit(&permit.done()).await?;
                    Ok::<_, Error>(())
                })
            })
            .await?;
        let body = message("webhook.test", now, &serde_json::json!({ "webhook": name }));
        Ok(self.send_message(&row, &format!("msg_{}", new_id()), &body).await?.shown())
    }

    /// The address, if messages may be sent there as far as it tells itself, and its host.
    fn checked_url(&self, text: &str) -> Result<(String, String), Error> {
        let invalid = |code, rule: String| Error::from(Invalid::new("url", code, rule));
        if text.chars().count() > limits::WEBHOOK_URL_CHARS {
            return Err(invalid("url_invalid", format!("must be at most {} characters", limits::WEBHOOK_URL_CHARS)));
        }
        let (_, url) = self.outside.reach(text).map_err(|error| invalid("url_forbidden", error.to_string()))?;
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(invalid("url_invalid", "must be an address without user, password and fragment".to_owned()));
        }
        let host = url.host_str().unwrap_or_default().to_owned();
        Ok((url.into(), host))
    }
}

/// Puts a message for each webhook that is told of such events into the queue; `false` if there is none. Nothing in `data` may be of a value.
pub(super) async fn tell(
    tx: &mut store::Tx,
    account: &AccountId,
    event: WebhookEvent,
    now: Timestamp,
    data: &serde_json::Value,
) -> Result<bool, Error> {
    let mut told = false;
    for webhook in tx.webhooks(account).await? {
        if webhook.disabled_at.is_none() && webhook.events.contains(&event) {
            let row = MessageRow {
                account: account.clone(),
                id: format!("msg_{}", new_id()),
                webhook: webhook.name,
                body: message(event.as_str(), now, data),
                attempt: 0,
                next_at: now,
            };
            tx.insert_message(&row).await?;
            told = true;
        }
    }
    Ok(told)
}

fn message(kind: &str, now: Timestamp, data: &serde_json::Value) -> String {
    serde_json::json!({ "type": kind, "timestamp": now, "data": data }).to_string()
}

/// A new key as its owner gets it.
fn new_key() -> Zeroizing<String> {
    Zeroizing::new(format!("{KEY_PREFIX}{}", STANDARD.encode(*random_bytes::<32>())))
}

fn encrypt(key: &AccountKey, webhook: &str, version: u64, text: &str) -> Result<Vec<u8>, Error> {
    bound(webhook, version, |binding| Ok(key.encrypt(binding, &Value::new(text.to_owned())?)))
}

/// The keys that the webhook's messages are signed with at `now`, the newest first.
pub(super) fn signing_keys(row: &WebhookRow, key: &AccountKey, now: Timestamp) -> Result<Vec<Value>, Error> {
    let SigningKey { version, ciphertext, previous } = &row.signing_key;
    let mut keys = vec![decrypt(row, key, *version, ciphertext)?];
    if let Some((ciphertext, _)) = previous.as_ref().filter(|(_, until)| now < *until) {
        keys.push(decrypt(row, key, version - 1, ciphertext)?);
    }
    Ok(keys)
}

fn decrypt(row: &WebhookRow, key: &AccountKey, version: u64, ciphertext: &[u8]) -> Result<Value, Error> {
    bound(&row.id, version, |binding| Ok(key.decrypt(binding, ciphertext)?))
}

/// The webhook's signing keys as another account key encrypts them.
pub(super) fn renewed(row: &WebhookRow, old: &AccountKey, new: &AccountKey) -> Result<SigningKey, Error> {
    let renew = |version, ciphertext: &[u8]| {
        let text = decrypt(row, old, version, ciphertext)?;
        bound(&row.id, version, |binding| Ok(new.encrypt(binding, &text)))
    };
    let SigningKey { version, ciphertext, previous } = &row.signing_key;
    let previous =
        previous.as_ref().map(|(ciphertext, until)| Ok::<_, Error>((renew(version - 1, ciphertext)?, *until)));
    Ok(SigningKey { version: *version, ciphertext: renew(*version, ciphertext)?, previous: previous.transpose()? })
}

/// A webhook's key is no secret's value: what it is bound to is no secret's id.
fn bound<T>(webhook: &str, version: u64, with: impl FnOnce(&Binding<'_>) -> Result<T, Error>) -> Result<T, Error> {
    let (secret, environment) = (SecretId::new(format!("webhook/{webhook}")), EnvironmentName::production());
    with(&Binding { secret: &secret, environment: &environment, version })
}

fn event_words(events: &[WebhookEvent]) -> String {
    events.iter().map(|event| event.as_str()).collect::<Vec<_>>().join(" ")
}

fn shown(row: &WebhookRow, waiting: u64) -> wire::Webhook {
    let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
    wire::Webhook {
        name: row.name.to_string(),
        url: row.url.clone(),
        events: row.events.iter().map(|event| event.as_str().to_owned()).collect(),
        created_at: row.created_at.to_string(),
        created_by: row.created_by.clone(),
        told_at: time(row.told_at),
        failing_since: time(row.failing_since),
        problem: row.problem.clone(),
        disabled_at: time(row.disabled_at),
        waiting,
        // What is stored of it may be past its time.
        previous_until: time(
            row.signing_key.previous.as_ref().map(|(_, until)| *until).filter(|until| clock::now() < *until),
        ),
    }
}
