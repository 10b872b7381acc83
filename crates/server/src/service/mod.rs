//! The use cases. Each authorizes, acts and audits by itself; callers add nothing to its safety.
//!
//! Must not live here: HTTP, HTML, status codes, SQL.

mod account_key;
mod accounts;
mod audit;
mod caller;
mod change;
mod checks;
mod confirmations;
mod delivery;
mod deployment;
mod drafts;
mod duplicates;
mod environments;
mod error;
mod function_batch;
mod function_view;
mod functions;
mod gate;
mod generations;
mod health;
mod imports;
mod inject;
mod invocations;
mod invoke;
mod invoke_once;
mod issuers;
mod jwt;
mod keyring;
mod matrix;
mod members;
mod oauth;
mod outside;
mod overlap;
mod paging;
mod providers;
mod publish;
mod put;
mod rates;
mod recent;
mod references;
mod reminders;
mod request_state;
pub(crate) mod returned;
mod room;
mod rotator;
mod scan;
mod secret_import;
mod secret_requests;
mod secret_set;
mod secret_table;
mod secrets;
mod sessions;
mod settings;
mod setup;
mod share;
mod show;
mod structure;
mod supabase;
mod templates;
mod tokens;
mod variables;
mod versions;
pub(crate) mod walls;
mod webhook_send;
mod webhooks;

use std::sync::{Arc, Mutex};

use domain::{AccountId, EnvironmentName};
use runtime::{Broker, Bundler, Runtime};
use store::Store;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub(crate) use audit::AuditQuery;
pub(crate) use caller::Caller;
pub(crate) use confirmations::{Confirming, Wished};
pub(crate) use error::Error;
pub(crate) use function_batch::{ActiveFunction, Upload};
pub(crate) use function_view::{Figures, FunctionLine, FunctionView, Place, Read, Span};
pub(crate) use gate::QUEUE_WAIT;
pub(crate) use inject::Injection;
pub(crate) use invoke::{Call, CallError, Ended, Route, Target};
pub(crate) use invoke_once::{Answer, Once, OnceInput, Shown};
pub(crate) use jwt::Jwts;
pub(crate) use keyring::Keyring;
pub(crate) use oauth::{AuthorizeInput, Consent, Grant, OauthError, Refused, Registration, TokenRequest};
pub(crate) use outside::Outside;
pub(crate) use put::PutInput;
pub(crate) use reminders::DueCounts;
pub(crate) use rotator::DatabaseTls;
pub(crate) use secret_import::ImportInput;
pub(crate) use secret_requests::{Asked, Entered, Fulfilled};
pub(crate) use secret_table::{Line, SecretTable, Show, TableQuery};
pub(crate) use setup::{ServerKeys, first_start, open_keys, write_private};
pub(crate) use templates::{Template, popular_providers, template_named, templates};
pub(crate) use webhook_send::TIMEOUT as WEBHOOK_TIMEOUT;

use crate::jobs::{Recorder, Told};
use crate::metrics::Metrics;
use crate::sites::Sites;
use crate::wire;

/// Everything a use case needs. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Service {
    inner: Arc<Inner>,
}

impl std::ops::Deref for Service {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.inner
    }
}

