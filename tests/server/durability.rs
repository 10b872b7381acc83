//! Invariant 10: what was acknowledged survives `kill -9`; and a stop by SIGTERM loses nothing and leaves nothing behind.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tokio::sync::mpsc;

use crate::api::{Answer, App, Client, eventually, random, str};
use crate::process::{alive, descendants};

const ROUNDS: usize = 20;
const WRITERS: usize = 8;

/// A put that the server said it did.
struct Acknowledged {
    name: String,
    version: u64,
    mask: String,
    request_id: String,
    value: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_puts_survive_kill_9() {
    let mut app = App::start();
    app.admin().deploy("all", "Deno.serve(() => Response.json(Deno.env.toObject()))", json!({})).await;
    let mut acknowledged: Vec<Acknowledged> = Vec::new();
    let mut unanswered = 0;
    for round in 0..ROUNDS {
        let admin = app.admin();
        if round % 5 == 0 {
            admin.get("/functions/v1/all").await.expect(200);
        }
        let (done, wanted) = (Arc::new(AtomicUsize::new(0)), 5 + 7 * round % 40);
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| tokio::spawn(write(admin.clone(), format!("W{writer}"), Arc::clone(&done))))
            .collect();
        eventually("puts are acknowledged", async || (done.load(Ordering::Relaxed) >= wanted).then_some(())).await;
        let processes = descendants(app.server.pid());
        app = app.restart(|server| server.kill_hard(), &[]);
        for writer in writers {
            let (done, failed) = writer.await.unwrap();
            acknowledged.extend(done);
            unanswered += usize::from(failed);
        }
        eventually("no worker outlives its server", async || alive(&processes).is_empty().then_some(())).await;
    }
    assert!(unanswered > 0, "the server was never killed during a put: this proves nothing");
    check(&app, &acknowledged).await;
}

/// Puts one value after another until the server is gone. `true`: the last had no answer.
async fn write(admin: Client, name: String, count: Arc<AtomicUsize>) -> (Vec<Acknowledged>, bool) {
    let mut done = Vec::new();
    loop {
        let value = random(24);
        let request = admin.request("PUT", &format!("/api/v1/secrets/{name}")).json(&json!({ "value": value }));
        let Ok(answer) = admin.try_send(request).await else { return (done, true) };
        assert!(answer.status == 200 || answer.status == 201, "{answer:?}");
        count.fetch_add(1, Ordering::Relaxed);
        let secret = answer.json();
        assert_eq!(secret["mask"], format!("{}****{}", &value[..4], &value[20..]));
        done.push(Acknowledged {
            name: name.clone(),
            version: secret["version"].as_u64().unwrap(),
            mask: str(&secret["mask"]).to_owned(),
            request_id: answer.header("x-request-id").to_owned(),
            value,
        });
    }
}

