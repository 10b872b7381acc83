//! Each request's id: in its response header, its log lines, its problem document and its audit events.

use axum::extract::Request;
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;
use domain::RequestId;

use crate::service::new_id;

tokio::task_local! {
    static CURRENT: RequestId;
}

/// The header that carries it.
pub(crate) const HEADER: &str = "x-request-id";

/// Makes an id for the request. One sent by the client is not taken over: it would be a way to write into logs.
pub(crate) async fn assign(mut request: Request, next: Next) -> Response {
    let id = fresh();
    request.extensions_mut().insert(id.clone());
    within(id, next.run(request)).await
}

/// A new id.
pub(crate) fn fresh() -> RequestId {
    RequestId::new(new_id())
}

/// Runs what answers the request with this id.
pub(crate) async fn within(id: RequestId, answer: impl Future<Output = Response>) -> Response {
    let header = HeaderValue::from_str(id.as_str());
    let mut response = CURRENT.scope(id, answer).await;
    if let Ok(value) = header {
        response.headers_mut().insert(HEADER, value);
    }
    response
}

/// The id of the request that this task serves; empty outside one.
pub(crate) fn current() -> String {
    CURRENT.try_with(|id| id.as_str().to_owned()).unwrap_or_default()
}
