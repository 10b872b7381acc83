//! `/api/v1/environments/{name}/inject`: the one operation that answers with values. Not to browsers, and not where others
//! could read along.

use std::net::SocketAddr;

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, FromRequestParts, State};
use axum::http::{HeaderMap, StatusCode, header, request::Parts};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use zeroize::Zeroizing;

use super::body::JsonBody;
use super::extract::Path;
use super::problem::{ApiError, ApiResult};
use crate::service::{Caller, Injection, Service};
use crate::sites::Sites;
use crate::wire::{Inject, Injected, NO_BROWSERS, Problem};

/// Get an environment's values for one process.
///
/// For tokens with `secrets:inject`, which are of named environments. On record with names, versions and the program's name.
/// Only over TLS or from this machine, and never to a browser.
#[utoipa::path(post, path = "/api/v1/environments/{name}/inject", tag = "secrets", operation_id = "inject_environment",
    params(("name" = String, Path), ("Sec-Tresor-No-Browsers" = String, Header, description = "`1`: a header that no page can send")), request_body = Inject,
    responses((status = 200, description = "The values", body = Injected),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn inject(
    State(service): State<Service>,
    caller: Caller,
    _: Unobserved,
    Path(name): Path<String>,
    JsonBody(body): JsonBody<Inject>,
) -> ApiResult<Response> {
    let injection = service.inject(&caller, &name, body).await?;
    let bytes = json(&injection)?;
    Ok(([(header::CONTENT_TYPE, "application/json")], Body::from(Bytes::from_owner(bytes))).into_response())
}

/// Proof that no browser asks, and that nobody on the way can read the answer.
pub(crate) struct Unobserved;

impl FromRequestParts<Service> for Unobserved {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, ApiError> {
        let refused = |code, detail| Err(ApiError::new(StatusCode::FORBIDDEN, code, detail));
        if is_browser(&parts.headers) {
            let detail = "Values are not given to browsers. Programs send `Sec-Tresor-No-Browsers: 1`, and neither cookies nor `Origin`.";
            return refused("browser_refused", detail);
        }
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| *peer);
        if !is_private(service.sites(), &parts.headers, peer) {
            let detail = "Values are given over TLS or on this machine only: others could read along on this connection. \
                          A proxy before the server must say `X-Forwarded-Proto: https`.";
            return refused("transport_insecure", detail);
        }
        Ok(Self)
    }
}

fn is_browser(headers: &HeaderMap) -> bool {
    let mut said = headers.get_all(NO_BROWSERS).iter();
    let program = said.next().is_some_and(|text| text == "1") && said.next().is_none();
    let traces = ["cookie", "origin", "referer", "sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest"];
    !program || traces.iter().any(|name| headers.contains_key(*name))
}

/// A proxy must say that its own client came by TLS; without one, the connection is TLS or begins on this machine.
fn is_private(sites: &Sites, headers: &HeaderMap, peer: Option<SocketAddr>) -> bool {
    if sites.does_tls() {
        return true;
    }
    let mut protocols = headers.get_all("x-forwarded-proto").iter().peekable();
    if protocols.peek().is_some() {
        return sites.is_https() && protocols.all(|text| text.as_bytes().eq_ignore_ascii_case(b"https"));
    }
    let behind_plain_proxy = sites.is_behind_proxy() && !sites.is_https();
    !behind_plain_proxy && peer.is_some_and(|peer| peer.ip().to_canonical().is_loopback())
}

