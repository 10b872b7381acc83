//! Asking a provider whether a credential works: the only request with a value that this server sends of its own accord.
//!
//! It is written in the catalogue, so neither an account nor a value chooses where it goes. It takes the same way out as
//! workers' requests: the host is resolved, every address checked, TLS always, no redirect followed. Nothing of the answer
//! is kept but its status and, where the catalogue asks for it, one flag.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use domain::Value;
use domain::catalogue::{Probe, Verdict};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, Uri};
use hyper_util::rt::TokioIo;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio_util::task::AbortOnDropHandle;
use zeroize::Zeroizing;

use super::broker::Broker;
use super::refusal::Refusal;
use super::target::Target;

/// For all of it, from the name to the end of the answer.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Most of an answer's head, and of its body where that is read.
const ANSWER_BYTES: usize = 64 * 1024;
/// What a URL holds unescaped in any place.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What the provider's answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProbeAnswer {
    /// Of the value.
    pub verdict: Verdict,
    /// The HTTP status.
    pub status: u16,
}

/// Why there is no answer. Says nothing of the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct ProbeError {
    /// Stable, as the broker names it to workers.
    pub code: &'static str,
    /// For people: names the host and the rule.
    pub detail: String,
}

impl From<Refusal> for ProbeError {
    fn from(refusal: Refusal) -> Self {
        Self { code: refusal.code, detail: refusal.to_string() }
    }
}

/// A request of the catalogue with values in it, ready to be sent.
pub struct ProbeRequest<'p> {
    probe: &'p Probe,
    target: Target,
    request: Request<Empty<Bytes>>,
}

impl<'p> ProbeRequest<'p> {
    /// `values` has a value for each name that stands in the request, and the value in question under the name `value`.
    ///
    /// # Errors
    /// [`ProbeError`] if a value is missing or cannot stand where it should.
    pub fn new(probe: &'p Probe, values: &[(&str, &Value)]) -> Result<Self, ProbeError> {
        let (target, request) = request(probe, values)?;
        Ok(Self { probe, target, request })
    }

    /// The host it goes to.
    pub fn host(&self) -> &str {
        &self.target.host
    }

    /// The port it goes to.
    pub fn port(&self) -> u16 {
        self.target.port
    }
}

impl Broker {
    /// Sends a request of the catalogue.
    ///
    /// # Errors
    /// [`ProbeError`]; whether the value works is not known then.
    pub async fn probe(&self, request: ProbeRequest<'_>) -> Result<ProbeAnswer, ProbeError> {
        let ProbeRequest { probe, target, request } = request;
        let timeout = TIMEOUT.min(self.timeouts().first_byte);
        let late = || Refusal::late("upstream_timeout", format!("{} did not answer in time", target.host));
        let asked = tokio::time::timeout(timeout, self.ask(&target, request, probe)).await;
        asked.unwrap_or_else(|_| Err(late())).map_err(ProbeError::from)
    }

    async fn ask(
        &self,
        target: &Target,
        request: Request<Empty<Bytes>>,
        probe: &Probe,
    ) -> Result<ProbeAnswer, Refusal> {
        let failed = |_| Refusal::upstream("upstream_failed", format!("{} did not answer in HTTP", target.host));
        let stream = TokioIo::new(self.dialer().http1(target).await?);
        let (mut sender, driver) =
            http1::Builder::new().max_buf_size(ANSWER_BYTES).handshake(stream).await.map_err(failed)?;
        let _connection = AbortOnDropHandle::new(tokio::spawn(driver));
        let answer = sender.send_request(request).await.map_err(failed)?;
        let status = answer.status().as_u16();
        let flag = match &probe.ok_field {
            Some(field) if probe.valid.contains(&status) => flag(answer, field).await,
            _ => None,
        };
        Ok(ProbeAnswer { verdict: probe.verdict(status, flag), status })
    }
}

/// The member `field` of a JSON answer, if there is one and it is true or false.
async fn flag(answer: Response<hyper::body::Incoming>, field: &str) -> Option<bool> {
    let body = Limited::new(answer.into_body(), ANSWER_BYTES).collect().await.ok()?;
    // It may repeat the value.
    let body = Zeroizing::new(body.to_bytes().to_vec());
    serde_json::from_slice::<serde_json::Value>(&body).ok()?.get(field)?.as_bool()
}

fn request(probe: &Probe, values: &[(&str, &Value)]) -> Result<(Target, Request<Empty<Bytes>>), Refusal> {
    let malformed = || Refusal::malformed("probe_malformed", "the catalogue's request cannot be sent");
    let url = filled(&probe.url, values, |value| utf8_percent_encode(value, UNRESERVED).to_string())?;
    let uri: Uri = url.parse().map_err(|_| malformed())?;
    let target = Target::of(&uri)?;
    if !target.tls || !is_at(&target.host, &probe.url) {
        return Err(malformed());
    }
    let mut request = Request::new(Empty::new());
    *request.method_mut() = match probe.method.as_str() {
        "GET" => Method::GET,
        "POST" => Method::POST,
        _ => return Err(malformed()),
    };
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse().map_err(|_| malformed())?;
    let headers = request.headers_mut();
    if probe.method == "POST" {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    headers.insert(header::HOST, HeaderValue::from_str(&target.authority).map_err(|_| malformed())?);
    // Some providers answer nobody without a name.
    headers.insert(header::USER_AGENT, HeaderValue::from_static(concat!("tresor/", env!("CARGO_PKG_VERSION"))));
    headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
    for (name, text) in &probe.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| malformed())?;
        headers.insert(name, secret_header(&filled(text, values, ToOwned::to_owned)?)?);
    }
    if let Some([user, password]) = &probe.basic {
        let plain = |text: &String| filled(text, values, ToOwned::to_owned);
        let pair = Zeroizing::new(format!("{}:{}", *plain(user)?, *plain(password)?));
        let encoded = Zeroizing::new(format!("Basic {}", *Zeroizing::new(STANDARD.encode(pair.as_bytes()))));
        headers.insert(header::AUTHORIZATION, secret_header(&encoded)?);
    }
    Ok((target, request))
}

