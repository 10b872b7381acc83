//! A shared value wherever values go, and everybody who would like to get at one, or at an environment, that is not theirs.

use domain::scan::digest;
use serde_json::{Value, json};

use crate::api::{App, Client, eventually, random, str};
use crate::database::Database;
use crate::upstream::Upstream;

const KEY: &str = "/api/v1/secrets/KEY";
const SHARE: &str = "/api/v1/secrets/KEY/share";

async fn environment(admin: &Client, name: &str) {
    admin.put(&format!("/api/v1/environments/{name}"), json!({})).await.expect(201);
}

async fn token(admin: &Client, scopes: Value, environments: Value) -> Client {
    let body = json!({ "name": "narrow", "scopes": scopes, "environments": environments });
    admin.with_token(str(&admin.post("/api/v1/tokens", body).await.expect(201).json()["token"]))
}

async fn injected(client: &Client, environment: &str) -> Value {
    let request = client.request("POST", &format!("/api/v1/environments/{environment}/inject"));
    let request = request.header("sec-tresor-no-browsers", "1").json(&json!({ "command": "npm" }));
    client.send(request).await.expect(200).json()["secrets"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_uses_values_uses_shared_ones() {
    let app = App::start();
    let admin = app.admin();
    environment(&admin, "test").await;
    let value = format!("sk-proj-{}", random(40));
    admin.put_secret("KEY", &value).await;
    admin.post(SHARE, json!({ "environment": "test" })).await.expect(200);

    // A process that is run with the environment.
    let runner = token(&admin, json!(["secrets:inject"]), json!(["test"])).await;
    assert_eq!(injected(&runner, "test").await, json!([{ "name": "KEY", "version": 1, "value": value }]));

    // A scan that looks in that environment only.
    let scanner = token(&admin, json!(["secrets:scan"]), json!(["test"])).await;
    let salt = scanner.get("/api/v1/scan?environment=test").await.expect(200).json();
    let salt = hex::decode(str(&salt["salt"])).unwrap();
    let ask = json!({ "digests": [hex::encode(digest(&salt, &value))], "environment": "test" });
    let found = scanner.post("/api/v1/scan", ask.clone()).await.expect(200).json();
    let known = json!([{ "index": 0, "name": "KEY", "environment": "test", "version": 1, "current": true }]);
    assert_eq!(found["items"], known);

    // A file that holds the value: it is the one already, and stays shared.
    let file = json!({ "text": format!("KEY={value}\n"), "environment": "test" });
    let imported = admin.post("/api/v1/secrets/import", file).await.expect(200).json();
    assert_eq!((&imported["same"], &imported["changed"]), (&json!(1), &json!(0)));
    let here = admin.get(&format!("{KEY}?environment=test")).await.expect(200).json();
    assert_eq!((&here["state"], &here["shared_from"]), (&json!("shared"), &json!("production")));

    // A log line is redacted, under the name that the environment has.
    let source = "Deno.serve(() => { console.log(`key=${Deno.env.get('KEY')}`); return new Response('ok'); })";
    admin.deploy("speaks", source, json!({ "access": "public", "environment": "test" })).await;
    app.anonymous().get("/a/default/test/functions/v1/speaks").await.expect(200);
    let lines = eventually("the line is recorded", async || {
        let lines = admin.get("/api/v1/functions/speaks/logs").await.expect(200).text();
        lines.contains("key=").then_some(lines)
    })
    .await;
    assert!(lines.contains("key=[redacted KEY]") && !lines.contains(&value), "{lines}");

    // A response with it is stopped, where that is wanted.
    admin.put("/api/v1/settings", json!({ "response_guard": "block" })).await.expect(200);
    let source = "Deno.serve(() => Response.json({ key: Deno.env.get('KEY') }))";
    admin.deploy("leaks", source, json!({ "access": "public", "environment": "test" })).await;
    let leaks = app.anonymous().get("/a/default/test/functions/v1/leaks").await;
    leaks.problem(502, "function_response_blocked");

    // Another file in production is a new value in both.
    let other = format!("sk-proj-{}", random(40));
    let file = json!({ "text": format!("KEY={other}\n") });
    admin.post("/api/v1/secrets/import", file).await.expect(200);
    assert_eq!(injected(&runner, "test").await, json!([{ "name": "KEY", "version": 2, "value": other }]));
    let found = scanner.post("/api/v1/scan", ask).await.expect(200).json();
    assert_eq!(found["items"], json!([]), "what production had before was never of this environment alone");
}

/// Where a shared value may be sent is said where it is, and the function holds a placeholder.
#[tokio::test(flavor = "multi_thread")]
async fn a_shared_value_is_brokered_as_the_one_it_is() {
    const SEND: &str = r#"Deno.serve(async (request) => {
      const key = Deno.env.get("KEY"), url = new URL(request.url).searchParams.get("url");
      const answer = await fetch(url, { headers: { "x-key": key } });
      return Response.json({ key, status: answer.status });
    })"#;
    let upstream = Upstream::start().await;
    let app = upstream.app();
    let admin = app.admin();
    environment(&admin, "test").await;
    let host = format!("localhost:{}", upstream.port);
    let put = async |value: &str, hosts: Value| {
        admin.put(KEY, json!({ "value": value, "delivery": "brokered", "hosts": hosts })).await
    };
    let (first, second) = (format!("sk_live_{}", random(32)), format!("sk_live_{}", random(32)));
    put(&first, json!([host])).await.expect(201);
    let shared = admin.post(SHARE, json!({ "environment": "test" })).await.expect(200).json();
    assert_eq!((&shared["delivery"], &shared["hosts"]), (&json!("brokered"), &json!([host])));
    admin.deploy("send", SEND, json!({ "access": "public", "environment": "test" })).await;
    let url = upstream.url().replace(':', "%3A").replace('/', "%2F");
    let path = format!("/a/default/test/functions/v1/send?url={url}");
    let send = async || app.anonymous().get(&path).await.expect(200).json();

    let seen = send().await;
    assert_eq!(seen["status"], 200, "{seen}");
    assert!(upstream.last().contains(&first) && str(&seen["key"]) != first, "{seen}");
    put(&second, json!([host])).await.expect(200);
    assert_eq!(send().await["status"], 200);
    assert!(upstream.last().contains(&second), "the very next request has the new value");
    put(&second, json!(["api.example.com"])).await.expect(200);
    assert_eq!(send().await["status"], 403, "hosts that were taken away are taken away everywhere");
    // A process outside gets none of it.
    let runner = token(&admin, json!(["secrets:inject"]), json!(["test"])).await;
    assert_eq!(injected(&runner, "test").await, json!([]));
}

