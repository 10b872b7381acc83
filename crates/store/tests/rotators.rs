//! Rotators and rotations, on both databases: one at a time, by one at a time, and gone with what they are about.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use common::*;
use domain::AccountId;
use domain::rotation::{RotationStatus, RotationStep, RotatorKind};
use store::{RotationRow, RotatorRow, SecretRow, Store, StoreError};

#[tokio::test]
async fn sqlite() {
    rotators(Database::sqlite()).await;
}

#[tokio::test]
async fn postgres() {
    rotators(Database::postgres().await).await;
}

fn rotator_row(secret: &SecretRow) -> RotatorRow {
    RotatorRow {
        account: secret.account.clone(),
        secret: secret.id.clone(),
        environment: secret.environment.clone(),
        name: secret.name.clone(),
        kind: RotatorKind::Function,
        function: None,
        settings: "{}".to_owned(),
        every_days: Some(30),
        next_at: Some(time(500)),
        failed_at: None,
        set_at: time(100),
        set_by: "ci".to_owned(),
    }
}

fn rotation_row(secret: &SecretRow, id: &str) -> RotationRow {
    RotationRow {
        account: secret.account.clone(),
        id: id.to_owned(),
        secret: secret.id.clone(),
        environment: secret.environment.clone(),
        name: secret.name.clone(),
        of_version: 1,
        step: RotationStep::Create,
        status: RotationStatus::Running,
        tries: 0,
        next_at: Some(time(200)),
        claim: None,
        problem: None,
        pending: None,
        new_version: None,
        started_at: time(200),
        started_by: "ci".to_owned(),
        step_at: time(200),
        ended_at: None,
    }
}

async fn stored(store: &Store, account: &AccountId, place: &str, name: &str) -> SecretRow {
    let row = secret_row(account, place, name);
    let insert = row.clone();
    tx!(store, |tx| tx.insert_secret(&insert, b"c").await).unwrap();
    row
}

