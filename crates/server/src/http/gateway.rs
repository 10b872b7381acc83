//! The gateway: `/functions/v1/{name}` and `/a/{account}/{environment}/functions/v1/{name}`, any method, any path below.
//!
//! Functions answer on the same origin as the admin UI, so what they send is kept from being of that origin: their pages get
//! a sandboxing policy, and the session cookie goes neither to them nor is it theirs to set.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version, header, request::Parts};
use axum::response::{IntoResponse, Response};
use domain::{AccountName, EnvironmentName, FunctionName, RequestId, limits};

use http_body_util::{Empty, Limited};
use hyper::upgrade::OnUpgrade;
use runtime::{InvokeError, WorkerError, strip_hop_by_hop};

use super::auth;
use super::cors::Cors;
use super::problem::{ApiError, ApiResult};
use crate::service::{Call, CallError, Route, Service, Target};
use crate::ui::SESSION_COOKIES;

/// The response header with the invocation's id.
const INVOCATION: HeaderName = HeaderName::from_static("x-tresor-invocation");
/// The request header that tells a function who calls.
const ACTOR: HeaderName = HeaderName::from_static("x-tresor-actor");

/// Which function a path names, and the path below it; `None` if it is not the gateway's.
pub(super) fn target(path: &str) -> Option<ApiResult<(Target, &str)>> {
    const MARKER: &str = "/functions/v1/";
    let (account, environment, rest) = match path.strip_prefix(MARKER) {
        Some(rest) => ("default", "production", rest),
        None => {
            let (place, rest) = path.strip_prefix("/a/")?.split_once(MARKER)?;
            let (account, environment) = place.split_once('/')?;
            (account, environment, rest)
        }
    };
    let (name, below) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    // A name that breaks the rules is of no function: strangers learn nothing of the rules' order.
    Some(match (AccountName::parse(account), EnvironmentName::parse(environment), FunctionName::parse(name)) {
        (Ok(account), Ok(environment), Ok(function)) => Ok((Target { account, environment, function }, below)),
        _ => Err(not_found()),
    })
}

fn not_found() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "not_found", "There is no such function.")
}