async fn check(app: &App, acknowledged: &[Acknowledged]) {
    let admin = app.admin();
    let mut masks = HashMap::new();
    for writer in 0..WRITERS {
        let name = format!("W{writer}");
        let versions = admin.items(&format!("/api/v1/secrets/{name}/versions")).await;
        let numbers: Vec<_> = versions.iter().map(|version| version["version"].as_u64().unwrap()).collect();
        assert_eq!(numbers, (1..=versions.len() as u64).rev().collect::<Vec<_>>(), "versions of {name} have holes");
        masks.extend(
            versions.iter().map(|version| {
                ((name.clone(), version["version"].as_u64().unwrap()), str(&version["mask"]).to_owned())
            }),
        );
    }
    let puts: HashMap<_, _> = admin
        .events()
        .await
        .into_iter()
        .filter(|event| event["action"] == "secret.put")
        .map(|event| (str(&event["request_id"]).to_owned(), event))
        .collect();
    for put in acknowledged {
        assert_eq!(
            masks.get(&(put.name.clone(), put.version)),
            Some(&put.mask),
            "{} version {} was lost",
            put.name,
            put.version
        );
        let event = puts
            .get(&put.request_id)
            .unwrap_or_else(|| panic!("the event of {} version {} was lost", put.name, put.version));
        assert_eq!(
            (&event["resource"]["name"], &event["details"]["version"]),
            (&json!(put.name), &json!(put.version.to_string()))
        );
    }
    assert_eq!(puts.len(), masks.len(), "as many versions as events");
    app.server.run(&["audit", "verify"]).ok();
    // The values themselves: a current version that was acknowledged is the one that functions get.
    let env = admin.get("/functions/v1/all").await.expect(200).json();
    for secret in admin.items("/api/v1/secrets").await {
        let current = acknowledged.iter().find(|put| secret["name"] == put.name && secret["version"] == put.version);
        if let Some(put) = current {
            assert_eq!(env[&put.name], put.value, "{}", put.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_finishes_what_runs_and_leaves_nothing() {
    let app = App::start();
    let admin = app.admin();
    // Answers at once, and ends with the request's body: how long it runs is in this test's hands.
    admin.deploy("echo", "Deno.serve((request) => new Response(request.body))", json!({})).await;
    let (sender, receiver) = mpsc::channel::<Result<&'static str, std::io::Error>>(1);
    let body = futures_util::stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await?, receiver)));
    let request = admin.request("POST", "/functions/v1/echo").body(reqwest::Body::wrap_stream(Box::pin(body)));
    sender.send(Ok("first ")).await.unwrap();
    let mut response = request.send().await.unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "first ");
    let processes = descendants(app.server.pid());
    assert!(!processes.is_empty());

    let pid = rustix::process::Pid::from_raw(i32::try_from(app.server.pid()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    eventually("the server takes no more connections", async || {
        std::net::TcpStream::connect(app.server.address()).is_err().then_some(())
    })
    .await;
    sender.send(Ok("second")).await.unwrap();
    drop(sender);
    let mut rest = Vec::new();
    while let Some(chunk) = response.chunk().await.unwrap() {
        rest.extend_from_slice(&chunk);
    }
    assert_eq!(rest, b"second", "the running invocation was cut");

    let app = app.restart(|server| assert_eq!(server.stop(), 0, "{}", server.stderr_text()), &[]);
    assert_eq!(alive(&processes), [], "processes outlive the server");
    let recorded = app.admin().invocations("echo", 1).await;
    assert_eq!((&recorded[0]["outcome"], &recorded[0]["status"]), (&json!("ok"), &json!(200)));
    let log = app.server.stderr_text();
    assert!(!log.contains("ERROR") && !log.contains("panicked"), "{log}");
}

/// An invocation that never ends does not keep the server from stopping, and its worker goes too.
#[tokio::test(flavor = "multi_thread")]
async fn sigterm_does_not_wait_for_ever() {
    let mut app = App::start();
    let admin = app.admin();
    admin
        .deploy(
            "stuck",
            "Deno.serve(() => { console.log('begun'); return new Promise(() => setInterval(() => {}, 1000)); })",
            json!({}),
        )
        .await;
    let call = {
        let admin = admin.clone();
        tokio::spawn(async move { admin.try_send(admin.request("GET", "/functions/v1/stuck")).await })
    };
    eventually("the invocation runs", async || {
        (!admin.items("/api/v1/functions/stuck/logs").await.is_empty()).then_some(())
    })
    .await;
    let processes = descendants(app.server.pid());
    assert_eq!(app.server.stop(), 0);
    assert_eq!(alive(&processes), []);
    let answer: Result<Answer, _> = call.await.unwrap();
    assert!(answer.is_err() || answer.is_ok_and(|answer| answer.status >= 500), "a stuck function has no good answer");
}

/// Nor does somebody who watches logs.
#[tokio::test(flavor = "multi_thread")]
async fn sigterm_does_not_wait_for_watchers() {
    let mut app = App::start();
    let admin = app.admin();
    admin.deploy("quiet", "Deno.serve(() => new Response('ok'))", json!({})).await;
    let watcher = admin.request("GET", "/api/v1/functions/quiet/logs/tail").send().await.unwrap();
    assert_eq!(watcher.status(), 200);
    let began = std::time::Instant::now();
    assert_eq!(app.server.stop(), 0);
    assert!(began.elapsed() < std::time::Duration::from_secs(8), "it took {:?}", began.elapsed());
}
