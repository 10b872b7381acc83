//! Sending what waits in the queue of webhooks, signed as the Standard Webhooks specification says.
//!
//! A message leaves the queue when it was taken, or was tried for the last time. Before an attempt it is moved a minute ahead, so that no
//! other node sends it meanwhile and one that dies loses nothing: it may then be sent twice, with the same id.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::audit::{AuditEvent, Outcome};
use domain::webhook::{FAILING_MILLIS, again_after_millis};
use domain::{Action, Actor, ActorKind, RequestId, Timestamp};
use envelope::hmac_sha256;
use futures_util::StreamExt as _;
use reqwest::StatusCode;
use store::{MessageRow, WebhookRow};

use super::outside::is_forbidden;
use super::webhooks::{KEY_PREFIX, signing_keys};
use super::{Error, Service, new_id};
use crate::clock;
use crate::wire;

/// How long a webhook may take to answer.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(10);
/// How long a message is nobody else's while it is sent.
const LEASE_MILLIS: i64 = 60_000;
/// Most messages that are read, and sent, at once.
const BATCH: u32 = 64;
const AT_ONCE: usize = 8;

/// What came of an attempt.
pub(super) enum Attempt {
    Taken(u16),
    Failed {
        problem: String,
        status: Option<u16>,
        /// The webhook says that it is there no more.
        gone: bool,
    },
}

impl Attempt {
    fn failed(problem: &str) -> Self {
        Self::Failed { problem: problem.to_owned(), status: None, gone: false }
    }

    pub(super) fn shown(&self) -> wire::WebhookTest {
        match self {
            Self::Taken(status) => {
                wire::WebhookTest { taken: true, detail: "it took the message".to_owned(), status: Some(*status) }
            }
            Self::Failed { problem, status, .. } => {
                wire::WebhookTest { taken: false, detail: problem.clone(), status: *status }
            }
        }
    }
}

impl Service {
    /// Sends what is due. Returns when there will be more, as far as that is known.
    pub(crate) async fn send_due_messages(&self) -> Result<Option<Timestamp>, Error> {
        let due = self.store.due_messages(clock::now(), BATCH).await?;
        let sending = futures_util::stream::iter(due).map(|message| async move {
            if let Err(error) = self.send_due(message).await {
                tracing::error!(%error, "a message of a webhook was neither sent nor put off");
            }
        });
        sending.buffer_unordered(AT_ONCE).collect::<()>().await;
        Ok(self.store.next_message_at().await?)
    }

    async fn send_due(&self, message: MessageRow) -> Result<(), Error> {
        let (leased, until) = (message.clone(), clock::now().plus_millis(LEASE_MILLIS));
        let is_ours = self
            .store
            .write(move |tx| Box::pin(async move { Ok::<_, Error>(tx.move_message(&leased, until).await?) }))
            .await?;
        // One that was deleted meanwhile has no messages.
        let Some(webhook) = self.store.webhook(&message.account, &message.webhook).await?.filter(|_| is_ours) else {
            return Ok(());
        };
        let attempt = self.send_message(&webhook, &message.id, &message.body).await?;
        let now = clock::now();
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    // As it is now: it may have been changed or deleted while it answered.
                    let Some(mut row) = tx.webhook(&message.account, &message.webhook).await? else { return Ok(()) };
                    match attempt {
                        Attempt::Taken(_) => {
                            (row.told_at, row.failing_since, row.problem) = (Some(now), None, None);
                            tx.delete_message(&message.account, &message.id).await?;
                        }
                        Attempt::Failed { problem, gone, .. } => {
                            row.problem = Some(problem);
                            let since = *row.failing_since.get_or_insert(now);
                            match again_after_millis(message.attempt + 1) {
                                Some(pause) => {
                                    tx.delay_message(&message.account, &message.id, now.plus_millis(pause)).await?;
                                }
                                None => tx.delete_message(&message.account, &message.id).await?,
                            }
                            if gone || since.plus_millis(FAILING_MILLIS) <= now {
                                row.disabled_at = Some(now);
                                tx.drop_messages(&message.account, &message.webhook).await?;
                                tx.append_audit(&disabled(&row, now)).await?;
                            }
                        }
                    }
                    tx.put_webhook(&row).await?;
                    Ok::<_, Error>(())
                })
            })
            .await
    }

    /// One attempt. What the webhook answers is not read beyond its status.
    pub(super) async fn send_message(&self, webhook: &WebhookRow, id: &str, body: &str) -> Result<Attempt, Error> {
        let now = clock::now();
        let keys = {
            let key = self.keyring.account(&self.store, &webhook.account).await?;
            // As this key made it: another may have come since the row was read.
            let row = self.store.webhook(&webhook.account, &webhook.name).await?.ok_or(Error::not_found("webhook"))?;
            signing_keys(&row, &key, now)?
        };
        let seconds = now.as_millis() / 1000;
        let signatures = keys.iter().map(|key| signature(key.expose(), id, seconds, body)).collect::<Option<Vec<_>>>();
        let Some(signatures) = signatures else {
            return Err(Error::Broken("a webhook's key is none"));
        };
        let Ok((client, url)) = self.outside.reach(&webhook.url) else {
            return Ok(Attempt::failed(FORBIDDEN));
        };
        let Some(client) = client else { return Ok(Attempt::failed("the server cannot reach it: see its log")) };
        let request = client
            .post(url)
            .header("content-type", "application/json")
            .header("user-agent", concat!("tresor/", env!("CARGO_PKG_VERSION")))
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", signatures.join(" "))
            .body(body.to_owned());
        Ok(match request.send().await {
            Ok(answer) if answer.status().is_success() => Attempt::Taken(answer.status().as_u16()),
            Ok(answer) => Attempt::Failed {
                problem: format!("it answered with status {}", answer.status().as_u16()),
                status: Some(answer.status().as_u16()),
                gone: answer.status() == StatusCode::GONE,
            },
            Err(error) if is_forbidden(&error) => Attempt::failed(FORBIDDEN),
            Err(_) => Attempt::failed("it did not answer within 10 seconds, or not over valid TLS"),
        })
    }
}

const FORBIDDEN: &str = "its address may not be reached; the operator can allow a network with --allow-network";

/// `v1,…` of the specification. `None` if the key's text is none.
fn signature(key: &str, id: &str, seconds: i64, body: &str) -> Option<String> {
    let key = zeroize::Zeroizing::new(STANDARD.decode(key.strip_prefix(KEY_PREFIX)?).ok()?);
    let signed = format!("{id}.{seconds}.{body}");
    Some(format!("v1,{}", STANDARD.encode(hmac_sha256(&key, signed.as_bytes()))))
}

/// That the server itself disabled a webhook.
fn disabled(row: &WebhookRow, now: Timestamp) -> AuditEvent {
    let actor = Actor { kind: ActorKind::Setup, name: "server".to_owned(), ..Actor::anonymous(row.account.clone()) };
    let (salt, request) = (*envelope::random_bytes::<16>(), RequestId::new(new_id()));
    let event = AuditEvent::new(&actor, Action::WebhookPut, row.name.as_str(), Outcome::Done, now, &request, salt);
    event.detail("disabled", true)
}

#[cfg(test)]
mod tests {
    use super::signature;

    /// The vector of the specification's reference libraries.
    #[test]
    fn signs_as_the_specification_says() {
        let key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let (id, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", r#"{"test": 2432232314}"#);
        let expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(signature(key, id, 1_614_265_330, body).as_deref(), Some(expected));
        assert_eq!(signature("MfKQ", id, 1, body), None);
    }
}
