//! Integrations as the admin UI makes them: keys pasted into its forms, its examples deployed and tried, and what the
//! providers are sent. Every example is deployed as it stands, with the packages that it imports.

use serde_json::{Value, json};

use crate::api::{App, random, str};
use crate::browser::Browser;
use crate::registry::Registry;
use crate::upstream::Upstream;

const HOSTS: [&str; 8] = [
    "api.sendgrid.com",
    "api.mailgun.net",
    "api.stripe.com",
    "api-m.sandbox.paypal.com",
    "api.openai.com",
    "api.anthropic.com",
    "generativelanguage.googleapis.com",
    "api.twilio.com",
];

/// Every provider, as far as the examples go.
fn providers(request: &str) -> (&'static str, String) {
    let json = |body: Value| ("application/json", body.to_string());
    let path = request.split(' ').nth(1).unwrap();
    match path {
        "/v3/mail/send" => ("text/plain", String::new()),
        "/v3/mg.example.com/messages" => json(json!({ "id": "<1@mg.example.com>", "message": "Queued." })),
        "/v1/checkout/sessions" => json(json!({ "id": "cs_1", "url": "https://checkout.stripe.com/c/pay/cs_1" })),
        "/v1/oauth2/token" => json(json!({ "access_token": "A21AA" })),
        "/v2/checkout/orders" => {
            json(json!({ "id": "5O1", "links": [{ "rel": "approve", "href": "https://www.sandbox.paypal.com/5O1" }] }))
        }
        "/v1/chat/completions" => {
            let part = |word: &str| format!("data: {}\n\n", json!({ "choices": [{ "delta": { "content": word } }] }));
            ("text/event-stream", format!("{}{}data: [DONE]\n\n", part("a "), part("box")))
        }
        "/v1/messages" => json(json!({ "content": [{ "type": "text", "text": "a box" }] })),
        "/v1beta/models/gemini-2.5-flash:generateContent" => {
            json(json!({ "candidates": [{ "content": { "parts": [{ "text": "a box" }] } }] }))
        }
        "/2010-04-01/Accounts/AC1/Messages.json" => json(json!({ "sid": "SM1", "status": "queued" })),
        other => panic!("nobody answers {other}"),
    }
}

/// Provider, template, keys with whether they are kept out of the function, what the answer says.
type Case<'a> = (&'a str, &'a str, Vec<(&'a str, String, bool)>, &'a str);

