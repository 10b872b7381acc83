//! Invoking a function: find what is active, check access, take a worker, hand the request over, record how it went.

mod apart;
mod drained;
mod ended;

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant, SystemTime};

use axum::body::{Body, Bytes};
use axum::http::{Method, Request, Response};
use domain::audit::AuditEvent;
use domain::{
    Access, AccountId, AccountName, Action, Actor, ActorKind, CorsOrigins, EgressPolicy, Endpoint, EnvironmentName,
    FunctionName, RequestId, ResponseGuard, SecretName, Timestamp, Value, VersionSet, authorize_invoke,
};
use http_body_util::Empty;
use hyper::upgrade::OnUpgrade;
use runtime::{
    Assignment, Cleaner, Egress, End, InvokeError, Lease, Limits, LogLine, Stream, WorkerBody, WorkerError, WorkerKey,
};
use thiserror::Error;

pub(super) use self::apart::{Asked, Unanswered, after};
pub(crate) use self::ended::Ended;
use self::ended::Ran;
use super::deployment::StoredLimits;
use super::gate::Gate;
use super::generations::Generation;
use super::{Error, Service, jwt, show};
use crate::clock;
use crate::metrics::InvocationLabels;

/// Which function is called.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Target {
    pub(crate) account: AccountName,
    pub(crate) environment: EnvironmentName,
    pub(crate) function: FunctionName,
}

