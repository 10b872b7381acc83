//! A change of a secret is seen by the next invocation and costs none its answer (invariant 5).

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::api::{App, Client, eventually};
use crate::functions::body;

/// Who asks for a put and hangs up at any moment leaves it wholly done or not at all: what is stored is what functions get.
#[tokio::test(flavor = "multi_thread")]
async fn who_puts_and_hangs_up_leaves_no_old_value_behind() {
    const PUTS: u32 = 150;
    let app = App::start();
    let admin = app.admin();
    let value = |n: u32| format!("a-value-that-was-put-as-number-{n:04}");
    admin.put_secret("KEY", &value(0)).await;
    admin.deploy("show", "Deno.serve(() => new Response(Deno.env.get('KEY')))", json!({ "access": "public" })).await;
    let stored = async || {
        let secret = admin.get("/api/v1/secrets/KEY").await.expect(200).json();
        let mask = secret["mask"].as_str().unwrap();
        mask[mask.len() - 4..].to_owned()
    };
    let (token, caller) = (app.server.admin_token(), app.anonymous());
    let (mut done, mut patience) = (0, Duration::from_micros(20));
    for n in 1..=PUTS {
        let body = json!({ "value": value(n) }).to_string();
        let mut stream = TcpStream::connect(app.server.address()).unwrap();
        let length = body.len();
        write!(
            stream,
            "PUT /api/v1/secrets/KEY HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}",
            app.server.address()
        )
        .unwrap();
        // Hung up on after what was just too early or too late the last time, whatever the machine: between its reading and its commit.
        let until = Instant::now() + patience;
        while Instant::now() < until {}
        drop(stream);
        eventually("functions get what is stored", async || {
            let before = stored().await;
            let seen = caller.get("/functions/v1/show").await.expect(200).text();
            (stored().await == before && seen.ends_with(&before)).then_some(())
        })
        .await;
        let is_done = stored().await == format!("{n:04}");
        done += u32::from(is_done);
        patience = if is_done { patience * 4 / 5 } else { (patience * 5 / 4).min(Duration::from_secs(1)) };
    }
    assert!(done > PUTS / 10, "only {done} of them came to anything");
}