#[tokio::test(flavor = "multi_thread")]
async fn every_example_works_with_keys_that_it_never_holds() {
    let upstream = Upstream::named(&HOSTS, providers).await;
    let resolved: Vec<_> = HOSTS.iter().map(|host| format!("{host}:443=127.0.0.1:{}", upstream.port)).collect();
    let mut args = upstream.args().to_vec();
    args.extend(resolved.iter().flat_map(|one| ["--resolve", one]));
    let app = App::start_with(&args);
    let (admin, browser) = (app.admin(), Browser::open(&app).await);

    // Most providers use letters and digits alone.
    let key = |start: &str, length: usize| format!("{start}{}", random(length).replace(['-', '_'], "x"));
    let cases: [Case<'_>; 8] = [
        (
            "sendgrid",
            "send-mail",
            vec![
                ("SENDGRID_API_KEY", format!("SG.{}.{}", random(22), random(43)), true),
                ("MAIL_FROM", "shop@example.com".to_owned(), false),
            ],
            "Status 202",
        ),
        (
            "mailgun",
            "mailgun",
            vec![("MAILGUN_API_KEY", key("key-", 32), true), ("MAILGUN_DOMAIN", "mg.example.com".to_owned(), false)],
            "1@[redacted MAILGUN_DOMAIN]",
        ),
        (
            "stripe",
            "stripe-checkout",
            // A key for tests would be warned of, since this is production.
            vec![("STRIPE_SECRET_KEY", key(concat!("sk_l", "ive_"), 32), true)],
            "https://checkout.stripe.com/c/pay/cs_1",
        ),
        (
            "paypal",
            "paypal",
            vec![("PAYPAL_CLIENT_ID", key("A", 79), false), ("PAYPAL_CLIENT_SECRET", key("E", 79), true)],
            "https://www.sandbox.paypal.com/5O1",
        ),
        ("openai", "chat", vec![("OPENAI_API_KEY", key("sk-proj-", 48), true)], "a box"),
        ("anthropic", "anthropic", vec![("ANTHROPIC_API_KEY", key("sk-ant-api03-", 93), true)], "a box"),
        ("google-ai", "google-ai", vec![("GEMINI_API_KEY", key("AIza", 35), true)], "a box"),
        (
            "twilio",
            "twilio",
            vec![
                ("TWILIO_ACCOUNT_SID", "AC1".to_owned(), false),
                ("TWILIO_AUTH_TOKEN", random(32), true),
                ("TWILIO_FROM", "+15005550006".to_owned(), false),
            ],
            "SM1",
        ),
    ];
    let mut warned = Vec::new();
    for (provider, template, keys, answer) in &cases {
        let mut fields: Vec<(String, &str)> =
            keys.iter().map(|(name, value, _)| (format!("value.{name}"), value.as_str())).collect();
        fields.extend([
            ("environment".to_owned(), "production"),
            ("template".to_owned(), *template),
            ("brokered".to_owned(), "1"),
        ]);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, text)| (name.as_str(), *text)).collect();
        let stored = browser.send(&format!("/integrations/{provider}"), &fields).await;
        // A random value that only looks wrong is stored too, and the page says so at once.
        if stored.status == 303 {
            browser.page(stored.header("location")).await;
        } else {
            assert!(stored.expect(200).text().contains("Look at this once more"));
            warned.push(*provider);
        }
        for (name, value, is_brokered) in keys {
            let secret = admin.get(&format!("/api/v1/secrets/{name}")).await.expect(200).json();
            let delivery = if *is_brokered { "brokered" } else { "env" };
            assert_eq!(secret["delivery"], delivery, "{name}: {value}");
        }
        let deployed = browser
            .send(&format!("/integrations/{provider}/deploy"), &[("template", template), ("function", template)])
            .await
            .expect(303);
        let panel = browser.page(deployed.header("location")).await;
        assert!(panel.contains("<b>Deployed.</b>"), "{panel}");
        let body = example_body(&panel);
        let tried = browser
            .send(
                &format!("/functions/{template}/try"),
                &[("method", "POST"), ("headers", "Content-Type: application/json"), ("body", &body)],
            )
            .await
            .expect(200)
            .text();
        assert!(tried.contains(answer) && tried.contains("badge good\">Status 20"), "{template}: {tried}");
        let seen = upstream.seen.lock().unwrap().concat();
        for (name, value, is_brokered) in keys {
            let sent = [value.clone(), basic("api", value), basic(&keys[0].1, value)];
            assert!(sent.iter().any(|form| seen.contains(form)) || !is_brokered, "{name} was not sent: {seen}");
            assert!(!is_brokered || !tried.contains(value.as_str()), "{name}");
        }
    }
    assert_eq!(warned, ["paypal", "twilio"]);
    let told = String::from_utf8_lossy(&app.transcript()).into_owned();
    for (name, value, _) in cases.iter().flat_map(|case| &case.2).filter(|(.., is_brokered)| *is_brokered) {
        assert!(!told.contains(value), "{name} was told");
    }
}

/// What HTTP's basic authentication makes of a user and a password.
fn basic(user: &str, password: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"))
}

