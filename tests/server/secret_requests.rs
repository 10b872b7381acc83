//! Secret requests: an assistant asks, a person answers in a browser, and the assistant learns how it ended and nothing else.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::api::{Answer, App, Client, random, str};
use crate::scan::{Scanner, canary};

const PATH: &str = "/api/v1/secret-requests";

/// A person's browser.
pub struct Browser {
    client: Client,
    pub cookies: String,
}

impl Browser {
    pub fn new(app: &App) -> Self {
        Self { client: app.anonymous(), cookies: String::new() }
    }

    /// Logs in with a link that `caller` makes. The answer says where it leads.
    pub async fn login(&mut self, caller: &Client) -> Answer {
        let link = caller.post("/api/v1/login-links", json!({})).await.expect(201).json();
        let code = str(&link["url"]).split_once("code=").unwrap().1.to_owned();
        let answer = self.post("/login", &[("code", &code)]).await.expect(303);
        self.keep(&answer);
        answer
    }

    /// Takes over the cookies of an answer.
    pub fn keep(&mut self, answer: &Answer) {
        let set = answer.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap());
        let kept: Vec<_> = set.map(|line| line.split(';').next().unwrap()).collect();
        self.cookies = kept.join("; ");
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.client.send(self.client.request("GET", path).header("cookie", &self.cookies)).await
    }

    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body: Vec<_> = fields.iter().map(|(name, text)| format!("{name}={}", encoded(text))).collect();
        let request = self.client.request("POST", path).header("origin", self.client.url());
        let request =
            request.header("cookie", &self.cookies).header("content-type", "application/x-www-form-urlencoded");
        self.client.send(request.body(body.join("&"))).await
    }
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

pub async fn token(admin: &Client, name: &str, scopes: &[&str]) -> Client {
    let made = admin.post("/api/v1/tokens", json!({ "name": name, "scopes": scopes })).await.expect(201).json();
    admin.with_token(str(&made["token"]))
}

