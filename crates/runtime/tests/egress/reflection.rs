//! Values that hosts send back become placeholders again.

use std::io::Cursor;

use async_compression::tokio::bufread::{BrotliEncoder, GzipEncoder, ZlibEncoder, ZstdEncoder};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use hyper::{Request, Response};
use tokio::io::AsyncReadExt as _;

use crate::harness::{BoxBody, Host, Reply, Setup, Worker, body, ok, secret};

const KEY: &str = "sk_live_Canary/\"Canary\"+0123456789ABCDEF";

async fn echo(answer: impl Fn() -> Response<BoxBody> + Send + Sync + 'static) -> (Setup, Worker, String) {
    let setup = Setup::new();
    let (host, _seen) = Host::seeing(&setup.ca, Some(&["http/1.1"]), move |_| answer()).await;
    let worker = setup.public(vec![secret("KEY", KEY, &[format!("api.example.com:{}", host.port)])]);
    (setup, worker, format!("https://api.example.com:{}/", host.port))
}

fn percent(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn forms() -> Vec<String> {
    vec![
        KEY.to_owned(),
        serde_json::to_string(KEY).unwrap(),
        percent(KEY),
        percent(KEY)
            .to_ascii_lowercase()
            .replace("sk_live_canary", "sk_live_Canary")
            .replace("canary%22", "Canary%22")
            .replace("abcdef", "ABCDEF"),
        STANDARD.encode(KEY),
        STANDARD.encode(format!("user:{KEY}")),
        STANDARD.encode(format!("a:{KEY}:b")),
        URL_SAFE_NO_PAD.encode(KEY),
        KEY.bytes().map(|byte| format!("{byte:02x}")).collect(),
    ]
}

fn assert_clean(worker: &Worker, reply: &Reply, times: usize, what: &str) {
    let text = reply.text();
    assert_eq!(text.matches(&worker.placeholder("KEY")).count(), times, "{what}: {text}");
    for form in forms() {
        assert!(!text.contains(form.trim_matches('"')), "{what}: {text}");
    }
    assert!(!text.contains("Canary"), "{what}: {text}");
}

#[tokio::test]
async fn in_every_form_and_across_every_border() {
    let text: String = forms().join(" | ");
    let size = std::sync::atomic::AtomicUsize::new(1);
    let (length, times) = (text.len(), forms().len());
    let (_setup, worker, url) = echo(move || {
        let size = size.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let pieces: Vec<_> =
            text.as_bytes().chunks(size).map(|piece| Ok(Frame::data(Bytes::copy_from_slice(piece)))).collect();
        Response::new(StreamBody::new(futures_util::stream::iter(pieces)).boxed_unsync())
    })
    .await;
    for size in 1..=length {
        let reply = worker.get(&url).await;
        assert_clean(&worker, &reply, times, &format!("pieces of {size}"));
    }
}

#[tokio::test]
async fn in_headers_and_reason_phrases() {
    let value = |text: &str| hyper::header::HeaderValue::from_str(text).unwrap();
    let (_setup, worker, url) = echo(move || {
        let mut response = Response::builder()
            .status(307)
            .header("location", format!("https://api.example.com/?key={}", percent(KEY)));
        for form in forms() {
            response = response.header("x-echo", value(&form));
        }
        let mut response = response.body(body("")).unwrap();
        response.extensions_mut().insert(hyper::ext::ReasonPhrase::from_static(b"sk_live_Canary"));
        response
    })
    .await;
    let answer = worker.raw(format!("GET {url} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 307"), "{answer}");
    assert!(!answer.contains("Canary"), "{answer}");
    assert_eq!(answer.matches(&worker.placeholder("KEY")).count(), 1 + forms().len());
    // What was asked to follow may be followed: the placeholder is the value there.
    assert!(answer.contains(&format!("location: https://api.example.com/?key={}", worker.placeholder("KEY"))));
}

async fn encoded(coding: &str, text: &str) -> Vec<u8> {
    let (input, mut out) = (Cursor::new(text.as_bytes().to_vec()), Vec::new());
    match coding {
        "gzip" => GzipEncoder::new(input).read_to_end(&mut out).await,
        "deflate" => ZlibEncoder::new(input).read_to_end(&mut out).await,
        "br" => BrotliEncoder::new(input).read_to_end(&mut out).await,
        _ => ZstdEncoder::new(input).read_to_end(&mut out).await,
    }
    .unwrap();
    out
}

#[tokio::test]
async fn in_compressed_answers() {
    for coding in ["gzip", "deflate", "br", "zstd"] {
        let text = format!("{}{KEY}{}", "before ".repeat(5_000), " after".repeat(5_000));
        let bytes = encoded(coding, &text).await;
        let (_setup, worker, url) =
            echo(move || Response::builder().header("content-encoding", coding).body(body(bytes.clone())).unwrap())
                .await;
        let reply = worker.get(&url).await;
        assert_eq!(reply.text(), text.replace(KEY, &worker.placeholder("KEY")), "{coding}");
        assert!(!reply.headers.contains_key("content-encoding") && !reply.headers.contains_key("content-length"));
    }
    // Of two members in a row the second is not forgotten.
    let bytes = [encoded("gzip", "first ").await, encoded("gzip", KEY).await].concat();
    let (_setup, worker, url) =
        echo(move || Response::builder().header("content-encoding", "gzip").body(body(bytes.clone())).unwrap()).await;
    assert_eq!(worker.get(&url).await.text(), format!("first {}", worker.placeholder("KEY")));
    for coding in ["compress", "gzip, br", "aes128gcm"] {
        let (_setup, worker, url) =
            echo(move || Response::builder().header("content-encoding", coding).body(body(KEY)).unwrap()).await;
        let reply = worker.get(&url).await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (502, "response_encoding_unknown"), "{coding}");
    }
    // A broken stream ends the answer and does not pass.
    let (_setup, worker, url) =
        echo(|| Response::builder().header("content-encoding", "gzip").body(body(KEY)).unwrap()).await;
    let answer = worker.raw(format!("GET {url} HTTP/1.1\r\nconnection: close\r\n\r\n").as_bytes()).await;
    assert!(!answer.contains("Canary") && !answer.ends_with("0\r\n\r\n"), "{answer}");
}

/// Parts of a value could not be told from other text, so an answer is always asked for whole and plain.
#[tokio::test]
async fn ranges_and_compression_are_not_asked_for() {
    let setup = Setup::new();
    let (host, mut seen) = Host::seeing(&setup.ca, Some(&["http/1.1"]), |_| ok("")).await;
    let worker = setup.public(vec![secret("KEY", KEY, &[format!("api.example.com:{}", host.port)])]);
    for (name, asked) in [("api", false), ("other", true)] {
        let request = Request::get(format!("https://{name}.example.com:{}/", host.port));
        let request = request.header("range", "bytes=0-3").header("if-range", "x").header("accept-encoding", "gzip");
        worker.ask(request.body(body("")).unwrap()).await;
        let seen = seen.recv().await.unwrap();
        assert_eq!((seen.headers.contains_key("range"), seen.headers.contains_key("if-range")), (asked, asked));
        assert_eq!(seen.headers["accept-encoding"], if asked { "gzip" } else { "identity" });
    }
}
