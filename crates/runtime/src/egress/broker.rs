//! The broker of a server and what it opens for each worker.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::{AccountId, EgressPolicy, Resolution};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use ipnet::IpNet;
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::BoxBody;
use super::address::Guard;
use super::brokered::Placeholders;
use super::dial::{Connector, Dialer, Resolve, Stream, SystemResolver};
use super::exchange::EgressRecord;
use super::target::Target;
use super::trust::{Trust, TrustError};
use super::{forward, tunnel};

/// Most connections of one worker at a time; further ones wait.
const CONNECTIONS: usize = 256;
/// Largest head of a worker's request.
const HEAD_BYTES: usize = 192 * 1024;
/// An unused connection to a host is closed after so long,
const POOL_IDLE: Duration = Duration::from_secs(90);
/// and a pool that no worker was attached to for so long is given up when there are many.
const POOL_UNUSED: Duration = Duration::from_secs(600);
const POOLS: usize = 256;

pub(super) type Pool = Client<Connector, BoxBody>;
pub(super) type Permit = Arc<OwnedSemaphorePermit>;

/// How long the broker waits for hosts.
#[derive(Debug, Clone, Copy)]
pub struct EgressTimeouts {
    /// For name, connection and TLS together.
    pub connect: Duration,
    /// For the head of the answer, since the request's body last moved.
    pub first_byte: Duration,
    /// For the next bytes of an answer; for any bytes in a tunnel.
    pub idle: Duration,
}

impl Default for EgressTimeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), first_byte: Duration::from_secs(300), idle: Duration::from_secs(300) }
    }
}

/// Settings of a broker, all of them the operator's.
pub struct BrokerConfig {
    /// Addresses that may be dialled though they are not public. Cloud metadata and `own` take an entry for the very address.
    pub allow: Vec<IpNet>,
    /// Where this server listens itself.
    pub own: Vec<SocketAddr>,
    /// Certificate authorities of hosts.
    pub trust: Trust,
    /// Hosts whose address the operator knows better; judged like the others.
    pub resolutions: Vec<Resolution>,
    /// How the other names become addresses.
    pub resolver: Arc<dyn Resolve>,
    /// How long to wait.
    pub timeouts: EgressTimeouts,
}

impl Default for BrokerConfig {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            own: Vec::new(),
            trust: Trust::default(),
            resolutions: Vec::new(),
            resolver: Arc::new(SystemResolver::default()),
            timeouts: EgressTimeouts::default(),
        }
    }
}

/// Why there is no connection to a host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct NoConnection {
    /// Stable, as workers are told it: `address_not_public`, `connect_failed`, ….
    pub code: &'static str,
    /// Names the host and the rule.
    pub detail: String,
}

/// Sends the traffic of all workers. One per server: its connections to hosts outlive workers.
pub struct Broker {
    dialer: Arc<Dialer>,
    timeouts: EgressTimeouts,
    /// By account: one that leaves answers unread on a shared HTTP/2 connection holds up nobody else.
    pools: Mutex<HashMap<AccountId, (Pool, Instant)>>,
}

/// What one worker may do.
pub struct EgressWorker {
    /// Whose it is; workers of one account share connections to hosts.
    pub account: AccountId,
    /// Where it may send requests.
    pub policy: EgressPolicy,
    /// Its brokered secrets.
    pub placeholders: Arc<Placeholders>,
    /// Gets one record per request and tunnel. If it is closed nothing is sent any more; if it is full, requests wait.
    pub records: mpsc::Sender<EgressRecord>,
}

/// Where a worker's connections come in.
pub enum Listener {
    /// A unix socket.
    Unix(UnixListener),
    /// A TCP socket, in the worker's network namespace.
    Tcp(TcpListener),
}

impl From<UnixListener> for Listener {
    fn from(listener: UnixListener) -> Self {
        Self::Unix(listener)
    }
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self::Tcp(listener)
    }
}

impl Listener {
    async fn accept(&self) -> io::Result<Stream> {
        match self {
            Self::Unix(listener) => Ok(Box::new(listener.accept().await?.0)),
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok(Box::new(stream))
            }
        }
    }
}

/// What serving one worker needs.
pub(super) struct Shared {
    pub(super) worker: EgressWorker,
    pub(super) dialer: Arc<Dialer>,
    pub(super) pool: Pool,
    pub(super) timeouts: EgressTimeouts,
    pub(super) ended: CancellationToken,
    connections: Arc<Semaphore>,
}

