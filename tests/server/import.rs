//! Importing files of secrets: a verdict for each line, all or nothing, and no word of the file anywhere.

use serde_json::{Value, json};

use crate::api::{Answer, App, Client, str};
use crate::scan::{Scanner, canary};

async fn import(client: &Client, text: &str, more: Value) -> Answer {
    let mut body = json!({ "format": "dotenv", "text": text });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    client.post("/api/v1/secrets/import", body).await
}

/// Line, name, status and code of each line.
fn verdicts(report: &Value) -> Vec<(u64, &str, &str, &str)> {
    let text = |value: &'_ Value| value.as_str().map_or("", |text| Box::leak(text.to_owned().into_boxed_str()));
    let lines = report["lines"].as_array().unwrap().iter();
    lines
        .map(|line| (line["line"].as_u64().unwrap(), text(&line["name"]), text(&line["status"]), text(&line["code"])))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_line_has_its_verdict_and_all_or_nothing_is_stored() {
    let app = App::start();
    let admin = app.admin();
    admin.put_secret("SAME", "the value that is there").await;
    admin
        .put(
            "/api/v1/secrets/CHANGED",
            json!({ "value": "old-value-0123456789", "note": "kept", "rotate_after_days": 9 }),
        )
        .await
        .expect(201);
    admin
        .deploy(
            "show",
            "Deno.serve(() => new Response(Deno.env.get('NEW') + Deno.env.get('CHANGED')))",
            json!({ "access": "public" }),
        )
        .await;
    assert_eq!(admin.get("/functions/v1/show").await.expect(200).text(), "undefinedold-value-0123456789");
    let good = "SAME=\"the value that is there\"\nCHANGED=new-value-0123456789\n# comment\nNEW=first #x\n";
    let bad = format!("{good}LD_PRELOAD=x.so\nlower=1\na.b=1\nEMPTY=\nNEW='last'\nnonsense here\n");
    let before = admin.state().await;

    let preview = import(&admin, &bad, json!({ "dry_run": true })).await.expect(200).json();
    let expected = [
        (1, "SAME", "same", ""),
        (2, "CHANGED", "changed", ""),
        (4, "NEW", "rejected", "overridden"),
        (5, "", "rejected", "name_reserved"),
        (6, "", "rejected", "name_invalid"),
        (7, "", "rejected", "name_invalid"),
        (8, "EMPTY", "rejected", "value_empty"),
        (9, "NEW", "new", ""),
        (10, "", "rejected", "not_an_assignment"),
    ];
    assert_eq!(verdicts(&preview), expected);
    assert_eq!(
        [
            &preview["dry_run"],
            &preview["new"],
            &preview["changed"],
            &preview["same"],
            &preview["rejected"],
            &preview["blocked"]
        ],
        [&json!(true), &json!(1), &json!(1), &json!(1), &json!(6), &json!(true)]
    );
    assert_eq!(preview["lines"][1]["mask"], "new-****6789");

    let problem = import(&admin, &bad, json!({})).await.problem(422, "import_rejected");
    let lines: Vec<_> =
        problem["errors"].as_array().unwrap().iter().map(|error| error["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [5, 6, 7, 8, 10], "a line that a later one overrides costs nothing");
    assert_eq!(
        import(&admin, &bad, json!({ "environment": "nowhere", "skip_rejected": true }))
            .await
            .problem(422, "environment_unknown")["errors"][0]["field"],
        "environment"
    );
    assert_eq!(secrets_of(&admin.state().await), secrets_of(&before), "a preview and a refusal change nothing");

    let done = import(&admin, &bad, json!({ "skip_rejected": true })).await.expect(200).json();
    assert_eq!((verdicts(&done), &done["dry_run"]), (expected.to_vec(), &json!(false)));
    // Invariant 5, and what a secret has stays with it.
    assert_eq!(admin.get("/functions/v1/show").await.expect(200).text(), "lastnew-value-0123456789");
    let changed = admin.get("/api/v1/secrets/CHANGED").await.json();
    assert_eq!(
        (&changed["version"], &changed["note"], &changed["rotate_after_days"]),
        (&json!(2), &json!("kept"), &json!(9))
    );
    assert_eq!(admin.get("/api/v1/secrets/SAME").await.json()["version"], 1, "an equal value makes no version");

    // That a function returned a value is told as well, whenever that is.
    let of_secrets = |action: &str| action.starts_with("secret.") && action != "secret.return";
    let events: Vec<_> = admin.events().await.into_iter().filter(|event| of_secrets(str(&event["action"]))).collect();
    let told = |event: &Value| {
        format!(
            "{} {} {}",
            str(&event["action"]),
            str(&event["resource"]["name"]),
            event["details"]["dry_run"].as_str().unwrap_or("-")
        )
    };
    let told: Vec<_> = events.iter().skip(2).map(told).collect();
    assert_eq!(told, ["secret.import  true", "secret.put CHANGED -", "secret.put NEW -", "secret.import  false"]);
    assert_eq!(
        events[5]["details"],
        json!({ "changed": "1", "dry_run": "false", "format": "dotenv", "new": "1", "rejected": "6", "same": "1" })
    );

    let again = import(&admin, good, json!({})).await.expect(200).json();
    assert_eq!(
        (&again["new"], &again["changed"], &again["same"]),
        (&json!(0), &json!(1), &json!(2)),
        "NEW was `last`: {again}"
    );
}

fn secrets_of(state: &Value) -> &Value {
    &state["secrets"]
}

#[tokio::test(flavor = "multi_thread")]
async fn exports_of_others_are_recognised() {
    let app = App::start();
    let admin = app.admin();
    let doppler = json!({ "A": { "computed": "1", "note": "" }, "DOPPLER_PROJECT": { "computed": "p" }, "DOPPLER_ENVIRONMENT": { "computed": "e" }, "DOPPLER_CONFIG": { "computed": "c" } });
    let vault = json!({ "request_id": "r", "data": { "data": { "B": "2" }, "metadata": { "version": 1 } } });
    let infisical = json!([{ "key": "C", "value": "3", "type": "shared" }]);
    for (text, format, name) in [
        (doppler.to_string(), json!("json"), "A"),
        (vault.to_string(), json!(null), "B"),
        (infisical.to_string(), json!(null), "C"),
        ("---\nD: 4\n".to_owned(), json!(null), "D"),
        ("E: 5\n".to_owned(), json!("yaml"), "E"),
        ("F: 6\n".to_owned(), json!(null), "F"),
    ] {
        let done = import(&admin, &text, json!({ "format": format })).await.expect(200).json();
        assert_eq!((&done["new"], &done["blocked"]), (&json!(1), &json!(false)), "{done}");
        admin.get(&format!("/api/v1/secrets/{name}")).await.expect(200);
    }
    let digests = json!([{ "name": "X", "value": "0".repeat(64) }]).to_string();
    import(&admin, &digests, json!({ "format": "json" })).await.problem(422, "import_digests");
}

#[tokio::test(flavor = "multi_thread")]
async fn brokered_secrets_get_the_hosts_that_are_known() {
    let app = App::start();
    let admin = app.admin();
    admin.put_secret("PLAIN", "an-env-secret-0123456789").await;
    let text = "STRIPE_SECRET_KEY=sk_test_0123456789abcdef01234567\nPLAIN=changed-0123456789abc\nWHO_KNOWS=where-this-goes-01234\n";
    let preview = import(&admin, text, json!({ "delivery": "brokered", "dry_run": true })).await.expect(200).json();
    assert_eq!(verdicts(&preview)[2], (3, "WHO_KNOWS", "rejected", "hosts_missing"));
    assert!(preview["lines"][0]["warnings"].to_string().contains("test"), "a test key in production: {preview}");
    import(&admin, text, json!({ "delivery": "brokered" })).await.problem(422, "import_rejected");
    import(&admin, text, json!({ "delivery": "brokered", "skip_rejected": true })).await.expect(200);
    let stripe = admin.get("/api/v1/secrets/STRIPE_SECRET_KEY").await.json();
    assert_eq!(str(&stripe["delivery"]), "brokered");
    assert!(stripe["hosts"].as_array().unwrap().contains(&json!("api.stripe.com")), "{stripe}");
    assert_eq!(
        admin.get("/api/v1/secrets/PLAIN").await.json()["delivery"],
        "env",
        "an import does not change how it is delivered"
    );
    admin.get("/api/v1/secrets/WHO_KNOWS").await.expect(404);
}

/// Invariant 1, for every way in which a file can be wrong.
#[tokio::test(flavor = "multi_thread")]
async fn no_word_of_a_file_is_ever_told() {
    let values = [canary("sk-I", false), canary("sk-J", true)];
    let scanner = Scanner::new(&[&values[0], &values[1]]);
    let app = App::start();
    let admin = app.admin();
    for value in &values {
        for text in [
            format!("KEY={value}"),
            format!("KEY='{value}' trailing"),
            value.clone(),
            format!("{value}=x"),
            format!("x.{value}: y"),
            format!("LD_{value}=x"),
            format!("KEY=-----BEGIN PRIVATE KEY-----\n{value}\n{value}==\n-----END PRIVATE KEY-----"),
            format!("KEY={value}\0"),
            format!("KEY={}", value.repeat(2_000)),
            format!("KEY=\"{value}"),
            format!("{{\"KEY\": \"{value}\", \"{value}\": 1, \"X\": [\"{value}\"]}}"),
            format!("{{\"KEY\": \"{value}\" \"{value}\"}}"),
            format!("[{{\"name\": \"{value}\"}}]"),
            format!("KEY: [{value}]\nX: *{value}\n{value}: !{value} {value}\n"),
            format!("KEY: \"{value}\n{value}: {{"),
        ] {
            for format in ["dotenv", "json", "yaml", value.as_str()] {
                for settings in [json!({ "dry_run": true }), json!({}), json!({ "skip_rejected": true })] {
                    let mut settings = settings;
                    settings["format"] = json!(format);
                    import(&admin, &text, settings).await;
                }
            }
            import(&admin, &text, json!({ "environment": value })).await.problem(422, "name_invalid");
            import(&admin, &text, json!({ "delivery": value })).await;
            import(&admin, &text, json!({ value.as_str(): value })).await.problem(422, "json_invalid");
        }
        let huge = format!("KEY={value}\n{}", "#".repeat(domain::limits::IMPORT_BYTES));
        import(&admin, &huge, json!({})).await.problem(422, "import_too_large");
        import(&admin, &huge.repeat(3), json!({})).await.problem(413, "body_too_large");
        import(&admin, &format!("SPECIAL='{value}'"), json!({})).await.expect(200);
    }
    admin.state().await;
    scanner.assert_absent("an answer", &app.transcript());
    scanner.assert_absent_below(app.server.home());
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_refuse_the_whole_file() {
    let app = App::start();
    let admin = app.admin();
    let many = |count: usize| (0..count).map(|n| format!("N{n}=value-{n}\n")).collect::<String>();
    import(&admin, &many(domain::limits::IMPORT_ENTRIES + 1), json!({})).await.problem(422, "import_too_many");
    admin.put_secret("OTHER", "value").await;
    // The last of them is one too many for the account, and then none is stored.
    import(&admin, &many(domain::limits::IMPORT_ENTRIES), json!({})).await.problem(422, "too_many_secrets");
    assert_eq!(admin.items("/api/v1/secrets").await.len(), 1);
    assert_eq!(admin.items("/api/v1/audit?action=secret.import").await.len(), 0);
    let began = std::time::Instant::now();
    let done = import(&admin, &many(2_000), json!({})).await.expect(200).json();
    assert_eq!(done["new"], 2_000);
    println!("2,000 secrets in {:?}", began.elapsed());
}

/// The text waits encrypted between the two steps of the page, for its own session only.
#[tokio::test(flavor = "multi_thread")]
async fn a_pasted_text_is_in_no_page_and_in_no_other_session() {
    let value = canary("sk-U", true);
    let scanner = Scanner::new(&[&value]);
    let app = App::start();
    let admin = app.admin();
    let (own, other) = (Browser::login(&app, &admin).await, Browser::login(&app, &admin).await);
    let writer = admin
        .post("/api/v1/tokens", json!({ "name": "reader", "scopes": ["secrets:read", "sessions:write"] }))
        .await
        .expect(201)
        .json();
    let reader = Browser::login(&app, &admin.with_token(str(&writer["token"]))).await;
    let text = format!("KEY='{value}'\nbroken {value}\n");

    assert_eq!(own.page("/secrets/import/preview").await.expect(303).header("location"), "/secrets/import?gone=1");
    own.send("/secrets/import", &[("text", "   "), ("environment", "production")]).await.expect(422);
    own.send("/secrets/import", &[("text", &format!("{{\"{value}")), ("format", "json")]).await.expect(422);
    own.send("/secrets/import", &[("text", &text), ("environment", "nowhere")]).await.expect(422);
    reader.send("/secrets/import", &[("text", &text)]).await.expect(403);
    assert_eq!(
        own.send("/secrets/import", &[("text", &text)]).await.expect(303).header("location"),
        "/secrets/import/preview"
    );
    scanner.assert_absent_below(app.server.home());

    let preview = own.page("/secrets/import/preview").await.expect(200).text();
    assert!(preview.contains("Store 1 secret, leave out the rejected lines"), "{preview}");
    let draft = preview.split("name=\"draft\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    for stranger in [&other, &reader] {
        assert_eq!(
            stranger.page("/secrets/import/preview").await.expect(303).header("location"),
            "/secrets/import?gone=1"
        );
        stranger.send("/secrets/import/preview", &[("draft", &draft)]).await.expect(303);
        stranger.send("/secrets/import/discard", &[("draft", &draft)]).await.expect(303);
    }
    // A tab that shows an older preview does not store the text of a newer one.
    own.send("/secrets/import/preview", &[("draft", "0123")]).await.expect(303);
    admin.get("/api/v1/secrets/KEY").await.expect(404);
    let done = own.send("/secrets/import/preview", &[("draft", &draft)]).await.expect(200).text();
    assert!(done.contains("1 new, 0 changed, 0 the same, 1 rejected"), "{done}");
    assert_eq!(admin.get("/api/v1/secrets/KEY").await.expect(200).json()["version"], 1);
    own.send("/secrets/import/preview", &[("draft", &draft)]).await.expect(303);
    own.send("/secrets/import", &[("text", "OTHER=1")]).await.expect(303);
    let preview = own.page("/secrets/import/preview").await.expect(200).text();
    let draft = preview.split("name=\"draft\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    own.send("/secrets/import/discard", &[("draft", &draft)]).await.expect(303);
    own.page("/secrets/import/preview").await.expect(303);
    scanner.assert_absent("an answer", &app.transcript());
    scanner.assert_absent_below(app.server.home());
}

struct Browser {
    client: Client,
    cookie: String,
}

impl Browser {
    async fn login(app: &App, by: &Client) -> Self {
        let link = by.post("/api/v1/login-links", json!({})).await.expect(201).json();
        let code = str(&link["url"]).split_once("code=").unwrap().1.to_owned();
        let browser = Self { client: app.anonymous(), cookie: String::new() };
        let opened = browser.send("/login", &[("code", &code)]).await.expect(303);
        let cookie = opened.header("set-cookie").split(';').next().unwrap().to_owned();
        Self { cookie, ..browser }
    }

    async fn page(&self, path: &str) -> Answer {
        self.client.send(self.client.request("GET", path).header("cookie", &self.cookie)).await
    }

    async fn send(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let encode = |text| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
        let body = fields.iter().map(|(name, text)| format!("{name}={}", encode(text))).collect::<Vec<_>>().join("&");
        let request =
            self.client.request("POST", path).header("cookie", &self.cookie).header("origin", self.client.url());
        self.client.send(request.header("content-type", "application/x-www-form-urlencoded").body(body)).await
    }
}

/// A preview compares values with stored ones and leaves no version: whoever may put secrets could try one value after another.
#[tokio::test(flavor = "multi_thread")]
async fn previews_are_counted_for_each_account() {
    let app = App::start();
    let (admin, other) = (app.admin(), app.account("other").await);
    admin.put_secret("PIN", "4711").await;
    let writer = json!({ "name": "writer", "scopes": ["secrets:write"] });
    let writer = admin.with_token(str(&admin.post("/api/v1/tokens", writer).await.expect(201).json()["token"]));
    let guess =
        async |client: &Client, pin: u32| import(client, &format!("PIN={pin:04}\n"), json!({ "dry_run": true })).await;
    let mut tried = 0;
    let refused = loop {
        let answer = guess(&writer, tried).await;
        if answer.status != 200 {
            break answer;
        }
        tried += 1;
    };
    refused.problem(429, "rate_limited");
    assert!(refused.header("retry-after").parse::<u32>().unwrap() >= 1);
    assert!((60..=70).contains(&tried), "{tried}");
    let before = admin.events().await.len();
    guess(&admin, 4711).await.problem(429, "rate_limited");
    assert_eq!(admin.events().await.len(), before, "who asks too often does not fill the audit log");
    guess(&other, 4711).await.expect(200);
    // To import is no way to try: what differs is stored, with its event.
    import(&writer, "PIN=0001\n", json!({})).await.expect(200);
    assert_eq!(admin.get("/api/v1/secrets/PIN").await.expect(200).json()["version"], 2);
}
