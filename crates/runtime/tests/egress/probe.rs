//! Asking a provider whether a credential works, against hosts of our own.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use domain::Value;
use domain::catalogue::{Probe, Verdict};
use hyper::{Response, StatusCode};
use runtime::{ProbeAnswer, ProbeError, ProbeRequest};
use serde_json::json;

use crate::harness::{BoxBody, Host, Seen, Setup, body, ok, soon};

/// 40 characters that every place writes in its own way.
const VALUE: &str = "k/9+=&?%zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz";

fn probe(host: &Host, path: &str, more: serde_json::Value) -> Probe {
    let url = format!("https://api.example.com:{}{path}", host.port);
    let mut fields = json!({ "url": url, "headers": {}, "valid": [200], "invalid": [401] });
    fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(fields).unwrap()
}

fn bearer(host: &Host) -> Probe {
    probe(host, "/v1/me", json!({ "headers": { "Authorization": "Bearer {value}" } }))
}

async fn ask(setup: &Setup, probe: &Probe) -> Result<ProbeAnswer, ProbeError> {
    let (value, other) = (Value::new(VALUE.to_owned()).unwrap(), Value::new("AC0123".to_owned()).unwrap());
    let request = ProbeRequest::new(probe, &[("value", &value), ("ACCOUNT_ID", &other)])?;
    let asked = soon(setup.broker().probe(request)).await;
    assert!(!format!("{asked:?}").contains("zzzz"), "{asked:?}");
    asked
}

fn status(status: u16) -> impl Fn(&Seen) -> Response<BoxBody> + Send + Sync + 'static {
    move |seen| {
        // Hosts repeat what they got.
        let mut response = ok(format!("{:?}", seen.headers));
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        response
    }
}

#[tokio::test]
async fn the_value_stands_where_the_catalogue_says() {
    let setup = Setup::new();
    let (host, mut seen) = Host::seeing(&setup.ca, Some(&["http/1.1"]), status(200)).await;
    let places = probe(
        &host,
        "/v1/{ACCOUNT_ID}/me?key={value}&x=1",
        json!({ "headers": { "x-api-key": "k {value}", "x-version": "1" }, "basic": ["{value}", "{ACCOUNT_ID}"] }),
    );
    assert_eq!(ask(&setup, &places).await, Ok(ProbeAnswer { verdict: Verdict::Valid, status: 200 }));
    let got = seen.recv().await.unwrap();
    let header = |name: &str| got.headers[name].to_str().unwrap().to_owned();
    assert_eq!((got.method.as_str(), got.body.len()), ("GET", 0));
    assert_eq!(got.uri.path(), "/v1/AC0123/me");
    assert_eq!(got.uri.query().unwrap(), format!("key=k%2F9%2B%3D%26%3F%25{}&x=1", "z".repeat(32)));
    assert_eq!(header("host"), format!("api.example.com:{}", host.port));
    assert_eq!((header("x-api-key"), header("x-version")), (format!("k {VALUE}"), "1".to_owned()));
    let basic = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("{VALUE}:AC0123"));
    assert_eq!(header("authorization"), format!("Basic {basic}"));
    assert!(header("user-agent").starts_with("tresor/"));

    let post = probe(&host, "/auth.test", json!({ "method": "POST", "headers": { "a": "{value}" } }));
    assert_eq!(ask(&setup, &post).await.unwrap().verdict, Verdict::Valid);
    let got = seen.recv().await.unwrap();
    assert_eq!((got.method.as_str(), got.headers["content-length"].to_str().unwrap()), ("POST", "0"));
}

