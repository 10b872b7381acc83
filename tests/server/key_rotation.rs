//! Another key for an account: every value is encrypted anew, and nothing else changes.

use std::sync::atomic::{AtomicBool, Ordering};

use domain::scan::digest;
use serde_json::{Value, json};

use crate::api::{App, Client, random, str};
use crate::database::Database;

async fn rotate(admin: &Client) -> Value {
    admin.call("POST", "/api/v1/key/rotate", None).await.expect(200).json()
}

async fn put(admin: &Client, name: &str, more: Value) -> Value {
    let answer = admin.put(&format!("/api/v1/secrets/{name}"), more).await;
    assert!(answer.status < 300, "{answer:?}");
    answer.json()
}

#[tokio::test(flavor = "multi_thread")]
async fn values_are_what_they_were_and_are_known_again() {
    let app = App::start();
    let (admin, other) = (app.admin(), app.account("other").await);
    admin.put("/api/v1/environments/test", json!({})).await.expect(201);
    let (first, second, theirs) = (format!("sk-{}", random(40)), format!("sk-{}", random(40)), random(40));
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", "MIIEvQIBADANBgkq".repeat(9));
    put(&admin, "KEY", json!({ "value": random(40) })).await;
    put(&admin, "KEY", json!({ "value": first })).await;
    put(&admin, "KEY", json!({ "value": second })).await;
    admin.post("/api/v1/secrets/KEY/destroy", json!({ "version": 1 })).await.expect(200);
    admin.post("/api/v1/secrets/KEY/share", json!({ "environment": "test" })).await.expect(200);
    put(&admin, "PEM", json!({ "value": pem })).await;
    put(&other, "KEY", json!({ "value": theirs })).await;
    let webhook = json!({ "url": "https://hooks.example.com/tresor", "events": ["secret_request.created"] });
    admin.put("/api/v1/webhooks/chat", webhook).await.expect(201);
    let source = "Deno.serve(() => new Response(Deno.env.get('KEY')))";
    other.deploy("show", source, json!({ "access": "public" })).await;
    let before = admin.get("/api/v1/key").await.expect(200).json();
    let state = async || {
        let mut state = admin.state().await;
        state.as_object_mut().unwrap().remove("done");
        // A mask that shows a fingerprint shows another one.
        for secret in state["secrets"].as_array_mut().unwrap().iter_mut().filter(|secret| secret["name"] == "PEM") {
            let shown = str(&secret["mask"]).to_owned();
            assert!(shown.starts_with("PEM") || shown.contains("private key") || !shown.contains("MIIE"), "{shown}");
            secret["mask"].take();
            secret["versions"].take();
        }
        state
    };
    let was = state().await;

    let rotated = rotate(&admin).await;
    assert_eq!((&rotated["versions"], &rotated["rotations"]), (&json!(3), &json!(1)), "the destroyed one is gone");
    assert_ne!(rotated["id"], before["id"]);
    assert_eq!(rotated["root_key"], before["root_key"]);
    let now = admin.get("/api/v1/key").await.expect(200).json();
    assert_eq!((&now["id"], &now["rotations"]), (&rotated["id"], &json!(1)));
    let event = admin.events().await.pop().unwrap();
    assert_eq!(
        (&event["action"], &event["resource"]["name"], &event["details"]),
        (&json!("key.rotate"), &rotated["id"], &json!({ "versions": "3" }))
    );
    assert_eq!(state().await, was);
    let mut database = Database::open(&app.server).await;
    let made_by = |id: &Value| {
        format!("SELECT count(*) FROM secret_versions WHERE instr(hex(ciphertext), upper('{}')) > 0", str(id))
    };
    assert_eq!(database.number(&made_by(&before["id"])).await, 0);
    // Nor has anything else been made with the old key: whatever stores a ciphertext must renew it.
    for (table, column) in database.blobs().await.into_iter().filter(|(table, _)| table != "account_keys") {
        let left =
            format!("SELECT count(*) FROM {table} WHERE instr(hex({column}), upper('{}')) > 0", str(&before["id"]));
        assert_eq!(database.number(&left).await, 0, "{table}.{column}");
    }
    assert_eq!(database.number(&made_by(&rotated["id"])).await, 3);
    database.close().await;

    // In this process, and in one that opens the key anew.
    admin.deploy("now", source, json!({ "access": "public" })).await;
    assert_eq!(app.anonymous().get("/functions/v1/now").await.expect(200).text(), second);
    let app = app.restart(|server| assert_eq!(server.stop(), 0), &[]);
    let admin = app.admin();
    for (environment, path) in [("production", "/functions/v1/own"), ("test", "/a/default/test/functions/v1/own")] {
        admin.deploy("own", source, json!({ "access": "public", "environment": environment })).await;
        assert_eq!(app.anonymous().get(path).await.expect(200).text(), second, "{environment}");
    }
    assert_eq!(app.anonymous().get("/a/other/production/functions/v1/show").await.expect(200).text(), theirs);

    // A value is known again: it makes no version, another place that has it is told of, and a scan finds it.
    let same = put(&admin, "KEY", json!({ "value": second })).await;
    assert_eq!((&same["outcome"], &same["version"]), (&json!("same"), &json!(3)));
    assert_eq!(put(&admin, "PEM", json!({ "value": pem })).await["outcome"], "same");
    let twice = put(&admin, "COPY", json!({ "value": second, "environment": "test" })).await;
    assert_eq!(twice["warnings"][0]["code"], "same_value_elsewhere");
    let salt = admin.get("/api/v1/scan").await.expect(200).json();
    let salt = hex::decode(str(&salt["salt"])).unwrap();
    let digests: Vec<_> = [&first, &second].iter().map(|text| hex::encode(digest(&salt, text))).collect();
    let found = admin.post("/api/v1/scan", json!({ "digests": digests })).await.expect(200).json();
    let places: Vec<_> =
        found["items"].as_array().unwrap().iter().map(|item| item["index"].as_u64().unwrap()).collect();
    assert!(places.contains(&0) && places.contains(&1), "{found}");
    // An older version is still one that can be used again.
    admin.post("/api/v1/secrets/KEY/activate", json!({ "version": 2 })).await.expect(200);
    assert_eq!(app.anonymous().get("/functions/v1/own").await.expect(200).text(), first);
    app.server.run(&["audit", "verify"]).ok();
}