/// Invariant 5.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_put_returned_nobody_sees_the_old_value() {
    const PUTS: usize = 100;
    let app = App::start();
    let admin = app.admin();
    let value = |n: usize| format!("value-{n:06}");
    admin.put_secret("KEY", &value(0)).await;
    admin.deploy("show", "Deno.serve(() => new Response(Deno.env.get('KEY')))", json!({ "access": "public" })).await;
    let (returned, stop, calls) =
        (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let seen = async |caller: &Client| {
        caller.get("/functions/v1/show").await.expect(200).text().trim_start_matches("value-").parse::<usize>().unwrap()
    };
    let invokers: Vec<_> = (0..4)
        .map(|_| {
            let (caller, returned, stop, calls) =
                (app.anonymous(), Arc::clone(&returned), Arc::clone(&stop), Arc::clone(&calls));
            tokio::spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    let least = returned.load(Ordering::SeqCst);
                    let seen = caller
                        .get("/functions/v1/show")
                        .await
                        .expect(200)
                        .text()
                        .trim_start_matches("value-")
                        .parse::<usize>()
                        .unwrap();
                    assert!(seen >= least, "saw value {seen} after the put of {least} had returned");
                    calls.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    let caller = app.anonymous();
    for n in 1..=PUTS {
        admin.put_secret("KEY", &value(n)).await;
        returned.store(n, Ordering::SeqCst);
        assert_eq!(seen(&caller).await, n);
        // The callers keep up, so that each value is asked for under load.
        let floor = calls.load(Ordering::SeqCst);
        eventually("the others call too", async || {
            (calls.load(Ordering::SeqCst) > floor || invokers.iter().any(tokio::task::JoinHandle::is_finished))
                .then_some(())
        })
        .await;
    }
    stop.store(true, Ordering::SeqCst);
    for invoker in invokers {
        invoker.await.unwrap();
    }
    // The same holds for the other changes.
    admin.post("/api/v1/secrets/KEY/activate", json!({ "version": 8 })).await.expect(200);
    assert_eq!(seen(&caller).await, 7);
    admin.delete("/api/v1/secrets/KEY").await.expect(204);
    let gone = caller.get("/functions/v1/show").await.expect(200).text();
    assert_eq!(gone, "", "a deleted secret is still injected");
    admin.put_secret("KEY", &value(1)).await.expect(201);
    assert_eq!(seen(&caller).await, 1);
}

/// Several people put, activate and delete at once, several clients call: nothing stale, nothing failed, and each call's
/// record tells what it saw.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_puts_under_load_lose_nothing() {
    const PUTTERS: usize = 4;
    const LAST: usize = 251; // the first is there before the load
    /// What `MIXED` is after so many changes: in turn nothing, a put, another one, and the activation of the first. Numbers
    /// go on where the secret that was deleted stopped.
    fn mixed(changes: usize) -> usize {
        let first = changes / 4 * 2 + 1;
        [0, first, first + 1, first][changes % 4]
    }
    let app = App::start();
    let admin = app.admin();
    let value = |n: usize| format!("value-{n:06}");
    for putter in 0..PUTTERS {
        admin.put_secret(&format!("KEY_{putter}"), &value(1)).await;
    }
    let source = "const names = ['KEY_0', 'KEY_1', 'KEY_2', 'KEY_3', 'MIXED'];\n\
                  const seen = names.map((name) => Number((Deno.env.get(name) ?? 'value-0').slice(6)));\n\
                  Deno.serve(() => Response.json(seen))";
    admin.put("/api/v1/environments/test", json!({})).await.expect(201);
    for environment in ["production", "test"] {
        admin.deploy("show", source, json!({ "access": "public", "environment": environment })).await;
    }
    // Value n is version n, for each secret.
    let returned: Arc<[AtomicUsize; PUTTERS]> = Arc::new(std::array::from_fn(|_| AtomicUsize::new(1)));
    // Odd while `MIXED` changes.
    let phase = Arc::new(AtomicUsize::new(0));
    let call = |client: Client, returned: Arc<[AtomicUsize; PUTTERS]>, phase: Arc<AtomicUsize>| async move {
        let before = phase.load(Ordering::SeqCst);
        let least: Vec<usize> = returned.iter().map(|n| n.load(Ordering::SeqCst)).collect();
        let answer = client.get("/functions/v1/show").await.expect(200);
        let seen: Vec<usize> = serde_json::from_str(&answer.text()).unwrap();
        if before.is_multiple_of(2) && phase.load(Ordering::SeqCst) == before {
            assert_eq!(seen[PUTTERS], mixed(before / 2), "change {before}");
        }
        assert!(seen.iter().all(|seen| *seen <= LAST), "a value of another environment: {seen:?}");
        let stale: Vec<_> = seen.iter().zip(&least).filter(|(seen, least)| seen < least).collect();
        assert!(stale.is_empty(), "(seen, put before): {stale:?}");
        (answer.header("x-tresor-invocation").to_owned(), seen)
    };
    let stop = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let (client, stop) = (app.anonymous(), Arc::clone(&stop));
            let (returned, phase) = (Arc::clone(&returned), Arc::clone(&phase));
            tokio::spawn(async move {
                let mut answers = Vec::new();
                while !stop.load(Ordering::SeqCst) {
                    answers.push(call(client.clone(), Arc::clone(&returned), Arc::clone(&phase)).await);
                }
                answers
            })
        })
        .collect();
    let putters: Vec<_> = (0..PUTTERS)
        .map(|putter| {
            let (admin, returned) = (admin.clone(), Arc::clone(&returned));
            tokio::spawn(async move {
                for n in 2..=LAST {
                    admin.put_secret(&format!("KEY_{putter}"), &format!("value-{n:06}")).await.expect(200);
                    returned[putter].store(n, Ordering::SeqCst);
                }
            })
        })
        .collect();
    let mixer = {
        let (admin, phase) = (admin.clone(), Arc::clone(&phase));
        tokio::spawn(async move {
            let value = |n: usize| Some(json!({ "value": format!("value-{n:06}") }));
            for round in 0..10 {
                let first = 2 * round + 1;
                for (method, path, body, status) in [
                    ("PUT", "/api/v1/secrets/MIXED", value(first), 201),
                    ("PUT", "/api/v1/secrets/MIXED", value(first + 1), 200),
                    ("POST", "/api/v1/secrets/MIXED/activate", Some(json!({ "version": first })), 200),
                    ("DELETE", "/api/v1/secrets/MIXED", None, 204),
                ] {
                    phase.fetch_add(1, Ordering::SeqCst);
                    admin.call(method, path, body.as_ref()).await.expect(status);
                    phase.fetch_add(1, Ordering::SeqCst);
                    let other = json!({ "value": "value-999999", "environment": "test" });
                    let status = admin.put("/api/v1/secrets/KEY_0", other).await.status;
                    assert!(status == 200 || status == 201, "{status}");
                }
            }
        })
    };
    for putter in putters {
        putter.await.unwrap();
    }
    mixer.await.unwrap();
    stop.store(true, Ordering::SeqCst);
    let mut answers = Vec::new();
    for caller in callers {
        answers.extend(caller.await.unwrap());
    }
    let (_, last) = call(app.anonymous(), returned, phase).await;
    assert_eq!(last, [LAST, LAST, LAST, LAST, 0]);
    let other = app.anonymous().get("/a/default/test/functions/v1/show").await.expect(200).text();
    assert_eq!(other, "[999999,0,0,0,0]");
    let distinct: std::collections::BTreeSet<_> = answers.iter().map(|(_, seen)| seen.iter().sum::<usize>()).collect();
    assert!(distinct.len() > 10, "the callers saw {} states of {} calls", distinct.len(), answers.len());
    let recorded = admin.get("/api/v1/functions/show/invocations?limit=100").await.expect(200).json();
    for invocation in recorded["items"].as_array().unwrap() {
        assert_eq!(invocation["outcome"], "ok");
        // The last call of all is not among them.
        let Some((_, seen)) = answers.iter().find(|(id, _)| *id == invocation["id"]) else { continue };
        for (putter, seen) in seen.iter().take(PUTTERS).enumerate() {
            assert_eq!(invocation["versions"][format!("KEY_{putter}")], *seen, "{invocation}");
        }
        assert_eq!(invocation["versions"]["MIXED"].as_u64().unwrap_or(0), seen[PUTTERS] as u64, "{invocation}");
    }
}