/// Whether `host` is the one that the template names. Another secret, such as an account's name, may be its first label and
/// nothing more; the value in question never is a part of it.
fn is_at(host: &str, template: &str) -> bool {
    let named =
        template.strip_prefix("https://").and_then(|rest| rest.split(['/', '?', ':']).next()).unwrap_or_default();
    match named.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
        None => !named.contains('{') && named == host,
        Some((name, domain)) => {
            let label = host.strip_suffix(domain).unwrap_or_default();
            name != "value"
                && domain.starts_with('.')
                && !domain.contains('{')
                && !label.is_empty()
                && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        }
    }
}

fn secret_header(text: &str) -> Result<HeaderValue, Refusal> {
    let unfit = |_| Refusal::forbidden("value_unfit", "the value holds characters that a header cannot carry");
    let mut value = HeaderValue::from_str(text).map_err(unfit)?;
    value.set_sensitive(true);
    Ok(value)
}

/// The template with values in, each as `encode` writes it.
fn filled(
    template: &str,
    values: &[(&str, &Value)],
    encode: impl Fn(&str) -> String,
) -> Result<Zeroizing<String>, Refusal> {
    let mut parts = template.split('{');
    let mut out = Zeroizing::new(parts.next().unwrap_or_default().to_owned());
    for part in parts {
        let found = part
            .split_once('}')
            .and_then(|(name, rest)| values.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value, rest)));
        let Some((value, rest)) = found else {
            return Err(Refusal::malformed("probe_incomplete", "a value that the request needs was not given"));
        };
        out.push_str(&Zeroizing::new(encode(value.expose())));
        out.push_str(rest);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
    use domain::Value;
    use domain::catalogue::{self, Probe};

    use super::request;

    fn value(text: &str) -> Value {
        Value::new(text.to_owned()).unwrap()
    }

    fn probe(url: &str) -> Probe {
        serde_json::from_value(serde_json::json!({ "url": url, "headers": {}, "valid": [200], "invalid": [401] }))
            .unwrap()
    }

    /// Whatever the value is, it stays where the catalogue puts it.
    #[test]
    fn a_value_changes_neither_host_nor_path() {
        for hostile in ["../../x", "@evil.example/", "a?b#c&d=e", "%2e%2e/", "x\\y", "évil", "a b"] {
            let hostile = value(hostile);
            let (target, request) =
                request(&probe("https://api.example.com/v1/{value}/me?k={value}"), &[("value", &hostile)]).unwrap();
            assert_eq!(target.host, "api.example.com");
            let path = request.uri().path();
            assert_eq!((path.matches('/').count(), path.starts_with("/v1/"), path.ends_with("/me")), (3, true, true));
            assert_eq!(request.uri().query().unwrap().matches(['&', '=', '#']).count(), 1, "{}", request.uri());
        }
        let named = probe("https://{ACCOUNT}.example.com/{value}");
        let asked = |account: &str| request(&named, &[("value", &value("x")), ("ACCOUNT", &value(account))]);
        assert_eq!(asked("Team-1").unwrap().0.host, "team-1.example.com");
        for hostile in ["evil.com/", "evil.com#", "a.b", "a@b", "a%2eb", "évil", ".", "a:1"] {
            assert!(asked(hostile).is_err(), "{hostile}");
        }
        for bad in
            ["http://api.example.com/", "https://{value}.example.com/", "https://2130706433/", "ftp://a.example/"]
        {
            assert!(request(&probe(bad), &[("value", &value("x"))]).is_err(), "{bad}");
        }
        assert_eq!(
            request(&probe("https://a.example/{OTHER}"), &[("value", &value("x"))]).unwrap_err().code,
            "probe_incomplete"
        );
    }

    #[test]
    fn a_header_takes_no_line_ends() {
        let stripe = catalogue::find("openai").unwrap().secrets[0].probe.as_ref().unwrap();
        let refused = request(stripe, &[("value", &value("a\r\nx-evil: 1"))]).unwrap_err();
        assert_eq!(refused.code, "value_unfit");
        assert!(!refused.to_string().contains("evil"));
    }

    /// Every request of the catalogue can be put together.
    #[test]
    fn the_catalogues_requests_are_requests() {
        let some = value("0123456789abcdef");
        let mut count = 0;
        for secret in catalogue::all().iter().flat_map(|provider| &provider.secrets) {
            let Some(probe) = &secret.probe else { continue };
            let values: Vec<_> = probe.needs().into_iter().chain(["value"]).map(|name| (name, &some)).collect();
            let (target, request) = request(probe, &values).unwrap_or_else(|error| panic!("{}: {error}", probe.url));
            let host = probe.url.strip_prefix("https://").unwrap().split(['/', '?']).next().unwrap();
            let host = host.replace("{ALGOLIA_APP_ID}", some.expose());
            assert_eq!((target.authority, target.port), (host, 443));
            assert!(request.uri().path().starts_with('/') && request.uri().host().is_none());
            count += 1;
        }
        assert!(count >= 60, "{count}");
    }
}
