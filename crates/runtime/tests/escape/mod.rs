//! Every line of "a worker may never", tried from inside, in a Deno that was started with all permissions: the system's walls
//! must hold alone. Each attack is made without walls too, where it must succeed; else it would prove nothing.
//!
//! This is a module of the crate's own unit tests, because what starts such a Deno is compiled into nothing else.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub
)]

mod bundler;
mod files;
mod kernel;
mod limits;
mod network;
mod processes;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::{AccountId, Endpoint, EnvironmentName, FunctionName, ResponseGuard, SecretName, Value, VersionSet};
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use serde_json::{Value as Json, json};
use tokio::sync::mpsc;

use crate::sandbox::Wall;
use crate::{
    Assignment, Broker, BrokerConfig, Deno, Egress, InvokeError, Limits, LogLine, Outbound, Runtime, RuntimeConfig,
    Sandbox, SecretSet, WorkerKey,
};

pub const CANARY: &str = "the-canary-sings";
const DEADLINE: Duration = Duration::from_secs(60);
const ATTACKS: &str = include_str!("attacks.js");

/// A machine with something to steal, and a worker that belongs to the thief.
pub struct Scene {
    pub dir: tempfile::TempDir,
    pub runtime: Runtime,
    /// Outside of everything that a worker should see.
    pub outside: PathBuf,
    _logs: mpsc::Receiver<LogLine>,
}

pub async fn deno() -> Deno {
    let explicit = std::env::var_os("TRESOR_DENO").map(PathBuf::from);
    Deno::find(explicit.as_deref()).await.unwrap()
}

/// The walls of this machine, all of which must stand for these tests to say anything.
pub async fn walls(dir: &Path) -> Sandbox {
    let sandbox = Sandbox::find(&deno().await, dir).await.unwrap();
    for (wall, missing) in sandbox.walls().iter().filter(|(wall, _)| *wall != Wall::Memory) {
        assert_eq!(missing, None, "{wall} does not stand here");
    }
    sandbox
}

impl Scene {
    /// Behind all walls.
    pub async fn walled() -> Self {
        let dir = tempfile::Builder::new().prefix("rt").tempdir().unwrap();
        let sandbox = walls(dir.path()).await;
        Self::start(dir, sandbox)
    }

    /// With none.
    pub async fn open() -> Self {
        let dir = tempfile::Builder::new().prefix("rt").tempdir().unwrap();
        let sandbox = Sandbox::none(&deno().await);
        Self::start(dir, sandbox)
    }

