//! While a value is being replaced, functions get the one before too, and not a moment longer.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use base64::Engine as _;
use domain::Timestamp;
use serde_json::{Value, json};

use crate::api::{App, Client, random, str};

/// Verifies a signature with whichever of the two secrets made it, as receivers of webhooks do.
const RECEIVER: &str = r#"
const hmac = async (key, text) => {
  const bytes = new TextEncoder();
  const imported = await crypto.subtle.importKey("raw", bytes.encode(key), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return btoa(String.fromCharCode(...new Uint8Array(await crypto.subtle.sign("HMAC", imported, bytes.encode(text)))));
};
Deno.serve(async (request) => {
  const [body, given] = [await request.text(), request.headers.get("webhook-signature")];
  const keys = { WEBHOOK_SECRET: Deno.env.get("WEBHOOK_SECRET"), WEBHOOK_SECRET_PREVIOUS: Deno.env.get("WEBHOOK_SECRET_PREVIOUS") };
  for (const [name, key] of Object.entries(keys)) {
    if (key && (await hmac(key, body)) === given) return new Response(name);
  }
  return new Response("nobody", { status: 401 });
});
"#;

fn signed(key: &str, text: &str) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()), text.as_bytes());
    base64::engine::general_purpose::STANDARD.encode(tag)
}

/// Which secret the function verified a webhook with that `key` signed.
async fn verified_with(client: &Client, key: &str) -> String {
    let request =
        client.request("POST", "/functions/v1/receiver").header("webhook-signature", signed(key, "order paid"));
    let answer = client.send(request.body("order paid")).await;
    assert!(answer.status == 200 || answer.status == 401, "{answer:?}");
    answer.text()
}

const PATH: &str = "/api/v1/secrets/WEBHOOK_SECRET";

