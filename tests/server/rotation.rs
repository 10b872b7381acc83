//! A change of a secret is seen by the next invocation and costs none its answer (invariant 5).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::json;

use crate::api::{App, Client, eventually};
use crate::functions::body;

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

/// Several people put at once, several clients call: nothing stale, nothing failed, and each call's record tells what it saw.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_puts_under_load_lose_nothing() {
    const PUTTERS: usize = 4;
    const PUTS: usize = 250;
    let app = App::start();
    let admin = app.admin();
    let value = |n: usize| format!("value-{n:06}");
    for putter in 0..PUTTERS {
        admin.put_secret(&format!("KEY_{putter}"), &value(1)).await;
    }
    let source = "const seen = [0, 1, 2, 3].map((n) => Number(Deno.env.get(`KEY_${n}`).slice(6)));\n\
                  Deno.serve(() => Response.json(seen))";
    admin.deploy("show", source, json!({ "access": "public" })).await;
    // Value n is version n, for each secret.
    let returned: Arc<[AtomicUsize; PUTTERS]> = Arc::new(std::array::from_fn(|_| AtomicUsize::new(1)));
    let call = |client: Client, returned: Arc<[AtomicUsize; PUTTERS]>| async move {
        let least: Vec<usize> = returned.iter().map(|n| n.load(Ordering::SeqCst)).collect();
        let answer = client.get("/functions/v1/show").await.expect(200);
        let seen: Vec<usize> = serde_json::from_str(&answer.text()).unwrap();
        let stale: Vec<_> = seen.iter().zip(&least).filter(|(seen, least)| seen < least).collect();
        assert!(stale.is_empty(), "(seen, put before): {stale:?}");
        (answer.header("x-tresor-invocation").to_owned(), seen)
    };
    let stop = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let (client, returned, stop) = (app.anonymous(), Arc::clone(&returned), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut answers = Vec::new();
                while !stop.load(Ordering::SeqCst) {
                    answers.push(call(client.clone(), Arc::clone(&returned)).await);
                }
                answers
            })
        })
        .collect();
    let putters: Vec<_> = (0..PUTTERS)
        .map(|putter| {
            let (admin, returned) = (admin.clone(), Arc::clone(&returned));
            tokio::spawn(async move {
                for n in 2..=PUTS {
                    admin.put_secret(&format!("KEY_{putter}"), &format!("value-{n:06}")).await.expect(200);
                    returned[putter].store(n, Ordering::SeqCst);
                }
            })
        })
        .collect();
    for putter in putters {
        putter.await.unwrap();
    }
    stop.store(true, Ordering::SeqCst);
    let mut answers = Vec::new();
    for caller in callers {
        answers.extend(caller.await.unwrap());
    }
    let (_, last) = call(app.anonymous(), returned).await;
    assert_eq!(last, [PUTS; PUTTERS]);
    let distinct: std::collections::BTreeSet<_> = answers.iter().map(|(_, seen)| seen.iter().sum::<usize>()).collect();
    assert!(distinct.len() > 10, "the callers saw {} states of {} calls", distinct.len(), answers.len());
    let recorded = admin.get("/api/v1/functions/show/invocations?limit=100").await.expect(200).json();
    for invocation in recorded["items"].as_array().unwrap() {
        assert_eq!(invocation["outcome"], "ok");
        // The last call of all is not among them.
        let Some((_, seen)) = answers.iter().find(|(id, _)| *id == invocation["id"]) else { continue };
        for (putter, seen) in seen.iter().enumerate() {
            assert_eq!(invocation["versions"][format!("KEY_{putter}")], *seen, "{invocation}");
        }
    }
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