    fn start(dir: tempfile::TempDir, sandbox: Sandbox) -> Self {
        let outside = dir.path().canonicalize().unwrap().join("outside");
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("root.key"), CANARY).unwrap();
        std::fs::write(outside.join("canary.json"), json!({ "canary": CANARY }).to_string()).unwrap();
        std::fs::write(outside.join("canary.env"), format!("CANARY={CANARY}\n")).unwrap();
        let config = RuntimeConfig {
            sandbox,
            dir: dir.path().join("r"),
            max_workers: 8,
            workers_per_function: 1,
            queue: 8,
            queue_wait: Duration::from_secs(1),
            pool: 1,
            idle: Duration::from_secs(600),
            deny_net: Vec::new(),
        };
        // Even a broker that may reach this machine's own listeners must be asked.
        let broker = Broker::new(BrokerConfig::default()).unwrap();
        let (sent, mut told) = mpsc::channel(64);
        tokio::spawn(async move { while told.recv().await.is_some() {} });
        let (sender, logs) = mpsc::channel(10_000);
        let outbound = Outbound { broker: Arc::new(broker), sent };
        let runtime = Runtime::start_without_permissions(config, sender, outbound).unwrap();
        Self { dir, runtime, outside, _logs: logs }
    }

    pub fn path(&self, name: &str) -> String {
        self.outside.join(name).to_str().unwrap().to_owned()
    }

    /// What an attack gets, or what stops it.
    pub async fn attack(&self, attack: &str, args: Json) -> Result<Json, String> {
        self.send("thief", ATTACKS, json!({ "attack": attack, "args": args }))
            .await
            .map_err(|error| error.to_string())?
    }

    /// The same from a worker that has TCP in its own network, since it declared `endpoint`.
    pub async fn attack_relayed(&self, endpoint: &str, attack: &str, args: Json) -> Result<Json, String> {
        let mut assignment = assignment(ATTACKS);
        assignment.egress.tcp.push(Endpoint::parse(endpoint).unwrap());
        let body = json!({ "attack": attack, "args": args });
        self.send_to("relayed", assignment, body).await.map_err(|error| error.to_string())?
    }

    pub async fn send(&self, function: &str, code: &str, body: Json) -> Result<Result<Json, String>, InvokeError> {
        self.send_to(function, assignment(code), body).await
    }

    async fn send_to(
        &self,
        function: &str,
        assignment: Assignment,
        body: Json,
    ) -> Result<Result<Json, String>, InvokeError> {
        let key = key(function);
        let load = || async { Ok::<_, ()>(assignment) };
        let lease = match self.runtime.worker(&key, load).await {
            Ok(lease) => lease,
            Err(error) => return Ok(Err(format!("{error}"))),
        };
        let request = Request::post("https://functions.example/").header("host", "functions.example");
        let request = request.body(Full::new(Bytes::from(body.to_string()))).unwrap();
        let answer = async {
            let response = lease.send(request, "inv-1", |_| {}).await?;
            let bytes = response.into_body().collect().await?.to_bytes();
            let answer: Json = serde_json::from_slice(&bytes).unwrap();
            Ok(match answer.get("stopped") {
                Some(stopped) => Err(stopped.as_str().unwrap().to_owned()),
                None => Ok(answer["reached"].clone()),
            })
        };
        tokio::time::timeout(DEADLINE, answer).await.expect("no answer")
    }

    /// The folder of a function's worker.
    pub fn folder(&self, function: &str) -> PathBuf {
        let workers = self.runtime.workers();
        let worker = workers.iter().find(|worker| worker.key.function.as_str() == function).unwrap();
        self.dir.path().canonicalize().unwrap().join("r").join(&*worker.worker)
    }

    pub fn pid(&self, function: &str) -> u32 {
        self.runtime.workers().iter().find(|worker| worker.key.function.as_str() == function).unwrap().pid
    }
}

fn key(function: &str) -> WorkerKey {
    WorkerKey {
        account: AccountId::new(function),
        environment: EnvironmentName::production(),
        function: FunctionName::parse(function).unwrap(),
        deployment: 1,
        generation: 1,
        apart: None,
    }
}

fn assignment(code: &str) -> Assignment {
    Assignment {
        code: code.into(),
        secrets: Arc::new(SecretSet::new(
            vec![(SecretName::parse("CANARY_KEY").unwrap(), Value::new(CANARY.to_owned()).unwrap())],
            Vec::new(),
            &BTreeSet::default(),
            VersionSet::default(),
            &[],
        )),
        egress: Egress::default(),
        limits: Limits { boot: DEADLINE, wall_clock: DEADLINE, cpu: DEADLINE, ..Limits::default() },
        guard: ResponseGuard::Off,
        silent: false,
    }
}

type Attacks = Vec<(&'static str, Json)>;

/// Makes each attack behind all walls, where it must be stopped in one of these ways, and without any, where it must not be.
pub async fn try_all(attacks: impl Fn(&Scene) -> Attacks, ways: &[&str]) {
    stopped(&Scene::walled().await, &attacks, ways).await;
    let scene = Scene::open().await;
    for (attack, args) in attacks(&scene) {
        let seen = scene.attack(attack, args.clone()).await;
        assert!(seen.is_ok(), "{attack} {args} proves nothing, for it fails without walls too: {seen:?}");
    }
}

/// Makes each attack where it must be stopped in one of these ways.
pub async fn stopped(scene: &Scene, attacks: impl Fn(&Scene) -> Attacks, ways: &[&str]) {
    for (attack, args) in attacks(scene) {
        match scene.attack(attack, args.clone()).await {
            Err(how) => assert!(ways.iter().any(|way| how.contains(way)), "{attack} {args}: {how}"),
            Ok(got) => panic!("{attack} {args} got {got}"),
        }
    }
}
