//! Reading what a worker writes: its messages to us, and the function's output, which becomes log lines.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Instant, SystemTime};

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};
use tokio::sync::{mpsc, watch};

use super::text::clean;
use super::{LogLine, SecretSet, Stream, WorkerKey};

/// Longest line that is read whole. The bootstrap cuts its texts at 1 Mi characters; JSON may make six bytes of each.
const LINE_BYTES: u64 = 8 * 1024 * 1024;
const READ_BYTES: usize = 64 * 1024;

/// How the module's load ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Boot {
    Ready,
    NoHandler,
    Threw(String),
}

/// A message of the bootstrap, after its mark.
#[derive(Deserialize)]
#[serde(untagged)]
enum Message {
    Log { log: String, cut: bool, error: bool, invocation: Option<String> },
    Boot { boot: String, message: Option<String> },
    Pong { pong: u64 },
}

/// Where the output of one worker goes.
pub(crate) struct Sink {
    pub(crate) key: Arc<WorkerKey>,
    pub(crate) worker: Arc<str>,
    pub(crate) secrets: Arc<SecretSet>,
    /// Stripped from texts: where the worker's files lie is nobody's business.
    pub(crate) folder_url: String,
    /// What a message starts with; the function does not know it.
    pub(crate) mark: Vec<u8>,
    pub(crate) logs: mpsc::Sender<LogLine>,
    pub(crate) boot: watch::Sender<Option<Boot>>,
    /// The last ping that was answered, and when.
    pub(crate) pong: watch::Sender<(u64, Instant)>,
    /// V8 has said that its heap is full.
    pub(crate) out_of_memory: AtomicBool,
    /// Lines lost since the last that was taken.
    pub(crate) lost: AtomicU64,
    /// Lines go nowhere.
    pub(crate) silent: bool,
}

impl Sink {
    pub(crate) fn clean(&self, text: &str) -> String {
        clean(self.secrets.redactor(), text, false, &self.folder_url)
    }

    /// Hands a line on. A consumer that is too slow loses lines, and is told how many: neither the function nor other
    /// workers wait for it.
    pub(crate) fn log(&self, stream: Stream, invocation: Option<String>, text: String) {
        if self.silent {
            return;
        }
        let line = |invocation, text| LogLine {
            key: Arc::clone(&self.key),
            worker: Arc::clone(&self.worker),
            invocation,
            stream,
            time: SystemTime::now(),
            text,
        };
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 && self.logs.try_send(line(None, format!("[{lost} lines lost: too many at once]"))).is_err() {
            self.lost.fetch_add(lost, Ordering::Relaxed);
        }
        if self.logs.try_send(line(invocation, text)).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Reads `stream` to its end.
    pub(crate) async fn drink(&self, stream: Stream, from: impl AsyncRead + Unpin) {
        let mut reader = BufReader::with_capacity(READ_BYTES, from);
        let mut line = Vec::new();
        // Raw lines that came at once are redacted as one text, so that a value of several lines is found.
        let mut raw = Vec::new();
        loop {
            line.clear();
            match (&mut reader).take(LINE_BYTES).read_until(b'\n', &mut line).await {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
            let cut = line.last() != Some(&b'\n') && line.len() as u64 == LINE_BYTES;
            let marked = self.find_mark(&line);
            let (before, message) = line.split_at(marked.unwrap_or(line.len()));
            raw.extend_from_slice(before);
            if marked.is_some() || cut || raw.len() > READ_BYTES || !reader.buffer().contains(&b'\n') {
                self.raw(stream, &raw, cut);
                raw.clear();
            }
            if let Some(message) = message.get(self.mark.len()..)
                && marked.is_some()
            {
                self.message(message);
            }
            if cut && skip_line(&mut reader).await.is_err() {
                break;
            }
        }
        self.raw(stream, &raw, false);
    }

    /// Where the first mark begins; usually nowhere or at once.
    fn find_mark(&self, line: &[u8]) -> Option<usize> {
        let mut from = 0;
        loop {
            let rest = line.get(from..)?;
            let at = from + rest.iter().position(|byte| Some(byte) == self.mark.first())?;
            if line.get(at..).is_some_and(|rest| rest.starts_with(&self.mark)) {
                return Some(at);
            }
            from = at + 1;
        }
    }

    fn message(&self, json: &[u8]) {
        match serde_json::from_slice(json) {
            Ok(Message::Log { log, cut, error, invocation }) => {
                let stream = if error { Stream::Stderr } else { Stream::Stdout };
                self.log(stream, invocation, clean(self.secrets.redactor(), &log, cut, &self.folder_url));
            }
            Ok(Message::Boot { boot, message }) => {
                let boot = match boot.as_str() {
                    "ready" => Boot::Ready,
                    "no_handler" => Boot::NoHandler,
                    _ => Boot::Threw(self.clean(&message.unwrap_or_default())),
                };
                self.boot.send_replace(Some(boot));
            }
            Ok(Message::Pong { pong }) => {
                self.pong.send_replace((pong, Instant::now()));
            }
            Err(error) => {
                tracing::warn!(worker = %self.worker, column = error.column(), "a worker's message is malformed")
            }
        }
    }

    fn raw(&self, stream: Stream, bytes: &[u8], cut: bool) {
        if bytes.is_empty() || self.out_of_memory.load(Ordering::Relaxed) {
            return;
        }
        let text = String::from_utf8_lossy(bytes);
        if stream == Stream::Stderr
            && (text.contains("Fatal JavaScript out of memory") || text.contains("heap out of memory"))
        {
            // What follows is V8's own stack, of use to nobody who wrote a function.
            self.out_of_memory.store(true, Ordering::Relaxed);
            return;
        }
        let redacted = self.secrets.redactor().redact(&text);
        for line in redacted.lines().filter(|line| !line.is_empty()) {
            self.log(stream, None, clean(self.secrets.redactor(), line, cut, &self.folder_url));
        }
    }
}

/// Passes over the rest of a line that was too long.
async fn skip_line(reader: &mut BufReader<impl AsyncRead + Unpin>) -> std::io::Result<()> {
    loop {
        let buffer = reader.fill_buf().await?;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let used = end.map_or(buffer.len(), |at| at + 1);
        let done = end.is_some() || buffer.is_empty();
        reader.consume(used);
        if done {
            return Ok(());
        }
    }
}
