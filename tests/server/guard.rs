//! The response guard: a function that would return a value of its secrets to its caller.

use serde_json::{Value, json};

use crate::api::{App, Client, eventually, random, str};
use crate::browser::Browser;
use crate::database::Database;
use crate::webhooks::{ALLOWED, Receiver};

const SOURCE: &str = r#"
const key = Deno.env.get("API_KEY");
let go = () => {};
Deno.serve((request) => {
  const url = new URL(request.url);
  go();
  const wait = new Promise((resolve) => (go = resolve));
  switch (url.searchParams.get("as")) {
    case "json": return Response.json({ key });
    case "header": return new Response("fine", { headers: { "x-debug": key } });
    case "basic": return new Response(btoa(`user:${key}`));
    case "stream": return new Response(new ReadableStream({
      async start(controller) {
        const send = (text) => controller.enqueue(new TextEncoder().encode(text));
        send("first ");
        await wait;
        send("second " + key.slice(0, 9));
        send(key.slice(9) + " after");
        controller.close();
      },
    }));
    default: return new Response(String(key?.length));
  }
});
"#;

async fn function(app: &App, settings: Value) -> (Client, String) {
    let admin = app.admin();
    let value = format!("sk_live_{}", random(32));
    admin.put_secret("API_KEY", &value).await;
    admin.deploy("leaks", SOURCE, settings).await;
    (admin, value)
}

async fn returned(admin: &Client) -> Vec<Value> {
    let detail = admin.get("/api/v1/functions/leaks").await.expect(200).json();
    detail["returned"].as_array().cloned().unwrap_or_default()
}

