//! Importing secrets from a file: `domain::import` reads it, this compares it with what is stored and stores all or nothing.

use std::collections::BTreeSet;
use std::time::Instant;

use domain::audit::AuditEvent;
use domain::import::{Format, Rejected, Warning, read};
use domain::{AccountId, Action, Delivery, EnvironmentName, Invalid, SecretName, Value, limits};
use envelope::AccountKey;
use store::SecretRow;
use zeroize::Zeroizing;

use super::caller::{Caller, Permit};
use super::put::{Checked, PutInput, check};
use super::rates::Rate;
use super::room::room;
use super::secrets::environment_or_production;
use super::{Error, Service};
use crate::wire;

/// How often an account may have values compared with stored ones without storing them: whoever may put secrets need not know
/// them, and must not find one out by trying.
pub(super) const PREVIEWS: Rate =
    Rate { per_minute: limits::IMPORT_PREVIEWS_PER_MINUTE, at_once: limits::IMPORT_PREVIEWS_PER_MINUTE };

/// What an import says.
pub(crate) struct ImportInput {
    /// `None`: as it looks.
    pub(crate) format: Option<String>,
    pub(crate) text: Zeroizing<String>,
    pub(crate) environment: Option<String>,
    pub(crate) delivery: Option<String>,
    pub(crate) skip_rejected: bool,
}

/// A file that was read and may be imported by the caller.
struct Reading {
    permit: Permit,
    environment: EnvironmentName,
    format: Format,
    entries: Vec<Entry>,
    rejected: Vec<Rejected>,
}

struct Entry {
    line: usize,
    warnings: Vec<Warning>,
    /// Where else its value is stored.
    equal: Vec<wire::Warning>,
    checked: Checked,
    permit: Permit,
}

/// What becomes of an entry.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    New,
    /// As new, for a slot that waits for it.
    Fills,
    Changed,
    /// Its own value or the one that is shared with it: a file of values is no wish to end that.
    Same,
    /// It should be brokered, and nobody knows where to.
    Homeless,
}