/// An older version of its own goes where it went, whatever was said of the shared one meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn what_it_had_itself_is_as_it_was() {
    let app = App::start();
    let admin = app.admin();
    environment(&admin, "test").await;
    let put = async |environment: &str, host: &str, note: &str| {
        let value = format!("sk_live_{}", random(32));
        let body = json!({ "value": value, "environment": environment, "delivery": "brokered", "hosts": [host], "version_note": note });
        admin.put(KEY, body).await.expect(201);
    };
    put("production", "api.production.example", "of production").await;
    put("test", "api.test.example", "of test").await;
    admin.post(SHARE, json!({ "environment": "test" })).await.expect(200);
    let change = json!({ "note": "changed while shared", "environment": "test" });
    admin.call("PATCH", KEY, Some(&change)).await.expect(200);
    let own = admin.post(&format!("{KEY}/activate"), json!({ "version": 1, "environment": "test" })).await;
    let own = own.expect(200).json();
    assert_eq!(own["hosts"], json!(["api.test.example"]));
    let versions = admin.items(&format!("{KEY}/versions?environment=test")).await;
    assert_eq!(versions[0]["note"], "of test");
}

/// A share gives one environment one value. Who is limited to that environment gets no further by it.
#[tokio::test(flavor = "multi_thread")]
async fn a_share_is_no_way_into_the_other_environment() {
    let app = App::start();
    let admin = app.admin();
    for name in ["staging", "test"] {
        environment(&admin, name).await;
    }
    admin.put_secret("KEY", "first-of-production-0123456789").await;
    admin.put(KEY, json!({ "value": "second-of-production-0123456789", "version_note": "rotated by ann" })).await;
    admin.post(SHARE, json!({ "environment": "test" })).await.expect(200);
    admin.post(SHARE, json!({ "environment": "staging" })).await.expect(200);
    let mallory = token(&admin, json!(["admin"]), json!(["test"])).await;

    // Not its history, and nothing of it can be changed or destroyed from here.
    assert_eq!(mallory.items(&format!("{KEY}/versions?environment=test")).await, [] as [Value; 0]);
    let source = async || admin.get(KEY).await.expect(200).json();
    let before = source().await;
    for version in [1, 2] {
        let body = json!({ "version": version, "environment": "test" });
        mallory.post(&format!("{KEY}/activate"), body.clone()).await.problem(404, "not_found");
        mallory.post(&format!("{KEY}/destroy"), body).await.problem(404, "not_found");
    }
    let change = json!({ "note": "mallory was here", "environment": "test" });
    mallory.call("PATCH", KEY, Some(&change)).await.expect(200);
    let put = json!({ "value": "of-mallory-0123456789", "environment": "test", "delivery": "brokered", "hosts": ["evil.example"] });
    mallory.put(KEY, put).await.expect(200);
    mallory.delete(&format!("{KEY}?environment=test")).await.expect(204);
    mallory.post(SHARE, json!({ "environment": "test" })).await.problem(403, "forbidden");
    mallory.post(SHARE, json!({ "environment": "staging", "from": "test" })).await.problem(403, "forbidden");
    mallory.delete("/api/v1/environments/staging?anyway=true").await.problem(403, "forbidden");
    assert_eq!(source().await, before);
    let staging = admin.get(&format!("{KEY}?environment=staging")).await.expect(200).json();
    assert_eq!((&staging["state"], &staging["note"]), (&json!("shared"), &json!("")));

    // Who may not look into the others is not told which they are.
    let owner = token(&admin, json!(["admin"]), json!(["production"])).await;
    let refused = owner.delete(KEY).await.problem(409, "in_use");
    assert!(!str(&refused["detail"]).contains("staging"), "{refused}");

    // To take an environment away that others have values of takes leave in all of them.
    admin.put("/api/v1/secrets/OTHER", json!({ "value": "of-staging-0123456789", "environment": "staging" })).await;
    let other = json!({ "environment": "test", "from": "staging" });
    admin.post("/api/v1/secrets/OTHER/share", other).await.expect(200);
    let limited = token(&admin, json!(["admin"]), json!(["staging"])).await;
    let refused = limited.delete("/api/v1/environments/staging").await.problem(409, "in_use");
    assert!(!str(&refused["detail"]).contains("test"), "{refused}");
    limited.delete("/api/v1/environments/staging?anyway=true").await.problem(403, "forbidden");
    let other = admin.get("/api/v1/secrets/OTHER?environment=test").await.expect(200).json();
    assert_eq!(other["state"], "shared");
}

