//! One request in one worker, from the lease to the last byte of the response, and what became of it.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use domain::{SecretName, VersionSet};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::{Body, Incoming};
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Request, Response, StatusCode, Version};

use super::WorkerKey;
use super::body::WorkerBody;
use super::connection::{BodyError, Connection, RequestBody, SendError};
use super::guard::Watch;
use super::ledger::{Overrun, Place};
use super::output::Sink;
use super::process::{Exit, Worker};
use crate::strip_hop_by_hop;

/// Holds the invocation's id. The function sees it and may pass it on; a caller's own is overwritten.
pub const INVOCATION_HEADER: &str = "x-tresor-invocation";
/// Marks a response that stands for something thrown; its value is the worker's nonce.
const THREW_HEADER: &str = "x-tresor-threw";
/// Longest description of something thrown.
const THREW_BYTES: usize = 4 * 1024 * 1024;
/// How long after a broken connection the end of the process may take to be known.
const OBITUARY: Duration = Duration::from_millis(500);

/// How an invocation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The function answered and the whole response was read.
    Ok,
    /// The handler threw, or its response's stream broke.
    Error,
    /// The wall clock ran out.
    Timeout,
    /// It used more processor time than it may.
    CpuExceeded,
    /// Its response was larger than it may be.
    ResponseTooLarge,
    /// Its response held a value, and the guard did not let it out.
    ResponseBlocked,
    /// The worker's process ended.
    Crashed,
    /// The caller hung up before the end.
    ClientClosed,
}

impl Outcome {
    /// The word for it in the API and the logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Timeout => "timeout",
            Self::CpuExceeded => "cpu_exceeded",
            Self::ResponseTooLarge => "response_too_large",
            Self::ResponseBlocked => "response_blocked",
            Self::Crashed => "crashed",
            Self::ClientClosed => "client_closed",
        }
    }
}

/// Why an invocation gave no response, or its body broke off.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvokeError {
    /// The handler threw.
    #[error("the function threw: {message}")]
    Threw {
        /// The error and its stack, redacted and mapped to the source.
        message: String,
    },
    /// The wall clock ran out.
    #[error("the function did not finish within {} s", limit.as_secs_f64())]
    Timeout {
        /// The limit.
        limit: Duration,
    },
    /// It used more processor time than it may.
    #[error("the function used more than {} s of processor time", limit.as_secs_f64())]
    CpuExceeded {
        /// The limit.
        limit: Duration,
    },
    /// The response's body is too large.
    #[error("the function's response is larger than {limit} bytes")]
    ResponseTooLarge {
        /// The limit.
        limit: u64,
    },
    /// The response holds a value.
    #[error("the response holds the value of {secret}, and was not let out")]
    ResponseBlocked {
        /// Whose it is.
        secret: SecretName,
    },
    /// The worker's process ended.
    #[error("the function's worker ended: {exit}")]
    Crashed {
        /// How.
        exit: Exit,
    },
    /// The worker lives but broke the connection: its response's stream failed.
    #[error("the function broke off its response")]
    BrokenOff,
    /// The request's body ended early, mostly because the caller hung up.
    #[error("the request's body ended early")]
    RequestBody,
    /// The request's URL is not absolute, or the invocation id is no header value.
    #[error("the request is not fit for a worker: {0}")]
    Request(&'static str),
}

impl InvokeError {
    /// The outcome to be recorded for it.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Threw { .. } | Self::BrokenOff | Self::Request(_) => Outcome::Error,
            Self::Timeout { .. } => Outcome::Timeout,
            Self::CpuExceeded { .. } => Outcome::CpuExceeded,
            Self::ResponseTooLarge { .. } => Outcome::ResponseTooLarge,
            Self::ResponseBlocked { .. } => Outcome::ResponseBlocked,
            Self::Crashed { .. } => Outcome::Crashed,
            Self::RequestBody => Outcome::ClientClosed,
        }
    }
}

/// What is known of an invocation when it has ended.
#[derive(Debug)]
pub struct End<'a> {
    /// How it ended.
    pub outcome: Outcome,
    /// The status of its response; `None` if there was none, or none that the caller still waited for.
    pub status: Option<u16>,
    /// Why there was no response, or why its body broke off.
    pub error: Option<&'a InvokeError>,
    /// Whose value the response held, if the guard found one.
    pub returned: Option<&'a SecretName>,
}