/// Puts, invocations that need new workers, and rotations, all at once: none fails, and none sees an old value.
#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_under_load_loses_nothing() {
    let app = App::start();
    let admin = app.admin();
    put(&admin, "KEY", json!({ "value": "value 0" })).await;
    admin.deploy("show", "Deno.serve(() => new Response(Deno.env.get('KEY')))", json!({ "access": "public" })).await;
    let done = AtomicBool::new(false);
    let work = async {
        for number in 1..=40 {
            let value = format!("value {number}");
            put(&admin, "KEY", json!({ "value": value })).await;
            assert_eq!(app.anonymous().get("/functions/v1/show").await.expect(200).text(), value);
        }
        done.store(true, Ordering::Relaxed);
    };
    let rotations = async {
        let mut count = 0;
        while !done.load(Ordering::Relaxed) {
            rotate(&admin).await;
            count += 1;
        }
        count
    };
    let ((), count) = tokio::join!(work, rotations);
    assert!(count >= 3, "{count}");
    let versions = admin.items("/api/v1/secrets/KEY/versions").await;
    assert_eq!(versions.len(), 41);
    // Every one of them can be decrypted.
    for number in [1, 20, 40] {
        admin.post("/api/v1/secrets/KEY/activate", json!({ "version": number })).await.expect(200);
        let seen = app.anonymous().get("/functions/v1/show").await.expect(200).text();
        assert_eq!(seen, format!("value {}", number - 1));
    }
}

/// Who hangs up in the middle leaves no key here that is not the one there.
#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_hangs_up_leaves_one_key() {
    let app = App::start();
    let admin = app.admin();
    let many: String = (0..600).map(|at| format!("KEY_{at}=value-{at}-{}\n", random(20))).collect();
    admin.post("/api/v1/secrets/import", json!({ "text": many })).await.expect(200);
    for millis in [1, 5, 20] {
        let request = admin.request("POST", "/api/v1/key/rotate").timeout(std::time::Duration::from_millis(millis));
        let _ = admin.try_send(request).await;
        put(&admin, "AFTER", json!({ "value": format!("after {millis} 0123456789") })).await;
    }
    rotate(&admin).await;
    let source = "Deno.serve(() => new Response(Object.keys(Deno.env.toObject()).filter((name) => name.startsWith('KEY_')).length + Deno.env.get('AFTER')))";
    admin.deploy("all", source, json!({ "access": "public", "secrets": "all" })).await;
    let seen = app.anonymous().get("/functions/v1/all").await.expect(200).text();
    assert_eq!(seen, "600after 20 0123456789");
}
