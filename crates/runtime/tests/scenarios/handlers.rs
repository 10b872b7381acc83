//! What a function sees and how it answers.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use runtime::Outcome;
use serde_json::json;
use tokio::sync::mpsc;

use crate::harness::{Function, Host, request};

#[tokio::test(flavor = "multi_thread")]
async fn deno_serve_sees_the_public_request() {
    let host = Host::new().await;
    let function = Function::new("shape_serve").await;
    let sent = request("/a/b?c=%20d").method("DELETE").header("x-forwarded-for", "203.0.113.9");
    let (answer, outcome) = host.invoker().send(&function, sent.body(Full::default()).unwrap()).await;
    let answer = answer.unwrap();
    assert_eq!(outcome, Some(Outcome::Ok));
    assert!(answer.cold);
    assert_eq!(
        answer.json(),
        json!({
            "greeting": "hello serve",
            "env": "sk-canary-1234567890",
            "seen": {
                "url": "https://functions.example/a/b?c=%20d",
                "method": "DELETE",
                "host": "functions.example",
                "address": { "transport": "tcp", "hostname": "203.0.113.9", "port": 0 },
            },
        })
    );
    for hop in ["connection", "transfer-encoding", "keep-alive"] {
        assert!(!answer.headers.contains_key(hop), "{hop}");
    }
    assert!(!host.get(&function, "/").await.unwrap().cold);
}

#[tokio::test(flavor = "multi_thread")]
async fn default_export_with_fetch() {
    let mut host = Host::new().await;
    let answer = host.get(&Function::new("shape_fetch").await, "/").await.unwrap().json();
    let key = "sk-canary-1234567890";
    assert_eq!(answer, json!({ "greeting": "hello shape", "env": key, "process": key, "deno": key }));
    let line = host.line(|line| line.text == "later").await;
    assert_eq!(line.invocation.as_deref(), Some("inv-0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn default_export_of_a_function() {
    let host = Host::new().await;
    let function = Function::new("shape_function").await;
    let sent = request("/").method("POST").body(Full::new(Bytes::from_static(b"you"))).unwrap();
    let answer = host.invoker().send(&function, sent).await.0.unwrap();
    assert_eq!((answer.status, answer.text.as_str()), (201, "hello you sk-canary-1234567890"));
    assert_eq!(answer.headers["x-own"], "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_may_begin_to_serve_late() {
    let host = Host::new().await;
    assert_eq!(host.get(&Function::new("late_serve").await, "/").await.unwrap().text, "late");
}

#[tokio::test(flavor = "multi_thread")]
async fn node_builtins_work() {
    let host = Host::new().await;
    let answer = host.get(&Function::new("node_builtins").await, "/").await.unwrap();
    assert!(answer.text.starts_with("ba7816bf"), "{}", answer.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn responses_stream() {
    let host = Host::new().await;
    let function = Function::new("stream_out").await;
    let lease = host.runtime.worker(&function.key, || async { Ok::<_, ()>(function.assignment()) }).await.unwrap();
    let sent = request("/").body(Full::new(Bytes::new())).unwrap();
    let mut body = lease.send(sent, "i1", |_| {}).await.unwrap().into_body();
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(first, "first ");
    // Only now may the function go on: had the first chunk been held back, this would never be reached.
    let told = request("/").method("POST").body(Full::default()).unwrap();
    assert_eq!(host.invoker().send(&function, told).await.0.unwrap().status, 204);
    assert_eq!(body.collect().await.unwrap().to_bytes(), "second");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_stream() {
    let host = Host::new().await;
    let function = Function::new("stream_in").await;
    let (chunks, mut receiver) = mpsc::channel::<Frame<Bytes>>(1);
    let stream =
        futures_util::stream::poll_fn(move |cx| receiver.poll_recv(cx).map(|frame| frame.map(Ok::<_, std::io::Error>)));
    let lease = host.runtime.worker(&function.key, || async { Ok::<_, ()>(function.assignment()) }).await.unwrap();
    let sent = request("/").method("POST").body(StreamBody::new(stream)).unwrap();
    chunks.send(Frame::data(Bytes::from_static(b"one"))).await.unwrap();
    let mut body = lease.send(sent, "i1", |_| {}).await.unwrap().into_body();
    // Each chunk comes back before the next is sent.
    for chunk in ["one", "two", "three"] {
        if chunk != "one" {
            chunks.send(Frame::data(Bytes::from_static(chunk.as_bytes()))).await.unwrap();
        }
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), chunk);
    }
    drop(chunks);
    assert!(body.frame().await.is_none());
}