/// The answer, in a buffer that does not grow and is zeroized.
fn json(injection: &Injection) -> Result<Zeroizing<Vec<u8>>, ApiError> {
    #[derive(Serialize)]
    struct Secret<'a> {
        name: &'a str,
        version: u64,
        value: &'a str,
    }
    #[derive(Serialize)]
    struct Answer<'a> {
        environment: &'a str,
        secrets: Vec<Secret<'a>>,
        brokered: Vec<&'a str>,
    }
    let secrets = injection.secrets.iter();
    let answer = Answer {
        environment: injection.environment.as_str(),
        secrets: secrets
            .map(|(name, version, value)| Secret { name: name.as_str(), version: *version, value: value.expose() })
            .collect(),
        brokered: injection.brokered.iter().map(|name| name.as_str()).collect(),
    };
    // JSON writes a byte as six at most.
    let room = 256
        + answer.secrets.iter().map(|secret| 64 + secret.name.len() + 6 * secret.value.len()).sum::<usize>()
        + answer.brokered.iter().map(|name| 4 + name.len()).sum::<usize>();
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    // serde_json's own error could quote what it was writing.
    serde_json::to_writer(&mut *bytes, &answer)
        .map_err(|_| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something failed on the server."))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderName, HeaderValue};
    use domain::{EnvironmentName, SecretName, Value};

    use super::{is_browser, is_private, json};
    use crate::service::Injection;
    use crate::sites::Sites;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, text) in pairs {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(text));
        }
        headers
    }

    #[test]
    fn who_could_be_a_browser_is_one() {
        let program = ("sec-tresor-no-browsers", "1");
        assert!(!is_browser(&headers(&[program])));
        for browser in [&[][..], &[("sec-tresor-no-browsers", "0")], &[program, program]] {
            assert!(is_browser(&headers(browser)), "{browser:?}");
        }
        for trace in ["cookie", "origin", "referer", "sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest"] {
            assert!(is_browser(&headers(&[program, (trace, "")])), "{trace}");
        }
    }

    #[test]
    fn values_do_not_cross_a_network_in_clear() {
        let (here, there) = (Some("127.0.0.1:9".parse().unwrap()), Some("192.0.2.1:9".parse().unwrap()));
        let mapped = Some("[::ffff:127.0.0.1]:9".parse().unwrap());
        let site = |tls, public| Sites::new("0.0.0.0:7200".parse().unwrap(), tls, public);
        let (plain, tls) = (site(false, None), site(true, None));
        let (proxied, open) = (site(false, Some("https://t.example.com")), site(false, Some("http://t.example.com")));
        let (https, http) = (headers(&[("x-forwarded-proto", "https")]), headers(&[("x-forwarded-proto", "http")]));
        let none = headers(&[]);
        let both = headers(&[("x-forwarded-proto", "https"), ("x-forwarded-proto", "http")]);
        for (sites, headers, peer, expected) in [
            (&plain, &none, here, true),
            (&plain, &none, mapped, true),
            (&plain, &none, there, false),
            (&plain, &none, None, false),
            (&plain, &https, there, false),
            (&plain, &https, here, false),
            (&tls, &none, there, true),
            (&proxied, &https, there, true),
            (&proxied, &https, here, true),
            (&proxied, &http, here, false),
            (&proxied, &both, here, false),
            (&proxied, &none, there, false),
            (&proxied, &none, here, true),
            (&open, &none, here, false),
            (&open, &https, here, false),
        ] {
            assert_eq!(is_private(sites, headers, peer), expected, "{sites:?} {headers:?} {peer:?}");
        }
    }

    #[test]
    fn the_answers_buffer_never_grows() {
        let secret = |name: &str, value: String| (SecretName::parse(name).unwrap(), 7, Value::new(value).unwrap());
        let secrets = vec![secret("A", "\u{1}".repeat(60_000)), secret("B", "x".to_owned())];
        let brokered = vec![SecretName::parse("C").unwrap()];
        let injection = Injection { environment: EnvironmentName::production(), secrets, brokered };
        let bytes = json(&injection).unwrap();
        assert!(bytes.len() > 360_000 && bytes.capacity() == 256 + 2 * 65 + 6 * 60_001 + 5, "{}", bytes.capacity());
        let parsed: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!((&parsed["secrets"][1]["value"], &parsed["brokered"][0]), (&"x".into(), &"C".into()));
    }
}
