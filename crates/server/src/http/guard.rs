//! What stands before every route of the control plane: `Host` and `Origin` checks and security headers.
//!
//! A page on another site must not reach this server through a visitor's browser: by DNS rebinding (`Host`), or by a
//! cross-site request (`Origin`, `Sec-Fetch-Site`). The gateway is not behind it: functions decide themselves.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::ApiError;
use crate::service::Service;

/// Refuses requests for hosts that are not ours, and browsers' requests from other sites.
pub(crate) async fn same_site(State(service): State<Service>, request: Request, next: Next) -> Response {
    let sites = service.sites();
    let refuse = |code, detail: &str| ApiError::new(StatusCode::FORBIDDEN, code, detail).into_response();
    let host = request
        .headers()
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .or_else(|| request.uri().authority().map(|a| a.as_str()));
    if !host.is_some_and(|host| sites.is_own_host(host)) {
        return refuse(
            "host_unknown",
            "This server does not answer for that host name. Start it with --public-url to name it.",
        );
    }
    if is_cross_site(request.headers(), |origin| sites.is_own_origin(origin)) {
        return refuse("origin_foreign", "A page of another site may not call this.");
    }
    next.run(request).await
}

fn is_cross_site(headers: &HeaderMap, own: impl Fn(&str) -> bool) -> bool {
    match headers.get(header::ORIGIN) {
        Some(origin) => !origin.to_str().is_ok_and(own),
        None => {
            // Browsers send no Origin with plain navigation; those may come from anywhere, as links do.
            let site = headers.get("sec-fetch-site").and_then(|site| site.to_str().ok());
            let mode = headers.get("sec-fetch-mode").and_then(|mode| mode.to_str().ok());
            matches!(site, Some("cross-site" | "same-site")) && mode != Some("navigate")
        }
    }
}

const HEADERS: [(HeaderName, &str); 7] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    // `no-referrer` would make browsers send `Origin: null` with our own forms, which the check above refuses.
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=()"),
];

/// Adds the security headers, and forbids storing whatever did not say otherwise.
pub(crate) async fn security_headers(State(service): State<Service>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if service.sites().is_https() {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}
