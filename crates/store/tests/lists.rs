//! What pages are made of, on both databases: secrets looked through, page by page; invocations added up by hour.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use common::*;
use domain::AccountId;
use store::{SecretFilter, SecretLook, SecretOrder, Store, Tally};

#[tokio::test]
async fn sqlite() {
    looks(Database::sqlite()).await;
    hours(Database::sqlite()).await;
}

#[tokio::test]
async fn postgres() {
    looks(Database::postgres().await).await;
    hours(Database::postgres().await).await;
}

const HOUR: i64 = 60 * 60 * 1000;
const DAY: i64 = 24 * 60 * 60 * 1000;

fn look(search: &str) -> SecretLook<'_> {
    SecretLook {
        environment: None,
        search,
        filter: SecretFilter::All,
        order: SecretOrder::Name,
        descending: false,
        after: None,
    }
}

/// Every line, read in pages of two.
async fn names(store: &Store, account: &AccountId, look: &SecretLook<'_>) -> Vec<String> {
    let mut found: Vec<store::SecretLine> = Vec::new();
    loop {
        let last = found.last().map(|line| (line.key, line.name.to_string()));
        let after = last.as_ref().map(|(key, name)| (*key, name.as_str()));
        let page = store.secret_lines(account, &SecretLook { after, ..*look }, 2).await.unwrap();
        if page.is_empty() {
            return found.iter().map(|line| line.name.to_string()).collect();
        }
        found.extend(page);
    }
}

