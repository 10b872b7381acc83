//! `tresor mcp`: the Model Context Protocol on stdin and stdout, for assistants that start their servers themselves. Each
//! message goes to the server's `/mcp` with this command line's token, and its answer comes back. Nothing but messages is
//! printed to stdout.

use std::collections::HashMap;
use std::io::BufRead as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Method, RequestBuilder, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use server::wire::Problem;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use zeroize::Zeroizing;

use super::Context;
use crate::client::Client;
use crate::failure::{Done, Failure};

/// A tool may bundle packages, or wait for a person.
const CALL: Duration = Duration::from_secs(300);
/// The largest message: what `/mcp` takes.
const LINE_BYTES: usize = 2 * domain::limits::BUNDLE_BYTES;
const VERSION: &str = "mcp-protocol-version";

pub(super) async fn run(context: &Context) -> Done {
    let proxy = Arc::new(Proxy { client: context.client()?, negotiated: Mutex::default() });
    let mut lines = stdin();
    let mut output = context.output.body();
    let mut calls = JoinSet::new();
    let mut running: HashMap<String, AbortHandle> = HashMap::new();
    loop {
        let answers: Vec<Value> = tokio::select! {
            line = lines.recv() => match line {
                None => break,
                Some(line) => match read(&line) {
                    Err(error) => vec![error],
                    Ok(Message { method: Some(method), params, .. }) if method == "notifications/cancelled" => {
                        // Whoever cancels takes no answer any more.
                        if let Some(call) = params.request_id.and_then(|id| running.remove(&id.to_string())) {
                            call.abort();
                        }
                        Vec::new()
                    }
                    Ok(message) => {
                        let (id, proxy) = (message.id.clone(), Arc::clone(&proxy));
                        let call = calls.spawn(async move { proxy.pass(message, line).await });
                        id.and_then(|id| running.insert(id.to_string(), call));
                        Vec::new()
                    }
                },
            },
            Some(done) = calls.join_next() => done.unwrap_or_default(),
        };
        running.retain(|_, call| !call.is_finished());
        write(&mut output, answers)?;
    }
    while let Some(done) = calls.join_next().await {
        write(&mut output, done.unwrap_or_default())?;
    }
    Ok(())
}

/// Each on a line of its own.
fn write(output: &mut crate::output::Body, answers: Vec<Value>) -> Done {
    answers.iter().try_for_each(|answer| output.write(format!("{answer}\n").as_bytes()))
}

/// Lines of stdin until it ends. A thread of its own reads them: it would wait on.
fn stdin() -> mpsc::Receiver<Zeroizing<Vec<u8>>> {
    let (send, lines) = mpsc::channel(16);
    std::thread::spawn(move || {
        let mut stdin = std::io::stdin().lock();
        loop {
            let mut line = Zeroizing::new(Vec::new());
            match stdin.read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) if line.trim_ascii().is_empty() => {}
                Ok(_) if send.blocking_send(line).is_err() => return,
                Ok(_) => {}
            }
        }
    });
    lines
}

/// What has to be known of a message to send it. What a tool is given is not read: there may be a value in it.
#[derive(Debug, Deserialize)]
struct Message {
    id: Option<Value>,
    method: Option<String>,
    #[serde(default)]
    params: Params,
}

#[derive(Debug, Default, Deserialize)]
struct Params {
    name: Option<String>,
    uri: Option<String>,
    #[serde(rename = "requestId")]
    request_id: Option<Value>,
    #[serde(default, rename = "_meta")]
    meta: Meta,
}

#[derive(Debug, Default, Deserialize)]
struct Meta {
    /// From revision 2026-07-28 on each message says its own, and headers repeat what it is.
    #[serde(rename = "io.modelcontextprotocol/protocolVersion")]
    version: Option<String>,
}

/// A message, or the error that answers what is none. Errors quote nothing of it.
fn read(line: &[u8]) -> Result<Message, Value> {
    if line.len() > LINE_BYTES {
        return Err(error(&Value::Null, -32600, &format!("a message is at most {LINE_BYTES} bytes")));
    }
    serde_json::from_slice(line)
        .map_err(|_| error(&Value::Null, -32700, "a line of stdin is one message: one JSON object"))
}

fn error(id: &Value, code: i32, message: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } })
}

struct Proxy {
    client: Client,
    /// The revision that `initialize` agreed on.
    negotiated: Mutex<Option<String>>,
}

