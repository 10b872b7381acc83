//! JSON bodies, read so that no error can echo what was sent.

use axum::body::{Body, HttpBody as _};
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use domain::{Invalid, limits};
use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::problem::ApiError;

/// The body of a request as `T`. Refuses other content types, deep nesting, unknown and repeated fields.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if kind != "application/json" {
            return Err(ApiError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "content_type",
                "Send the body as `content-type: application/json`.",
            ));
        }
        let limit = request.extensions().get::<BodyLimit>().map_or(limits::API_REQUEST_BYTES, |limit| limit.0);
        let bytes = read(request.into_body(), limit).await?;
        parse(&bytes).map(Self).map_err(ApiError::from)
    }
}

/// The largest body of a route, in bytes, as an extension of its requests; `limits::API_REQUEST_BYTES` without one.
#[derive(Clone, Copy)]
pub(crate) struct BodyLimit(pub(crate) usize);

/// How much more than the limit is read and thrown away, so that a client that sends before it listens gets its answer.
const DISCARDED_BYTES: usize = 64 * 1024 * 1024;

/// Reads a body into a buffer that is zeroized.
pub(crate) async fn read(mut body: Body, limit: usize) -> Result<Zeroizing<Vec<u8>>, ApiError> {
    // A buffer that grows leaves copies behind; most clients tell the length.
    let told = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    let mut bytes = Zeroizing::new(Vec::with_capacity(told.min(limit)));
    let mut discarded = 0;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Err(ApiError::new(
                StatusCode::BAD_REQUEST,
                "body_incomplete",
                "The body ended before it was whole.",
            ));
        };
        let Ok(data) = frame.into_data() else { continue };
        if discarded == 0 && bytes.len() + data.len() <= limit {
            bytes.extend_from_slice(&data);
            continue;
        }
        discarded += data.len();
        if discarded > DISCARDED_BYTES {
            break;
        }
    }
    if discarded == 0 {
        return Ok(bytes);
    }
    let detail = format!("The body is larger than the {limit} bytes that this endpoint takes.");
    Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail))
}

/// Reads JSON. Errors name the field and the rule; the place is a byte position, never the text there.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Invalid> {
    let malformed = |detail: String| Invalid::new("body", "json_invalid", detail);
    if depth(bytes) > limits::JSON_DEPTH {
        return Err(malformed(format!("must not nest deeper than {} levels", limits::JSON_DEPTH)));
    }
    if std::str::from_utf8(bytes).is_err() {
        return Err(malformed("must be UTF-8".to_owned()));
    }
    serde_json::from_slice(bytes).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        match error.classify() {
            serde_json::error::Category::Data => {
                // serde's own words quote what it found; only what stands after them, written by this code, is passed on.
                let text = error.to_string();
                let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
                let rule = if let Some(field) = text.strip_prefix("missing field `") {
                    format!("needs the field `{}", field)
                } else if let Some((found, expected)) = text.rsplit_once(", expected ") {
                    let what = if found.starts_with("unknown field") {
                        "has a field that is not known"
                    } else {
                        "has a field of another type"
                    };
                    format!("{what}; expected {expected}")
                } else if text.starts_with("duplicate field `") {
                    "names a field twice".to_owned()
                } else {
                    "has a field that does not fit".to_owned()
                };
                malformed(format!("{rule} ({place})"))
            }
            _ => malformed(format!("must be JSON: {place} is not")),
        }
    })
}

/// The deepest nesting of brackets outside strings.
pub(crate) fn depth(bytes: &[u8]) -> usize {
    let (mut now, mut most, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                now += 1;
                most = most.max(now);
            }
            b'}' | b']' if !in_string => now = now.saturating_sub(1),
            _ => {}
        }
    }
    most
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::wire::{CreateToken, PutSecret};

    #[test]
    fn errors_never_quote_what_was_sent() {
        for (body, expected) in [
            (r#"{"value":"ok","sk-canary":1}"#, "not known"),
            (r#"{"value":"ok","rotate_after_days":"sk-canary"}"#, "another type"),
            (r#"{"value":["sk-canary"]}"#, "another type"),
            (r#"{"value":"sk-canary","value":"sk-canary"}"#, "twice"),
            (r#"{"value":"sk-canary"#, "must be JSON"),
            (r#"{"value":"sk-canary, expected sk-canary","note":{", expected sk-canary":1}}"#, "another type"),
            (r#"{"note":"sk-canary"}"#, "needs the field `value`"),
            (r#""sk-canary""#, "another type"),
        ] {
            let error = parse::<PutSecret>(body.as_bytes()).unwrap_err();
            assert!(!error.to_string().contains("canary"), "{error}");
            assert!(error.to_string().contains(expected), "{body}: {error}");
        }
    }

    #[test]
    fn deep_json_and_invalid_utf8_are_refused() {
        let deep = format!("{}{}", "[".repeat(33), "]".repeat(33));
        assert!(parse::<serde_json::Value>(deep.as_bytes()).unwrap_err().detail.contains("32 levels"));
        assert!(parse::<serde_json::Value>("[".repeat(1_000_000).as_bytes()).is_err());
        let brackets_in_text = format!("{{\"a\":\"{}\"}}", "[".repeat(100));
        assert!(parse::<serde_json::Value>(brackets_in_text.as_bytes()).is_ok());
        assert!(parse::<CreateToken>(b"{\"name\":\"\xff\"}").unwrap_err().detail.contains("UTF-8"));
    }
}
