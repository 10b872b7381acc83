//! WebSockets: a connection to a worker that stops being HTTP and is passed through, byte for byte, until a side ends it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1::handshake;
use hyper::header::{self, HeaderValue};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional};
use tokio::net::UnixStream;
use tokio::sync::watch;
use tokio::time::Instant;

use super::connection::SendError;
use super::invocation::{End, Flight, InvokeError, Lease, failed, prepare};
use super::process::Worker;
use crate::strip_hop_by_hop;

/// A connection over which nothing came for so long is closed.
const IDLE: Duration = Duration::from_secs(300);
/// Largest answer of a function that declines to upgrade.
const DECLINED_BYTES: usize = 1024 * 1024;
const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");

impl Lease {
    /// As [`Lease::send`], for a request to become a WebSocket. If the function agrees, the answer is 101, and what comes over
    /// `caller` afterwards and what the function sends is passed through in the background: the invocation lasts as long.
    /// The wall clock does not bound it, but silence does, and if the worker is retired, its wall clock from then on.
    ///
    /// # Errors
    /// [`InvokeError`], before the answer.
    pub async fn upgrade(
        self,
        request: Request<Empty<Bytes>>,
        caller: OnUpgrade,
        invocation: &str,
        on_end: impl FnOnce(End<'_>) + Send + 'static,
    ) -> Result<Response<Bytes>, InvokeError> {
        let mut flight = Flight::begin(self, on_end);
        let worker = Arc::clone(flight.worker());
        let answer = tokio::select! {
            biased;
            answer = ask(&worker, request, invocation) => answer,
            error = flight.overrun() => Err(error),
        };
        let (mut response, body) = answer.inspect_err(|error| flight.fail(error))?;
        flight.answered(response.status());
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            strip_hop_by_hop(response.headers_mut());
            flight.finish();
            return Ok(response.map(|()| body));
        }
        let function = hyper::upgrade::on(&mut response);
        strip_hop_by_hop(response.headers_mut());
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        response.headers_mut().insert(header::UPGRADE, WEBSOCKET);
        flight.outlast();
        tokio::spawn(async move {
            // A caller that goes before it has its answer leaves nothing to pass through.
            if let (Ok(caller), Ok(function)) = tokio::join!(caller, function) {
                pass_through(&worker, caller, function).await;
            }
            flight.finish();
        });
        Ok(response.map(|()| body))
    }
}

async fn ask(
    worker: &Worker,
    request: Request<Empty<Bytes>>,
    invocation: &str,
) -> Result<(Response<()>, Bytes), InvokeError> {
    let mut request = prepare(request, invocation)?;
    request.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    request.headers_mut().insert(header::UPGRADE, WEBSOCKET);
    let sent = async {
        let stream = UnixStream::connect(worker.connections.socket()).await.map_err(|_| SendError::Connect)?;
        let (mut sender, driver) = handshake(TokioIo::new(stream)).await.map_err(SendError::Broken)?;
        tokio::spawn(driver.with_upgrades());
        sender.send_request(request).await.map_err(SendError::Broken)
    };
    let response = match sent.await {
        Ok(response) => response,
        Err(error) => return Err(failed(worker, error).await),
    };
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return Ok((response.map(drop), Bytes::new()));
    }
    let (head, body) = response.into_parts();
    let body = Limited::new(body, DECLINED_BYTES).collect().await.map_err(|_| InvokeError::BrokenOff)?;
    Ok((Response::from_parts(head, ()), body.to_bytes()))
}

async fn pass_through(worker: &Worker, caller: Upgraded, function: Upgraded) {
    let heard = watch::Sender::new(Instant::now());
    let (mut caller, mut function) = (
        Heard { stream: TokioIo::new(caller), heard: &heard },
        Heard { stream: TokioIo::new(function), heard: &heard },
    );
    tokio::select! {
        // However it ends, the other side learns of it by the end of its connection.
        _ = copy_bidirectional(&mut caller, &mut function) => {}
        () = silence(&heard) => {}
        () = worker.retired_for(worker.limits.wall_clock) => {}
    }
}

/// Ends when nothing was heard for [`IDLE`].
async fn silence(heard: &watch::Sender<Instant>) {
    loop {
        let until = *heard.borrow() + IDLE;
        if until <= Instant::now() {
            return;
        }
        tokio::time::sleep_until(until).await;
    }
}

/// A stream that notes when it was heard of last.
struct Heard<'a, S> {
    stream: S,
    heard: &'a watch::Sender<Instant>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Heard<'_, S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        this.heard.send_replace(Instant::now());
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Heard<'_, S> {
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
