//! Path and query parameters, whose errors are problem documents that quote nothing.

use axum::extract::{FromRequestParts, Path as AxumPath, Query as AxumQuery};
use axum::http::{StatusCode, request::Parts};
use serde::de::DeserializeOwned;

use super::problem::ApiError;

/// Path parameters.
pub(crate) struct Path<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match AxumPath::from_request_parts(parts, state).await {
            Ok(AxumPath(path)) => Ok(Self(path)),
            Err(_) => Err(ApiError::new(
                StatusCode::BAD_REQUEST,
                "path_invalid",
                "The path is not UTF-8 when percent-decoded.",
            )),
        }
    }
}

/// Query parameters.
pub(crate) struct Query<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match AxumQuery::from_request_parts(parts, state).await {
            Ok(AxumQuery(query)) => Ok(Self(query)),
            Err(_) => Err(ApiError::new(
                StatusCode::BAD_REQUEST,
                "query_invalid",
                "A query parameter has the wrong type or comes twice: see /openapi.json.",
            )),
        }
    }
}
