//! What every scenario needs: a bundle of its folder, a runtime of its own, and a way to invoke and to read logs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use domain::{AccountId, EnvironmentName, FunctionName, ResponseGuard, SecretName, Value};
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use runtime::{
    Assignment, Broker, BrokerConfig, Bundle, BundleError, Bundler, Deno, Egress, InvokeError, Limits, LogLine,
    Outbound, Outcome, Runtime, RuntimeConfig, Sandbox, SecretSet, Source, WorkerError, WorkerKey,
};
use tokio::sync::{OnceCell, mpsc, oneshot};

pub const DEADLINE: Duration = Duration::from_secs(20);

/// Names of hosts that are this machine.
struct Examples;

impl runtime::Resolve for Examples {
    fn resolve<'a>(
        &'a self,
        host: &'a str,
    ) -> std::pin::Pin<Box<dyn Future<Output = std::io::Result<Vec<std::net::IpAddr>>> + Send + 'a>> {
        let own = host.ends_with("example.com") || host == "localhost";
        Box::pin(async move { Ok(own.then(|| std::net::Ipv4Addr::LOCALHOST.into()).into_iter().collect()) })
    }
}

/// A way out to this machine's own listeners, of which nothing is asked.
pub fn outbound() -> Outbound {
    let allow = ["127.0.0.0/8", "::1/128"].map(|network| network.parse().unwrap()).to_vec();
    let broker = Broker::new(BrokerConfig { allow, resolver: Arc::new(Examples), ..BrokerConfig::default() }).unwrap();
    let (sent, mut told) = mpsc::channel(64);
    tokio::spawn(async move { while told.recv().await.is_some() {} });
    Outbound { broker: Arc::new(broker), sent }
}

pub async fn deno() -> Deno {
    let explicit = std::env::var_os("TRESOR_DENO").map(PathBuf::from);
    Deno::find(explicit.as_deref()).await.unwrap()
}

/// The walls around it, which are the same for all tests.
pub async fn sandbox() -> Sandbox {
    static FOUND: OnceCell<Sandbox> = OnceCell::const_new();
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR"));
    FOUND.get_or_init(|| async { Sandbox::find(&deno().await, dir).await.unwrap() }).await.clone()
}

fn read(folder: &Path, below: &Path, source: &mut Source) {
    for entry in std::fs::read_dir(below).unwrap().flatten() {
        if entry.file_type().unwrap().is_dir() {
            read(folder, &entry.path(), source);
        } else {
            let name = entry.path().strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
            source.files.insert(name, std::fs::read_to_string(entry.path()).unwrap());
        }
    }
}

pub fn source(scenario: &str) -> Source {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios").join(scenario);
    let mut source = Source { files: Default::default(), entry: "index.ts".to_owned() };
    read(&folder, &folder, &mut source);
    source
}

pub async fn bundle(scenario: &str) -> Result<Bundle, BundleError> {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bundler");
    Bundler::new(deno().await, sandbox().await, cache).unwrap().bundle(&source(scenario)).await
}

pub fn secret(name: &str, value: &str) -> (SecretName, Value) {
    (SecretName::parse(name).unwrap(), Value::new(value.to_owned()).unwrap())
}

pub struct Function {
    pub key: WorkerKey,
    pub code: Arc<str>,
    pub env: Vec<(&'static str, String)>,
    pub limits: Limits,
    pub tcp: Vec<domain::Endpoint>,
    pub guard: ResponseGuard,
}

impl Function {
    pub async fn new(scenario: &str) -> Self {
        Self {
            key: WorkerKey {
                account: AccountId::new("a1"),
                environment: EnvironmentName::production(),
                function: FunctionName::parse(&scenario.replace('_', "-")).unwrap(),
                deployment: 1,
                generation: 1,
                apart: None,
            },
            code: bundle(scenario).await.unwrap().code.into(),
            env: vec![("API_KEY", "sk-canary-1234567890".to_owned())],
            tcp: Vec::new(),
            limits: Limits {
                boot: DEADLINE,
                wall_clock: DEADLINE,
                memory_mib: 128,
                cpu: DEADLINE,
                ..Limits::default()
            },
            guard: ResponseGuard::Off,
        }
    }

    pub fn guarded(self, guard: ResponseGuard) -> Self {
        Self { guard, ..self }
    }

    pub fn wall_clock(mut self, millis: u64) -> Self {
        self.limits.wall_clock = Duration::from_millis(millis);
        self
    }

    pub fn generation(&self, generation: u64, value: &str) -> Self {
        let key = WorkerKey { generation, ..self.key.clone() };
        let env = vec![("API_KEY", value.to_owned())];
        Self {
            key,
            code: Arc::clone(&self.code),
            env,
            limits: self.limits.clone(),
            tcp: self.tcp.clone(),
            guard: self.guard,
        }
    }

