//! One request of a worker, forwarded.

use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;

use http_body_util::{BodyExt as _, Empty, Full};
use hyper::body::{Body as _, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::http::uri::{PathAndQuery, Scheme};
use hyper::{Method, Request, Response, StatusCode, Uri, Version};

use super::body::{Piped, Way, drain};
use super::broker::{Permit, Shared};
use super::brokered::{Plan, Syntax};
use super::exchange::{EgressOutcome, Exchange, Via};
use super::refusal::Refusal;
use super::rewrite::Refused;
use super::target::Target;
use super::{BoxBody, head, reflection, tunnel};
use crate::{INVOCATION_HEADER, strip_hop_by_hop};

/// A body up to this length gets its new length when values of another length are put in; a longer one is sent in chunks.
const WHOLE_BYTES: u64 = 256 * 1024;

/// Answers one request of the worker's.
pub(super) async fn serve(
    shared: Arc<Shared>,
    permit: Permit,
    request: Request<Incoming>,
) -> Result<Response<BoxBody>, Infallible> {
    let via = if request.method() == Method::CONNECT { Via::Tunnel } else { Via::Fetch };
    let (placeholders, records) = (Arc::clone(&shared.worker.placeholders), shared.worker.records.clone());
    let exchange = Arc::new(Exchange::new(via, request.method(), placeholders, records));
    let (parts, body) = request.into_parts();
    let mut body = Some(body);
    let answer = match via {
        Via::Tunnel => tunnel::connect(&shared, &exchange, Request::from_parts(parts, ()), permit).await,
        _ => forward(&shared, &exchange, Request::from_parts(parts, ()), &mut body, permit).await,
    };
    Ok(match answer {
        Ok(response) => response,
        Err(refusal) => {
            exchange.refused(&refusal);
            if let Some(unread) = body {
                drain(unread).await;
            }
            refusal.response()
        }
    })
}

async fn forward(
    shared: &Arc<Shared>,
    exchange: &Arc<Exchange>,
    mut request: Request<()>,
    body: &mut Option<Incoming>,
    permit: Permit,
) -> Result<Response<BoxBody>, Refusal> {
    let invocation = request.headers_mut().remove(INVOCATION_HEADER);
    exchange.within(invocation.as_ref());
    let target = Target::of(request.uri())?;
    admit(shared, exchange, &target).await?;
    let plan = shared.worker.placeholders.plan(&target);
    let caller = is_websocket(&request).then(|| hyper::upgrade::on(&mut request));
    let (mut head, ()) = request.into_parts();
    strip_hop_by_hop(&mut head.headers);
    head.headers.remove(header::HOST);
    // The broker has said `100 Continue` itself when the body is read.
    head.headers.remove(header::EXPECT);
    let syntax = head::syntax(&head.headers);
    let announced = head.headers.remove(header::CONTENT_LENGTH).is_some();
    head::fill_headers(&mut head.headers, &plan, exchange)?;
    let path = head.uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let filled = head::fill_target(path, &plan, exchange)?;
    head.uri = address(&target, filled.as_ref().map_or(path, |text| text.as_str()))
        .ok_or_else(|| Refusal::forbidden("value_unfit", "with its values in it the URL is too long or malformed"))?;
    head.version = Version::HTTP_11;
    head.extensions.clear();
    if plan.opens() {
        reflection::ask_plainly(&mut head.headers);
    }
    let method = head.method.clone();
    let body = outgoing(shared, exchange, &target, &plan, syntax, body).await?;
    if let Some(length) = body.size_hint().exact().filter(|_| announced) {
        head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    let request = Request::from_parts(head, body);
    if let Some(caller) = caller {
        exchange.is_websocket();
        let answer = tunnel::upgrade(shared, exchange, &target, request, caller, permit).await?;
        return match answer {
            tunnel::Upgrade::Agreed(mut response) => {
                reflection::clean_headers(response.headers_mut(), &plan);
                Ok(response)
            }
            tunnel::Upgrade::Declined(response) => answered(shared, exchange, response, &method, &plan),
        };
    }
    let response = shared.pool.request(request);
    let response = timely(shared, exchange, async { response.await.map_err(|error| cause(&error, &target)) }).await?;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return Err(Refusal::upstream("upstream_invalid", "the host switched protocols unasked"));
    }
    answered(shared, exchange, response, &method, &plan)
}

/// Checks the policy and that a record can be kept.
pub(super) async fn admit(shared: &Shared, exchange: &Exchange, target: &Target) -> Result<(), Refusal> {
    exchange.names(target);
    if !shared.worker.policy.allows(&target.host, target.port) {
        let detail =
            format!("{} at port {} is not among the hosts that this function may reach", target.host, target.port);
        return Err(Refusal::forbidden("host_not_allowed", detail));
    }
    exchange.admit().await
}

/// Waits for the head of an answer.
pub(super) async fn timely<T>(
    shared: &Shared,
    exchange: &Exchange,
    answer: impl Future<Output = Result<T, Refusal>>,
) -> Result<T, Refusal> {
    tokio::select! {
        answer = answer => answer.map_err(|failure| exchange.refusal().unwrap_or(failure)),
        () = exchange.silence(shared.timeouts.first_byte) => {
            Err(Refusal::late("upstream_timeout", "the host did not answer in time"))
        }
    }
}

fn address(target: &Target, path: &str) -> Option<Uri> {
    let mut parts = hyper::http::uri::Parts::default();
    parts.scheme = Some(if target.tls { Scheme::HTTPS } else { Scheme::HTTP });
    parts.authority = Some(target.authority.parse().ok()?);
    parts.path_and_query = Some(path.parse().ok()?);
    Uri::from_parts(parts).ok()
}

fn is_websocket(request: &Request<()>) -> bool {
    let has = |name, word: &str| {
        let values = request.headers().get_all(name);
        values
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|value| value.trim().eq_ignore_ascii_case(word))
    };
    request.method() == Method::GET && has(header::UPGRADE, "websocket") && has(header::CONNECTION, "upgrade")
}

