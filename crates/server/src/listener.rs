//! Connections: accepted here, spoken over in HTTP/1.1 or HTTP/2, with or without TLS, and finished when the server stops.
//!
//! What a connection may cost before and between its requests is decided here. What a request means is not.

mod lanes;
mod stall;
mod wire;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::http::App;
use crate::tls::Tls;
use lanes::Lanes;
use stall::Stall;
use wire::Wire;

/// From the first wait for a request to the end of its head; also the longest that a connection stays idle.
const HEAD: Duration = Duration::from_secs(30);
/// The whole TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(15);
/// Request line and headers.
const HEAD_BYTES: usize = 64 * 1024;
/// Requests at once on one HTTP/2 connection.
const STREAMS: u32 = 200;
/// Between two signs of life on an HTTP/2 connection, and how long to wait for one.
const PING: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(20));
/// After the system had no descriptor or no memory for a connection.
const EXHAUSTED: Duration = Duration::from_millis(200);

/// How every connection is spoken over.
struct Protocols {
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
}

/// The settings of connections, all of them.
fn protocols() -> Protocols {
    let mut http1 = http1::Builder::new();
    http1.timer(TokioTimer::new()).header_read_timeout(HEAD).max_header_size(HEAD_BYTES).pipeline_flush(true);
    let mut http2 = http2::Builder::new(TokioExecutor::new());
    http2
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEAD_BYTES as u32)
        .keep_alive_interval(PING.0)
        .keep_alive_timeout(PING.1);
    Protocols { http1, http2 }
}

struct Shared {
    app: Arc<App>,
    tls: Option<Arc<Tls>>,
    protocols: Protocols,
    stop: CancellationToken,
}

/// Serves until `stop`; then takes no further connection, and returns when those there are have finished their requests.
///
/// # Errors
/// The system gave no threads.
pub(crate) async fn run(
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    app: Arc<App>,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let shared = Arc::new(Shared { app, tls, protocols: protocols(), stop });
    let connections = TaskTracker::new();
    let mut lanes = Lanes::start(&shared, &connections)?;
    while let Some(accepted) = shared.stop.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, peer)) => lanes.give(stream, peer),
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "a connection could not be accepted");
                tokio::time::sleep(EXHAUSTED).await;
            }
        }
    }
    drop((listener, lanes));
    connections.close();
    connections.wait().await;
    Ok(())
}

fn is_of_one_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn serve(stream: TcpStream, peer: SocketAddr, shared: Arc<Shared>) {
    // Answers are written whole; waiting for more would only delay them.
    let _ = stream.set_nodelay(true);
    let Some(tls) = &shared.tls else {
        match within(&shared.stop, HEAD, speaks_http2(&stream)).await {
            Some(Ok(false)) => serve_http1(Stall::new(stream), peer, &shared).await,
            Some(Ok(true)) => Box::pin(serve_http2(Stall::new(stream), peer, &shared)).await,
            Some(Err(_)) | None => {}
        }
        return;
    };
    match within(&shared.stop, HANDSHAKE, Box::pin(tls.accept(Stall::new(stream)))).await {
        Some(Ok(stream)) if stream.get_ref().1.alpn_protocol() == Some(b"h2") => {
            Box::pin(serve_http2(stream, peer, &shared)).await;
        }
        Some(Ok(stream)) => Box::pin(serve_http1(stream, peer, &shared)).await,
        Some(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
        None => {}
    }
}

async fn within<T>(stop: &CancellationToken, limit: Duration, step: impl Future<Output = T>) -> Option<T> {
    stop.run_until_cancelled(tokio::time::timeout(limit, step)).await?.ok()
}

/// Whether the client begins with HTTP/2's preface. `PRI` is no method of HTTP/1 (RFC 9113 §11.7), so its four first bytes tell.
async fn speaks_http2(stream: &TcpStream) -> std::io::Result<bool> {
    const START: &[u8] = b"PRI ";
    let mut bytes = [0; START.len()];
    loop {
        let seen = stream.peek(&mut bytes).await?;
        let seen = bytes.get(..seen).unwrap_or_default();
        if seen.is_empty() || seen.len() == START.len() || !START.starts_with(seen) {
            return Ok(seen == START);
        }
        // What was peeked at stays readable, so there is nothing to be woken by.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn serve_http1<S>(stream: S, peer: SocketAddr, shared: &Shared)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (stream, verdict) = Wire::new(stream);
    let service = service_fn(|request: hyper::Request<Incoming>| {
        let (app, verdict) = (Arc::clone(&shared.app), Arc::clone(&verdict));
        async move {
            if verdict.is_ambiguous() {
                let detail = "The request's length can be read in more than one way.";
                return Ok::<_, Infallible>(closing(app.refuse("request_ambiguous", detail).await));
            }
            let response = app.respond(received(request), peer).await;
            if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                verdict.release();
            }
            Ok(response)
        }
    });
    let connection = shared.protocols.http1.serve_connection(TokioIo::new(stream), service).with_upgrades();
    drive(connection, &shared.stop, |connection| connection.graceful_shutdown()).await;
}

async fn serve_http2<S>(stream: S, peer: SocketAddr, shared: &Shared)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let app = Arc::clone(&shared.app);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let app = Arc::clone(&app);
        async move { Ok::<_, Infallible>(app.respond(received(request), peer).await) }
    });
    let connection = shared.protocols.http2.serve_connection(TokioIo::new(stream), service);
    drive(connection, &shared.stop, |connection| connection.graceful_shutdown()).await;
}

/// Runs a connection to its end; `finish` tells it to take no further request.
async fn drive<C, E>(connection: C, stop: &CancellationToken, finish: impl FnOnce(Pin<&mut C>))
where
    C: Future<Output = Result<(), E>>,
    E: std::fmt::Display,
{
    // A token of its own: every wake-up looks at it, and all connections would meet at the one lock.
    let stop = stop.child_token();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => Some(ended),
        () = stop.cancelled() => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            finish(connection.as_mut());
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

fn received(request: hyper::Request<Incoming>) -> Request {
    request.map(|body| if body.is_end_stream() { Body::empty() } else { Body::new(body) })
}

fn closing(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
