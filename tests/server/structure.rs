//! Names, notes and settings as a file: all of them go round, and no value goes with them.

use serde_json::{Value, json};

use crate::api::{App, Client, random, str};
use crate::scan::{Scanner, canary};

const PATH: &str = "/api/v1/secrets/structure";

async fn export(client: &Client, query: &str) -> Value {
    client.get(&format!("{PATH}{query}")).await.expect(200).json()
}

async fn import(client: &Client, structure: &Value, more: Value) -> crate::api::Answer {
    let mut body = json!({ "text": structure.to_string() });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    client.post(PATH, body).await
}

async fn limited(admin: &Client, environments: Value) -> Client {
    let body = json!({ "name": "limited", "scopes": ["admin"], "environments": environments });
    admin.with_token(str(&admin.post("/api/v1/tokens", body).await.expect(201).json()["token"]))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_structure_goes_round_and_no_value_with_it() {
    let app = App::start();
    let (admin, other) = (app.admin(), app.account("other").await);
    let (first, second) = (canary("sk-C", false), canary("sk-D", false));
    let put = json!({ "value": first, "delivery": "brokered", "hosts": ["*.example.com", "api.stripe.com"],
        "note": "Payments: \"ours\"\nask # ann é", "rotate_after_days": 90, "version_note": "of one value" });
    admin.put("/api/v1/secrets/STRIPE_SECRET_KEY", put).await.expect(201);
    admin.put("/api/v1/secrets/PLAIN", json!({ "value": second, "overlap": "12h" })).await.expect(201);
    admin.put("/api/v1/environments/empty", json!({})).await.expect(201);
    admin.put("/api/v1/environments/test", json!({})).await.expect(201);
    admin.post("/api/v1/secrets/PLAIN/share", json!({ "environment": "test" })).await.expect(200);
    admin.post("/api/v1/environments/production/clone", json!({ "to": "test" })).await.expect(200);

    let structure = export(&admin, "").await;
    let stripe = json!({ "name": "STRIPE_SECRET_KEY", "environment": "production", "delivery": "brokered",
        "hosts": ["api.stripe.com", "*.example.com"], "note": "Payments: \"ours\"\nask # ann é",
        "rotate_after_days": 90, "provider": "stripe" });
    let of_test = {
        let mut slot = stripe.clone();
        slot["environment"] = json!("test");
        slot
    };
    assert_eq!(
        structure,
        json!({ "structure": 1, "environments": ["empty", "production", "test"], "secrets": [
            { "name": "PLAIN", "environment": "production", "delivery": "env", "overlap": "12h" }, stripe,
            { "name": "PLAIN", "environment": "test", "delivery": "env", "shared_from": "production" }, of_test,
        ] })
    );
    assert_eq!(export(&admin, "?environment=empty").await["secrets"], json!([]));

    // Another account gets all of it, as slots, once.
    let said = import(&other, &structure, json!({ "dry_run": true })).await.expect(200).json();
    assert_eq!((&said["dry_run"], &said["environments"]), (&json!(true), &json!(["empty", "test"])));
    assert_eq!(said["pending"].as_array().unwrap().len(), 4);
    assert_eq!(other.items("/api/v1/secrets").await, [] as [Value; 0]);
    assert_eq!(other.items("/api/v1/environments").await.len(), 1);
    let events = other.events().await.len();
    let mut made = import(&other, &structure, json!({})).await.expect(200).json();
    made["dry_run"] = json!(true);
    assert_eq!(made, said, "as it was told");
    let told: Vec<_> = other.events().await[events..]
        .iter()
        .map(|event| json!([event["action"], event["environment"], event["details"]["secrets"]]))
        .collect();
    assert_eq!(
        told,
        [
            json!(["environment.put", "empty", null]),
            json!(["environment.put", "test", null]),
            json!(["secret.import", "production", "PLAIN STRIPE_SECRET_KEY"]),
            json!(["secret.import", "test", "PLAIN STRIPE_SECRET_KEY"]),
        ]
    );
    for secret in other.items("/api/v1/secrets").await {
        assert_eq!((&secret["state"], &secret["version"], &secret["mask"]), (&json!("pending"), &json!(0), &json!("")));
    }
    let again = import(&other, &structure, json!({})).await.expect(200).json();
    assert_eq!((&again["pending"], again["there"].as_array().unwrap().len()), (&json!([]), 4));
    assert_eq!(other.events().await.len(), events + 4, "what changes nothing leaves no event");
    // Round: but for whose value was shared.
    let mut expected = structure.clone();
    expected["secrets"][2].as_object_mut().unwrap().remove("shared_from");
    assert_eq!(export(&other, "").await, expected);

    // The same by YAML, all of it into another environment; what is there stays.
    other.put("/api/v1/secrets/PLAIN", json!({ "value": "its own", "environment": "empty" })).await.expect(201);
    let one = export(&admin, "?environment=production").await;
    let yaml = json!({ "text": domain::tree::yaml(&one), "environment": "empty" });
    let made = other.post(PATH, yaml).await.expect(200).json();
    assert_eq!(made["pending"], json!([{ "name": "STRIPE_SECRET_KEY", "environment": "empty" }]));
    assert_eq!(made["there"], json!([{ "name": "PLAIN", "environment": "empty" }]));
    assert_eq!(other.get("/api/v1/secrets/PLAIN?environment=empty").await.expect(200).json()["state"], "set");
    // A slot takes a value as it was to be delivered.
    let value = json!({ "value": random(30), "environment": "empty" });
    let filled = other.put("/api/v1/secrets/STRIPE_SECRET_KEY", value).await.expect(201).json();
    assert_eq!((&filled["delivery"], &filled["hosts"]), (&json!("brokered"), &stripe["hosts"]));
    Scanner::new(&[&first, &second]).assert_absent("an answer", &app.transcript());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_limited_exports_and_imports_its_own() {
    let app = App::start();
    let admin = app.admin();
    admin.put_secret("KEY", "of production 0123456789").await;
    admin.put("/api/v1/environments/test", json!({})).await.expect(201);
    admin.put("/api/v1/secrets/OTHER", json!({ "value": "x", "environment": "test" })).await.expect(201);
    let all = export(&admin, "").await;
    let mallory = limited(&admin, json!(["test"])).await;
    let own = export(&mallory, "").await;
    assert_eq!((&own["environments"], own["secrets"].as_array().unwrap().len()), (&json!(["test"]), 1));
    mallory.get(&format!("{PATH}?environment=production")).await.problem(403, "forbidden");
    let reader = admin.post("/api/v1/tokens", json!({ "name": "reader", "scopes": ["secrets:read"] })).await;
    let reader = admin.with_token(str(&reader.expect(201).json()["token"]));
    let writer = admin.post("/api/v1/tokens", json!({ "name": "writer", "scopes": ["secrets:write"] })).await;
    let writer = admin.with_token(str(&writer.expect(201).json()["token"]));
    let before = admin.state().await;
    import(&mallory, &all, json!({})).await.problem(403, "forbidden");
    import(&mallory, &own, json!({ "environment": "production" })).await.problem(403, "forbidden");
    import(&mallory, &json!({ "structure": 1, "environments": ["new"], "secrets": [] }), json!({}))
        .await
        .problem(403, "forbidden");
    import(&reader, &own, json!({ "dry_run": true })).await.problem(403, "forbidden");
    // To make an environment is another leave.
    import(&writer, &json!({ "structure": 1, "environments": ["new"], "secrets": [] }), json!({}))
        .await
        .problem(403, "forbidden");
    assert_eq!(admin.state().await, before);
}

/// Whatever is wrong with a file, the answer says where and nothing of it: people mistake files.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_file_changes_nothing_and_is_not_quoted() {
    let app = App::start();
    let admin = app.admin();
    let before = admin.state().await;
    let canary = canary("sk-C", false);
    let secret = |more: Value| {
        let mut secret = json!({ "name": "KEY", "environment": "production" });
        secret.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "structure": 1, "environments": ["production"], "secrets": [secret] }).to_string()
    };
    let bomb = format!("a: &a [{canary}]\nb: [*a, *a]\n");
    let two = json!({ "name": "KEY", "environment": "production" });
    let twice = json!({ "structure": 1, "environments": [], "secrets": [two, two] }).to_string();
    for (text, code) in [
        (format!("KEY={canary}\n"), "structure_invalid"),
        (json!({ "KEY": canary }).to_string(), "structure_invalid"),
        (format!("{{\"structure\": 1, \"{canary}"), "file_not_json"),
        (bomb, "file_not_yaml"),
        (String::new(), "file_not_yaml"),
        (json!({ "structure": 2, "environments": [], "secrets": [] }).to_string(), "structure_invalid"),
        (secret(json!({ "value": canary })), "structure_invalid"),
        (secret(json!({ "name": canary })), "name_invalid"),
        (secret(json!({ "name": "LD_PRELOAD" })), "name_reserved"),
        (secret(json!({ "environment": canary })), "name_invalid"),
        (secret(json!({ "delivery": canary })), "delivery_unknown"),
        (secret(json!({ "delivery": "brokered" })), "hosts_missing"),
        (secret(json!({ "hosts": ["api.example.com"] })), "hosts_without_broker"),
        (secret(json!({ "delivery": "brokered", "hosts": [format!("{canary}/")] })), "host_invalid"),
        (secret(json!({ "note": canary.repeat(200) })), "note_too_long"),
        (secret(json!({ "rotate_after_days": 0 })), "out_of_range"),
        (secret(json!({ "overlap": "for ever" })), "overlap_invalid"),
        (twice, "name_twice"),
    ] {
        let problem = admin.post(PATH, json!({ "text": text })).await.problem(422, code);
        assert!(!problem.to_string().contains(&canary), "{problem}");
    }
    let several = json!({ "structure": 1, "environments": ["production", "test"], "secrets": [] });
    import(&admin, &several, json!({ "environment": "test" })).await.problem(422, "structure_of_several");
    assert_eq!(admin.state().await, before);
    Scanner::new(&[&canary]).assert_absent("an answer", &app.transcript());
}
