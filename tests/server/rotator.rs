//! Rotators: a function replaces a secret's value in steps that survive a crash at any point, and nothing of it is lost or told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::api::{App, Client, eventually, random, str};
use crate::database::Database;
use crate::scan::Scanner;
use crate::support::DEADLINE;
use crate::webhooks::{ALLOWED, Receiver};

/// The function that the documentation shows.
const EXAMPLE: &str = include_str!("../../examples/rotate-api-key.ts");
const KEY: &str = "KEYS_API_KEY";
/// What its provider is asked at each step.
const STEPS: [&str; 3] = ["POST /keys", "GET /keys/self", "DELETE /keys/self"];

/// A provider whose keys make and delete keys, and what became of them.
pub struct Provider {
    url: String,
    state: Arc<Mutex<State>>,
    /// The request that it does not answer as long as this stands.
    held: tokio::sync::watch::Sender<Option<&'static str>>,
}

#[derive(Default)]
struct State {
    valid: BTreeSet<String>,
    /// By idempotency key.
    made: BTreeMap<String, String>,
    /// Method and path of each request, as it came.
    asked: Vec<String>,
    /// Keys that it makes do not work.
    broken: bool,
}

impl Provider {
    pub async fn start(first: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
        let state = Arc::new(Mutex::new(State { valid: [first.to_owned()].into(), ..State::default() }));
        let held = tokio::sync::watch::Sender::new(None);
        let (kept, holding) = (Arc::clone(&state), held.clone());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (state, mut held) = (Arc::clone(&kept), holding.subscribe());
                tokio::spawn(async move {
                    let mut text = Vec::new();
                    while !text.windows(4).any(|end| end == b"\r\n\r\n") {
                        if stream.read_buf(&mut text).await.unwrap_or(0) == 0 {
                            return;
                        }
                    }
                    let head = String::from_utf8(text).unwrap();
                    let line = head.split(" HTTP/").next().unwrap().to_owned();
                    state.lock().unwrap().asked.push(line.clone());
                    held.wait_for(|held| *held != Some(line.as_str())).await.unwrap();
                    let (status, body) = answer(&mut state.lock().unwrap(), &line, &head);
                    let answer = format!(
                        "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                        body.len()
                    );
                    let _ = stream.write_all(answer.as_bytes()).await;
                });
            }
        });
        Self { url, state, held }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn hold(&self, line: &'static str) {
        self.held.send_replace(Some(line));
    }

    fn go_on(&self) {
        self.held.send_replace(None);
    }

    /// Waits until the last that it was asked is this.
    async fn is_asked(&self, line: &str) {
        eventually(line, async || self.state().asked.last().is_some_and(|asked| asked == line).then_some(())).await;
    }

    fn valid(&self) -> Vec<String> {
        self.state().valid.iter().cloned().collect()
    }
}

fn answer(state: &mut State, line: &str, head: &str) -> (u16, String) {
    let header = |name: &str| {
        head.lines()
            .find_map(|line| line.to_ascii_lowercase().starts_with(name).then(|| line[name.len()..].trim().to_owned()))
    };
    let key = header("authorization: bearer ").unwrap_or_default();
    if !state.valid.contains(&key) {
        return (401, String::new());
    }
    let what =
        line.rsplit_once(' ').map_or(line, |(method, path)| if path.ends_with("/keys/self") { method } else { line });
    match what {
        "DELETE" => {
            state.valid.remove(&key);
            (204, String::new())
        }
        "GET" => (200, String::new()),
        _ => {
            let id = header("idempotency-key: ").unwrap_or_default();
            let made = state.made.entry(id).or_insert_with(|| format!("sk-{}", random(40))).clone();
            if !state.broken {
                state.valid.insert(made.clone());
            }
            (200, json!({ "key": made }).to_string())
        }
    }
}

/// A rotation that failed: of a secret whose rotator is a function that makes no values.
pub async fn failed_rotation(admin: &Client, name: &str, environment: &str) -> String {
    let place = format!("/api/v1/secrets/{name}");
    let body = json!({ "environment": environment });
    admin.post(&format!("{place}/rotate"), body).await;
    let rotator = eventually("the rotation fails", async || {
        let rotator = admin.get(&format!("{place}/rotator?environment={environment}")).await.expect(200).json();
        (rotator["rotation"]["status"] == "failed").then_some(rotator)
    })
    .await;
    str(&rotator["rotation"]["id"]).to_owned()
}

async fn rotate(client: &Client) -> String {
    let started = client.post(&format!("/api/v1/secrets/{KEY}/rotate"), json!({})).await.expect(202).json();
    str(&started["id"]).to_owned()
}

async fn stands(client: &Client, id: &str) -> Value {
    client.get(&format!("/api/v1/secrets/{KEY}/rotations/{id}")).await.expect(200).json()
}

async fn becomes(client: &Client, id: &str, status: &str) -> Value {
    ends_as(client, &format!("/api/v1/secrets/{KEY}/rotations/{id}"), status).await
}