/// Answers a request to the gateway. `id` becomes the invocation's.
pub(super) async fn respond(
    service: Service,
    id: RequestId,
    target: ApiResult<(Target, String)>,
    request: Request,
    peer: SocketAddr,
) -> Response {
    match forward(service, id, target, request, peer).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

async fn forward(
    service: Service,
    id: RequestId,
    target: ApiResult<(Target, String)>,
    request: Request,
    peer: SocketAddr,
) -> ApiResult<Response> {
    let (target, below) = target?;
    let route = service.route(&target).await.map_err(hide_missing)?;
    let cors = Cors::of(route.cors_origins(), request.headers());
    let (head, body) = request.into_parts();
    if let Some(answer) = cors.as_ref().and_then(|cors| cors.preflight(&head)) {
        return Ok(answer);
    }
    let answer = invoke(&service, id, (&target, &below), route, (head, body), peer).await;
    let mut response = answer.unwrap_or_else(IntoResponse::into_response);
    if let Some(cors) = cors {
        cors.mark(response.headers_mut());
    }
    Ok(response)
}

async fn invoke(
    service: &Service,
    id: RequestId,
    (target, below): (&Target, &str),
    route: Arc<Route>,
    (mut head, body): (Parts, Body),
    peer: SocketAddr,
) -> ApiResult<Response> {
    if declared_length(&head.headers).is_some_and(|bytes| bytes > limits::FUNCTION_REQUEST_BYTES as u64) {
        return Err(too_large());
    }
    // A public function's `Authorization` is its own business and need not be Tresor's.
    let token = auth::bearer(&head).ok().flatten().map(str::to_owned);
    let call = service.admit(target, route, token.as_deref(), id, &head.method, below).await.map_err(hide_missing)?;
    let upgrade = websocket(&mut head);
    rewrite(service, &mut head, &call, token.as_deref(), &["/", target.function.as_str(), below])?;
    // After the headers that `Connection` names are gone: it may name this one.
    forwarded(service, &mut head.headers, peer);
    if let Some(caller) = upgrade {
        let request = Request::from_parts(head, Empty::new());
        let answer = service.call_websocket(&call, request, caller).await.map_err(call_error);
        return Ok(named(&call, answer.map(|answer| answer.map(Body::from))));
    }
    let body = match body.is_end_stream() {
        true => Body::empty(),
        false => Body::new(Limited::new(body, limits::FUNCTION_REQUEST_BYTES)),
    };
    let answer = service.call(&call, Request::from_parts(head, body)).await.map_err(call_error);
    Ok(named(&call, answer.map(|answer| answer.map(Body::new))))
}

/// The function's answer, or why there is none, with the invocation's id.
fn named(call: &Call, answer: ApiResult<Response>) -> Response {
    let mut response = match answer {
        Ok(mut response) => {
            isolate(response.headers_mut());
            response
        }
        Err(error) => error.into_response(),
    };
    if let Ok(id) = HeaderValue::from_str(call.id()) {
        response.headers_mut().insert(INVOCATION, id);
    }
    response
}

/// The connection under a request that asks for a WebSocket (RFC 6455 §4.1), if it is one. Any other upgrade ends here.
fn websocket(head: &mut Parts) -> Option<OnUpgrade> {
    let lists = |name, word: &str| {
        let values = head.headers.get_all(name).iter().filter_map(|value: &HeaderValue| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|item| item.trim().eq_ignore_ascii_case(word))
    };
    let asks = head.method == Method::GET
        && head.version == Version::HTTP_11
        && lists(header::UPGRADE, "websocket")
        && lists(header::CONNECTION, "upgrade");
    asks.then(|| head.extensions.remove::<OnUpgrade>()).flatten()
}

/// Strangers do not learn what is missing: the account, the environment or the function.
fn hide_missing(error: crate::service::Error) -> ApiError {
    match error {
        crate::service::Error::NotFound { .. } => not_found(),
        other => other.into(),
    }
}

/// Makes the request what the function shall see.
fn rewrite(service: &Service, head: &mut Parts, call: &Call, token: Option<&str>, path: &[&str]) -> ApiResult<()> {
    strip_hop_by_hop(&mut head.headers);
    let own: Vec<_> = head.headers.keys().filter(|name| name.as_str().starts_with("x-tresor-")).cloned().collect();
    for name in own {
        head.headers.remove(name);
    }
    // A token is for Tresor, also one that was sent to a public function by mistake: code must not collect them.
    if token.is_some_and(domain::token::is_token) {
        head.headers.remove(header::AUTHORIZATION);
    }
    strip_session_cookie(&mut head.headers);
    if let Ok(actor) = HeaderValue::from_str(&call.actor()) {
        head.headers.insert(ACTOR, actor);
    }
    let bad_host =
        || ApiError::new(StatusCode::BAD_REQUEST, "host_invalid", "The Host header is missing or is no host name.");
    let own_url = service.sites().url();
    let host = match head.headers.get(header::HOST) {
        Some(host) => host.clone(),
        // HTTP/2 has it in the request's target.
        None => {
            let own = own_url.split_once("://").map_or(own_url, |(_, host)| host);
            HeaderValue::from_str(head.uri.authority().map_or(own, Authority::as_str)).map_err(|_| bad_host())?
        }
    };
    let scheme = if service.sites().is_https() { "https://" } else { "http://" };
    let mut uri = [scheme, host.to_str().map_err(|_| bad_host())?].concat();
    uri.extend(path.iter().copied());
    if let Some(query) = head.uri.query() {
        uri.extend(["?", query]);
    }
    head.uri = Uri::from_maybe_shared(Bytes::from(uri)).map_err(|_| bad_host())?;
    head.headers.insert(header::HOST, host);
    Ok(())
}

/// Tells the function who connected. A client can write what it likes into these headers, so they are kept only from a
/// reverse proxy on this machine, which is there if a public URL was named.
fn forwarded(service: &Service, headers: &mut HeaderMap, peer: SocketAddr) {
    const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
    const OTHERS: [HeaderName; 4] = [
        header::FORWARDED,
        HeaderName::from_static("x-forwarded-host"),
        HeaderName::from_static("x-forwarded-proto"),
        HeaderName::from_static("x-real-ip"),
    ];
    let from_proxy = service.sites().is_behind_proxy() && peer.ip().is_loopback();
    if !from_proxy {
        for name in OTHERS {
            headers.remove(name);
        }
    } else if headers.contains_key(FOR) {
        return;
    }
    if let Ok(address) = HeaderValue::from_str(&peer.ip().to_string()) {
        headers.insert(FOR, address);
    }
}

fn strip_session_cookie(headers: &mut HeaderMap) {
    let kept: Vec<HeaderValue> = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| {
            let text = value.to_str().ok()?;
            let ours = |pair: &&str| SESSION_COOKIES.contains(&pair.split('=').next().unwrap_or_default().trim());
            let kept: Vec<_> = text.split(';').filter(|pair| !ours(pair)).map(str::trim).collect();
            if kept.is_empty() { None } else { HeaderValue::from_str(&kept.join("; ")).ok() }
        })
        .collect();
    headers.remove(header::COOKIE);
    for value in kept {
        headers.append(header::COOKIE, value);
    }
}

