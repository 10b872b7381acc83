//! Webhooks: signed as the specification says, sent until they are taken, only where they may go, and without a value.

use std::collections::VecDeque;
use std::process::Command;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::api::{App, Client, eventually, random, str};
use crate::database::Database;

pub const PATH: &str = "/api/v1/webhooks/chat";
const EVENT: &str = "secret_request.created";
pub const ALLOWED: [&str; 2] = ["--allow-network", "127.0.0.0/8"];

/// Takes messages, each with the next of the statuses it was given, or 204.
pub struct Receiver {
    pub url: String,
    pub seen: Arc<Mutex<Vec<Message>>>,
    statuses: Arc<Mutex<VecDeque<u16>>>,
}

#[derive(Debug, Clone)]
pub struct Message {
    head: String,
    pub body: String,
}

impl Message {
    pub fn header(&self, name: &str) -> &str {
        let found = self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        found.unwrap_or_else(|| panic!("no {name} in {}", self.head))
    }

    /// By the specification's own library.
    pub fn verifies(&self, key: &str) -> bool {
        let script = "const { Webhook } = require('standardwebhooks'); const [key, body, ...given] = process.argv.slice(1); \
            const headers = { 'webhook-id': given[0], 'webhook-timestamp': given[1], 'webhook-signature': given[2] }; \
            try { new Webhook(key).verify(body, headers); } catch (error) { console.error(error); process.exit(7); }";
        let headers = ["webhook-id", "webhook-timestamp", "webhook-signature"].map(|name| self.header(name));
        let mut node = Command::new("node");
        node.current_dir(env!("CARGO_MANIFEST_DIR")).args(["-e", script, "--", key, &self.body]).args(headers);
        let output = node.output().unwrap();
        assert!([Some(0), Some(7)].contains(&output.status.code()), "{output:?}");
        output.status.success()
    }
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://127.0.0.1:{}/hooks?key=own", listener.local_addr().unwrap().port());
        let (seen, statuses) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(VecDeque::new())));
        let (kept, next) = (Arc::clone(&seen), Arc::clone(&statuses));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (kept, next) = (Arc::clone(&kept), Arc::clone(&next));
                tokio::spawn(async move {
                    let mut text = Vec::new();
                    while !whole(&text) {
                        if stream.read_buf(&mut text).await.unwrap_or(0) == 0 {
                            return;
                        }
                    }
                    let text = String::from_utf8(text).unwrap();
                    let (head, body) = text.split_once("\r\n\r\n").unwrap();
                    kept.lock().unwrap().push(Message { head: head.replace('\r', ""), body: body.to_owned() });
                    let status = next.lock().unwrap().pop_front().unwrap_or(204);
                    let answer = format!(
                        "HTTP/1.1 {status} x\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                    );
                    let _ = stream.write_all(answer.as_bytes()).await;
                });
            }
        });
        Self { url, seen, statuses }
    }

    fn answers(&self, statuses: &[u16]) {
        *self.statuses.lock().unwrap() = statuses.iter().copied().collect();
    }

    pub async fn messages(&self, count: usize) -> Vec<Message> {
        eventually("the messages arrive", async || {
            let seen = self.seen.lock().unwrap().clone();
            (seen.len() >= count).then_some(seen)
        })
        .await
    }
}

fn whole(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    body.len() >= length.unwrap_or(0_usize)
}

pub async fn put(client: &Client, url: &str) -> Value {
    let answer = client.put(PATH, json!({ "url": url, "events": [EVENT] })).await;
    assert!(answer.status == 200 || answer.status == 201, "{answer:?}");
    answer.json()
}

async fn ask(client: &Client, name: &str) -> Value {
    let body = json!({ "name": name, "reason": "a reason that stays on the page" });
    client.post("/api/v1/secret-requests", body).await.expect(201).json()
}