impl Proxy {
    /// Sends a message and gives what is answered: nothing to a notification.
    async fn pass(&self, message: Message, line: Zeroizing<Vec<u8>>) -> Vec<Value> {
        let done = self.send(&message, line).await;
        let Some(id) = message.id else { return Vec::new() };
        let answers = done.unwrap_or_else(|failure| vec![error(&id, -32000, &said(&failure))]);
        if message.method.as_deref() == Some("initialize") {
            let version = answers.first().and_then(|answer| answer.pointer("/result/protocolVersion")?.as_str());
            *self.negotiated.lock().unwrap_or_else(PoisonError::into_inner) = version.map(str::to_owned);
        }
        answers
    }

    async fn send(&self, message: &Message, line: Zeroizing<Vec<u8>>) -> Done<Vec<Value>> {
        let request = self.client.request(Method::POST, "/mcp")?.header(CONTENT_TYPE, "application/json");
        let request = self.described(request.header(ACCEPT, "application/json, text/event-stream"), message);
        let response = self.client.send(request.body(Bytes::from_owner(line)).timeout(CALL)).await?;
        let success = response.status().is_success();
        let events = is(&response, "text/event-stream");
        if !success && is(&response, "application/problem+json") {
            return Err(self.client.refused(response).await);
        }
        let body = self.client.bytes(response).await?;
        let found: Vec<Value> = match events {
            true => String::from_utf8_lossy(&body).lines().filter_map(data).collect(),
            false => serde_json::from_slice(&body).into_iter().collect(),
        };
        match found.is_empty() && (!success || message.id.is_some()) {
            true => Err(Failure::failed("answer_unknown", format!("{} answered no message", self.client.url()))),
            false => Ok(found),
        }
    }

    /// The headers that repeat what the message says.
    fn described(&self, request: RequestBuilder, message: &Message) -> RequestBuilder {
        let Some(version) = &message.params.meta.version else {
            let negotiated = self.negotiated.lock().unwrap_or_else(PoisonError::into_inner).clone();
            return match negotiated {
                Some(version) => request.header(VERSION, version),
                None => request,
            };
        };
        let named = message.params.name.as_ref().or(message.params.uri.as_ref());
        let said = [(VERSION, Some(version)), ("mcp-method", message.method.as_ref()), ("mcp-name", named)];
        said.into_iter().fold(request, |request, (name, text)| match text {
            Some(text) => request.header(name, header(text)),
            None => request,
        })
    }
}

/// A text as the protocol writes it into a header.
fn header(text: &str) -> String {
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') && text.trim() == text;
    match plain && !text.starts_with("=?base64?") {
        true => text.to_owned(),
        false => format!("=?base64?{}?=", base64::engine::general_purpose::STANDARD.encode(text)),
    }
}

fn is(response: &Response, kind: &str) -> bool {
    let found = response.headers().get(CONTENT_TYPE).and_then(|found| found.to_str().ok()).unwrap_or_default();
    found.split(';').next().is_some_and(|found| found.trim() == kind)
}

/// The message of a line of an event stream.
fn data(line: &str) -> Option<Value> {
    serde_json::from_str(line.strip_prefix("data:")?.trim()).ok()
}

/// A failure in one line.
fn said(failure: &Failure) -> String {
    let Problem { code, detail, .. } = &*failure.problem;
    match &failure.hint {
        Some(hint) => format!("{detail} ({code}). {hint}"),
        None => format!("{detail} ({code})"),
    }
}

#[cfg(test)]
mod tests {
    use super::{data, header, read};
    use serde_json::json;

    #[test]
    fn headers_hold_any_text() {
        assert_eq!(header("tresor://catalogue/stripe"), "tresor://catalogue/stripe");
        assert_eq!(header("a\nx-evil: 1"), "=?base64?YQp4LWV2aWw6IDE=?=");
        assert_eq!(header(" é"), "=?base64?IMOp?=");
        assert_eq!(header("=?base64?YQ==?="), "=?base64?PT9iYXNlNjQ/WVE9PT89?=");
    }

    #[test]
    fn what_is_no_message_is_answered_without_its_text() {
        for line in ["canary", "[{\"canary\":1}]", "\"canary\"", "{\"method\":1,\"canary\":1}"] {
            let error = read(line.as_bytes()).unwrap_err();
            assert!(error["error"]["code"] == -32700 && error["id"].is_null(), "{error}");
            assert!(!error.to_string().contains("canary"), "{error}");
        }
        assert_eq!(data("data: {\"a\":1}"), Some(json!({ "a": 1 })));
        assert_eq!(data(": ping"), None);
    }
}
