//! A function replaces a secret's value in steps that survive a crash at any point, and nothing of it is lost or told.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::api::{App, eventually, random, str};
use crate::database::Database;
use crate::key_provider::*;
use crate::rotations::*;
use crate::webhooks::{ALLOWED, Receiver};

#[tokio::test(flavor = "multi_thread")]
async fn a_function_rotates_a_value_from_beginning_to_end() {
    let scene = Scene::start().await;
    let admin = scene.app.admin();
    assert_eq!(scene.shown().await, scene.first);
    let id = rotate(&admin, KEY).await;
    let done = becomes(&admin, KEY, &id, "done").await;
    assert_eq!(
        (&done["of_version"], &done["version"], &done["step"]),
        (&json!(1), &json!(2), &json!("retire")),
        "{done}"
    );
    let second = scene.shown().await;
    assert_ne!(second, scene.first);
    assert_eq!(scene.provider.valid(), [second.as_str()], "the one before is deleted, and no other was made");
    assert_eq!(scene.provider.state().asked, STEPS);

    let version = &admin.items(&format!("/api/v1/secrets/{KEY}/versions")).await[0];
    assert_eq!((&version["created_by"], &version["note"]), (&json!(KEY), &json!("Rotated by the function rotate")));
    let events = admin.events().await;
    let told: Vec<_> = events
        .iter()
        .filter(|event| event["details"]["rotation"] == json!(id))
        .map(|event| {
            format!("{} {}:{}", str(&event["action"]), str(&event["actor"]["kind"]), str(&event["actor"]["name"]))
        })
        .collect();
    let rotator = format!("rotator:{KEY}");
    assert_eq!(
        told,
        ["rotation.start token:admin", &format!("secret.put {rotator}"), &format!("rotation.finish {rotator}")]
    );

    // While one is under way, who starts another gets that one; who is done may start the next.
    scene.provider.hold(STEPS[0]);
    let id = rotate(&admin, KEY).await;
    let again = admin.post(&format!("/api/v1/secrets/{KEY}/rotate"), json!({})).await.expect(200).json();
    assert_eq!(again["id"], json!(id));
    admin.delete(&format!("/api/v1/secrets/{KEY}/rotator")).await.problem(409, "in_use");
    scene.provider.go_on();
    becomes(&admin, KEY, &id, "done").await;
    let listed = admin.items(&format!("/api/v1/secrets/{KEY}/rotations")).await;
    assert_eq!((listed.len(), &listed[0]["id"]), (2, &json!(id)));
    for over in ["retry", "cancel"] {
        admin
            .post(&format!("/api/v1/secrets/{KEY}/rotations/{id}/{over}"), json!({}))
            .await
            .problem(409, "rotation_ended");
    }
    admin.delete(&format!("/api/v1/secrets/{KEY}/rotator")).await.expect(204);
    admin.get(&format!("/api/v1/secrets/{KEY}/rotator")).await.problem(404, "not_found");
    admin.post(&format!("/api/v1/secrets/{KEY}/rotate"), json!({})).await.problem(404, "not_found");
    scene.app.server.run(&["audit", "verify"]).ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_does_not_work_never_becomes_current_and_the_account_is_told() {
    let receiver = Receiver::start().await;
    let scene = Scene::start().await;
    let admin = scene.app.admin();
    let webhook = json!({ "url": receiver.url, "events": ["rotation.failed"] });
    admin.put("/api/v1/webhooks/chat", webhook).await.expect(201);
    scene.provider.state().broken = true;
    let id = rotate(&admin, KEY).await;
    let mut database = Database::open(&scene.app.server).await;
    let failed = eventually("it is given up", async || {
        hurry(&mut database).await;
        let found = stands(&admin, KEY, &id).await;
        (found["status"] == "failed").then_some(found)
    })
    .await;
    let problem = "the function says that the new value does not work";
    assert_eq!((&failed["step"], &failed["problem"]), (&json!("verify"), &json!(problem)), "{failed}");
    assert!(failed["tries"].as_u64().unwrap() >= 5, "{failed}");
    assert_eq!(scene.shown().await, scene.first, "the value before is the current one");
    let message = eventually("the webhook is told", async || receiver.seen.lock().unwrap().first().cloned()).await;
    let told: Value = serde_json::from_str(&message.body).unwrap();
    assert_eq!(told["type"], "rotation.failed");
    assert_eq!(
        told["data"],
        json!({ "name": KEY, "environment": "production", "rotation": id, "step": "verify", "problem": problem })
    );
    let health = admin.get("/api/v1/secrets/health").await.expect(200).json();
    let finding =
        health["findings"].as_array().unwrap().iter().find(|found| found["kind"] == "rotation_failed").unwrap();
    assert_eq!(
        (&finding["name"], &finding["severity"], &finding["action"]),
        (&json!(KEY), &json!("high"), &json!("look"))
    );
    let rotator = admin.get(&format!("/api/v1/secrets/{KEY}/rotator")).await.expect(200).json();
    assert!(rotator["failed_at"].is_string() && rotator["rotation"]["status"] == "failed", "{rotator}");
    // Nothing new begins before somebody has looked.
    admin.post(&format!("/api/v1/secrets/{KEY}/rotate"), json!({})).await.problem(409, "in_use");
    let event = &admin.items("/api/v1/audit?action=rotation.fail").await[0]["event"];
    assert_eq!((&event["details"]["step"], &event["actor"]["kind"]), (&json!("verify"), &json!("rotator")));

    // The provider is mended: the key that was made works, and no other is made.
    let made: Vec<_> = scene.provider.state().made.values().cloned().collect();
    scene.provider.state().valid.extend(made.clone());
    let path = format!("/api/v1/secrets/{KEY}/rotations/{id}/retry");
    admin.post(&path, json!({})).await.expect(200);
    becomes(&admin, KEY, &id, "done").await;
    assert_eq!(scene.shown().await, made[0]);
    let health = admin.get("/api/v1/secrets/health").await.expect(200).text();
    assert!(!health.contains("rotation_failed"), "{health}");

    // Another one fails and is cancelled: nothing of it stays.
    let id = rotate(&admin, KEY).await;
    let found = eventually("it fails again", async || {
        let found = stands(&admin, KEY, &id).await;
        found.get("problem").is_some().then_some(found)
    })
    .await;
    assert_eq!(found["step"], "verify");
    let cancelled =
        admin.post(&format!("/api/v1/secrets/{KEY}/rotations/{id}/cancel"), json!({})).await.expect(200).json();
    assert_eq!(cancelled["status"], "cancelled");
    assert_eq!(database.number("SELECT count(*) FROM rotations WHERE pending IS NOT NULL").await, 0);
    assert_eq!(scene.shown().await, made[0]);
    database.close().await;
}

/// Killed while each step is at the provider, and at moments that nobody chose, it goes on and makes one key.
#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_point_a_rotation_goes_on() {
    let mut scene = Scene::start().await;
    let mut current = scene.first.clone();
    let mut seed = 7_u64;
    for (round, point) in STEPS.map(Some).into_iter().chain([None; 9]).enumerate() {
        let admin = scene.app.admin();
        let asked = scene.provider.state().asked.len();
        if let Some(step) = point {
            scene.provider.hold(step);
        }
        let id = rotate(&admin, KEY).await;
        match point {
            Some(step) => scene.provider.is_asked(step).await,
            None => {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let end = Instant::now() + Duration::from_micros(seed >> 45);
                while Instant::now() < end {
                    tokio::task::yield_now().await;
                }
            }
        }
        let Scene { app, provider, first } = scene;
        let app = app.restart(|server| server.kill_hard(), &ALLOWED);
        provider.go_on();
        scene = Scene { app, provider, first };
        let admin = scene.app.admin();
        becomes(&admin, KEY, &id, "done").await;
        let now = scene.shown().await;
        assert_ne!(now, current, "round {round}");
        assert_eq!(
            scene.provider.valid(),
            [now.as_str()],
            "round {round}: {:?}",
            &scene.provider.state().asked[asked..]
        );
        assert_eq!(scene.provider.state().made.len(), round + 1, "one key for each rotation");
        current = now;
    }
    scene.app.server.run(&["audit", "verify"]).ok();
}

