//! The main job: a secret goes in, a function uses it, and what it does is on record.

use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::api::{App, eventually, str};

/// Tells what of a request the function saw.
const MIRROR: &str = r#"
Deno.serve(async (request) => Response.json({
  method: request.method, url: request.url, headers: Object.fromEntries(request.headers), body: await request.text(), env: Deno.env.toObject(),
}));
"#;

/// Variables that a worker has beside the secrets, to reach the system's certificates.
const SYSTEM: [&str; 2] = ["SSL_CERT_DIR", "SSL_CERT_FILE"];

fn secrets_of(env: &Value) -> Vec<&str> {
    env.as_object().unwrap().keys().map(String::as_str).filter(|name| !SYSTEM.contains(name)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn three_shapes_three_ways_to_the_secret() {
    let app = App::start();
    let admin = app.admin();
    admin.put_secret("API_KEY", "sk-live-0123456789abcdef").await;
    for (name, source) in [
        ("serve", "Deno.serve((request: Request) => new Response(Deno.env.get('API_KEY')));"),
        ("serve-options", "Deno.serve({ port: 1 }, () => new Response(Deno.env.get('API_KEY')));"),
        (
            "fetch",
            "interface Env { API_KEY: string }\nexport default { async fetch(request: Request, env: Env, ctx) { ctx.waitUntil(Promise.resolve()); return new Response(env.API_KEY); } };",
        ),
        (
            "handler",
            "import process from 'node:process';\nexport default (request: Request) => new Response(process.env.API_KEY);",
        ),
    ] {
        let deployed = admin.deploy(name, source, json!({})).await;
        assert_eq!(
            (&deployed["number"], &deployed["active_in"], &deployed["access"]),
            (&json!(1), &json!(["production"]), &json!("authenticated"))
        );
        let answer = admin.get(&format!("/functions/v1/{name}")).await.expect(200);
        assert_eq!(answer.text(), "sk-live-0123456789abcdef", "{name}");
    }
    let secret = &admin.items("/api/v1/secrets").await[0];
    assert_eq!(secret["functions"], json!(["fetch", "handler", "serve", "serve-options"]));
    eventually("the time of use is noted", async || {
        admin.get("/api/v1/secrets/API_KEY").await.json()["last_used_at"].is_string().then_some(())
    })
    .await;
}

/// 0 to 1,000 secrets: the function has exactly them, with their values, by all three ways, and what it changes of its own
/// environment stays its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_function_has_exactly_the_secrets_of_its_environment() {
    let app = App::start();
    let admin = app.admin();
    let source = "import process, { env as imported } from 'node:process';\n\
                  Deno.env.set('OWN', '1'); process.env.OWN_2 = '2'; Deno.env.delete('OWN');\n\
                  const ways = (env) => [Deno.env.toObject(), { ...process.env }, { ...imported },\n\
                    Object.fromEntries(Object.keys(env).map((name) => [name, Deno.env.get(name)])),\n\
                    Object.fromEntries(Object.keys(env).map((name) => [name, process.env[name]]))];\n\
                  export default { fetch(request, env) {\n\
                    const has = Deno.env.has('N_0') + ' ' + ('N_0' in process.env) + ' ' + (process.env.NOT_THERE === undefined);\n\
                    return Response.json({ env, has, ways: ways(env) }); } };";
    for count in [0, 1, 10, 1_000] {
        let environment = format!("n-{count}");
        admin.put(&format!("/api/v1/environments/{environment}"), json!({})).await.expect(201);
        let mut wanted = serde_json::Map::new();
        for n in 0..count {
            let (name, value) = (format!("N_{n}"), format!("value {n} \"ü\" \n=$x '{{}}"));
            let body = json!({ "value": value, "environment": environment });
            admin.put(&format!("/api/v1/secrets/{name}"), body).await.expect(201);
            wanted.insert(name, value.into());
        }
        admin.deploy("all", source, json!({ "environment": environment, "access": "public" })).await;
        let seen = admin.get(&format!("/a/default/{environment}/functions/v1/all")).await.expect(200).json();
        assert_eq!(seen["env"].as_object().unwrap(), &wanted, "{count}");
        assert_eq!(seen["has"], format!("{0} {0} true", count > 0));
        for (way, found) in seen["ways"].as_array().unwrap().iter().enumerate() {
            let mut found = found.as_object().unwrap().clone();
            found.retain(|name, _| !SYSTEM.contains(&name.as_str()));
            let own = found.remove("OWN_2");
            assert_eq!((found.len(), own.is_some()), (wanted.len(), way < 3), "{count} {way}: {:?}", found.keys());
            assert!(found == wanted, "{count} {way}");
        }
        // What a function does to its environment ends with its worker and reaches no other.
        let other = "Deno.serve(() => new Response(Deno.env.get('OWN_2') ?? 'nothing'))";
        admin.deploy("other", other, json!({ "environment": environment, "access": "public" })).await;
        let seen = admin.get(&format!("/a/default/{environment}/functions/v1/other")).await.expect(200).text();
        assert_eq!(seen, "nothing");
    }
}

/// A request's body that the test sends piece by piece.
pub fn body() -> (mpsc::Sender<Result<&'static str, std::io::Error>>, reqwest::Body) {
    let (sender, receiver) = mpsc::channel(1);
    let pieces = futures_util::stream::unfold(receiver, async |mut receiver: mpsc::Receiver<_>| {
        Some((receiver.recv().await?, receiver))
    });
    (sender, reqwest::Body::wrap_stream(Box::pin(pieces)))
}

/// Beyond a function's concurrency, callers wait in line, and are told to come back if the line does not move.
#[tokio::test(flavor = "multi_thread")]
async fn callers_wait_in_line() {
    let app = App::start();
    let admin = app.admin();
    let source = "Deno.serve(async (request) => { console.log('begun'); return new Response(await request.text()); })";
    admin.deploy("one", source, json!({ "concurrency": 1, "access": "public" })).await;
    let call = |sent: reqwest::Body| {
        let client = app.anonymous();
        tokio::spawn(async move { client.send(client.request("POST", "/functions/v1/one").body(sent)).await })
    };
    let (sender, sent) = body();
    let first = call(sent);
    eventually("the first runs", async || (!admin.items("/api/v1/functions/one/logs").await.is_empty()).then_some(()))
        .await;
    let refused = call("second".into()).await.unwrap();
    refused.problem(503, "overloaded");
    assert_eq!(refused.header("retry-after"), "1");
    let third = call("third".into());
    sender.send(Ok("first")).await.unwrap();
    drop(sender);
    assert_eq!(first.await.unwrap().expect(200).text(), "first");
    assert_eq!(third.await.unwrap().expect(200).text(), "third");
    let mut outcomes: Vec<_> =
        admin.invocations("one", 3).await.iter().map(|one| str(&one["outcome"]).to_owned()).collect();
    outcomes.sort();
    assert_eq!(outcomes, ["ok", "ok", "overloaded"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_stream_both_ways() {
    let app = App::start();
    let admin = app.admin();
    admin.deploy("echo", "Deno.serve((request) => new Response(request.body))", json!({})).await;
    let (sender, body) = body();
    let mut response = admin.request("POST", "/functions/v1/echo").body(body).send().await.unwrap();
    // Each piece comes back before the next is sent: nothing on the way waits for the end.
    for piece in ["one", "two", "three"] {
        sender.send(Ok(piece)).await.unwrap();
        assert_eq!(response.chunk().await.unwrap().unwrap(), piece);
    }
    drop(sender);
    assert_eq!(response.chunk().await.unwrap(), None);
    let large = "0123456789abcdef".repeat(1024 * 512);
    let answer = admin.send(admin.request("POST", "/functions/v1/echo").body(large.clone())).await.expect(200);
    assert!(answer.body == large.as_bytes(), "8 MiB do not come back whole");
    let over = admin
        .try_send(
            admin
                .request("POST", "/functions/v1/echo")
                .header("content-length", (33 * 1024 * 1024).to_string())
                .body(vec![0; 33 * 1024 * 1024]),
        )
        .await;
    if let Ok(answer) = over {
        answer.problem(413, "body_too_large");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deployments_roll_back_and_go() {
    let app = App::start();
    let admin = app.admin();
    let source = |text: &str| format!("Deno.serve(() => new Response('{text}'))");
    let one = admin.deploy("fn", &source("one"), json!({})).await;
    let two = admin.deploy("fn", &source("two"), json!({})).await;
    assert_eq!((&one["number"], &two["number"]), (&json!(1), &json!(2)));
    assert_ne!(one["digest"], two["digest"]);
    assert_eq!(admin.get("/functions/v1/fn").await.text(), "two");
    let back = admin.post("/api/v1/functions/fn/rollback", json!({ "number": 1 })).await.expect(200).json();
    assert_eq!((&back["number"], &back["active_in"]), (&json!(1), &json!(["production"])));
    assert_eq!(admin.get("/functions/v1/fn").await.text(), "one");
    admin.post("/api/v1/functions/fn/rollback", json!({ "number": 3 })).await.problem(404, "not_found");
    let three = admin.deploy("fn", &source("two"), json!({})).await;
    assert_eq!((&three["number"], &three["digest"]), (&json!(3), &two["digest"]), "the same source is the same bundle");
    let detail = admin.get("/api/v1/functions/fn").await.expect(200).json();
    assert_eq!(
        detail["deployments"].as_array().unwrap().iter().map(|one| one["number"].as_u64().unwrap()).collect::<Vec<_>>(),
        [3, 2, 1]
    );
    assert_eq!(detail["files"]["index.ts"], source("two"));
    let app = app.restart(|server| server.kill_hard(), &[]);
    let admin = app.admin();
    assert_eq!(admin.get("/functions/v1/fn").await.text(), "two");
    admin.delete("/api/v1/functions/fn").await.expect(204);
    admin.get("/functions/v1/fn").await.problem(404, "not_found");
    admin.get("/api/v1/functions/fn").await.problem(404, "not_found");
    admin.delete("/api/v1/functions/fn").await.problem(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_import_each_other() {
    let app = App::start();
    let admin = app.admin();
    let files = json!({ "main.ts": "import { text } from './lib/text.ts';\nDeno.serve(() => new Response(text));", "lib/text.ts": "export const text: string = 'from a library';" });
    admin.put("/api/v1/functions/fn", json!({ "files": files, "entry": "main.ts" })).await.expect(201);
    assert_eq!(admin.get("/functions/v1/fn").await.expect(200).text(), "from a library");
    assert_eq!(admin.get("/api/v1/functions/fn").await.json()["files"], files);
}

#[tokio::test(flavor = "multi_thread")]
async fn access_and_what_a_function_sees_of_its_caller() {
    let app = App::start();
    let admin = app.admin();
    admin.deploy("closed", MIRROR, json!({})).await;
    admin.deploy("open", MIRROR, json!({ "access": "public" })).await;
    let nobody = app.anonymous();
    assert_eq!(nobody.get("/functions/v1/closed").await.header("www-authenticate"), "Bearer");
    nobody.get("/functions/v1/closed").await.problem(401, "unauthenticated");
    nobody.with_token("wrong").get("/functions/v1/closed").await.problem(401, "unauthenticated");

    let spoofed = |request: reqwest::RequestBuilder| {
        let request = request
            .header("x-tresor-actor", "token:root")
            .header("x-tresor-invocation", "0")
            .header("x-tresor-threw", "0")
            .header("x-tresor-anything", "0");
        request
            .header("cookie", "a=1; tresor_session=trc_0123; __Host-tresor_session=trc_0123; b=2")
            .header("x-own", "kept")
            // Naming a header here has it taken out: what the gateway says of the caller must stay.
            .header("connection", "x-hop, x-forwarded-for, x-tresor-actor, x-tresor-invocation")
            .header("x-forwarded-for", "198.51.100.1")
            .header("x-hop", "1")
    };
    let answer = admin
        .send(spoofed(admin.request("POST", "/functions/v1/closed/below/it?a=b%20c")).body("hello"))
        .await
        .expect(200);
    let seen = answer.json();
    let headers = &seen["headers"];
    assert_eq!((&seen["method"], &seen["body"]), (&json!("POST"), &json!("hello")));
    assert_eq!(str(&seen["url"]), format!("{}/closed/below/it?a=b%20c", admin.url()));
    assert_eq!(
        (&headers["x-tresor-actor"], &headers["x-own"], &headers["cookie"]),
        (&json!("token:admin"), &json!("kept"), &json!("a=1; b=2"))
    );
    assert_eq!(headers["x-forwarded-for"], "127.0.0.1", "{headers}");
    assert_eq!(str(&headers["x-tresor-invocation"]), answer.header("x-tresor-invocation"));
    for hidden in ["authorization", "x-tresor-anything", "x-tresor-threw", "x-hop"] {
        assert!(headers.get(hidden).is_none(), "{hidden} reached the function: {headers}");
    }
    assert!(!answer.text().contains(admin.token()) && !answer.text().contains("trc_"));

    let seen = nobody
        .send(spoofed(nobody.request("GET", "/functions/v1/open").header("authorization", "Bearer its-own")))
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&seen["headers"]["x-tresor-actor"], &seen["headers"]["authorization"]),
        (&json!("anonymous"), &json!("Bearer its-own"))
    );
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"] {
        let answer = nobody.call(method, "/functions/v1/open/", None).await.expect(200);
        assert!(method == "HEAD" || answer.json()["method"] == method, "{method}");
    }
    // Functions are for any site and any host name; only the control plane is not.
    nobody
        .send(
            nobody
                .request("GET", "/functions/v1/open")
                .header("origin", "https://app.example")
                .header("host", "fn.example"),
        )
        .await
        .expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn responses_are_kept_apart_from_the_admin_ui() {
    let app = App::start();
    let admin = app.admin();
    let source = r#"Deno.serve((request) => new Response("<script>alert(1)</script>", { status: 418, headers: [
      ["content-type", "text/html"], ["content-security-policy", "default-src *"], ["set-cookie", "tresor_session=evil; Path=/"],
      ["set-cookie", "own=1"], ["clear-site-data", "\"*\""], ["service-worker-allowed", "/"], ["x-own", "kept"], ["x-tresor-invocation", "forged"],
    ] }))"#;
    admin.deploy("page", source, json!({ "access": "public" })).await;
    let answer = app.anonymous().get("/functions/v1/page").await.expect(418);
    let policies: Vec<_> =
        answer.headers.get_all("content-security-policy").iter().map(|policy| policy.to_str().unwrap()).collect();
    assert!(
        policies.iter().any(|policy| policy.contains("sandbox") && !policy.contains("allow-same-origin")),
        "{policies:?}"
    );
    let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap()).collect();
    assert_eq!((cookies, answer.header("x-own")), (vec!["own=1"], "kept"));
    assert!(!answer.headers.contains_key("clear-site-data") && !answer.headers.contains_key("service-worker-allowed"));
    let recorded = admin.invocations("page", 1).await;
    assert_eq!((str(&recorded[0]["id"]), &recorded[0]["status"]), (answer.header("x-tresor-invocation"), &json!(418)));
}

/// Invariants 6 and 7.
#[tokio::test(flavor = "multi_thread")]
async fn a_function_gets_the_secrets_it_lists_of_its_environment() {
    let app = App::start();
    let admin = app.admin();
    admin.put("/api/v1/environments/test", json!({})).await.expect(201);
    for name in ["ALPHA", "BETA", "GAMMA"] {
        admin.put_secret(name, &format!("production-{name}")).await;
    }
    admin.put("/api/v1/secrets/ALPHA", json!({ "value": "test-ALPHA", "environment": "test" })).await.expect(201);
    let env = async |name: &str, settings: Value, path: &str| {
        admin.deploy(name, MIRROR, settings).await;
        admin.get(path).await.expect(200).json()["env"].clone()
    };
    let all = env("all", json!({}), "/functions/v1/all").await;
    assert_eq!(secrets_of(&all), ["ALPHA", "BETA", "GAMMA"]);
    let all = env("all-by-name", json!({ "secrets": "all" }), "/functions/v1/all-by-name").await;
    assert_eq!(secrets_of(&all), ["ALPHA", "BETA", "GAMMA"]);
    let some = env("some", json!({ "secrets": ["BETA", "NOT_THERE_YET"] }), "/functions/v1/some").await;
    assert_eq!((secrets_of(&some), &some["BETA"]), (vec!["BETA"], &json!("production-BETA")));
    let none = env("none", json!({ "secrets": [] }), "/functions/v1/none").await;
    assert_eq!(secrets_of(&none), [] as [&str; 0]);
    admin.put_secret("NOT_THERE_YET", "now it is").await;
    assert_eq!(secrets_of(&admin.get("/functions/v1/some").await.json()["env"]), ["BETA", "NOT_THERE_YET"]);
    let test = env("all", json!({ "environment": "test" }), "/a/default/test/functions/v1/all").await;
    assert_eq!((secrets_of(&test), &test["ALPHA"]), (vec!["ALPHA"], &json!("test-ALPHA")));
    assert_eq!(admin.get("/a/default/production/functions/v1/all").await.json()["env"]["ALPHA"], "production-ALPHA");
    // What is not deployed in an environment is not there.
    admin.get("/a/default/test/functions/v1/some").await.problem(404, "not_found");
    // A put in one environment is none in the other.
    admin.put("/api/v1/secrets/ALPHA", json!({ "value": "test-ALPHA-2", "environment": "test" })).await.expect(200);
    assert_eq!(admin.get("/a/default/test/functions/v1/all").await.json()["env"]["ALPHA"], "test-ALPHA-2");
    assert_eq!(admin.get("/functions/v1/all").await.json()["env"]["ALPHA"], "production-ALPHA");
}

#[tokio::test(flavor = "multi_thread")]
async fn invocations_and_their_logs_are_recorded() {
    let app = App::start();
    let admin = app.admin();
    admin.put_secret("KEY", "value-one").await;
    admin.put_secret("KEY", "value-two").await;
    let source = r#"Deno.serve(async (request) => {
      const path = new URL(request.url).pathname;
      console.log("begun", path);
      await request.text();
      console.error("ended", path, Deno.env.get("KEY"));
      if (path.endsWith("/throws")) throw new TypeError("as asked");
      return new Response(null, { status: 201 });
    })"#;
    admin.deploy("fn", source, json!({})).await;
    admin.call("POST", "/functions/v1/fn/first?secret=query", None).await.expect(201);
    admin.get("/functions/v1/fn").await.expect(201);
    admin.get("/functions/v1/fn/throws").await.problem(502, "function_threw");
    let recorded = admin.invocations("fn", 3).await;
    let [threw, second, first] = [&recorded[0], &recorded[1], &recorded[2]];
    assert_eq!((&first["cold"], &second["cold"], &threw["cold"]), (&json!(true), &json!(false), &json!(false)));
    assert_eq!((&first["method"], &first["path"], &second["path"]), (&json!("POST"), &json!("/first"), &json!("")));
    for one in &recorded {
        assert_eq!(
            (&one["function"], &one["environment"], &one["deployment"]),
            (&json!("fn"), &json!("production"), &json!(1))
        );
        assert_eq!(
            (&one["versions"], &one["actor"]),
            (&json!({ "KEY": 2 }), &json!({ "kind": "token", "name": "admin" }))
        );
        assert_eq!(one["worker"], first["worker"]);
        assert!(one["duration_ms"].as_f64().unwrap() > 0.0 && str(&one["started_at"]).ends_with('Z'), "{one}");
    }
    assert_eq!((&first["status"], &first["outcome"], first.get("error")), (&json!(201), &json!("ok"), None));
    assert_eq!((&threw["status"], &threw["outcome"]), (&json!(502), &json!("error")));
    assert!(
        str(&threw["error"]).contains("TypeError: as asked") && str(&threw["error"]).contains("index.ts:6"),
        "{threw}"
    );

    for (invocation, path, count) in [(first, "/fn/first", 2), (second, "/fn", 2), (threw, "/fn/throws", 3)] {
        let logs = format!("/api/v1/functions/fn/invocations/{}/logs", str(&invocation["id"]));
        let lines = eventually("its lines are recorded", async || {
            Some(admin.items(&logs).await).filter(|lines| lines.len() >= count)
        })
        .await;
        assert_eq!(lines.len(), count, "{lines:?}");
        assert_eq!((&lines[0]["stream"], &lines[0]["text"]), (&json!("stdout"), &json!(format!("begun {path}"))));
        assert_eq!(
            (&lines[1]["stream"], &lines[1]["text"]),
            (&json!("stderr"), &json!(format!("ended {path} [redacted KEY]")))
        );
    }
    // All of them, in the order of time, and no more than asked for.
    let all = admin.items("/api/v1/functions/fn/logs").await;
    assert_eq!(all.len(), 7);
    assert_eq!(admin.items("/api/v1/functions/fn/logs?limit=2").await, all[5..]);
    let page = admin.get("/api/v1/functions/fn/invocations?limit=2").await.json();
    let older = admin
        .get(&format!("/api/v1/functions/fn/invocations?limit=2&cursor={}", str(&page["next_cursor"])))
        .await
        .json();
    assert_eq!((&older["items"][0], older["items"].as_array().unwrap().len()), (first, 1));
    let metrics = admin.get("/metrics").await.expect(200).text();
    assert!(
        metrics.contains("tresor_invocations_total{outcome=\"ok\",start=\"cold\"} 1")
            && metrics.contains("{outcome=\"error\",start=\"warm\"} 1"),
        "{metrics}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_hangs_up_is_recorded() {
    let app = App::start();
    let admin = app.admin();
    let source = r#"Deno.serve((request) => {
      console.log("begun");
      if (request.url.endsWith("/silent")) return new Promise(() => {});
      return new Response(new ReadableStream({ start(c) { c.enqueue(new TextEncoder().encode("first")); } }));
    })"#;
    admin.deploy("endless", source, json!({})).await;
    let mut response = admin.request("GET", "/functions/v1/endless").send().await.unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "first");
    drop(response);
    assert_eq!(admin.invocations("endless", 1).await[0]["outcome"], "client_closed");
    let silent = {
        let admin = admin.clone();
        tokio::spawn(async move { admin.try_send(admin.request("GET", "/functions/v1/endless/silent")).await })
    };
    eventually("the second runs", async || {
        (admin.items("/api/v1/functions/endless/logs").await.len() == 2).then_some(())
    })
    .await;
    silent.abort();
    let recorded = admin.invocations("endless", 2).await;
    assert_eq!((&recorded[0]["outcome"], &recorded[0]["status"]), (&json!("client_closed"), &json!(499)));
    assert_eq!(recorded[1]["status"], 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_takes_too_long_is_ended() {
    let app = App::start();
    let admin = app.admin();
    let source =
        "Deno.serve((request) => { if (request.url.endsWith('/loop')) while (true); return new Promise(() => {}); })";
    admin.deploy("slow", source, json!({ "timeout_seconds": 1 })).await;
    for path in ["/waits", "/loop"] {
        admin.get(&format!("/functions/v1/slow{path}")).await.problem(504, "function_timeout");
    }
    for invocation in admin.invocations("slow", 2).await {
        assert_eq!((&invocation["status"], &invocation["outcome"]), (&json!(504), &json!("timeout")));
    }
    admin.deploy("slow", "Deno.serve(() => new Response('quick'))", json!({})).await;
    assert_eq!(admin.get("/functions/v1/slow").await.expect(200).text(), "quick");
}