async fn events(admin: &Client, count: usize) -> Vec<Value> {
    eventually("the account is told", async || {
        let events = admin.items("/api/v1/audit?action=secret.return").await;
        (events.len() >= count).then_some(events)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_out_is_told_once_and_seen_until_it_is_mended() {
    let app = App::start();
    let (admin, value) = function(&app, json!({})).await;
    assert_eq!(admin.get("/functions/v1/leaks").await.expect(200).text(), value.len().to_string());
    assert!(returned(&admin).await.is_empty());
    for _ in 0..20 {
        assert_eq!(admin.get("/functions/v1/leaks?as=json").await.expect(200).json()["key"], value);
    }
    let events = events(&admin, 1).await;
    let event = &events[0]["event"];
    assert_eq!(
        (&event["outcome"], &event["actor"]["kind"], &event["actor"]["name"], &event["resource"]["name"]),
        (&json!("done"), &json!("function"), &json!("leaks"), &json!("API_KEY"))
    );
    assert_eq!((&event["environment"], &event["details"]), (&json!("production"), &json!({ "deployment": "1" })));
    let invocations = admin.invocations("leaks", 21).await;
    assert!(invocations.iter().any(|one| one["id"] == event["request_id"] && one["outcome"] == "ok"));
    let line = admin.items(&format!("/api/v1/functions/leaks/invocations/{}/logs", str(&event["request_id"]))).await;
    assert!(str(&line[0]["text"]).contains("holds the value of API_KEY") && line[0]["stream"] == "stderr", "{line:?}");
    let metrics = admin.get("/metrics").await.expect(200).text();
    assert!(metrics.contains("tresor_responses_with_values_total{outcome=\"reported\"} 20"), "{metrics}");

    // Whoever looks at the function is told,
    let seen = returned(&admin).await;
    let expected = json!({ "secret": "API_KEY", "environment": "production", "deployment": 1, "blocked": false,
        "time": event["time"], "invocation": event["request_id"] });
    assert_eq!(seen, [expected]);
    let page = tokio::task::block_in_place(|| app.server.run(&["function", "get", "leaks"]).ok());
    assert!(page.stderr.contains("warning: it returned the value of API_KEY in production"), "{page:?}");
    let page = Browser::open(&app).await.page("/functions/leaks").await;
    assert!(
        page.contains("It returned the value of") && page.contains("/secrets/API_KEY?environment=production"),
        "{page}"
    );

    // until another deployment runs, or the secret is marked as one that everyone may see.
    admin.deploy("leaks", SOURCE, json!({})).await;
    assert!(returned(&admin).await.is_empty());
    admin.get("/functions/v1/leaks?as=header").await.expect(200);
    self::events(&admin, 2).await;
    assert_eq!(returned(&admin).await[0]["deployment"], 2);
    let marked =
        admin.call("PATCH", "/api/v1/secrets/API_KEY", Some(&json!({ "publishable": true }))).await.expect(200);
    assert_eq!(marked.json()["publishable"], true);
    assert!(returned(&admin).await.is_empty());
    admin.get("/functions/v1/leaks?as=json").await.expect(200);
    admin.invocations("leaks", 23).await;
    assert_eq!(self::events(&admin, 2).await.len(), 2);
    assert!(!admin.export().await.contains(&value));
}

/// Webhooks are told once an hour for each function and secret, however often it happens and whatever is deployed meanwhile, and also if
/// the server does not remember.
#[tokio::test(flavor = "multi_thread")]
async fn webhooks_are_told_and_not_flooded() {
    let receiver = Receiver::start().await;
    let app = App::start_with(&ALLOWED);
    let other = app.account("other").await;
    let (admin, value) = function(&app, json!({})).await;
    for client in [&admin, &other] {
        let webhook = json!({ "url": receiver.url, "events": ["secret.value_returned"] });
        client.put("/api/v1/webhooks/chat", webhook).await.expect(201);
    }
    let leak = async |admin: &Client, path: &str| drop(admin.get(path).await);
    leak(&admin, "/functions/v1/leaks?as=json").await;
    let told: Value = serde_json::from_str(&receiver.messages(1).await[0].body).unwrap();
    let event = events(&admin, 1).await[0]["event"].clone();
    assert_eq!((&told["type"], &told["timestamp"]), (&json!("secret.value_returned"), &event["time"]));
    let expected = json!({ "name": "API_KEY", "environment": "production", "function": "leaks", "deployment": 1,
        "blocked": false, "invocation": event["request_id"] });
    assert_eq!(told["data"], expected);
    assert_eq!(event["details"], json!({ "deployment": "1", "webhooks": "told" }));

    // A hostile function, and whoever deploys it: all of it is news for the audit log, and none for webhooks.
    for (settings, count) in [(json!({}), 2), (json!({ "response_guard": "block" }), 3), (json!({}), 4)] {
        admin.deploy("leaks", SOURCE, settings).await;
        for way in ["json", "header", "basic"] {
            leak(&admin, &format!("/functions/v1/leaks?as={way}")).await;
        }
        events(&admin, count).await;
    }
    let app = app.restart(|server| server.kill_hard(), &ALLOWED);
    let admin = app.admin();
    leak(&admin, "/functions/v1/leaks?as=json").await;
    events(&admin, 5).await;

    // Another function is another matter, and so is an hour later.
    admin.deploy("other", SOURCE, json!({})).await;
    leak(&admin, "/functions/v1/other?as=json").await;
    let messages = receiver.messages(2).await;
    assert!(messages[1].body.contains("\"function\":\"other\"") && messages.len() == 2, "{messages:?}");
    let mut database = Database::open(&app.server).await;
    database.run("UPDATE audit_events SET time = time - 3600001").await;
    database.close().await;
    let app = app.restart(|server| server.kill_hard(), &ALLOWED);
    leak(&app.admin(), "/functions/v1/leaks?as=json").await;
    let messages = receiver.messages(3).await;
    assert!(messages[2].body.contains("\"function\":\"leaks\"") && messages.len() == 3, "{messages:?}");
    assert!(!format!("{messages:?}").contains(&value));
}

#[tokio::test(flavor = "multi_thread")]
async fn by_the_accounts_word_it_does_not_go_out() {
    let app = App::start();
    let (admin, value) = function(&app, json!({ "response_guard": "report" })).await;
    admin.put("/api/v1/settings", json!({ "response_guard": "block" })).await.expect(200);
    for way in ["json", "header", "basic"] {
        let answer = admin.get(&format!("/functions/v1/leaks?as={way}")).await;
        let problem = answer.problem(502, "function_response_blocked");
        // Which secret it is, is not the caller's business.
        assert!(!problem.to_string().contains("API_KEY") && !format!("{:?}", answer.headers).contains(&value));
    }
    let newest = admin.invocations("leaks", 3).await;
    assert_eq!((&newest[0]["outcome"], &newest[0]["status"]), (&json!("response_blocked"), &json!(502)));
    assert_eq!(newest[0]["error"], "the response holds the value of API_KEY, and was not let out");
    let events = events(&admin, 1).await;
    assert_eq!((events.len(), &events[0]["event"]["outcome"]), (1, &json!("denied")));
    assert_eq!(returned(&admin).await[0]["blocked"], true);

    // A stream ends before the value would begin.
    let path = "/functions/v1/leaks?as=stream";
    let (mut response, mut text) = (admin.request("GET", path).send().await.unwrap(), String::new());
    let error = loop {
        match response.chunk().await {
            Ok(Some(piece)) => text.push_str(std::str::from_utf8(&piece).unwrap()),
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
        if text == "first " {
            // Any other request lets it go on.
            admin.get("/functions/v1/leaks").await.expect(200);
        }
    };
    // What came just before it may be lost with the connection.
    assert!("first second ".starts_with(&text) && text.starts_with("first ") && error.is_some(), "{text} {error:?}");
    eventually("the broken stream is on record", async || {
        let invocations = admin.items("/api/v1/functions/leaks/invocations").await;
        invocations.iter().any(|one| one["outcome"] == "response_blocked" && one["status"] == 200).then_some(())
    })
    .await;
    let everything = app.transcript();
    assert!(!String::from_utf8_lossy(&everything).contains(&value));

    // Whoever deploys asks for more than the account, never for less.
    admin.put("/api/v1/settings", json!({ "response_guard": "off" })).await.expect(200);
    admin.get("/functions/v1/leaks?as=json").await.expect(200);
    admin.deploy("leaks", SOURCE, json!({ "response_guard": "block" })).await;
    admin.get("/functions/v1/leaks?as=json").await.problem(502, "function_response_blocked");
    let body = json!({ "source": SOURCE, "response_guard": "sometimes" });
    admin.put("/api/v1/functions/leaks", body).await.problem(422, "response_guard_unknown");
}

/// Of a brokered secret the function has nothing to return, and its placeholder may be seen.
#[tokio::test(flavor = "multi_thread")]
async fn placeholders_and_publishable_keys_pass() {
    let app = App::start();
    let admin = app.admin();
    admin.put("/api/v1/settings", json!({ "response_guard": "block" })).await.expect(200);
    let put = async |body: Value| admin.put("/api/v1/secrets/API_KEY", body).await;
    put(json!({ "value": format!("sk_live_{}", random(32)), "delivery": "brokered", "hosts": ["api.stripe.com"] }))
        .await
        .expect(201);
    admin.deploy("leaks", SOURCE, json!({})).await;
    let placeholder = admin.get("/functions/v1/leaks?as=json").await.expect(200).json()["key"].clone();
    assert!(str(&placeholder).starts_with("sk_live_"));
    let (page_key, real) = (format!("pk_live_{}", random(32)), format!("sk_live_{}", random(32)));
    let version = put(json!({ "value": page_key, "delivery": "env", "publishable": true })).await.expect(200).json();
    assert_eq!((&version["version"], &version["publishable"]), (&json!(2), &json!(true)));
    assert_eq!(admin.get("/functions/v1/leaks?as=json").await.expect(200).json()["key"], page_key);
    // It is a property of the version: an older one is what it was.
    let version = put(json!({ "value": real, "publishable": false })).await.expect(200).json();
    assert_eq!((&version["version"], version.get("publishable")), (&json!(3), None));
    admin.get("/functions/v1/leaks?as=json").await.problem(502, "function_response_blocked");
    let activate =
        async |version: u64| admin.post("/api/v1/secrets/API_KEY/activate", json!({ "version": version })).await;
    assert_eq!(activate(2).await.expect(200).json()["publishable"], true);
    admin.get("/functions/v1/leaks?as=json").await.expect(200);
    activate(3).await.expect(200);
    admin.get("/functions/v1/leaks?as=json").await.problem(502, "function_response_blocked");
    // The catalogue knows some; the next of its kind need not be marked again.
    let posthog = json!({ "value": format!("phc_{}", random(43).replace('-', "_")) });
    assert_eq!(admin.put("/api/v1/secrets/POSTHOG_API_KEY", posthog).await.expect(201).json()["publishable"], true);
    let kept = put(json!({ "value": random(40), "publishable": true })).await.expect(200).json();
    let next = put(json!({ "value": random(40) })).await.expect(200).json();
    assert_eq!((&kept["publishable"], &next["publishable"]), (&json!(true), &json!(true)));
}
