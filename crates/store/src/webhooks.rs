//! Where accounts are told of things, and the queue of what is still to be told. There is no value here, and no place for one.

use domain::webhook::WebhookEvent;
use domain::{AccountId, Timestamp, WebhookName};
use sqlx::any::AnyRow;

use crate::columns::{Columns, int, millis};
use crate::{Result, StoreError, Tx};

/// A webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookRow {
    /// The account it is of.
    pub account: AccountId,
    /// Its name.
    pub name: WebhookName,
    /// What its key's ciphertext is bound to.
    pub id: String,
    /// Where it is told.
    pub url: String,
    /// What it is told.
    pub events: Vec<WebhookEvent>,
    /// The key that messages are signed with. [`Tx::put_signing_key`] changes it, and nothing else does.
    pub signing_key: SigningKey,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
    /// When it last took a message.
    pub told_at: Option<Timestamp>,
    /// Since when it takes none.
    pub failing_since: Option<Timestamp>,
    /// Why it did not take the last one.
    pub problem: Option<String>,
    /// Since when it is told nothing, because it failed for too long.
    pub disabled_at: Option<Timestamp>,
}

/// The key that messages are signed with, and the one before while they are signed with that too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKey {
    /// Counts the keys of the webhook, from 1; the ciphertext is bound to it.
    pub version: u64,
    /// Encrypted.
    pub ciphertext: Vec<u8>,
    /// Of the version before: encrypted, and until when messages are signed with it.
    pub previous: Option<(Vec<u8>, Timestamp)>,
}

/// A message that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageRow {
    /// The account.
    pub account: AccountId,
    /// Its id, the same at each attempt.
    pub id: String,
    /// The webhook's name.
    pub webhook: WebhookName,
    /// What is sent.
    pub body: String,
    /// How many attempts there were.
    pub attempt: u32,
    /// When the next one is to be made.
    pub next_at: Timestamp,
}

fn webhook_row(row: &AnyRow) -> Result<WebhookRow> {
    let events: String = row.col("events")?;
    let events = WebhookEvent::parse_all(events.split(' '));
    Ok(WebhookRow {
        account: AccountId::new(row.col::<String>("account")?),
        name: row.parse("name", WebhookName::parse)?,
        id: row.col("id")?,
        url: row.col("url")?,
        events: events.map_err(|_| StoreError::Corrupt { what: "events" })?,
        signing_key: signing_key(row)?,
        created_at: row.time("created_at")?,
        created_by: row.col("created_by")?,
        told_at: row.maybe_time("told_at")?,
        failing_since: row.maybe_time("failing_since")?,
        problem: row.col("problem")?,
        disabled_at: row.maybe_time("disabled_at")?,
    })
}

fn signing_key(row: &AnyRow) -> Result<SigningKey> {
    let previous = row.col::<Option<Vec<u8>>>("previous_key")?.zip(row.maybe_time("previous_until")?);
    Ok(SigningKey { version: row.number("key_version")?, ciphertext: row.col("signing_key")?, previous })
}

fn message_row(row: &AnyRow) -> Result<MessageRow> {
    Ok(MessageRow {
        account: AccountId::new(row.col::<String>("account")?),
        id: row.col("id")?,
        webhook: row.parse("webhook", WebhookName::parse)?,
        body: row.col("body")?,
        attempt: u32::try_from(row.number("attempt")?).unwrap_or(u32::MAX),
        next_at: row.time("next_at")?,
    })
}

reads! {
    /// All webhooks of `account`, by name.
    pub async fn webhooks(conn, account: &AccountId) -> Result<Vec<WebhookRow>> {
        let query = sqlx::query("SELECT * FROM webhooks WHERE account = $1 ORDER BY name").bind(account.as_str());
        query.fetch_all(conn).await?.iter().map(webhook_row).collect()
    }

    /// One webhook.
    pub async fn webhook(conn, account: &AccountId, name: &WebhookName) -> Result<Option<WebhookRow>> {
        let query = sqlx::query("SELECT * FROM webhooks WHERE account = $1 AND name = $2")
            .bind(account.as_str())
            .bind(name.as_str());
        query.fetch_optional(conn).await?.as_ref().map(webhook_row).transpose()
    }

    /// Messages of all accounts whose time has come at `now`, those that wait longest first.
    pub async fn due_messages(conn, now: Timestamp, limit: u32) -> Result<Vec<MessageRow>> {
        let query = sqlx::query("SELECT * FROM webhook_messages WHERE next_at <= $1 ORDER BY next_at LIMIT $2")
            .bind(now.as_millis())
            .bind(i64::from(limit));
        query.fetch_all(conn).await?.iter().map(message_row).collect()
    }

    /// When the next message of all accounts is to be sent.
    pub async fn next_message_at(conn) -> Result<Option<Timestamp>> {
        let query = sqlx::query("SELECT min(next_at) AS next_at FROM webhook_messages");
        query.fetch_one(conn).await?.maybe_time("next_at")
    }

    /// How many messages of a webhook wait.
    pub async fn count_messages(conn, account: &AccountId, webhook: &WebhookName) -> Result<u64> {
        let query = sqlx::query("SELECT count(*) AS n FROM webhook_messages WHERE account = $1 AND webhook = $2")
            .bind(account.as_str())
            .bind(webhook.as_str());
        query.fetch_one(conn).await?.number("n")
    }
}

