//! Requests and answers as they pass: streams, headers, framing, pools, protocols.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use domain::EgressPolicy;
use futures_util::StreamExt as _;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use hyper::{Request, Response};
use runtime::EgressOutcome;
use tokio::sync::mpsc;

use crate::harness::{BoxBody, Host, Setup, body, ok, soon};

fn channel() -> (mpsc::UnboundedSender<&'static str>, BoxBody) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let pieces = futures_util::stream::unfold(receiver, |mut receiver: mpsc::UnboundedReceiver<&'static str>| async {
        let piece = receiver.recv().await?;
        Some((Ok(Frame::data(Bytes::from_static(piece.as_bytes()))), receiver))
    });
    (sender, StreamBody::new(pieces.boxed()).boxed_unsync())
}

/// What is sent is echoed piece by piece while the request goes on: neither way waits for an end.
#[tokio::test]
async fn both_ways_at_once() {
    for alpn in [None, Some(&["http/1.1"][..]), Some(&["h2"])] {
        let setup = Setup::new();
        let host = Host::start(&setup.ca, alpn, |request| {
            Box::pin(async { Response::new(request.into_body().map_err(Into::into).boxed_unsync()) })
        })
        .await;
        let mut worker = setup.public(Vec::new());
        let (sender, stream) = channel();
        let scheme = if alpn.is_some() { "https" } else { "http" };
        let request = Request::post(format!("{scheme}://api.example.com:{}/", host.port)).body(stream).unwrap();
        sender.send("one").unwrap();
        let mut response = worker.send(request).await;
        for text in ["one", "two", "three"] {
            if text != "one" {
                sender.send(text).unwrap();
            }
            let frame = soon(response.body_mut().frame()).await.unwrap().unwrap();
            assert_eq!(frame.into_data().unwrap(), text);
        }
        drop(sender);
        assert!(soon(response.body_mut().frame()).await.is_none());
        let record = worker.record().await;
        assert_eq!(
            (record.outcome, record.request_bytes, record.response_bytes),
            (EgressOutcome::Answered(200), 11, 11)
        );
    }
}

#[tokio::test]
async fn headers_and_framing() {
    let setup = Setup::new();
    let (host, mut seen) = Host::seeing(&setup.ca, Some(&["http/1.1"]), |_| {
        let mut response = ok("{}");
        response.headers_mut().insert("connection", "x-hop".parse().unwrap());
        response.headers_mut().insert("x-hop", "1".parse().unwrap());
        response.headers_mut().insert("x-end", "1".parse().unwrap());
        response
    })
    .await;
    let worker = setup.public(Vec::new());
    let url = format!("https://api.example.com:{}/a%2Fb/../c?x=%20+y", host.port);
    let request = Request::post(&url)
        .header("host", "other.example.com")
        .header("connection", "x-mine, keep-alive")
        .header("x-mine", "1")
        .header("proxy-authorization", "Basic eDp5")
        .header("te", "trailers")
        .header("expect", "100-continue")
        .header("accept-encoding", "gzip")
        .header("content-length", "4")
        .header("x-kept", "1")
        .body(body("body"))
        .unwrap();
    let reply = worker.ask(request).await;
    assert_eq!(
        (reply.text(), &reply.headers["content-length"], &reply.headers["x-end"]),
        ("{}", &"2".parse().unwrap(), &"1".parse().unwrap())
    );
    assert!(!reply.headers.contains_key("x-hop"));
    let seen = seen.recv().await.unwrap();
    assert_eq!(seen.uri, "/a%2Fb/../c?x=%20+y");
    assert_eq!(seen.headers["host"], format!("api.example.com:{}", host.port));
    assert_eq!((&seen.body[..], &seen.headers["content-length"]), (&b"body"[..], &"4".parse().unwrap()));
    assert_eq!(
        (&seen.headers["x-kept"], &seen.headers["accept-encoding"]),
        (&"1".parse().unwrap(), &"gzip".parse().unwrap())
    );
    for name in ["x-mine", "proxy-authorization", "te", "expect", "connection", "transfer-encoding"] {
        assert!(!seen.headers.contains_key(name), "{name}");
    }
}

