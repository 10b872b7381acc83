//! What is known of all secrets at once, on both databases: what ails, which values are equal, who reads what.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use std::collections::BTreeSet;

use common::*;
use domain::Delivery;
use domain::health::Patience;
use store::{ActiveRow, AilingRow};

#[tokio::test]
async fn sqlite() {
    health(Database::sqlite()).await;
}

#[tokio::test]
async fn postgres() {
    health(Database::postgres().await).await;
}

const DAY: i64 = 24 * 60 * 60 * 1000;
const NOW: i64 = 1_000 * DAY;

async fn health(db: Database) {
    let store = db.open().await;
    let (id, other) = (account(&store, "acc").await, account(&store, "other").await);
    // Name, environment, stored, used, sent, days, findings, mode, fingerprint.
    let well = (NOW - 10 * DAY, Some(NOW), None, None, "", "");
    let rows = [
        ("WELL", "production", well, 1),
        ("WELL", "test", well, 1),
        ("ODD", "production", (NOW, None, None, None, "wrong_format", ""), 2),
        ("LIVE", "test", (NOW, None, None, None, "", "live"), 3),
        ("DUE", "production", (NOW - 10 * DAY, Some(NOW), None, Some(10), "", ""), 4),
        ("LATER", "production", (NOW - 10 * DAY, Some(NOW), None, Some(17), "", ""), 5),
        ("NEVER", "production", (NOW - 2 * DAY, None, None, None, "", ""), 6),
        ("YOUNG", "production", (NOW, None, None, None, "", ""), 7),
        ("UNUSED", "production", (NOW - 200 * DAY, Some(NOW - 91 * DAY), Some(NOW - 95 * DAY), None, "", ""), 8),
        ("SENT", "production", (NOW - 200 * DAY, Some(NOW - 91 * DAY), Some(NOW - 89 * DAY), None, "", ""), 9),
    ];
    for account in [&id, &other] {
        for (name, place, (stored, used, sent, days, findings, mode), fingerprint) in rows {
            let mut row = secret_row(account, place, name);
            (row.created_at, row.updated_at, row.value_at) = (time(stored), time(stored), time(stored));
            (row.last_used_at, row.rotate_after_days, row.facts.rotate_by) = (used.map(time), days, None);
            (row.facts.findings, row.facts.mode) = (findings.to_owned(), mode.to_owned());
            row.facts.fingerprint = Some(vec![fingerprint; 32]);
            (row.delivery, row.hosts) = (Delivery::Env, Vec::new());
            tx!(store, |tx| tx.insert_secret(&row, b"c").await).unwrap();
            if let Some(sent) = sent {
                let (account, names) = (account.clone(), [secret_name(name), secret_name("GONE")]);
                tx!(store, |tx| tx.touch_sent(&account, &environment("production"), &names, time(sent)).await).unwrap();
            }
        }
    }
    let patience = Patience { now: time(NOW), unused_days: 90 };
    let (production, test) = (environment("production"), environment("test"));
    let ailing = async |place| {
        let mut rows = store.ailing_secrets(&id, place, &patience).await.unwrap();
        rows.sort_by(|a, b| a.name.cmp(&b.name));
        rows
    };
    let names = |rows: &[AilingRow]| rows.iter().map(|row| row.name.to_string()).collect::<Vec<_>>();
    let all = ailing(None).await;
    assert_eq!(names(&all), ["DUE", "LIVE", "NEVER", "ODD", "UNUSED"]);
    assert_eq!(names(&ailing(Some(&test)).await), ["LIVE"]);
    assert_eq!(all[0].due, Some(time(NOW)));
    assert_eq!(
        (all[1].environment.as_str(), all[1].mode.as_str(), all[3].findings.as_str()),
        ("test", "live", "wrong_format")
    );
    assert_eq!((all[4].last_used_at, all[4].last_sent_at), (Some(time(NOW - 91 * DAY)), Some(time(NOW - 95 * DAY))));
    // What was noted later stays.
    let account_id = id.clone();
    tx!(store, |tx| tx.touch_sent(&account_id, &environment("production"), &[secret_name("SENT")], time(5)).await)
        .unwrap();
    assert_eq!(ailing(None).await.len(), 5);

    let equal = store.equal_values(&id).await.unwrap();
    let mut places: Vec<_> = equal.iter().map(|row| format!("{} {} {}", row.name, row.environment, row.mask)).collect();
    places.sort();
    assert_eq!(places, ["WELL production sk-p****z789", "WELL test sk-p****z789"]);
    assert_eq!(
        (equal[0].fingerprint.as_str(), &equal[1].fingerprint),
        ("01".repeat(32).as_str(), &equal[0].fingerprint)
    );

    let function = function_row(&id, "reader");
    let mut deployment = deployment_row(&function.id, "digest");
    deployment.referenced = Some("A B +OF_A_PACKAGE".to_owned());
    let account_id = id.clone();
    tx!(store, |tx| {
        tx.insert_function(&function).await?;
        tx.insert_bundle_if_absent(&account_id, "digest", b"code").await?;
        let files = [("index.ts".to_owned(), String::new())].into();
        let number = tx.insert_deployment(&account_id, &deployment, &files).await?;
        for environment in [environment("test"), environment("production")] {
            let row =
                ActiveRow { function_id: deployment.function_id.clone(), environment, number, updated_at: time(1) };
            tx.set_active(&account_id, &row).await?;
        }
        Ok::<_, store::StoreError>(())
    })
    .unwrap();
    let readings = store.active_reads(&id, None).await.unwrap();
    let shown: Vec<_> =
        readings.iter().map(|row| format!("{} {} {}", row.environment, row.function, row.referenced)).collect();
    assert_eq!(shown, ["production reader A B +OF_A_PACKAGE", "test reader A B +OF_A_PACKAGE"]);
    assert!(readings[0].secrets.includes(&secret_name("A")) && !readings[0].secrets.includes(&secret_name("C")));
    assert_eq!(store.active_reads(&id, Some(&production)).await.unwrap().len(), 1);
    assert_eq!(store.active_reads(&other, None).await.unwrap(), []);

    let wanted: BTreeSet<_> = ["WELL", "ODD", "ABSENT"].map(secret_name).into();
    let found = store.valued_among(&id, &wanted).await.unwrap();
    let expected = [("production", "ODD"), ("production", "WELL"), ("test", "WELL")];
    assert_eq!(found, expected.map(|(place, name)| (environment(place), secret_name(name))).into());
    assert!(store.valued_among(&id, &BTreeSet::new()).await.unwrap().is_empty());
    assert_eq!(store.count_secrets_in(&id, None).await.unwrap(), 10);
    assert_eq!(store.count_secrets_in(&id, Some(&test)).await.unwrap(), 2);
}
