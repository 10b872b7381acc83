//! That a value is to be replaced is told once for each version, in time and when it is late.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::api::{App, Client, eventually, str};
use crate::database::Database;
use crate::webhooks::{ALLOWED, Receiver};

const DAY: i64 = 24 * 60 * 60 * 1000;

async fn put(client: &Client, name: &str, more: Value) {
    let mut body = json!({ "value": format!("a value of {name} 0123456789") });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    client.put(&format!("/api/v1/secrets/{name}"), body).await.expect(201);
}

/// Lets so many days pass for the current value of a secret.
async fn age(app: &App, name: &str, days: i64) {
    let mut database = Database::open(&app.server).await;
    let sql = format!(
        "UPDATE secret_versions SET created_at = created_at - {} WHERE (secret_id, version) IN (SELECT id, version FROM secrets WHERE name = '{name}')",
        days * DAY
    );
    database.change(1, &sql).await;
    database.close().await;
}

/// What was told, as `event name version`, in order. What a server that was killed had sent and not noted comes once more, under
/// its id.
fn lines(receiver: &Receiver) -> Vec<String> {
    let seen = receiver.seen.lock().unwrap().clone();
    let by_id: BTreeMap<_, _> = seen.iter().map(|message| (message.header("webhook-id"), &message.body)).collect();
    let line = |body: &&String| {
        let told: Value = serde_json::from_str(body).unwrap();
        format!("{} {} {}", str(&told["type"]), str(&told["data"]["name"]), told["data"]["version"])
    };
    let mut lines: Vec<_> = by_id.values().map(line).collect();
    lines.sort();
    lines
}

/// The same, as soon as the last of it is `last`. The server looks when it starts.
async fn told(app: App, receiver: &Receiver, last: &str) -> (App, Vec<String>) {
    let app = app.restart(|server| server.kill_hard(), &ALLOWED);
    let lines = eventually(last, async || {
        let lines = lines(receiver);
        lines.iter().any(|line| line == last).then_some(lines)
    })
    .await;
    (app, lines)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_due_is_told_once_for_each_version() {
    let receiver = Receiver::start().await;
    let app = App::start_with(&ALLOWED);
    let admin = app.admin();
    let other = app.account("other").await;
    put(&other, "FOREIGN", json!({ "rotate_by": "2020-01-01" })).await;
    put(&admin, "EARLY", json!({ "rotate_after_days": 30 })).await;
    put(&admin, "LATE", json!({ "rotate_after_days": 30 })).await;
    put(&admin, "DATED", json!({ "rotate_by": "2020-01-01" })).await;
    put(&admin, "USUAL", json!({})).await;
    put(&admin, "WELL", json!({ "rotate_after_days": 365 })).await;
    for (name, days) in [("EARLY", 25), ("LATE", 31), ("USUAL", 9)] {
        age(&app, name, days).await;
    }
    // Before anybody listens nothing is told, and nothing is taken for told.
    let app = app.restart(|server| server.kill_hard(), &ALLOWED);
    let admin = app.admin();
    let health = |health: &Value| -> Vec<String> {
        let found = health["findings"].as_array().unwrap().iter();
        found
            .map(|found| format!("{} {}", str(&found["kind"]), str(&found["name"])))
            .filter(|line| !line.contains("used"))
            .collect()
    };
    let path = "/api/v1/secrets/health";
    assert_eq!(health(&admin.get(path).await.json()), ["overdue DATED", "overdue LATE", "due_soon EARLY"]);
    admin.put("/api/v1/settings", json!({ "rotate_after_days": "10" })).await.expect(200);
    assert_eq!(
        health(&admin.get(path).await.json()),
        ["overdue DATED", "overdue LATE", "due_soon EARLY", "due_soon USUAL"]
    );
    let events = json!(["secret.due_soon", "secret.overdue"]);
    admin.put("/api/v1/webhooks/chat", json!({ "url": receiver.url, "events": events })).await.expect(201);

    let (app, first) = told(app, &receiver, "secret.due_soon USUAL 1").await;
    let expected =
        ["secret.due_soon EARLY 1", "secret.due_soon USUAL 1", "secret.overdue DATED 1", "secret.overdue LATE 1"];
    eventually("all four", async || (lines(&receiver).len() == 4).then_some(())).await;
    assert!(first.iter().all(|line| expected.contains(&line.as_str())), "{first:?}");
    let message = receiver.seen.lock().unwrap()[0].body.clone();
    assert!(message.contains("\"due_at\"") && message.contains("\"environment\":\"production\""), "{message}");
    assert!(!message.contains("a value of"), "{message}");

    // The next version is told of anew, what comes later too, and nothing twice.
    app.admin().put("/api/v1/secrets/LATE", json!({ "value": "the next value 0123456789" })).await.expect(200);
    age(&app, "EARLY", 6).await;
    age(&app, "LATE", 31).await;
    let (app, _) = told(app, &receiver, "secret.overdue LATE 2").await;
    let (_, all) = told(app, &receiver, "secret.overdue EARLY 1").await;
    assert_eq!(all.len(), 6, "{all:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_accounts_rule_is_a_number_of_days() {
    let app = App::start();
    let admin = app.admin();
    let before = admin.state().await;
    for bad in ["", "0", "3651", "10 days", "+9", "-1"] {
        let problem = admin.put("/api/v1/settings", json!({ "rotate_after_days": bad })).await;
        assert_eq!(problem.problem(422, "out_of_range")["errors"][0]["field"], "rotate_after_days", "{bad}");
    }
    assert_eq!(admin.state().await, before);
    let kept = admin.put("/api/v1/settings", json!({ "rotate_after_days": "90" })).await.expect(200).json();
    assert_eq!(kept["rotate_after_days"], "90");
    let kept = admin.put("/api/v1/settings", json!({ "rotate_after_days": "never" })).await.expect(200).json();
    assert_eq!(kept["rotate_after_days"], "never");
}
