//! Secret requests on both databases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use common::{Database, account, environment, secret_name, time, tx};
use domain::{AccountId, SecretRequestStatus as Status};
use store::{RequesterRow, SecretRequestRow, Store, StoreError};

mod sqlite {
    #[tokio::test]
    async fn life() {
        super::life(crate::common::Database::sqlite()).await;
    }
}

mod postgres {
    #[tokio::test]
    async fn life() {
        super::life(crate::common::Database::postgres().await).await;
    }
}

fn requester(id: &str) -> RequesterRow {
    RequesterRow { kind: "token".to_owned(), id: id.to_owned(), name: "assistant".to_owned() }
}

fn row(account: &AccountId, id: &str, name: &str) -> SecretRequestRow {
    SecretRequestRow {
        id: id.to_owned(),
        account: account.clone(),
        environment: environment("production"),
        name: secret_name(name),
        reason: "to send mail".to_owned(),
        obtain_url: None,
        status: Status::Pending,
        requester: requester("t1"),
        created_at: time(10),
        expires_at: time(1_000),
        resolved_at: None,
        resolved_by: None,
        told_at: None,
    }
}

async fn resolve(store: &Store, account: &AccountId, id: &str, status: Status, at: i64) -> Result<bool, StoreError> {
    let (account, id) = (account.clone(), id.to_owned());
    tx!(store, |tx| tx.resolve_secret_request(&account, &id, status, time(at), "anna").await)
}

async fn life(db: Database) {
    let store = db.open().await;
    let (id, other) = (account(&store, "acc").await, account(&store, "other").await);
    let mut in_test = row(&id, "r3", "KEY");
    in_test.environment = environment("test");
    in_test.obtain_url = Some("https://example.com/keys".to_owned());
    in_test.requester = requester("t2");
    let rows = [row(&id, "r1", "KEY"), row(&id, "r2", "OTHER"), in_test.clone(), row(&other, "r4", "KEY")];
    for row in rows.clone() {
        tx!(store, |tx| tx.insert_secret_request(&row).await).unwrap();
    }
    let mut nowhere = row(&id, "r5", "KEY");
    nowhere.environment = environment("staging");
    assert_eq!(tx!(store, |tx| tx.insert_secret_request(&nowhere).await), Err(StoreError::Missing));
    let twice = row(&id, "r1", "KEY");
    assert_eq!(tx!(store, |tx| tx.insert_secret_request(&twice).await), Err(StoreError::Conflict));

    assert_eq!(store.secret_request(&id, "r3").await, Ok(Some(in_test.clone())));
    assert_eq!(store.secret_request(&other, "r3").await, Ok(None), "another account's is not there");
    let ids = async |environment: Option<&str>, open_at: Option<i64>, before: Option<&str>, limit| {
        let environment = environment.map(common::environment);
        let found = store.secret_requests(&id, environment.as_ref(), open_at.map(time), before, limit).await.unwrap();
        found.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(None, None, None, 9).await, ["r3", "r2", "r1"]);
    assert_eq!(ids(None, None, Some("r3"), 1).await, ["r2"]);
    assert_eq!(ids(Some("test"), None, None, 9).await, ["r3"]);
    assert_eq!(ids(None, Some(1_000), None, 9).await, Vec::<String>::new(), "expired ones are not open");
    assert_eq!(store.count_open_secret_requests(&id, time(999)).await, Ok(3));
    assert_eq!(store.count_open_secret_requests(&id, time(1_000)).await, Ok(0));
    let newest = async |who: &str| {
        let (production, name) = (environment("production"), secret_name("KEY"));
        store.newest_secret_request(&id, &requester(who), &production, &name).await.unwrap().map(|row| row.id)
    };
    assert_eq!(newest("t1").await.as_deref(), Some("r1"));
    assert_eq!(newest("t2").await, None, "that is somebody else's");

    let view = async |account: &AccountId, name: &str| {
        let (account, name) = (account.clone(), secret_name(name));
        tx!(store, |tx| tx.put_view(&account, &environment("production"), &name, None).await).unwrap().requested
    };
    assert!(view(&id, "KEY").await && !view(&id, "NONE").await);
    assert_eq!(resolve(&store, &other, "r1", Status::Declined, 20).await, Ok(false), "another account's");
    assert_eq!(resolve(&store, &id, "r1", Status::Declined, 1_000).await, Ok(false), "too late");
    assert_eq!(resolve(&store, &id, "r2", Status::Declined, 20).await, Ok(true));
    assert_eq!(resolve(&store, &id, "r2", Status::Cancelled, 21).await, Ok(false), "once");
    assert!(!view(&id, "OTHER").await);

    let owner = id.clone();
    let fulfil = async |at| {
        let owner = owner.clone();
        tx!(store, |tx| {
            tx.fulfil_secret_requests(&owner, &environment("production"), &secret_name("KEY"), time(at), "anna").await
        })
    };
    assert_eq!(fulfil(1_000).await, Ok(vec![]), "too late");
    assert_eq!(fulfil(30).await, Ok(vec!["r1".to_owned()]));
    assert_eq!(fulfil(31).await, Ok(vec![]));
    let told = id.clone();
    tx!(store, |tx| tx.tell_secret_request(&told, "r1", time(40)).await).unwrap();
    let mut done = row(&id, "r1", "KEY");
    done.status = Status::Fulfilled;
    (done.resolved_at, done.resolved_by) = (Some(time(30)), Some("anna".to_owned()));
    done.told_at = Some(time(40));
    assert_eq!(store.secret_request(&id, "r1").await, Ok(Some(done)));
    assert_eq!(store.secret_request(&id, "r3").await, Ok(Some(in_test)), "another environment's waits on");
    assert_eq!(store.secret_request(&other, "r4").await, Ok(Some(row(&other, "r4", "KEY"))));

    assert_eq!(tx!(store, |tx| tx.prune_secret_requests(time(1_000)).await), Ok(0));
    assert_eq!(tx!(store, |tx| tx.prune_secret_requests(time(1_001)).await), Ok(4));
}