/// Waits until a rotation stands so. A step that a busy machine was too slow for is tried again, which takes its time.
pub async fn ends_as(client: &Client, path: &str, status: &str) -> Value {
    let end = Instant::now() + 3 * DEADLINE;
    let mut beat = tokio::time::interval(Duration::from_millis(10));
    loop {
        let found = client.get(path).await.expect(200).json();
        if found["status"] == status {
            return found;
        }
        let over = ["done", "failed", "cancelled"].contains(&str(&found["status"]));
        assert!(!over && Instant::now() < end, "not {status}: {found}");
        beat.tick().await;
    }
}

/// Waits out pauses by ending them.
async fn hurry(database: &mut Database) {
    database.run("UPDATE rotations SET next_at = 1 WHERE next_at IS NOT NULL AND claim IS NULL").await;
}

struct Scene {
    app: App,
    provider: Provider,
    first: String,
}

impl Scene {
    async fn start() -> Self {
        Self::with(EXAMPLE, json!({})).await
    }

    async fn with(source: &str, settings: Value) -> Self {
        let first = format!("sk-{}", random(40));
        let provider = Provider::start(&first).await;
        let app = App::start_with(&ALLOWED);
        let admin = app.admin();
        admin.put_secret(KEY, &first).await;
        admin.put_secret("KEYS_API_URL", &provider.url).await;
        admin.deploy("rotate", source, settings).await;
        admin.deploy("show", &format!("Deno.serve(() => new Response(Deno.env.get('{KEY}')))"), json!({})).await;
        let rotator = json!({ "kind": "function", "function": "rotate" });
        admin.put(&format!("/api/v1/secrets/{KEY}/rotator"), rotator).await.expect(201);
        Self { app, provider, first }
    }

