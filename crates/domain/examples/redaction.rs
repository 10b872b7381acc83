//! How fast values are removed from what functions print, against a copy of the same text: `bench/main.mjs` runs it and shows it.
//!
//! Prints one JSON object: bytes a second of each, by the number of secrets, with the text as a whole and line by line.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use domain::redact::Redactor;
use domain::{SecretName, Value};

/// Of text that is gone through again and again.
const BYTES: usize = 4 << 20;
const SPAN: Duration = Duration::from_millis(700);

/// The same numbers each time.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn text(&mut self, alphabet: &[u8], length: u64) -> String {
        (0..length).map(|_| char::from(alphabet[usize::try_from(self.below(alphabet.len() as u64)).unwrap()])).collect()
    }
}

const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const HEX: &[u8] = b"0123456789abcdef";

/// Keys as providers give them out, passwords, and connection strings.
fn secrets(count: usize, random: &mut Random) -> Vec<(SecretName, Value)> {
    let mut value = |number: usize| match number % 8 {
        0 => format!("sk-proj-{}", random.text(LETTERS, 48)),
        1 => format!("sk_live_{}", random.text(LETTERS, 24)),
        2 => format!("SG.{}.{}", random.text(LETTERS, 22), random.text(LETTERS, 43)),
        3 => random.text(HEX, 32),
        4 => format!("postgres://app:{}@db.example.com:5432/app", random.text(LETTERS, 20)),
        5 => format!(
            "xoxb-{}-{}-{}",
            random.text(b"0123456789", 12),
            random.text(b"0123456789", 12),
            random.text(LETTERS, 24)
        ),
        6 => random.text(b"0123456789", 6),
        _ => format!("ghp_{}", random.text(LETTERS, 36)),
    };
    let named = |number| (SecretName::parse(&format!("SECRET_{number}")).unwrap(), Value::new(value(number)).unwrap());
    (0..count).map(named).collect()
}

/// What services log: JSON, requests, traces, ids, and now and then a value.
fn log(secrets: &[(SecretName, Value)], random: &mut Random) -> String {
    let mut log = String::with_capacity(BYTES + 1024);
    while log.len() < BYTES {
        let time = format!("2026-11-25T19:{:02}:{:02}.{:03}Z", random.below(60), random.below(60), random.below(1000));
        let id = random.text(HEX, 32);
        log += &match random.below(1_000) {
            0 => format!(
                "{time} leaked {}\n",
                secrets[usize::try_from(random.below(secrets.len() as u64)).unwrap()].1.expose()
            ),
            1..300 => format!(
                "{{\"time\":\"{time}\",\"level\":\"info\",\"msg\":\"request completed\",\"request_id\":\"{id}\",\"method\":\"POST\",\"path\":\"/v1/chat/completions\",\"status\":200,\"duration_ms\":{},\"user_agent\":\"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\"}}\n",
                random.below(5_000)
            ),
            300..550 => format!(
                "{time} INFO  http: GET /api/orders/{}?page={}&sort=created_at%3Adesc 200 {}ms trace={id}\n",
                random.below(1 << 30),
                random.below(100),
                random.below(900)
            ),
            550..700 => format!(
                "{time} WARN  db: slow query (1{:03} ms): SELECT id, email, created_at FROM customers WHERE account_id = $1 ORDER BY created_at DESC LIMIT 50\n",
                random.below(1_000)
            ),
            700..800 => format!(
                "{time} ERROR TypeError: Cannot read properties of undefined (reading 'choices')\n    at answer (file:///index.ts:42:17)\n    at async handler (file:///index.ts:17:20)\n"
            ),
            800..900 => format!(
                "{time} DEBUG signed url https://bucket.s3.eu-central-1.amazonaws.com/exports/{id}.csv?X-Amz-Signature={}&X-Amz-Expires=900\n",
                random.text(HEX, 64)
            ),
            _ => {
                format!("{time} DEBUG session {} issued for user {}\n", random.text(LETTERS, 86), random.below(1 << 20))
            }
        };
    }
    log
}

/// Bytes a second of `work`, which goes through `bytes`; the best of many runs, as other programs only slow it down.
fn rate(bytes: usize, mut work: impl FnMut()) -> f64 {
    let (mut best, began) = (Duration::MAX, Instant::now());
    while began.elapsed() < SPAN {
        let start = Instant::now();
        work();
        best = best.min(start.elapsed());
    }
    #[expect(clippy::cast_precision_loss, reason = "millions")]
    let bytes = bytes as f64;
    bytes / best.as_secs_f64()
}

fn main() {
    let mut random = Random(42);
    let mut rows = Vec::new();
    for count in [1, 10, 100, 1_000] {
        let secrets = secrets(count, &mut random);
        let log = log(&secrets, &mut random);
        let make = || {
            let began = Instant::now();
            let redactor = Redactor::new(secrets.iter().map(|(name, value)| (name, value, false)));
            redactor.prepare();
            (began.elapsed(), redactor)
        };
        let prepared = (0..20).map(|_| make().0).min().unwrap_or_default();
        let redactor = make().1;
        assert!(redactor.redact(&log).contains("[redacted SECRET_"));
        let lines: Vec<&str> = log.split_inclusive('\n').collect();
        let whole = rate(log.len(), || drop(black_box(redactor.redact(black_box(&log)))));
        let by_line = rate(log.len(), || {
            for line in &lines {
                drop(black_box(redactor.redact(black_box(line))));
            }
        });
        let copy = rate(log.len(), || drop(black_box(black_box(&log).clone())));
        rows.push(format!(
            "{{\"secrets\":{count},\"whole\":{whole:.0},\"by_line\":{by_line:.0},\"copy\":{copy:.0},\"prepare_us\":{}}}",
            prepared.as_micros()
        ));
    }
    println!("[{}]", rows.join(","));
}
