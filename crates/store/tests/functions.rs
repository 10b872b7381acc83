//! Functions, their invocations and log lines, on both databases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use std::collections::BTreeMap;

use common::*;
use domain::{AccountId, SecretSelection};
use store::StoreError;

on_both! {
    functions, deleting_a_function, invocations_and_logs, pruning, logs_within_their_bytes,
}

async fn functions(db: Database) {
    let store = db.open().await;
    let id = account(&store, "acc").await;
    for name in ["mail", "a-b", "ab"] {
        let row = function_row(&id, name);
        tx!(store, |tx| tx.insert_function(&row).await).unwrap();
    }
    let mut same_name = function_row(&id, "mail");
    same_name.id = "other".to_owned();
    assert_eq!(tx!(store, |tx| tx.insert_function(&same_name).await), Err(StoreError::Conflict));
    let mail = function_row(&id, "mail");
    assert_eq!(store.function(&id, &mail.name).await, Ok(Some(mail.clone())));
    assert_eq!(store.count_functions(&id).await, Ok(3));
    let page = store.functions(&id, Some(&function_name("a-b")), 5).await.unwrap();
    assert_eq!(page.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(), ["ab", "mail"]);

    let production = environment("production");
    assert_eq!(store.active_deployment(&id, &production, &mail.name).await, Ok(None));
    for (number, digest) in [(1, "d1"), (2, "d2"), (3, "d1")] {
        assert_eq!(deploy(&store, deployment_row(&mail.id, digest), &id).await, Ok(number));
    }
    assert_eq!(deploy(&store, deployment_row("unknown", "d1"), &id).await, Err(StoreError::Missing));
    let (account, no_bundle) = (id.clone(), deployment_row(&mail.id, "d9"));
    let no_bundle = tx!(store, |tx| tx.insert_deployment(&account, &no_bundle, &BTreeMap::new()).await);
    assert_eq!(no_bundle, Err(StoreError::Missing));

    let mut second = deployment_row(&mail.id, "d2");
    second.number = 2;
    assert_eq!(store.deployment(&id, &mail.id, 2).await, Ok(Some(second.clone())));
    assert_eq!(store.deployment(&id, &mail.id, 4).await, Ok(None), "the one without a bundle took no number");
    let numbers = |rows: Vec<store::DeploymentRow>| rows.iter().map(|row| row.number).collect::<Vec<_>>();
    assert_eq!(numbers(store.deployments(&id, &mail.id, None, 2).await.unwrap()), [3, 2]);
    assert_eq!(numbers(store.deployments(&id, &mail.id, Some(2), 9).await.unwrap()), [1]);
    let files = store.deployment_files(&id, &mail.id, 1).await.unwrap().unwrap();
    assert_eq!(files, BTreeMap::from([("index.ts".to_owned(), "code \"ü\" \0".to_owned())]));
    assert_eq!(store.bundle(&id, "d1").await, Ok(Some(b"d1".to_vec())));
    assert_eq!(store.bundle(&id, "d9").await, Ok(None));

    assert_eq!(set_active(&store, &id, &mail.id, "production", 1, 300).await, Ok(()));
    assert_eq!(set_active(&store, &id, &mail.id, "test", 3, 310).await, Ok(()));
    assert_eq!(set_active(&store, &id, &mail.id, "production", 2, 320).await, Ok(()));
    assert_eq!(set_active(&store, &id, &mail.id, "production", 7, 330).await, Err(StoreError::Missing));
    assert_eq!(set_active(&store, &id, &mail.id, "staging", 2, 340).await, Err(StoreError::Missing));
    let active = store.active_deployment(&id, &production, &mail.name).await.unwrap().unwrap();
    assert_eq!((active.function_id, active.number, active.digest), (mail.id.clone(), 2, "d2".to_owned()));
    assert_eq!((active.access, active.secrets), (second.access.clone(), second.secrets.clone()));
    let active = store.active(&id, &mail.id).await.unwrap();
    let active: Vec<_> = active.iter().map(|row| (row.environment.as_str(), row.number)).collect();
    assert_eq!(active, [("production", 2), ("test", 3)]);
    assert_eq!(store.active_deployments(&id, &production).await, Ok(vec![(mail.name.clone(), second)]));
    assert_eq!(store.function(&id, &mail.name).await.unwrap().unwrap().updated_at, time(320));
}

