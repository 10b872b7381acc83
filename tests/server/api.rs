//! A client of the API and the gateway that keeps every answer it got.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::support::{DEADLINE, Finished, TestServer, run, tresor};

/// A running server and clients of it.
pub struct App {
    pub server: TestServer,
    http: reqwest::Client,
    transcript: Transcript,
}

/// Every answer, head and body, one after another.
type Transcript = Arc<Mutex<Vec<u8>>>;

impl App {
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    pub fn start_with(args: &[&str]) -> Self {
        Self::of(TestServer::start_with(args, &[]), Transcript::default())
    }

    pub fn start_in(args: &[&str], env: &[(&str, &str)]) -> Self {
        Self::of(TestServer::start_with(args, env), Transcript::default())
    }

    fn of(server: TestServer, transcript: Transcript) -> Self {
        let builder = reqwest::Client::builder().no_proxy().tls_certs_only([]).timeout(DEADLINE);
        let http = builder.redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { server, http, transcript }
    }

    /// Ends the server by `end` and starts one on the same data.
    pub fn restart(self, end: impl FnOnce(&mut TestServer), args: &[&str]) -> Self {
        let Self { server, transcript, .. } = self;
        Self::of(server.restart(end, args, &[]), transcript)
    }

    pub fn anonymous(&self) -> Client {
        Client {
            http: self.http.clone(),
            url: self.server.url(),
            token: None,
            transcript: Arc::clone(&self.transcript),
        }
    }

    pub fn admin(&self) -> Client {
        self.anonymous().with_token(&self.server.admin_token())
    }

    /// A new account's first token.
    pub async fn account(&self, name: &str) -> Client {
        let made = self.admin().post("/api/v1/accounts", json!({ "name": name })).await.expect(201).json();
        self.anonymous().with_token(made["token"].as_str().unwrap())
    }

    /// All that any client was answered.
    pub fn transcript(&self) -> Vec<u8> {
        self.transcript.lock().unwrap().clone()
    }
}

/// One caller.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    token: Option<String>,
    transcript: Transcript,
}

impl Client {
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    pub fn without_token(&self) -> Self {
        Self { token: None, ..self.clone() }
    }

    /// The same at another server.
    pub fn at(&self, url: &str) -> Self {
        Self { url: url.to_owned(), ..self.clone() }
    }

