//! Placeholders become values, where they may, and are refused elsewhere.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::Request;
use hyper::body::Frame;
use runtime::{EgressOutcome, Via};
use tokio::sync::mpsc;

use crate::harness::{BoxBody, Host, Seen, Setup, Worker, body, ok, secret};

const KEY: &str = "sk_live_CanaryCanary0123456789ABCDEF";
/// Of another length than its placeholder, and to be escaped everywhere.
const ODD: &str = "canary \"odd\" &+%/\\ value=ä";

async fn setup(alpn: &str) -> (Setup, Worker, String, mpsc::UnboundedReceiver<Seen>) {
    let setup = Setup::new();
    let (host, seen) = Host::seeing(&setup.ca, Some(&[alpn]), |_| ok("fine")).await;
    let hosts = [format!("api.example.com:{}", host.port)];
    let worker = setup.public(vec![secret("KEY", KEY, &hosts), secret("ODD", ODD, &hosts)]);
    (setup, worker, format!("https://api.example.com:{}", host.port), seen)
}

fn pieces(text: &str, size: usize) -> BoxBody {
    let pieces: Vec<_> =
        text.as_bytes().chunks(size).map(|piece| Ok(Frame::data(Bytes::copy_from_slice(piece)))).collect();
    StreamBody::new(futures_util::stream::iter(pieces)).boxed_unsync()
}

#[tokio::test]
async fn in_headers_path_and_query() {
    for alpn in ["http/1.1", "h2"] {
        let (_setup, mut worker, url, mut seen) = setup(alpn).await;
        let (key, odd) = (worker.placeholder("KEY"), worker.placeholder("ODD"));
        assert!(key.starts_with("sk_live_") && key.len() == KEY.len() && key != KEY);
        let escaped: String = key.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let request = Request::get(format!("{url}/bot{key}/{odd}/x%20{escaped}?key={key}&odd={odd}&esc={escaped}#"))
            .header("authorization", format!("Bearer {key}"))
            .header("x-two", format!("{key},{key};"))
            .body(body(""))
            .unwrap();
        assert_eq!(worker.ask(request).await.text(), "fine");
        let first = seen.recv().await.unwrap();
        assert_eq!(first.headers["authorization"], format!("Bearer {KEY}"));
        assert_eq!(first.headers["x-two"], format!("{KEY},{KEY};"));
        assert_eq!(first.headers["accept-encoding"], "identity");
        assert_eq!(
            first.uri.path_and_query().unwrap().as_str(),
            format!(
                "/bot{KEY}/canary%20%22odd%22%20&+%25%2F%5C%20value=%C3%A4/x%20{KEY}?key={KEY}&odd=canary%20%22odd%22%20%26%2B%25%2F%5C%20value%3D%C3%A4&esc={KEY}"
            )
        );
        let record = worker.record().await;
        assert_eq!(record.secrets.iter().map(|name| name.as_str()).collect::<Vec<_>>(), ["KEY", "ODD"]);
        assert!(!format!("{record:?}").contains("bot"));

        let basic = |text: String| format!("Basic {}", STANDARD.encode(text));
        let request = Request::get(&url).header("authorization", basic(format!("{key}:"))).body(body("")).unwrap();
        worker.ask(request).await;
        assert_eq!(seen.recv().await.unwrap().headers["authorization"], basic(format!("{KEY}:")));
        let request = Request::get(&url).header("authorization", basic(format!("user:{odd}"))).body(body("")).unwrap();
        worker.ask(request).await;
        assert_eq!(seen.recv().await.unwrap().headers["authorization"], basic(format!("user:{ODD}")));
    }
}

#[tokio::test]
async fn in_bodies_across_every_border() {
    let (_setup, mut worker, url, mut seen) = setup("http/1.1").await;
    let (key, odd) = (worker.placeholder("KEY"), worker.placeholder("ODD"));
    for (kind, odd_written) in [
        ("application/json", serde_json::to_string(ODD).unwrap().trim_matches('"').to_owned()),
        ("application/vnd.api+json; charset=utf-8", serde_json::to_string(ODD).unwrap().trim_matches('"').to_owned()),
        ("application/x-www-form-urlencoded", url::form_urlencoded::byte_serialize(ODD.as_bytes()).collect()),
        ("text/plain", ODD.to_owned()),
        ("multipart/form-data; boundary=x", ODD.to_owned()),
    ] {
        let sent = format!("a={key}&b={odd};{key}{odd}");
        let expected = format!("a={KEY}&b={odd_written};{KEY}{odd_written}");
        for size in 1..=sent.len() {
            let request = Request::post(&url).header("content-type", kind).body(pieces(&sent, size)).unwrap();
            assert_eq!(worker.ask(request).await.status.as_u16(), 200);
            let got = seen.recv().await.unwrap();
            assert_eq!(std::str::from_utf8(&got.body).unwrap(), expected, "{kind} {size}");
            assert!(got.whole && !got.headers.contains_key("content-length"));
            let record = worker.record().await;
            assert_eq!((record.secrets.len(), record.request_bytes), (2, expected.len() as u64));
        }
        // With a length: it is the right one afterwards.
        for sent in [sent, format!("{}{odd}", "x".repeat(300_000))] {
            let request = Request::post(&url).header("content-type", kind).header("content-length", sent.len());
            worker.ask(request.body(body(sent.clone())).unwrap()).await;
            let got = seen.recv().await.unwrap();
            let expected = sent.replace(&key, KEY).replace(&odd, &odd_written);
            assert_eq!(got.body, expected.as_bytes());
            let length = got.headers.get("content-length").map(|length| length.to_str().unwrap().to_owned());
            assert_eq!(length, (sent.len() < 300_000).then(|| expected.len().to_string()));
            worker.record().await;
        }
    }
}

