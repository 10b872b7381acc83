//! From settings to a running server, and down again.

use std::fs::File;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use envelope::{KeyFileError, RootKey};
use runtime::{Broker, BrokerConfig, Bundler, Deno, LogLine, Outbound, Runtime, RuntimeConfig, Sandbox, Sent, Trust};
use store::{Location, Store};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, Ready};
use crate::http;
use crate::jobs::{self, Recorder};
use crate::listener;
use crate::metrics::Metrics;
use crate::service::{self, Caller, DatabaseTls, Functions, Jwts, Keyring, Outside, Parts, Service};
use crate::sites::Sites;
use crate::tls::{self, Tls};
use crate::wire;

/// Why the server did not start, or did not stop well.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The data folder cannot be made or is open to others.
    #[error("the data folder {path} cannot be used: {source}")]
    Data {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another server runs on this data folder.
    #[error("another server is running on the data folder {0}: stop it, or choose another folder with --data")]
    InUse(PathBuf),
    /// The address is taken or not ours.
    #[error("cannot listen on {address}: {source}; is another server running? Choose another address with --listen")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The certificate or its key cannot be used.
    #[error("the TLS file {path} cannot be used: {source}")]
    Tls {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The root-key file is missing, open to others, or no key.
    #[error(transparent)]
    RootKey(#[from] KeyFileError),
    /// The database is there but its root key is not: making a new one would lock every secret away for ever.
    #[error(
        "the database holds secrets but the root-key file {0} is missing: put the backup of that file there; without it nothing can be decrypted"
    )]
    RootKeyLost(PathBuf),
    /// The database was encrypted under another root key.
    #[error("the root-key file {0} does not fit this database: put back the file that belongs to it")]
    RootKeyOther(PathBuf),
    /// The database cannot be opened.
    #[error("the database cannot be opened")]
    Store(#[from] store::StoreError),
    /// Setting up failed.
    #[error("the first start failed: {0}")]
    Setup(String),
    /// The server stopped working.
    #[error("the server failed")]
    Io(#[from] std::io::Error),
}

/// Starts a server, calls `on_ready`, and runs it until SIGTERM or SIGINT. Running requests are finished first.
///
/// # Errors
/// Why it did not start.
pub async fn serve(config: Config, on_ready: impl FnOnce(&Ready)) -> Result<(), ServeError> {
    // Before anyone can know that it runs: a signal that came earlier would end it without a word.
    let stop = stop_signal()?;
    let started = start(config).await?;
    on_ready(&started.ready);
    stop.await;
    tracing::info!("stopping: finishing running requests");
    started.stop().await
}

/// A running server.
pub(crate) struct Started {
    /// Holds the data folder until the server is down.
    _lock: File,
    pub(crate) ready: Ready,
    service: Service,
    stop: CancellationToken,
    server: tokio::task::JoinHandle<std::io::Result<()>>,
    certificates: Option<tokio::task::JoinHandle<()>>,
    recorder: tokio::task::JoinHandle<()>,
    housekeeping: tokio::task::JoinHandle<()>,
    webhooks: tokio::task::JoinHandle<()>,
    rotations: tokio::task::JoinHandle<()>,
    logs: tokio::task::JoinHandle<()>,
    sent: tokio::task::JoinHandle<()>,
}

/// A worker that nobody called for this long is ended.
const IDLE: Duration = Duration::from_secs(300);
/// Longest wait for running requests when stopping.
const GRACE: Duration = Duration::from_secs(10);

async fn start(config: Config) -> Result<Started, ServeError> {
    private_dir(&config.data)?;
    let lock = lock(&config.data)?;
    let listener = TcpListener::bind(config.listen)
        .await
        .map_err(|source| ServeError::Listen { address: config.listen, source })?;
    let address = listener.local_addr()?;
    let tls = match config.tls.clone() {
        Some(files) => {
            let tls = Tls::load(files).map_err(|(path, error)| ServeError::Tls { path, source: error.into() })?;
            Some(Arc::new(tls))
        }
        None => None,
    };
    let sites = Sites::new(address, tls.is_some(), config.public_url.as_deref());
    let location = match &config.database_url {
        Some(url) => Location::Postgres(url.clone()),
        None => Location::Sqlite(config.data.join("tresor.db")),
    };
    let store = Store::open(&location).await?;
    let root = root_key(&config.data.join("root.key"), &store).await?;
    let setup = |error: service::Error| ServeError::Setup(error.to_string());
    let server = service::open_keys(&store, &root).await.map_err(|error| match error {
        service::Error::Decrypt(_) => ServeError::RootKeyOther(config.data.join("root.key")),
        other => setup(other),
    })?;
    let first = service::first_start(&store, &root).await.map_err(setup)?;
    let admin_token_file = config.data.join("admin-token");
    if let Some(first) = &first {
        let text = format!("{}\n", first.admin_token);
        service::write_private(&admin_token_file, &text)
            .map_err(|source| ServeError::Data { path: admin_token_file.clone(), source })?;
    }

    let stop = CancellationToken::new();
    let (recorder, recorder_task) = jobs::recorder();
    let (log_sender, log_receiver) = mpsc::channel(4_096);
    let (sent, sent_receiver) = mpsc::channel(1_024);
    let broker = broker(&config, address);
    let (functions, walls) = match engine(&config).await {
        Ok((deno, sandbox)) => {
            let walls = service::walls::shown(&config.require_walls, sandbox.walls());
            (functions(&config, address, deno, sandbox, broker.clone(), log_sender, sent), walls)
        }
        Err(why) => (Err(why), wire::Walls::default()),
    };
    let deno = functions.as_ref().map(|(_, version)| version.clone()).map_err(Clone::clone);
    let functions = functions.map(|(functions, _)| functions);
    let keyring = Keyring::new(root);
    tracing::info!(root_key = keyring.root_id(), server = server.id, "keys are open");
    let service = Service::new(Parts {
        database_tls: DatabaseTls::new(trust(&config).roots().map_err(|error| error.to_string())),
        outside: Outside::new(
            config.allow_networks.clone(),
            trust(&config).client().ok().as_ref(),
            service::WEBHOOK_TIMEOUT,
        ),
        jwts: Jwts::new(config.allow_networks.clone(), trust(&config).client().ok().as_ref()),
        store: store.clone(),
        keyring,
        server,
        functions,
        walls,
        broker,
        sites,
        metrics: Metrics::new(),
        recorder: recorder.clone(),
        stopping: stop.clone(),
    });

    let login_link = match first {
        Some(first) => Some(first_login_link(&service, &first.admin_token).await.map_err(setup)?),
        None => None,
    };
    let certificates = match &tls {
        Some(tls) => Some(tokio::spawn(Arc::clone(tls).watch(tls::hangups()?, stop.clone()))),
        None => None,
    };
    let app = Arc::new(http::App::new(service.clone()));
    let ready = Ready {
        url: service.sites().url().to_owned(),
        login_link,
        admin_token_file,
        database: if config.database_url.is_some() { "postgres" } else { "sqlite" },
        deno,
    };
    Ok(Started {
        _lock: lock,
        ready,
        stop: stop.clone(),
        server: tokio::spawn(listener::run(listener, tls, app, stop.clone())),
        certificates,
        recorder: tokio::spawn(recorder_task.run(store, service.webhooks_teller())),
        webhooks: tokio::spawn(jobs::webhooks(service.clone(), stop.clone())),
        rotations: tokio::spawn(jobs::rotations(service.clone(), stop.clone())),
        housekeeping: tokio::spawn(jobs::housekeeping(service.clone(), stop)),
        logs: tokio::spawn(forward_logs(log_receiver, recorder.clone(), service.clone())),
        sent: tokio::spawn(jobs::egress(sent_receiver, service.clone())),
        service,
    })
}

impl Started {
    /// Finishes running requests, ends the workers, writes what was recorded, closes the database.
    async fn stop(self) -> Result<(), ServeError> {
        self.stop.cancel();
        let began = Instant::now();
        let served = tokio::time::timeout(GRACE, self.server).await;
        if let Ok(functions) = &self.service.functions {
            functions.runtime.shutdown(GRACE.saturating_sub(began.elapsed())).await;
        }
        self.logs.abort();
        self.sent.abort();
        self.service.recorder.flush().await;
        self.recorder.abort();
        let _ = self.housekeeping.await;
        let _ = self.webhooks.await;
        let _ = self.rotations.await;
        self.service.store.close().await;
        if let Some(certificates) = self.certificates {
            let _ = certificates.await;
        }
        // Connections that outlast the grace are cut with the process.
        drop(served);
        Ok(())
    }
}

/// Listens from now on; the future ends when the process is asked to stop.
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

fn private_dir(path: &Path) -> Result<(), ServeError> {
    let failed = |source| ServeError::Data { path: path.to_owned(), source };
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
    // It may have been there already, and be open to others.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)).map_err(failed)
}

/// Two servers on one folder would clear away each other's workers.
fn lock(data: &Path) -> Result<File, ServeError> {
    let failed = |source| ServeError::Data { path: data.to_owned(), source };
    let file =
        File::options().create(true).truncate(false).write(true).mode(0o600).open(data.join("lock")).map_err(failed)?;
    // A record lock, which no child inherits: a worker between fork and exec must not hold it after its server was killed.
    match rustix::fs::fcntl_lock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::AGAIN | rustix::io::Errno::ACCESS) => Err(ServeError::InUse(data.to_owned())),
        Err(source) => Err(failed(source.into())),
    }
}

