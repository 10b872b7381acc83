//! SARIF 2.1.0, which code hosts and editors read.

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::Report;

const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// The report as a SARIF log.
pub(crate) fn sarif(report: &Report) -> Value {
    let mut rules: BTreeMap<&str, &str> =
        domain::scan::rules().map(|rule| (rule.id.as_str(), rule.what.as_str())).collect();
    rules.insert("stored-value", "A value that is stored in the vault");
    let used: Vec<&str> =
        rules.keys().copied().filter(|id| report.findings.iter().any(|found| found.rule == *id)).collect();
    let described: Vec<Value> = used
        .iter()
        .map(|id| {
            let what = rules.get(id).copied().unwrap_or_default();
            json!({ "id": id, "shortDescription": { "text": what }, "help": { "text": HELP } })
        })
        .collect();
    let results: Vec<Value> = report
        .findings
        .iter()
        .map(|found| {
            let mut result = json!({
                "ruleId": found.rule,
                "ruleIndex": used.iter().position(|id| *id == found.rule),
                "level": found.level,
                "message": { "text": format!("{}: {}", found.what, found.mask) },
                "locations": [{ "physicalLocation": {
                    "artifactLocation": { "uri": utf8_percent_encode(&found.path, PATH).to_string(), "uriBaseId": "%SRCROOT%" },
                    "region": { "startLine": found.line, "startColumn": found.column },
                } }],
                "partialFingerprints": { "tresorFinding/v1": found.fingerprint },
            });
            if let (Some(commit), Some(result)) = (&found.commit, result.as_object_mut()) {
                result.insert("properties".to_owned(), json!({ "commit": commit }));
            }
            result
        })
        .collect();
    json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "tresor", "version": env!("CARGO_PKG_VERSION"), "rules": described } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

const HELP: &str = "Rotate the credential if it is real: whoever has read the code has it. Then take it out. If it is no \
    secret, write tresor:allow on its line or put it into a baseline.";
