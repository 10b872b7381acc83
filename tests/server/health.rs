//! What should be done about secrets is told to who may see them, and nothing of a value is.

use serde_json::{Value, json};

use crate::api::{App, Client, eventually, random, str};
use crate::database::Database;
use crate::upstream::Upstream;

const PATH: &str = "/api/v1/secrets/health";

async fn put(client: &Client, environment: &str, name: &str, value: &str) {
    let answer =
        client.put(&format!("/api/v1/secrets/{name}"), json!({ "value": value, "environment": environment })).await;
    assert!(answer.status == 200 || answer.status == 201, "{answer:?}");
}

/// `severity kind name environment` of each finding.
fn told(health: &Value) -> Vec<String> {
    let line = |found: &Value| {
        ["severity", "kind", "name", "environment"].map(|field| str(&found[field]).to_owned()).join(" ")
    };
    health["findings"].as_array().unwrap().iter().map(line).collect()
}

async fn health(client: &Client, query: &str) -> Value {
    client.get(&format!("{PATH}{query}")).await.expect(200).json()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_thing_that_should_be_done_is_told_once_and_in_order() {
    let app = App::start();
    let admin = app.admin();
    admin.put("/api/v1/environments/test", json!({})).await.expect(201);
    assert_eq!((told(&health(&admin, "").await), &health(&admin, "").await["secrets"]), (vec![], &json!(0)));

    let (shared, twice) = (random(40), random(40));
    for (environment, name, value) in [
        ("production", "OVERDUE_KEY", random(40).as_str()),
        ("production", "SOON_KEY", random(40).as_str()),
        ("production", "UNUSED_KEY", random(40).as_str()),
        ("production", "NEVER_KEY", random(40).as_str()),
        ("production", "NEW_KEY", random(40).as_str()),
        ("production", "SHARED_KEY", shared.as_str()),
        ("test", "SHARED_KEY", shared.as_str()),
        ("test", "FIRST_NAME", twice.as_str()),
        ("test", "OTHER_NAME", twice.as_str()),
        // So short that they are equal by chance.
        ("production", "PORT_A", "8080"),
        ("test", "PORT_A", "8080"),
        ("production", "NEXT_PUBLIC_TOKEN", random(40).as_str()),
        ("production", "STRIPE_SECRET_KEY", &format!("sk_test_{}", "0a1B".repeat(6))),
        ("test", "STRIPE_SECRET_KEY", &format!("pk_test_{}", "0a1B".repeat(6))),
        ("production", "PASTED_KEY", "your-api-key-here"),
    ] {
        put(&admin, environment, name, value).await;
    }
    let source =
        "Deno.serve(() => new Response(Deno.env.get('NEW_KEY') + Deno.env.get('ABSENT_KEY') + process.env.NODE_ENV))";
    admin.deploy("reader", source, json!({ "access": "public" })).await;
    admin.deploy("second", source, json!({ "environment": "test", "secrets": ["NEW_KEY"] })).await;

    // A slot that nobody reads, and one that somebody does.
    let slots = json!({ "to": "staging" });
    admin.put("/api/v1/environments/small", json!({})).await.expect(201);
    put(&admin, "small", "WAITING_KEY", &random(40)).await;
    admin.post("/api/v1/environments/small/clone", slots).await.expect(200);
    admin.delete("/api/v1/environments/small").await.expect(204);

    const DAY: i64 = 24 * 60 * 60 * 1000;
    let mut database = Database::open(&app.server).await;
    let age = |name: &str, days: i64| {
        format!("UPDATE secrets SET created_at = created_at - {} WHERE name = '{name}'", days * DAY)
    };
    for (name, days) in [("OVERDUE_KEY", 40), ("SOON_KEY", 40), ("UNUSED_KEY", 200), ("NEVER_KEY", 2)] {
        database.change(1, &age(name, days)).await;
    }
    database
        .run(&format!(
            "UPDATE secret_versions SET created_at = created_at - {} WHERE secret_id IN (SELECT id FROM secrets WHERE name IN ('OVERDUE_KEY', 'SOON_KEY'))",
            40 * DAY
        ))
        .await;
    for (name, days) in [("OVERDUE_KEY", 30), ("SOON_KEY", 45)] {
        database.change(1, &format!("UPDATE secrets SET rotate_after_days = {days} WHERE name = '{name}'")).await;
    }
    let used = |name: &str, days: i64| {
        format!("UPDATE secrets SET last_used_at = created_at + {} WHERE name = '{name}'", days * DAY)
    };
    for (name, after) in [("OVERDUE_KEY", 40), ("SOON_KEY", 40), ("UNUSED_KEY", 100)] {
        database.change(1, &used(name, after)).await;
    }
    database.close().await;

    let all = health(&admin, "").await;
    assert_eq!(
        told(&all),
        [
            "high missing ABSENT_KEY production",
            "high missing NEW_KEY test",
            "high overdue OVERDUE_KEY production",
            "high badly_formatted PASTED_KEY production",
            "medium wrong_mode STRIPE_SECRET_KEY production",
            "medium browser_exposed NEXT_PUBLIC_TOKEN production",
            "medium publishable STRIPE_SECRET_KEY test",
            "medium due_soon SOON_KEY production",
            "medium duplicated SHARED_KEY production",
            "low pending WAITING_KEY staging",
            "low duplicated FIRST_NAME test",
            "low unused UNUSED_KEY production",
            "low never_used NEVER_KEY production",
        ]
    );
    assert_eq!(all["counts"], json!({ "high": 4, "medium": 5, "low": 4 }));
    assert_eq!((&all["secrets"], &all["more"], &all["unused_days"]), (&json!(16), &json!(0), &json!(90)));
    let found = |kind: &str| all["findings"].as_array().unwrap().iter().find(|found| found["kind"] == kind).unwrap();
    for (kind, detail, action) in [
        ("missing", "ABSENT_KEY in production has no value, and is read by reader.", "put"),
        ("overdue", "OVERDUE_KEY in production was to be replaced 10 days ago.", "replace"),
        ("due_soon", "SOON_KEY in production is to be replaced in 4 days.", "replace"),
        ("duplicated", "SHARED_KEY in production has the value of SHARED_KEY in test.", "look"),
        ("unused", "UNUSED_KEY in production was last used 100 days ago.", "delete"),
    ] {
        assert_eq!((str(&found(kind)["detail"]), str(&found(kind)["action"])), (detail, action), "{kind}");
    }
    assert_eq!(found("missing")["functions"], json!(["reader"]));
    assert_eq!(found("duplicated")["also"], json!([{ "name": "SHARED_KEY", "environment": "test" }]));
    assert_eq!(found("badly_formatted")["code"], "placeholder");

    let test = health(&admin, "?environment=test&unused_days=3650").await;
    assert_eq!(
        told(&test),
        [
            "high missing NEW_KEY test",
            "medium publishable STRIPE_SECRET_KEY test",
            "medium duplicated SHARED_KEY test",
            "low duplicated FIRST_NAME test"
        ]
    );
    assert_eq!(test["secrets"], 5);
    let patient = health(&admin, "?unused_days=101").await;
    assert!(!told(&patient).iter().any(|line| line.contains(" unused ")), "{patient}");
    for bad in ["?unused_days=0", "?unused_days=3651"] {
        assert_eq!(
            admin.get(&format!("{PATH}{bad}")).await.problem(422, "out_of_range")["errors"][0]["field"],
            "unused_days"
        );
    }
    admin.get(&format!("{PATH}?environment=nowhere")).await.problem(422, "environment_unknown");

    // Who may not see production is not told that a value of it stands elsewhere.
    let token = json!({ "name": "limited", "scopes": ["secrets:read"], "environments": ["test"] });
    let token = admin.post("/api/v1/tokens", token).await.expect(201).json();
    let limited = app.anonymous().with_token(str(&token["token"]));
    limited.get(PATH).await.problem(403, "forbidden");
    let seen = health(&limited, "?environment=test").await;
    assert!(!told(&seen).iter().any(|line| line.contains("SHARED_KEY")), "{seen}");
    assert!(!seen.to_string().contains("production"), "{seen}");
    // Nor is anything of it another account's.
    assert_eq!(told(&health(&app.account("other").await, "").await), [""; 0]);
    let everything = String::from_utf8_lossy(&app.transcript()).into_owned();
    for value in [shared, twice] {
        assert!(!everything.contains(&value), "a value was answered");
    }

    // What is done is told no longer.
    put(&admin, "production", "ABSENT_KEY", &random(40)).await;
    put(&admin, "production", "OVERDUE_KEY", &random(40)).await;
    let after = told(&health(&admin, "").await);
    assert!(!after.iter().any(|line| line.contains("ABSENT_KEY") || line.contains("OVERDUE_KEY")), "{after:?}");
}

/// Use is told for as long as it lasts, although a worker that is always busy gets its values once only; and of brokered
/// secrets it counts that the value was sent.
#[tokio::test(flavor = "multi_thread")]
async fn use_counts_while_it_lasts_and_sending_counts_as_use() {
    let upstream = Upstream::start().await;
    let app = upstream.app();
    let admin = app.admin();
    let host = format!("localhost:{}", upstream.port);
    let secret = json!({ "value": format!("sk_live_{}", random(32)), "delivery": "brokered", "hosts": [host] });
    admin.put("/api/v1/secrets/STRIPE_KEY", secret).await.expect(201);
    let source = "Deno.serve(async (request) => { if (!new URL(request.url).searchParams.has('send')) return new Response('ok');\n\
                  await fetch(Deno.env.get('TARGET'), { headers: { authorization: Deno.env.get('STRIPE_KEY') } }); return new Response('sent'); })";
    admin.put_secret("TARGET", &upstream.url()).await;
    admin.deploy("call", source, json!({})).await;
    admin.get("/functions/v1/call").await.expect(200);
    admin.invocations("call", 1).await;

    let mut database = Database::open(&app.server).await;
    let old = "UPDATE secrets SET created_at = 1, last_used_at = 2, last_sent_at = NULL";
    database.change(2, old).await;
    let unused = async || told(&health(&admin, "").await).into_iter().filter(|line| line.contains("unused")).count();
    assert_eq!(unused().await, 2);
    admin.get("/functions/v1/call?send").await.expect(200);
    eventually("what was sent is noted", async || (unused().await == 1).then_some(())).await;
    assert_eq!(database.number("SELECT last_sent_at > 2 FROM secrets WHERE name = 'STRIPE_KEY'").await, 1);
    assert_eq!(database.number("SELECT COALESCE(last_sent_at, 0) FROM secrets WHERE name = 'TARGET'").await, 0);
    database.close().await;
}
