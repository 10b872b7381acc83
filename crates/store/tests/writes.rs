//! What a write promises, on both databases: all or nothing, shared commits, survival.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use std::sync::Arc;

use common::*;
use futures_util::FutureExt;
use futures_util::future::join_all;
use store::{EnvironmentRow, Location, Store, StoreError};
use tokio::sync::{Notify, oneshot};

on_both! {
    waiting_writes_share_a_commit, a_failing_job_harms_no_other, going_on_after_an_error, a_job_sees_its_own_writes,
    a_caller_that_goes_away, without_its_audit_event_nothing_happens, a_failing_commit_is_told_to_all,
    puts_of_a_group_follow_each_other, a_deferred_failure_is_told, reopening, closing, a_newer_schema_is_refused, two_nodes,
}

/// Keeps the writer busy until the returned sender is used.
async fn hold(store: &Store) -> oneshot::Sender<()> {
    let (release, released) = oneshot::channel();
    let started = Arc::new(Notify::new());
    let (store, start) = (store.clone(), Arc::clone(&started));
    tokio::spawn(async move {
        tx!(store, |_tx| {
            start.notify_one();
            released.await.unwrap();
            Ok::<_, StoreError>(())
        })
    });
    started.notified().await;
    release
}

async fn put(store: &Store, name: String) -> Result<u64, StoreError> {
    let row = secret_row(&account_id("acc"), "production", &name);
    tx!(store, |tx| {
        tx.insert_secret(&row, b"ciphertext").await?;
        tx.append_audit(&event(&row.account, "secret.put", row.name.as_str(), 0)).await
    })
}

async fn names(store: &Store) -> Vec<String> {
    let rows = store.secrets(&account_id("acc"), None, None, 500).await.unwrap();
    rows.into_iter().map(|row| row.name.to_string()).collect()
}

async fn waiting_writes_share_a_commit(db: Database) {
    let store = db.open().await;
    account(&store, "acc").await;
    let before = store.commits();
    let release = hold(&store).await;
    // All are queued before the first one is let go: join polls in order.
    let writes = join_all((0..40).map(|n| put(&store, format!("S{n}"))));
    let (results, _) = tokio::join!(writes, async { release.send(()) });
    let mut indexes: Vec<_> = results.into_iter().map(Result::unwrap).collect();
    indexes.sort_unstable();
    assert_eq!(indexes, (0..40).collect::<Vec<_>>());
    assert_eq!(store.commits() - before, 2, "the holder's, and one for all forty");
}

async fn a_failing_job_harms_no_other(db: Database) {
    let store = db.open().await;
    account(&store, "acc").await;
    put(&store, "TAKEN".to_owned()).await.unwrap();
    let release = hold(&store).await;
    let job = async |n: u32| match n % 4 {
        0 => put(&store, format!("GOOD{n}")).await,
        1 => put(&store, "TAKEN".to_owned()).await,
        2 => {
            let row = secret_row(&account_id("acc"), "production", &format!("UNDONE{n}"));
            tx!(store, |tx| {
                tx.insert_secret(&row, b"x").await?;
                tx.append_audit(&event(&row.account, "secret.put", "X", 0)).await?;
                Err(StoreError::Corrupt { what: "nothing, but the job says so" })
            })
        }
        _ => {
            let row = secret_row(&account_id("acc"), "production", &format!("PANICKED{n}"));
            tx!(store, |tx| {
                tx.insert_secret(&row, b"x").await?;
                panic!("a job's bug");
            })
        }
    };
    let (results, _) = tokio::join!(join_all((0..40).map(job)), async { release.send(()) });
    for (n, result) in results.into_iter().enumerate() {
        match n % 4 {
            0 => assert!(result.is_ok(), "{result:?}"),
            1 => assert_eq!(result, Err(StoreError::Conflict)),
            2 => assert!(matches!(result, Err(StoreError::Corrupt { .. }))),
            _ => assert_eq!(result, Err(StoreError::Panicked)),
        }
    }
    let names = names(&store).await;
    assert_eq!(names.iter().filter(|name| name.starts_with("GOOD")).count(), 10);
    assert_eq!(names.len(), 11, "{names:?}");
    assert_eq!(store.audit_head(&account_id("acc")).await.unwrap().0, 11, "no event without its change");
}

