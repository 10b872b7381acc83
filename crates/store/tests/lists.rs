//! Looking through secrets, on both databases: what is found, in which order, page by page.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use common::*;
use domain::AccountId;
use store::{SecretFilter, SecretLook, SecretOrder, Store};

#[tokio::test]
async fn sqlite() {
    suite(Database::sqlite()).await;
}

#[tokio::test]
async fn postgres() {
    suite(Database::postgres().await).await;
}

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

async fn suite(db: Database) {
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
        (row.updated_at, row.last_used_at) = (time(updated), used.map(time));
        (row.rotate_after_days, row.note) = (days, note.to_owned());
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
    assert_eq!(shown(store.secrets_named(&id, None, &[]).await.unwrap()), [""; 0]);
}
