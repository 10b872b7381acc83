//! `tresor audit verify`: proves what can be proved about the log, and says plainly what was not.

use std::io::Read as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::audit::export::{ExportError, Verified, verify};
use domain::audit::merkle::verify_consistency;
use domain::audit::{Checkpoint, CheckpointError, Hash, VerifierKey};
use reqwest::Method;
use serde::Serialize;
use server::wire::{AuditProof, SignedCheckpoint};

use super::Context;
use super::audit::EXPORT;
use crate::cli::Verify;
use crate::client::Client;
use crate::failure::{Done, Failure};
use crate::output::clean;
use crate::pin::{Pin, Pins};

/// What a check found, for `--json`.
#[derive(Debug, Serialize)]
struct Report {
    log: String,
    size: u64,
    verifier_key: String,
    proved: Vec<String>,
    not_proved: Vec<String>,
}

pub(super) async fn run(context: &Context, args: Verify) -> Done {
    let older = args.checkpoint.as_deref().map(read_checkpoint).transpose()?;
    let key = match &args.key {
        Some(key) => Some(read_key(key)?),
        // A checkpoint kept as JSON names the key it was made with; that was outside the server as long.
        None => older.as_ref().and_then(|older| older.key.clone()),
    };
    let older = older.map(|older| older.note);
    let report = match &args.file {
        Some(file) => offline(&read_text(file)?, key.as_ref(), older.as_deref())?,
        None => online(context, key.as_ref(), older.as_deref(), args.new_log).await?,
    };
    context.output.show(&report, text)
}

fn offline(export: &str, key: Option<&VerifierKey>, older: Option<&str>) -> Done<Report> {
    let verified = check(export, key, older)?;
    let mut report = Report::of(&verified);
    match key {
        Some(_) => report.proved.push("it is signed with the key you gave".to_owned()),
        None => report.not_proved.push(
            "that this is your server's log: the key came with the export, so whoever rewrote all of it could have signed it too; give the key you kept with --key".to_owned(),
        ),
    }
    report.older(older, key.is_some())?;
    Ok(report)
}

async fn online(context: &Context, key: Option<&VerifierKey>, older: Option<&str>, new_log: bool) -> Done<Report> {
    let client = context.client()?;
    let response = client.succeed(client.request(Method::GET, EXPORT)?).await?;
    let export =
        String::from_utf8(client.bytes(response).await?.into()).map_err(|_| refused(&ExportError::NoTrailer))?;
    // First what it says of itself, to learn which log it is; then against all that is known of that log.
    let verified = check(&export, key, older)?;
    let origin = verified.checkpoint.origin.clone();
    let mut pins = Pins::read(client.url())?;
    let pin = pins.of(&origin, new_log)?.cloned();
    let mut report = Report::of(&verified);
    if key.is_some() {
        report.proved.push("it is signed with the key you gave".to_owned());
    }
    report.older(older, true)?;
    match &pin {
        Some(pin) => {
            let (pinned_key, seen) = pin
                .checked()
                .map_err(|error| Failure::failed("pins_broken", format!("{}: {error}", pins.path().display())))?;
            let again = check(&export, Some(&pinned_key), Some(&pin.checkpoint))?;
            report.proved.push(format!(
                "it is signed with the key this machine saw before, and begins with the {} events it saw then",
                seen.size
            ));
            pins.remember(&origin, pin_of(&export, &again)?)?;
        }
        None => {
            report.not_proved.push(format!(
                "that nothing was changed before now: this machine sees this log for the first time, and remembers it in {} for the next",
                pins.path().display()
            ));
            pins.remember(&origin, pin_of(&export, &verified)?)?;
        }
    }
    Ok(report)
}

/// Demands that `signed` continues what this machine saw of that log, and remembers it. Asks for a proof instead of the
/// whole log. Gives the words that say so.
pub(super) async fn continues(client: &Client, signed: &SignedCheckpoint, new_log: bool) -> Done<String> {
    let key = VerifierKey::parse(&signed.verifier_key).map_err(|error| refused(&error.into()))?;
    let mut pins = Pins::read(client.url())?;
    let pin = pins.of(key.origin(), new_log)?.cloned();
    let words = match &pin {
        None => {
            Checkpoint::verify(&signed.checkpoint, &key).map_err(|error| refused(&error.into()))?;
            "first seen now, and remembered".to_owned()
        }
        Some(pin) => {
            let (key, old) = pin
                .checked()
                .map_err(|error| Failure::failed("pins_broken", format!("{}: {error}", pins.path().display())))?;
            let new = Checkpoint::verify(&signed.checkpoint, &key).map_err(|error| refused(&error.into()))?;
            if new.size < old.size {
                return Err(refused(&ExportError::Shorter { pinned: old.size, found: new.size }));
            }
            if !verify_consistency(old.size, &old.root, new.size, &new.root, &proof(client, &old, &new).await?) {
                return Err(refused(&ExportError::Forked { pinned: old.size }));
            }
            format!("continues the {} events that this machine saw before", old.size)
        }
    };
    let pin = Pin { verifier_key: key.to_string(), checkpoint: signed.checkpoint.clone() };
    pins.remember(key.origin(), pin)?;
    Ok(words)
}