async fn ask(caller: &Client, name: &str) -> Value {
    let body = json!({ "name": name, "reason": "to send the weekly mail" });
    caller.post(PATH, body).await.expect(201).json()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_enters_the_value_and_whoever_asked_learns_only_that() {
    let app = App::start();
    let admin = app.admin();
    let assistant = token(&admin, "assistant", &["secrets:request"]).await;
    let asked = ask(&assistant, "SENDGRID_API_KEY").await;
    let (id, page) = (str(&asked["id"]).to_owned(), format!("/requests/{}", str(&asked["id"])));
    assert_eq!((str(&asked["status"]), str(&asked["environment"])), ("pending", "production"));
    assert_eq!(str(&asked["url"]), format!("{}{page}", admin.url()), "the link is its page and holds nothing else");
    // To ask twice is to ask once.
    let again = json!({ "name": "SENDGRID_API_KEY", "reason": "I said so" });
    assert_eq!(assistant.post(PATH, again).await.expect(200).json(), asked);

    // The link is no login: it leads to the login, and the login back to it.
    let mut browser = Browser::new(&app);
    let stranger = browser.get(&page).await.expect(303);
    assert_eq!(stranger.header("location"), "/login");
    browser.keep(&stranger);
    assert_eq!(browser.login(&admin).await.header("location"), page);
    let shown = browser.get(&page).await.expect(200).text();
    for told in ["assistant", "to send the weekly mail", "SendGrid", "https://app.sendgrid.com/settings/api_keys"] {
        assert!(shown.contains(told), "{told}: {shown}");
    }

    let value = canary("SG.x", false);
    let waiting = format!("{PATH}/{id}?wait=60");
    let late = assistant.get(&waiting);
    let enter = async {
        // It does not look like a key of SendGrid, so the form asks once more, and has kept nothing.
        let warned = browser.post(&page, &[("value", &value)]).await.expect(422).text();
        assert!(warned.contains("has not the form of") && !warned.contains(&value), "{warned}");
        admin.get("/api/v1/secrets/SENDGRID_API_KEY").await.problem(404, "not_found");
        browser.post(&page, &[("value", &value), ("anyway", "yes")]).await.expect(303)
    };
    let began = Instant::now();
    let (late, stored) = tokio::join!(late, enter);
    assert_eq!(stored.header("location"), page);
    assert!(began.elapsed() < Duration::from_secs(50), "whoever waits is told at once");
    let told = late.expect(200).json();
    assert_eq!(told["status"], "fulfilled");
    let fields: Vec<_> = told.as_object().unwrap().keys().map(String::as_str).collect();
    let known = [
        "created_at",
        "created_by",
        "environment",
        "expires_at",
        "id",
        "name",
        "reason",
        "resolved_at",
        "status",
        "url",
    ];
    assert_eq!(fields, known, "nothing but how it ended");
    assert_eq!(admin.get("/api/v1/secrets/SENDGRID_API_KEY").await.expect(200).json()["version"], 1);

    // It works once: the same form stores nothing more, and says so.
    let second = browser.post(&page, &[("value", "SG.another-value-0123456789"), ("anyway", "yes")]).await.expect(303);
    let second = browser.get(second.header("location")).await.expect(200).text();
    assert!(
        second.contains("was not stored") && second.contains("Fulfilled") && !second.contains("<textarea"),
        "{second}"
    );
    assert_eq!(admin.get("/api/v1/secrets/SENDGRID_API_KEY").await.expect(200).json()["version"], 1);
    admin.post(&format!("{PATH}/{id}/decline"), json!({})).await.problem(409, "request_ended");
    assistant.post(&format!("{PATH}/{id}/cancel"), json!({})).await.problem(409, "request_ended");

    let events = admin.events().await;
    let of = |action: &str| events.iter().filter(|event| event["action"] == action).cloned().collect::<Vec<_>>();
    let (created, fulfilled) = (of("secret_request.create"), of("secret_request.fulfil"));
    assert_eq!((created.len(), fulfilled.len()), (1, 1));
    assert_eq!(
        (&created[0]["actor"]["name"], &created[0]["resource"]["name"]),
        (&json!("assistant"), &json!("SENDGRID_API_KEY"))
    );
    assert_eq!(
        (&fulfilled[0]["actor"]["kind"], &fulfilled[0]["details"]["secret_request"]),
        (&json!("session"), &json!(id))
    );
    // As the form offers for a provider's key, and did not say here: functions would get the value itself.
    assert_eq!(admin.get("/api/v1/secrets/SENDGRID_API_KEY").await.expect(200).json()["delivery"], "env");
    let key = ask(&assistant, "OPENAI_API_KEY").await;
    let page_of_key = format!("/requests/{}", str(&key["id"]));
    assert!(browser.get(&page_of_key).await.expect(200).text().contains("Keep it out of functions"));
    let entered = [("value", value.as_str()), ("anyway", "yes"), ("brokered", "yes")];
    browser.post(&page_of_key, &entered).await.expect(303);
    let stored = admin.get("/api/v1/secrets/OPENAI_API_KEY").await.expect(200).json();
    assert_eq!(
        (&stored["delivery"], &stored["hosts"]),
        (&json!("brokered"), &json!(["api.openai.com", "eu.api.openai.com"])),
        "{stored}"
    );
    // A secret that is there goes where it went: whoever answers sees where to.
    let body = json!({ "value": "first value 0123456789", "delivery": "brokered", "hosts": ["evil.example"] });
    admin.put("/api/v1/secrets/ODD_KEY", body).await.expect(201);
    let odd = ask(&assistant, "ODD_KEY").await;
    let shown = browser.get(&format!("/requests/{}", str(&odd["id"]))).await.expect(200).text();
    assert!(shown.contains("Goes only to") && shown.contains("evil.example"), "{shown}");
    Scanner::new(&[&value]).assert_absent("answers", &app.transcript());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_by_any_way_answers() {
    let app = App::start();
    let admin = app.admin();
    admin.put("/api/v1/environments/test", json!({})).await.expect(201);
    let asked = ask(&token(&admin, "one", &["secrets:request"]).await, "KEY").await;
    let other = ask(&token(&admin, "two", &["secrets:request"]).await, "KEY").await;
    let in_test = json!({ "name": "KEY", "reason": "for tests", "environment": "test" });
    let in_test = admin.post(PATH, in_test).await.expect(201).json();
    admin.put_secret("KEY", "value").await;
    let status = async |request: &Value| {
        let path = format!("{PATH}/{}", str(&request["id"]));
        str(&admin.get(&path).await.expect(200).json()["status"]).to_owned()
    };
    assert_eq!([status(&asked).await, status(&other).await], ["fulfilled", "fulfilled"]);
    assert_eq!(status(&in_test).await, "pending", "another environment has its own value");
    assert_eq!(admin.items(&format!("{PATH}?open=true")).await.len(), 1);
    assert_eq!(admin.items(PATH).await.len(), 3);
    let page = admin.get(&format!("{PATH}?limit=2")).await.expect(200).json();
    let rest = admin.get(&format!("{PATH}?cursor={}", str(&page["next_cursor"]))).await.expect(200).json();
    assert_eq!((page["items"].as_array().unwrap().len(), rest["items"].as_array().unwrap().len()), (2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_do_what() {
    let app = App::start();
    let admin = app.admin();
    let asks = token(&admin, "asks", &["secrets:request"]).await;
    let asks_too = token(&admin, "asks-too", &["secrets:request"]).await;
    let reads = token(&admin, "reads", &["secrets:read", "sessions:write"]).await;
    let asked = ask(&asks, "KEY").await;
    let path = format!("{PATH}/{}", str(&asked["id"]));
    let page = format!("/requests/{}", str(&asked["id"]));

    asks.get(&path).await.expect(200);
    asks.get(PATH).await.problem(403, "forbidden");
    asks_too.get(&path).await.problem(403, "forbidden");
    asks_too.post(&format!("{path}/cancel"), json!({})).await.problem(403, "forbidden");
    asks.post(&format!("{path}/decline"), json!({})).await.problem(403, "forbidden");
    asks.put("/api/v1/secrets/KEY", json!({ "value": "mine" })).await.problem(403, "forbidden");
    reads.get(&path).await.expect(200);
    reads.post(PATH, json!({ "name": "KEY", "reason": "x" })).await.problem(403, "forbidden");

    // A session that may not store is told so, and its form is refused.
    let mut browser = Browser::new(&app);
    browser.login(&reads).await;
    assert!(!browser.get(&page).await.expect(200).text().contains("<textarea"));
    browser.post(&page, &[("value", "a value")]).await.expect(403);
    browser.post(&format!("{page}/decline"), &[]).await.expect(403);
    // Another account's page is not there.
    let other = app.account("other").await;
    let mut foreign = Browser::new(&app);
    foreign.login(&other).await;
    foreign.get(&page).await.expect(404);
    foreign.post(&page, &[("value", "a value")]).await.expect(404);
    foreign.post(&format!("{page}/decline"), &[]).await.expect(404);
    // A page of another site sends no form here.
    let mut person = Browser::new(&app);
    person.login(&admin).await;
    let forged = app.anonymous();
    let forged =
        forged.request("POST", &page).header("cookie", &person.cookies).header("origin", "https://evil.example");
    let forged = forged.header("content-type", "application/x-www-form-urlencoded").body("value=evil");
    app.anonymous().send(forged).await.problem(403, "origin_foreign");
    assert_eq!(admin.get(&path).await.expect(200).json()["status"], "pending");
    admin.get("/api/v1/secrets/KEY").await.problem(404, "not_found");

    assert_eq!(asks.post(&format!("{path}/cancel"), json!({})).await.expect(200).json()["status"], "cancelled");
    let asked = ask(&asks, "KEY").await;
    let page = format!("/requests/{}", str(&asked["id"]));
    person.post(&format!("{page}/decline"), &[]).await.expect(303);
    assert_eq!(asks.get(&format!("{PATH}/{}", str(&asked["id"]))).await.expect(200).json()["status"], "declined");
    let late = person.post(&page, &[("value", "a value that comes late")]).await.expect(303);
    assert!(late.header("location").ends_with("?late=1"));
    admin.get("/api/v1/secrets/KEY").await.problem(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_is_shown_and_acts_nowhere() {
    let app = App::start();
    let admin = app.admin();
    let rules = [
        (json!({ "name": "key", "reason": "x" }), "name_invalid"),
        (json!({ "name": "PATH", "reason": "x" }), "name_reserved"),
        (json!({ "name": "KEY", "reason": " " }), "reason_missing"),
        (json!({ "name": "KEY", "reason": "x".repeat(501) }), "reason_too_long"),
        (json!({ "name": "KEY", "reason": "a\u{202e}b" }), "reason_has_control"),
        (
            json!({ "name": "KEY", "reason": format!("it is {}{}", "ghp_", random(36).replace(['-', '_'], "x")) }),
            "reason_holds_value",
        ),
        (json!({ "name": "KEY", "reason": "x", "environment": "nowhere" }), "environment_unknown"),
        (json!({ "name": "KEY", "reason": "x", "obtain_url": "http://a.example" }), "obtain_url_invalid"),
        (json!({ "name": "KEY", "reason": "x", "obtain_url": "javascript:alert(1)" }), "obtain_url_invalid"),
        (json!({ "name": "KEY", "reason": "x", "value": "y" }), "json_invalid"),
    ];
    let before = admin.state().await;
    for (body, code) in rules {
        admin.post(PATH, body).await.problem(422, code);
    }
    admin.get(&format!("{PATH}/0123456789abcdef?wait=61")).await.problem(422, "out_of_range");
    assert_eq!(admin.state().await, before);

    let body = json!({ "name": "STRIPE_SECRET_KEY", "reason": "</blockquote><script>alert(1)</script>",
        "obtain_url": "https://stripe.com.evil.example/keys" });
    let asked = admin.post(PATH, body).await.expect(201).json();
    let mut browser = Browser::new(&app);
    browser.login(&admin).await;
    let page = browser.get(&format!("/requests/{}", str(&asked["id"]))).await.expect(200).text();
    assert!(!page.contains("<script>alert") && page.contains("&lt;script&gt;"), "{page}");
    assert!(page.contains("stripe.com.evil.example") && page.contains("not a site of Stripe"), "{page}");
    for most in 1..100 {
        ask(&admin, &format!("KEY_{most}")).await;
    }
    let body = json!({ "name": "KEY_100", "reason": "one too many" });
    admin.post(PATH, body).await.problem(422, "too_many_secret_requests");
}
