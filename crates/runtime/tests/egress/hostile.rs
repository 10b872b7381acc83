//! What a hostile function, or a hostile host, might try.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::Request;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixStream};

use crate::harness::{Host, Setup, body, ok, secret, soon};

const KEY: &str = "sk_live_CanaryCanary0123456789ABCDEF";

#[tokio::test]
async fn pieces_of_a_placeholder_are_worth_nothing() {
    let setup = Setup::new();
    let (host, mut seen) = Host::seeing(&setup.ca, Some(&["http/1.1"]), |_| ok("")).await;
    let worker = setup.public(vec![secret("KEY", KEY, &[format!("api.example.com:{}", host.port)])]);
    let key = worker.placeholder("KEY");
    let (start, end) = key.split_at(20);
    let request = Request::post(format!("https://api.example.com:{}/{start}/{end}?{end}", host.port))
        .header("x-a", start)
        .header("x-a", end)
        .header("x-b", format!("{start} {end}"))
        .header("authorization", format!("Basic {}", STANDARD.encode(format!("{start}:{end}"))))
        .body(body(format!("{start}\n{end}{}", key.to_uppercase())))
        .unwrap();
    worker.ask(request).await;
    assert!(!format!("{:?}", seen.recv().await.unwrap()).contains("Canary"));
}

/// A host of the function's own shows in `Host` and not in the URL: the URL decides, and `Host` follows it.
#[tokio::test]
async fn the_url_names_the_host() {
    let setup = Setup::new();
    let (host, mut seen) = Host::seeing(&setup.ca, Some(&["http/1.1"]), |_| ok("")).await;
    let worker = setup.public(vec![secret("KEY", KEY, &[format!("api.example.com:{}", host.port)])]);
    let key = worker.placeholder("KEY");
    let ask = |url: &str, extra: &str| {
        format!("GET https://{url}:{}/ HTTP/1.1\r\n{extra}x-key: {key}\r\nconnection: close\r\n\r\n", host.port)
    };
    let authority = format!("host: api.example.com:{}\r\n", host.port);
    let refused = worker.raw(ask("other.example.com", &authority).as_bytes()).await;
    assert!(refused.contains("placeholder_refused"), "{refused}");
    let evil = "host: evil.example\r\nx-forwarded-host: evil.example\r\nx-original-url: /evil\r\n";
    assert!(worker.raw(ask("api.example.com", evil).as_bytes()).await.starts_with("HTTP/1.1 200"));
    assert_eq!(seen.recv().await.unwrap().headers["host"], format!("api.example.com:{}", host.port));
    assert!(seen.try_recv().is_err());
}

