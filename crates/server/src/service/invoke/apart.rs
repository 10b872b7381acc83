//! Invocations that the server makes of its own accord, for a secret's rotator: in a worker of their own, past the gateway, with
//! an actor that no caller can be. What the function answers goes to who asked and nowhere else.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderName, Method, Request, header};
use domain::{Actor, ResponseGuard, SecretName, Timestamp, Value};
use http_body_util::{BodyExt as _, Limited};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::{AtomicI64, Call, CallError, Error, Route, Service, Target, WorkerKey};
use crate::clock;
use crate::service::new_id;

/// Beside the function's own time: to boot, and for a place in line.
const BESIDE: Duration = Duration::from_secs(30);
/// Most bytes of an answer: a value in JSON, with every character escaped.
const ANSWER_BYTES: usize = 512 * 1024;

/// What is asked.
pub(in crate::service) struct Asked {
    /// What the worker is for: nobody else gets one of that name.
    pub(in crate::service) purpose: Arc<str>,
    pub(in crate::service) actor: Actor,
    /// Values in `body` that the function may not have otherwise.
    pub(in crate::service) told: Vec<(SecretName, Value)>,
    /// It makes a value that nobody can take out of what it writes, which therefore goes nowhere.
    pub(in crate::service) silent: bool,
    /// JSON.
    pub(in crate::service) body: Zeroizing<String>,
}

/// What came of it, without a word of the function's own.
pub(in crate::service) enum Unanswered {
    /// Why, in words that follow the function's name.
    Why(&'static str),
    Service(Error),
}

impl Service {
    /// Invokes a function that [`Service::route`] found, and reads its answer: the status and the body.
    pub(in crate::service) async fn invoke_apart(
        &self,
        target: &Target,
        route: &Route,
        asked: Asked,
    ) -> Result<(u16, Zeroizing<Vec<u8>>), Unanswered> {
        let Asked { purpose, actor, told, silent, body } = asked;
        let limit = Duration::from_secs(route.limits.timeout_seconds.into()) + BESIDE;
        let route = Arc::new(route.apart(Arc::clone(&purpose), told, silent));
        let call = Arc::new(Call::of(route, Arc::new(actor), new_id(), &Method::POST, "/"));
        let own_url = self.sites().url();
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("{own_url}/{}/", target.function))
            .header(header::HOST, own_url.split_once("://").map_or(own_url, |(_, host)| host))
            .header(header::CONTENT_TYPE, "application/json")
            .header(HeaderName::from_static("x-tresor-actor"), call.actor())
            .body(Body::from(body.as_bytes().to_vec()))
            .map_err(|_| Unanswered::Service(Error::Broken("a rotator's request cannot be sent")))?;
        let answered = timeout(limit, async {
            let response = self.call(&call, request).await.map_err(unanswered)?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, ANSWER_BYTES).collect().await;
            let body = body.map_err(|_| Unanswered::Why("broke off its answer, or made it larger than 512 KiB"))?;
            Ok((head.status.as_u16(), Zeroizing::new(body.to_bytes().to_vec())))
        })
        .await;
        if let Ok(functions) = &self.functions {
            functions.runtime.retire(|key| key.apart.as_ref() == Some(&purpose));
        }
        answered.unwrap_or(Err(Unanswered::Why("did not answer in its time")))
    }
}

fn unanswered(error: CallError) -> Unanswered {
    use runtime::InvokeError as Failed;
    match error {
        CallError::Service(error) | CallError::Worker(runtime::WorkerError::Load(error)) => Unanswered::Service(error),
        CallError::Overloaded { .. } => Unanswered::Why("runs as often at once as it may"),
        CallError::Worker(_) => Unanswered::Why("did not start: its log tells more"),
        CallError::Invoke(Failed::Threw { .. }) => Unanswered::Why("threw an error"),
        CallError::Invoke(Failed::Timeout { .. }) => Unanswered::Why("did not answer in its time"),
        CallError::Invoke(Failed::CpuExceeded { .. }) => Unanswered::Why("used more processor time than it may"),
        CallError::Invoke(_) => Unanswered::Why("gave no whole answer"),
    }
}

impl Route {
    /// The same, for workers of one purpose.
    fn apart(&self, purpose: Arc<str>, told: Vec<(SecretName, Value)>, silent: bool) -> Self {
        Self {
            key: WorkerKey { apart: Some(purpose), ..self.key.clone() },
            // The answer is for the server, which asked for the value.
            guard: ResponseGuard::Off,
            noted: Arc::new(AtomicI64::new(clock::now().as_millis())),
            told: Arc::new(told),
            silent,
            ..self.clone()
        }
    }

    /// What an invocation's record says in place of an error, which may hold what the function was about to answer.
    pub(super) fn unsaid(&self) -> Option<&'static str> {
        self.key.apart.as_ref().map(|_| "what a rotator's function says of its failure is not kept")
    }

    /// Whether functions get the value under `name` in their environment from here.
    pub(in crate::service) fn injects(&self, name: &SecretName) -> bool {
        self.secrets.includes(name)
    }
}

/// Not before then.
pub(in crate::service) fn after(time: Timestamp, limit: Duration) -> Timestamp {
    time.plus_millis(i64::try_from(limit.as_millis()).unwrap_or(i64::MAX))
}