/// Whoever puts a value while one is being made has the last word.
#[tokio::test(flavor = "multi_thread")]
async fn a_put_meanwhile_ends_the_rotation() {
    let scene = Scene::start().await;
    let admin = scene.app.admin();
    for step in [STEPS[0], STEPS[1]] {
        scene.provider.hold(step);
        let id = rotate(&admin, KEY).await;
        scene.provider.is_asked(step).await;
        let mine = format!("sk-{}", random(40));
        scene.provider.state().valid.insert(mine.clone());
        admin.put_secret(KEY, &mine).await;
        scene.provider.go_on();
        let over = becomes(&admin, KEY, &id, "cancelled").await;
        assert_eq!(over["problem"], "another value was put meanwhile", "{over}");
        assert_eq!(scene.shown().await, mine);
    }
    // What is settings only does not count.
    scene.provider.hold(STEPS[1]);
    let id = rotate(&admin, KEY).await;
    scene.provider.is_asked(STEPS[1]).await;
    admin.call("PATCH", &format!("/api/v1/secrets/{KEY}"), Some(&json!({ "note": "the key" }))).await.expect(200);
    scene.provider.go_on();
    becomes(&admin, KEY, &id, "done").await;

    // Cancelled while the function is at it: what it answers is nothing any more.
    let before = scene.shown().await;
    scene.provider.hold(STEPS[0]);
    let id = rotate(&admin, KEY).await;
    scene.provider.is_asked(STEPS[0]).await;
    admin.post(&format!("/api/v1/secrets/{KEY}/rotations/{id}/cancel"), json!({})).await.expect(200);
    scene.provider.go_on();
    let id = rotate(&admin, KEY).await;
    becomes(&admin, KEY, &id, "done").await;
    let versions = admin.items(&format!("/api/v1/secrets/{KEY}/versions")).await;
    assert_eq!(versions.len(), 5, "{versions:?}");
    assert_ne!(scene.shown().await, before);
}

