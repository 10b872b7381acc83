//! Making a worker: a folder, a process, one assignment over its control channel, and the wait until it serves.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::{Duration, SystemTime};

use domain::{ResponseGuard, SecretName};
use serde::ser::{Serialize, SerializeMap as _, SerializeStruct as _, Serializer};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, watch};
use zeroize::Zeroizing;

use super::connection::Connections;
use super::grants::Grants;
use super::output::{Boot, Sink};
use super::process::{BESIDE_BYTES, Exit, Worker};
use super::room::Room;
use super::{Assignment, Egress, LogLine, Outbound, Sent, Stream, WorkerKey};
use crate::egress::{EgressRecord, EgressWorker, Placeholders};
use crate::folder::{Folder, file_url, random_hex};
use crate::launch::{Child, Launch, Spawner};
use crate::sandbox::{Owner, Rules};

/// Nothing can be made under it: workers share no cache, and one of their own would only cost time.
const NO_CACHE: &str = "/dev/null/none";
/// What Deno needs beside the heap of a function. Measured: with less than 768 MiB of private memory it does not start.
const OVERHEAD_MIB: u64 = 768;
/// How long a worker's last output may take to arrive after its end.
const LAST_WORDS: Duration = Duration::from_millis(300);
/// The socket in a worker's folder that its requests go to.
const WAY_OUT: &str = "e";
/// So many records of one worker wait to be told.
const RECORDS: usize = 64;
/// Operators' settings that a worker needs to trust the right certificate authorities.
const PASSED_ON: [&str; 4] = ["SSL_CERT_FILE", "SSL_CERT_DIR", "DENO_CERT", "DENO_TLS_CA_STORE"];

/// Those of them that name files and folders, which it must then be able to read.
const CERTIFICATES: [&str; 3] = ["SSL_CERT_FILE", "SSL_CERT_DIR", "DENO_CERT"];

/// Why a worker did not come to serve. Shared by all who waited for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BootError {
    Threw(String),
    Died(Exit),
    Timeout(Duration),
    NoHandler,
    Spawn(String),
}

/// What all workers of a runtime are made with.
pub(crate) struct Booter {
    pub(crate) dir: PathBuf,
    pub(crate) bootstrap: PathBuf,
    pub(crate) deny_net: String,
    /// The same for a worker whose network namespace is its own: this machine is not in it.
    pub(crate) deny_relay: String,
    pub(crate) grants: Grants,
    pub(crate) logs: mpsc::Sender<LogLine>,
    pub(crate) outbound: Outbound,
    pub(crate) spawner: Spawner,
    pub(crate) room: Arc<Room>,
}

/// A process that has loaded the bootstrap and waits: of no account, with no code and no value. Dropped, it is killed.
pub(crate) struct Unassigned {
    id: String,
    memory_mib: u32,
    relay: bool,
    folder: Folder,
    /// Whose the folder has to be.
    owner: Option<Owner>,
    child: Child,
    control: UnixStream,
    /// Where its requests come in.
    proxy: UnixListener,
}

impl Unassigned {
    /// Whether it has TCP.
    pub(crate) fn has_relay(&self) -> bool {
        self.relay
    }

    /// The heap limit it was started with; Deno takes it only then.
    pub(crate) fn memory_mib(&self) -> u32 {
        self.memory_mib
    }

    /// Whether its process still runs.
    pub(crate) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Ends it and waits until it is reaped.
    pub(crate) async fn end(mut self) {
        let _ = self.child.kill().await;
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("s")
    }
}

impl Booter {
    /// Whether a worker with this assignment has TCP: if its function declares endpoints, which it then needs; else if its code seems to use
    /// it and the walls for that stand.
    pub(crate) fn wants_relay(&self, assignment: &Assignment) -> bool {
        let endpoints = &assignment.egress.tcp;
        !endpoints.is_empty()
            || (super::relay::is_needed(&assignment.code, endpoints) && self.spawner.sandbox().can_relay())
    }

    /// Starts a worker's process, which then waits to be assigned.
    pub(crate) async fn spawn(&self, memory_mib: u32, relay: bool) -> std::io::Result<Unassigned> {
        let id = format!("w{}", random_hex(4)?);
        let folder = Folder::create(&self.dir, &id)?;
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let control = UnixStream::from_std(ours)?;
        let way_out = folder.path().join(WAY_OUT);
        let proxy = UnixListener::bind(&way_out)?;
        let owner = self.spawner.sandbox().owner()?;
        for path in [folder.path(), &way_out] {
            hand_over(path, owner)?;
        }
        let shown = if relay { super::relay::files(folder.path())? } else { Vec::new() };
        let certificates = CERTIFICATES.into_iter().filter_map(std::env::var_os).map(PathBuf::from);
        let rules = Rules {
            read: std::iter::once(self.bootstrap.clone()).chain(certificates).collect(),
            listen: Some(folder.path().to_path_buf()),
            owner,
            shown,
            relay,
            ..Rules::default()
        };
        let launch = Launch {
            args: self.arguments(folder.path(), &folder.path().join("s"), memory_mib, relay),
            env: environment(&way_out, relay),
            dir: folder.path().to_path_buf(),
            memory_bytes: (u64::from(memory_mib) + OVERHEAD_MIB) << 20,
            resident_bytes: (u64::from(memory_mib) << 20) + BESIDE_BYTES,
            stdin: OwnedFd::from(theirs),
            rules,
        };
        let child = self.spawner.spawn(launch).await?;
        Ok(Unassigned { id, memory_mib, relay, folder, owner, child, control, proxy })
    }

