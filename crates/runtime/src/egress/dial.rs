//! Connections to hosts: resolve, check every address, dial one that was checked.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use domain::Resolution;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use hyper::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsConnector;
use tower::Service;

use super::address::Guard;
use super::refusal::Refusal;
use super::target::Target;

/// The next address is tried when the one before has not answered for so long (RFC 8305).
const STAGGER: Duration = Duration::from_millis(250);
/// Most addresses of a host that are tried.
const ADDRESSES: usize = 8;
/// Most names that are looked up at a time; each takes a thread.
const LOOKUPS: usize = 64;

type Lookup<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;

/// Finds the addresses of a host. Called once for each connection; whatever it says is checked.
pub trait Resolve: Send + Sync + 'static {
    /// All addresses of `host`, which is a name and no address.
    fn resolve<'a>(&'a self, host: &'a str) -> Lookup<'a>;
}

/// The machine's own resolver, with its hosts file.
pub struct SystemResolver(Semaphore);

impl Default for SystemResolver {
    fn default() -> Self {
        Self(Semaphore::new(LOOKUPS))
    }
}

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str) -> Lookup<'a> {
        Box::pin(async move {
            let _one = self.0.acquire().await.map_err(io::Error::other)?;
            Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
        })
    }
}

/// A byte stream, of whatever kind.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}
pub(super) type Stream = Box<dyn Duplex>;

pub(super) struct Dialer {
    pub(super) resolutions: Vec<Resolution>,
    pub(super) resolver: Arc<dyn Resolve>,
    pub(super) guard: Guard,
    /// For HTTP/2 or HTTP/1.1, as the host likes.
    pub(super) pooled: Arc<ClientConfig>,
    /// For HTTP/1.1 alone.
    pub(super) http1: Arc<ClientConfig>,
    pub(super) timeout: Duration,
}

impl Dialer {
    /// A TCP connection to an address of the host that was checked.
    pub(super) async fn tcp(&self, target: &Target) -> Result<TcpStream, Refusal> {
        self.within(target, self.open(target)).await
    }

    /// A connection to speak HTTP on: with TLS if the target has it. Also says whether HTTP/2 was agreed on.
    async fn http(&self, target: &Target, config: &Arc<ClientConfig>) -> Result<(Stream, bool), Refusal> {
        let opened = async {
            let tcp = self.open(target).await?;
            if !target.tls {
                return Ok((Box::new(tcp) as Stream, false));
            }
            let failed = |why: String| Refusal::upstream("tls_failed", format!("no TLS with {}: {why}", target.host));
            let name = ServerName::try_from(target.host.clone()).map_err(|error| failed(error.to_string()))?;
            let connector = TlsConnector::from(Arc::clone(config));
            let tls = connector.connect(name, tcp).await.map_err(|error| failed(error.to_string()))?;
            let h2 = tls.get_ref().1.alpn_protocol() == Some(b"h2");
            Ok((Box::new(tls) as Stream, h2))
        };
        self.within(target, opened).await
    }

    /// A connection of one's own that speaks HTTP/1.1.
    pub(super) async fn http1(&self, target: &Target) -> Result<Stream, Refusal> {
        self.http(target, &self.http1).await.map(|(stream, _)| stream)
    }

    async fn within<T>(&self, target: &Target, opened: impl Future<Output = Result<T, Refusal>>) -> Result<T, Refusal> {
        let late = || Refusal::late("connect_timeout", format!("{} did not accept a connection in time", target.host));
        tokio::time::timeout(self.timeout, opened).await.unwrap_or_else(|_| Err(late()))
    }

    async fn open(&self, target: &Target) -> Result<TcpStream, Refusal> {
        let host = &target.host;
        let found = self.addresses(target).await;
        if found.is_empty() {
            return Err(Refusal::upstream("host_unknown", format!("{host} has no address")));
        }
        // One address that is not public condemns them all: who mixes them wants the wrong one tried.
        if let Some(rule) = found.iter().find_map(|address| self.guard.forbids(address.ip(), address.port())) {
            let detail = format!("{host} leads to an address that is not public ({rule})");
            return Err(Refusal::forbidden("address_not_public", detail));
        }
        let mut waiting = found.into_iter().take(ADDRESSES);
        let mut attempts = FuturesUnordered::new();
        loop {
            let more = waiting.next().map(|address| attempts.push(TcpStream::connect(address))).is_some();
            tokio::select! {
                attempt = attempts.next() => match attempt {
                    Some(Ok(stream)) => {
                        let _ = stream.set_nodelay(true);
                        return Ok(stream);
                    }
                    Some(Err(_)) => {}
                    None if !more => {
                        return Err(Refusal::upstream("connect_failed", format!("{host} accepts no connection")));
                    }
                    None => {}
                },
                () = tokio::time::sleep(STAGGER), if more => {}
            }
        }
    }
}

impl Dialer {
    /// Where the target may be. Nothing here has been judged yet.
    async fn addresses(&self, target: &Target) -> Vec<SocketAddr> {
        let fixed = self.resolutions.iter().filter_map(|resolution| resolution.of(&target.host, target.port));
        let fixed: Vec<_> = fixed.collect();
        if !fixed.is_empty() {
            return fixed;
        }
        let found = match target.host.parse() {
            Ok(address) => vec![address],
            Err(_) => self.resolver.resolve(&target.host).await.unwrap_or_default(),
        };
        found.into_iter().map(|address| SocketAddr::new(address, target.port)).collect()
    }
}

/// Opens the connections of a pool.
#[derive(Clone)]
pub(super) struct Connector(pub(super) Arc<Dialer>);

impl Service<Uri> for Connector {
    type Response = Upstream;
    type Error = Refusal;
    type Future = Pin<Box<dyn Future<Output = Result<Upstream, Refusal>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let dialer = Arc::clone(&self.0);
        Box::pin(async move {
            let target = Target::of(&uri)?;
            let (stream, h2) = dialer.http(&target, &dialer.pooled).await?;
            Ok(Upstream { stream: TokioIo::new(stream), h2 })
        })
    }
}

/// A connection in a pool.
pub(super) struct Upstream {
    stream: TokioIo<Stream>,
    h2: bool,
}

impl Connection for Upstream {
    fn connected(&self) -> Connected {
        if self.h2 { Connected::new().negotiated_h2() } else { Connected::new() }
    }
}

impl Read for Upstream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buf)
    }
}

impl Write for Upstream {
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