async fn rotators(db: Database) {
    let store = db.open().await;
    let (id, other) = (account(&store, "acc").await, account(&store, "other").await);
    let (secret, elsewhere) =
        (stored(&store, &id, "production", "KEY").await, stored(&store, &id, "test", "KEY").await);
    let theirs = stored(&store, &other, "production", "KEY").await;
    let function = function_row(&id, "rotate");
    let insert = function.clone();
    tx!(store, |tx| tx.insert_function(&insert).await).unwrap();

    let by_function =
        RotatorRow { function: Some((function.id.clone(), function.name.clone())), ..rotator_row(&secret) };
    let plain = RotatorRow { every_days: None, next_at: None, ..rotator_row(&elsewhere) };
    for row in [by_function.clone(), plain.clone(), rotator_row(&theirs)] {
        tx!(store, |tx| tx.put_rotator(&row).await).unwrap();
    }
    assert_eq!(store.rotator(&id, &secret.id).await, Ok(Some(by_function.clone())));
    assert_eq!(store.rotator(&other, &secret.id).await, Ok(None));
    assert_eq!(store.rotated_by(&id, &function.id, None).await, Ok(vec![by_function.clone()]));
    assert_eq!(store.rotated_by(&id, &function.id, Some(&environment("test"))).await, Ok(vec![]));
    assert_eq!(store.rotated_by(&other, &function.id, None).await, Ok(vec![]));
    assert_eq!(store.due_rotators(time(499), 10).await, Ok(vec![]));
    assert_eq!(store.due_rotators(time(500), 10).await.unwrap().len(), 2, "of all accounts");
    let nowhere = RotatorRow { secret: domain::SecretId::new("none"), ..plain };
    assert_eq!(tx!(store, |tx| tx.put_rotator(&nowhere).await), Err(StoreError::Missing));

    // What a rotator replaces by itself is not due; what it failed at is.
    let late = async || {
        let rows = store.untold_due(&id, time(i64::MAX / 2), time(i64::MAX / 2), 10).await.unwrap();
        rows.into_iter().map(|row| row.environment.to_string()).collect::<Vec<_>>()
    };
    db.raw("UPDATE secrets SET rotate_after_days = 1").await;
    assert_eq!(late().await, ["test"], "that one begins only when it is told to");
    let timed = async |place: Option<&str>| {
        let rows = store.timed_rotators(&id, place.map(environment).as_ref()).await.unwrap();
        rows.into_iter().map(|row| row.environment.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(
        (timed(None).await, timed(Some("production")).await),
        (vec!["production".to_owned()], timed(None).await)
    );
    assert_eq!(timed(Some("test")).await, Vec::<String>::new());
    let (account, of) = (id.clone(), secret.id.clone());
    tx!(store, |tx| tx.time_rotator(&account, &of, None, Some(time(600))).await).unwrap();
    assert_eq!(late().await, ["production", "test"]);
    assert_eq!(timed(None).await, Vec::<String>::new(), "it waits for somebody");

    // One at a time.
    let first = rotation_row(&secret, "r1");
    for row in [first.clone(), rotation_row(&theirs, "r1")] {
        tx!(store, |tx| tx.insert_rotation(&row).await).unwrap();
    }
    let second = rotation_row(&secret, "r2");
    assert_eq!(tx!(store, |tx| tx.insert_rotation(&second).await), Err(StoreError::Conflict));
    assert_eq!(store.open_rotation(&id, &secret.id).await, Ok(Some(first.clone())));
    assert_eq!(store.rotation(&other, "r1").await.unwrap().unwrap().account, other);
    assert_eq!(store.due_rotations(time(199), 10).await, Ok(vec![]));
    assert_eq!(store.next_rotation_at().await, Ok(Some(time(200))));

    // Of two who read it, one claims it.
    let (mine, yours) = (first.clone(), first.clone());
    assert_eq!(tx!(store, |tx| tx.claim_rotation(&mine, "mine", time(300)).await), Ok(true));
    assert_eq!(tx!(store, |tx| tx.claim_rotation(&yours, "yours", time(300)).await), Ok(false));
    let account = id.clone();
    assert_eq!(tx!(store, |tx| tx.hold_rotation(&account, "r1", "mine", time(400)).await), Ok(true));
    let account = id.clone();
    assert_eq!(tx!(store, |tx| tx.hold_rotation(&account, "r1", "yours", time(999)).await), Ok(false));
    let account = id.clone();
    assert_eq!(tx!(store, |tx| tx.keep_pending(&account, "r1", "yours", b"x").await), Ok(false));
    let account = id.clone();
    assert_eq!(tx!(store, |tx| tx.keep_pending(&account, "r1", "mine", b"one").await), Ok(true));
    let claimed = store.rotation(&id, "r1").await.unwrap().unwrap();
    assert_eq!(
        (claimed.claim.as_deref(), claimed.next_at, claimed.pending.as_deref()),
        (Some("mine"), Some(time(400)), Some(&b"one"[..]))
    );
    assert_eq!(store.pending_rotations(&id).await.unwrap().len(), 1);
    assert_eq!(store.pending_rotations(&other).await, Ok(vec![]));
    // Encrypted anew meanwhile: who goes on does not put the old one back.
    let account = id.clone();
    tx!(store, |tx| tx.renew_pending(&account, "r1", b"two").await).unwrap();
    let next =
        RotationRow { step: RotationStep::Verify, tries: 1, problem: Some("late".to_owned()), ..claimed.clone() };
    let moved = next.clone();
    assert_eq!(tx!(store, |tx| tx.move_rotation(&moved, Some("yours"), RotationStatus::Running).await), Ok(false));
    let moved = next.clone();
    assert_eq!(tx!(store, |tx| tx.move_rotation(&moved, None, RotationStatus::Running).await), Ok(false));
    let moved = next.clone();
    assert_eq!(tx!(store, |tx| tx.move_rotation(&moved, Some("mine"), RotationStatus::Failed).await), Ok(false));
    let moved = next.clone();
    assert_eq!(tx!(store, |tx| tx.move_rotation(&moved, Some("mine"), RotationStatus::Running).await), Ok(true));
    let expected = RotationRow { pending: Some(b"two".to_vec()), ..next.clone() };
    assert_eq!(store.rotation(&id, "r1").await, Ok(Some(expected.clone())));
    // Who was here before is known to be gone only where nobody else can be.
    let released = tx!(store, |tx| tx.release_rotations(time(350)).await).unwrap();
    assert_eq!(released, u64::from(db.is_sqlite()));
    assert_eq!(store.is_shared(), !db.is_sqlite());
    let stands = store.rotation(&id, "r1").await.unwrap().unwrap();
    // A claim that was not renewed is anybody's.
    let taken = stands.clone();
    assert_eq!(tx!(store, |tx| tx.claim_rotation(&taken, "next", time(900)).await), Ok(true));
    let failed = RotationRow { status: RotationStatus::Failed, claim: None, next_at: None, ..stands };
    let moved = failed.clone();
    assert_eq!(tx!(store, |tx| tx.move_rotation(&moved, Some("next"), RotationStatus::Running).await), Ok(true));
    let names = |rows: Vec<RotationRow>| rows.into_iter().map(|row| row.id).collect::<Vec<_>>();
    assert_eq!(names(store.failed_rotations(&id, None).await.unwrap()), ["r1"]);
    assert_eq!(names(store.failed_rotations(&id, Some(&environment("test"))).await.unwrap()), Vec::<String>::new());
    let over = RotationRow { status: RotationStatus::Cancelled, ended_at: Some(time(950)), ..failed };
    tx!(store, |tx| tx.move_rotation(&over, None, RotationStatus::Failed).await).unwrap();
    assert_eq!(store.pending_rotations(&id).await, Ok(vec![]), "what is over holds nothing");
    assert_eq!(store.open_rotation(&id, &secret.id).await, Ok(None));
    let second = rotation_row(&secret, "r2");
    tx!(store, |tx| tx.insert_rotation(&second).await).unwrap();
    assert_eq!(names(store.rotations(&id, &secret.id, None, 10).await.unwrap()), ["r2", "r1"]);
    assert_eq!(names(store.rotations(&id, &secret.id, Some("r2"), 10).await.unwrap()), ["r1"]);
    assert_eq!(names(store.rotations(&other, &secret.id, None, 10).await.unwrap()), Vec::<String>::new());
    tx!(store, |tx| tx.prune_rotations(time(951)).await).unwrap();
    assert_eq!(names(store.rotations(&id, &secret.id, None, 10).await.unwrap()), ["r2"]);

    // Gone with the function, and with the secret.
    let (account, of) = (id.clone(), function.id.clone());
    tx!(store, |tx| tx.delete_function(&account, &of).await).unwrap();
    assert_eq!(store.rotator(&id, &secret.id).await, Ok(None));
    let (account, of) = (id.clone(), elsewhere.id.clone());
    assert!(tx!(store, |tx| tx.delete_rotator(&account, &of).await).unwrap());
    let (account, of) = (id.clone(), secret.id.clone());
    tx!(store, |tx| tx.delete_secret(&account, &of).await).unwrap();
    assert_eq!(store.rotation(&id, "r2").await, Ok(None));
    assert!(store.rotation(&other, "r1").await.unwrap().is_some());
    store.close().await;
}
