//! The stamp of an environment's values, on both databases: it is another one after every change of what functions get.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use std::collections::BTreeSet;

use common::*;
use store::SecretRow;

#[tokio::test]
async fn sqlite() {
    stamps(Database::sqlite()).await;
}

#[tokio::test]
async fn postgres() {
    stamps(Database::postgres().await).await;
}

async fn stamps(db: Database) {
    let store = db.open().await;
    let (id, other) = (account(&store, "acc").await, account(&store, "other").await);
    let (production, test) = (environment("production"), environment("test"));
    let stamp = async |environment| store.values_stamp(&id, environment).await.unwrap();
    let (empty, mut seen) = (stamp(&production).await, BTreeSet::new());
    assert!(empty.is_empty() && seen.insert(empty));

    let a = secret_row(&id, "production", "A");
    let foreign = secret_row(&other, "production", "A");
    for row in [a.clone(), secret_row(&id, "production", "B"), foreign.clone()] {
        let account = row.account.clone();
        tx!(store, |tx| tx.insert_secret(&row, b"1").await).unwrap();
        assert_eq!(seen.insert(stamp(&production).await), account == id, "another account's is not in it");
    }
    let untouched = stamp(&test).await;
    let second = SecretRow { version: 2, ..a.clone() };
    let settings = second.clone();
    tx!(store, |tx| tx.add_version(&second, b"2").await).unwrap();
    assert!(seen.insert(stamp(&production).await), "a put");
    tx!(store, |tx| tx.update_secret(&settings).await).unwrap();
    assert!(seen.insert(stamp(&production).await), "its settings");
    let changed = a.clone();
    tx!(store, |tx| tx.activate_version(&changed.account, &changed.id, 1, time(7), "ci").await).unwrap();
    assert!(seen.insert(stamp(&production).await), "the version before it");
    assert_eq!(stamp(&test).await, untouched, "another environment's is its own");

    // A shared value is of both.
    let slot = SecretRow { version: 0, ..secret_row(&id, "test", "A") };
    let (account, source, user) = (id.clone(), a.id.clone(), slot.id.clone());
    tx!(store, |tx| tx.insert_slot(&slot, 1).await).unwrap();
    let before = stamp(&test).await;
    tx!(store, |tx| tx.share_secret(&account, &user, &source, &[9; 32], time(5), "ci").await).unwrap();
    let shared = stamp(&test).await;
    assert_ne!(before, shared);
    let third = SecretRow { version: 3, ..a.clone() };
    tx!(store, |tx| tx.add_version(&third, b"3").await).unwrap();
    assert_ne!(stamp(&test).await, shared, "a put where the value is");
    assert!(seen.insert(stamp(&production).await));
    let (account, b) = (id.clone(), secret_row(&id, "production", "B").id);
    tx!(store, |tx| tx.delete_secret(&account, &b).await).unwrap();
    assert!(seen.insert(stamp(&production).await), "a deletion");
}