    /// Makes a waiting process into a function's worker; it may not serve yet. The future must be driven: it ends when
    /// the process is reaped, its output read and its folder gone.
    pub(crate) fn assign(
        &self,
        unassigned: Unassigned,
        key: &Arc<WorkerKey>,
        mut assignment: Assignment,
    ) -> std::io::Result<(Arc<Worker>, impl Future<Output = ()> + Send + 'static)> {
        let socket = unassigned.socket();
        let Unassigned { id, relay, folder, owner, mut child, control: ours, proxy, .. } = unassigned;
        let nonce = random_hex(16)?;
        let entry = folder.path().join("main.mjs");
        crate::folder::write_private(&entry, assignment.code.as_bytes())?;
        hand_over(&entry, owner)?;

        let Egress { policy, tcp } = std::mem::take(&mut assignment.egress);
        let secrets = Arc::clone(&assignment.secrets);
        if !secrets.redactor().guards() {
            assignment.guard = ResponseGuard::Off;
        }
        let placeholders = Arc::new(Placeholders::new(secrets.brokered()).map_err(std::io::Error::other)?);
        let sink = Arc::new(Sink {
            key: Arc::clone(key),
            worker: Arc::from(id.as_str()),
            secrets: Arc::clone(&secrets),
            folder_url: format!("{}/", file_url(folder.path())),
            mark: format!("\x1e{nonce}").into_bytes(),
            logs: self.logs.clone(),
            boot: watch::Sender::new(None),
            pong: watch::Sender::new((0, std::time::Instant::now())),
            out_of_memory: AtomicBool::new(false),
            lost: AtomicU64::new(0),
            silent: assignment.silent,
        });
        if assignment.guard != ResponseGuard::Off {
            // While the function loads, so that its first response need not wait for it.
            let secrets = Arc::clone(&secrets);
            tokio::task::spawn_blocking(move || secrets.redactor().prepare());
        }
        let (control, messages) = mpsc::unbounded_channel();
        let held = secrets.env().map(|(name, value)| (name, value.expose()));
        let stand_ins = placeholders.env().map(|(name, placeholder)| (name, placeholder.as_str()));
        let env: Vec<_> = held.chain(stand_ins).collect();
        let order = Order { env: &env, entry: &file_url(&entry), nonce: &nonce };
        let _ = control.send(order.framed()?);
        let streams = (child.stdout.take(), child.stderr.take());
        let (records, incoming) = mpsc::channel(RECORDS);
        let worker =
            EgressWorker { account: key.account.clone(), policy, placeholders: Arc::clone(&placeholders), records };
        let outlet = self.outbound.broker.attach(worker);
        outlet.serve(proxy);
        if relay {
            super::relay::serve(&outlet, std::mem::take(&mut child.sockets), &tcp, folder.path())?;
        }
        tokio::spawn(speak(ours, messages));
        tokio::spawn(pass_on(incoming, Arc::clone(&sink), self.outbound.sent.clone()));
        let connections = Connections::new(socket);
        let pid = child.id();
        let room = Arc::clone(&self.room);
        let worker = Arc::new(Worker::new(pid, &assignment, nonce, Arc::clone(&sink), connections, control, room));

        let tended = Arc::clone(&worker);
        let tend = async move {
            let reading = tokio::spawn(async move {
                let out = async {
                    if let Some(out) = streams.0 {
                        sink.drink(Stream::Stdout, out).await
                    }
                };
                let err = async {
                    if let Some(err) = streams.1 {
                        sink.drink(Stream::Stderr, err).await
                    }
                };
                tokio::join!(out, err);
            });
            let status = tokio::select! {
                status = child.wait() => status,
                () = tended.condemned() => {
                    let _ = child.start_kill();
                    child.wait().await
                }
            };
            let _ = tokio::time::timeout(LAST_WORDS, reading).await;
            drop((outlet, folder));
            tended.ended(status.ok(), child.ran_out());
        };
        Ok((worker, tend))
    }

    fn arguments(&self, folder: &Path, socket: &Path, memory_mib: u32, relay: bool) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = [
            "run",
            "--quiet",
            "--no-prompt",
            "--no-config",
            "--no-lock",
            "--no-remote",
            "--no-npm",
            "--cached-only",
            "--no-check",
            // A cache of compiled code that workers share would let one worker choose what another one runs.
            "--no-code-cache",
            // `request.signal` fires when the caller hangs up, and only then.
            "--unstable-no-legacy-abort",
        ]
        .map(OsString::from)
        .into();
        arguments.extend(self.grants.arguments(if relay { &self.deny_relay } else { &self.deny_net }, folder, socket));
        arguments.push(format!("--v8-flags=--max-old-space-size={memory_mib}").into());
        arguments.push(self.bootstrap.clone().into());
        arguments
    }
}