impl Broker {
    /// A broker by these settings.
    ///
    /// # Errors
    /// If its certificate authorities cannot be loaded.
    pub fn new(config: BrokerConfig) -> Result<Self, TrustError> {
        let (pooled, http1) = config.trust.load()?;
        let guard = Guard { allow: config.allow, own: config.own };
        let timeout = config.timeouts.connect;
        let dialer = Arc::new(Dialer {
            resolutions: config.resolutions,
            resolver: config.resolver,
            guard,
            pooled,
            http1,
            timeout,
        });
        Ok(Self { dialer, timeouts: config.timeouts, pools: Mutex::default() })
    }

    /// A connection to a host that an account chose, for the server itself: its name resolved once, all its addresses judged as
    /// those of workers' requests are, and one of those dialled.
    ///
    /// # Errors
    /// [`NoConnection`].
    pub async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, NoConnection> {
        let opened = async { self.dialer.tcp(&Target::endpoint(host, port)?).await };
        opened.await.map_err(|refusal| NoConnection { code: refusal.code, detail: refusal.to_string() })
    }

    pub(super) fn dialer(&self) -> &Dialer {
        &self.dialer
    }

    pub(super) fn timeouts(&self) -> EgressTimeouts {
        self.timeouts
    }

    /// Takes a worker on. What it sends is served until the [`Outlet`] is dropped.
    pub fn attach(&self, worker: EgressWorker) -> Outlet {
        let shared = Shared {
            pool: self.pool(&worker.account),
            worker,
            dialer: Arc::clone(&self.dialer),
            timeouts: self.timeouts,
            ended: CancellationToken::new(),
            connections: Arc::new(Semaphore::new(CONNECTIONS)),
        };
        Outlet { shared: Arc::new(shared) }
    }

    fn pool(&self, account: &AccountId) -> Pool {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        if pools.len() >= POOLS {
            pools.retain(|_, (_, used)| used.elapsed() < POOL_UNUSED);
        }
        let entry = pools.entry(account.clone()).or_insert_with(|| (self.new_pool(), Instant::now()));
        entry.1 = Instant::now();
        entry.0.clone()
    }

    fn new_pool(&self) -> Pool {
        Client::builder(TokioExecutor::new())
            .pool_idle_timeout(POOL_IDLE)
            .pool_max_idle_per_host(32)
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .http2_initial_stream_window_size(1024 * 1024)
            .http2_initial_connection_window_size(64 * 1024 * 1024)
            .http2_keep_alive_interval(Duration::from_secs(30))
            .http2_keep_alive_timeout(Duration::from_secs(10))
            .http2_max_header_list_size(128 * 1024)
            .build(Connector(Arc::clone(&self.dialer)))
    }
}

/// A worker's way out. Dropping it ends all its connections.
pub struct Outlet {
    shared: Arc<Shared>,
}

impl Outlet {
    /// Serves proxy requests: absolute-form ones, `CONNECT`, and upgrades to WebSockets.
    pub fn serve(&self, listener: impl Into<Listener>) {
        let shared = Arc::clone(&self.shared);
        self.accept(listener.into(), move |stream, permit| {
            let shared = Arc::clone(&shared);
            async move {
                let permit = Arc::new(permit);
                let service = service_fn(|request| forward::serve(Arc::clone(&shared), Arc::clone(&permit), request));
                // What breaks here is the worker's end; each request has its own record.
                let _ = http1::Builder::new()
                    .max_buf_size(HEAD_BYTES)
                    .header_read_timeout(None)
                    .serve_connection(TokioIo::new(stream), service)
                    .with_upgrades()
                    .await;
            }
        });
    }

    /// Connects whoever connects here with `host` at `port`, if the worker's policy allows that.
    pub fn serve_tcp(&self, listener: impl Into<Listener>, host: &str, port: u16) {
        let (shared, host) = (Arc::clone(&self.shared), Arc::<str>::from(host));
        self.accept(listener.into(), move |stream, permit| {
            let (shared, host) = (Arc::clone(&shared), Arc::clone(&host));
            async move {
                tunnel::endpoint(&shared, stream, &host, port).await;
                drop(permit);
            }
        });
    }

    fn accept<F>(&self, listener: Listener, serve: impl Fn(Stream, OwnedSemaphorePermit) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (ended, connections) = (self.shared.ended.clone(), Arc::clone(&self.shared.connections));
        tokio::spawn(self.shared.ended.clone().run_until_cancelled_owned(async move {
            while let Ok(permit) = Arc::clone(&connections).acquire_owned().await {
                match listener.accept().await {
                    Ok(stream) => {
                        tokio::spawn(ended.clone().run_until_cancelled_owned(serve(stream, permit)));
                    }
                    // Descriptors have run out, or the caller has gone; either way the next may succeed.
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        }));
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        self.shared.ended.cancel();
    }
}
