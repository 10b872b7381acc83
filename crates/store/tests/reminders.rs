//! Values that are to be replaced, and who was told so, on both databases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use common::*;
use store::{DueRow, Store};

#[tokio::test]
async fn sqlite() {
    reminders(Database::sqlite()).await;
}

#[tokio::test]
async fn postgres() {
    reminders(Database::postgres().await).await;
}

const DAY: i64 = 24 * 60 * 60 * 1000;
const NOW: i64 = 1_000 * DAY;

async fn untold(store: &Store, account: &domain::AccountId) -> Vec<DueRow> {
    store.untold_due(account, time(NOW), time(NOW + 7 * DAY), 10).await.unwrap()
}

fn names(rows: &[DueRow]) -> Vec<String> {
    rows.iter().map(|row| format!("{} {}", row.name, row.due_at.as_millis() / DAY)).collect()
}

async fn reminders(db: Database) {
    let store = db.open().await;
    let (id, other) = (account(&store, "acc").await, account(&store, "other").await);
    // Name, environment, stored, days, by.
    for (name, place, stored, days, by) in [
        ("LATE", "production", 900, Some(30), None),
        ("SOON", "test", 980, Some(25), None),
        ("BY", "production", 999, Some(365), Some(998)),
        ("USUAL", "production", 950, None, None),
        ("WELL", "production", 999, Some(365), None),
    ] {
        for account in [&id, &other] {
            let mut row = secret_row(account, place, name);
            (row.created_at, row.updated_at, row.value_at) =
                (time(stored * DAY), time(stored * DAY), time(stored * DAY));
            (row.rotate_after_days, row.facts.rotate_by) = (days, by.map(|day: i64| time(day * DAY)));
            tx!(store, |tx| tx.insert_secret(&row, b"c").await).unwrap();
        }
    }
    assert_eq!(names(&untold(&store, &id).await), ["LATE 930", "BY 998", "SOON 1005"]);
    let test = environment("test");
    let count = async |place| store.count_due(&id, place, time(NOW), time(NOW + 7 * DAY)).await.unwrap();
    assert_eq!(count(None).await, (2, 1));
    assert_eq!(count(Some(&test)).await, (0, 1));
    // What the account says holds for those that say nothing.
    for (text, expected) in [("40", (3, 1)), ("never", (2, 1)), ("60", (2, 1)), ("50", (3, 1))] {
        let account = id.clone();
        tx!(store, |tx| tx.put_setting(&account, "rotate_after_days", text, time(1), "ci").await).unwrap();
        assert_eq!(count(None).await, expected, "{text}");
    }
    assert_eq!(store.count_due(&other, None, time(NOW), time(NOW + 7 * DAY)).await.unwrap(), (2, 1));

    let rows = untold(&store, &id).await;
    assert_eq!(names(&rows), ["LATE 930", "BY 998", "USUAL 1000", "SOON 1005"]);
    for row in &rows {
        let overdue = row.due_at <= time(NOW);
        for expected in [true, false] {
            let (account, row) = (id.clone(), row.clone());
            assert_eq!(tx!(store, |tx| tx.note_reminder(&account, &row, overdue, time(NOW)).await), Ok(expected));
        }
    }
    assert_eq!(untold(&store, &id).await, []);
    // One that was told of as due soon is told of again when it is late.
    let later = store.untold_due(&id, time(NOW + 6 * DAY), time(NOW + 13 * DAY), 10).await.unwrap();
    assert_eq!(names(&later), ["SOON 1005"]);
    let (account, secret) = (id.clone(), rows[0].secret.clone());
    assert!(tx!(store, |tx| tx.delete_secret(&account, &secret).await).unwrap());
}