type OnEnd = Box<dyn FnOnce(End<'_>) + Send>;

/// One of the users of a worker; the worker lives at least until it is dropped.
struct InUse(Arc<Worker>);

impl Drop for InUse {
    fn drop(&mut self) {
        self.0.release();
    }
}

/// Hides a worker's values in texts.
pub struct Cleaner(Arc<Sink>);

impl Cleaner {
    /// `text` without the values, without control characters, and not longer than a log line.
    pub fn clean(&self, text: &str) -> String {
        self.0.clean(text)
    }

    /// `text` without the values, whole. If its end was cut off, as much of it goes as half a value can be long.
    pub fn clean_text(&self, text: &str, cut: bool) -> String {
        let redacted = self.0.secrets.redactor().redact(text);
        if !cut {
            return redacted.into_owned();
        }
        let kept = redacted.floor_char_boundary(redacted.len().saturating_sub(self.0.secrets.redactor().longest()));
        redacted.get(..kept).unwrap_or_default().to_owned()
    }
}

/// The right to one invocation in a worker that is ready.
pub struct Lease {
    /// This lease's caller waited for the worker's boot.
    pub cold: bool,
    worker: InUse,
}

impl Lease {
    /// `worker` was leased by [`Worker::try_lease`] for this.
    pub(crate) fn new(worker: Arc<Worker>, cold: bool) -> Self {
        Self { cold, worker: InUse(worker) }
    }

    /// The id of the worker.
    pub fn worker(&self) -> &Arc<str> {
        &self.worker.0.id
    }

    /// The versions of the secrets that the worker was given.
    pub fn versions(&self) -> &Arc<VersionSet> {
        self.worker.0.sink.secrets.versions()
    }

    /// Hides the worker's values in texts about the invocation, also after it has ended.
    pub fn cleaner(&self) -> Cleaner {
        Cleaner(Arc::clone(&self.worker.0.sink))
    }

    /// The key of the worker.
    pub fn key(&self) -> &Arc<WorkerKey> {
        &self.worker.0.key
    }

    /// Invokes the function. `request` has the absolute URL that the function shall see (`https://host/path?query`), a
    /// `host` header to match, and no hop-by-hop header. `on_end` is called exactly once: when the response's body was
    /// read to the end, failed, or was dropped, or when there was no response or this future was dropped.
    ///
    /// # Errors
    /// [`InvokeError`]; a status of 500 that the function itself chose is no error.
    pub async fn send<B>(
        self,
        request: Request<B>,
        invocation: &str,
        on_end: impl FnOnce(End<'_>) + Send + 'static,
    ) -> Result<Response<WorkerBody>, InvokeError>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BodyError>,
    {
        let mut flight = Flight::begin(self, on_end);
        let worker = Arc::clone(flight.worker());
        let answer = async {
            let request = prepare(request, invocation)?;
            match worker.connections.send(request).await {
                Ok((response, connection)) if threw(&response, &worker.nonce) => {
                    Err(thrown(&worker, response, connection).await)
                }
                Ok(answer) => Ok(answer),
                Err(error) => Err(failed(&worker, error).await),
            }
        };
        let answer = tokio::select! {
            biased;
            answer = answer => answer,
            error = flight.overrun() => Err(error),
        };
        let (response, connection) = answer.inspect_err(|error| flight.fail(error))?;
        flight.answered(response.status());
        let (mut head, inner) = response.into_parts();
        strip_hop_by_hop(&mut head.headers);
        head.headers.remove(THREW_HEADER);
        let limit = worker.limits.response_bytes;
        if inner.size_hint().lower() > limit {
            let error = InvokeError::ResponseTooLarge { limit };
            flight.status = None;
            flight.fail(&error);
            return Err(error);
        }
        let mut watch = Watch::of(worker.guard, &worker.sink);
        if let Some(watch) = &mut watch
            && let Some(secret) = watch.head(&head.headers)
        {
            flight.returned = Some(secret.clone());
            if watch.blocks() {
                let error = InvokeError::ResponseBlocked { secret };
                flight.status = None;
                flight.fail(&error);
                return Err(error);
            }
        }
        let mut body = WorkerBody::new(inner, connection, flight, watch);
        body.begin().await?;
        Ok(Response::from_parts(head, body))
    }
}

/// An invocation under way. Its end is told once; if nobody knows better, the caller hung up.
pub(super) struct Flight {
    worker: InUse,
    /// `None` once no limit holds for it any more.
    place: Option<Place>,
    status: Option<u16>,
    pub(super) returned: Option<SecretName>,
    on_end: Option<OnEnd>,
}

impl Flight {
    pub(super) fn begin(lease: Lease, on_end: impl FnOnce(End<'_>) + Send + 'static) -> Self {
        let place = Some(lease.worker.0.ledger.enter());
        Self { worker: lease.worker, place, status: None, returned: None, on_end: Some(Box::new(on_end)) }
    }

    /// The caller has nothing of the response yet, and will not get it.
    pub(super) fn unanswered(&mut self) {
        self.status = None;
    }

    pub(super) fn answered(&mut self, status: StatusCode) {
        self.status = Some(status.as_u16());
    }

    /// From now on it may take as long as it likes.
    pub(super) fn outlast(&mut self) {
        if let Some(place) = self.place.take() {
            self.worker.0.ledger.leave(&place);
        }
    }

    pub(super) fn worker(&self) -> &Arc<Worker> {
        &self.worker.0
    }

    /// Ready when it went over a limit.
    pub(super) fn overrun(&self) -> impl Future<Output = InvokeError> + Send + use<> {
        let (worker, alarm) = (Arc::clone(self.worker()), self.place.as_ref().map(|place| Arc::clone(&place.alarm)));
        poll_fn(move |cx| match &alarm {
            Some(alarm) => alarm.poll(cx).map(|overrun| overran(&worker, overrun)),
            None => Poll::Pending,
        })
    }

    /// As [`Flight::overrun`], without a future of its own.
    pub(super) fn poll_overrun(&self, cx: &mut Context<'_>) -> Poll<InvokeError> {
        match &self.place {
            Some(place) => place.alarm.poll(cx).map(|overrun| overran(self.worker(), overrun)),
            None => Poll::Pending,
        }
    }

    /// As [`Flight::poll_overrun`], for who looks by itself and need not be woken.
    pub(super) fn overran(&self) -> Option<InvokeError> {
        self.place.as_ref().and_then(|place| place.alarm.rung()).map(|overrun| overran(self.worker(), overrun))
    }

    pub(super) fn finish(&mut self) {
        self.end(Outcome::Ok, None);
    }

    pub(super) fn fail(&mut self, error: &InvokeError) {
        self.end(error.outcome(), Some(error));
    }

    fn end(&mut self, outcome: Outcome, error: Option<&InvokeError>) {
        if let Some(on_end) = self.on_end.take() {
            self.outlast();
            on_end(End { outcome, status: self.status, error, returned: self.returned.as_ref() });
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.end(Outcome::ClientClosed, None);
    }
}

pub(super) fn prepare<B>(request: Request<B>, invocation: &str) -> Result<Request<RequestBody>, InvokeError>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BodyError>,
{
    let (mut head, body) = request.into_parts();
    // Deno shows an absolute request target as the request's URL, and its own socket's path otherwise.
    if head.uri.scheme().is_none() {
        return Err(InvokeError::Request("its URL must be absolute"));
    }
    let id = HeaderValue::from_str(invocation).map_err(|_| InvokeError::Request("its id must be visible ASCII"))?;
    head.version = Version::HTTP_11;
    head.headers.insert(HeaderName::from_static(INVOCATION_HEADER), id);
    let body = if body.is_end_stream() {
        Empty::new().map_err(|never| match never {}).boxed_unsync()
    } else {
        body.map_err(Into::into).boxed_unsync()
    };
    Ok(Request::from_parts(head, body))
}

fn threw(response: &Response<Incoming>, nonce: &str) -> bool {
    response.headers().get(THREW_HEADER).is_some_and(|value| value.as_bytes() == nonce.as_bytes())
}

/// Reads what was thrown. The worker has printed it too.
async fn thrown(worker: &Worker, response: Response<Incoming>, connection: Connection) -> InvokeError {
    let text = match Limited::new(response.into_body(), THREW_BYTES).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => Bytes::new(),
    };
    worker.connections.give_back(connection);
    let message = worker.sink.clean(&String::from_utf8_lossy(&text));
    InvokeError::Threw { message }
}

pub(super) async fn failed(worker: &Worker, error: SendError) -> InvokeError {
    match error {
        SendError::Broken(error) if error.is_user() => InvokeError::RequestBody,
        SendError::Broken(_) => obituary(worker).await,
        SendError::Connect => {
            let error = obituary(worker).await;
            // It lives and does not listen: it will never serve again.
            worker.kill(Exit::Stopped);
            error
        }
    }
}

/// What a broken connection means.
pub(super) async fn obituary(worker: &Worker) -> InvokeError {
    match tokio::time::timeout(OBITUARY, worker.gone()).await {
        Ok(exit) => InvokeError::Crashed { exit },
        Err(_) => InvokeError::BrokenOff,
    }
}

fn overran(worker: &Arc<Worker>, overrun: Overrun) -> InvokeError {
    match overrun {
        Overrun::Time => {
            worker.overran(Exit::Unresponsive);
            InvokeError::Timeout { limit: worker.limits.wall_clock }
        }
        Overrun::Cpu => {
            worker.overran(Exit::CpuExceeded);
            InvokeError::CpuExceeded { limit: worker.limits.cpu }
        }
    }
}