async fn put(client: &Client, value: &str, more: Value) -> Value {
    let mut body = json!({ "value": value });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = client.put(PATH, body).await;
    assert!(answer.status == 200 || answer.status == 201, "{answer:?}");
    answer.json()
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn both_values_verify_until_the_very_moment_that_the_window_closes() {
    let app = App::start();
    let admin = app.admin();
    let values = [(); 4].map(|()| format!("whsec_{}", random(32)));
    let [first, second, third, fourth] = &values;
    let deployed = admin.deploy("receiver", RECEIVER, json!({ "secrets": ["WEBHOOK_SECRET"] })).await;
    assert_eq!(deployed["missing_secrets"], json!(["WEBHOOK_SECRET", "WEBHOOK_SECRET_PREVIOUS"]));
    let kept = put(&admin, first, json!({ "overlap": "24h" })).await;
    assert_eq!((&kept["overlap"], &kept["previous"]), (&json!("1d"), &Value::Null), "there is none before the first");
    assert_eq!(verified_with(&admin, first).await, "WEBHOOK_SECRET");
    // That there is no value before now is nothing to miss.
    let again = admin.deploy("receiver", RECEIVER, json!({ "secrets": ["WEBHOOK_SECRET"] })).await;
    assert_eq!(again.get("missing_secrets"), None, "{again}");
    let health = admin.get("/api/v1/secrets/health").await.json();
    assert!(health["findings"].as_array().unwrap().iter().all(|found| found["kind"] != "missing"), "{health}");

    let replaced = put(&admin, second, json!({})).await;
    assert_eq!((&replaced["overlap"], &replaced["previous"]["version"]), (&json!("1d"), &json!(1)));
    assert_eq!(verified_with(&admin, second).await, "WEBHOOK_SECRET");
    assert_eq!(verified_with(&admin, first).await, "WEBHOOK_SECRET_PREVIOUS");
    assert_eq!(verified_with(&admin, third).await, "nobody");
    let invocation = &admin.items("/api/v1/functions/receiver/invocations").await[0];
    assert_eq!(invocation["versions"], json!({ "WEBHOOK_SECRET": 2, "WEBHOOK_SECRET_PREVIOUS": 1 }));
    let event = &admin.items("/api/v1/audit?action=secret.put").await[0]["event"];
    assert_eq!(event["details"]["previous_version"], "1", "{event}");
    // The server may die meanwhile.
    let app = app.restart(|server| server.kill_hard(), &[]);
    let admin = app.admin();
    assert_eq!(verified_with(&admin, first).await, "WEBHOOK_SECRET_PREVIOUS");

    // A window that closes while a worker has the value, and one that closes while no server runs.
    for (value, before, restart) in [(third, second, false), (fourth, third, true)] {
        let kept = put(&admin, value, json!({ "overlap": "2s" })).await;
        let until = Timestamp::parse(str(&kept["previous"]["until"])).unwrap();
        assert_eq!(verified_with(&admin, first).await, "nobody", "only one before");
        if restart {
            break;
        }
        let mut seen = 0;
        while now() <= until {
            let verified = verified_with(&admin, before).await;
            if now() < until {
                assert_eq!(verified, "WEBHOOK_SECRET_PREVIOUS");
                seen += 1;
            }
        }
        assert!(seen > 0, "the window closed before anybody looked");
        assert_eq!(verified_with(&admin, before).await, "nobody");
        assert_eq!(verified_with(&admin, value).await, "WEBHOOK_SECRET");
        assert_eq!(admin.get(PATH).await.json().get("previous"), None);
    }
    let until = Timestamp::parse(str(&admin.get(PATH).await.json()["previous"]["until"])).unwrap();
    let app = app.restart(
        |server| {
            server.kill_hard();
            let left = until.as_millis() - now().as_millis();
            std::thread::park_timeout(Duration::from_millis(u64::try_from(left.max(0)).unwrap() + 1));
            while now() <= until {}
        },
        &[],
    );
    assert_eq!(verified_with(&app.admin(), third).await, "nobody");
    assert_eq!(verified_with(&app.admin(), fourth).await, "WEBHOOK_SECRET");
    let everything = String::from_utf8_lossy(&app.transcript()).into_owned();
    for value in &values {
        assert!(!everything.contains(value.as_str()), "a value was answered");
    }
}

/// What a function shows of both: for tests that look at who gets what.
const SHOW: &str = "Deno.serve(() => { console.log('had ' + Deno.env.get('WEBHOOK_SECRET_PREVIOUS')); \
    return new Response(String(Deno.env.get('WEBHOOK_SECRET_PREVIOUS'))); })";

#[tokio::test(flavor = "multi_thread")]
async fn only_who_has_the_value_gets_the_one_before_and_logs_hide_it() {
    let app = App::start();
    let admin = app.admin();
    admin.put("/api/v1/environments/test", json!({})).await.expect(201);
    let (first, second) = (random(32), random(32));
    put(&admin, &first, json!({ "overlap": "1h" })).await;
    put(&admin, &second, json!({})).await;
    admin.put(PATH, json!({ "value": random(32), "environment": "test" })).await.expect(201);
    admin.put_secret("OTHER", "value-of-another").await;
    for (name, settings) in [
        ("all", json!({})),
        ("named", json!({ "secrets": ["WEBHOOK_SECRET"] })),
        ("without", json!({ "secrets": ["OTHER"] })),
        ("test", json!({ "environment": "test" })),
    ] {
        admin.deploy(name, SHOW, settings).await;
    }
    let show = async |path: &str| admin.get(path).await.expect(200).text();
    assert_eq!(show("/functions/v1/all").await, first);
    assert_eq!(show("/functions/v1/named").await, first);
    assert_eq!(show("/functions/v1/without").await, "undefined");
    assert_eq!(show("/a/default/test/functions/v1/test").await, "undefined");
    let id = str(&admin.invocations("all", 1).await[0]["id"]).to_owned();
    // The guard's own note on what was returned stands beside it, before or after.
    let line = crate::api::eventually("the line is there", async || {
        let found = admin.items(&format!("/api/v1/functions/all/invocations/{id}/logs")).await;
        found.into_iter().find(|line| line["stream"] == "stdout")
    })
    .await;
    assert_eq!(line["text"], "had [redacted WEBHOOK_SECRET_PREVIOUS]");

    // `tresor run` gives the same.
    let scopes = json!({ "name": "run", "scopes": ["secrets:inject"], "environments": ["production"] });
    let token = admin.post("/api/v1/tokens", scopes).await.expect(201).json();
    let token = str(&token["token"]);
    let run = |more: &[&str]| {
        let args = [&["run", "-e", "production"], more, &["--", "sh", "-c", "echo $WEBHOOK_SECRET_PREVIOUS"]].concat();
        let mut command = app.server.cli(&args);
        command.env("TRESOR_TOKEN", token);
        crate::support::run(command, None).ok().stdout.trim().to_owned()
    };
    assert_eq!(run(&[]), first);
    assert_eq!(run(&["--only", "WEBHOOK_SECRET"]), first);
    assert_eq!(run(&["--only", "OTHER"]), "");
    let event = &admin.items("/api/v1/audit?action=secret.inject").await[2]["event"];
    assert!(str(&event["details"]["secrets"]).contains("WEBHOOK_SECRET_PREVIOUS:1"), "{event}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_ends_it_ends_it_at_once() {
    let app = App::start();
    let admin = app.admin();
    admin.deploy("show", SHOW, json!({})).await;
    let show = async || admin.get("/functions/v1/show").await.expect(200).text();
    let mut value = random(32);
    put(&admin, &value, json!({ "overlap": "1h" })).await;
    let mut version = 1;
    // Each time another value is put, and functions have the one before.
    let mut replace = async || {
        let (before, next) = (value.clone(), random(32));
        let kept = put(&admin, &next, json!({ "overlap": "1h" })).await;
        assert_eq!((&kept["previous"]["version"], show().await), (&json!(version), before));
        (value, version) = (next, kept["version"].as_u64().unwrap());
        version
    };
    replace().await;
    admin.call("PATCH", PATH, Some(&json!({ "overlap": null }))).await.expect(200);
    assert_eq!(show().await, "undefined");
    let current = replace().await;
    admin.post(&format!("{PATH}/destroy"), json!({ "version": current - 1 })).await.expect(200);
    assert_eq!(show().await, "undefined");
    let current = replace().await;
    admin.post(&format!("{PATH}/activate"), json!({ "version": current - 1 })).await.expect(200);
    assert_eq!(show().await, "undefined");
    // Another time for what comes later leaves what runs.
    put(&admin, &random(32), json!({ "overlap": "1h" })).await;
    let before = show().await;
    admin.call("PATCH", PATH, Some(&json!({ "overlap": "1s" }))).await.expect(200);
    assert_eq!(show().await, before);
    admin.delete(PATH).await.expect(204);
    assert_eq!(show().await, "undefined");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_deliveries_that_do_not_go_with_it_are_refused() {
    let app = App::start();
    let admin = app.admin();
    let before = admin.state().await;
    for bad in ["", "0s", "31d", "soon", "10"] {
        let problem = admin.put(PATH, json!({ "value": "v", "overlap": bad })).await.problem(422, "overlap_invalid");
        assert_eq!(problem["errors"][0]["field"], "overlap");
    }
    let brokered = json!({ "value": "v", "overlap": "1h", "delivery": "brokered", "hosts": ["api.example.com"] });
    admin.put(PATH, brokered).await.problem(422, "overlap_brokered");
    let long = format!("/api/v1/secrets/{}", "A".repeat(120));
    admin.put(&long, json!({ "value": "v", "overlap": "1h" })).await.problem(422, "overlap_name_too_long");
    assert_eq!(admin.state().await, before);

    admin.put_secret("TAKEN_PREVIOUS", "value-that-is-there").await;
    let taken = json!({ "value": "v", "overlap": "1h" });
    let problem = admin.put("/api/v1/secrets/TAKEN", taken).await.problem(422, "overlap_name_taken");
    assert!(str(&problem["detail"]).contains("TAKEN_PREVIOUS"), "{problem}");
    admin.put_secret("TAKEN", "value").await;
    admin
        .call("PATCH", "/api/v1/secrets/TAKEN", Some(&json!({ "overlap": "1h" })))
        .await
        .problem(422, "overlap_name_taken");

    put(&admin, "first-value", json!({ "overlap": "1h" })).await;
    let state = admin.state().await;
    let name = "/api/v1/secrets/WEBHOOK_SECRET_PREVIOUS";
    let problem = admin.put(name, json!({ "value": "v" })).await.problem(422, "name_of_overlap");
    assert_eq!(problem["errors"][0]["field"], "name");
    let import = json!({ "format": "dotenv", "text": "FINE=1\nWEBHOOK_SECRET_PREVIOUS=v" });
    admin.post("/api/v1/secrets/import", import).await.problem(422, "name_of_overlap");
    let moved = json!({ "value": "other", "delivery": "brokered", "hosts": ["api.example.com"] });
    admin.put(PATH, moved.clone()).await.problem(422, "overlap_brokered");
    assert_eq!(admin.state().await, state);
    // In another environment the name is free.
    admin.put("/api/v1/environments/test", json!({})).await.expect(201);
    admin.put(name, json!({ "value": "v", "environment": "test" })).await.expect(201);

    // A value that was brokered never gets into functions' environment, not even as the one before.
    admin.call("PATCH", PATH, Some(&json!({ "overlap": null }))).await.expect(200);
    admin.put(PATH, moved).await.expect(200);
    let back = put(&admin, "third-value", json!({ "delivery": "env", "overlap": "1h" })).await;
    assert_eq!(back.get("previous"), None, "{back}");
    admin.deploy("show", SHOW, json!({})).await;
    assert_eq!(admin.get("/functions/v1/show").await.expect(200).text(), "undefined");
}
