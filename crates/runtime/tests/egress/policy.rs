//! Who may be reached: names, addresses, odd spellings.

use domain::{EgressPolicy, HostPattern};
use hyper::Request;
use runtime::{Broker, BrokerConfig, EgressOutcome, Trust, TrustError, Via};

use crate::harness::{Host, Setup, body, ok};

#[tokio::test]
async fn public_hosts_a_list_or_none() {
    let setup = Setup::new();
    let (host, _seen) = Host::seeing(&setup.ca, None, |_| ok("hello")).await;
    let url = |name: &str| format!("http://{name}:{}/path?query", host.port);
    let broker = setup.broker();
    let any = setup.worker(&broker, EgressPolicy::Public, Vec::new());
    let pattern = |text: &str| HostPattern::parse(text).unwrap();
    let mut some = setup.worker(&broker, EgressPolicy::Hosts(vec![pattern("api.example.com")]), Vec::new());
    let none = setup.worker(&broker, EgressPolicy::None, Vec::new());
    let empty = setup.worker(&broker, EgressPolicy::Hosts(Vec::new()), Vec::new());
    assert_eq!(any.get(&url("api.example.com")).await.text(), "hello");
    assert_eq!(some.get(&url("api.example.com")).await.text(), "hello");
    let refused = some.get(&url("other.example.com")).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (403, "host_not_allowed"));
    assert_eq!(refused.headers["content-type"], "application/problem+json");
    assert!(refused.text().contains("other.example.com") && !refused.text().contains("query"));
    assert_eq!(none.get(&url("api.example.com")).await.code(), "host_not_allowed");
    assert_eq!(empty.get(&url("api.example.com")).await.code(), "host_not_allowed");

    let answered = some.record().await;
    assert_eq!(
        (answered.via, answered.outcome, answered.response_bytes),
        (Via::Fetch, EgressOutcome::Answered(200), 5)
    );
    let refused = some.record().await;
    assert_eq!((refused.host.as_str(), refused.port, refused.method), ("other.example.com", host.port, "GET"));
    assert_eq!(refused.outcome, EgressOutcome::Refused("host_not_allowed"));
}

#[tokio::test]
async fn addresses_that_are_not_public() {
    let mut setup = Setup::new();
    setup.allow.clear();
    let host = Host::start(&setup.ca, None, |_| panic!("was reached")).await;
    for (name, answer) in [
        ("loop.example", &["127.0.0.1"][..]),
        ("mixed.example", &["8.8.8.8", "127.0.0.1"]),
        ("mixed6.example", &["2606:4700::1111", "::1"]),
        ("mapped.example", &["::ffff:127.0.0.1"]),
        ("nat64.example", &["64:ff9b::7f00:1"]),
        ("metadata.example", &["169.254.169.254"]),
        ("metadata6.example", &["fd00:ec2::254"]),
        ("zero.example", &["0.0.0.0"]),
        ("private.example", &["10.1.2.3"]),
    ] {
        setup.names.set(name, &[answer]);
        let worker = setup.public(Vec::new());
        let refused = worker.get(&format!("http://{name}:{}/", host.port)).await;
        assert_eq!((refused.status.as_u16(), refused.code().as_str()), (403, "address_not_public"), "{name}");
        let connect = format!("CONNECT {name}:{} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", host.port);
        let refused = worker.raw(connect.as_bytes()).await;
        assert!(refused.starts_with("HTTP/1.1 403"), "{name}");
    }
    assert_eq!(setup.public(Vec::new()).get("http://nowhere.example/").await.code(), "host_unknown");
}

/// The first answer is public, the second is not: each connection is judged by its own answer, and only that is dialled.
#[tokio::test]
async fn rebinding() {
    let mut setup = Setup::new();
    setup.allow = vec!["127.0.0.1/32"];
    let (host, _seen) = Host::seeing(&setup.ca, None, |_| {
        let mut response = ok("first");
        response.headers_mut().insert("connection", "close".parse().unwrap());
        response
    })
    .await;
    setup.names.set("rebinds.example", &[&["127.0.0.1"], &["127.0.0.2"], &["127.0.0.1", "127.0.0.2"]]);
    let worker = setup.public(Vec::new());
    let url = format!("http://rebinds.example:{}/", host.port);
    assert_eq!(worker.get(&url).await.text(), "first");
    assert_eq!(worker.get(&url).await.code(), "address_not_public");
    assert_eq!(worker.get(&url).await.code(), "address_not_public");
}

