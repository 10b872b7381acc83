//! Values before the current ones, on both databases: who gets which, and until when.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use common::*;
use domain::{Delivery, Overlap};
use store::{Previous, SecretRow};

#[tokio::test]
async fn sqlite() {
    overlaps(Database::sqlite()).await;
}

#[tokio::test]
async fn postgres() {
    overlaps(Database::postgres().await).await;
}

async fn overlaps(db: Database) {
    let store = db.open().await;
    let (id, other) = (account(&store, "acc").await, account(&store, "other").await);
    let (production, test) = (environment("production"), environment("test"));
    let mut rows = Vec::new();
    for (account, name, until) in [(&id, "A", 1_000), (&id, "B", 2_000), (&other, "A", 500)] {
        let mut row = secret_row(account, "production", name);
        (row.delivery, row.hosts) = (Delivery::Env, Vec::new());
        let first = row.clone();
        tx!(store, |tx| tx.insert_secret(&first, b"old").await).unwrap();
        row.version = 2;
        row.overlap = Overlap::of_seconds(60);
        row.previous = Some(Previous { version: 1, until: time(until) });
        row.revision = 1;
        let second = row.clone();
        tx!(store, |tx| {
            tx.add_version(&second, b"new").await?;
            tx.put_overlap(&second).await
        })
        .unwrap();
        rows.push(row);
    }
    let read = store.secret(&id, &production, &secret_name("A")).await.unwrap().unwrap();
    assert_eq!((read.overlap, &read.previous), (Overlap::of_seconds(60), &rows[0].previous));
    // A secret of another environment uses B.
    let slot = SecretRow { version: 0, ..secret_row(&id, "test", "B") };
    let (account, source, user) = (id.clone(), rows[1].id.clone(), slot.id.clone());
    tx!(store, |tx| {
        tx.insert_slot(&slot, 1).await?;
        tx.share_secret(&account, &user, &source, &[9; 32], time(5), "ci").await
    })
    .unwrap();

    let values = async |environment, now| {
        let found = store.previous_values(&id, environment, time(now)).await.unwrap();
        found
            .into_iter()
            .map(|value| format!("{} {} {:?}", value.name, value.version, value.user.is_some()))
            .collect::<Vec<_>>()
    };
    assert_eq!(values(&production, 999).await, ["A 1 false", "B 1 false"]);
    assert_eq!(values(&production, 1_000).await, ["B 1 false"]);
    assert_eq!(values(&test, 1_999).await, ["B 1 true"]);
    assert_eq!(values(&production, 2_000).await, [""; 0]);
    let end = async |environment, now| store.overlap_end(&id, environment, time(now)).await.unwrap();
    assert_eq!(end(&production, 0).await, Some(time(1_000)));
    assert_eq!(end(&production, 1_000).await, Some(time(2_000)));
    assert_eq!(end(&test, 0).await, Some(time(2_000)));
    assert_eq!(end(&production, 2_000).await, None);
    assert_eq!(store.previous_values(&id, &production, time(0)).await.unwrap()[0].ciphertext, b"old");

    // Where names are kept free for them, also where the value is used only.
    for (place, name, overlaps) in [
        (&production, "A", true),
        (&production, "B", true),
        (&test, "B", true),
        (&test, "A", false),
        (&production, "C", false),
    ] {
        assert_eq!(store.overlaps(&id, place, &secret_name(name)).await.unwrap(), overlaps, "{name} in {place}");
    }
    let taken = secret_name("B_PREVIOUS");
    let beside = async || store.overlaps_beside(&id, &rows[1].id, &taken).await.unwrap();
    assert_eq!(beside().await, []);
    for place in ["test", "production"] {
        let row = secret_row(&id, place, "B_PREVIOUS");
        tx!(store, |tx| tx.insert_secret(&row, b"c").await).unwrap();
    }
    assert_eq!(beside().await, [production.clone(), test.clone()]);
    assert_eq!(store.overlaps_beside(&id, &rows[0].id, &secret_name("A_PREVIOUS")).await.unwrap(), []);
    assert_eq!(store.overlaps_beside(&other, &rows[1].id, &taken).await.unwrap(), []);

    // What was brokered, or is now, is not among them.
    for (table, key) in [("secrets", "id"), ("secret_versions", "secret_id")] {
        db.raw(format!("UPDATE {table} SET delivery = 'brokered' WHERE account = 'acc' AND {key} = '{}'", rows[0].id))
            .await;
        assert_eq!(values(&production, 0).await, ["B 1 false"], "{table}");
        db.raw(format!("UPDATE {table} SET delivery = 'env' WHERE account = 'acc' AND {key} = '{}'", rows[0].id)).await;
    }

    let mut ended = tx!(store, |tx| tx.end_overlaps(time(1_000)).await).unwrap();
    ended.sort();
    assert_eq!(ended, [(id.clone(), production.clone()), (other.clone(), production.clone())]);
    assert_eq!(tx!(store, |tx| tx.end_overlaps(time(1_000)).await).unwrap(), []);
    let read = store.secret(&id, &production, &secret_name("A")).await.unwrap().unwrap();
    assert_eq!((read.overlap, read.previous), (Overlap::of_seconds(60), None));
    let (account, secret) = (id.clone(), rows[1].id.clone());
    assert!(tx!(store, |tx| tx.end_overlap(&account, &secret).await).unwrap());
    let (account, secret) = (id.clone(), rows[1].id.clone());
    assert!(!tx!(store, |tx| tx.end_overlap(&account, &secret).await).unwrap());
    let gone = SecretRow { overlap: None, previous: None, ..rows[1].clone() };
    tx!(store, |tx| tx.put_overlap(&gone).await).unwrap();
    assert_eq!(store.secret(&id, &production, &secret_name("B")).await.unwrap().unwrap().overlap, None);
    let (account, secret) = (id.clone(), rows[0].id.clone());
    assert!(tx!(store, |tx| tx.delete_secret(&account, &secret).await).unwrap());
    assert!(!db.dump().await.iter().any(|line| line.starts_with("secret_overlaps") && line.contains("\"acc\"")));
}
