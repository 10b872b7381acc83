//! Errors as RFC 9457 problem documents: the one place where a failed use case gets a status and a stable code.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::import::Rejected;
use domain::{Denied, Invalid, Scope};
use runtime::BundleError;

use crate::service::Error;
use crate::wire::{FieldProblem, Problem};

/// An error on its way to the caller. `http::request_id` fills in the request id.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    code: &'static str,
    detail: String,
    errors: Vec<FieldProblem>,
    retry_after: Option<u32>,
    lacks: Option<Scope>,
}

pub(crate) type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), errors: Vec::new(), retry_after: None, lacks: None }
    }

    /// 503: too much to do now. Tells when to try again, in seconds.
    pub(crate) fn overloaded(detail: impl Into<String>) -> Self {
        Self { retry_after: Some(1), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail) }
    }

    /// For pages, which show the same words.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// Stable, for programs.
    pub(crate) fn code(&self) -> &'static str {
        self.code
    }

    /// What happened and what to do.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// The scope without which it was refused, if that is why.
    pub(crate) fn lacks(&self) -> Option<Scope> {
        self.lacks
    }

    /// The fields that broke a rule.
    pub(crate) fn fields(&self) -> &[FieldProblem] {
        &self.errors
    }
}

impl From<Invalid> for ApiError {
    fn from(invalid: Invalid) -> Self {
        Error::from(invalid).into()
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        match error {
            Error::Invalid(fields) => invalid(fields),
            Error::Import(lines) => import(&lines),
            Error::Bundle(error) => bundle(&error),
            Error::Denied(why) => Self {
                lacks: if let Denied::Scope(scope) = why { Some(scope) } else { None },
                ..Self::new(StatusCode::FORBIDDEN, "forbidden", format!("{detail}."))
            },
            Error::NotFound { .. } => Self::new(StatusCode::NOT_FOUND, "not_found", format!("{detail}.")),
            Error::Exists { .. } => Self::new(StatusCode::CONFLICT, "exists", format!("{detail}.")),
            Error::Precondition => Self::new(StatusCode::PRECONDITION_FAILED, "version_mismatch", detail),
            Error::IdempotencyReuse => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused", detail),
            Error::Limit { code, .. } => Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail),
            Error::RateLimited { seconds } => Self {
                retry_after: Some(seconds),
                ..Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", format!("{detail}."))
            },
            Error::Destroyed { .. } => Self::new(StatusCode::CONFLICT, "version_destroyed", format!("{detail}.")),
            Error::RequestEnded(_) => Self::new(StatusCode::CONFLICT, "request_ended", format!("{detail}.")),
            Error::RotationEnded(_) => Self::new(StatusCode::CONFLICT, "rotation_ended", format!("{detail}.")),
            Error::InUse { .. } => Self::new(StatusCode::CONFLICT, "in_use", format!("{detail}.")),
            Error::IssuerKeys => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "issuer_keys_unavailable", format!("{detail}."))
            }
            Error::Unauthenticated(_) => Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail),
            Error::NoRuntime(_) => Self::new(StatusCode::SERVICE_UNAVAILABLE, "runtime_unavailable", detail),
            Error::Store(_) | Error::Decrypt(_) | Error::Broken(_) => {
                // Logged once, here at the edge, with its whole chain; the caller gets the request id to find it by.
                tracing::error!(error = chain(&error), "request failed");
                Self::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "internal",
                    "Something failed on the server. Its log tells more, under this request id.",
                )
            }
        }
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

fn invalid(fields: Vec<Invalid>) -> ApiError {
    let detail = fields.first().map(|first| format!("{}: {}.", first.field, first.detail)).unwrap_or_default();
    let code = if let [only] = fields.as_slice() { only.code } else { "invalid" };
    let errors = fields
        .into_iter()
        .map(|field| FieldProblem {
            field: field.field,
            code: field.code.to_owned(),
            detail: field.detail,
            line: None,
            column: None,
        })
        .collect();
    ApiError { errors, ..ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail) }
}

/// Most lines that one problem tells of.
const IMPORT_ERRORS: usize = 100;

fn import(lines: &[Rejected]) -> ApiError {
    let errors = lines.iter().take(IMPORT_ERRORS).map(|rejected| FieldProblem {
        field: "text".to_owned(),
        code: rejected.code.to_owned(),
        detail: rejected.detail.clone(),
        line: u32::try_from(rejected.line).ok(),
        column: None,
    });
    let count = if let [_] = lines { "1 line is".to_owned() } else { format!("{} lines are", lines.len()) };
    let more = if lines.len() > IMPORT_ERRORS { "; a dry run tells of all" } else { "" };
    let detail = format!(
        "{count} rejected, so nothing was imported: correct the file, or leave such lines out by `skip_rejected`{more}."
    );
    let refused = ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "import_rejected", detail);
    ApiError { errors: errors.collect(), ..refused }
}

fn bundle(error: &BundleError) -> ApiError {
    let (code, place) = match error {
        BundleError::Syntax { file, line, column, message } => ("source_syntax", Some((file, *line, *column, message))),
        BundleError::Import { file, line, column, message } => ("source_import", Some((file, *line, *column, message))),
        BundleError::TooLarge { .. } => ("bundle_too_large", None),
        BundleError::Timeout { .. } => ("bundle_timeout", None),
        _ => ("source_invalid", None),
    };
    // Deno does not always tell a place.
    let detail = match place {
        Some((_, 0, _, message)) => message.clone(),
        _ => error.to_string(),
    };
    let errors = place
        .filter(|(_, line, ..)| *line > 0)
        .map(|(file, line, column, message)| FieldProblem {
            field: file.clone(),
            code: code.to_owned(),
            detail: message.clone(),
            line: Some(line),
            column: Some(column),
        })
        .into_iter()
        .collect();
    ApiError { errors, ..ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail) }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let problem = Problem {
            kind: format!("urn:tresor:problem:{}", self.code),
            title: self.status.canonical_reason().unwrap_or("Error").to_owned(),
            status: self.status.as_u16(),
            code: self.code.to_owned(),
            detail: self.detail,
            request_id: super::request_id::current(),
            errors: self.errors,
        };
        let mut response = (self.status, Json(problem)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::PAYLOAD_TOO_LARGE {
            // What was not read of the body ends the connection: the caller must not send its next request on it.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
