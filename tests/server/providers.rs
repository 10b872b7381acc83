//! The catalogue of providers over the API: what it tells, what it says of a value, and that nothing of the value stays.

use serde_json::{Value, json};

use crate::api::{App, str};
use crate::scan::{Scanner, canary};
use crate::upstream::Upstream;

/// A value of Stripe's form. Put together here, so that no scanner takes this file for a leak.
fn stripe_key(mode: &str) -> String {
    format!("sk_{mode}_{}", canary("0a1B", false).replace(['-', '_'], "0"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalogue_is_there() {
    let app = App::start();
    let admin = app.admin();
    let all = admin.items("/api/v1/providers").await;
    assert!(all.len() >= 80, "{}", all.len());
    let found = admin.items("/api/v1/providers?q=stripe_secret").await;
    assert_eq!((&found[0]["id"], found.len()), (&json!("stripe"), 1));
    assert!(admin.items("/api/v1/providers?q=no%20such%20thing").await.is_empty());
    let stripe = admin.get("/api/v1/providers/stripe").await.expect(200).json();
    let key = &stripe["secrets"][0];
    assert_eq!(
        (&stripe["name"], &key["names"][0], &key["kind"], &key["hosts"], &key["can_check"]),
        (
            &json!("Stripe"),
            &json!("STRIPE_SECRET_KEY"),
            &json!("secret"),
            &json!(["api.stripe.com", "files.stripe.com"]),
            &json!(true)
        )
    );
    for (field, holds) in [("format", "[rs]k_"), ("obtain_url", "https://"), ("rotate", "."), ("mask", "****")] {
        assert!(str(&key[field]).contains(holds), "{field}: {key}");
    }
    assert!(
        key["test_prefixes"].to_string().contains("sk_test_") && key["live_prefixes"].to_string().contains("sk_live_")
    );
    assert!(stripe["secrets"].as_array().unwrap().iter().any(|secret| secret["kind"] == "publishable"));
    for id in ["acme", "suggest", "STRIPE", "%2e%2e"] {
        let status = admin.get(&format!("/api/v1/providers/{id}")).await.status;
        assert!(status == 404 || status == 405, "{id}: {status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_suggests_its_name_and_is_not_kept() {
    let app = App::start();
    let admin = app.admin();
    let key = stripe_key("test");
    let scanner = Scanner::new(&[&key]);
    let ask = async |value: &str| admin.post("/api/v1/providers/suggest", json!({ "value": value })).await;
    let found = ask(&format!("export KEY=\"{key}\"\n")).await.expect(200).json();
    let first = &found["items"][0];
    assert_eq!(
        (&first["name"], &first["provider"], &first["mode"], &first["certain"]),
        (&json!("STRIPE_SECRET_KEY"), &json!("stripe"), &json!("test"), &json!(true))
    );
    assert_eq!(ask("hunter2").await.expect(200).json()["items"], json!([]));
    ask("").await.problem(422, "value_empty");
    ask(&"x".repeat(65_537)).await.problem(422, "value_too_large");
    for body in [json!({ "value": [key] }), json!({ "value": key, "name": key }), json!({ key.clone(): 1 })] {
        admin.post("/api/v1/providers/suggest", body).await.problem(422, "json_invalid");
    }
    assert!(admin.items("/api/v1/secrets").await.is_empty());
    scanner.assert_absent("an answer", &app.transcript());
    scanner.assert_absent_below(app.server.home());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_brokered_secret_takes_its_providers_hosts() {
    let app = App::start();
    let admin = app.admin();
    let key = stripe_key("live");
    let put = async |name: &str, body: Value| admin.put(&format!("/api/v1/secrets/{name}"), body).await;
    let brokered = json!({ "value": key, "delivery": "brokered" });
    let made = put("STRIPE_SECRET_KEY", brokered.clone()).await.expect(201).json();
    assert_eq!(made["hosts"], json!(["api.stripe.com", "files.stripe.com"]));
    let event = admin.events().await.pop().unwrap();
    assert_eq!(event["details"]["hosts"], "api.stripe.com files.stripe.com");
    // What was named stays, and a name or a form alone settles nothing.
    let named = json!({ "value": key, "delivery": "brokered", "hosts": ["proxy.example.com"] });
    assert_eq!(put("STRIPE_SECRET_KEY", named).await.expect(200).json()["hosts"], json!(["proxy.example.com"]));
    assert_eq!(
        put("STRIPE_SECRET_KEY", brokered.clone()).await.expect(200).json()["hosts"],
        json!(["proxy.example.com"])
    );
    put("OPENAI_API_KEY", brokered.clone()).await.problem(422, "hosts_missing");
    put("MY_KEY", brokered.clone()).await.problem(422, "hosts_missing");
    put("COHERE_API_KEY", json!({ "value": "a-value-of-no-known-form", "delivery": "brokered" }))
        .await
        .problem(422, "hosts_missing");
    put("STRIPE_WEBHOOK_SECRET", brokered.clone()).await.problem(422, "hosts_missing");
    // From `env` to `brokered`.
    put("STRIPE_SECRET_KEY_TEST", json!({ "value": key })).await.expect(201);
    let changed = put("STRIPE_SECRET_KEY_TEST", brokered).await.expect(200).json();
    assert_eq!(changed["hosts"], json!(["api.stripe.com", "files.stripe.com"]));
}

/// What is known to be useless or harmful to send is not sent, and says why.
#[tokio::test(flavor = "multi_thread")]
async fn a_value_is_checked_with_its_provider_only() {
    let app = App::start();
    let admin = app.admin();
    let key = stripe_key("live");
    let check =
        async |name: &str| admin.post(&format!("/api/v1/secrets/{name}/check"), json!({})).await.expect(200).json();
    let put = async |name: &str, body: Value| {
        admin.put(&format!("/api/v1/secrets/{name}"), body).await.expect(201);
    };
    put("MY_KEY", json!({ "value": "hunter2hunter2" })).await;
    put("JWT_SECRET", json!({ "value": "hunter2hunter2" })).await;
    put("STRIPE_SECRET_KEY", json!({ "value": "the password of a database" })).await;
    put("TWILIO_AUTH_TOKEN", json!({ "value": "0123456789abcdef0123456789abcdef" })).await;
    put("STRIPE_SECRET_KEY_TEST", json!({ "value": key, "delivery": "brokered", "hosts": ["proxy.example.com"] }))
        .await;
    for (name, provider, reason) in [
        ("MY_KEY", json!(null), "no_probe"),
        ("JWT_SECRET", json!("own"), "no_probe"),
        ("STRIPE_SECRET_KEY", json!("stripe"), "wrong_format"),
        ("TWILIO_AUTH_TOKEN", json!("twilio"), "other_secret_missing"),
        ("STRIPE_SECRET_KEY_TEST", json!("stripe"), "host_not_of_secret"),
    ] {
        let told = check(name).await;
        assert_eq!(
            (&told["verdict"], &told["reason"], &told["provider"], &told["host"]),
            (&json!("unknown"), &json!(reason), &provider, &json!(null)),
            "{name}: {told}"
        );
        let event = admin.events().await.pop().unwrap();
        assert_eq!((&event["action"], &event["details"]["not_sent"]), (&json!("secret.check"), &json!(reason)));
        assert!(event["details"].get("host").is_none());
    }
    admin.post("/api/v1/secrets/NO_SUCH/check", json!({})).await.problem(404, "not_found");
    let ask = async |id: &str, body: Value| admin.post(&format!("/api/v1/providers/{id}/check"), body).await;
    ask("acme", json!({ "value": "x" })).await.problem(404, "not_found");
    ask("stripe", json!({ "value": "" })).await.problem(422, "value_empty");
    ask("stripe", json!({ "value": "x", "environment": "nowhere" })).await.problem(422, "environment_unknown");
    let told = ask("stripe", json!({ "value": "hunter2", "name": "OTHER" })).await.expect(200).json();
    assert_eq!(told["reason"], "wrong_format");
    let told = ask("own", json!({ "value": "hunter2" })).await.expect(200).json();
    assert_eq!((&told["verdict"], &told["reason"]), (&json!("unknown"), &json!("no_probe")));
}

#[tokio::test(flavor = "multi_thread")]
async fn checks_are_counted_for_each_account() {
    let app = App::start();
    let (admin, other) = (app.admin(), app.account("other").await);
    let ask =
        async |client: &crate::api::Client| client.post("/api/v1/providers/own/check", json!({ "value": "x" })).await;
    let mut given = 0;
    let refused = loop {
        let answer = ask(&admin).await;
        if answer.status != 200 {
            break answer;
        }
        given += 1;
    };
    refused.problem(429, "rate_limited");
    assert!(refused.header("retry-after").parse::<u32>().unwrap() >= 1);
    assert!((30..=35).contains(&given), "{given}");
    let before = admin.events().await.len();
    ask(&admin).await.problem(429, "rate_limited");
    assert_eq!(admin.events().await.len(), before, "who asks too often does not fill the audit log");
    ask(&other).await.expect(200);
}

/// Slack answers every request with 200; this one knows one token, and repeats whatever it was sent.
fn slack(request: &str) -> (&'static str, String) {
    let known = request.contains("xoxb-known");
    ("application/json", json!({ "ok": known, "you_sent": request }).to_string())
}

/// The catalogue's own request, as it is, against a host that stands in for the provider's.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_is_asked_and_nothing_of_the_value_stays() {
    let upstream = Upstream::named(&["slack.com"], slack).await;
    let at = format!("slack.com:443=127.0.0.1:{}", upstream.port);
    let mut args = upstream.args().to_vec();
    args.extend(["--resolve", &at]);
    let app = App::start_with(&args);
    let admin = app.admin();
    let random = || canary("0a1B", false).replace('_', "-");
    let (known, unknown, unsaved) = (format!("xoxb-known-{}", random()), random(), random());
    let scanner = Scanner::new(&[&known[7..], &unknown, &unsaved]);
    let told = |told: &Value| {
        (
            str(&told["verdict"]).to_owned(),
            str(&told["reason"]).to_owned(),
            told["status"].clone(),
            told["host"].clone(),
        )
    };
    let answer = |verdict: &str, reason: &str| (verdict.to_owned(), reason.to_owned(), json!(200), json!("slack.com"));
    let put = json!({ "value": known, "delivery": "brokered" });
    admin.put("/api/v1/secrets/SLACK_BOT_TOKEN", put).await.expect(201);
    let checked = admin.post("/api/v1/secrets/SLACK_BOT_TOKEN/check", json!({})).await.expect(200).json();
    assert_eq!(told(&checked), answer("valid", "accepted"));
    let sent = upstream.last();
    assert!(
        sent.starts_with("POST /api/auth.test HTTP/1.1\r\n") && sent.contains(&format!("Bearer {known}")),
        "{sent}"
    );
    let event = admin.events().await.pop().unwrap();
    assert_eq!(
        (&event["action"], &event["resource"]["name"], &event["details"]["host"], &event["details"]["provider"]),
        (&json!("secret.check"), &json!("SLACK_BOT_TOKEN"), &json!("slack.com"), &json!("slack"))
    );
    admin.put_secret("SLACK_BOT_TOKEN", &format!("xoxb-{unknown}")).await;
    let checked = admin.post("/api/v1/secrets/SLACK_BOT_TOKEN/check", json!({})).await.expect(200).json();
    assert_eq!(told(&checked), answer("invalid", "refused"));
    let ask = json!({ "value": format!("xoxb-{unsaved}") });
    let checked = admin.post("/api/v1/providers/slack/check", ask).await.expect(200).json();
    assert_eq!(told(&checked), answer("invalid", "refused"));
    assert!(upstream.last().contains(&unsaved));
    assert_eq!(admin.items("/api/v1/secrets").await.len(), 1);
    // By the command line.
    let finished = tokio::task::block_in_place(|| app.server.run(&["secret", "check", "SLACK_BOT_TOKEN"]));
    assert_eq!(
        (finished.code, finished.stdout.as_str()),
        (1, "SLACK_BOT_TOKEN: invalid: slack.com refuses it (200)\n")
    );
    scanner.assert_absent("an answer", &app.transcript());
    scanner.assert_absent_below(app.server.home());

    // Without leave to reach that address the value stays here.
    let app = app.restart(|server| assert_eq!(server.stop(), 0), &["--resolve", &at]);
    let asked = upstream.seen.lock().unwrap().len();
    let checked = app.admin().post("/api/v1/secrets/SLACK_BOT_TOKEN/check", json!({})).await.expect(200).json();
    assert_eq!((&checked["verdict"], &checked["reason"]), (&json!("unknown"), &json!("address_not_public")));
    assert_eq!(upstream.seen.lock().unwrap().len(), asked);
}