    pub fn token(&self) -> &str {
        self.token.as_deref().unwrap()
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let request = self.http.request(Method::from_bytes(method.as_bytes()).unwrap(), format!("{}{path}", self.url));
        match &self.token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        }
    }

    /// Sends, and reads the answer to its end. `Err` if there was none, or only a part of one.
    pub async fn try_send(&self, request: RequestBuilder) -> Result<Answer, reqwest::Error> {
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        // A stream of events ends when its reader does.
        let endless = headers.get("content-type").is_some_and(|kind| kind == "text/event-stream");
        let body = if endless { Vec::new() } else { response.bytes().await?.to_vec() };
        self.note(&headers, &body);
        Ok(Answer { status, headers, body })
    }

    /// Keeps an answer that was read in another way.
    pub fn note(&self, headers: &HeaderMap, body: &[u8]) {
        let mut transcript = self.transcript.lock().unwrap();
        transcript.extend_from_slice(format!("\n{headers:?}\n").as_bytes());
        transcript.extend_from_slice(body);
    }

    pub async fn send(&self, request: RequestBuilder) -> Answer {
        self.try_send(request).await.unwrap()
    }

    pub async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let request = self.request(method, path);
        self.send(match body {
            Some(body) => request.json(body),
            None => request,
        })
        .await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, None).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.call("PUT", path, Some(&body)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.call("POST", path, Some(&body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.call("DELETE", path, None).await
    }

    /// The rows of a list that fits one page.
    pub async fn items(&self, path: &str) -> Vec<Value> {
        let page = self.get(path).await.expect(200).json();
        assert!(page.get("next_cursor").is_none(), "{path} has more than one page");
        page["items"].as_array().unwrap().clone()
    }

    /// Puts a value in `production`.
    pub async fn put_secret(&self, name: &str, value: &str) -> Answer {
        let answer = self.put(&format!("/api/v1/secrets/{name}"), json!({ "value": value })).await;
        assert!(answer.status == 200 || answer.status == 201, "{answer:?}");
        answer
    }

    /// Deploys one file; `settings` are more fields of the request.
    pub async fn deploy(&self, name: &str, source: &str, settings: Value) -> Value {
        let mut body = json!({ "source": source });
        body.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        self.put(&format!("/api/v1/functions/{name}"), body).await.expect(201).json()
    }

    /// The whole audit log with its trailer.
    pub async fn export(&self) -> String {
        self.get("/api/v1/audit/export").await.expect(200).text()
    }

    /// The events of the audit log, oldest first.
    pub async fn events(&self) -> Vec<Value> {
        let export = self.export().await;
        let mut events: Vec<Value> = export.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(events.pop().unwrap()["checkpoint"].is_string());
        events
    }

    /// Invocations of a function, newest first, as soon as there are `count`.
    pub async fn invocations(&self, function: &str, count: usize) -> Vec<Value> {
        let path = format!("/api/v1/functions/{function}/invocations");
        eventually("the invocations are recorded", async || {
            let found = self.items(&path).await;
            assert!(found.len() <= count, "{} instead of {count} invocations", found.len());
            (found.len() == count).then_some(found)
        })
        .await
    }

    /// All that the account holds and can be seen by it, but for times of last use. Two are equal if nothing changed.
    pub async fn state(&self) -> Value {
        let mut secrets = self.items("/api/v1/secrets").await;
        for secret in &mut secrets {
            let place = format!(
                "/api/v1/secrets/{}/versions?environment={}",
                str(&secret["name"]),
                str(&secret["environment"])
            );
            secret["versions"] = self.items(&place).await.into();
            let rotator = self.get(&place.replace("/versions", "/rotator")).await;
            secret["rotator"] = if rotator.status == 200 { rotator.json() } else { Value::Null };
            secret.as_object_mut().unwrap().remove("last_used_at");
        }
        let mut functions = Vec::new();
        for function in self.items("/api/v1/functions").await {
            functions.push(self.get(&format!("/api/v1/functions/{}", str(&function["name"]))).await.expect(200).json());
        }
        let mut tokens = self.items("/api/v1/tokens").await;
        for token in &mut tokens {
            token.as_object_mut().unwrap().remove("last_used_at");
        }
        let settings = self.get("/api/v1/settings").await.expect(200).json();
        let requests = self.items("/api/v1/secret-requests").await;
        let done: Vec<_> = self.events().await.into_iter().filter(|event| event["outcome"] == "done").collect();
        json!({ "secrets": secrets, "functions": functions, "tokens": tokens, "environments": self.items("/api/v1/environments").await, "members": self.items("/api/v1/members").await,
            "settings": settings, "requests": requests, "webhooks": self.items("/api/v1/webhooks").await, "groups": self.items("/api/v1/groups").await, "issuers": self.items("/api/v1/issuers").await, "done": done })
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The problem document, which must be a whole one of this status and code.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!((self.status, self.header("content-type")), (status, "application/problem+json"), "{}", self.text());
        let problem = self.json();
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(
            (&problem["status"], str(&problem["type"])),
            (&json!(status), format!("urn:tresor:problem:{code}").as_str())
        );
        assert!(!str(&problem["title"]).is_empty() && !str(&problem["detail"]).is_empty(), "{problem}");
        assert_eq!(str(&problem["request_id"]), self.header("x-request-id"), "{problem}");
        problem
    }
}

/// A JSON string's text.
#[track_caller]
pub fn str(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no string: {value}"))
}

/// Asks `probe` until it has an answer, and fails after the deadline.
pub async fn eventually<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    let mut beat = tokio::time::interval(std::time::Duration::from_millis(10));
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(Instant::now() < end, "not in time: {what}");
        beat.tick().await;
    }
}

/// A server that must refuse to start on the data of `server`, which is stopped.
pub fn refuses_to_start(server: &TestServer) -> Finished {
    let data = server.data_dir().to_str().unwrap();
    // A server that starts in spite of all is ended by `timeout`, with its own exit code.
    let mut command = std::process::Command::new("timeout");
    let serve = tresor(server.home(), &["serve", "--json", "--listen", "127.0.0.1:0", "--data", data]);
    command.arg("20").arg(serve.get_program()).args(serve.get_args()).current_dir(server.home());
    let finished = run(command, None);
    assert_ne!(finished.code, 124, "the server started: {finished:?}");
    finished
}

/// `length` characters of the URL alphabet of base64, from the system's randomness.
pub fn random(length: usize) -> String {
    use base64::Engine as _;
    use std::io::Read as _;
    let mut bytes = vec![0; length];
    std::fs::File::open("/dev/urandom").unwrap().read_exact(&mut bytes).unwrap();
    let mut text = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&bytes);
    text.truncate(length);
    text
}
