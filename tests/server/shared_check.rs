//! A shared value that is checked with its provider: as it is where it is used, and by whoever may use it there.

use serde_json::{Value, json};

use crate::api::{App, Client, str};
use crate::database::Database;
use crate::scan::{Scanner, canary};
use crate::upstream::Upstream;

const SLACK: &str = "/api/v1/secrets/SLACK_BOT_TOKEN";

/// Slack and Twilio: each takes what begins as it should, and repeats whatever it was sent.
fn providers(request: &str) -> (&'static str, String) {
    let known = request.contains("xoxb-known");
    ("application/json", json!({ "ok": known, "you_sent": request }).to_string())
}

async fn check(client: &Client, name: &str, environment: &str) -> Value {
    let path = format!("/api/v1/secrets/{name}/check");
    client.post(&path, json!({ "environment": environment })).await.expect(200).json()
}

fn told(check: &Value) -> (&str, &str) {
    (str(&check["verdict"]), str(&check["reason"]))
}

async fn start() -> (App, Upstream) {
    let upstream = Upstream::named(&["slack.com", "api.twilio.com"], providers).await;
    let at = ["slack.com", "api.twilio.com"].map(|name| format!("{name}:443=127.0.0.1:{}", upstream.port));
    let mut args = upstream.args().to_vec();
    at.iter().for_each(|at| args.extend(["--resolve", at]));
    let app = App::start_with(&args);
    app.admin().put("/api/v1/environments/test", json!({})).await.expect(201);
    (app, upstream)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_value_is_checked_as_the_one_it_is() {
    let (app, upstream) = start().await;
    let admin = app.admin();
    let random = || canary("0a1B", false).replace('_', "-");
    let (known, unknown) = (format!("xoxb-known-{}", random()), format!("xoxb-{}", random()));
    let scanner = Scanner::new(&[&known[11..], &unknown[5..]]);
    let put = async |value: &str, more: Value| {
        let mut body = json!({ "value": value, "delivery": "brokered" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        admin.put(SLACK, body).await
    };
    put(&known, json!({})).await.expect(201);
    admin.post(&format!("{SLACK}/share"), json!({ "environment": "test" })).await.expect(200);

    // Whoever may use it there only, and nowhere else.
    let body = json!({ "name": "narrow", "scopes": ["secrets:write"], "environments": ["test"] });
    let narrow = admin.with_token(str(&admin.post("/api/v1/tokens", body).await.expect(201).json()["token"]));
    assert_eq!(told(&check(&narrow, "SLACK_BOT_TOKEN", "test").await), ("valid", "accepted"));
    assert!(upstream.last().contains(&format!("Bearer {known}")), "{}", upstream.last());
    let event = admin.items("/api/v1/audit?action=secret.check").await[0]["event"].clone();
    assert_eq!(
        (&event["environment"], &event["resource"]["name"], &event["actor"]["name"], &event["details"]["host"]),
        (&json!("test"), &json!("SLACK_BOT_TOKEN"), &json!("narrow"), &json!("slack.com"))
    );
    let asked = || upstream.seen.lock().unwrap().len();
    let before = asked();
    for body in [json!({ "environment": "production" }), json!({})] {
        narrow.post(&format!("{SLACK}/check"), body).await.problem(403, "forbidden");
    }
    let other = app.account("other").await;
    other.put("/api/v1/environments/test", json!({})).await.expect(201);
    other.post(&format!("{SLACK}/check"), json!({ "environment": "test" })).await.problem(404, "not_found");

    // Where it may be sent is said where it is.
    put(&known, json!({ "hosts": ["api.example.com"] })).await.expect(200);
    assert_eq!(told(&check(&admin, "SLACK_BOT_TOKEN", "test").await), ("unknown", "host_not_of_secret"));
    assert_eq!(asked(), before, "nothing was sent");
    // The value that comes next is the one that is checked, and by the command line.
    put(&unknown, json!({ "hosts": ["slack.com"] })).await.expect(200);
    let finished =
        tokio::task::block_in_place(|| app.server.run(&["secret", "check", "SLACK_BOT_TOKEN", "-e", "test"]));
    assert_eq!(finished.stdout, "SLACK_BOT_TOKEN: invalid: slack.com refuses it (200)\n");
    assert!(upstream.last().contains(&unknown));

    // A share that the server did not make opens nothing, and so sends nothing.
    let before = asked();
    let mut database = Database::open(&app.server).await;
    database.change(1, "UPDATE secrets SET source_tag = x'00' WHERE source IS NOT NULL").await;
    admin.post(&format!("{SLACK}/check"), json!({ "environment": "test" })).await.problem(500, "internal");
    database.close().await;
    assert_eq!(asked(), before);
    // Without the share there is nothing to check.
    admin.delete(&format!("{SLACK}?environment=test")).await.expect(204);
    narrow.post(&format!("{SLACK}/check"), json!({ "environment": "test" })).await.problem(404, "not_found");
    assert_eq!(asked(), before);
    scanner.assert_absent("an answer", &app.transcript());
    scanner.assert_absent_below(app.server.home());
}

/// A request that needs two secrets takes each as the environment has it, its own or another's.
#[tokio::test(flavor = "multi_thread")]
async fn a_check_takes_shared_values_beside_its_own() {
    let (app, upstream) = start().await;
    let admin = app.admin();
    let hex = |length: usize| {
        canary("0a1B", false).bytes().map(|byte| format!("{byte:02x}")).collect::<String>()[8..length + 8].to_owned()
    };
    let (ours, theirs, account) = (hex(32), hex(32), format!("AC{}", hex(32)));
    let put = async |name: &str, value: &str, environment: &str| {
        let body = json!({ "value": value, "environment": environment });
        admin.put(&format!("/api/v1/secrets/{name}"), body).await.expect(201);
    };
    put("TWILIO_AUTH_TOKEN", &ours, "production").await;
    put("TWILIO_AUTH_TOKEN", &theirs, "test").await;
    put("TWILIO_ACCOUNT_SID", &account, "production").await;
    let before = upstream.seen.lock().unwrap().len();
    assert_eq!(told(&check(&admin, "TWILIO_AUTH_TOKEN", "test").await), ("unknown", "other_secret_missing"));
    assert_eq!(upstream.seen.lock().unwrap().len(), before);
    admin.post("/api/v1/secrets/TWILIO_ACCOUNT_SID/share", json!({ "environment": "test" })).await.expect(200);
    assert_eq!(told(&check(&admin, "TWILIO_AUTH_TOKEN", "test").await), ("valid", "accepted"));
    let sent = upstream.last();
    let basic = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("{account}:{theirs}"));
    assert!(sent.contains(&basic) && sent.starts_with(&format!("GET /2010-04-01/Accounts/{account}.json")), "{sent}");
    // Shared itself, it is the one of production that is sent.
    admin.post("/api/v1/secrets/TWILIO_AUTH_TOKEN/share", json!({ "environment": "test" })).await.expect(200);
    assert_eq!(told(&check(&admin, "TWILIO_AUTH_TOKEN", "test").await), ("valid", "accepted"));
    let basic = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("{account}:{ours}"));
    assert!(upstream.last().contains(&basic));
}