async fn looks(db: Database) {
    let store = db.open().await;
    let (id, other) = (account(&store, "acc").await, account(&store, "other").await);
    // Name, environment, updated, last used, days, note.
    let rows = [
        ("STRIPE_KEY", "production", 5 * DAY, Some(9 * DAY), Some(30), "Payments, 100% ours"),
        ("STRIPE_KEY", "test", 6 * DAY, None, None, ""),
        ("STRIPEXKEY", "production", 4 * DAY, None, None, "look-alike"),
        ("OPENAI_API_KEY", "production", 3 * DAY, Some(8 * DAY), Some(2), ""),
        ("SMTP_PASSWORD", "test", 3 * DAY, None, Some(365), "of the PAYMENTS team"),
    ];
    for (name, environment, updated, used, days, note) in rows {
        let mut row = secret_row(&id, environment, name);
        (row.updated_at, row.value_at, row.last_used_at) = (time(updated), time(updated), used.map(time));
        (row.rotate_after_days, row.facts.rotate_by, row.note) = (days, None, note.to_owned());
        tx!(store, |tx| tx.insert_secret(&row, b"c").await).unwrap();
    }
    let foreign = secret_row(&other, "production", "STRIPE_FOREIGN");
    tx!(store, |tx| tx.insert_secret(&foreign, b"c").await).unwrap();

    let all = names(&store, &id, &look("")).await;
    assert_eq!(all, ["OPENAI_API_KEY", "SMTP_PASSWORD", "STRIPEXKEY", "STRIPE_KEY"], "each name once, by bytes");
    let down = SecretLook { descending: true, ..look("") };
    assert_eq!(names(&store, &id, &down).await, all.iter().rev().cloned().collect::<Vec<_>>());

    for (search, expected) in [
        ("stripe_key", &["STRIPE_KEY"][..]),
        ("stripe-k", &["STRIPE_KEY"]),
        ("payments", &["SMTP_PASSWORD", "STRIPE_KEY"]),
        ("payments stripe", &["STRIPE_KEY"]),
        ("100%", &["STRIPE_KEY"]),
        ("%", &["STRIPE_KEY"]),
        ("nothing", &[]),
        ("foreign", &[]),
    ] {
        assert_eq!(names(&store, &id, &look(search)).await, expected, "{search}");
    }

    let ordered = |order, descending| SecretLook { order, descending, ..look("") };
    let cases = [
        (SecretOrder::Updated, true, ["STRIPE_KEY", "STRIPEXKEY", "SMTP_PASSWORD", "OPENAI_API_KEY"]),
        (SecretOrder::Used, true, ["STRIPE_KEY", "OPENAI_API_KEY", "STRIPEXKEY", "SMTP_PASSWORD"]),
        (SecretOrder::Due, false, ["OPENAI_API_KEY", "STRIPE_KEY", "SMTP_PASSWORD", "STRIPEXKEY"]),
    ];
    for (order, descending, expected) in cases {
        assert_eq!(names(&store, &id, &ordered(order, descending)).await, expected, "{order:?}");
    }

    let narrowed = |filter| SecretLook { filter, ..look("") };
    let missing = names(&store, &id, &narrowed(SecretFilter::InFewerThan(2))).await;
    assert_eq!(missing, ["OPENAI_API_KEY", "SMTP_PASSWORD", "STRIPEXKEY"]);
    assert_eq!(names(&store, &id, &narrowed(SecretFilter::NeverUsed)).await, ["SMTP_PASSWORD", "STRIPEXKEY"]);
    assert_eq!(names(&store, &id, &narrowed(SecretFilter::DueBefore(time(6 * DAY)))).await, ["OPENAI_API_KEY"]);
    // A day that was said of a value counts instead.
    let mut row = secret_row(&id, "test", "OPENAI_API_KEY");
    (row.value_at, row.facts.rotate_by, row.note) = (time(3 * DAY), Some(time(4 * DAY)), String::new());
    let (account, secret) = (id.clone(), row.id.clone());
    tx!(store, |tx| tx.insert_secret(&row, b"c").await).unwrap();
    assert_eq!(names(&store, &id, &narrowed(SecretFilter::DueBefore(time(4 * DAY + 1)))).await, ["OPENAI_API_KEY"]);
    tx!(store, |tx| tx.delete_secret(&account, &secret).await).unwrap();
    // A note in one environment does not hide the others.
    let both = SecretLook { filter: SecretFilter::InFewerThan(2), ..look("100%") };
    assert_eq!(names(&store, &id, &both).await, [""; 0]);

    let test = environment("test");
    let there = SecretLook { environment: Some(&test), ..look("") };
    assert_eq!(names(&store, &id, &there).await, ["SMTP_PASSWORD", "STRIPE_KEY"]);

    let wanted = [&secret_name("STRIPE_KEY"), &secret_name("SMTP_PASSWORD"), &secret_name("STRIPE_FOREIGN")];
    let shown = |rows: Vec<store::SecretRow>| -> Vec<String> {
        rows.iter().map(|row| format!("{} {}", row.name, row.environment)).collect()
    };
    let rows = store.secrets_named(&id, None, &wanted).await.unwrap();
    assert_eq!(shown(rows), ["SMTP_PASSWORD test", "STRIPE_KEY production", "STRIPE_KEY test"]);
    let rows = store.secrets_named(&id, Some(&test), &wanted).await.unwrap();
    assert_eq!(shown(rows), ["SMTP_PASSWORD test", "STRIPE_KEY test"]);
    let among = store.secret_names_among(&id, None, &wanted).await.unwrap();
    assert_eq!(among, [secret_name("SMTP_PASSWORD"), secret_name("STRIPE_KEY")].into());
    let there = environment("production");
    assert_eq!(store.secret_names_among(&id, Some(&there), &wanted).await.unwrap(), [secret_name("STRIPE_KEY")].into());
    assert_eq!(shown(store.secrets_named(&id, None, &[]).await.unwrap()), [""; 0]);

    // A slot is missing a value and a shared value is none: the one is never due, the other when its source is.
    let slot = store::SecretRow { version: 0, ..secret_row(&id, "production", "SMTP_PASSWORD") };
    let user = store::SecretRow { version: 0, ..secret_row(&id, "test", "STRIPEXKEY") };
    let open = store::SecretRow { version: 0, ..secret_row(&id, "test", "WANTED") };
    let source = secret_row(&id, "production", "STRIPEXKEY").id;
    tx!(store, |tx| {
        for row in [&slot, &user, &open] {
            tx.insert_slot(row, 1).await?;
        }
        tx.share_secret(&user.account, &user.id, &source, b"tag", time(9 * DAY), "ann").await
    })
    .unwrap();
    let missing = names(&store, &id, &narrowed(SecretFilter::InFewerThan(2))).await;
    assert_eq!(missing, ["OPENAI_API_KEY", "SMTP_PASSWORD", "WANTED"]);
    let due = names(&store, &id, &ordered(SecretOrder::Due, false)).await;
    assert_eq!(due, ["OPENAI_API_KEY", "STRIPE_KEY", "SMTP_PASSWORD", "STRIPEXKEY", "WANTED"]);
    let unused = names(&store, &id, &narrowed(SecretFilter::NeverUsed)).await;
    assert_eq!(unused, ["SMTP_PASSWORD", "STRIPEXKEY"], "a slot cannot be used");
    let there = SecretLook { environment: Some(&test), ..ordered(SecretOrder::Due, false) };
    assert_eq!(names(&store, &id, &there).await, ["SMTP_PASSWORD", "STRIPEXKEY", "STRIPE_KEY", "WANTED"]);
    let wanted = [&secret_name("STRIPEXKEY"), &secret_name("WANTED")];
    let among = store.secret_names_among(&id, Some(&test), &wanted).await.unwrap();
    assert_eq!(among, [secret_name("STRIPEXKEY")].into());
}

