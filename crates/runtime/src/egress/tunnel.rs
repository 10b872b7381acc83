//! Connections that are passed through byte for byte: `CONNECT`, declared TCP endpoints, WebSockets after their opening.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1::handshake;
use hyper::header::{self, HeaderValue};
use hyper::http::uri::PathAndQuery;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional};

use super::BoxBody;
use super::broker::{Permit, Shared};
use super::dial::Stream;
use super::exchange::{EgressOutcome, Exchange, Via};
use super::forward::{admit, timely};
use super::refusal::Refusal;
use super::target::Target;
use crate::strip_hop_by_hop;

const UPGRADE: HeaderValue = HeaderValue::from_static("upgrade");
const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");

/// Answers `CONNECT`.
pub(super) async fn connect(
    shared: &Arc<Shared>,
    exchange: &Arc<Exchange>,
    request: Request<()>,
    permit: Permit,
) -> Result<Response<BoxBody>, Refusal> {
    let target = Target::tunnel(request.uri())?;
    admit(shared, exchange, &target).await?;
    let host = shared.dialer.tcp(&target).await?;
    exchange.ends(EgressOutcome::Opened);
    exchange.leaves_unfilled(&target);
    spawn(shared, exchange, hyper::upgrade::on(request), async move { Ok(Box::new(host) as Stream) }, permit);
    Ok(Response::new(empty()))
}

/// Passes a connection of the worker's through to a declared endpoint.
pub(super) async fn endpoint(shared: &Shared, worker: Stream, host: &str, port: u16) {
    let (placeholders, records) = (Arc::clone(&shared.worker.placeholders), shared.worker.records.clone());
    let exchange = Exchange::new(Via::Tcp, &Method::CONNECT, placeholders, records);
    let opened = async {
        let target = Target::endpoint(host, port)?;
        admit(shared, &exchange, &target).await?;
        exchange.leaves_unfilled(&target);
        shared.dialer.tcp(&target).await
    };
    match opened.await {
        Ok(host) => {
            exchange.ends(EgressOutcome::Opened);
            pass(shared, &exchange, worker, Box::new(host)).await;
        }
        Err(refusal) => exchange.refused(&refusal),
    }
}

/// What the host said to an upgrade.
pub(super) enum Upgrade {
    Agreed(Response<BoxBody>),
    Declined(Response<Incoming>),
}

/// Asks the host for a WebSocket, on a connection of its own, and connects the worker with it.
pub(super) async fn upgrade(
    shared: &Arc<Shared>,
    exchange: &Arc<Exchange>,
    target: &Target,
    mut request: Request<BoxBody>,
    caller: OnUpgrade,
    permit: Permit,
) -> Result<Upgrade, Refusal> {
    let malformed = || Refusal::malformed("upgrade_malformed", "the request cannot be forwarded");
    let path = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
    *request.uri_mut() = path.parse::<Uri>().map_err(|_| malformed())?;
    let headers = request.headers_mut();
    headers.insert(header::HOST, HeaderValue::from_str(&target.authority).map_err(|_| malformed())?);
    headers.insert(header::CONNECTION, UPGRADE);
    headers.insert(header::UPGRADE, WEBSOCKET);
    let stream = shared.dialer.http1(target).await?;
    let failed = |_| Refusal::upstream("upstream_failed", format!("{} did not answer in HTTP", target.host));
    let asked = async {
        let (mut sender, driver) = handshake(TokioIo::new(stream)).await.map_err(failed)?;
        tokio::spawn(shared.ended.clone().run_until_cancelled_owned(driver.with_upgrades()));
        sender.send_request(request).await.map_err(failed)
    };
    let mut response = timely(shared, exchange, asked).await?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Ok(Upgrade::Declined(response));
    }
    exchange.ends(EgressOutcome::Answered(response.status().as_u16()));
    let host = hyper::upgrade::on(&mut response);
    strip_hop_by_hop(response.headers_mut());
    response.extensions_mut().clear();
    response.headers_mut().insert(header::CONNECTION, UPGRADE);
    response.headers_mut().insert(header::UPGRADE, WEBSOCKET);
    let host = async move { host.await.map(|host| Box::new(TokioIo::new(host)) as Stream) };
    spawn(shared, exchange, caller, host, permit);
    Ok(Upgrade::Agreed(response.map(|_| empty())))
}

fn empty() -> BoxBody {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// Connects the two once the worker has its answer. The permit is held meanwhile: a tunnel counts as a connection.
fn spawn(
    shared: &Arc<Shared>,
    exchange: &Arc<Exchange>,
    caller: OnUpgrade,
    host: impl Future<Output = Result<Stream, hyper::Error>> + Send + 'static,
    permit: Permit,
) {
    let (shared, exchange) = (Arc::clone(shared), Arc::clone(exchange));
    tokio::spawn(shared.ended.clone().run_until_cancelled_owned(async move {
        let caller = async { caller.await.map(|caller: Upgraded| Box::new(TokioIo::new(caller)) as Stream) };
        // A worker that goes before it has its answer leaves nothing to pass through.
        if let (Ok(worker), Ok(host)) = tokio::join!(caller, host) {
            pass(&shared, &exchange, worker, host).await;
        }
        drop(permit);
    }));
}

async fn pass(shared: &Shared, exchange: &Exchange, worker: Stream, host: Stream) {
    let mut worker = Metered { stream: worker, read: &exchange.sent, exchange };
    let mut host = Metered { stream: host, read: &exchange.received, exchange };
    tokio::select! {
        // However it ends, the other side learns of it by the end of its connection.
        _ = copy_bidirectional(&mut worker, &mut host) => {}
        () = exchange.silence(shared.timeouts.idle) => {}
    }
}

/// A stream whose bytes are counted as they are read.
struct Metered<'a> {
    stream: Stream,
    read: &'a AtomicU64,
    exchange: &'a Exchange,
}

impl AsyncRead for Metered<'_> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        this.read.fetch_add((buf.filled().len() - before) as u64, Ordering::Relaxed);
        this.exchange.touch();
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Metered<'_> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
