//! A certificate authority, hosts, a resolver, and a worker's end of the socket.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use domain::{AccountId, EgressPolicy, HostPattern, SecretName, Value};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response, StatusCode, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use runtime::{
    Broker, BrokerConfig, Brokered, EgressRecord, EgressTimeouts, EgressWorker, Outlet, Placeholders, Resolve, Trust,
};
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

pub const DEADLINE: Duration = Duration::from_secs(20);

pub type BoxBody = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;
pub type Answer = Pin<Box<dyn Future<Output = Response<BoxBody>> + Send>>;
type Handler = Arc<dyn Fn(Request<Incoming>) -> Answer + Send + Sync>;

pub fn body(text: impl Into<Bytes>) -> BoxBody {
    Full::new(text.into()).map_err(|never| match never {}).boxed_unsync()
}

pub async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, what).await.expect("in time")
}

/// An authority, in a folder that also holds sockets.
pub struct Ca {
    issuer: CertifiedIssuer<'static, KeyPair>,
    pub folder: tempfile::TempDir,
}

impl Ca {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, folder }
    }

    pub fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    fn acceptor(&self, alpn: &[&str]) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let names = ["api.example.com", "other.example.com", "echo.example.com"].map(str::to_owned);
        let cert = CertificateParams::new(names).unwrap().signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        TlsAcceptor::from(Arc::new(config))
    }
}

/// A host on 127.0.0.1.
pub struct Host {
    pub port: u16,
    pub connections: Arc<AtomicUsize>,
}

impl Host {
    /// `alpn` is `None` for plain HTTP.
    pub async fn start(
        ca: &Ca,
        alpn: Option<&[&str]>,
        handler: impl Fn(Request<Incoming>) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = Self { port: listener.local_addr().unwrap().port(), connections: Arc::default() };
        let (handler, acceptor): (Handler, _) = (Arc::new(handler), alpn.map(|alpn| ca.acceptor(alpn)));
        let connections = Arc::clone(&host.connections);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.fetch_add(1, Ordering::SeqCst);
                let (handler, acceptor) = (Arc::clone(&handler), acceptor.clone());
                tokio::spawn(async move {
                    let service = service_fn(move |request| {
                        let answer = handler(request);
                        async { Ok::<_, Infallible>(answer.await) }
                    });
                    let http1 = hyper::server::conn::http1::Builder::new();
                    let Some(acceptor) = acceptor else {
                        let _ = http1.serve_connection(TokioIo::new(stream), service).with_upgrades().await;
                        return;
                    };
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
                        let http2 = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                        let _ = http2.serve_connection(TokioIo::new(stream), service).await;
                    } else {
                        let _ = http1.serve_connection(TokioIo::new(stream), service).with_upgrades().await;
                    }
                });
            }
        });
        host
    }

    /// A host that keeps what it was sent and answers with `answer`.
    pub async fn seeing(
        ca: &Ca,
        alpn: Option<&[&str]>,
        answer: impl Fn(&Seen) -> Response<BoxBody> + Send + Sync + 'static,
    ) -> (Self, mpsc::UnboundedReceiver<Seen>) {
        let (sender, seen) = mpsc::unbounded_channel();
        let answer = Arc::new(answer);
        let host = Self::start(ca, alpn, move |request| {
            let (sender, answer) = (sender.clone(), Arc::clone(&answer));
            Box::pin(async move {
                let (head, incoming) = request.into_parts();
                let body = incoming.collect().await.map(|body| body.to_bytes());
                let seen = Seen {
                    method: head.method.to_string(),
                    uri: head.uri,
                    headers: head.headers,
                    whole: body.is_ok(),
                    body: body.unwrap_or_default(),
                };
                let response = answer(&seen);
                // Not every test looks.
                let _ = sender.send(seen);
                response
            })
        })
        .await;
        (host, seen)
    }

    /// A host that writes `bytes` once it has read something.
    pub async fn raw(bytes: &'static [u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = Self { port: listener.local_addr().unwrap().port(), connections: Arc::default() };
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                tokio::spawn(async move {
                    let mut buffer = vec![0; 65536];
                    assert_ne!(stream.read(&mut buffer).await.unwrap(), 0);
                    let _ = stream.write_all(bytes).await;
                    if bytes.is_empty() {
                        std::future::pending::<()>().await;
                    }
                });
            }
        });
        host
    }
}

/// What a host was sent.
#[derive(Debug)]
pub struct Seen {
    pub method: String,
    pub uri: Uri,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// The body came to its proper end.
    pub whole: bool,
}

pub fn ok(text: impl Into<Bytes>) -> Response<BoxBody> {
    Response::new(body(text))
}

/// Answers from a table; each answer once if several are given, the last one for good.
#[derive(Default)]
pub struct Names(Mutex<HashMap<String, Vec<Vec<IpAddr>>>>);

impl Names {
    pub fn set(&self, host: &str, answers: &[&[&str]]) {
        let parse = |answer: &&[&str]| answer.iter().map(|ip| ip.parse().unwrap()).collect();
        self.0.lock().unwrap().insert(host.to_owned(), answers.iter().map(parse).collect());
    }
}

