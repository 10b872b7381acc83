//! What a scan found, put together from its threads' sheets and the server's answers, and shown.

use std::collections::HashMap;

use domain::scan::{Digest, Level};
use serde::Serialize;
use server::wire::FoundSecret;

use super::{Asked, Sheet};
use crate::output::clean;

/// One finding.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Finding {
    /// `stored-value`, or the rule's id.
    pub(crate) rule: String,
    /// `error`, `warning` or `note`.
    pub(crate) level: &'static str,
    /// For people.
    pub(crate) what: String,
    pub(crate) path: String,
    pub(crate) line: u32,
    pub(crate) column: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) commit: Option<String>,
    pub(crate) mask: String,
    /// The stored secrets whose value it is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) secrets: Vec<Stored>,
    /// The same for the same credential in the same file, whatever the line.
    pub(crate) fingerprint: String,
}

/// A stored value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Stored {
    name: String,
    environment: String,
    version: u64,
    current: bool,
}

/// What was looked at.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Totals {
    pub(crate) texts: u64,
    pub(crate) bytes: u64,
    /// Texts that were compared with stored values.
    pub(crate) candidates: usize,
    /// Stored values that are too easy to guess to be looked for.
    pub(crate) too_weak: u64,
    pub(crate) skipped: Skipped,
    /// Findings that the baseline has.
    pub(crate) accepted: usize,
}

/// What was not looked at.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Skipped {
    pub(crate) binary: u64,
    pub(crate) large: u64,
    pub(crate) unreadable: u64,
}

/// All of it.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) findings: Vec<Finding>,
    #[serde(flatten)]
    pub(crate) totals: Totals,
}

impl Report {
    /// Puts sheets and answers together.
    pub(crate) fn new(sheets: Vec<Sheet>, known: &HashMap<Digest, Vec<FoundSecret>>, too_weak: u64) -> Self {
        let mut totals = Totals { too_weak, ..Totals::default() };
        let mut findings = Vec::new();
        let mut candidates = std::collections::HashSet::new();
        for sheet in sheets {
            totals.texts += sheet.texts;
            totals.bytes += sheet.bytes;
            totals.skipped.binary += sheet.binary;
            totals.skipped.large += sheet.large;
            totals.skipped.unreadable += sheet.unreadable;
            candidates.extend(sheet.asked.keys().copied());
            one(&sheet, known, &mut findings);
        }
        totals.candidates = candidates.len();
        findings.sort_by(|one: &Finding, two| {
            let key = |found: &Finding| (found.path.clone(), found.line, found.column, found.rule.clone());
            key(one).cmp(&key(two))
        });
        // History has the same line once for each commit that brought it; the first to be told is enough.
        findings
            .dedup_by(|one, two| (&one.fingerprint, one.line, &one.path) == (&two.fingerprint, two.line, &two.path));
        Self { findings, totals }
    }

    /// For people: a line for each finding.
    pub(crate) fn text(&self) -> String {
        let lines = self.findings.iter().map(|found| {
            let commit = found
                .commit
                .as_ref()
                .map_or_else(String::new, |commit| format!(" in {}", commit.chars().take(12).collect::<String>()));
            format!(
                "{}:{}:{}{commit}  {}  {}  {}",
                clean(&found.path),
                found.line,
                found.column,
                found.rule,
                clean(&found.mask),
                clean(&found.what)
            )
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// What was looked at, in a sentence.
    pub(crate) fn summary(&self) -> String {
        let Totals { texts, bytes, candidates, too_weak, skipped, accepted } = &self.totals;
        let mut text = format!("Looked at {texts} texts, {:.1} MB", *bytes as f64 / 1_000_000.0);
        let mut say = |count: u64, what: &str| {
            if count > 0 {
                text.push_str(&format!("; {count} {what}"));
            }
        };
        say(*candidates as u64, "candidates compared with stored values");
        say(*too_weak, "stored values are too easy to guess to be looked for");
        say(*accepted as u64, "findings are in the baseline");
        say(skipped.large, "files passed over as too large");
        say(skipped.unreadable, "files could not be read");
        text
    }
}

fn one(sheet: &Sheet, known: &HashMap<Digest, Vec<FoundSecret>>, findings: &mut Vec<Finding>) {
    let source = |number: u32| sheet.sources.get(number as usize);
    let mut stored: Vec<(&Digest, &Asked)> =
        sheet.asked.iter().filter(|(digest, _)| known.contains_key(*digest)).collect();
    stored.sort_by_key(|(digest, _)| **digest);
    for (digest, asked) in stored {
        let secrets: Vec<Stored> = known.get(digest).into_iter().flatten().map(Stored::from).collect();
        for at in &asked.places {
            let Some(source) = source(at.source) else { continue };
            findings.push(Finding {
                rule: "stored-value".to_owned(),
                level: "error",
                what: format!("the value of {}", secrets.iter().map(Stored::text).collect::<Vec<_>>().join(", ")),
                path: source.path.clone(),
                line: at.line,
                column: at.column,
                commit: source.commit.as_deref().map(ToOwned::to_owned),
                mask: asked.mask(),
                secrets: secrets.clone(),
                fingerprint: fingerprint("stored-value", &source.path, &hex(digest)),
            });
        }
    }
    for found in &sheet.found {
        // It is told already, with its name.
        if found.digest.is_some_and(|digest| known.contains_key(&digest)) {
            continue;
        }
        let Some(source) = source(found.at.source) else { continue };
        findings.push(Finding {
            rule: found.rule.id.clone(),
            level: word(found.level),
            what: found.rule.what.clone(),
            path: source.path.clone(),
            line: found.at.line,
            column: found.at.column,
            commit: source.commit.as_deref().map(ToOwned::to_owned),
            mask: found.mask.clone(),
            secrets: Vec::new(),
            fingerprint: fingerprint(&found.rule.id, &source.path, &found.print),
        });
    }
}

fn fingerprint(rule: &str, path: &str, print: &str) -> String {
    domain::token::hash(&format!("tresor finding v1\0{rule}\0{path}\0{print}")).chars().take(16).collect()
}

fn hex(digest: &Digest) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn word(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "note",
    }
}

impl From<&FoundSecret> for Stored {
    fn from(found: &FoundSecret) -> Self {
        let FoundSecret { name, environment, version, current, .. } = found.clone();
        Self { name, environment, version, current }
    }
}

impl Stored {
    fn text(&self) -> String {
        let current = if self.current { "" } else { ", not current" };
        format!("{} in {} (version {}{current})", self.name, self.environment, self.version)
    }
}