async fn deleting_a_function(db: Database) {
    let store = db.open().await;
    let id = account(&store, "acc").await;
    for name in ["mail", "shop"] {
        let row = function_row(&id, name);
        tx!(store, |tx| tx.insert_function(&row).await).unwrap();
        deploy(&store, deployment_row(&format!("acc/{name}"), "shared"), &id).await.unwrap();
        deploy(&store, deployment_row(&format!("acc/{name}"), name), &id).await.unwrap();
        set_active(&store, &id, &format!("acc/{name}"), "production", 2, 300).await.unwrap();
        let invocation = invocation_row(&id, &format!("acc/{name}"), name, 400);
        let log = log_row(&id, &format!("acc/{name}"), Some(name), 1, 400);
        tx!(store, |tx| {
            tx.insert_invocations(&[invocation]).await?;
            tx.insert_logs(&[log]).await
        })
        .unwrap();
    }
    set_active(&store, &id, "acc/shop", "test", 1, 300).await.unwrap();
    let clear = async |account: &AccountId, at: &'static str| {
        let account = account.clone();
        tx!(store, |tx| tx.clear_active(&account, "acc/shop", &environment(at)).await)
    };
    assert_eq!((clear(&account_id("other"), "test").await, clear(&id, "test").await), (Ok(false), Ok(true)));
    assert_eq!(clear(&id, "test").await, Ok(false));
    assert_eq!(store.active(&id, "acc/shop").await.unwrap().len(), 1, "production keeps it");
    let delete = async || {
        let id = id.clone();
        tx!(store, |tx| tx.delete_function(&id, "acc/mail").await)
    };
    assert_eq!(delete().await, Ok(true));
    assert_eq!(delete().await, Ok(false));
    assert_eq!(store.function(&id, &function_name("mail")).await, Ok(None));
    assert_eq!(store.deployments(&id, "acc/mail", None, 9).await, Ok(Vec::new()));
    assert_eq!(store.active(&id, "acc/mail").await, Ok(Vec::new()));
    assert_eq!(store.bundle(&id, "mail").await, Ok(None), "nothing uses it");
    assert!(store.bundle(&id, "shared").await.unwrap().is_some(), "the other function uses it");
    assert_eq!(store.invocation(&id, "mail").await, Ok(None));
    assert_eq!(store.function_logs(&id, "acc/mail", 9).await, Ok(Vec::new()));
    assert!(store.invocation(&id, "shop").await.unwrap().is_some());
    assert_eq!(store.invocation_logs(&id, "shop", 9).await.unwrap().len(), 1);
    let shop = store.active_deployment(&id, &environment("production"), &function_name("shop")).await.unwrap().unwrap();
    assert_eq!(shop.number, 2);
    assert_eq!(shop.secrets, SecretSelection::Only([secret_name("A"), secret_name("B")].into()));

    // An invocation may end after its function was deleted: its line must not cost the others theirs.
    let mut late: Vec<_> = (0..100).map(|n| invocation_row(&id, "acc/mail", &format!("late{n}"), 500)).collect();
    late.extend((0..100).map(|n| invocation_row(&id, "acc/shop", &format!("next{n}"), 500)));
    let lines = [log_row(&id, "acc/mail", None, 1, 500), log_row(&id, "acc/shop", None, 2, 500)];
    tx!(store, |tx| {
        tx.insert_invocations(&late).await?;
        tx.insert_logs(&lines).await
    })
    .unwrap();
    for n in 0..100 {
        assert_eq!(store.invocation(&id, &format!("late{n}")).await, Ok(None));
        assert!(store.invocation(&id, &format!("next{n}")).await.unwrap().is_some());
    }
    assert_eq!(store.function_logs(&id, "acc/shop", 9).await.unwrap().len(), 2);
}