impl Resolve for Names {
    fn resolve<'a>(&'a self, host: &'a str) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>> {
        let mut names = self.0.lock().unwrap();
        let answer = match names.get_mut(host) {
            Some(answers) if answers.len() > 1 => answers.remove(0),
            Some(answers) => answers[0].clone(),
            None if host.ends_with("example.com") => vec!["127.0.0.1".parse().unwrap()],
            None => Vec::new(),
        };
        Box::pin(async move { Ok(answer) })
    }
}

pub struct Setup {
    pub ca: Ca,
    pub names: Arc<Names>,
    pub allow: Vec<&'static str>,
    pub timeouts: EgressTimeouts,
    pub resolutions: Vec<String>,
    next: AtomicUsize,
}

impl Setup {
    pub fn new() -> Self {
        let timeouts = EgressTimeouts { connect: DEADLINE, first_byte: DEADLINE, idle: DEADLINE };
        Self {
            ca: Ca::new(),
            names: Arc::default(),
            allow: vec!["127.0.0.0/8"],
            timeouts,
            resolutions: Vec::new(),
            next: AtomicUsize::new(0),
        }
    }

    pub fn broker(&self) -> Broker {
        Broker::new(BrokerConfig {
            allow: self.allow.iter().map(|net| net.parse().unwrap()).collect(),
            own: Vec::new(),
            trust: Trust { compiled_in: true, files: vec![self.ca.file()] },
            resolutions: self.resolutions.iter().map(|text| text.parse().unwrap()).collect(),
            resolver: Arc::clone(&self.names) as Arc<dyn Resolve>,
            timeouts: self.timeouts,
        })
        .unwrap()
    }

    pub fn worker(&self, broker: &Broker, policy: EgressPolicy, secrets: Vec<Brokered>) -> Worker {
        let socket = self.ca.folder.path().join(format!("{}.sock", self.next.fetch_add(1, Ordering::SeqCst)));
        let (sender, records) = mpsc::channel(4096);
        let placeholders = Arc::new(Placeholders::new(&secrets.into_iter().map(Arc::new).collect::<Vec<_>>()).unwrap());
        let outlet = broker.attach(EgressWorker {
            account: AccountId::new("a1"),
            policy,
            placeholders: Arc::clone(&placeholders),
            records: sender,
        });
        outlet.serve(UnixListener::bind(&socket).unwrap());
        Worker { socket, records, outlet, placeholders }
    }

    pub fn public(&self, secrets: Vec<Brokered>) -> Worker {
        self.worker(&self.broker(), EgressPolicy::Public, secrets)
    }
}

pub fn secret(name: &str, value: &str, hosts: &[String]) -> Brokered {
    Brokered {
        name: SecretName::parse(name).unwrap(),
        value: Value::new(value.to_owned()).unwrap(),
        hosts: hosts.iter().map(|host| HostPattern::parse(host).unwrap()).collect(),
    }
}

/// The worker's end.
pub struct Worker {
    pub socket: PathBuf,
    pub records: mpsc::Receiver<EgressRecord>,
    pub outlet: Outlet,
    pub placeholders: Arc<Placeholders>,
}

impl Worker {
    pub fn placeholder(&self, name: &str) -> String {
        let found = self.placeholders.env().find(|(own, _)| own.as_str() == name).unwrap();
        found.1.as_str().to_owned()
    }

    pub async fn send(&self, request: Request<BoxBody>) -> Response<Incoming> {
        let stream = UnixStream::connect(&self.socket).await.unwrap();
        let (mut sender, driver) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(driver.with_upgrades());
        soon(sender.send_request(request)).await.unwrap()
    }

    pub async fn get(&self, uri: &str) -> Reply {
        self.ask(Request::get(uri).body(body("")).unwrap()).await
    }

    pub async fn ask(&self, request: Request<BoxBody>) -> Reply {
        let (head, incoming) = self.send(request).await.into_parts();
        let body = soon(incoming.collect()).await.map(|body| body.to_bytes());
        Reply { status: head.status, headers: head.headers, whole: body.is_ok(), body: body.unwrap_or_default() }
    }

    /// Writes `bytes` and reads what comes, to the end of the connection.
    pub async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = UnixStream::connect(&self.socket).await.unwrap();
        let mut answer = Vec::new();
        let (mut reader, mut writer) = stream.split();
        // Who is refused may be cut off while still writing.
        let (_, read) = soon(async { tokio::join!(writer.write_all(bytes), reader.read_to_end(&mut answer)) }).await;
        drop(read);
        String::from_utf8_lossy(&answer).into_owned()
    }

    pub async fn record(&mut self) -> EgressRecord {
        soon(self.records.recv()).await.unwrap()
    }
}

#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub whole: bool,
}

impl Reply {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The code of a problem document.
    pub fn code(&self) -> String {
        let problem: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        assert_eq!(problem["status"], self.status.as_u16(), "{self:?}");
        problem["code"].as_str().unwrap_or_default().to_owned()
    }
}