async fn proof(client: &Client, old: &Checkpoint, new: &Checkpoint) -> Done<Vec<Hash>> {
    if old.size == new.size || old.size == 0 {
        return Ok(Vec::new());
    }
    let (old_size, new_size) = (old.size.to_string(), new.size.to_string());
    let proof: AuditProof =
        client.get("/api/v1/audit/proof", &[("old", Some(&old_size)), ("new", Some(&new_size))]).await?;
    // A hash that is none is a proof that proves nothing.
    let hashes =
        proof.hashes.iter().map(|hash| STANDARD.decode(hash).ok()?.try_into().ok()).collect::<Option<Vec<Hash>>>();
    hashes.ok_or_else(|| refused(&ExportError::Forked { pinned: old.size }))
}

fn check(export: &str, key: Option<&VerifierKey>, older: Option<&str>) -> Done<Verified> {
    verify(export, key, older).map_err(|error| refused(&error))
}

fn refused(error: &ExportError) -> Failure {
    let failure = Failure::failed("audit_not_proved", format!("the audit log was not proved: {error}"));
    match error {
        ExportError::NoTrailer => failure.hint("export it again: tresor audit export FILE"),
        ExportError::Checkpoint(CheckpointError::Key) => {
            failure.hint("`tresor audit checkpoint` prints the verifier key")
        }
        _ => failure.hint(
            "keep this file and the server's database as they are: they are evidence; SECURITY.md says what to do next",
        ),
    }
}

fn pin_of(export: &str, verified: &Verified) -> Done<Pin> {
    let trailer =
        export.lines().last().and_then(|line| serde_json::from_str::<domain::audit::export::Trailer>(line).ok());
    let trailer = trailer.ok_or_else(|| refused(&ExportError::NoTrailer))?;
    Ok(Pin { verifier_key: verified.key.to_string(), checkpoint: trailer.checkpoint })
}

impl Report {
    fn of(verified: &Verified) -> Self {
        let size = verified.checkpoint.size;
        Self {
            log: verified.checkpoint.origin.clone(),
            size,
            verifier_key: verified.key.to_string(),
            proved: vec![format!(
                "it is whole: none of its {size} events was changed, removed, added or reordered since the checkpoint was signed"
            )],
            not_proved: Vec::new(),
        }
    }

    /// Says what an older checkpoint added. Its signature has been checked with the export's key.
    fn older(&mut self, older: Option<&str>, outside_key: bool) -> Done {
        match older {
            Some(note) => {
                let key = VerifierKey::parse(&self.verifier_key).map_err(|error| refused(&error.into()))?;
                let size = Checkpoint::verify(note, &key).map_err(|error| refused(&error.into()))?.size;
                self.proved.push(format!("it begins with exactly the {size} events of the checkpoint you kept"));
            }
            None if outside_key => {}
            None => self.not_proved.push("that its end was not cut off, or rewritten and signed again by someone with the server's key; give an older checkpoint with --checkpoint".to_owned()),
        }
        Ok(())
    }
}

fn text(report: &Report) -> String {
    let mut text =
        format!("Verified: {}, {} events\nkey: {}", clean(&report.log), report.size, clean(&report.verifier_key));
    for (heading, points) in [("Proved", &report.proved), ("Not proved", &report.not_proved)] {
        if !points.is_empty() {
            text.push_str(&format!("\n\n{heading}:"));
            for point in points {
                text.push_str(&format!("\n  - {}", clean(point)));
            }
        }
    }
    text
}

/// A checkpoint that somebody kept.
struct Older {
    note: String,
    key: Option<VerifierKey>,
}

/// Reads a kept checkpoint: the signed note itself, or the JSON of `tresor audit checkpoint --json`.
fn read_checkpoint(path: &Path) -> Done<Older> {
    let text = read_text(path)?;
    match serde_json::from_str::<SignedCheckpoint>(&text) {
        Ok(signed) => {
            let key = VerifierKey::parse(&signed.verifier_key).map_err(|error| refused(&error.into()))?;
            Ok(Older { note: signed.checkpoint, key: Some(key) })
        }
        // Saved by hand it may have lost or won a newline at its end.
        Err(_) => Ok(Older { note: format!("{}\n", text.trim_end()), key: None }),
    }
}

fn read_key(key: &str) -> Done<VerifierKey> {
    let text = match key.strip_prefix('@') {
        Some(path) => read_text(Path::new(path))?,
        None => key.to_owned(),
    };
    VerifierKey::parse(&text).map_err(|error| Failure::usage("key_invalid", format!("--key: {error}")))
}

fn read_text(path: &Path) -> Done<String> {
    let failed = |error: std::io::Error| Failure::file("read", path, &error);
    if path != Path::new("-") {
        return std::fs::read_to_string(path).map_err(failed);
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}