async fn root_key(path: &Path, store: &Store) -> Result<RootKey, ServeError> {
    match RootKey::load(path) {
        Err(KeyFileError::Missing { .. }) => {
            let in_use = store.account_by_name(&domain::AccountName::default_account()).await?.is_some();
            if in_use { Err(ServeError::RootKeyLost(path.to_owned())) } else { Ok(RootKey::create(path)?) }
        }
        loaded => Ok(loaded?),
    }
}

/// Whom connections to other hosts trust. What is wrong with it, the broker says.
fn trust(config: &Config) -> Trust {
    Trust { compiled_in: false, files: config.trust.clone() }
}

fn broker(config: &Config, listener: SocketAddr) -> Result<Arc<Broker>, String> {
    let broker = Broker::new(BrokerConfig {
        allow: config.allow_networks.clone(),
        own: vec![listener],
        trust: trust(config),
        resolutions: config.resolve.clone(),
        ..BrokerConfig::default()
    });
    broker.map(Arc::new).map_err(|error| error.to_string())
}

/// What functions run on, and the walls around it.
async fn engine(config: &Config) -> Result<(Deno, Sandbox), String> {
    let deno = Deno::find(config.deno.as_deref()).await.map_err(|error| error.to_string())?;
    let sandbox = Sandbox::find(&deno, &workers_dir(&config.data)).await.map_err(|error| error.to_string())?;
    for (wall, why) in sandbox.walls().iter().filter_map(|(wall, missing)| Some((wall, missing?))) {
        tracing::info!(%wall, why, "a wall around functions does not stand: {}", wall.without());
    }
    Ok((deno, sandbox))
}