/// Another account has nothing to share from and nothing to clone, even if it can write rows.
#[tokio::test(flavor = "multi_thread")]
async fn another_account_shares_and_clones_nothing() {
    let app = App::start();
    let (admin, mallory) = (app.admin(), app.account("mallory").await);
    environment(&admin, "staging").await;
    for place in ["production", "staging"] {
        admin.put(KEY, json!({ "value": format!("of-{place}-0123456789"), "environment": place })).await.expect(201);
    }
    environment(&mallory, "test").await;
    mallory.post(SHARE, json!({ "environment": "test" })).await.problem(404, "not_found");
    mallory.post(SHARE, json!({ "environment": "test", "from": "staging" })).await.problem(404, "not_found");
    mallory.post("/api/v1/environments/staging/clone", json!({ "to": "test" })).await.problem(404, "not_found");
    let cloned = mallory.post("/api/v1/environments/production/clone", json!({ "to": "test" })).await.expect(200);
    assert_eq!(cloned.json()["slots"], json!([]));
    mallory.delete("/api/v1/environments/staging?anyway=true").await.problem(404, "not_found");
    assert_eq!(mallory.get("/api/v1/secrets/matrix").await.expect(200).json()["items"], json!([]));

    // A row of mallory's that names the other account's secret, with the tag of a true share of its own.
    mallory.put_secret("KEY", "of-mallory-0123456789").await;
    mallory.post(SHARE, json!({ "environment": "test" })).await.expect(200);
    let source = "Deno.serve(() => new Response(Deno.env.get('KEY') ?? 'nothing'))";
    mallory.deploy("show", source, json!({ "access": "public", "environment": "test" })).await;
    let shown = async || app.anonymous().get("/a/mallory/test/functions/v1/show").await;
    assert_eq!(shown().await.expect(200).text(), "of-mallory-0123456789");
    let mut database = Database::open(&app.server).await;
    let theirs = "SELECT s.id FROM secrets s JOIN accounts a ON a.id = s.account WHERE a.name = 'default' AND s.environment = 'staging'";
    database.change(1, &format!("UPDATE secrets SET source = ({theirs}) WHERE source IS NOT NULL")).await;
    database.close().await;
    environment(&mallory, "other").await;
    mallory.put("/api/v1/secrets/NEW", json!({ "value": "x", "environment": "test" })).await.expect(201);
    assert_eq!(shown().await.expect(200).text(), "nothing");
    assert_eq!(mallory.get(&format!("{KEY}?environment=test")).await.expect(200).json()["state"], "pending");
}