/// Why a call got no answer from the function.
#[derive(Debug, Error)]
pub(crate) enum CallError {
    /// Before any worker was asked.
    #[error(transparent)]
    Service(#[from] Error),
    /// As many run as may, and the line is full or did not move.
    #[error("{limit} invocations of the function run at once, as many as it allows")]
    Overloaded {
        /// The function's limit.
        limit: u32,
    },
    /// There is no worker for it.
    #[error(transparent)]
    Worker(WorkerError<Error>),
    /// The worker did not answer.
    #[error(transparent)]
    Invoke(#[from] InvokeError),
}

/// What would not stand in a header, or would read as something else there.
const NOT_IN_HEADERS: &percent_encoding::AsciiSet = &percent_encoding::CONTROLS.add(b' ').add(b'%').add(b',').add(b'"');

/// What is active, as of one generation.
#[derive(Clone)]
pub(crate) struct Route {
    generation: u64,
    latest: Generation,
    account: AccountId,
    /// Who calls without saying so.
    anonymous: Arc<Actor>,
    function_id: String,
    access: Access,
    digest: String,
    secrets: domain::SecretSelection,
    limits: StoredLimits,
    cors_origins: CorsOrigins,
    egress: EgressPolicy,
    tcp: Vec<Endpoint>,
    guard: ResponseGuard,
    key: WorkerKey,
    gate: Arc<Gate>,
    /// From when its workers must not take invocations: they have a value before a current one, which ends then.
    until: Option<Timestamp>,
    /// When it was last noted that its secrets are in use, in Unix milliseconds.
    noted: Arc<AtomicI64>,
    /// Values that its invocations are told.
    told: Arc<Vec<(SecretName, Value)>>,
    /// Its workers' output goes nowhere.
    silent: bool,
}

/// How old that note may become: a worker that is always busy is never made anew.
const NOTE_AGAIN_MILLIS: i64 = 60 * 60 * 1000;

impl Route {
    /// Who may invoke the function.
    pub(super) fn access(&self) -> &Access {
        &self.access
    }

    /// From which pages the function may be called.
    pub(crate) fn cors_origins(&self) -> &CorsOrigins {
        &self.cors_origins
    }
}

/// Routes that were looked up. One of an older generation is looked up anew.
#[derive(Default)]
pub(crate) struct Routes {
    accounts: RwLock<HashMap<AccountName, AccountId>>,
    known: RwLock<HashMap<Target, Arc<Route>>>,
    gates: Mutex<HashMap<Place, Arc<Gate>>>,
    /// See `drained.rs`.
    taken: Mutex<Vec<Weak<Route>>>,
}

type Place = (AccountId, EnvironmentName, FunctionName);

impl Routes {
    fn gates(&self) -> MutexGuard<'_, HashMap<Place, Arc<Gate>>> {
        self.gates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call that may go ahead.
pub(crate) struct Call {
    route: Arc<Route>,
    actor: Arc<Actor>,
    id: String,
    began: Instant,
    started_at: Timestamp,
    method: Method,
    path: String,
}

impl Call {
    /// A call that somebody else has admitted.
    pub(super) fn of(route: Arc<Route>, actor: Arc<Actor>, id: String, method: &Method, path: &str) -> Self {
        let (began, started_at) = (Instant::now(), clock::now());
        Self { route, actor, id, began, started_at, method: method.clone(), path: path.to_owned() }
    }

    /// What it runs.
    pub(super) fn key(&self) -> &WorkerKey {
        &self.route.key
    }

    /// The invocation's id.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Who calls, for the function to see: `member:<name>`, `token:<name>`, `jwt:<issuer>/<sub, percent-encoded>` or
    /// `anonymous`.
    pub(crate) fn actor(&self) -> String {
        match (&self.actor.member, self.actor.kind) {
            (Some(member), _) => format!("member:{member}"),
            (None, ActorKind::Anonymous) => "anonymous".to_owned(),
            (None, kind) => {
                let name = percent_encoding::utf8_percent_encode(&self.actor.name, NOT_IN_HEADERS);
                format!("{}:{name}", show::actor_kind(kind))
            }
        }
    }
}

impl Service {
    /// Decides whether the caller may invoke the function that `target` names and [`Service::route`] found.
    pub(crate) async fn admit(
        &self,
        target: &Target,
        route: Arc<Route>,
        token: Option<&str>,
        id: RequestId,
        method: &Method,
        path: &str,
    ) -> Result<Arc<Call>, Error> {
        let began = Instant::now();
        let actor = match route.access {
            Access::Public => Arc::clone(&route.anonymous),
            Access::Authenticated | Access::Group(_) => {
                let token = token.ok_or(Error::Unauthenticated(
                    "This function needs a token: send one of Tresor (trs_…), or a JWT of an issuer that the account \
                     trusts, as `Authorization: Bearer …`.",
                ))?;
                let actor = match jwt::looks_like_one(token) {
                    true => self.jwt_actor(&route.account, &target.environment, token).await?,
                    false => self.authenticate(token).await?,
                };
                if actor.account != route.account {
                    return Err(Error::not_found("function"));
                }
                if let Err(denied) = authorize_invoke(&actor, &route.access, &target.environment) {
                    // Who an issuer vouches for may be anyone of the public: the audit log is not theirs to fill.
                    if actor.kind != ActorKind::Jwt {
                        let caller = super::Caller { actor, request_id: id };
                        let (action, environment) = (Action::FunctionInvoke, Some(&target.environment));
                        self.audit_denied(&caller, action, environment, target.function.as_str()).await?;
                    }
                    return Err(denied.into());
                }
                Arc::new(actor)
            }
        };
        Ok(Arc::new(Call {
            route,
            actor,
            id: id.as_str().to_owned(),
            began,
            started_at: clock::now(),
            method: method.clone(),
            path: path.to_owned(),
        }))
    }

    /// Hands an admitted request to a worker. The invocation is recorded when its response has ended.
    pub(crate) async fn call(
        &self,
        call: &Arc<Call>,
        request: Request<Body>,
    ) -> Result<Response<WorkerBody>, CallError> {
        let (lease, on_end) = self.lease(call).await?;
        Ok(lease.send(request, &call.id, on_end).await?)
    }

    /// As [`Service::call`], with what hides the values that the function was given.
    pub(super) async fn call_cleaned(
        &self,
        call: &Arc<Call>,
        request: Request<Body>,
    ) -> Result<(Response<WorkerBody>, Cleaner), CallError> {
        let (lease, on_end) = self.lease(call).await?;
        let cleaner = lease.cleaner();
        Ok((lease.send(request, &call.id, on_end).await?, cleaner))
    }

    /// As [`Service::call`], for a request to become a WebSocket over `caller`.
    pub(crate) async fn call_websocket(
        &self,
        call: &Arc<Call>,
        request: Request<Empty<Bytes>>,
        caller: OnUpgrade,
    ) -> Result<Response<Bytes>, CallError> {
        let (lease, on_end) = self.lease(call).await?;
        Ok(lease.upgrade(request, caller, &call.id, on_end).await?)
    }

    /// A lease on a worker, and what is to be called when the invocation has ended.
    async fn lease(&self, call: &Arc<Call>) -> Result<(Lease, impl FnOnce(End<'_>) + Send + use<>), CallError> {
        let runtime = &self.functions()?.runtime;
        let route = &call.route;
        let Some(pass) = route.gate.enter(route.limits.concurrency as usize).await else {
            let error = CallError::Overloaded { limit: route.limits.concurrency };
            self.record_unran(call, false, 503, "overloaded", error.to_string());
            return Err(error);
        };
        let lease = match runtime.worker(&route.key, || self.assignment(route)).await {
            Ok(lease) => lease,
            Err(error) => {
                let (status, outcome) = worker_failure(&error);
                if outcome == "boot_error" {
                    self.log_boot_failure(call, error.to_string());
                }
                self.record_unran(call, true, status, outcome, error.to_string());
                return Err(CallError::Worker(error));
            }
        };
        self.note_still_used(call, lease.versions());
        let ran = Ran {
            worker: Arc::clone(lease.worker()),
            cold: lease.cold,
            versions: Arc::clone(lease.versions()),
            cleaner: Some(lease.cleaner()),
        };
        let (service, record) = (self.clone(), Arc::clone(call));
        let on_end = move |end: End<'_>| {
            let blocked = matches!(end.error, Some(InvokeError::ResponseBlocked { .. }));
            let (status, error) = match (end.status, end.error) {
                (Some(status), error) => (status, error.filter(|_| blocked).map(ToString::to_string)),
                (None, Some(error)) => (invoke_failure(error), Some(error.to_string())),
                (None, None) => (CLIENT_CLOSED, None),
            };
            let error = error.map(|error| record.route.unsaid().map_or(error, str::to_owned));
            let told = end.returned.and_then(|secret| service.tell_returned(&record, secret, blocked));
            service.record(record, ran, status, end.outcome.as_str(), error, told);
            drop(pass);
        };
        Ok((lease, on_end))
    }

    /// Records a call that no worker got.
    fn record_unran(&self, call: &Arc<Call>, cold: bool, status: u16, outcome: &'static str, error: String) {
        let ran = Ran { worker: "".into(), cold, versions: Arc::default(), cleaner: None };
        self.record(Arc::clone(call), ran, status, outcome, Some(error), None);
    }

    /// The caller is told to look here, under its invocation's id.
    fn log_boot_failure(&self, call: &Call, text: String) {
        let line = LogLine {
            key: Arc::new(call.route.key.clone()),
            worker: "".into(),
            invocation: Some(call.id.clone()),
            stream: Stream::Stderr,
            time: SystemTime::now(),
            text,
        };
        if !self.recorder.log(line) {
            self.metrics.unrecorded.inc();
        }
    }

    /// What is active under a name.
    pub(crate) async fn route(&self, target: &Target) -> Result<Arc<Route>, Error> {
        let now = clock::now();
        let known = self.routes.known.read().unwrap_or_else(PoisonError::into_inner).get(target).cloned();
        let known = known.filter(|route| route.generation == route.latest.now());
        if let Some(route) = &known
            && route.until.is_none_or(|until| now < until)
        {
            return Ok(Arc::clone(route));
        }
        let account = self.account_id(&target.account).await?;
        let Target { environment, function, .. } = target;
        if known.is_some() {
            // Workers of this generation hold a value whose time is over.
            self.secrets_changed(&account, environment);
        }
        let generation = self.generations.current(&account, environment);
        let place = (account, environment.clone(), function.clone());
        let (account, ..) = &place;
        let (active, settings, until) = tokio::try_join!(
            self.store.active_deployment(account, environment, function),
            self.store.settings(account),
            self.store.overlap_end(account, environment, now),
        )?;
        let active = active.ok_or(Error::not_found("function"))?;
        let limits = serde_json::from_str(&active.limits_json)
            .map_err(|_| Error::Broken("a deployment's limits do not read back"))?;
        let route = Arc::new(Route {
            generation,
            latest: self.generations.of(account, environment),
            account: account.clone(),
            anonymous: Arc::new(Actor::anonymous(account.clone())),
            function_id: active.function_id,
            access: active.access,
            digest: active.digest,
            secrets: active.secrets,
            limits,
            cors_origins: active.cors_origins,
            egress: active.egress,
            tcp: active.tcp,
            guard: settings.response_guard.with(active.response_guard),
            key: WorkerKey {
                account: account.clone(),
                environment: environment.clone(),
                function: function.clone(),
                deployment: active.number,
                generation,
                apart: None,
            },
            gate: Arc::clone(self.routes.gates().entry(place.clone()).or_default()),
            until,
            noted: Arc::new(AtomicI64::new(now.as_millis())),
            told: Arc::default(),
            silent: false,
        });
        self.routes.remember(&route);
        self.routes.known.write().unwrap_or_else(PoisonError::into_inner).insert(target.clone(), Arc::clone(&route));
        Ok(route)
    }

    async fn account_id(&self, name: &AccountName) -> Result<AccountId, Error> {
        let known = self.routes.accounts.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        if let Some(id) = known {
            return Ok(id);
        }
        let row = self.store.account_by_name(name).await?.ok_or(Error::not_found("function"))?;
        self.routes.accounts.write().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), row.id.clone());
        Ok(row.id)
    }

    /// Reads the bundle and decrypts the values: once for each worker, not for each request.
    async fn assignment(&self, route: &Route) -> Result<Assignment, Error> {
        let (account, environment) = (&route.account, &route.key.environment);
        let set = self.secret_set(account, environment, &route.secrets, route.until.is_some(), &route.told);
        let bundle = async { Ok(self.store.bundle(account, &route.digest).await?) };
        let (secrets, code) = tokio::try_join!(set, bundle)?;
        let code = code.ok_or(Error::Broken("a deployment's bundle is missing"))?;
        let code = String::from_utf8(code).map_err(|_| Error::Broken("a bundle is not text"))?;
        let egress = Egress { policy: route.egress.clone(), tcp: route.tcp.clone() };
        let limits = Limits {
            wall_clock: Duration::from_secs(route.limits.timeout_seconds.into()),
            memory_mib: route.limits.memory_mib,
            cpu: Duration::from_secs(route.limits.cpu_seconds.into()),
            response_bytes: u64::from(route.limits.response_mib) << 20,
            ..Limits::default()
        };
        Ok(Assignment { code: code.into(), secrets, egress, limits, guard: route.guard, silent: route.silent })
    }

    /// As [`Service::note_used`], now and then for a worker that has its values for long.
    fn note_still_used(&self, call: &Call, versions: &VersionSet) {
        let (route, now) = (&call.route, call.started_at.as_millis());
        let noted = route.noted.load(Ordering::Relaxed);
        let is_old = now.saturating_sub(noted) >= NOTE_AGAIN_MILLIS;
        if !is_old || route.noted.compare_exchange(noted, now, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            return;
        }
        let names = versions.versions();
        self.note_used(
            &route.account,
            &route.key.environment,
            names.keys().filter_map(|name| SecretName::parse(name).ok()).collect(),
        );
    }

    fn record(
        &self,
        call: Arc<Call>,
        ran: Ran,
        status: u16,
        outcome: &'static str,
        error: Option<String>,
        told: Option<AuditEvent>,
    ) {
        let took = call.began.elapsed();
        let start = if ran.cold { "cold" } else { "warm" };
        self.metrics.invocations.get_or_create(&InvocationLabels { outcome, start }).inc();
        self.metrics.invocation_seconds.observe(took.as_secs_f64());
        if !self.recorder.invocation(Ended { call, ran, took, status, outcome, error, told: told.map(Box::new) }) {
            self.metrics.unrecorded.inc();
        }
    }
}

/// The status and outcome of a call that got no worker.
fn worker_failure(error: &WorkerError<Error>) -> (u16, &'static str) {
    match error {
        WorkerError::BootFailed { .. } | WorkerError::NoHandler => (502, "boot_error"),
        WorkerError::BootTimeout { .. } => (504, "boot_timeout"),
        WorkerError::TooManyWorkers { .. } => (503, "overloaded"),
        WorkerError::ShuttingDown => (503, "no_worker"),
        _ => (500, "internal"),
    }
}

/// The status that is recorded where the caller hung up before there was one.
const CLIENT_CLOSED: u16 = 499;

/// The status of a call that a worker did not answer.
fn invoke_failure(error: &InvokeError) -> u16 {
    match error {
        InvokeError::Timeout { .. } => 504,
        InvokeError::RequestBody => 400,
        InvokeError::Request(_) => 500,
        _ => 502,
    }
}
