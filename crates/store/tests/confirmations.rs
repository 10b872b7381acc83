//! Confirmations on both databases: a yes is used once, in time, by whoever it is for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use common::*;
use domain::ConfirmationStatus::{Approved, Declined, Pending, Used};
use domain::{ConfirmationStatus, EnvironmentName};
use store::{ConfirmationRow, RequesterRow};

#[tokio::test]
async fn on_sqlite() {
    confirmations(Database::sqlite()).await;
}

#[tokio::test]
async fn on_postgres() {
    confirmations(Database::postgres().await).await;
}

async fn confirmations(db: Database) {
    let store = db.open().await;
    let (id, other) = (account(&store, "acc").await, account(&store, "other").await);
    let row = ConfirmationRow {
        id: "c1".to_owned(),
        account: id.clone(),
        action: "secret.delete".to_owned(),
        environment: EnvironmentName::production(),
        resource: "KEY".to_owned(),
        version: 3,
        status: Pending,
        requester: RequesterRow { kind: "token".to_owned(), id: "t1".to_owned(), name: "assistant".to_owned() },
        created_at: time(10),
        expires_at: time(100),
        resolved_at: None,
        resolved_by: None,
    };
    let insert = async |row: &ConfirmationRow| {
        let row = row.clone();
        tx!(store, |tx| tx.insert_confirmation(&row).await).unwrap();
    };
    insert(&row).await;
    let later = ConfirmationRow { id: "c2".to_owned(), expires_at: time(50), ..row.clone() };
    insert(&later).await;
    assert_eq!(store.confirmation(&id, "c1").await, Ok(Some(row.clone())));
    assert_eq!(store.confirmation(&other, "c1").await, Ok(None), "another account's is not there");
    assert_eq!(store.newest_confirmation(&row).await, Ok(Some(later.clone())));
    for unlike in [
        ConfirmationRow { version: 4, ..row.clone() },
        ConfirmationRow { resource: "KEY_2".to_owned(), ..row.clone() },
        ConfirmationRow { action: "secret.put".to_owned(), ..row.clone() },
        ConfirmationRow { account: other.clone(), ..row.clone() },
        ConfirmationRow { environment: EnvironmentName::parse("test").unwrap(), ..row.clone() },
        ConfirmationRow { requester: RequesterRow { id: "t2".to_owned(), ..row.requester.clone() }, ..row.clone() },
        ConfirmationRow {
            requester: RequesterRow { kind: "session".to_owned(), ..row.requester.clone() },
            ..row.clone()
        },
    ] {
        assert_eq!(store.newest_confirmation(&unlike).await, Ok(None), "{unlike:?}");
    }
    let open = async |at: i64, limit: u32| {
        let found = store.open_confirmations(&id, None, time(at), limit).await.unwrap();
        found.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!(
        (open(20, 9).await, open(20, 1).await, open(60, 9).await),
        (vec!["c2".into(), "c1".into()], vec!["c2".into()], vec!["c1".to_owned()])
    );

    let step = async |name: &'static str, from: ConfirmationStatus, to: ConfirmationStatus, at: i64| {
        let id = id.clone();
        tx!(store, |tx| tx.move_confirmation(&id, name, (from, to), time(at), "ada").await).unwrap()
    };
    assert!(!step("c1", Approved, Used, 20).await, "nobody said yes");
    assert!(step("c1", Pending, Approved, 20).await);
    assert!(!step("c1", Pending, Declined, 21).await, "it was answered");
    assert!(step("c1", Approved, Used, 22).await);
    assert!(!step("c1", Approved, Used, 23).await, "once");
    assert!(!step("c2", Pending, Approved, 50).await, "its time is over");
    let used = store.confirmation(&id, "c1").await.unwrap().unwrap();
    assert_eq!((used.status, used.resolved_at, used.resolved_by.as_deref()), (Used, Some(time(22)), Some("ada")));
    assert_eq!(tx!(store, |tx| tx.prune_confirmations(time(100)).await), Ok(1));
    assert_eq!(store.confirmation(&id, "c2").await, Ok(None));
}