/// PostgreSQL forgets a transaction after a failed statement; a job that ignores that must not be told it succeeded.
async fn going_on_after_an_error(db: Database) {
    let store = db.open().await;
    let id = account(&store, "acc").await;
    let first = account_row("acc");
    let result = tx!(store, |tx| {
        let _ = tx.insert_account(&first).await;
        Ok::<_, StoreError>(())
    });
    assert_eq!(result.is_ok(), db.is_sqlite(), "SQLite undoes only the statement");
    let staging = EnvironmentRow { name: environment("staging"), created_at: time(1) };
    assert_eq!(tx!(store, |tx| tx.insert_environment(&id, &staging).await), Ok(()), "the writer goes on");
}

async fn a_job_sees_its_own_writes(db: Database) {
    let store = db.open().await;
    let id = account(&store, "acc").await;
    let row = secret_row(&id, "production", "A");
    let outside = store.clone();
    tx!(store, |tx| {
        tx.insert_secret(&row, b"x").await?;
        assert_eq!(tx.secret(&row.account, &row.environment, &row.name).await, Ok(Some(row.clone())));
        assert_eq!(outside.secret(&row.account, &row.environment, &row.name).await, Ok(None), "not committed yet");
        Ok::<_, StoreError>(())
    })
    .unwrap();
    assert_eq!(names(&store).await, ["A"]);
}

async fn a_caller_that_goes_away(db: Database) {
    let store = db.open().await;
    account(&store, "acc").await;
    let release = hold(&store).await;
    assert_eq!(put(&store, "ABANDONED".to_owned()).now_or_never(), None);
    release.send(()).unwrap();
    put(&store, "NEXT".to_owned()).await.unwrap();
    assert_eq!(names(&store).await, ["ABANDONED", "NEXT"]);
    assert_eq!(store.audit_head(&account_id("acc")).await.unwrap().0, 2);
}

async fn without_its_audit_event_nothing_happens(db: Database) {
    let store = db.open().await;
    account(&store, "acc").await;
    put(&store, "BEFORE".to_owned()).await.unwrap();
    let (refuse, allow) = if db.is_sqlite() {
        (
            "CREATE TRIGGER refuse BEFORE INSERT ON audit_events BEGIN SELECT RAISE(ABORT, 'refused'); END",
            "DROP TRIGGER refuse",
        )
    } else {
        (
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
             'BEGIN RAISE EXCEPTION USING MESSAGE = ''refused''; END'; \
             CREATE TRIGGER refuse BEFORE INSERT ON audit_events FOR EACH ROW EXECUTE FUNCTION refuse()",
            "DROP TRIGGER refuse ON audit_events",
        )
    };
    db.raw(refuse).await;
    let state = db.dump().await;
    let refused = put(&store, "REFUSED".to_owned()).await;
    assert!(matches!(&refused, Err(StoreError::Database(text)) if text.contains("refused")), "{refused:?}");
    assert_eq!(db.dump().await, state);
    db.raw(allow).await;
    assert_eq!(put(&store, "AFTER".to_owned()).await, Ok(1));
}

