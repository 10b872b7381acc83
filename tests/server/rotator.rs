//! Rotators: where one may be set, what it is told, and what becomes of that.

use serde_json::{Value, json};

use crate::api::{eventually, str};
use crate::database::Database;
use crate::key_provider::*;
use crate::rotations::*;
use crate::scan::Scanner;

/// Whoever calls the function by the gateway is who it is, whatever it says.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_a_rotator_by_saying_so() {
    let scene = Scene::start().await;
    let admin = scene.app.admin();
    let body = json!({ "step": "create", "rotation": "r", "current": scene.first });
    for header in ["x-tresor-actor", "X-Tresor-Actor"] {
        let asked = admin.request("POST", "/functions/v1/rotate").header(header, format!("rotator:{KEY}")).json(&body);
        assert_eq!(admin.send(asked).await.expect(403).text(), "this is for the rotator");
    }
    // Nor is a token of that name one.
    let made = json!({ "name": "rotator-x", "scopes": ["functions:invoke"] });
    let named = admin.post("/api/v1/tokens", made).await.expect(201).json();
    let named = admin.with_token(str(&named["token"]));
    named.post("/functions/v1/rotate", body).await.expect(403);
    assert_eq!(scene.provider.state().asked.len(), 0);
}

/// Prints what it is told and what it makes, in every way, now and later.
const LEAKS: &str = r#"
const API = Deno.env.get("KEYS_API_URL");
const spread = (value) => {
  console.log(value, { value }, btoa(value), encodeURIComponent(value));
  console.error(new Error(`leaked ${value}`));
  Deno.stdout.writeSync(new TextEncoder().encode(`raw ${value}\n`));
  setTimeout(() => console.log("late", value), 20);
};
Deno.serve(async (request) => {
  const { step, rotation, current, pending, previous } = await request.json();
  console.log("asked for", step);
  for (const value of [current, pending, previous]) if (value) spread(value);
  if (step !== "create") return new Response(null, { status: 501 });
  const made = await fetch(API + "/keys", { method: "POST", headers: { authorization: `Bearer ${current}`, "idempotency-key": rotation } });
  const { key } = await made.json();
  spread(key);
  if (!globalThis.thrown) {
    globalThis.thrown = true;
    if (Deno.env.get("THROWS")) throw new Error(`cannot hand over ${key}`);
  }
  return Response.json({ value: key }, { headers: { "x-made": key } });
});
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_new_value_is_nowhere_before_and_after_it_is_one() {
    for throws in [false, true] {
        let scene = Scene::with(LEAKS, json!({ "response_guard": "block" })).await;
        let admin = scene.app.admin();
        if throws {
            admin.put_secret("THROWS", "at the first time, yes").await;
        }
        let id = rotate(&admin, KEY).await;
        if throws {
            // It throws each time, since each time it is another worker.
            let waiting = eventually("it waits", async || {
                let found = stands(&admin, KEY, &id).await;
                found.get("problem").is_some().then_some(found)
            })
            .await;
            assert_eq!(waiting["problem"], "the function rotate threw an error");
            admin.delete("/api/v1/secrets/THROWS").await.expect(204);
            let mut database = Database::open(&scene.app.server).await;
            hurry(&mut database).await;
            database.close().await;
        }
        becomes(&admin, KEY, &id, "done").await;
        let made: Vec<_> = scene.provider.state().made.values().cloned().collect();
        assert_eq!(made.len(), 1);
        // The scanner wants forty bytes with four in front.
        let canary = |text: &str| format!("sk-{}", &text[2..39]);
        let scanner = Scanner::new(&[&canary(&made[0]), &canary(&scene.first)]);
        let invocations = admin.items("/api/v1/functions/rotate/invocations").await;
        assert!(
            invocations.iter().all(|row| row["actor"] == json!({ "kind": "rotator", "name": KEY })),
            "{invocations:?}"
        );
        let lines = eventually("what was printed is recorded", async || {
            let lines = admin.get("/api/v1/functions/rotate/logs?limit=500").await.expect(200).text();
            lines.contains("asked for retire").then_some(lines)
        })
        .await;
        assert!(lines.contains("asked for verify") && !lines.contains("asked for create"), "{lines}");
        assert!(lines.contains(&format!("[redacted {KEY}]")), "{lines}");
        for path in ["audit", "functions/rotate/egress", "functions/rotate/invocations"] {
            admin.get(&format!("/api/v1/{path}")).await.expect(200);
        }
        scanner.assert_absent("the audit log", admin.export().await.as_bytes());
        scanner.assert_absent_below(scene.app.server.home());
        scanner.assert_absent("an answer", &scene.app.transcript());
        // It is the value all the same.
        assert_eq!(scene.shown().await, made[0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotator_is_set_only_where_it_may_be() {
    let scene = Scene::start().await;
    let admin = scene.app.admin();
    let path = format!("/api/v1/secrets/{KEY}/rotator");
    let before = admin.state().await;
    let source = "Deno.serve(() => new Response('ok'))";
    let refused = async |body: Value, status: u16, code: &str, field: &str| {
        let problem = admin.put(&path, body.clone()).await.problem(status, code);
        assert_eq!(problem["errors"][0]["field"], field, "{body}: {problem}");
    };
    refused(json!({ "kind": "cron" }), 422, "rotator_kind_unknown", "kind").await;
    refused(json!({ "kind": "function" }), 422, "function_missing", "function").await;
    refused(json!({ "kind": "function", "function": "no such" }), 422, "name_invalid", "function").await;
    refused(json!({ "kind": "function", "function": "nobodys" }), 422, "function_unknown", "function").await;
    for days in [0, 3651] {
        refused(
            json!({ "kind": "function", "function": "rotate", "every_days": days }),
            422,
            "out_of_range",
            "every_days",
        )
        .await;
    }
    assert_eq!(admin.state().await, before);
    admin.put("/api/v1/environments/test", json!({})).await.expect(201);
    admin.deploy("open", source, json!({ "access": "public" })).await;
    admin.deploy("elsewhere", source, json!({ "environment": "test" })).await;
    refused(json!({ "kind": "function", "function": "open" }), 422, "rotator_public", "function").await;
    refused(json!({ "kind": "function", "function": "elsewhere" }), 422, "function_not_active", "function").await;

    // One that uses another's value is rotated where that is.
    admin.post(&format!("/api/v1/secrets/{KEY}/share"), json!({ "environment": "test" })).await.expect(200);
    let shared = json!({ "kind": "function", "function": "elsewhere", "environment": "test" });
    let problem = admin.put(&path, shared).await.problem(422, "no_own_value");
    assert!(str(&problem["detail"]).contains("uses the value of production: set its rotator there"), "{problem}");

    // A rotator does not become public, by whatever way.
    admin.deploy("both-ways", source, json!({ "access": "public" })).await;
    admin.deploy("both-ways", source, json!({})).await;
    admin.put(&path, json!({ "kind": "function", "function": "both-ways" })).await.expect(200);
    let again = json!({ "source": source, "access": "public" });
    admin.put("/api/v1/functions/both-ways", again.clone()).await.problem(409, "in_use");
    admin.post("/api/v1/functions/both-ways/rollback", json!({ "number": 1 })).await.problem(409, "in_use");
    // Where it is nobody's rotator it may be.
    let there = json!({ "source": source, "access": "public", "environment": "test" });
    admin.put("/api/v1/functions/both-ways", there).await.expect(201);
    admin.delete(&path).await.expect(204);
    admin.put("/api/v1/functions/both-ways", again).await.expect(201);

    // Who may store a value and not invoke functions cannot make one do it.
    let made = json!({ "name": "writer", "scopes": ["secrets:write", "secrets:read"] });
    let writer = admin.post("/api/v1/tokens", made).await.expect(201).json();
    let writer = admin.with_token(str(&writer["token"]));
    let problem =
        writer.put(&path, json!({ "kind": "function", "function": "rotate" })).await.problem(403, "forbidden");
    assert!(str(&problem["detail"]).contains("functions:invoke"), "{problem}");
}

/// Tells which of the values it was told.
const TELLS: &str = r#"
Deno.serve(async (request) => {
  const { step, rotation, ...told } = await request.json();
  const names = ["current", "pending", "previous"].filter((name) => name in told);
  console.log(step, names.join(","));
  const { url } = { url: Deno.env.get("KEYS_API_URL") };
  await fetch(`${url}/told-${step}-${names.join("-")}`, { headers: { authorization: "Bearer x" } });
  return step === "create" ? Response.json({ value: "made by " + rotation + " 0123456789" }) : new Response(null, { status: 501 });
});
"#;

/// A function is told the values that it has anyway, and others only if whoever set it said so.
#[tokio::test(flavor = "multi_thread")]
async fn a_function_is_told_no_more_than_it_may_know() {
    let scene = Scene::with(TELLS, json!({ "secrets": "all" })).await;
    let admin = scene.app.admin();
    let told = async || {
        scene.provider.state().asked.clear();
        let id = rotate(&admin, KEY).await;
        becomes(&admin, KEY, &id, "done").await;
        scene.provider.state().asked.iter().map(|line| line.replace("GET /told-", "")).collect::<Vec<_>>()
    };
    let all = ["create-current", "verify-current-pending", "retire-current-previous"];
    let few = ["create-", "verify-pending", "retire-"];
    assert_eq!(told().await, all, "in its environment");
    admin.deploy("rotate", TELLS, json!({ "secrets": ["KEYS_API_URL"] })).await;
    assert_eq!(told().await, few, "left out by its deployment");
    let brokered =
        json!({ "value": "a brokered value 0123456789", "delivery": "brokered", "hosts": ["api.example.com"] });
    admin.put(&format!("/api/v1/secrets/{KEY}"), brokered).await.expect(200);
    admin.deploy("rotate", TELLS, json!({ "secrets": "all" })).await;
    assert_eq!(told().await, few, "brokered");
    let rotator = json!({ "kind": "function", "function": "rotate", "give_value": true });
    let set = admin.put(&format!("/api/v1/secrets/{KEY}/rotator"), rotator).await.expect(200).json();
    assert_eq!(set["give_value"], true);
    let event = &admin.items("/api/v1/audit?action=rotator.put").await[0]["event"];
    assert_eq!(event["details"]["give_value"], "true");
    assert_eq!(told().await, all, "given deliberately");
}

/// What is deleted takes its rotators and rotations along.
#[tokio::test(flavor = "multi_thread")]
async fn deleting_ends_what_was_about_it() {
    let scene = Scene::start().await;
    let admin = scene.app.admin();
    admin.put("/api/v1/environments/test", json!({})).await.expect(201);
    let mut database = Database::open(&scene.app.server).await;
    let held = "SELECT (SELECT count(*) FROM rotators) * 100 + (SELECT count(*) FROM rotations WHERE ended_at IS NULL) * 10 \
        + (SELECT count(*) FROM rotations WHERE pending IS NOT NULL)";
    // A function, while it is asked.
    scene.provider.hold(STEPS[1]);
    let id = rotate(&admin, KEY).await;
    scene.provider.is_asked(STEPS[1]).await;
    assert_eq!(database.number(held).await, 111);
    admin.delete("/api/v1/functions/rotate").await.expect(204);
    assert_eq!(database.number(held).await, 0);
    let over = stands(&admin, KEY, &id).await;
    assert_eq!((&over["status"], &over["problem"]), (&json!("cancelled"), &json!("its function was deleted")));
    let event = &admin.items("/api/v1/audit?action=function.delete").await[0]["event"];
    assert_eq!(event["details"]["rotators"], format!("{KEY} in production"));
    scene.provider.go_on();
    assert_eq!(scene.shown().await, scene.first);

    // An environment, and a secret.
    for environment in ["test", "production"] {
        // One that makes no values.
        let source = "Deno.serve(() => new Response('ok'))";
        admin.deploy("rotate", source, json!({ "environment": environment })).await;
        let value = json!({ "value": scene.first, "environment": environment });
        admin.put(&format!("/api/v1/secrets/{KEY}"), value).await;
        let rotator = json!({ "kind": "function", "function": "rotate", "environment": environment });
        admin.put(&format!("/api/v1/secrets/{KEY}/rotator"), rotator).await.expect(201);
        failed_rotation(&admin, KEY, environment).await;
        assert_eq!(database.number(held).await, 110, "{environment}");
        assert_eq!(admin.get("/api/v1/secrets/health").await.expect(200).text().matches("rotation_failed").count(), 1);
        match environment {
            "test" => admin.delete("/api/v1/environments/test?anyway=true").await.expect(204),
            _ => admin.delete(&format!("/api/v1/secrets/{KEY}")).await.expect(204),
        };
        assert_eq!(database.number(held).await, 0, "{environment}");
    }
    database.close().await;
}
