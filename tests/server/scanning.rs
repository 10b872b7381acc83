//! Looking for stored values by digests: what is found, and why asking is no way to guess.

use domain::scan::digest;
use serde_json::{Value, json};

use crate::api::{App, Client, random, str};
use crate::scan::{Scanner, canary};

async fn salt(client: &Client) -> Vec<u8> {
    hex::decode(str(&client.get("/api/v1/scan").await.expect(200).json()["salt"])).unwrap()
}

async fn ask(client: &Client, texts: &[&str]) -> Value {
    let salt = salt(client).await;
    let digests: Vec<_> = texts.iter().map(|text| hex::encode(digest(&salt, text))).collect();
    client.post("/api/v1/scan", json!({ "digests": digests })).await.expect(200).json()
}

fn lines(found: &Value) -> Vec<String> {
    let line = |item: &Value| {
        let current = if item["current"] == true { "*" } else { "" };
        format!("{} {}/{} {}{current}", item["index"], str(&item["environment"]), str(&item["name"]), item["version"])
    };
    found["items"].as_array().unwrap().iter().map(line).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn stored_values_are_found_and_named() {
    let app = App::start();
    let admin = app.admin();
    admin.put("/api/v1/environments/test", json!({})).await.expect(201);
    let (first, second, other) = (canary("sk-C", false), canary("sk-D", false), canary("sk-E", false));
    admin.put_secret("API_KEY", &first).await;
    admin.put_secret("API_KEY", &second).await;
    admin.put("/api/v1/secrets/API_KEY", json!({ "value": first, "environment": "test" })).await.expect(201);
    admin.put_secret("TLS_KEY", &format!("{}\r\n{}\r\n", random(64), other)).await;

    let found = ask(&admin, &["nothing", &second, &format!(" {first}\n"), &random(40)]).await;
    let mut told = lines(&found);
    told.sort();
    assert_eq!(told, ["1 production/API_KEY 2*", "2 production/API_KEY 1", "2 test/API_KEY 1*"]);
    assert_eq!(found["too_weak"], 0);
    let event = admin.events().await.pop().unwrap();
    assert_eq!(
        (&event["action"], &event["details"]),
        (&json!("secret.scan"), &json!({ "digests": "4", "found": "API_KEY" }))
    );
    // What changes is seen at once.
    admin.put_secret("NEW_KEY", &other).await;
    assert_eq!(lines(&ask(&admin, &[&other]).await), ["0 production/NEW_KEY 1*"]);
    admin.delete("/api/v1/secrets/NEW_KEY").await.expect(204);
    assert!(lines(&ask(&admin, &[&other]).await).is_empty());
    // A rotated key is looked for as long as it is among the last five.
    for _ in 0..4 {
        admin.put_secret("API_KEY", &random(40)).await;
    }
    assert_eq!(lines(&ask(&admin, &[&second]).await), ["0 production/API_KEY 2"]);
    admin.put_secret("API_KEY", &random(40)).await;
    assert!(lines(&ask(&admin, &[&second]).await).is_empty());

    let scanner = Scanner::new(&[&first, &second, &other]);
    scanner.assert_absent("an answer", &app.transcript());
    scanner.assert_absent_below(app.server.home());
}

/// Somebody who may scan, and knows the mask, tries every likely value: nothing is ever confirmed.
#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_guessed_is_never_confirmed() {
    let app = App::start();
    let admin = app.admin();
    let weak = [
        ("A", "hunter2"),
        ("B", "Summer2024!Summer2024!"),
        ("C", "correct-horse-battery-staple-42"),
        ("D", "postgres://app:Summer2024!@db.example.com/app"),
        ("E", "MyCompany-Production-Database-2024!"),
        ("F", "0123456789abcdef0123456789abcdef"),
    ];
    for (name, value) in weak {
        admin.put_secret(name, value).await;
    }
    // Made to be known: finding it anywhere is no leak.
    let public = format!("pk_live_{}", "0a1B9z8Y7x6W".repeat(2));
    admin.put_secret("STRIPE_PUBLISHABLE_KEY", &public).await;
    let texts: Vec<&str> = weak.iter().map(|(_, value)| *value).chain([public.as_str()]).collect();
    let found = ask(&admin, &texts).await;
    assert_eq!((lines(&found).len(), &found["too_weak"]), (0, &json!(weak.len())), "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_is_of_ones_own_account_and_environments() {
    let app = App::start();
    let (admin, other) = (app.admin(), app.account("other").await);
    let value = random(40);
    admin.put_secret("API_KEY", &value).await;
    admin.put("/api/v1/environments/test", json!({})).await.expect(201);
    // Digests of one account are worth nothing in another, and neither are another's values.
    assert_ne!(salt(&admin).await, salt(&other).await);
    let own = hex::encode(digest(&salt(&admin).await, &value));
    for client in [&other] {
        assert!(lines(&ask(client, &[&value]).await).is_empty());
        let asked = client.post("/api/v1/scan", json!({ "digests": [own] })).await.expect(200).json();
        assert!(lines(&asked).is_empty());
    }
    let scopes = json!({ "name": "ci", "scopes": ["secrets:scan"], "environments": ["test"] });
    let limited = admin.post("/api/v1/tokens", scopes).await.expect(201).json();
    let limited = admin.with_token(str(&limited["token"]));
    let body = |environment: Value| json!({ "digests": [own], "environment": environment });
    limited.post("/api/v1/scan", body(json!(null))).await.problem(403, "forbidden");
    limited.post("/api/v1/scan", body(json!("production"))).await.problem(403, "forbidden");
    assert!(lines(&limited.post("/api/v1/scan", body(json!("test"))).await.expect(200).json()).is_empty());
    // The scope opens nothing else.
    limited.get("/api/v1/secrets?environment=test").await.problem(403, "forbidden");
    assert_eq!(lines(&admin.post("/api/v1/scan", body(json!("production"))).await.expect(200).json()).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn digests_are_counted_and_checked() {
    let app = App::start();
    let admin = app.admin();
    for (digests, code) in [
        (json!([]), "digests_count"),
        (json!(vec!["00".repeat(16); 20_001]), "digests_count"),
        (json!(["00".repeat(16), "sk-canary"]), "digest_invalid"),
        (json!(["00".repeat(15)]), "digest_invalid"),
        (json!(["zz".repeat(16)]), "digest_invalid"),
    ] {
        let problem = admin.post("/api/v1/scan", json!({ "digests": digests })).await.problem(422, code);
        assert!(!problem.to_string().contains("canary"));
    }
    let full = json!({ "digests": vec!["00".repeat(16); 20_000] });
    let mut asked = 0;
    let refused = loop {
        let answer = admin.post("/api/v1/scan", full.clone()).await;
        if answer.status != 200 {
            break answer;
        }
        asked += 20_000;
    };
    refused.problem(429, "rate_limited");
    assert!((1_000_000..1_400_000).contains(&asked), "{asked}");
    assert!(refused.header("retry-after").parse::<u32>().unwrap() <= 60);
}
