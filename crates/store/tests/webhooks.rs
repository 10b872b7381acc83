//! Webhooks and the queue of what they are to be told, on both databases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use common::*;
use domain::webhook::WebhookEvent;
use domain::{AccountId, WebhookName};
use store::{MessageRow, SigningKey, Store, StoreError, WebhookRow};

#[tokio::test]
async fn sqlite() {
    webhooks(Database::sqlite()).await;
    queue(Database::sqlite()).await;
    signing_keys(Database::sqlite()).await;
}

#[tokio::test]
async fn postgres() {
    webhooks(Database::postgres().await).await;
    queue(Database::postgres().await).await;
    signing_keys(Database::postgres().await).await;
}

fn name(text: &str) -> WebhookName {
    WebhookName::parse(text).unwrap()
}

fn row(account: &AccountId, called: &str) -> WebhookRow {
    WebhookRow {
        account: account.clone(),
        name: name(called),
        id: format!("id-of-{called}"),
        url: "https://hooks.example.com/".to_owned(),
        events: vec![WebhookEvent::SecretOverdue, WebhookEvent::SecretRequestCreated],
        signing_key: SigningKey { version: 1, ciphertext: b"first".to_vec(), previous: None },
        created_at: time(5),
        created_by: "ann".to_owned(),
        told_at: None,
        failing_since: None,
        problem: None,
        disabled_at: None,
    }
}

fn message(account: &AccountId, webhook: &str, id: &str, next_at: i64) -> MessageRow {
    let (account, id, body) = (account.clone(), id.to_owned(), format!("body of {id}"));
    MessageRow { account, id, webhook: name(webhook), body, attempt: 0, next_at: time(next_at) }
}

async fn put(store: &Store, row: &WebhookRow) {
    let row = row.clone();
    tx!(store, |tx| tx.put_webhook(&row).await).unwrap();
}

async fn insert(store: &Store, row: &MessageRow) -> Result<(), StoreError> {
    let row = row.clone();
    tx!(store, |tx| tx.insert_message(&row).await)
}

async fn webhooks(db: Database) {
    let store = db.open().await;
    let (id, other) = (account(&store, "acc").await, account(&store, "other").await);
    let (second, first) = (row(&id, "second"), row(&id, "first"));
    for row in [&second, &first, &row(&other, "first")] {
        put(&store, row).await;
    }
    assert_eq!(store.webhooks(&id).await, Ok(vec![first.clone(), second]));
    assert_eq!(store.webhook(&id, &name("first")).await, Ok(Some(first.clone())));
    assert_eq!(store.webhook(&other, &name("second")).await, Ok(None));
    assert_eq!(store.webhooks(&AccountId::new("nobody")).await, Ok(Vec::new()));

    // A put changes all but whose it is and its key; that of the other account stays.
    let changed = WebhookRow {
        url: "https://other.example.com/".to_owned(),
        events: vec![WebhookEvent::SecretValueReturned],
        told_at: Some(time(7)),
        failing_since: Some(time(8)),
        problem: Some("it answered with status 500".to_owned()),
        disabled_at: Some(time(9)),
        ..first.clone()
    };
    let said = WebhookRow {
        id: "another".to_owned(),
        signing_key: SigningKey { version: 9, ciphertext: b"forged".to_vec(), previous: None },
        created_at: time(99),
        created_by: "mallory".to_owned(),
        ..changed.clone()
    };
    put(&store, &said).await;
    assert_eq!(store.webhook(&id, &name("first")).await, Ok(Some(changed)));
    assert_eq!(store.webhook(&other, &name("first")).await, Ok(Some(row(&other, "first"))));

    // What it was still to be told goes with it.
    insert(&store, &message(&id, "first", "m1", 1)).await.unwrap();
    let delete = async || {
        let id = id.clone();
        tx!(store, |tx| tx.delete_webhook(&id, &name("first")).await)
    };
    assert_eq!((delete().await, delete().await), (Ok(true), Ok(false)));
    assert_eq!(store.due_messages(time(100), 10).await, Ok(Vec::new()));
    assert!(store.webhook(&other, &name("first")).await.unwrap().is_some());
    assert_eq!(insert(&store, &message(&id, "first", "m2", 1)).await, Err(StoreError::Missing));
}

