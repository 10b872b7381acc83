//! Why a request did not go out or got no answer, as the worker is told: a problem document with a stable code.
//!
//! It names hosts, rules and secrets, never a value.

use bytes::Bytes;
use domain::SecretName;
use http_body_util::{BodyExt as _, Full};
use hyper::header::{self, HeaderValue};
use hyper::{Response, StatusCode};

use super::BoxBody;

/// A refusal of the broker's, or a failure on the way.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    detail: String,
    /// The secret whose placeholder or value it is about.
    pub(super) secret: Option<SecretName>,
}

impl Refusal {
    pub(super) fn forbidden(code: &'static str, detail: impl Into<String>) -> Self {
        Self { status: StatusCode::FORBIDDEN, code, detail: detail.into(), secret: None }
    }

    pub(super) fn malformed(code: &'static str, detail: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code, detail: detail.into(), secret: None }
    }

    pub(super) fn upstream(code: &'static str, detail: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_GATEWAY, code, detail: detail.into(), secret: None }
    }

    pub(super) fn late(code: &'static str, detail: impl Into<String>) -> Self {
        Self { status: StatusCode::GATEWAY_TIMEOUT, code, detail: detail.into(), secret: None }
    }

    pub(super) fn unavailable(code: &'static str, detail: impl Into<String>) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, code, detail: detail.into(), secret: None }
    }

    /// Names the secret that it is about.
    pub(super) fn about(self, secret: Option<&SecretName>) -> Self {
        Self { secret: secret.cloned(), ..self }
    }

    /// The broker decided so; else something on the way failed.
    pub(super) fn is_decision(&self) -> bool {
        self.status.is_client_error()
    }

    pub(super) fn response(&self) -> Response<BoxBody> {
        let document = serde_json::json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "code": self.code,
            "detail": format!("egress broker: {}", self.detail),
        });
        let body = Full::new(Bytes::from(document.to_string())).map_err(|never| match never {}).boxed_unsync();
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    }
}