#[tokio::test]
async fn a_length_that_stays_is_kept_and_compressed_bodies_are_not_touched() {
    let setup = Setup::new();
    let (host, mut seen) = Host::seeing(&setup.ca, Some(&["http/1.1"]), |_| ok("")).await;
    let worker = setup.public(vec![secret("KEY", KEY, &[format!("api.example.com:{}", host.port)])]);
    let key = worker.placeholder("KEY");
    let url = format!("https://api.example.com:{}/", host.port);
    let sent = format!("{}{key}", "x".repeat(300_000));
    worker.ask(Request::put(&url).header("content-length", sent.len()).body(body(sent.clone())).unwrap()).await;
    let got = seen.recv().await.unwrap();
    assert_eq!(got.headers["content-length"], sent.len().to_string());
    assert!(got.body.ends_with(KEY.as_bytes()));
    worker.ask(Request::put(&url).header("content-encoding", "gzip").body(body(key.clone())).unwrap()).await;
    assert_eq!(seen.recv().await.unwrap().body, key.as_bytes());
}

/// Over plain http, to another host, to another port, and of a secret of another host.
#[tokio::test]
async fn nowhere_else() {
    let setup = Setup::new();
    let tls = Some(&["http/1.1"][..]);
    let (secure, mut seen) = Host::seeing(&setup.ca, tls, |_| ok("")).await;
    let (second, mut seen_too) = Host::seeing(&setup.ca, tls, |_| ok("")).await;
    let (plain, mut seen_plainly) = Host::seeing(&setup.ca, None, |_| ok("")).await;
    let mut worker = setup.public(vec![
        secret("KEY", KEY, &[format!("api.example.com:{}", secure.port), format!("api.example.com:{}", plain.port)]),
        secret("OTHER", "other-canary-other-canary-other", &[format!("*.other.example.com:{}", secure.port)]),
        secret("NONE", "none-canary-none-canary-none-canary", &[]),
    ]);
    let (api, port) = (format!("https://api.example.com:{}/", secure.port), secure.port);
    for (url, name) in [
        (format!("http://api.example.com:{}/", plain.port), "KEY"),
        (format!("https://other.example.com:{port}/"), "KEY"),
        (format!("https://api.example.com:{}/", second.port), "KEY"),
        (format!("https://other.example.com:{port}/"), "OTHER"),
        (api.clone(), "OTHER"),
        (api.clone(), "NONE"),
    ] {
        let placeholder = worker.placeholder(name);
        let basic = format!("Basic {}", STANDARD.encode(format!("u:{placeholder}")));
        let long = format!("{}{placeholder}{}", "x".repeat(100_000), "y".repeat(100_000));
        for request in [
            Request::get(&url).header("x-key", format!("a{placeholder}b")).body(body("")),
            Request::get(&url).header("authorization", basic).body(body("")),
            Request::get(format!("{url}a/{placeholder}")).body(body("")),
            Request::get(format!("{url}?a={}", placeholder.replace('s', "%73").replace('t', "%74"))).body(body("")),
            Request::post(&url).body(body(placeholder.clone())),
            Request::post(&url).header("content-length", long.len()).body(body(long.clone())),
            Request::post(&url).body(pieces(&long, 1_000)),
            Request::post(&url).body(pieces(&placeholder, 1)),
        ] {
            let reply = worker.ask(request.unwrap()).await;
            assert_eq!((reply.status.as_u16(), reply.code().as_str()), (403, "placeholder_refused"), "{url} {name}");
            assert!(reply.text().contains(name) && !reply.text().contains("canary"));
            let record = worker.record().await;
            assert_eq!((record.outcome, record.secrets.len()), (EgressOutcome::Refused("placeholder_refused"), 0));
        }
    }
    for seen in [&mut seen, &mut seen_too, &mut seen_plainly] {
        while let Ok(seen) = seen.try_recv() {
            assert!(!seen.whole, "{seen:?}");
        }
    }
    assert_eq!(worker.get(&api).await.status.as_u16(), 200, "it goes on");
    assert_eq!(worker.record().await.via, Via::Fetch);
}

#[tokio::test]
async fn placeholders_are_a_workers_own() {
    let (setup, worker, url, mut seen) = setup("http/1.1").await;
    let other = setup.public(vec![secret("KEY", KEY, &[url.trim_start_matches("https://").to_owned()])]);
    assert_ne!(worker.placeholder("KEY"), other.placeholder("KEY"));
    other.ask(Request::get(&url).header("x-key", worker.placeholder("KEY")).body(body("")).unwrap()).await;
    assert_eq!(seen.recv().await.unwrap().headers["x-key"], worker.placeholder("KEY"));
}

#[tokio::test]
async fn a_value_that_breaks_a_header_is_refused() {
    let setup = Setup::new();
    let (host, _seen) = Host::seeing(&setup.ca, Some(&["http/1.1"]), |_| ok("")).await;
    let worker =
        setup.public(vec![secret("PEM", "canary\r\nx-injected: 1", &[format!("api.example.com:{}", host.port)])]);
    let request = Request::get(format!("https://api.example.com:{}/", host.port));
    let reply = worker.ask(request.header("x-key", worker.placeholder("PEM")).body(body("")).unwrap()).await;
    assert_eq!((reply.code().as_str(), reply.text().contains("canary")), ("value_unfit", false));
}