async fn a_failing_commit_is_told_to_all(db: Database) {
    let store = db.open().await;
    account(&store, "acc").await;
    // A constraint that is checked at COMMIT: each job by itself succeeds.
    let deferred = "CREATE TABLE parent (id BIGINT PRIMARY KEY); \
                    CREATE TABLE child (id BIGINT REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED);";
    let (trigger, allow) = if db.is_sqlite() {
        ("CREATE TRIGGER later AFTER INSERT ON secrets BEGIN INSERT INTO child VALUES (1); END", "DROP TRIGGER later")
    } else {
        (
            "CREATE FUNCTION later() RETURNS trigger LANGUAGE plpgsql AS \
             'BEGIN INSERT INTO child VALUES (1); RETURN NEW; END'; \
             CREATE TRIGGER later AFTER INSERT ON secrets FOR EACH ROW EXECUTE FUNCTION later()",
            "DROP TRIGGER later ON secrets",
        )
    };
    db.raw(format!("{deferred} {trigger}")).await;
    let state = db.dump().await;
    let release = hold(&store).await;
    let writes = join_all((0..5).map(|n| put(&store, format!("S{n}"))));
    let (results, _) = tokio::join!(writes, async { release.send(()) });
    assert_eq!(results, vec![Err(StoreError::Missing); 5]);
    assert_eq!(db.dump().await, state);
    db.raw(allow).await;
    assert_eq!(put(&store, "AFTER".to_owned()).await, Ok(0), "the writer goes on");
}

/// Adds a version as a put does. Reads once, writes with whatever is sent next.
async fn put_again(store: &Store, name: &'static str, fail: bool) -> Result<u64, StoreError> {
    tx!(store, |tx| {
        let view = tx.put_view(&account_id("acc"), &environment("production"), &secret_name(name), None).await?;
        let (mut row, next) = view.secret.ok_or(StoreError::Missing)?;
        row.version = next;
        row.mask = format!("mask {next}");
        tx.add_version(&row, format!("ciphertext {next}").as_bytes()).await?;
        tx.append_audit(&event(&row.account, "secret.put", name, next)).await?;
        if fail { Err(StoreError::Corrupt { what: "nothing, but the job says so" }) } else { Ok(next) }
    })
}

async fn puts_of_a_group_follow_each_other(db: Database) {
    let store = db.open().await;
    let id = account(&store, "acc").await;
    for name in ["A", "B"] {
        put(&store, name.to_owned()).await.unwrap();
    }
    let before = store.commits();
    let release = hold(&store).await;
    // 300 events: complete subtrees are stored too.
    let job = async |n: usize| match n % 10 {
        3 => put(&store, "A".to_owned()).await,
        4 => put_again(&store, "MISSING", false).await,
        5 => put_again(&store, "A", true).await,
        6 => put(&store, format!("NEW{n}")).await,
        _ => put_again(&store, ["A", "B"][n % 2], false).await,
    };
    let (results, _) = tokio::join!(join_all((0..500).map(job)), async { release.send(()) });
    assert!(store.commits() - before <= 6, "in groups");
    // Which came first is not said; each got a number of its own, and none is left out.
    let mut numbers = [Vec::new(), Vec::new()];
    for (n, result) in results.into_iter().enumerate() {
        match n % 10 {
            3 => assert_eq!(result, Err(StoreError::Conflict)),
            4 => assert_eq!(result, Err(StoreError::Missing)),
            5 => assert!(matches!(result, Err(StoreError::Corrupt { .. })), "{result:?}"),
            6 => assert!(result.is_ok(), "{result:?}"),
            _ => numbers[n % 2].push(result.unwrap()),
        }
    }
    let expected = numbers.map(|mut numbers| {
        numbers.sort_unstable();
        let next = 2 + numbers.len() as u64;
        assert_eq!(numbers, (2..next).collect::<Vec<_>>());
        next
    });
    let mut puts = 0;
    for (name, next) in ["A", "B"].into_iter().zip(expected) {
        let row = store.secret(&id, &environment("production"), &secret_name(name)).await.unwrap().unwrap();
        assert_eq!((row.version, row.mask), (next - 1, format!("mask {}", next - 1)));
        assert_eq!(store.next_version(&id, &row.id).await, Ok(Some(next)));
        let versions = store.versions(&id, &row.id, None, 1000).await.unwrap();
        assert_eq!(versions.iter().map(|row| row.version).collect::<Vec<_>>(), (1..next).rev().collect::<Vec<_>>());
        let text = store.ciphertext(&id, &row.id, next - 1).await.unwrap().unwrap();
        assert_eq!(text, format!("ciphertext {}", next - 1).into_bytes());
        puts += next - 1;
    }
    let (size, root) = store.audit_head(&id).await.unwrap();
    assert_eq!(size, puts + 50, "an event for each change and for nothing else");
    let mut tree = domain::audit::Frontier::default();
    for row in store.audit_events_from(&id, 0, 1000).await.unwrap() {
        tree.append(domain::audit::merkle::leaf_hash(row.body.as_bytes()));
    }
    assert_eq!((tree.size(), tree.root()), (size, root));
    assert!(store.inclusion_proof(&id, 3, size).await.unwrap().is_some());
}