/// An open slot is no empty value, for nobody.
#[tokio::test(flavor = "multi_thread")]
async fn an_open_slot_is_nothing_to_inject() {
    let app = App::start();
    let admin = app.admin();
    admin.put_secret("KEY", "of-production-0123456789").await;
    admin.put_secret("OTHER", "other-of-production-0123456789").await;
    admin.post("/api/v1/environments/production/clone", json!({ "to": "test" })).await.expect(200);
    let body = json!({ "value": "other-of-test-0123456789", "environment": "test" });
    admin.put("/api/v1/secrets/OTHER", body).await.expect(201);
    let source = "Deno.serve(() => Response.json([Object.keys(Deno.env.toObject()).includes('KEY'), Deno.env.get('KEY') ?? null, 'KEY' in process.env, Deno.env.get('OTHER')]))";
    let made = admin.deploy("asks", source, json!({ "access": "public", "environment": "test" })).await;
    assert_eq!(made["missing_secrets"], json!(["KEY"]));
    let seen = app.anonymous().get("/a/default/test/functions/v1/asks").await.expect(200).json();
    assert_eq!(seen, json!([false, null, false, "other-of-test-0123456789"]));
    let runner = token(&admin, json!(["secrets:inject"]), json!(["test"])).await;
    let given = injected(&runner, "test").await;
    assert_eq!((given.as_array().unwrap().len(), &given[0]["name"]), (1, &json!("OTHER")));
    admin.post(&format!("{KEY}/check"), json!({ "environment": "test" })).await.problem(404, "not_found");
    let activate = json!({ "version": 0, "environment": "test" });
    admin.post(&format!("{KEY}/activate"), activate).await.problem(404, "not_found");
}

/// A key of the wrong mode is as wrong where it is shared to, and an open slot that is read is missing.
#[tokio::test(flavor = "multi_thread")]
async fn health_sees_slots_and_shared_values() {
    let app = App::start();
    let admin = app.admin();
    let live = format!("sk_live_{}", "0a1B".repeat(6));
    admin.put_secret("STRIPE_SECRET_KEY", &live).await;
    admin.put_secret("KEY", &random(40)).await;
    admin.post("/api/v1/environments/production/clone", json!({ "to": "test" })).await.expect(200);
    let source = "Deno.serve(() => new Response(Deno.env.get('KEY') + Deno.env.get('STRIPE_SECRET_KEY')))";
    admin.deploy("reads", source, json!({ "environment": "test" })).await;
    let told = async || {
        let health = admin.get("/api/v1/secrets/health?environment=test").await.expect(200).json();
        let line = |found: &Value| format!("{} {}", str(&found["kind"]), str(&found["name"]));
        let mut lines: Vec<_> = health["findings"].as_array().unwrap().iter().map(line).collect();
        lines.sort();
        lines
    };
    assert_eq!(told().await, ["missing KEY", "missing STRIPE_SECRET_KEY"]);
    let stored = admin.post("/api/v1/secrets/STRIPE_SECRET_KEY/share", json!({ "environment": "test" })).await;
    let stored = stored.expect(200).json();
    assert_eq!(
        (&stored["outcome"], &stored["warnings"][0]["code"]),
        (&json!("shared"), &json!("live_key_in_test")),
        "{stored}"
    );
    assert_eq!(told().await, ["missing KEY", "wrong_mode STRIPE_SECRET_KEY"], "and one value is no two equal ones");
}