impl Service {
    /// Says what an import would do. It compares values with stored ones, so it is on record like an import.
    pub(crate) async fn preview_import(&self, caller: &Caller, input: ImportInput) -> Result<wire::Import, Error> {
        let key = self.keyring.account(&self.store, &caller.actor.account).await?;
        let reading = self.read_import(caller, input, &key, false).await?;
        self.previews.take(&caller.actor.account, 1, Instant::now())?;
        self.environment(&caller.actor.account, &reading.environment).await?;
        let mut verdicts = Vec::with_capacity(reading.entries.len());
        for Entry { checked, .. } in &reading.entries {
            let stored = self.store.secret(&checked.actor.account, &checked.environment, &checked.name).await?;
            verdicts.push(verdict(checked, stored.as_ref()));
        }
        let report = wire::Import { dry_run: true, ..report(&reading, &verdicts) };
        let event = event(reading.permit, &report);
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    tx.append_audit(&event).await?;
                    Ok::<_, Error>(())
                })
            })
            .await?;
        Ok(report)
    }

    /// Stores the secrets of a file in one write. When this returns, no invocation that starts later sees an old value.
    ///
    /// # Errors
    /// [`Error::Import`] if lines are rejected and `skip_rejected` is not set.
    pub(crate) async fn import_secrets(&self, caller: &Caller, input: ImportInput) -> Result<wire::Import, Error> {
        let key = self.keyring.account(&self.store, &caller.actor.account).await?;
        let skip_rejected = input.skip_rejected;
        let reading = self.read_import(caller, input, &key, true).await?;
        self.environment(&caller.actor.account, &reading.environment).await?;
        let (account, environment) = (caller.actor.account.clone(), reading.environment.clone());
        let (report, sharers) = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let verdicts = compare(tx, &reading.entries).await?;
                    let report = report(&reading, &verdicts);
                    if report.blocked && !skip_rejected {
                        return Err(Error::Import(blocking(&reading, &verdicts)));
                    }
                    let sharers = store(tx, &account, reading.entries, verdicts, &key).await?;
                    tx.append_audit(&event(reading.permit, &report)).await?;
                    Ok((report, sharers))
                })
            })
            .await?;
        if report.new + report.changed > 0 {
            self.value_changed(&caller.actor.account, &environment, &sharers);
        }
        Ok(report)
    }

    /// Puts several secrets in one write, all of them or none. Those that are there keep their settings, and equal values
    /// make no version.
    pub(crate) async fn put_secrets(
        &self,
        caller: &Caller,
        environment: &EnvironmentName,
        secrets: Vec<(String, String)>,
    ) -> Result<(), Error> {
        if secrets.len() > limits::IMPORT_ENTRIES {
            let rule = format!("must be at most {} secrets", limits::IMPORT_ENTRIES);
            return Err(Invalid::new("body", "too_many_entries", rule).into());
        }
        let key = self.keyring.account(&self.store, &caller.actor.account).await?;
        let (mut entries, mut broken) = (Vec::with_capacity(secrets.len()), Vec::new());
        let mut names = BTreeSet::new();
        for (index, (name, value)) in secrets.into_iter().enumerate() {
            let value = Value::new(value);
            let name = match SecretName::parse(&name) {
                Ok(name) => name,
                Err(invalid) => {
                    broken.push(Invalid { field: format!("[{index}].name"), ..invalid });
                    continue;
                }
            };
            let permit = self.permit(caller, Action::SecretPut, Some(environment), name.as_str()).await?;
            match value {
                Ok(_) if !names.insert(name.clone()) => {
                    broken.push(Invalid::new(format!("[{index}].name"), "name_twice", "must not come twice"));
                }
                Ok(value) => {
                    let checked = check(caller, name, environment.clone(), value, PutInput::default(), &key)?;
                    entries.push(Entry { line: index, warnings: Vec::new(), equal: Vec::new(), checked, permit });
                }
                Err(invalid) => broken.push(Invalid { field: format!("[{index}].value"), ..invalid }),
            }
        }
        if !broken.is_empty() {
            return Err(Error::Invalid(broken));
        }
        let account = caller.actor.account.clone();
        let sharers = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let verdicts = compare(tx, &entries).await?;
                    store(tx, &account, entries, verdicts, &key).await
                })
            })
            .await?;
        self.value_changed(&caller.actor.account, environment, &sharers);
        Ok(())
    }

    /// Where else a value is stored is told of what is stored here too: a preview that did would be a way to try thousands.
    async fn read_import(
        &self,
        caller: &Caller,
        input: ImportInput,
        key: &AccountKey,
        stores: bool,
    ) -> Result<Reading, Error> {
        let environment = environment_or_production(input.environment.as_deref())?;
        let permit = self.permit(caller, Action::SecretImport, Some(&environment), "").await?;
        let format = format(input.format.as_deref(), &input.text)?;
        input.delivery.as_deref().map(Delivery::parse).transpose()?;
        let import = read(format, input.text.as_bytes())?;
        drop(input.text);
        let mut entries = Vec::with_capacity(import.entries.len());
        for found in import.entries {
            let permit = self.permit(caller, Action::SecretPut, Some(&environment), found.name.as_str()).await?;
            let settings = PutInput { delivery: input.delivery.clone(), ..PutInput::default() };
            let checked = check(caller, found.name, environment.clone(), found.value, settings, key)?;
            let place = (&environment, &checked.name);
            let equal = match stores {
                true => self.same_value_as(caller, place, &checked.fingerprint, &checked.mask).await?,
                false => Vec::new(),
            };
            entries.push(Entry { line: found.line, warnings: found.warnings, equal, checked, permit });
        }
        Ok(Reading { permit, environment, format, entries, rejected: import.rejected })
    }
}

async fn compare(tx: &mut store::Tx, entries: &[Entry]) -> Result<Vec<Verdict>, Error> {
    let mut verdicts = Vec::with_capacity(entries.len());
    for Entry { checked, .. } in entries {
        let stored = tx.secret(&checked.actor.account, &checked.environment, &checked.name).await?;
        verdicts.push(verdict(checked, stored.as_ref()));
    }
    Ok(verdicts)
}

/// Stores what is new or changed, each with its event. Says which other environments use a value that changed.
async fn store(
    tx: &mut store::Tx,
    account: &AccountId,
    entries: Vec<Entry>,
    verdicts: Vec<Verdict>,
    key: &AccountKey,
) -> Result<Vec<EnvironmentName>, Error> {
    let mut sharers = BTreeSet::new();
    let new = verdicts.iter().filter(|verdict| **verdict == Verdict::New).count();
    room(tx, account, new as u64).await?;
    for (entry, verdict) in entries.into_iter().zip(verdicts) {
        let mut checked = entry.checked;
        checked.has_room = true;
        match verdict {
            Verdict::Same | Verdict::Homeless => continue,
            Verdict::Changed => checked.keep_delivery(),
            Verdict::New | Verdict::Fills => {}
        }
        sharers.extend(checked.store(tx, entry.permit, key).await?.sharers);
    }
    Ok(sharers.into_iter().collect())
}