/// The parts.
pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) keyring: Keyring,
    pub(crate) server: ServerKeys,
    /// Functions: `Err` says why they cannot run and what to do.
    pub(crate) functions: Result<Functions, String>,
    /// What stands around functions.
    walls: wire::Walls,
    /// The way out: `Err` says why there is none.
    broker: Result<Arc<Broker>, String>,
    checks: rates::Rates,
    scans: scan::Indexes,
    scan_rate: rates::Rates,
    previews: rates::Rates,
    pub(crate) sites: Sites,
    pub(crate) metrics: Metrics,
    pub(crate) recorder: Recorder,
    /// Cancelled when the server stops: what would never end by itself ends then.
    pub(crate) stopping: CancellationToken,
    pub(crate) generations: generations::Generations,
    pub(crate) routes: invoke::Routes,
    pub(crate) secret_sets: secret_set::SecretSets,
    /// By the hash of their text.
    tokens: recent::Recent<String, Arc<tokens::KnownToken>>,
    jwts: Jwts,
    /// Told when a secret request ended on this node.
    answered: Notify,
    /// Told when there is something for webhooks.
    told: Arc<Notify>,
    /// Told when there is something to do about rotations.
    rotations: Notify,
    marks: Mutex<rotator::Marks>,
    /// Toward databases that accounts name.
    database_tls: DatabaseTls,
    outside: Outside,
    challenges: oauth::Challenges,
    /// Of values in responses.
    returned: Mutex<Told>,
    /// What is active, by account and environment.
    active: recent::Recent<(AccountId, EnvironmentName), Arc<Vec<functions::Active>>>,
}

/// What deploys and runs functions.
pub(crate) struct Functions {
    pub(crate) bundler: Bundler,
    pub(crate) runtime: Runtime,
}

impl Service {
    /// From its parts.
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts {
            store,
            keyring,
            server,
            functions,
            walls,
            broker,
            sites,
            metrics,
            recorder,
            stopping,
            jwts,
            outside,
            database_tls,
        } = parts;
        let (generations, routes, secret_sets) = Default::default();
        Self {
            inner: Arc::new(Inner {
                store,
                keyring,
                server,
                functions,
                walls,
                broker,
                checks: rates::Rates::new(checks::RATE),
                scans: scan::Indexes::default(),
                scan_rate: rates::Rates::new(scan::RATE),
                previews: rates::Rates::new(secret_import::PREVIEWS),
                sites,
                metrics,
                recorder,
                stopping,
                generations,
                routes,
                secret_sets,
                jwts,
                tokens: recent::Recent::default(),
                answered: Notify::new(),
                told: Arc::default(),
                rotations: Notify::new(),
                marks: Mutex::default(),
                database_tls,
                outside,
                challenges: oauth::Challenges::default(),
                returned: Mutex::default(),
                active: recent::Recent::default(),
            }),
        }
    }

    /// This server's own addresses.
    pub(crate) fn sites(&self) -> &Sites {
        &self.sites
    }

    fn functions(&self) -> Result<&Functions, Error> {
        self.functions.as_ref().map_err(|why| Error::NoRuntime(why.clone()))
    }

    /// Whether requests can be answered: the database answers, and functions can run.
    pub(crate) async fn readiness(&self) -> Result<(), Error> {
        self.store.ping().await?;
        self.functions().map(|_| ())
    }
}

/// What [`Service::new`] takes.
pub(crate) struct Parts {
    pub(crate) store: Store,
    pub(crate) keyring: Keyring,
    pub(crate) server: ServerKeys,
    pub(crate) functions: Result<Functions, String>,
    pub(crate) walls: wire::Walls,
    pub(crate) broker: Result<Arc<Broker>, String>,
    pub(crate) sites: Sites,
    pub(crate) metrics: Metrics,
    pub(crate) recorder: Recorder,
    pub(crate) stopping: CancellationToken,
    pub(crate) jwts: Jwts,
    pub(crate) outside: Outside,
    pub(crate) database_tls: DatabaseTls,
}

/// A new identifier; ids made later sort later.
pub(crate) fn new_id() -> String {
    uuid::Uuid::now_v7().simple().to_string()
}

impl Service {
    /// Ends when there is something for webhooks.
    pub(crate) fn webhooks_told(&self) -> impl Future<Output = ()> + '_ {
        self.inner.told.notified()
    }

    /// What is to be told when there is something for webhooks.
    pub(crate) fn webhooks_teller(&self) -> Arc<Notify> {
        Arc::clone(&self.inner.told)
    }

    /// The metrics as text.
    pub(crate) fn render_metrics(&self) -> String {
        let workers = self.functions.as_ref().map_or(0, |functions| functions.runtime.workers().len());
        self.metrics.render(workers, self.store.commits())
    }
}