fn functions(
    config: &Config,
    listener: SocketAddr,
    deno: Deno,
    sandbox: Sandbox,
    broker: Result<Arc<Broker>, String>,
    logs: mpsc::Sender<LogLine>,
    sent: mpsc::Sender<Sent>,
) -> Result<(Functions, String), String> {
    if let Some(lacking) = config.require_walls.lacking(sandbox.walls()) {
        return Err(format!(
            "functions do not run here, because walls around them are required and missing: {lacking}. Allow them where the server runs, or say with TRESOR_REQUIRE_WALLS which ones it can do without"
        ));
    }
    let version = deno.version().to_owned();
    let bundler =
        Bundler::new(deno, sandbox.clone(), config.data.join("deno-cache")).map_err(|error| error.to_string())?;
    let (max_workers, pool) = runtime::room();
    let cores = std::thread::available_parallelism().map_or(2, |cores| cores.get().max(2));
    tracing::info!(max_workers, pool, workers_per_function = cores, "functions can run");
    let settings = RuntimeConfig {
        sandbox,
        dir: workers_dir(&config.data),
        max_workers,
        workers_per_function: cores.min(max_workers),
        queue: 1_000,
        queue_wait: service::QUEUE_WAIT,
        pool,
        idle: IDLE,
        // A function must not reach the control plane it runs under.
        deny_net: vec![listener.to_string()],
    };
    let outbound = Outbound { broker: broker?, sent };
    let runtime = Runtime::start(settings, logs, outbound).map_err(|error| error.to_string())?;
    Ok((Functions { bundler, runtime }, version))
}

/// In the data folder, or, where that makes a socket's path too long for the system, in the folder for temporary files.
fn workers_dir(data: &Path) -> PathBuf {
    let beside = data.join("workers");
    if beside.as_os_str().len() <= 90 {
        return beside;
    }
    let name = domain::token::hash(&data.to_string_lossy());
    std::env::temp_dir().join(format!("tresor-{}", name.get(..16).unwrap_or_default()))
}

async fn first_login_link(service: &Service, admin_token: &str) -> Result<String, service::Error> {
    let actor = service.authenticate(admin_token).await?;
    let caller = Caller { actor, request_id: domain::RequestId::new("setup") };
    Ok(service.create_login_link(&caller).await?.url)
}

async fn forward_logs(mut lines: mpsc::Receiver<LogLine>, recorder: Recorder, service: Service) {
    while let Some(line) = lines.recv().await {
        if !recorder.log(line) {
            service.metrics.unrecorded.inc();
        }
    }
}