async fn hours(db: Database) {
    let store = db.open().await;
    let (id, other) = (account(&store, "acc").await, account(&store, "other").await);
    for (account, name) in [(&id, "f"), (&id, "g"), (&other, "f")] {
        let row = function_row(account, name);
        tx!(store, |tx| tx.insert_function(&row).await).unwrap();
    }
    let mut number = 0;
    let mut call = |account: &AccountId, function: &str, at: i64| {
        number += 1;
        let mut row = invocation_row(account, &format!("{account}/{function}"), &format!("i{number}"), at);
        row.cold = false;
        row
    };
    let start = 480_000 * HOUR;
    let mut rows: Vec<_> = (0..10).map(|at| call(&id, "f", start + at)).collect();
    (rows[0].cold, rows[1].outcome, rows[2].status) = (true, "error".to_owned(), 503);
    (rows[3].duration_us, rows[4].environment) = (90_000_000, environment("test"));
    rows.push(call(&id, "f", start + HOUR));
    rows.push(call(&id, "f", start + 25 * HOUR));
    rows.push(call(&id, "g", start + 2 * HOUR));
    rows.push(call(&other, "f", start));
    rows.push(call(&id, "deleted-meanwhile", start));
    // In two batches that share an hour.
    for batch in [rows[..6].to_vec(), rows[6..].to_vec()] {
        tx!(store, |tx| {
            tx.insert_invocations(&batch).await?;
            tx.add_to_hours(&batch).await
        })
        .unwrap();
    }

    let tallies = store.function_tallies(&id, &["acc/f", "acc/g", "other/f", "acc/none"], None, time(start)).await;
    let tallies = tallies.unwrap();
    assert_eq!(tallies.len(), 2, "another account's are not found");
    let (tally, histogram) = tallies["acc/f"];
    assert_eq!(tally, Tally { invocations: 12, errors: 2, cold: 1 });
    assert_eq!(histogram.0.iter().sum::<u64>(), 12);
    assert!((1_000..1_600).contains(&histogram.quantile(500).unwrap()));
    assert!(histogram.quantile(1_000).unwrap() > 60_000_000);
    let later = store.function_tallies(&id, &["acc/f"], None, time(start + HOUR)).await.unwrap();
    assert_eq!(later["acc/f"].0.invocations, 2);
    let test = environment("test");
    let there = store.function_tallies(&id, &["acc/f"], Some(&test), time(start)).await.unwrap();
    assert_eq!(there["acc/f"].0.invocations, 1);
    assert!(store.function_tallies(&id, &[], None, time(0)).await.unwrap().is_empty());

    let steps = |rows: Vec<(String, store::TallyStep)>| -> Vec<(String, i64, u64)> {
        let step = |(id, step): (String, store::TallyStep)| {
            (id, (step.start.as_millis() - start) / HOUR, step.tally.invocations)
        };
        rows.into_iter().map(step).collect()
    };
    let hourly = store.function_steps(&id, &["acc/f", "acc/g"], None, time(start), 1).await.unwrap();
    let f = |at, invocations| ("acc/f".to_owned(), at, invocations);
    assert_eq!(steps(hourly), [f(0, 10), f(1, 1), f(25, 1), ("acc/g".to_owned(), 2, 1)]);
    let daily = store.function_steps(&id, &["acc/f"], None, time(start), 24).await.unwrap();
    assert_eq!(steps(daily), [f(0, 11), f(24, 1)]);

    let failed = store.failed_invocations(&id, "acc/f", None, None, 10).await.unwrap();
    assert_eq!(failed.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["i3", "i2"]);
    let before = Some((failed[0].started_at, "i3"));
    assert_eq!(store.failed_invocations(&id, "acc/f", None, before, 10).await.unwrap(), failed[1..]);

    let account = id.clone();
    tx!(store, |tx| tx.prune_hours(&account, time(start + 2 * HOUR)).await).unwrap();
    let kept = store.function_tallies(&id, &["acc/f", "acc/g"], None, time(0)).await.unwrap();
    assert_eq!((kept["acc/f"].0.invocations, kept["acc/g"].0.invocations), (1, 1));
    let account = id.clone();
    tx!(store, |tx| tx.delete_function(&account, "acc/f").await).unwrap();
    assert!(store.function_tallies(&id, &["acc/f"], None, time(0)).await.unwrap().is_empty());

    let named = |text: &'static str| {
        let (store, id) = (store.clone(), id.clone());
        async move { store.functions_named_like(&id, text, None, 10).await.unwrap().len() }
    };
    assert_eq!((named("").await, named("G").await, named("%").await), (1, 1, 0));
}
