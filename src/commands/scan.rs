//! `tresor scan`: finds stored values and what looks like a credential. The server gets digests and answers with names.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use domain::scan::Digest;
use reqwest::Method;
use server::wire::{FindDigests, FoundDigests, FoundSecret, ScanSettings};

use super::Context;
use crate::cli::Scan;
use crate::client::Client;
use crate::failure::{Done, Exit, Failure};
use crate::output::{Output, json};
use crate::scan::{Baseline, Progress, Report, Repository, Settings, Sheet, Walk, install, sarif, walk};

/// How often the server may say that it was asked too much. Each time it says for how long to wait.
const TRIES: usize = 30;

pub(super) async fn run(context: &Context, args: Scan) -> Done {
    if args.install_hook {
        let file = install(&args.path, args.offline)?;
        context.output.note(&format!("Installed {}", file.display()));
        return Ok(());
    }
    if !args.path.exists() {
        return Err(Failure::new(Exit::NotFound, "path", format!("there is no {}", args.path.display())));
    }
    let baseline = args.baseline.as_deref().map(Baseline::read).transpose()?;
    let server = if args.offline { None } else { Some(Asker::new(context, args.environment.as_deref()).await?) };
    let settings = Settings { salt: server.as_ref().map(|server| server.salt.clone()), progress: Progress::shown() };
    let progress = Arc::clone(&settings.progress);
    let (path, what) = (args.path.clone(), What::of(&args));
    let looked = tokio::task::spawn_blocking(move || look(&settings, &path, &what)).await;
    progress.end();
    let sheets = looked.map_err(|_| Failure::failed("internal", "the scan ended before it was done"))??;
    let (known, too_weak) = match &server {
        Some(server) => server.ask(&sheets).await?,
        None => (HashMap::new(), 0),
    };
    let mut report = Report::new(sheets, &known, too_weak);
    if let Some(file) = &args.write_baseline {
        Baseline::of(&report.findings).write(file)?;
        context.output.note(&format!("Wrote {} findings to {}", report.findings.len(), file.display()));
        return Ok(());
    }
    if let Some(baseline) = &baseline {
        let before = report.findings.len();
        report.findings.retain(|finding| !baseline.has(finding));
        report.totals.accepted = before - report.findings.len();
    }
    if args.sarif {
        context.output.line(&json(&sarif(&report))?)?;
    } else {
        context.output.show(&report, Report::text)?;
    }
    context.output.note(&report.summary());
    match report.findings.len() {
        0 => Ok(()),
        count => {
            let what = if count == 1 { "1 finding".to_owned() } else { format!("{count} findings") };
            Err(Failure::failed("credentials_found", what).hint(
                "rotate what is real, then take it out; if it is no secret, write tresor:allow on its line or use --write-baseline",
            ))
        }
    }
}

/// What is looked at.
enum What {
    Files { ignored_too: bool, largest: u64 },
    Staged,
    History,
}

impl What {
    fn of(args: &Scan) -> Self {
        match (args.staged, args.git) {
            (true, _) => Self::Staged,
            (_, true) => Self::History,
            _ => Self::Files { ignored_too: args.no_ignore, largest: args.max_size.saturating_mul(1024 * 1024) },
        }
    }
}

fn look(settings: &Settings, path: &Path, what: &What) -> Done<Vec<Sheet>> {
    match *what {
        What::Files { ignored_too, largest } => Ok(walk(settings, &Walk { root: path, ignored_too, largest })),
        What::Staged => Repository::of(path)?.staged(settings),
        What::History => Repository::of(path)?.history(settings),
    }
}

/// Asks the server about digests.
struct Asker {
    client: Client,
    salt: Vec<u8>,
    at_once: usize,
    environment: Option<String>,
    output: Output,
}

impl Asker {
    async fn new(context: &Context, environment: Option<&str>) -> Done<Self> {
        let offline = |failure: Failure| match failure.hint.is_some() && failure.exit != Exit::Unreachable {
            true => failure,
            false => failure.hint(
                "start a server or name one with --url; `--offline` finds what looks like a credential without one",
            ),
        };
        let client = context.client()?;
        let settings: ScanSettings =
            client.get("/api/v1/scan", &[("environment", environment)]).await.map_err(offline)?;
        let unknown = || Failure::failed("answer_unknown", "the server's salt is no salt");
        let salt = unhex(&settings.salt).ok_or_else(unknown)?;
        Ok(Self {
            client,
            salt,
            at_once: settings.digests_at_once.max(1),
            environment: environment.map(ToOwned::to_owned),
            output: context.output,
        })
    }

    /// Which digests are of stored values, and how many values are never told.
    async fn ask(&self, sheets: &[Sheet]) -> Done<(HashMap<Digest, Vec<FoundSecret>>, u64)> {
        let all: HashSet<Digest> = sheets.iter().flat_map(|sheet| sheet.asked.keys().copied()).collect();
        // In an order of its own: which texts stand side by side is nobody's business.
        let mut all: Vec<Digest> = all.into_iter().collect();
        all.sort_unstable();
        let (mut known, mut too_weak) = (HashMap::<Digest, Vec<FoundSecret>>::new(), 0);
        for batch in all.chunks(self.at_once) {
            let hex = |digest: &Digest| digest.iter().map(|byte| format!("{byte:02x}")).collect();
            let body = FindDigests { digests: batch.iter().map(hex).collect(), environment: self.environment.clone() };
            let found = self.patiently(&body).await?;
            too_weak = found.too_weak;
            for item in found.items {
                if let Some(digest) = batch.get(item.index) {
                    known.entry(*digest).or_default().push(item);
                }
            }
        }
        Ok((known, too_weak))
    }

    /// Waits as long as the server says when it was asked too much.
    async fn patiently(&self, body: &FindDigests) -> Done<FoundDigests> {
        let mut tries = 0;
        loop {
            match self.client.call(Method::POST, "/api/v1/scan", body).await {
                Err(failure) if failure.problem.code == "rate_limited" && tries < TRIES => {
                    if tries == 0 {
                        self.output.note("The server counts what it is asked, and this is much: waiting");
                    }
                    tries += 1;
                    tokio::time::sleep(Duration::from_secs(15)).await;
                }
                answer => return answer,
            }
        }
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect())
}