async fn invocations_and_logs(db: Database) {
    let store = db.open().await;
    let id = account(&store, "acc").await;
    let function = function_row(&id, "mail");
    tx!(store, |tx| tx.insert_function(&function).await).unwrap();
    // More than fit in one statement, two of each time, of two workers in turn, and some that are like no others.
    let mut rows: Vec<_> =
        (0..200).map(|n| invocation_row(&id, "acc/mail", &format!("i{n:03}"), 1000 + n / 2)).collect();
    for (n, row) in rows.iter_mut().enumerate() {
        row.worker = format!("w{}", n % 2);
        (row.duration_us, row.status) = (n as u64, 200 + n as u16);
        row.path = format!("/{n}");
    }
    rows[3].error = Some("broke\0off".to_owned());
    (rows[7].error, rows[7].path) = (rows[3].error.clone(), "/\0".to_owned());
    rows[3].cold = false;
    rows[4].environment = environment("test");
    let mut lines: Vec<_> = (0..150).map(|n| log_row(&id, "acc/mail", Some("i003"), n, 1001)).collect();
    lines.push(log_row(&id, "acc/mail", None, 150, 900));
    lines[5].text = "a\0b".to_owned();
    let (invocations, logs) = (rows.clone(), lines.clone());
    tx!(store, |tx| {
        tx.insert_invocations(&invocations).await?;
        tx.insert_logs(&logs).await?;
        tx.insert_invocations(&[]).await
    })
    .unwrap();
    rows[3].error = Some("broke\u{fffd}off".to_owned());
    (rows[7].error, rows[7].path) = (rows[3].error.clone(), "/\u{fffd}".to_owned());
    lines[5].text = "a\u{fffd}b".to_owned();
    assert_eq!(store.invocation(&id, "i003").await, Ok(Some(rows[3].clone())));
    let mut seen = Vec::new();
    loop {
        let last = seen.last().map(|row: &store::InvocationRow| (row.started_at, row.id.clone()));
        let before = last.as_ref().map(|(time, id)| (*time, id.as_str()));
        let page = store.invocations(&id, "acc/mail", None, before, 9).await.unwrap();
        if page.is_empty() {
            break;
        }
        seen.extend(page);
    }
    seen.reverse();
    assert_eq!(seen, rows);
    let in_test = store.invocations(&id, "acc/mail", Some(&environment("test")), None, 500).await.unwrap();
    assert_eq!(in_test.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["i004"]);
    assert_eq!(store.invocation_logs(&id, "i003", 500).await.unwrap(), lines[..150]);
    assert_eq!(store.invocation_logs(&id, "i003", 10).await.unwrap(), lines[..10]);
    assert_eq!(store.function_logs(&id, "acc/mail", 3).await.unwrap(), lines[147..150], "the newest, in order");
    assert_eq!(store.function_logs(&id, "acc/mail", 500).await.unwrap()[0], lines[150]);
    let again = rows[0].clone();
    assert_eq!(tx!(store, |tx| tx.insert_invocations(&[again]).await), Err(StoreError::Conflict));

    // What versions they had is kept once, however many had them, and goes when none is left.
    let sets = async || db.dump().await.iter().filter(|line| line.starts_with("version_sets:")).count();
    assert_eq!(sets().await, 1);
    const HOUR: i64 = 3_600_000;
    let late = store::InvocationRow {
        id: "late".to_owned(),
        started_at: time(3 * HOUR),
        versions: versions(2),
        ..rows[1].clone()
    };
    let inserted = late.clone();
    tx!(store, |tx| tx.insert_invocations(&[inserted]).await).unwrap();
    assert_eq!(store.invocation(&id, "late").await, Ok(Some(late)));
    assert_eq!(store.invocation(&id, "i001").await, Ok(Some(rows[1].clone())));
    assert_eq!(sets().await, 2);
    for (oldest, left) in [(0, 2), (2 * HOUR, 1), (4 * HOUR, 1), (4 * HOUR + 1, 0)] {
        let id = id.clone();
        tx!(store, |tx| tx.prune_version_sets(&id, time(oldest)).await).unwrap();
        assert_eq!(sets().await, left, "{oldest}");
    }
}

