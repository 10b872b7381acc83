//! Writes invocations and log lines in batches, away from the requests that made them.
//!
//! Bounded: when the database lags behind, records are dropped and counted rather than requests slowed or memory filled.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use domain::audit::AuditEvent;
use domain::limits::{LOG_BYTES_PER_MINUTE, LOG_LINES_PER_MINUTE};
use domain::{AccountId, EnvironmentName, FunctionName, SecretName};
use runtime::{EgressOutcome, LogLine, Sent, Stream, Via, WorkerKey};
use store::{EgressRow, InvocationRow, LogRow, Store};
use tokio::sync::{Notify, broadcast, mpsc, oneshot};

use super::quota::{Quota, Verdict};
use crate::clock;
use crate::service::{Ended, Error, returned};

const QUEUE: usize = 16_384;
const BATCH: usize = 1_000;
const TAIL: usize = 1_024;
/// How long the first record of a batch waits for others.
const GATHER: Duration = Duration::from_millis(20);

enum Record {
    Invocation(Ended),
    Log(Arc<LogLine>),
    Sent(Box<Sent>),
    /// A worker got these secrets.
    Used((AccountId, EnvironmentName), Vec<SecretName>),
    /// Answered when all that was sent before is stored.
    Flush(oneshot::Sender<()>),
}

/// Where records go. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Recorder {
    queue: mpsc::Sender<Record>,
    /// Log lines as they come, for those who watch. Whoever watches too slowly misses some.
    tail: broadcast::Sender<Arc<LogLine>>,
    /// Somebody waits for what was sent.
    hurry: Arc<Notify>,
}

/// The receiving half, to be run.
pub(crate) struct RecorderTask {
    queue: mpsc::Receiver<Record>,
    hurry: Arc<Notify>,
}

/// Both halves.
pub(crate) fn recorder() -> (Recorder, RecorderTask) {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let tail = broadcast::Sender::new(TAIL);
    let hurry = Arc::new(Notify::new());
    (Recorder { queue: sender, tail, hurry: Arc::clone(&hurry) }, RecorderTask { queue: receiver, hurry })
}

impl Recorder {
    /// Takes an invocation; `false` if it had to be dropped.
    pub(crate) fn invocation(&self, ended: Ended) -> bool {
        self.queue.try_send(Record::Invocation(ended)).is_ok()
    }

    /// Takes a log line; `false` if it had to be dropped.
    pub(crate) fn log(&self, line: LogLine) -> bool {
        let line = Arc::new(line);
        // It fails when nobody watches.
        let _ = self.tail.send(Arc::clone(&line));
        self.queue.try_send(Record::Log(line)).is_ok()
    }

    /// Takes what a worker sent; `false` if it had to be dropped.
    pub(crate) fn sent(&self, sent: Sent) -> bool {
        self.queue.try_send(Record::Sent(Box::new(sent))).is_ok()
    }

    /// Takes which secrets a worker got; `false` if it had to be dropped.
    pub(crate) fn used(&self, account: AccountId, environment: EnvironmentName, names: Vec<SecretName>) -> bool {
        self.queue.try_send(Record::Used((account, environment), names)).is_ok()
    }

    /// Log lines of every function from now on.
    pub(crate) fn watch(&self) -> broadcast::Receiver<Arc<LogLine>> {
        self.tail.subscribe()
    }

    /// Returns when everything taken before is stored, so that a reader sees what it just caused.
    pub(crate) async fn flush(&self) {
        let (done, wait) = oneshot::channel();
        if self.queue.send(Record::Flush(done)).await.is_ok() {
            self.hurry.notify_one();
            let _ = wait.await;
        }
    }
}

impl RecorderTask {
    /// Runs until every [`Recorder`] is gone and what they sent is stored. `webhooks` is told when there is something for them.
    pub(crate) async fn run(mut self, store: Store, webhooks: Arc<Notify>) {
        let mut batch = Vec::with_capacity(BATCH);
        let mut quota = Quota::default();
        while self.queue.recv_many(&mut batch, BATCH).await > 0 {
            // Nobody is woken for records that come while this waits, and they share one write.
            if batch.len() < BATCH && !batch.iter().any(|record| matches!(record, Record::Flush(_))) {
                let _ = tokio::time::timeout(GATHER, self.hurry.notified()).await;
                let more = self.queue.len().min(BATCH);
                if more > 0 {
                    self.queue.recv_many(&mut batch, more).await;
                }
            }
            let mut waiting = Vec::new();
            let (mut invocations, mut logs) = (Vec::new(), Vec::new());
            let (mut sent, mut used, mut events) = (Vec::new(), Used::new(), Vec::new());
            for record in batch.drain(..) {
                match record {
                    Record::Invocation(ended) => {
                        let (row, event) = ended.into_row();
                        invocations.push(row);
                        events.extend(event);
                    }
                    Record::Log(line) => logs.extend(within(&mut quota, line)),
                    Record::Sent(one) => sent.push(*one),
                    Record::Used(place, names) => used.entry(place).or_default().extend(names),
                    Record::Flush(done) => waiting.push(done),
                }
            }
            match write(&store, Batch { invocations, events, logs, sent, used }).await {
                Ok(told) if told => webhooks.notify_one(),
                Ok(_) => {}
                Err(error) => tracing::error!(error = %error, "invocations were not recorded"),
            }
            for done in waiting {
                let _ = done.send(());
            }
        }
    }
}

