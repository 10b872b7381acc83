//! What is recorded of each exchange with a host: how much and how long, never a value, a path or a query.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::SecretName;
use hyper::Method;
use hyper::header::HeaderValue;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::brokered::Placeholders;
use super::refusal::Refusal;
use super::target::Target;

/// How traffic left the worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// `fetch`: the broker saw the request.
    Fetch,
    /// A WebSocket: the broker saw its opening request, and passed frames through.
    WebSocket,
    /// A `CONNECT` tunnel: the broker saw host and port.
    Tunnel,
    /// A declared TCP endpoint.
    Tcp,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EgressOutcome {
    /// The host answered with this status.
    Answered(u16),
    /// The tunnel was opened.
    Opened,
    /// The broker refused, by the rule of this code.
    Refused(&'static str),
    /// It failed on the way, as this code says.
    Failed(&'static str),
    /// The worker went away before an answer.
    Abandoned,
}

/// One request or tunnel of a worker.
///
/// The host is the worker's own text: code that has a value in its environment can write it there, so redact it like a log line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EgressRecord {
    /// The invocation it was made in, as the worker says; `None` of tunnels and of what is sent in none.
    pub invocation: Option<String>,
    /// How it left the worker.
    pub via: Via,
    /// The host in lower case; empty if it could not be read.
    pub host: String,
    /// The port; 0 if the host could not be read.
    pub port: u16,
    /// The method if it is one of the standard ones, else `OTHER`.
    pub method: &'static str,
    /// How it ended.
    pub outcome: EgressOutcome,
    /// Bytes of the request's body that went to the host, values put in; of a tunnel, all bytes.
    pub request_bytes: u64,
    /// Bytes of the answer's body that went to the worker; of a tunnel, all bytes.
    pub response_bytes: u64,
    /// From the request's head to the end of its answer.
    pub duration: Duration,
    /// Secrets whose values were put in.
    pub secrets: Vec<SecretName>,
    /// The secret whose placeholder was refused, if that is why it ended.
    pub refused: Option<SecretName>,
    /// Secrets that this host may have, when the broker could not see what went to it: a placeholder stayed one.
    pub unfilled: Vec<SecretName>,
}

/// An exchange under way. Its record is sent when the last part of it is dropped.
pub(super) struct Exchange {
    pub(super) sent: AtomicU64,
    pub(super) received: AtomicU64,
    placeholders: Arc<Placeholders>,
    records: mpsc::Sender<EgressRecord>,
    began: Instant,
    state: Mutex<State>,
}

struct State {
    invocation: Option<String>,
    via: Via,
    host: String,
    port: u16,
    method: &'static str,
    outcome: EgressOutcome,
    used: BTreeSet<usize>,
    unfilled: BTreeSet<usize>,
    refusal: Option<Refusal>,
    touched: Instant,
}

impl Exchange {
    pub(super) fn new(
        via: Via,
        method: &Method,
        placeholders: Arc<Placeholders>,
        records: mpsc::Sender<EgressRecord>,
    ) -> Self {
        let method = match method.as_str() {
            "GET" => "GET",
            "HEAD" => "HEAD",
            "POST" => "POST",
            "PUT" => "PUT",
            "PATCH" => "PATCH",
            "DELETE" => "DELETE",
            "OPTIONS" => "OPTIONS",
            "TRACE" => "TRACE",
            "CONNECT" => "CONNECT",
            _ => "OTHER",
        };
        let began = Instant::now();
        let state = State {
            invocation: None,
            via,
            host: String::new(),
            port: 0,
            method,
            outcome: EgressOutcome::Abandoned,
            used: BTreeSet::new(),
            unfilled: BTreeSet::new(),
            refusal: None,
            touched: began,
        };
        let (sent, received) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { sent, received, placeholders, records, began, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for room for a record. Nothing leaves that could not be recorded.
    pub(super) async fn admit(&self) -> Result<(), Refusal> {
        match self.records.reserve().await {
            Ok(_room) => Ok(()),
            Err(_) => Err(Refusal::unavailable("record_unavailable", "no record could be kept of this request")),
        }
    }

    pub(super) fn names(&self, target: &Target) {
        let mut state = self.state();
        state.host.clone_from(&target.host);
        state.port = target.port;
    }

    /// Takes down in which invocation it is made. The worker could name any; a record is kept with the worker's own function.
    pub(super) fn within(&self, invocation: Option<&HeaderValue>) {
        let plain =
            |text: &&str| text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        self.state().invocation = invocation.and_then(|value| value.to_str().ok()).filter(plain).map(ToOwned::to_owned);
    }

    pub(super) fn is_websocket(&self) {
        self.state().via = Via::WebSocket;
    }

    pub(super) fn ends(&self, outcome: EgressOutcome) {
        self.state().outcome = outcome;
    }

    pub(super) fn refused(&self, refusal: &Refusal) {
        let outcome = match refusal.is_decision() {
            true => EgressOutcome::Refused(refusal.code),
            false => EgressOutcome::Failed(refusal.code),
        };
        let mut state = self.state();
        // The first one is the cause of the others.
        if state.refusal.is_none() {
            state.outcome = outcome;
            state.refusal = Some(refusal.clone());
        }
    }

    pub(super) fn refusal(&self) -> Option<Refusal> {
        self.state().refusal.clone()
    }

    pub(super) fn uses(&self, secret: usize) {
        self.state().used.insert(secret);
    }

    /// The tunnel to `target` cannot be seen into.
    pub(super) fn leaves_unfilled(&self, target: &Target) {
        self.state().unfilled.extend(self.placeholders.plan(target).open());
    }

    /// Something moved.
    pub(super) fn touch(&self) {
        self.state().touched = Instant::now();
    }

    /// Ends when nothing has moved for `span`.
    pub(super) async fn silence(&self, span: Duration) {
        loop {
            let until = self.state().touched + span;
            if until <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(until).await;
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        let names = |secrets: &BTreeSet<usize>| {
            secrets.iter().filter_map(|&secret| self.placeholders.name(secret).cloned()).collect()
        };
        let record = EgressRecord {
            invocation: state.invocation.take(),
            via: state.via,
            host: std::mem::take(&mut state.host),
            port: state.port,
            method: state.method,
            outcome: state.outcome,
            request_bytes: self.sent.load(Ordering::Relaxed),
            response_bytes: self.received.load(Ordering::Relaxed),
            duration: self.began.elapsed(),
            secrets: names(&state.used),
            refused: state.refusal.as_ref().and_then(|refusal| refusal.secret.clone()),
            unfilled: names(&state.unfilled),
        };
        if let Err(mpsc::error::TrySendError::Full(record)) = self.records.try_send(record)
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            // As many at most as there are connections: each exchange waited for room before it began.
            let records = self.records.clone();
            runtime.spawn(async move { records.send(record).await });
        }
    }
}