/// The operator says where a host is; TLS is with the host all the same, and the address is judged like any other.
#[tokio::test]
async fn a_host_that_the_operator_knows_better() {
    let mut setup = Setup::new();
    let (host, mut seen) = Host::seeing(&setup.ca, Some(&["h2", "http/1.1"]), |_| ok("hello")).await;
    setup.names.set("api.example.com", &[&["8.8.8.8"]]);
    setup.resolutions = vec![format!("api.example.com:443=127.0.0.1:{}", host.port)];
    let worker = setup.public(Vec::new());
    assert_eq!(worker.get("https://api.example.com/").await.text(), "hello");
    assert_eq!(seen.recv().await.unwrap().uri.authority().unwrap(), "api.example.com");
    setup.resolutions = vec![format!("stranger.example=127.0.0.1:{}", host.port)];
    assert_eq!(setup.public(Vec::new()).get("https://stranger.example/").await.code(), "tls_failed");
    setup.allow.clear();
    assert_eq!(setup.public(Vec::new()).get("https://stranger.example/").await.code(), "address_not_public");
}

#[tokio::test]
async fn the_server_itself() {
    let setup = Setup::new();
    let host = Host::start(&setup.ca, None, |_| panic!("was reached")).await;
    let broker = Broker::new(BrokerConfig {
        allow: vec!["127.0.0.0/8".parse().unwrap()],
        own: vec![format!("0.0.0.0:{}", host.port).parse().unwrap()],
        trust: Trust { compiled_in: true, files: Vec::new() },
        resolutions: Vec::new(),
        resolver: setup.names.clone(),
        timeouts: setup.timeouts,
    })
    .unwrap();
    let worker = setup.worker(&broker, EgressPolicy::Public, Vec::new());
    for url in [format!("http://127.0.0.1:{}/", host.port), format!("http://api.example.com:{}/", host.port)] {
        assert_eq!(worker.get(&url).await.code(), "address_not_public");
    }
}

/// `fetch` resolves such spellings before it sends them; code that opens the socket itself does not.
#[tokio::test]
async fn odd_hosts() {
    let setup = Setup::new();
    let host = Host::start(&setup.ca, None, |_| panic!("was reached")).await;
    let worker = setup.public(Vec::new());
    for name in [
        "2130706433",
        "0x7f.1",
        "0x7f000001",
        "017700000001",
        "0177.0.0.1",
        "127.1",
        "127.0.0.1.",
        "localhost.",
        "api.example.com.",
        "api%2eexample.com",
        "%61pi.example.com",
        "user@api.example.com",
        "user:pass@api.example.com",
        "[::ffff:127.0.0.1]",
        "[::1%25lo]",
        "[fe80::1%lo]",
        "b\u{fc}cher.example",
        "api.example.com\u{3002}",
        "\u{2460}27.0.0.1",
        "",
    ] {
        for form in ["GET http://{}/ HTTP/1.1\r\n", "CONNECT {} HTTP/1.1\r\n"] {
            let line = form.replace("{}", &format!("{name}:{}", host.port));
            let answer = worker.raw(format!("{line}host: a\r\nconnection: close\r\n\r\n").as_bytes()).await;
            let status = answer.get(9..12).unwrap_or_default();
            assert!(matches!(status, "400" | "403"), "{line:?} -> {answer:?}");
        }
    }
    for line in
        ["GET / HTTP/1.1\r\n", "GET ftp://api.example.com/ HTTP/1.1\r\n", "GET gopher://api.example.com/ HTTP/1.1\r\n"]
    {
        let answer = worker.raw(format!("{line}host: api.example.com\r\nconnection: close\r\n\r\n").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{line:?} -> {answer:?}");
    }
}

#[tokio::test]
async fn nothing_leaves_that_cannot_be_recorded() {
    let setup = Setup::new();
    let host = Host::start(&setup.ca, None, |_| panic!("was reached")).await;
    let mut worker = setup.public(Vec::new());
    worker.records.close();
    let request = Request::get(format!("http://api.example.com:{}/", host.port)).body(body("")).unwrap();
    assert_eq!(worker.ask(request).await.code(), "record_unavailable");
}

/// The machine's own resolver is judged like any other.
#[tokio::test]
async fn the_machines_own_names() {
    let setup = Setup::new();
    let host = Host::start(&setup.ca, None, |_| panic!("was reached")).await;
    let trust = Trust { compiled_in: true, files: vec![setup.ca.file()] };
    let broker = Broker::new(BrokerConfig { trust, ..BrokerConfig::default() }).unwrap();
    let worker = setup.worker(&broker, EgressPolicy::Public, Vec::new());
    assert_eq!(worker.get(&format!("http://localhost:{}/", host.port)).await.code(), "address_not_public");
    assert_eq!(worker.get("http://nowhere.invalid/").await.code(), "host_unknown");
}

#[test]
fn files_of_authorities_must_hold_some() {
    let setup = Setup::new();
    let broker = |name: &str, text: &str| {
        let path = setup.ca.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let trust = Trust { compiled_in: true, files: vec![path] };
        Broker::new(BrokerConfig { trust, ..BrokerConfig::default() }).err()
    };
    assert!(broker("good.pem", &std::fs::read_to_string(setup.ca.file()).unwrap()).is_none());
    for (name, text) in
        [("empty.pem", ""), ("odd.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")]
    {
        assert!(matches!(broker(name, text), Some(TrustError::File { .. })), "{name}");
    }
}