async fn pruning(db: Database) {
    let store = db.open().await;
    let id = account(&store, "acc").await;
    for name in ["mail", "shop"] {
        let function = function_row(&id, name);
        let function_id = function.id.clone();
        let rows: Vec<_> =
            (0..10).map(|n| invocation_row(&id, &function_id, &format!("{name}{n}"), 1000 + n)).collect();
        let lines: Vec<_> =
            (0..10).map(|n| log_row(&id, &function_id, Some(&format!("{name}{n}")), 1, 1000 + n)).collect();
        tx!(store, |tx| {
            tx.insert_function(&function).await?;
            tx.insert_invocations(&rows).await?;
            tx.insert_logs(&lines).await
        })
        .unwrap();
    }
    let prune = async |oldest, keep| {
        let id = id.clone();
        let pruned = tx!(store, |tx| tx.prune_invocations(&id, "acc/mail", time(oldest), keep).await);
        pruned.map(|(gone, more)| {
            assert!(!more, "so few go at once");
            gone
        })
    };
    let left = async || {
        let rows = store.invocations(&id, "acc/mail", None, None, 99).await.unwrap();
        let lines = store.function_logs(&id, "acc/mail", 99).await.unwrap();
        assert_eq!(rows.len(), lines.len());
        rows.last().map(|row| row.id.clone())
    };
    assert_eq!(prune(1002, 100).await, Ok(2), "by age");
    assert_eq!(left().await.as_deref(), Some("mail2"));
    assert_eq!(prune(0, 5).await, Ok(3), "by number");
    assert_eq!(left().await.as_deref(), Some("mail5"));
    assert_eq!(prune(1008, 5).await, Ok(3), "age where that takes more");
    assert_eq!(prune(0, 5).await, Ok(0));
    assert_eq!(prune(2000, 5).await, Ok(2));
    assert_eq!(left().await, None);
    assert_eq!(
        store.invocations(&id, "acc/shop", None, None, 99).await.unwrap().len(),
        10,
        "the other function's stay"
    );
    assert_eq!(store.function_logs(&id, "acc/shop", 99).await.unwrap().len(), 10);

    // Many go in slices, so that other writes come between.
    let row = store.invocations(&id, "acc/shop", None, None, 1).await.unwrap().remove(0);
    let line = store.function_logs(&id, "acc/shop", 1).await.unwrap().remove(0);
    let rows: Vec<_> = (0..2_300).map(|n| store::InvocationRow { id: format!("many{n}"), ..row.clone() }).collect();
    let lines: Vec<_> =
        (0..2_300).map(|n| store::LogRow { seq: n, time: time(n.try_into().unwrap()), ..line.clone() }).collect();
    tx!(store, |tx| {
        tx.insert_invocations(&rows).await?;
        tx.insert_logs(&lines).await
    })
    .unwrap();
    let mut gone = Vec::new();
    loop {
        let id = id.clone();
        let (some, more) = tx!(store, |tx| tx.prune_invocations(&id, "acc/shop", time(i64::MAX), 1).await).unwrap();
        gone.push(some);
        if !more {
            break;
        }
    }
    assert_eq!(gone, [1_000, 1_000, 310]);
    assert_eq!(store.function_logs(&id, "acc/shop", 1).await, Ok(vec![]));
}

async fn logs_within_their_bytes(db: Database) {
    let store = db.open().await;
    let id = account(&store, "acc").await;
    let function = function_row(&id, "mail");
    let (of, row) = (function.id.clone(), function.clone());
    tx!(store, |tx| tx.insert_function(&row).await).unwrap();
    let rows: Vec<_> = (0..3_000u64)
        .map(|n| store::LogRow {
            account: id.clone(),
            function_id: of.clone(),
            invocation: None,
            seq: n,
            time: time(1_000 + i64::try_from(n).unwrap() / 2),
            stream: "stdout".to_owned(),
            text: "ü234".to_owned(), // five bytes
        })
        .collect();
    tx!(store, |tx| tx.insert_logs(&rows).await).unwrap();
    assert_eq!(store.logs_beyond(&id, &of, 3_000 * 15, 10).await, Ok(None));
    assert_eq!(store.logs_beyond(&id, "other", 0, 10).await, Ok(None));
    // The newest 1,000 fit; the one before them is of the same moment as none of them.
    let beyond = store.logs_beyond(&id, &of, 1_000 * 15, 10).await.unwrap().unwrap();
    assert_eq!(beyond, time(1_999));
    let mut more = true;
    while more {
        let (id, of) = (id.clone(), of.clone());
        more = tx!(store, |tx| tx.prune_logs(&id, &of, beyond.plus_millis(1)).await).unwrap();
    }
    let left = store.function_logs(&id, &of, 9_999).await.unwrap();
    assert_eq!((left.len(), left[0].seq), (1_000, 2_000));
}