/// Deployments and rollbacks under load: each caller gets the one that is active or one that became so meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn deployments_swap_without_a_failed_request() {
    const DEPLOYMENTS: usize = 30;
    let app = App::start();
    let admin = app.admin();
    let source = |n: usize| format!("Deno.serve(() => new Response('{n}'))");
    admin.deploy("swap", &source(1), json!({ "access": "public" })).await;
    let (returned, stop, calls) =
        (Arc::new(AtomicUsize::new(1)), Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let (caller, returned, stop, calls) =
                (app.anonymous(), Arc::clone(&returned), Arc::clone(&stop), Arc::clone(&calls));
            tokio::spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    let least = returned.load(Ordering::SeqCst);
                    let seen: usize = caller.get("/functions/v1/swap").await.expect(200).text().parse().unwrap();
                    assert!(seen >= least, "deployment {seen} answered after {least} was active");
                    calls.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    for n in 2..=DEPLOYMENTS {
        admin.deploy("swap", &source(n), json!({ "access": "public" })).await;
        returned.store(n, Ordering::SeqCst);
        let floor = calls.load(Ordering::SeqCst);
        eventually("the callers go on", async || {
            (calls.load(Ordering::SeqCst) > floor || callers.iter().any(tokio::task::JoinHandle::is_finished))
                .then_some(())
        })
        .await;
    }
    stop.store(true, Ordering::SeqCst);
    for caller in callers {
        caller.await.unwrap();
    }
    admin.post("/api/v1/functions/swap/rollback", json!({ "number": 7 })).await.expect(200);
    assert_eq!(app.anonymous().get("/functions/v1/swap").await.expect(200).text(), "7");
    let (newest, old) =
        (admin.get("/api/v1/functions/swap").await.json(), admin.get("/api/v1/functions/swap?number=7").await.json());
    assert_eq!((&newest["files_of"], &newest["files"]["index.ts"]), (&json!(DEPLOYMENTS), &json!(source(DEPLOYMENTS))));
    assert_eq!((&old["files_of"], &old["files"]["index.ts"]), (&json!(7), &json!(source(7))));
    admin.get("/api/v1/functions/swap?number=99").await.problem(404, "not_found");
}

/// An invocation that runs keeps what it has and is not cut by a put.
#[tokio::test(flavor = "multi_thread")]
async fn a_put_lets_running_invocations_finish() {
    let app = App::start();
    let admin = app.admin();
    admin.put_secret("KEY", "value-old").await;
    let source = "Deno.serve(async (request) => { console.log('begun'); return new Response(await request.text() + Deno.env.get('KEY')); })";
    admin.deploy("slow", source, json!({})).await;
    let (sender, body) = body();
    let running = {
        let admin = admin.clone();
        tokio::spawn(async move { admin.send(admin.request("POST", "/functions/v1/slow").body(body)).await })
    };
    sender.send(Ok("begun before, ended with ")).await.unwrap();
    eventually("the invocation runs", async || {
        (!admin.items("/api/v1/functions/slow/logs").await.is_empty()).then_some(())
    })
    .await;
    admin.put_secret("KEY", "value-new").await;
    assert_eq!(admin.get("/functions/v1/slow").await.expect(200).text(), "value-new");
    drop(sender);
    assert_eq!(running.await.unwrap().expect(200).text(), "begun before, ended with value-old");
    for invocation in admin.invocations("slow", 2).await {
        assert_eq!(invocation["outcome"], "ok", "{invocation}");
    }
}