/// An invocation that runs keeps the value that it has, and so long that value works; so does the one before in an overlap.
#[tokio::test(flavor = "multi_thread")]
async fn the_value_before_works_as_long_as_something_has_it() {
    let scene = Scene::start().await;
    let admin = scene.app.admin();
    // It answers at once, and works with its key for as long as the provider lets it wait.
    let slow = format!(
        "Deno.serve((request) => {{ const [url, key] = [Deno.env.get('KEYS_API_URL'), Deno.env.get('{KEY}')]; \
         const headers = {{ authorization: `Bearer ${{key}}` }}; \
         return fetch(`${{url}}/slow`, {{ headers }}).then(() => fetch(`${{url}}/keys/self`, {{ headers }})).then((tried) => new Response(String(tried.status))); }})"
    );
    admin.deploy("slow", &slow, json!({})).await;
    scene.provider.hold("GET /slow");
    let caller = admin.clone();
    let running = tokio::spawn(async move { caller.get("/functions/v1/slow").await });
    scene.provider.is_asked("GET /slow").await;
    let id = rotate(&admin, KEY).await;
    eventually("the new value is current", async || (scene.shown().await != scene.first).then_some(())).await;
    // Long enough for many looks.
    let end = Instant::now() + Duration::from_secs(2);
    while Instant::now() < end {
        assert_eq!(stands(&admin, KEY, &id).await["step"], "retire");
        assert!(scene.provider.state().valid.contains(&scene.first));
    }
    scene.provider.go_on();
    assert_eq!(running.await.unwrap().expect(200).text(), "200", "its key worked to the end");
    becomes(&admin, KEY, &id, "done").await;
    assert!(!scene.provider.state().valid.contains(&scene.first));

    // With an overlap functions get both, and the one before works until its time is over.
    let (path, both) = (format!("/api/v1/secrets/{KEY}"), format!("{KEY}_PREVIOUS"));
    admin.call("PATCH", &path, Some(&json!({ "overlap": "3s" }))).await.expect(200);
    let source = format!("Deno.serve(() => new Response(Deno.env.get('{both}') ?? 'none'))");
    admin.deploy("both", &source, json!({})).await;
    let before = scene.shown().await;
    let id = rotate(&admin, KEY).await;
    eventually("the new value is current", async || (scene.shown().await != before).then_some(())).await;
    assert_eq!(admin.get("/functions/v1/both").await.expect(200).text(), before);
    assert!(scene.provider.state().valid.contains(&before));
    becomes(&admin, KEY, &id, "done").await;
    assert!(!scene.provider.state().valid.contains(&before));
    assert_eq!(admin.get("/functions/v1/both").await.expect(200).text(), "none");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_begins_by_itself_and_what_it_keeps_is_not_overdue() {
    let scene = Scene::start().await;
    let admin = scene.app.admin();
    let path = format!("/api/v1/secrets/{KEY}");
    admin.call("PATCH", &path, Some(&json!({ "rotate_by": "2020-01-01" }))).await.expect(200);
    let is_overdue = async || {
        let health = admin.get("/api/v1/secrets/health").await.expect(200).json();
        health["findings"].as_array().unwrap().iter().any(|found| found["kind"] == "overdue")
    };
    assert!(is_overdue().await);
    let rotator = json!({ "kind": "function", "function": "rotate", "every_days": 30 });
    let set = admin.put(&format!("{path}/rotator"), rotator.clone()).await.expect(200).json();
    assert!(str(&set["next_at"]) > str(&set["set_at"]), "{set}");
    assert!(!is_overdue().await, "a rotator sees to it");
    let before = admin.events().await.len();
    admin.put(&format!("{path}/rotator"), rotator).await.expect(200);
    assert_eq!(admin.events().await.len(), before, "the same once more is no change");

    // Its time has come, but the value is younger than that: it waits for the value's own.
    let mut database = Database::open(&scene.app.server).await;
    database.change(1, "UPDATE rotators SET next_at = 1").await;
    eventually("it is put off", async || (database.number("SELECT next_at FROM rotators").await > 1).then_some(()))
        .await;
    assert_eq!(scene.shown().await, scene.first);
    database
        .change(1, "UPDATE secret_versions SET created_at = 1 WHERE secret_id IN (SELECT secret_id FROM rotators)")
        .await;
    database.change(1, "UPDATE rotators SET next_at = 1").await;
    let rotation = eventually("it begins", async || {
        let listed = admin.items(&format!("{path}/rotations")).await;
        listed.first().filter(|first| first["status"] == "done").cloned()
    })
    .await;
    assert_eq!(rotation["started_by"], "schedule");
    assert_ne!(scene.shown().await, scene.first);
    let next = admin.get(&format!("{path}/rotator")).await.expect(200).json();
    assert!(str(&next["next_at"]) > str(&rotation["ended_at"]), "{next}");
    database.close().await;
}

/// Another key for the account, while a rotation holds a value that is no version yet.
#[tokio::test(flavor = "multi_thread")]
async fn a_pending_value_outlasts_the_account_key() {
    let scene = Scene::start().await;
    let admin = scene.app.admin();
    let old = admin.get("/api/v1/key").await.expect(200).json();
    scene.provider.hold(STEPS[1]);
    let id = rotate(&admin, KEY).await;
    scene.provider.is_asked(STEPS[1]).await;
    let mut database = Database::open(&scene.app.server).await;
    let pending =
        |key: &Value| format!("SELECT count(*) FROM rotations WHERE instr(hex(pending), upper('{}')) > 0", str(key));
    assert_eq!(database.number(&pending(&old["id"])).await, 1);
    let new = admin.call("POST", "/api/v1/key/rotate", None).await.expect(200).json();
    assert_eq!(database.number(&pending(&old["id"])).await, 0);
    assert_eq!(database.number(&pending(&new["id"])).await, 1);
    scene.provider.go_on();
    becomes(&admin, KEY, &id, "done").await;
    assert_eq!(scene.provider.valid(), [scene.shown().await]);
    database.close().await;
}

/// Two servers on one database: each step is taken by one of them, and by the other one if that dies in it.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_servers_one_takes_each_step() {
    let database = crate::postgres::database().await;
    let args = [&ALLOWED[..], &["--database-url", &database]].concat();
    let mut first = App::start_with(&args);
    // The other one has the same root key.
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::copy(first.server.data_dir().join("root.key"), data.join("root.key")).unwrap();
    let data = data.to_str().unwrap().to_owned();
    let more = [&["--data", &data, "--listen", "127.0.0.1:0"], &args[..]].concat();
    let admin = first.admin();
    let value = format!("sk-{}", random(40));
    let provider = Provider::start(&value).await;
    admin.put_secret(KEY, &value).await;
    admin.put_secret("KEYS_API_URL", &provider.url).await;
    admin.deploy("rotate", EXAMPLE, json!({})).await;
    let rotator = json!({ "kind": "function", "function": "rotate" });
    admin.put(&format!("/api/v1/secrets/{KEY}/rotator"), rotator).await.expect(201);
    provider.hold(STEPS[1]);
    let id = rotate(&admin, KEY).await;
    provider.is_asked(STEPS[1]).await;
    let second = crate::support::TestServer::launch_bare(home, &more, &[]);
    // For longer than a claim holds that is not renewed.
    let end = Instant::now() + Duration::from_secs(14);
    while Instant::now() < end {
        assert_eq!(stands(&admin, KEY, &id).await["step"], "verify");
    }
    assert_eq!(provider.state().asked, &STEPS[..2], "nobody else asked");
    first.server.kill_hard();
    let asked = || provider.state().asked.iter().filter(|line| *line == STEPS[1]).count();
    eventually("the other one goes on", async || (asked() == 2).then_some(())).await;
    provider.go_on();
    let other = admin.at(&second.url());
    let found = eventually("the new value is current", async || {
        let found = stands(&other, KEY, &id).await;
        (found["step"] == "retire").then_some(found)
    })
    .await;
    assert_eq!((&found["version"], &found["status"]), (&json!(2), &json!("running")), "{found}");
    // What another node may still run is waited for, to the end of its time.
    assert!(found["next_at"].is_string() || provider.state().valid.contains(&value));
    assert_eq!(provider.state().made.len(), 1);
}