#[tokio::test]
async fn bodies_of_no_length_and_answers_of_no_body() {
    let setup = Setup::new();
    let (host, mut seen) = Host::seeing(&setup.ca, None, |seen| {
        Response::builder()
            .status(if seen.method == "DELETE" { 204 } else { 200 })
            .header("content-length", if seen.method == "HEAD" { "77" } else { "0" })
            .body(body(""))
            .unwrap()
    })
    .await;
    let worker = setup.public(Vec::new());
    let url = format!("http://api.example.com:{}/", host.port);
    let head = worker.ask(Request::head(&url).body(body("")).unwrap()).await;
    assert_eq!(head.headers["content-length"], "77");
    assert!(seen.recv().await.unwrap().headers.get("content-length").is_none());
    worker.ask(Request::post(&url).header("content-length", "0").body(body("")).unwrap()).await;
    assert_eq!(seen.recv().await.unwrap().headers["content-length"], "0");
    assert_eq!(worker.ask(Request::delete(&url).body(body("")).unwrap()).await.status.as_u16(), 204);
}

#[tokio::test]
async fn connections_outlive_workers_and_redirects_come_back() {
    for alpn in ["http/1.1", "h2"] {
        let setup = Setup::new();
        let (host, _seen) = Host::seeing(&setup.ca, Some(&[alpn]), |_| {
            Response::builder().status(302).header("location", "http://169.254.169.254/").body(body("moved")).unwrap()
        })
        .await;
        let broker = setup.broker();
        let url = format!("https://api.example.com:{}/", host.port);
        for _ in 0..3 {
            let worker = setup.worker(&broker, EgressPolicy::Public, Vec::new());
            let reply = worker.get(&url).await;
            assert_eq!((reply.status.as_u16(), reply.text()), (302, "moved"));
        }
        assert_eq!(host.connections.load(Ordering::SeqCst), 1, "{alpn}");
    }
}

#[tokio::test]
async fn certificates_are_checked() {
    let setup = Setup::new();
    let host = Host::start(&setup.ca, Some(&["h2"]), |_| panic!("was reached")).await;
    let worker = setup.public(Vec::new());
    let wrong = worker.get(&format!("https://unknown.example.com:{}/", host.port)).await;
    assert_eq!((wrong.status.as_u16(), wrong.code().as_str()), (502, "tls_failed"));
    let stranger = Setup::new();
    assert_eq!(
        stranger.public(Vec::new()).get(&format!("https://api.example.com:{}/", host.port)).await.code(),
        "tls_failed"
    );
}

#[tokio::test]
async fn hosts_that_fail() {
    let mut setup = Setup::new();
    setup.timeouts.first_byte = Duration::from_millis(300);
    setup.timeouts.idle = Duration::from_millis(300);
    for (answer, status, code) in [
        (&b"\x16\x03\x01 garbage\r\n\r\n"[..], 502, "upstream_invalid"),
        (b"HTTP/1.1 200 OK\r\nx: a\r\n b: \x01\r\ncontent-length: 5, 6\r\n\r\n", 502, "upstream_invalid"),
        (b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", 502, "upstream_invalid"),
        (b"", 504, "upstream_timeout"),
    ] {
        let host = Host::raw(answer).await;
        let mut worker = setup.public(Vec::new());
        let reply = worker.get(&format!("http://api.example.com:{}/", host.port)).await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (status, code), "{answer:?}");
        assert!(matches!(worker.record().await.outcome, EgressOutcome::Failed(found) if found == code));
    }
    let host = Host::raw(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").await;
    let mut worker = setup.public(Vec::new());
    let reply = worker.get(&format!("http://api.example.com:{}/", host.port)).await;
    assert!(!reply.whole);
    assert_eq!(worker.record().await.outcome, EgressOutcome::Failed("upstream_broke_off"));
    let (sender, stream) = channel();
    let held = std::sync::Mutex::new(Some(stream));
    let host = Host::start(&setup.ca, None, move |_| {
        let stream = held.lock().unwrap().take().unwrap();
        Box::pin(async { Response::new(stream) })
    })
    .await;
    sender.send("first").unwrap();
    assert!(!worker.get(&format!("http://api.example.com:{}/", host.port)).await.whole);
    assert_eq!(worker.record().await.outcome, EgressOutcome::Failed("upstream_silent"));
    drop(sender);
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    assert_eq!(worker.get(&format!("http://api.example.com:{closed}/")).await.code(), "connect_failed");
}