/// Waits until `worker` serves.
pub(crate) async fn ready(worker: &Worker, limit: Duration) -> Result<(), BootError> {
    let mut boot = worker.sink.boot.subscribe();
    let booted = async {
        tokio::select! {
            biased;
            boot = boot.wait_for(Option::is_some) => boot.ok().and_then(|boot| boot.clone()).ok_or(Exit::Stopped),
            // A worker that says why and dies has been heard: its output is read before its end is told.
            exit = worker.gone() => worker.sink.boot.borrow().clone().ok_or(exit),
        }
    };
    let result = match tokio::time::timeout(limit, booted).await {
        Ok(Ok(Boot::Ready)) => return Ok(()),
        Ok(Ok(Boot::NoHandler)) => BootError::NoHandler,
        Ok(Ok(Boot::Threw(message))) => BootError::Threw(message),
        Ok(Err(exit)) => BootError::Died(exit),
        Err(_) => BootError::Timeout(limit),
    };
    worker.kill(Exit::Stopped);
    Err(result)
}

/// Tells the server what the worker sent, with the host cleaned: code can write a value there.
async fn pass_on(mut records: mpsc::Receiver<EgressRecord>, sink: Arc<Sink>, sent: mpsc::Sender<Sent>) {
    while let Some(mut record) = records.recv().await {
        record.host = sink.clean(&record.host);
        if sent.send(Sent { key: Arc::clone(&sink.key), time: SystemTime::now(), record }).await.is_err() {
            return;
        }
    }
}

fn hand_over(path: &Path, owner: Option<Owner>) -> std::io::Result<()> {
    owner.map_or(Ok(()), |owner| owner.take(path))
}

/// The process environment of a worker. Deno reads these before any code runs; no secret is among them.
fn environment(way_out: &Path, relay: bool) -> Vec<(&'static str, OsString)> {
    let fixed = [("DENO_DIR", NO_CACHE), ("DENO_NO_UPDATE_CHECK", "1"), ("NO_COLOR", "1")];
    let passed = PASSED_ON.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
    // Deno sends requests there as they are, in clear: TLS is the broker's.
    let mut proxy = OsString::from("unix:");
    proxy.push(way_out);
    let proxies = ["HTTP_PROXY", "HTTPS_PROXY"].map(|name| (name, proxy.clone()));
    let fixed = fixed.map(|(name, value)| (name, OsString::from(value)));
    // `fetch` reads the one spelling first, `node:http` the other: each gets the proxy that it can use.
    let node = ["http_proxy", "https_proxy"].map(|name| (name, OsString::from(super::relay::PROXY)));
    let node = node.into_iter().chain([("NODE_USE_ENV_PROXY", OsString::from("1"))]).filter(|_| relay);
    fixed.into_iter().chain(passed).chain(proxies).chain(node).collect()
}

/// Writes messages until the worker or its owner is gone. Then the channel closes, and the worker ends itself.
async fn speak(mut control: UnixStream, mut messages: mpsc::UnboundedReceiver<Zeroizing<Vec<u8>>>) {
    while let Some(message) = messages.recv().await {
        if control.write_all(&message).await.is_err() {
            break;
        }
    }
}

/// The first message.
struct Order<'a> {
    env: &'a [(&'a SecretName, &'a str)],
    entry: &'a str,
    nonce: &'a str,
}

struct Env<'a>(&'a [(&'a SecretName, &'a str)]);

impl Serialize for Env<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.0 {
            map.serialize_entry(name.as_str(), value)?;
        }
        map.end()
    }
}

impl Serialize for Order<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut order = serializer.serialize_struct("Order", 3)?;
        order.serialize_field("entry", self.entry)?;
        order.serialize_field("nonce", self.nonce)?;
        order.serialize_field("env", &Env(self.env))?;
        order.end()
    }
}

impl Order<'_> {
    fn framed(&self) -> std::io::Result<Zeroizing<Vec<u8>>> {
        // JSON makes at most six bytes of one; a buffer that never grows leaves no copies behind.
        let values: usize = self.env.iter().map(|(name, value)| name.as_str().len() + 6 * value.len() + 8).sum();
        let rest = 6 * (self.entry.len() + self.nonce.len()) + 128;
        let mut message = Zeroizing::new(Vec::with_capacity(4 + values + rest));
        message.extend_from_slice(&[0; 4]);
        serde_json::to_writer(&mut *message, self)?;
        let length =
            u32::try_from(message.len() - 4).map_err(|_| std::io::Error::other("the environment is too large"))?;
        if let Some(head) = message.first_chunk_mut() {
            *head = length.to_be_bytes();
        }
        Ok(message)
    }
}

/// A later message, which holds no value.
pub(crate) fn framed(json: &[u8]) -> Zeroizing<Vec<u8>> {
    let length = u32::try_from(json.len()).unwrap_or(u32::MAX);
    Zeroizing::new([&length.to_be_bytes(), json].concat())
}
