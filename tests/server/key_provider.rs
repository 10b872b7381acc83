//! A provider of keys that a function rotates, and how its rotations are watched.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::api::{App, eventually, random};
use crate::webhooks::ALLOWED;

/// The function that the documentation shows.
pub const EXAMPLE: &str = include_str!("../../examples/rotate-api-key.ts");
pub const KEY: &str = "KEYS_API_KEY";
/// What its provider is asked at each step.
pub const STEPS: [&str; 3] = ["POST /keys", "GET /keys/self", "DELETE /keys/self"];

/// A provider whose keys make and delete keys, and what became of them.
pub struct Provider {
    pub url: String,
    pub state: Arc<Mutex<State>>,
    /// The request that it does not answer as long as this stands.
    pub held: tokio::sync::watch::Sender<Option<&'static str>>,
}

#[derive(Default)]
pub struct State {
    pub valid: BTreeSet<String>,
    /// By idempotency key.
    pub made: BTreeMap<String, String>,
    /// Method and path of each request, as it came.
    pub asked: Vec<String>,
    /// Keys that it makes do not work.
    pub broken: bool,
}

impl Provider {
    pub async fn start(first: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
        let state = Arc::new(Mutex::new(State { valid: [first.to_owned()].into(), ..State::default() }));
        let held = tokio::sync::watch::Sender::new(None);
        let (kept, holding) = (Arc::clone(&state), held.clone());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (state, mut held) = (Arc::clone(&kept), holding.subscribe());
                tokio::spawn(async move {
                    let mut text = Vec::new();
                    while !text.windows(4).any(|end| end == b"\r\n\r\n") {
                        if stream.read_buf(&mut text).await.unwrap_or(0) == 0 {
                            return;
                        }
                    }
                    let head = String::from_utf8(text).unwrap();
                    let line = head.split(" HTTP/").next().unwrap().to_owned();
                    state.lock().unwrap().asked.push(line.clone());
                    held.wait_for(|held| *held != Some(line.as_str())).await.unwrap();
                    let (status, body) = answer(&mut state.lock().unwrap(), &line, &head);
                    let answer = format!(
                        "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                        body.len()
                    );
                    let _ = stream.write_all(answer.as_bytes()).await;
                });
            }
        });
        Self { url, state, held }
    }

    pub fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub fn hold(&self, line: &'static str) {
        self.held.send_replace(Some(line));
    }

    pub fn go_on(&self) {
        self.held.send_replace(None);
    }

    /// Waits until the last that it was asked is this.
    pub async fn is_asked(&self, line: &str) {
        eventually(line, async || self.state().asked.last().is_some_and(|asked| asked == line).then_some(())).await;
    }

    pub fn valid(&self) -> Vec<String> {
        self.state().valid.iter().cloned().collect()
    }
}

pub fn answer(state: &mut State, line: &str, head: &str) -> (u16, String) {
    let header = |name: &str| {
        head.lines()
            .find_map(|line| line.to_ascii_lowercase().starts_with(name).then(|| line[name.len()..].trim().to_owned()))
    };
    let key = header("authorization: bearer ").unwrap_or_default();
    if !state.valid.contains(&key) {
        return (401, String::new());
    }
    let what =
        line.rsplit_once(' ').map_or(line, |(method, path)| if path.ends_with("/keys/self") { method } else { line });
    match what {
        "DELETE" => {
            state.valid.remove(&key);
            (204, String::new())
        }
        "GET" => (200, String::new()),
        _ => {
            let id = header("idempotency-key: ").unwrap_or_default();
            let made = state.made.entry(id).or_insert_with(|| format!("sk-{}", random(40))).clone();
            if !state.broken {
                state.valid.insert(made.clone());
            }
            (200, json!({ "key": made }).to_string())
        }
    }
}

pub struct Scene {
    pub app: App,
    pub provider: Provider,
    pub first: String,
}

impl Scene {
    pub async fn start() -> Self {
        Self::with(EXAMPLE, json!({})).await
    }

    pub async fn with(source: &str, settings: Value) -> Self {
        let first = format!("sk-{}", random(40));
        let provider = Provider::start(&first).await;
        let app = App::start_with(&ALLOWED);
        let admin = app.admin();
        admin.put_secret(KEY, &first).await;
        admin.put_secret("KEYS_API_URL", &provider.url).await;
        admin.deploy("rotate", source, settings).await;
        admin.deploy("show", &format!("Deno.serve(() => new Response(Deno.env.get('{KEY}')))"), json!({})).await;
        let rotator = json!({ "kind": "function", "function": "rotate" });
        admin.put(&format!("/api/v1/secrets/{KEY}/rotator"), rotator).await.expect(201);
        Self { app, provider, first }
    }

    pub async fn shown(&self) -> String {
        self.app.admin().get("/functions/v1/show").await.expect(200).text()
    }
}
