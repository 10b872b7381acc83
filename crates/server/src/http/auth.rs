//! Who asks: a bearer token becomes a [`Caller`]. Sessions (cookies) are `ui`'s and are never taken here, so a browser
//! cannot be led to call the API with them.

use axum::extract::FromRequestParts;
use axum::http::{StatusCode, header, request::Parts};
use domain::RequestId;

use super::problem::ApiError;
use crate::service::{Caller, Service};

impl FromRequestParts<Service> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, ApiError> {
        let token = bearer(parts)?.ok_or_else(|| {
            ApiError::new(
                StatusCode::UNAUTHORIZED,
                "unauthenticated",
                "This needs a token: send it as `Authorization: Bearer trs_…`.",
            )
        })?;
        let actor = service.authenticate(token).await?;
        Ok(Self { actor, request_id: request_id(parts) })
    }
}

/// The request's id.
pub(crate) fn request_id(parts: &Parts) -> RequestId {
    parts.extensions.get::<RequestId>().cloned().unwrap_or_else(|| RequestId::new(""))
}

/// The token of an `Authorization` header, if there is one.
pub(crate) fn bearer(parts: &Parts) -> Result<Option<&str>, ApiError> {
    let mut headers = parts.headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = headers.next() else { return Ok(None) };
    let malformed = || {
        ApiError::new(
            StatusCode::UNAUTHORIZED,
            "unauthenticated",
            "The Authorization header must be `Bearer trs_…`, once.",
        )
    };
    let text = value.to_str().map_err(|_| malformed())?;
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") && headers.next().is_none() => {
            Ok(Some(token.trim()))
        }
        _ => Err(malformed()),
    }
}