impl Tx {
    /// Adds a webhook, or replaces the one of that name; its messages stay, and so does its key.
    ///
    /// # Errors
    /// The database's.
    pub async fn put_webhook(&mut self, row: &WebhookRow) -> Result<()> {
        let events: Vec<_> = row.events.iter().map(|event| event.as_str()).collect();
        sqlx::query(
            "INSERT INTO webhooks (account, name, id, url, events, signing_key, created_at, created_by, told_at, \
             failing_since, problem, disabled_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
             ON CONFLICT (account, name) DO UPDATE SET url = excluded.url, events = excluded.events, \
             told_at = excluded.told_at, failing_since = excluded.failing_since, problem = excluded.problem, \
             disabled_at = excluded.disabled_at",
        )
        .bind(row.account.as_str())
        .bind(row.name.as_str())
        .bind(&row.id)
        .bind(&row.url)
        .bind(events.join(" "))
        .bind(&row.signing_key.ciphertext)
        .bind(row.created_at.as_millis())
        .bind(&row.created_by)
        .bind(millis(row.told_at))
        .bind(millis(row.failing_since))
        .bind(row.problem.as_deref())
        .bind(millis(row.disabled_at))
        .execute(self.connection().await?)
        .await?;
        Ok(())
    }

    /// Puts another signing key, or other ciphertexts of the one that it has, in its place.
    ///
    /// # Errors
    /// The database's.
    pub async fn put_signing_key(&mut self, account: &AccountId, name: &WebhookName, key: &SigningKey) -> Result<()> {
        let (previous, until) =
            key.previous.as_ref().map(|(ciphertext, until)| (ciphertext.as_slice(), *until)).unzip();
        sqlx::query(
            "UPDATE webhooks SET signing_key = $3, key_version = $4, previous_key = $5, previous_until = $6 \
             WHERE account = $1 AND name = $2",
        )
        .bind(account.as_str())
        .bind(name.as_str())
        .bind(key.ciphertext.as_slice())
        .bind(int(key.version))
        .bind(previous)
        .bind(millis(until))
        .execute(self.connection().await?)
        .await?;
        Ok(())
    }

    /// Forgets the keys before that no message is signed with any more at `now`, of all accounts.
    ///
    /// # Errors
    /// The database's.
    pub async fn end_signing_keys(&mut self, now: Timestamp) -> Result<()> {
        sqlx::query(
            "UPDATE webhooks SET previous_key = NULL, previous_until = NULL \
             WHERE previous_until IS NOT NULL AND previous_until <= $1",
        )
        .bind(now.as_millis())
        .execute(self.connection().await?)
        .await?;
        Ok(())
    }

    /// Deletes a webhook with what it was still to be told. `false` if there is none.
    ///
    /// # Errors
    /// The database's.
    pub async fn delete_webhook(&mut self, account: &AccountId, name: &WebhookName) -> Result<bool> {
        let delete = sqlx::query("DELETE FROM webhooks WHERE account = $1 AND name = $2")
            .bind(account.as_str())
            .bind(name.as_str());
        Ok(delete.execute(self.connection().await?).await?.rows_affected() == 1)
    }

    /// Puts a message into the queue.
    ///
    /// # Errors
    /// The database's.
    pub async fn insert_message(&mut self, row: &MessageRow) -> Result<()> {
        sqlx::query(
            "INSERT INTO webhook_messages (account, id, webhook, body, attempt, next_at) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(row.account.as_str())
        .bind(&row.id)
        .bind(row.webhook.as_str())
        .bind(&row.body)
        .bind(i64::from(row.attempt))
        .bind(row.next_at.as_millis())
        .execute(self.connection().await?)
        .await?;
        Ok(())
    }

    /// Moves a message to `next_at`, with one attempt more, if nobody moved it since it was read.
    ///
    /// # Errors
    /// The database's.
    pub async fn move_message(&mut self, row: &MessageRow, next_at: Timestamp) -> Result<bool> {
        let done = sqlx::query(
            "UPDATE webhook_messages SET attempt = attempt + 1, next_at = $4 \
             WHERE account = $1 AND id = $2 AND next_at = $3 AND attempt = $5",
        )
        .bind(row.account.as_str())
        .bind(&row.id)
        .bind(row.next_at.as_millis())
        .bind(next_at.as_millis())
        .bind(int(row.attempt.into()))
        .execute(self.connection().await?)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Sets when a message is tried again.
    ///
    /// # Errors
    /// The database's.
    pub async fn delay_message(&mut self, account: &AccountId, id: &str, next_at: Timestamp) -> Result<()> {
        sqlx::query("UPDATE webhook_messages SET next_at = $3 WHERE account = $1 AND id = $2")
            .bind(account.as_str())
            .bind(id)
            .bind(next_at.as_millis())
            .execute(self.connection().await?)
            .await?;
        Ok(())
    }

    /// Takes a message out of the queue.
    ///
    /// # Errors
    /// The database's.
    pub async fn delete_message(&mut self, account: &AccountId, id: &str) -> Result<()> {
        sqlx::query("DELETE FROM webhook_messages WHERE account = $1 AND id = $2")
            .bind(account.as_str())
            .bind(id)
            .execute(self.connection().await?)
            .await?;
        Ok(())
    }

    /// Takes all messages of a webhook out of the queue.
    ///
    /// # Errors
    /// The database's.
    pub async fn drop_messages(&mut self, account: &AccountId, webhook: &WebhookName) -> Result<()> {
        sqlx::query("DELETE FROM webhook_messages WHERE account = $1 AND webhook = $2")
            .bind(account.as_str())
            .bind(webhook.as_str())
            .execute(self.connection().await?)
            .await?;
        Ok(())
    }
}