/// A statement that waited and then failed: what was told to have happened did, and nothing else.
async fn a_deferred_failure_is_told(db: Database) {
    let store = db.open().await;
    let id = account(&store, "acc").await;
    for name in ["A", "B", "C"] {
        put(&store, name.to_owned()).await.unwrap();
    }
    let refuse = if db.is_sqlite() {
        "CREATE TRIGGER refuse BEFORE INSERT ON audit_events WHEN new.resource_name = 'B' \
         BEGIN SELECT RAISE(ABORT, 'refused'); END"
    } else {
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
         'BEGIN RAISE EXCEPTION USING MESSAGE = ''refused''; END'; \
         CREATE TRIGGER refuse BEFORE INSERT ON audit_events FOR EACH ROW WHEN (new.resource_name = 'B') \
         EXECUTE FUNCTION refuse()"
    };
    db.raw(refuse).await;
    let release = hold(&store).await;
    let writes = join_all(["A", "B", "C", "A"].into_iter().map(|name| put_again(&store, name, false)));
    let (results, _) = tokio::join!(writes, async { release.send(()) });
    assert!(results[1].is_err(), "{results:?}");
    let happened = results.iter().filter(|result| result.is_ok()).count() as u64;
    assert_eq!(happened, if db.is_sqlite() { 0 } else { 3 }, "SQLite's group fails as one: {results:?}");
    let mut versions = 0;
    for row in store.secrets(&id, None, None, 9).await.unwrap() {
        versions += row.version;
    }
    assert_eq!(versions, 3 + happened);
    assert_eq!(store.audit_head(&id).await.unwrap().0, 3 + happened);
    assert!(put_again(&store, "C", false).await.is_ok(), "the writer goes on");
}

async fn reopening(db: Database) {
    let store = db.open().await;
    account(&store, "acc").await;
    put(&store, "KEPT".to_owned()).await.unwrap();
    let head = store.audit_head(&account_id("acc")).await;
    store.close().await;
    let state = db.dump().await;
    let store = db.open().await;
    assert_eq!(names(&store).await, ["KEPT"]);
    assert_eq!(store.audit_head(&account_id("acc")).await, head);
    assert_eq!(db.dump().await, state);
    assert_eq!(store.ping().await, Ok(()));
}

async fn closing(db: Database) {
    let store = db.open().await;
    account(&store, "acc").await;
    let release = hold(&store).await;
    // The writes were accepted before the close, so they happen.
    let writes = join_all((0..10).map(|n| put(&store, format!("S{n}"))));
    let (results, _, ()) = tokio::join!(writes, async { release.send(()) }, store.close());
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!(put(&store, "LATE".to_owned()).await, Err(StoreError::Closed));
    assert_eq!(store.ping().await, Err(StoreError::Closed));
    store.close().await;
    assert_eq!(names(&db.open().await).await.len(), 10);
}

async fn a_newer_schema_is_refused(db: Database) {
    db.open().await.close().await;
    let now = if db.is_sqlite() { "x'00'" } else { "'\\x00'::bytea" };
    let truth = if db.is_sqlite() { "1" } else { "true" };
    db.raw(format!(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'from the future', {truth}, {now}, 0)"
    ))
    .await;
    let refused = Store::open(&db.location).await.map(|_| ());
    assert!(matches!(refused, Err(StoreError::NewerSchema { found: 9999, known: 1..9999 })), "{refused:?}");
    assert!(refused.unwrap_err().to_string().contains("run the newer program"));
}