    async fn shown(&self) -> String {
        self.app.admin().get("/functions/v1/show").await.expect(200).text()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_rotates_a_value_from_beginning_to_end() {
    let scene = Scene::start().await;
    let admin = scene.app.admin();
    assert_eq!(scene.shown().await, scene.first);
    let id = rotate(&admin).await;
    let done = becomes(&admin, &id, "done").await;
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
    let id = rotate(&admin).await;
    let again = admin.post(&format!("/api/v1/secrets/{KEY}/rotate"), json!({})).await.expect(200).json();
    assert_eq!(again["id"], json!(id));
    admin.delete(&format!("/api/v1/secrets/{KEY}/rotator")).await.problem(409, "in_use");
    scene.provider.go_on();
    becomes(&admin, &id, "done").await;
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
        let id = rotate(&admin).await;
        if throws {
            // It throws each time, since each time it is another worker.
            let waiting = eventually("it waits", async || {
                let found = stands(&admin, &id).await;
                found.get("problem").is_some().then_some(found)
            })
            .await;
            assert_eq!(waiting["problem"], "the function rotate threw an error");
            admin.delete("/api/v1/secrets/THROWS").await.expect(204);
            let mut database = Database::open(&scene.app.server).await;
            hurry(&mut database).await;
            database.close().await;
        }
        becomes(&admin, &id, "done").await;
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
async fn a_value_that_does_not_work_never_becomes_current_and_the_account_is_told() {
    let receiver = Receiver::start().await;
    let scene = Scene::start().await;
    let admin = scene.app.admin();
    let webhook = json!({ "url": receiver.url, "events": ["rotation.failed"] });
    admin.put("/api/v1/webhooks/chat", webhook).await.expect(201);
    scene.provider.state().broken = true;
    let id = rotate(&admin).await;
    let mut database = Database::open(&scene.app.server).await;
    let failed = eventually("it is given up", async || {
        hurry(&mut database).await;
        let found = stands(&admin, &id).await;
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
    becomes(&admin, &id, "done").await;
    assert_eq!(scene.shown().await, made[0]);
    let health = admin.get("/api/v1/secrets/health").await.expect(200).text();
    assert!(!health.contains("rotation_failed"), "{health}");

    // Another one fails and is cancelled: nothing of it stays.
    let id = rotate(&admin).await;
    let found = eventually("it fails again", async || {
        let found = stands(&admin, &id).await;
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
        let id = rotate(&admin).await;
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
        becomes(&admin, &id, "done").await;
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
        let id = rotate(&admin).await;
        scene.provider.is_asked(step).await;
        let mine = format!("sk-{}", random(40));
        scene.provider.state().valid.insert(mine.clone());
        admin.put_secret(KEY, &mine).await;
        scene.provider.go_on();
        let over = becomes(&admin, &id, "cancelled").await;
        assert_eq!(over["problem"], "another value was put meanwhile", "{over}");
        assert_eq!(scene.shown().await, mine);
    }
    // What is settings only does not count.
    scene.provider.hold(STEPS[1]);
    let id = rotate(&admin).await;
    scene.provider.is_asked(STEPS[1]).await;
    admin.call("PATCH", &format!("/api/v1/secrets/{KEY}"), Some(&json!({ "note": "the key" }))).await.expect(200);
    scene.provider.go_on();
    becomes(&admin, &id, "done").await;

    // Cancelled while the function is at it: what it answers is nothing any more.
    let before = scene.shown().await;
    scene.provider.hold(STEPS[0]);
    let id = rotate(&admin).await;
    scene.provider.is_asked(STEPS[0]).await;
    admin.post(&format!("/api/v1/secrets/{KEY}/rotations/{id}/cancel"), json!({})).await.expect(200);
    scene.provider.go_on();
    let id = rotate(&admin).await;
    becomes(&admin, &id, "done").await;
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
    let id = rotate(&admin).await;
    eventually("the new value is current", async || (scene.shown().await != scene.first).then_some(())).await;
    // Long enough for many looks.
    let end = Instant::now() + Duration::from_secs(2);
    while Instant::now() < end {
        assert_eq!(stands(&admin, &id).await["step"], "retire");
        assert!(scene.provider.state().valid.contains(&scene.first));
    }
    scene.provider.go_on();
    assert_eq!(running.await.unwrap().expect(200).text(), "200", "its key worked to the end");
    becomes(&admin, &id, "done").await;
    assert!(!scene.provider.state().valid.contains(&scene.first));

    // With an overlap functions get both, and the one before works until its time is over.
    let (path, both) = (format!("/api/v1/secrets/{KEY}"), format!("{KEY}_PREVIOUS"));
    admin.call("PATCH", &path, Some(&json!({ "overlap": "3s" }))).await.expect(200);
    let source = format!("Deno.serve(() => new Response(Deno.env.get('{both}') ?? 'none'))");
    admin.deploy("both", &source, json!({})).await;
    let before = scene.shown().await;
    let id = rotate(&admin).await;
    eventually("the new value is current", async || (scene.shown().await != before).then_some(())).await;
    assert_eq!(admin.get("/functions/v1/both").await.expect(200).text(), before);
    assert!(scene.provider.state().valid.contains(&before));
    becomes(&admin, &id, "done").await;
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
        let id = rotate(&admin).await;
        becomes(&admin, &id, "done").await;
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

/// Another key for the account, while a rotation holds a value that is no version yet.
#[tokio::test(flavor = "multi_thread")]
async fn a_pending_value_outlasts_the_account_key() {
    let scene = Scene::start().await;
    let admin = scene.app.admin();
    let old = admin.get("/api/v1/key").await.expect(200).json();
    scene.provider.hold(STEPS[1]);
    let id = rotate(&admin).await;
    scene.provider.is_asked(STEPS[1]).await;
    let mut database = Database::open(&scene.app.server).await;
    let pending =
        |key: &Value| format!("SELECT count(*) FROM rotations WHERE instr(hex(pending), upper('{}')) > 0", str(key));
    assert_eq!(database.number(&pending(&old["id"])).await, 1);
    let new = admin.call("POST", "/api/v1/key/rotate", None).await.expect(200).json();
    assert_eq!(database.number(&pending(&old["id"])).await, 0);
    assert_eq!(database.number(&pending(&new["id"])).await, 1);
    scene.provider.go_on();
    becomes(&admin, &id, "done").await;
    assert_eq!(scene.provider.valid(), [scene.shown().await]);
    database.close().await;
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
    let id = rotate(&admin).await;
    scene.provider.is_asked(STEPS[1]).await;
    assert_eq!(database.number(held).await, 111);
    admin.delete("/api/v1/functions/rotate").await.expect(204);
    assert_eq!(database.number(held).await, 0);
    let over = stands(&admin, &id).await;
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
    let id = rotate(&admin).await;
    provider.is_asked(STEPS[1]).await;
    let second = crate::support::TestServer::launch_bare(home, &more, &[]);
    // For longer than a claim holds that is not renewed.
    let end = Instant::now() + Duration::from_secs(14);
    while Instant::now() < end {
        assert_eq!(stands(&admin, &id).await["step"], "verify");
    }
    assert_eq!(provider.state().asked, &STEPS[..2], "nobody else asked");
    first.server.kill_hard();
    let asked = || provider.state().asked.iter().filter(|line| *line == STEPS[1]).count();
    eventually("the other one goes on", async || (asked() == 2).then_some(())).await;
    provider.go_on();
    let other = admin.at(&second.url());
    let found = eventually("the new value is current", async || {
        let found = stands(&other, &id).await;
        (found["step"] == "retire").then_some(found)
    })
    .await;
    assert_eq!((&found["version"], &found["status"]), (&json!(2), &json!("running")), "{found}");
    // What another node may still run is waited for, to the end of its time.
    assert!(found["next_at"].is_string() || provider.state().valid.contains(&value));
    assert_eq!(provider.state().made.len(), 1);
}