async fn webhook(client: &Client) -> Value {
    client.items("/api/v1/webhooks").await[0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_signed_and_told_to_their_own_account() {
    let receiver = Receiver::start().await;
    let app = App::start_with(&ALLOWED);
    let (admin, other) = (app.admin(), app.account("other").await);
    let value = random(32);
    admin.put_secret("STORED_KEY", &value).await;
    let made = put(&admin, &receiver.url).await;
    let key = str(&made["signing_key"]).to_owned();
    assert!(key.starts_with("whsec_") && made["events"] == json!([EVENT]), "{made}");
    // It is shown this once.
    assert_eq!(put(&admin, &receiver.url).await.get("signing_key"), None);
    assert!(!admin.get("/api/v1/webhooks").await.text().contains("whsec_"));

    ask(&other, "FOREIGN_KEY").await;
    let asked = ask(&admin, "WANTED_KEY").await;
    let message = receiver.messages(1).await[0].clone();
    assert!(message.verifies(&key), "{message:?}");
    assert!(!message.verifies(&format!("whsec_{}", "A".repeat(44))));
    assert!(!Message { body: message.body.replace("WANTED", "OTHERS"), ..message.clone() }.verifies(&key));
    assert!(message.head.starts_with("POST /hooks?key=own HTTP/1.1"), "{message:?}");
    assert!(message.header("webhook-id").starts_with("msg_"));
    let told: Value = serde_json::from_str(&message.body).unwrap();
    assert_eq!(told["type"], EVENT);
    let data = &told["data"];
    assert_eq!(
        (&data["name"], &data["environment"], &data["id"], &data["url"]),
        (&json!("WANTED_KEY"), &json!("production"), &asked["id"], &asked["url"])
    );
    assert!(!message.body.contains("a reason that stays"), "what others write is for the page");
    // Asking again for the same tells nothing again.
    let again = json!({ "name": "WANTED_KEY", "reason": "a reason that stays on the page" });
    admin.post("/api/v1/secret-requests", again).await.expect(200);

    let tried = admin.call("POST", &format!("{PATH}/test"), None).await.expect(200).json();
    assert_eq!((&tried["taken"], &tried["status"]), (&json!(true), &json!(204)));
    let messages = receiver.messages(2).await;
    assert!(messages[1].verifies(&key) && messages[1].body.contains("webhook.test"));
    assert_eq!(messages.len(), 2);
    for message in messages {
        assert!(!format!("{message:?}").contains(&value));
    }
    eventually("it is noted", async || webhook(&admin).await.get("told_at").cloned()).await;
    assert_eq!(other.items("/api/v1/webhooks").await.len(), 0);
    other.call("POST", &format!("{PATH}/test"), None).await.problem(404, "not_found");
    admin.delete(PATH).await.expect(204);
    ask(&admin, "LATER_KEY").await;
    assert_eq!(receiver.seen.lock().unwrap().len(), 2);
    // The audit log has whose address it is, and not what lets in.
    let export = admin.export().await;
    assert!(export.contains("webhook.put") && !export.contains("key=own"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_to_be_told_survives_the_server_and_is_told_under_one_id() {
    let receiver = Receiver::start().await;
    let app = App::start_with(&ALLOWED);
    let admin = app.admin();
    put(&admin, &receiver.url).await;
    receiver.answers(&[500, 302]);
    ask(&admin, "WANTED_KEY").await;
    receiver.messages(1).await;
    let failing = eventually("the failure is noted", async || {
        let found = webhook(&admin).await;
        found.get("problem").is_some().then_some(found)
    })
    .await;
    assert_eq!((&failing["problem"], &failing["waiting"]), (&json!("it answered with status 500"), &json!(1)));
    assert!(failing.get("failing_since").is_some() && failing.get("disabled_at").is_none());

    let app = app.restart(|server| server.kill_hard(), &ALLOWED);
    let admin = app.admin();
    assert_eq!(webhook(&admin).await["waiting"], 1);
    // Five seconds after the first attempt comes the second: a redirect, which is not followed.
    let second = receiver.messages(2).await;
    assert_eq!(second[0].header("webhook-id"), second[1].header("webhook-id"));
    eventually("it is noted", async || {
        (webhook(&admin).await["problem"] == "it answered with status 302").then_some(())
    })
    .await;
    // The third comes in five minutes; they pass here.
    let mut database = Database::open(&app.server).await;
    assert!(database.number("SELECT next_at FROM webhook_messages").await > 0);
    database.change(1, "UPDATE webhook_messages SET next_at = 1").await;
    ask(&admin, "ANOTHER_KEY").await;
    receiver.messages(4).await;
    eventually("all is told", async || (webhook(&admin).await["waiting"] == 0).then_some(())).await;
    let well = webhook(&admin).await;
    assert_eq!((well.get("problem"), well.get("failing_since")), (None, None), "{well}");

    // After five days of failures it is disabled, with an event, and a put enables it.
    receiver.answers(&[500; 20]);
    ask(&admin, "THIRD_KEY").await;
    eventually("it fails again", async || webhook(&admin).await.get("problem").cloned()).await;
    database.change(1, "UPDATE webhooks SET failing_since = 1").await;
    database.change(1, "UPDATE webhook_messages SET next_at = 1").await;
    ask(&admin, "FOURTH_KEY").await;
    let disabled = eventually("it is disabled", async || {
        let found = webhook(&admin).await;
        found.get("disabled_at").is_some().then_some(found)
    })
    .await;
    assert_eq!(disabled["waiting"], 0);
    let newest = &admin.items("/api/v1/audit?action=webhook.put").await[0]["event"];
    assert_eq!((&newest["actor"]["name"], &newest["details"]["disabled"]), (&json!("server"), &json!("true")));
    let before = receiver.seen.lock().unwrap().len();
    ask(&admin, "FIFTH_KEY").await;
    assert_eq!(webhook(&admin).await["waiting"], 0);
    receiver.answers(&[]);
    put(&admin, &receiver.url).await;
    ask(&admin, "SIXTH_KEY").await;
    let messages = receiver.messages(before + 1).await;
    assert!(messages[before].body.contains("SIXTH_KEY"));
    database.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_go_only_where_they_may() {
    let receiver = Receiver::start().await;
    let app = App::start();
    let admin = app.admin();
    let before = admin.state().await;
    for url in [
        receiver.url.as_str(),
        "https://127.0.0.1/",
        "https://[::1]/",
        "http://169.254.169.254/latest/meta-data",
        "https://10.0.0.1/",
        "http://93.184.216.34/",
        "ftp://hooks.example.com/",
        "file:///etc/passwd",
        "hooks.example.com",
        "",
    ] {
        let answer = admin.put(PATH, json!({ "url": url, "events": [EVENT] })).await;
        assert_eq!(answer.problem(422, "url_forbidden")["errors"][0]["field"], "url", "{url}");
    }
    for url in [
        "https://user:pass@hooks.example.com/",
        "https://hooks.example.com/#part",
        &format!("https://h.example/{}", "x".repeat(2_050)),
    ] {
        admin.put(PATH, json!({ "url": url, "events": [EVENT] })).await.problem(422, "url_invalid");
    }
    admin.put(PATH, json!({ "url": "https://h.example/", "events": [] })).await.problem(422, "events_empty");
    let unknown = admin.put(PATH, json!({ "url": "https://h.example/", "events": ["secret.value"] })).await;
    assert_eq!(unknown.problem(422, "event_unknown")["errors"][0]["field"], "events[0]");
    assert_eq!(admin.state().await, before);
    assert_eq!(admin.items("/api/v1/webhooks").await.len(), 0);

    // A name tells only when it is looked up that it stands for this machine.
    let url = receiver.url.replace("127.0.0.1", "localhost");
    put(&admin, &url).await;
    let tried = admin.call("POST", &format!("{PATH}/test"), None).await.expect(200).json();
    assert_eq!(tried["taken"], false);
    assert!(str(&tried["detail"]).contains("may not be reached"), "{tried}");
    ask(&admin, "WANTED_KEY").await;
    eventually("that is noted", async || webhook(&admin).await.get("problem").cloned()).await;
    assert_eq!(receiver.seen.lock().unwrap().len(), 0);

    let mut made = 1;
    let answer = loop {
        let answer = admin
            .put(&format!("/api/v1/webhooks/other-{made}"), json!({ "url": "https://h.example/", "events": [EVENT] }))
            .await;
        if answer.status != 201 {
            break answer;
        }
        made += 1;
    };
    answer.problem(422, "too_many_webhooks");
    assert_eq!(made, 20);
}

/// The key that a webhook's signing key is encrypted with can be replaced; messages are signed as they were.
#[tokio::test(flavor = "multi_thread")]
async fn a_signing_key_outlasts_the_account_key() {
    let receiver = Receiver::start().await;
    let app = App::start_with(&ALLOWED);
    let admin = app.admin();
    let key = str(&put(&admin, &receiver.url).await["signing_key"]).to_owned();
    admin.call("POST", "/api/v1/key/rotate", None).await.expect(200);
    ask(&admin, "WANTED_KEY").await;
    assert!(receiver.messages(1).await[0].verifies(&key));
}