#[tokio::test]
async fn requests_within_requests() {
    let setup = Setup::new();
    let (host, mut seen) = Host::seeing(&setup.ca, None, |_| ok("")).await;
    let worker = setup.public(Vec::new());
    let url = format!("http://api.example.com:{}/", host.port);
    let inner = "GET /smuggled HTTP/1.1\r\nhost: api.example.com\r\n\r\n";
    let length = inner.len();
    // With both, the chunks count, here and at the host, and the connection ends.
    for head in [
        format!("content-length: {length}\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{inner}"),
        format!("transfer-encoding: chunked\r\ncontent-length: {length}\r\n\r\n0\r\n\r\n{inner}"),
    ] {
        let answer = worker.raw(format!("POST {url} HTTP/1.1\r\nhost: x\r\n{head}").as_bytes()).await;
        assert_eq!((answer.get(..12), answer.matches("HTTP/1.1").count()), (Some("HTTP/1.1 200"), 1), "{answer}");
        let seen = soon(seen.recv()).await.unwrap();
        assert_eq!((seen.uri.path(), seen.body.len(), seen.headers.get("content-length")), ("/", 0, None));
    }
    for head in [
        format!("content-length: 0\r\ncontent-length: {length}\r\n\r\n{inner}"),
        format!("content-length: 0, {length}\r\n\r\n{inner}"),
        format!("content-length: +0\r\n\r\n{inner}"),
        format!("transfer-encoding: xchunked\r\n\r\n{inner}"),
        format!("transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n{inner}"),
        format!("transfer-encoding : chunked\r\n\r\n0\r\n\r\n{inner}"),
        format!("transfer-encoding:\u{b}chunked\r\n\r\n0\r\n\r\n{inner}"),
        format!("x: 1\rtransfer-encoding: chunked\r\n\r\n0\r\n\r\n{inner}"),
    ] {
        let answer =
            worker.raw(format!("POST {url} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{head}").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400") || answer.is_empty(), "{head:?} -> {answer:?}");
    }
    assert!(seen.try_recv().is_err());
    // The connection's own list of hop-by-hop headers removes what it names, and nothing that the broker sets.
    let request = format!(
        "GET {url} HTTP/1.1\r\nhost: x\r\nconnection: close, host, authorization, content-length\r\nauthorization: a\r\n\r\n"
    );
    assert!(worker.raw(request.as_bytes()).await.starts_with("HTTP/1.1 200"));
    let seen = seen.recv().await.unwrap();
    assert_eq!(seen.headers["host"], format!("api.example.com:{}", host.port));
    assert!(!seen.headers.contains_key("authorization"));
}

#[tokio::test]
async fn lines_within_headers_and_targets() {
    let setup = Setup::new();
    let (host, mut seen) = Host::seeing(&setup.ca, None, |_| ok("")).await;
    let worker = setup.public(Vec::new());
    let url = format!("http://api.example.com:{}", host.port);
    for text in [
        format!("GET {url}/ HTTP/1.1\r\nx: a\nx-injected: 1\0\r\nconnection: close\r\n\r\n"),
        format!("GET {url}/ HTTP/1.1\r\nx: a\0b\r\nconnection: close\r\n\r\n"),
        format!("GET {url}/\u{1} HTTP/1.1\r\nconnection: close\r\n\r\n"),
        format!("GET {url}/ x HTTP/1.1\r\nconnection: close\r\n\r\n"),
        format!("G\rET {url}/ HTTP/1.1\r\nconnection: close\r\n\r\n"),
        "GET http://api.example.com:1:2/ HTTP/1.1\r\nconnection: close\r\n\r\n".to_owned(),
        format!("GET {url}/ HTTP/1.1\r\nx: {}\r\n\r\n", "a".repeat(1_000_000)),
        format!("GET {url}/{} HTTP/1.1\r\nconnection: close\r\n\r\n", "a".repeat(100_000)),
        format!("GET {url}/ HTTP/1.1\r\n{}\r\n", "x: a\r\n".repeat(1_000)),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        "\x16\x03\x01\x02\x00\x01\x00".to_owned() + "\r\n\r\n",
    ] {
        let answer = worker.raw(text.as_bytes()).await;
        let shown: String = text.chars().take(80).collect();
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{shown:?} -> {answer:?}");
    }
    assert!(seen.try_recv().is_err());
}

/// What follows the end of an answer, or hides in one of its headers, is no second answer.
#[tokio::test]
async fn answers_within_answers() {
    let setup = Setup::new();
    let worker = setup.public(Vec::new());
    let host =
        Host::raw(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil")
            .await;
    let url = format!("http://api.example.com:{}/", host.port);
    let mut stream = UnixStream::connect(&worker.socket).await.unwrap();
    let ask = format!("GET {url} HTTP/1.1\r\nhost: x\r\n\r\n");
    let mut answer = Vec::new();
    for last in [false, true] {
        let ask = if last { ask.replace("host: x", "connection: close") } else { ask.clone() };
        stream.write_all(ask.as_bytes()).await.unwrap();
        while !String::from_utf8_lossy(&answer).ends_with("\r\n\r\nok") {
            let mut piece = [0; 4096];
            let read = soon(stream.read(&mut piece)).await.unwrap();
            assert_ne!(read, 0, "{}", String::from_utf8_lossy(&answer));
            answer.extend_from_slice(&piece[..read]);
        }

        assert!(!String::from_utf8_lossy(&answer).contains("evil"));
        answer.clear();
    }
    let host = Host::raw(b"HTTP/1.1 200 OK\r\nx: a\0\r\ncontent-length: 0\r\n\r\n").await;
    assert_eq!(worker.get(&format!("http://api.example.com:{}/", host.port)).await.code(), "upstream_invalid");
}

#[tokio::test]
async fn a_worker_that_is_let_go_is_cut_off() {
    let setup = Setup::new();
    let target = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let worker = setup.public(Vec::new());
    let mut stream = UnixStream::connect(&worker.socket).await.unwrap();
    let port = target.local_addr().unwrap().port();
    stream.write_all(format!("CONNECT api.example.com:{port} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
    let (mut host, _) = soon(target.accept()).await.unwrap();
    let mut answer = [0; 12];
    soon(stream.read_exact(&mut answer)).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    drop(worker.outlet);
    assert_eq!(soon(host.read(&mut [0; 1])).await.unwrap(), 0);
    assert!(UnixStream::connect(&worker.socket).await.is_err());
}