    pub fn assignment(&self) -> Assignment {
        Assignment {
            code: Arc::clone(&self.code),
            secrets: Arc::new(SecretSet::new(
                self.env.iter().map(|(name, value)| secret(name, value)).collect(),
                Vec::new(),
                &Default::default(),
                Default::default(),
                &[],
            )),
            egress: Egress { tcp: self.tcp.clone(), ..Egress::default() },
            limits: self.limits.clone(),
            guard: self.guard,
            silent: false,
        }
    }
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: hyper::HeaderMap,
    pub text: String,
    pub cold: bool,
}

impl Answer {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.text).unwrap()
    }
}

#[derive(Debug)]
pub enum Failure {
    Worker(WorkerError<String>),
    Invoke(InvokeError),
    /// The body broke off after this much.
    Body(String, InvokeError),
}

pub struct Host {
    pub runtime: Runtime,
    pub logs: mpsc::Receiver<LogLine>,
    pub dir: tempfile::TempDir,
    counter: Arc<AtomicU64>,
}

impl Host {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(adjust: impl FnOnce(&mut RuntimeConfig)) -> Self {
        let dir = tempfile::Builder::new().prefix("rt").tempdir().unwrap();
        let mut config = RuntimeConfig {
            sandbox: sandbox().await,
            dir: dir.path().join("r"),
            max_workers: 8,
            workers_per_function: 2,
            queue: 8,
            queue_wait: Duration::from_millis(200),
            pool: 1,
            idle: Duration::from_secs(600),
            deny_net: Vec::new(),
        };
        adjust(&mut config);
        let (sender, logs) = mpsc::channel(10_000);
        Self { runtime: Runtime::start(config, sender, outbound()).unwrap(), logs, dir, counter: Arc::default() }
    }

    pub fn invoker(&self) -> Invoker {
        Invoker { runtime: self.runtime.clone(), counter: Arc::clone(&self.counter) }
    }

    pub async fn get(&self, function: &Function, path: &str) -> Result<Answer, Failure> {
        self.invoker().get(function, path).await.0
    }

    /// The next log line for which `matches` is true.
    pub async fn line(&mut self, matches: impl Fn(&LogLine) -> bool) -> LogLine {
        let found = async {
            loop {
                let line = self.logs.recv().await.unwrap();
                if matches(&line) {
                    return line;
                }
            }
        };
        tokio::time::timeout(DEADLINE, found).await.expect("no such line")
    }
}

#[derive(Clone)]
pub struct Invoker {
    pub runtime: Runtime,
    counter: Arc<AtomicU64>,
}

pub fn request(path: &str) -> hyper::http::request::Builder {
    Request::builder().uri(format!("https://functions.example{path}")).header("host", "functions.example")
}

impl Invoker {
    pub async fn get(&self, function: &Function, path: &str) -> (Result<Answer, Failure>, Option<Outcome>) {
        self.send(function, request(path).body(Full::new(Bytes::new())).unwrap()).await
    }

    /// Invokes and reads the whole response.
    pub async fn send(
        &self,
        function: &Function,
        request: Request<Full<Bytes>>,
    ) -> (Result<Answer, Failure>, Option<Outcome>) {
        let id = format!("inv-{}", self.counter.fetch_add(1, Ordering::Relaxed));
        let load = || async { Ok(function.assignment()) };
        let lease = match self.runtime.worker(&function.key, load).await {
            Ok(lease) => lease,
            Err(error) => return (Err(Failure::Worker(error)), None),
        };
        let cold = lease.cold;
        let (ended, outcome) = oneshot::channel();
        let result = lease.send(request, &id, move |end| ended.send(end.outcome).unwrap()).await;
        let result = match result {
            Err(error) => Err(Failure::Invoke(error)),
            Ok(response) => {
                let (head, mut body) = response.into_parts();
                let mut text = String::new();
                loop {
                    match body.frame().await {
                        Some(Ok(frame)) => text.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap()),
                        Some(Err(error)) => break Err(Failure::Body(text, error)),
                        None => break Ok(Answer { status: head.status.as_u16(), headers: head.headers, text, cold }),
                    }
                }
            }
        };
        (result, Some(tokio::time::timeout(DEADLINE, outcome).await.expect("on_end was not called").unwrap()))
    }
}

/// Polls until `condition` holds.
pub async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let waited = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(DEADLINE, waited).await.unwrap_or_else(|_| panic!("never: {what}"));
}

pub fn alive(pid: u32) -> bool {
    // A zombie has been killed; only its parent has not asked yet.
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with('Z'))
}