/// What the panel suggests to send.
fn example_body(panel: &str) -> String {
    let body =
        panel.split("id=\"body\"").nth(1).unwrap().split_once('>').unwrap().1.split_once("</textarea>").unwrap().0;
    body.trim_start_matches('\n').replace("&quot;", "\"")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_is_bundled_as_it_stands() {
    let registry = Registry::start();
    let app = App::start_in(&[], &[registry.variable()]);
    let (admin, browser) = (app.admin(), Browser::open(&app).await);
    let mut known = vec!["hello".to_owned()];
    for (provider, template, endpoint) in [
        ("sendgrid", "send-mail", ""),
        ("mailgun", "mailgun", ""),
        ("smtp", "smtp", "mail.example.com:465"),
        ("stripe", "stripe-checkout", ""),
        ("stripe", "stripe-webhook", ""),
        ("paypal", "paypal", ""),
        ("openai", "chat", ""),
        ("anthropic", "anthropic", ""),
        ("google-ai", "google-ai", ""),
        ("twilio", "twilio", ""),
        ("webhooks", "webhook", ""),
        ("postgresql", "postgres", "db.example.com:5432"),
    ] {
        let fields = [("template", template), ("function", template), ("endpoint", endpoint)];
        let answer = browser.send(&format!("/integrations/{provider}/deploy"), &fields).await;
        assert_eq!(answer.status, 303, "{template}: {}", answer.text());
        let detail = admin.get(&format!("/api/v1/functions/{template}")).await.expect(200).json();
        let source = str(&detail["files"]["index.ts"]).to_owned();
        let file = format!("{}/examples/{template}.ts", env!("CARGO_MANIFEST_DIR"));
        assert_eq!(source, std::fs::read_to_string(&file).unwrap(), "{file}");
        assert_ne!(detail["deployments"][0]["secrets"], "all", "{template} gets what it reads, and no more");
        assert_ne!(
            detail["deployments"][0]["egress"],
            json!(["public"]),
            "{template} sends where it must, and nowhere else"
        );
        known.push(template.to_owned());

        // Once more is a question first.
        let again = browser.send(&format!("/integrations/{provider}/deploy"), &fields).await;
        assert_eq!(again.status, 409, "{template}");
        assert!(again.text().contains("Nothing was deployed."));
    }
    // What a rotator's function may be is for its own secret's page.
    known.push("rotate-api-key".to_owned());
    for entry in std::fs::read_dir(format!("{}/examples", env!("CARGO_MANIFEST_DIR"))).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(known.iter().any(|known| name == format!("{known}.ts")), "{name} is offered by no provider");
    }
    let replaced = [("template", "webhook"), ("function", "webhook"), ("replace", "1")];
    browser.send("/integrations/webhooks/deploy", &replaced).await.expect(303);
    for (endpoint, function) in [("not an endpoint", "db"), ("db.example.com:5432", "Not A Name")] {
        let fields = [("template", "postgres"), ("function", function), ("endpoint", endpoint)];
        let refused = browser.send("/integrations/postgresql/deploy", &fields).await;
        assert_eq!(refused.status, 422, "{endpoint} {function}");
        assert!(refused.text().contains("aria-invalid=\"true\""), "{}", refused.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_pasted_wrongly_is_refused_and_not_sent_back() {
    let app = App::start();
    let browser = Browser::open(&app).await;
    let value = "canary-that-is-refused".repeat(4_000);
    let fields = [("value.STRIPE_SECRET_KEY", value.as_str()), ("brokered", "1")];
    let refused = browser.send("/integrations/stripe", &fields).await;
    assert_eq!(refused.status, 422);
    let page = refused.text();
    assert!(page.contains("Not everything was stored.") && !page.contains("canary-that-is-refused"));
    let foreign = browser.send("/integrations/stripe", &[("value.not a name", "x")]).await;
    assert_eq!(foreign.status, 422);
    assert_eq!(browser.send("/integrations/nobody", &[]).await.status, 404);
    let start = browser.client.request("GET", "/").header("cookie", &browser.cookie);
    assert_eq!(browser.client.send(start).await.expect(303).header("location"), "/welcome");
}