fn format(asked: Option<&str>, text: &str) -> Result<Format, Invalid> {
    let Some(asked) = asked else { return Ok(Format::of_text(text)) };
    Format::parse(asked)
        .ok_or_else(|| Invalid::new("format", "format_unknown", "must be `dotenv`, `json` or `yaml`, or be left out"))
}

fn verdict(checked: &Checked, stored: Option<&SecretRow>) -> Verdict {
    match stored {
        Some(stored) if checked.is_used(stored) => Verdict::Same,
        Some(stored) if stored.version == 0 && checked.lacks_hosts() && stored.hosts.is_empty() => Verdict::Homeless,
        Some(stored) if stored.version == 0 => Verdict::Fills,
        Some(_) => Verdict::Changed,
        None if checked.lacks_hosts() => Verdict::Homeless,
        None => Verdict::New,
    }
}

fn homeless(line: usize, name: &SecretName) -> Rejected {
    let detail =
        "no host is known that it could be sent to: put it by itself with its hosts, or import with delivery `env`";
    Rejected { line, name: Some(name.clone()), code: "hosts_missing", detail: detail.to_owned() }
}

/// Every line that must be corrected or left out.
fn blocking(reading: &Reading, verdicts: &[Verdict]) -> Vec<Rejected> {
    let homeless = reading.entries.iter().zip(verdicts).filter(|(_, verdict)| **verdict == Verdict::Homeless);
    let homeless = homeless.map(|(entry, _)| self::homeless(entry.line, &entry.checked.name));
    let mut lines: Vec<_> =
        reading.rejected.iter().filter(|rejected| !rejected.is_harmless()).cloned().chain(homeless).collect();
    lines.sort_by_key(|rejected| rejected.line);
    lines
}

fn report(reading: &Reading, verdicts: &[Verdict]) -> wire::Import {
    let mut lines: Vec<_> = reading.rejected.iter().map(rejected_line).collect();
    for (entry, verdict) in reading.entries.iter().zip(verdicts) {
        lines.push(match verdict {
            Verdict::New | Verdict::Fills => entry.line("new"),
            Verdict::Changed => entry.line("changed"),
            Verdict::Same => entry.line("same"),
            Verdict::Homeless => rejected_line(&homeless(entry.line, &entry.checked.name)),
        });
    }
    lines.sort_by_key(|line| line.line);
    let count = |status: &str| lines.iter().filter(|line| line.status == status).count();
    wire::Import {
        dry_run: false,
        environment: reading.environment.to_string(),
        format: reading.format.as_str().to_owned(),
        new: count("new"),
        changed: count("changed"),
        same: count("same"),
        rejected: count("rejected"),
        blocked: !blocking(reading, verdicts).is_empty(),
        lines,
    }
}

fn rejected_line(rejected: &Rejected) -> wire::ImportLine {
    wire::ImportLine {
        line: rejected.line,
        name: rejected.name.as_ref().map(ToString::to_string),
        status: "rejected".to_owned(),
        mask: None,
        code: Some(rejected.code.to_owned()),
        reason: Some(rejected.detail.clone()),
        warnings: Vec::new(),
    }
}

impl Entry {
    fn line(&self, status: &str) -> wire::ImportLine {
        let read = self.warnings.iter().map(|warning| (warning.code(), warning.detail().to_owned()));
        let reviewed = self.checked.review().into_iter().map(|finding| (finding.code, finding.detail));
        let equal = self.equal.iter().map(|warning| (warning.code.as_str(), warning.detail.clone()));
        let warnings = read
            .chain(reviewed)
            .chain(equal)
            .map(|(code, detail)| wire::ImportWarning { code: code.to_owned(), detail });
        wire::ImportLine {
            line: self.line,
            name: Some(self.checked.name.to_string()),
            status: status.to_owned(),
            mask: Some(self.checked.mask.clone()),
            code: None,
            reason: None,
            warnings: warnings.collect(),
        }
    }
}

fn event(permit: Permit, report: &wire::Import) -> AuditEvent {
    permit
        .done()
        .detail("format", &report.format)
        .detail("dry_run", report.dry_run)
        .detail("new", report.new)
        .detail("changed", report.changed)
        .detail("same", report.same)
        .detail("rejected", report.rejected)
}
