//! Findings that were looked at and let be: a file beside the code, with nothing of any value in it.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Finding;
use crate::failure::{Done, Failure};

/// The file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Baseline {
    version: u32,
    findings: Vec<Accepted>,
}

/// A finding that is not told again.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Accepted {
    fingerprint: String,
    rule: String,
    path: String,
}

impl Baseline {
    /// Reads the file.
    ///
    /// # Errors
    /// If it is not there or is no baseline.
    pub(crate) fn read(path: &Path) -> Done<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| Failure::file("read", path, &error))?;
        let read: Self = serde_json::from_str(&text)
            .map_err(|error| Failure::failed("baseline", format!("{} is no baseline: {error}", path.display())))?;
        if read.version != 1 {
            return Err(Failure::failed("baseline", format!("{} is of another version", path.display())));
        }
        Ok(read)
    }

    /// Accepts all of these.
    pub(crate) fn of(findings: &[Finding]) -> Self {
        let accepted: BTreeSet<Accepted> = findings
            .iter()
            .map(|found| Accepted {
                fingerprint: found.fingerprint.clone(),
                rule: found.rule.clone(),
                path: found.path.clone(),
            })
            .collect();
        Self { version: 1, findings: accepted.into_iter().collect() }
    }

    /// Whether it has this finding. The line does not matter: code moves.
    pub(crate) fn has(&self, finding: &Finding) -> bool {
        self.findings.iter().any(|known| known.fingerprint == finding.fingerprint)
    }

    /// Writes the file.
    ///
    /// # Errors
    /// If that does not work.
    pub(crate) fn write(&self, path: &Path) -> Done {
        let text = crate::output::json(self)? + "\n";
        std::fs::write(path, text).map_err(|error| Failure::file("write", path, &error))
    }
}