async fn queue(db: Database) {
    let store = db.open().await;
    let (id, other) = (account(&store, "acc").await, account(&store, "other").await);
    for row in [row(&id, "chat"), row(&id, "logs"), row(&other, "chat")] {
        put(&store, &row).await;
    }
    assert_eq!(store.next_message_at().await, Ok(None));
    let (late, early) = (message(&id, "chat", "late", 30), message(&id, "logs", "early", 10));
    let foreign = message(&other, "chat", "late", 20);
    for row in [&late, &early, &foreign] {
        insert(&store, row).await.unwrap();
    }
    assert_eq!(insert(&store, &late).await, Err(StoreError::Conflict));
    assert_eq!(store.next_message_at().await, Ok(Some(time(10))));
    assert_eq!(store.due_messages(time(9), 10).await, Ok(Vec::new()));
    assert_eq!(store.due_messages(time(20), 10).await, Ok(vec![early.clone(), foreign.clone()]));
    assert_eq!(store.due_messages(time(99), 2).await.unwrap().len(), 2);
    let waiting =
        async |account: &AccountId, webhook: &str| store.count_messages(account, &name(webhook)).await.unwrap();
    assert_eq!((waiting(&id, "chat").await, waiting(&id, "logs").await, waiting(&other, "logs").await), (1, 1, 0));

    // Of two nodes that read it, one sends it.
    let lease = async |read: &MessageRow| {
        let read = read.clone();
        tx!(store, |tx| tx.move_message(&read, time(1_000)).await).unwrap()
    };
    assert_eq!((lease(&early).await, lease(&early).await), (true, false));
    let leased = MessageRow { attempt: 1, next_at: time(1_000), ..early.clone() };
    assert_eq!(store.due_messages(time(1_000), 10).await.unwrap().last(), Some(&leased));
    let (account, message) = (id.clone(), early.id.clone());
    tx!(store, |tx| tx.delay_message(&account, &message, time(15)).await).unwrap();
    let delayed = MessageRow { next_at: time(15), ..leased };
    assert_eq!(store.due_messages(time(15), 10).await, Ok(vec![delayed]));

    // A message of the same id is of another account.
    let (account, message) = (id.clone(), late.id.clone());
    tx!(store, |tx| tx.delete_message(&account, &message).await).unwrap();
    assert_eq!((waiting(&id, "chat").await, waiting(&other, "chat").await), (0, 1));
    for row in [&late, &MessageRow { id: "more".to_owned(), ..late.clone() }] {
        insert(&store, row).await.unwrap();
    }
    let account = id.clone();
    tx!(store, |tx| tx.drop_messages(&account, &name("chat")).await).unwrap();
    assert_eq!((waiting(&id, "chat").await, waiting(&id, "logs").await, waiting(&other, "chat").await), (0, 1, 1));
}

async fn signing_keys(db: Database) {
    let store = db.open().await;
    let (id, other) = (account(&store, "acc").await, account(&store, "other").await);
    for row in [row(&id, "chat"), row(&id, "logs"), row(&other, "chat")] {
        put(&store, &row).await;
    }
    let set = async |account: &AccountId, webhook: &str, key: &SigningKey| {
        let (account, webhook, key) = (account.clone(), name(webhook), key.clone());
        tx!(store, |tx| tx.put_signing_key(&account, &webhook, &key).await).unwrap();
    };
    let get = async |account: &AccountId, webhook: &str| {
        store.webhook(account, &name(webhook)).await.unwrap().unwrap().signing_key
    };
    let key = |version, until: Option<i64>| SigningKey {
        version,
        ciphertext: format!("key {version}").into_bytes(),
        previous: until.map(|until| (format!("key {}", version - 1).into_bytes(), time(until))),
    };
    set(&id, "chat", &key(2, Some(50))).await;
    set(&id, "logs", &key(7, Some(51))).await;
    assert_eq!((get(&id, "chat").await, get(&id, "logs").await), (key(2, Some(50)), key(7, Some(51))));
    assert_eq!(get(&other, "chat").await, row(&other, "chat").signing_key);

    tx!(store, |tx| tx.end_signing_keys(time(50)).await).unwrap();
    assert_eq!((get(&id, "chat").await, get(&id, "logs").await), (key(2, None), key(7, Some(51))));
    assert!(!db.dump().await.iter().any(|line| line.contains(&format!("{:?}", b"key 1"))), "it is gone");
    set(&id, "logs", &key(8, None)).await;
    assert_eq!(get(&id, "logs").await, key(8, None));
}