#[tokio::test]
async fn statuses_are_read_as_the_catalogue_says_and_no_redirect_is_followed() {
    let setup = Setup::new();
    for (code, verdict) in [
        (200, Verdict::Valid),
        (401, Verdict::Invalid),
        (204, Verdict::Unknown),
        (403, Verdict::Unknown),
        (404, Verdict::Unknown),
        (429, Verdict::Unknown),
        (503, Verdict::Unknown),
    ] {
        let (host, _seen) = Host::seeing(&setup.ca, Some(&["http/1.1"]), status(code)).await;
        assert_eq!(ask(&setup, &bearer(&host)).await, Ok(ProbeAnswer { verdict, status: code }), "{code}");
    }
    let (elsewhere, _seen) = Host::seeing(&setup.ca, Some(&["http/1.1"]), status(200)).await;
    for code in [301, 302, 307, 308] {
        let to = format!("https://other.example.com:{}/", elsewhere.port);
        let (host, mut seen) = Host::seeing(&setup.ca, Some(&["http/1.1"]), move |_| {
            Response::builder().status(code).header("location", &to).body(body("")).unwrap()
        })
        .await;
        assert_eq!(ask(&setup, &bearer(&host)).await, Ok(ProbeAnswer { verdict: Verdict::Unknown, status: code }));
        seen.recv().await.unwrap();
    }
    assert_eq!(elsewhere.connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_flag_is_read_from_a_small_answer_only() {
    let setup = Setup::new();
    for (text, verdict) in [
        (r#"{"ok":true}"#.to_owned(), Verdict::Valid),
        (r#"{"ok":false,"error":"invalid_auth"}"#.to_owned(), Verdict::Invalid),
        (r#"{"ok":"true"}"#.to_owned(), Verdict::Unknown),
        (r#"{"okay":true}"#.to_owned(), Verdict::Unknown),
        ("<html>".to_owned(), Verdict::Unknown),
        (format!(r#"{{"pad":"{}","ok":true}}"#, "x".repeat(70_000)), Verdict::Unknown),
    ] {
        let answer = text.clone();
        let (host, _seen) = Host::seeing(&setup.ca, Some(&["http/1.1"]), move |_| ok(answer.clone())).await;
        let slack = probe(&host, "/", json!({ "headers": { "a": "{value}" }, "ok_field": "ok" }));
        let answer = ask(&setup, &slack).await.unwrap();
        assert_eq!((answer.verdict, answer.status), (verdict, 200), "{}", &text[..text.len().min(60)]);
    }
}

/// It goes over TLS of a trusted authority to a public address, or not at all.
#[tokio::test]
async fn it_takes_the_guarded_way_out() {
    let setup = Setup::new();
    let code = async |setup: &Setup, host: &Host| ask(setup, &bearer(host)).await.unwrap_err().code;
    let (host, _seen) = Host::seeing(&setup.ca, Some(&["http/1.1"]), status(200)).await;

    let mut closed = Setup::new();
    closed.allow.clear();
    assert_eq!(code(&closed, &host).await, "address_not_public");
    closed.names.set("api.example.com", &[&["8.8.8.8", "169.254.169.254"]]);
    assert_eq!(code(&closed, &host).await, "address_not_public");
    let nowhere = Setup::new();
    nowhere.names.set("api.example.com", &[&[]]);
    assert_eq!(code(&nowhere, &host).await, "host_unknown");
    // Another authority's certificate.
    assert_eq!(code(&Setup::new(), &host).await, "tls_failed");
    assert_eq!(host.connections.load(Ordering::SeqCst), 1, "only the one that failed on TLS");

    let (plain, mut seen) = Host::seeing(&setup.ca, None, status(200)).await;
    assert_eq!(code(&setup, &plain).await, "tls_failed");
    assert!(seen.try_recv().is_err(), "the value went out in clear");
}

#[tokio::test]
async fn who_does_not_answer_says_nothing_of_the_value() {
    let mut setup = Setup::new();
    setup.timeouts.first_byte = Duration::from_millis(200);
    let silent = Host::start(&setup.ca, Some(&["http/1.1"]), |_| Box::pin(std::future::pending())).await;
    assert_eq!(ask(&setup, &bearer(&silent)).await.unwrap_err().code, "upstream_timeout");
    let gone = Host { port: 1, connections: Arc::default() };
    assert_eq!(ask(&setup, &bearer(&gone)).await.unwrap_err().code, "connect_failed");
    let garbage = Host::raw(b"this is not TLS\r\n\r\n").await;
    assert_eq!(ask(&setup, &bearer(&garbage)).await.unwrap_err().code, "tls_failed");
}