/// The line, or what stands in its place when there were too many.
fn within(quota: &mut Quota, line: Arc<LogLine>) -> Option<Arc<LogLine>> {
    let source = line.invocation.as_deref().unwrap_or(&line.worker);
    let place = (line.key.account.clone(), line.key.environment.clone(), line.key.function.clone());
    let instead = |text| Some(Arc::new(LogLine { text, ..(*line).clone() }));
    match quota.count(source, &place, line.text.len(), clock::from_system(line.time).as_millis()) {
        Verdict::Keep => Some(line),
        Verdict::LastLine => {
            instead(format!("[more than {LOG_LINES_PER_MINUTE} lines in a minute: the rest is not kept]"))
        }
        Verdict::LastByte => {
            let mebibytes = LOG_BYTES_PER_MINUTE >> 20;
            instead(format!("[the function printed more than {mebibytes} MiB in a minute: the rest is not kept]"))
        }
        Verdict::Drop => None,
    }
}

/// The secrets that were used, by account and environment.
type Used = HashMap<(AccountId, EnvironmentName), BTreeSet<SecretName>>;

/// What is written together.
struct Batch {
    invocations: Vec<InvocationRow>,
    events: Vec<AuditEvent>,
    logs: Vec<Arc<LogLine>>,
    sent: Vec<Sent>,
    used: Used,
}

/// `true` if webhooks are to be told something.
async fn write(store: &Store, batch: Batch) -> Result<bool, Error> {
    let Batch { invocations, events, logs, sent, used } = batch;
    if invocations.is_empty() && logs.is_empty() && sent.is_empty() && used.is_empty() {
        return Ok(false);
    }
    store
        .write(move |tx| {
            Box::pin(async move {
                tx.insert_invocations(&invocations).await?;
                tx.add_to_hours(&invocations).await?;
                let mut told = false;
                for event in events {
                    told |= returned::record(tx, event).await?;
                }
                let mut ids = Ids::default();
                // What comes first in time comes first here; time in front keeps it across restarts.
                let mut seq = (clock::now().as_millis().unsigned_abs() << 16)..;
                let mut rows = Vec::with_capacity(logs.len());
                for line in logs {
                    // A function that was deleted meanwhile keeps no records.
                    if let (Some(id), Some(seq)) = (ids.of(tx, &line.key).await?, seq.next()) {
                        rows.push(log_row(&line, id, seq));
                    }
                }
                tx.insert_logs(&rows).await?;
                let mut rows = Vec::with_capacity(sent.len());
                for ((account, environment), names) in put_in(&sent) {
                    tx.touch_sent(&account, &environment, &names.into_iter().collect::<Vec<_>>(), clock::now()).await?;
                }
                for one in sent {
                    if let (Some(id), Some(seq)) = (ids.of(tx, &one.key).await?, seq.next()) {
                        rows.push(egress_row(&one, id, seq));
                    }
                }
                tx.insert_egress(&rows).await?;
                for ((account, environment), names) in used {
                    let names: Vec<_> = names.into_iter().collect();
                    tx.touch_secrets(&account, &environment, &names, clock::now()).await?;
                }
                Ok::<_, Error>(told)
            })
        })
        .await
}

/// The brokered secrets whose values went out. What the broker refused or could not send had none put in.
fn put_in(sent: &[Sent]) -> Used {
    let mut used = Used::new();
    for one in sent.iter().filter(|one| !one.record.secrets.is_empty()) {
        let place = (one.key.account.clone(), one.key.environment.clone());
        used.entry(place).or_default().extend(one.record.secrets.iter().cloned());
    }
    used
}

/// The id of the function that was asked for last; records of one come together.
#[derive(Default)]
struct Ids(Option<(AccountId, FunctionName, Option<String>)>);

impl Ids {
    async fn of(&mut self, tx: &mut store::Tx, key: &WorkerKey) -> Result<Option<&str>, Error> {
        if self.0.as_ref().is_none_or(|(account, name, _)| *account != key.account || *name != key.function) {
            let id = tx.function(&key.account, &key.function).await?.map(|row| row.id);
            self.0 = Some((key.account.clone(), key.function.clone(), id));
        }
        Ok(self.0.as_ref().and_then(|(.., id)| id.as_deref()))
    }
}

/// The API's word.
pub(crate) fn stream_word(stream: Stream) -> &'static str {
    match stream {
        Stream::Stdout => "stdout",
        Stream::Stderr => "stderr",
    }
}

fn log_row(line: &LogLine, function_id: &str, seq: u64) -> LogRow {
    LogRow {
        account: line.key.account.clone(),
        function_id: function_id.to_owned(),
        invocation: line.invocation.clone(),
        seq,
        time: clock::from_system(line.time),
        stream: stream_word(line.stream).to_owned(),
        text: line.text.clone(),
    }
}

fn egress_row(sent: &Sent, function_id: &str, seq: u64) -> EgressRow {
    let record = &sent.record;
    EgressRow {
        account: sent.key.account.clone(),
        function_id: function_id.to_owned(),
        invocation: record.invocation.clone(),
        seq,
        time: clock::from_system(sent.time),
        via: match record.via {
            Via::Fetch => "fetch",
            Via::WebSocket => "websocket",
            Via::Tunnel => "tunnel",
            Via::Tcp => "tcp",
        }
        .to_owned(),
        host: record.host.clone(),
        port: record.port,
        method: record.method.to_owned(),
        outcome: match record.outcome {
            EgressOutcome::Answered(status) => status.to_string(),
            EgressOutcome::Opened => "opened".to_owned(),
            EgressOutcome::Refused(code) | EgressOutcome::Failed(code) => code.to_owned(),
            EgressOutcome::Abandoned => "abandoned".to_owned(),
        },
        request_bytes: record.request_bytes,
        response_bytes: record.response_bytes,
        duration_us: u64::try_from(record.duration.as_micros()).unwrap_or(u64::MAX),
        secrets: record.secrets.iter().map(SecretName::as_str).collect::<Vec<_>>().join(" "),
    }
}