async fn two_nodes(db: Database) {
    let nodes = [db.open().await, db.open().await];
    account(&nodes[0], "acc").await;
    let results = join_all((0..60).map(|n| put(&nodes[n % 2], format!("S{n}")))).await;
    let mut indexes: Vec<_> = results.into_iter().map(Result::unwrap).collect();
    indexes.sort_unstable();
    assert_eq!(indexes, (0..60).collect::<Vec<_>>(), "one log, without gap or fork");
}

#[tokio::test]
async fn postgres_connections_that_die_are_replaced() {
    let db = Database::postgres().await;
    let store = db.open().await;
    account(&store, "acc").await;
    put(&store, "BEFORE".to_owned()).await.unwrap();
    let kill = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity \
                WHERE datname = current_database() AND pid <> pg_backend_pid()";
    db.raw(kill).await;
    assert_eq!(put(&store, "AFTER".to_owned()).await, Ok(1), "no write had run on the dead connection");
    assert_eq!(names(&store).await, ["AFTER", "BEFORE"]);

    // Killed in the middle of a group: nothing of it happened and everybody is told.
    let release = hold(&store).await;
    let writes = join_all((0..5).map(|n| put(&store, format!("LOST{n}"))));
    let (results, ()) = tokio::join!(writes, async {
        db.raw(kill).await;
        release.send(()).unwrap();
    });
    let after = put(&store, "LAST".to_owned()).await;
    assert_eq!(after, Ok(2 + results.iter().filter(|result| result.is_ok()).count() as u64));
    assert_eq!(names(&store).await.len(), 3 + results.iter().filter(|result| result.is_ok()).count());
}

#[tokio::test]
async fn the_sqlite_file_is_private_and_forgets_what_was_destroyed() {
    use std::os::unix::fs::PermissionsExt;
    const CIPHERTEXT: &[u8] = b"a ciphertext that nobody shall find again";
    let db = Database::sqlite();
    let Location::Sqlite(path) = &db.location else { unreachable!() };
    let store = db.open().await;
    let id = account(&store, "acc").await;
    for suffix in ["", "-wal", "-shm"] {
        let file = format!("{}{suffix}", path.display());
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "{file}");
    }
    let found = || {
        let bytes = std::fs::read(path).unwrap();
        bytes.windows(CIPHERTEXT.len()).filter(|window| *window == CIPHERTEXT).count()
    };
    let (destroyed, deleted) = (secret_row(&id, "production", "DESTROYED"), secret_row(&id, "production", "DELETED"));
    let (first, second) = (destroyed.clone(), deleted.clone());
    tx!(store, |tx| {
        tx.insert_secret(&first, CIPHERTEXT).await?;
        let mut next = first.clone();
        next.version = 2;
        tx.add_version(&next, b"next").await?;
        tx.insert_secret(&second, CIPHERTEXT).await
    })
    .unwrap();
    store.close().await;
    assert_eq!(found(), 2, "closing brings all into the one file");
    let store = db.open().await;
    tx!(store, |tx| {
        assert!(tx.destroy_version(&id, &destroyed.id, 1, time(1)).await?);
        tx.delete_secret(&id, &deleted.id).await
    })
    .unwrap();
    store.close().await;
    assert_eq!(found(), 0);
}

#[tokio::test]
async fn errors_and_debug_tell_no_password() {
    let url = "postgres://tresor:hunter2@127.0.0.1:1/db";
    let location = Location::Postgres(url.to_owned());
    assert!(!format!("{location:?}").contains("hunter2"));
    let error = Store::open(&location).await.map(|_| ()).unwrap_err();
    assert!(!format!("{error:?} {error}").contains("hunter2"), "{error:?}");
}