/// The request's body, with values put in. A placeholder that may not go there ends it.
async fn outgoing(
    shared: &Shared,
    exchange: &Arc<Exchange>,
    target: &Target,
    plan: &Plan<'_>,
    syntax: Option<Syntax>,
    body: &mut Option<Incoming>,
) -> Result<BoxBody, Refusal> {
    let Some(body) = body.take() else {
        return Ok(Empty::new().map_err(|never| match never {}).boxed_unsync());
    };
    let way = || {
        let (placeholders, target) = (Arc::clone(&shared.worker.placeholders), target.clone());
        Way::Out(Box::new(move |secret| placeholders.plan(&target).refusal(secret)))
    };
    let length = body.size_hint().exact();
    let (rewrite, keeps) = match syntax.filter(|_| !plan.is_empty()) {
        Some(syntax) => (Some(plan.rewrite(syntax)), plan.keeps_length(syntax)),
        None => (None, true),
    };
    match rewrite {
        // Many servers take no chunks.
        Some(rewrite) if !keeps && length.is_some_and(|length| length <= WHOLE_BYTES) => {
            let broken = |_| Refusal::malformed("request_broke_off", "the request ended before its body");
            let whole = body.collect().await.map_err(broken)?.to_bytes();
            let whole = rewrite
                .whole(&whole, |secret| exchange.uses(secret))
                .map_err(|Refused(secret)| plan.refusal(secret))?;
            let length = whole.len() as u64;
            Ok(Piped::new(Full::new(whole), way(), None, Some(length), Arc::clone(exchange)).boxed_unsync())
        }
        rewrite => {
            let length = length.filter(|_| keeps);
            Ok(Piped::new(body, way(), rewrite, length, Arc::clone(exchange)).boxed_unsync())
        }
    }
}

/// The answer as the worker gets it.
fn answered(
    shared: &Shared,
    exchange: &Arc<Exchange>,
    mut response: Response<Incoming>,
    method: &Method,
    plan: &Plan<'_>,
) -> Result<Response<BoxBody>, Refusal> {
    // An answer may come before a placeholder is found in the body.
    if let Some(refusal) = exchange.refusal() {
        return Err(refusal);
    }
    exchange.ends(EgressOutcome::Answered(response.status().as_u16()));
    let coding = reflection::coding(response.headers());
    strip_hop_by_hop(response.headers_mut());
    // The reason phrase is the host's own text.
    response.extensions_mut().clear();
    *response.version_mut() = Version::HTTP_11;
    let (idle, exchange) = (shared.timeouts.idle, Arc::clone(exchange));
    if plan.opens() {
        return reflection::cleaned(response, coding, method, plan, idle, exchange);
    }
    Ok(response.map(|body| {
        let length = body.size_hint().exact();
        Piped::new(body, Way::Back(idle), None, length, exchange).boxed_unsync()
    }))
}

/// What lies behind a failure of the pool's.
fn cause(error: &(dyn Error + 'static), target: &Target) -> Refusal {
    let host = &target.host;
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(refusal) = error.downcast_ref::<Refusal>() {
            return refusal.clone();
        }
        if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse) {
            return Refusal::upstream("upstream_invalid", format!("{host} answered with something that is not HTTP"));
        }
        next = error.source();
    }
    Refusal::upstream("upstream_failed", format!("{host} closed the connection before it answered"))
}
