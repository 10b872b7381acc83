//! Cross-origin requests to functions whose deployment names origins: the gateway answers what browsers ask in advance, and
//! marks every answer, its own errors too, as one that the page may read.
//!
//! Browsers' credentials (cookies) are never allowed: pages present a token or none.

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use domain::CorsOrigins;

/// Two hours, the longest that a common browser keeps an answer.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");
/// What else a page could know of a response's headers.
const EXPOSED: HeaderValue = HeaderValue::from_static("*");
/// A function whose deployment names origins has no say in these.
const OWN: [HeaderName; 6] = [
    header::ACCESS_CONTROL_ALLOW_ORIGIN,
    header::ACCESS_CONTROL_ALLOW_METHODS,
    header::ACCESS_CONTROL_ALLOW_HEADERS,
    header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
    header::ACCESS_CONTROL_EXPOSE_HEADERS,
    header::ACCESS_CONTROL_MAX_AGE,
];

/// What a function's origins mean for one request.
pub(super) struct Cors {
    /// `Access-Control-Allow-Origin`, if the page may read the answer.
    allowed: Option<HeaderValue>,
    /// The answer depends on who asks.
    varies: bool,
}

impl Cors {
    /// `None` if the deployment leaves it to the function.
    pub(super) fn of(origins: &CorsOrigins, headers: &HeaderMap) -> Option<Self> {
        if origins.is_empty() {
            return None;
        }
        let origin = headers.get(header::ORIGIN);
        let allowed = match origin {
            Some(_) if origins.is_any() => Some(HeaderValue::from_static("*")),
            Some(origin) => origin.to_str().is_ok_and(|text| origins.allow(text)).then(|| origin.clone()),
            None => None,
        };
        Some(Self { allowed, varies: !origins.is_any() })
    }

    /// The answer to a browser's question in advance. It comes without credentials, so it is answered before they are asked for.
    pub(super) fn preflight(&self, head: &Parts) -> Option<Response> {
        let asks = head.method == Method::OPTIONS
            && head.headers.contains_key(header::ORIGIN)
            && head.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if !asks {
            return None;
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        if self.allowed.is_some() {
            for (asked, granted) in [
                (header::ACCESS_CONTROL_REQUEST_METHOD, header::ACCESS_CONTROL_ALLOW_METHODS),
                (header::ACCESS_CONTROL_REQUEST_HEADERS, header::ACCESS_CONTROL_ALLOW_HEADERS),
            ] {
                if let Some(value) = head.headers.get(asked) {
                    headers.insert(granted, value.clone());
                }
            }
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        }
        for name in [header::ACCESS_CONTROL_REQUEST_METHOD, header::ACCESS_CONTROL_REQUEST_HEADERS] {
            headers.append(header::VARY, name.into());
        }
        self.allow(headers);
        Some(response)
    }

    /// Marks an answer, the function's or the gateway's.
    pub(super) fn mark(&self, headers: &mut HeaderMap) {
        for name in OWN {
            headers.remove(name);
        }
        if self.allowed.is_some() {
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
        self.allow(headers);
    }

    fn allow(&self, headers: &mut HeaderMap) {
        if let Some(origin) = &self.allowed {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        }
        if self.varies {
            headers.append(header::VARY, header::ORIGIN.into());
        }
    }
}