/// Keeps a function's response from acting with the admin UI's origin.
fn isolate(headers: &mut HeaderMap) {
    let sandbox =
        HeaderValue::from_static("sandbox allow-scripts allow-forms allow-popups allow-modals allow-downloads");
    headers.append(header::CONTENT_SECURITY_POLICY, sandbox);
    headers.remove(HeaderName::from_static("service-worker-allowed"));
    headers.remove(HeaderName::from_static("clear-site-data"));
    let ours = |value: &HeaderValue| {
        let name = value.as_bytes().split(|&byte| byte == b'=').next().unwrap_or_default();
        SESSION_COOKIES.iter().any(|cookie| name.trim_ascii() == cookie.as_bytes())
    };
    if headers.get_all(header::SET_COOKIE).iter().any(ours) {
        let kept: Vec<_> = headers.get_all(header::SET_COOKIE).iter().filter(|value| !ours(value)).cloned().collect();
        headers.remove(header::SET_COOKIE);
        for value in kept {
            headers.append(header::SET_COOKIE, value);
        }
    }
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn too_large() -> ApiError {
    let detail = format!("The body is larger than the {} bytes that a function takes.", limits::FUNCTION_REQUEST_BYTES);
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
}

/// What a caller may know. Error texts of a function can hold anything, so they stay in its log.
fn call_error(error: CallError) -> ApiError {
    const LOG: &str = "Its log tells more, under the id in x-tresor-invocation.";
    let problem = |status, code, detail: &str| ApiError::new(status, code, format!("{detail} {LOG}"));
    match error {
        CallError::Service(error) => error.into(),
        CallError::Worker(WorkerError::BootFailed { .. }) => {
            problem(StatusCode::BAD_GATEWAY, "function_boot_error", "The function failed while it was loaded.")
        }
        CallError::Worker(WorkerError::NoHandler) => problem(
            StatusCode::BAD_GATEWAY,
            "function_no_handler",
            "The function has no handler: it must call Deno.serve or have a default export.",
        ),
        CallError::Worker(WorkerError::BootTimeout { .. }) => {
            problem(StatusCode::GATEWAY_TIMEOUT, "function_boot_timeout", "The function took too long to load.")
        }
        CallError::Worker(WorkerError::TooManyWorkers { .. }) => {
            ApiError::overloaded("All workers are in use, and none became free in time: try again shortly.")
        }
        CallError::Overloaded { .. } => ApiError::overloaded(
            "The function runs as often at once as it may, and the line is too long: try again shortly.",
        ),
        CallError::Worker(WorkerError::ShuttingDown) => ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "shutting_down",
            "The server is stopping: try again shortly.",
        ),
        CallError::Worker(WorkerError::Load(error)) => error.into(),
        CallError::Worker(other) => {
            tracing::error!(error = %other, "a worker could not be started");
            ApiError::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "worker_failed",
                "A worker could not be started. The server's log tells more.",
            )
        }
        CallError::Invoke(InvokeError::Threw { .. }) => {
            problem(StatusCode::BAD_GATEWAY, "function_threw", "The function threw an error.")
        }
        CallError::Invoke(InvokeError::Timeout { .. }) => {
            problem(StatusCode::GATEWAY_TIMEOUT, "function_timeout", "The function did not finish in its time.")
        }
        CallError::Invoke(InvokeError::CpuExceeded { .. }) => problem(
            StatusCode::BAD_GATEWAY,
            "function_cpu_exceeded",
            "The function used more processor time than it may.",
        ),
        CallError::Invoke(InvokeError::ResponseTooLarge { .. }) => problem(
            StatusCode::BAD_GATEWAY,
            "function_response_too_large",
            "The function's response is larger than it may be.",
        ),
        CallError::Invoke(InvokeError::ResponseBlocked { .. }) => problem(
            StatusCode::BAD_GATEWAY,
            "function_response_blocked",
            "The function's response holds something that it should not, and was not let out.",
        ),
        CallError::Invoke(InvokeError::Crashed { .. }) => {
            problem(StatusCode::BAD_GATEWAY, "function_crashed", "The function's worker ended.")
        }
        CallError::Invoke(InvokeError::RequestBody) => ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body_too_large",
            "The body ended early, or is larger than a function takes.",
        ),
        CallError::Invoke(_) => {
            problem(StatusCode::BAD_GATEWAY, "function_failed", "The function gave no whole response.")
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, header};

    use super::{isolate, strip_hop_by_hop, strip_session_cookie, target};

    #[test]
    fn paths_of_functions() {
        let parts = |path| {
            let (target, below) = target(path)?.ok()?;
            Some((target.account.to_string(), target.environment.to_string(), target.function.to_string(), below))
        };
        let hello = |below| Some(("default".to_owned(), "production".to_owned(), "hello".to_owned(), below));
        assert_eq!(parts("/functions/v1/hello"), hello(""));
        assert_eq!(parts("/functions/v1/hello/"), hello("/"));
        let named = Some(("x".to_owned(), "y".to_owned(), "hello".to_owned(), "/a%2Fb"));
        assert_eq!(parts("/a/x/y/functions/v1/hello/a%2Fb"), named);
        assert!(target("/functions/v1/No").is_some_and(|refused| refused.is_err()));
        for other in ["/functions/v1", "/a/x/functions/v1/hello", "/api/v1/functions/v1/", "/a/"] {
            assert!(target(other).is_none(), "{other}");
        }
    }

    #[test]
    fn connection_headers_end_here() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONNECTION, HeaderValue::from_static("close, X-Private"));
        headers.insert("x-private", HeaderValue::from_static("1"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("h2c"));
        headers.insert("proxy-connection", HeaderValue::from_static("keep-alive"));
        headers.insert("x-kept", HeaderValue::from_static("1"));
        strip_hop_by_hop(&mut headers);
        assert_eq!(headers.keys().map(|name| name.as_str()).collect::<Vec<_>>(), ["x-kept"]);
    }

    #[test]
    fn functions_neither_see_nor_set_the_session() {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_static("a=1; tresor_session=trc_x; b=2"));
        strip_session_cookie(&mut headers);
        assert_eq!(headers.get(header::COOKIE), Some(&HeaderValue::from_static("a=1; b=2")));
        let mut headers = HeaderMap::new();
        headers.append(header::SET_COOKIE, HeaderValue::from_static("tresor_session=evil"));
        headers.append(header::SET_COOKIE, HeaderValue::from_static("own=1"));
        isolate(&mut headers);
        assert_eq!(headers.get_all(header::SET_COOKIE).iter().collect::<Vec<_>>(), ["own=1"]);
    }
}
