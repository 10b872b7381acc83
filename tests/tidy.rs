//! The tree keeps its own rules: `ARCHITECTURE.md` names what exists, crates depend as drawn, files say what they are and stay small.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn tracked(ending: &str) -> Vec<PathBuf> {
    let out = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(out.status.success(), "git ls-files failed");
    let files: Vec<_> = String::from_utf8(out.stdout)
        .unwrap()
        .lines()
        .map(|line| root().join(line))
        .filter(|path| path.exists())
        .collect();
    assert!(files.len() > 50, "git lists the tree");
    files.into_iter().filter(|path| path.to_string_lossy().ends_with(ending)).collect()
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

#[test]
fn architecture_names_only_what_exists() {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let named: BTreeSet<&str> = text
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| {
            ["crates/", "src/", "tests/", "docs/"].iter().any(|start| word.starts_with(start))
                || *word == "src"
                || *word == "tests"
        })
        .collect();
    assert!(named.len() > 15, "paths are read from ARCHITECTURE.md");
    let missing: Vec<_> = named.iter().filter(|path| !root().join(path).exists()).collect();
    assert!(missing.is_empty(), "ARCHITECTURE.md names what does not exist: {missing:?}");
    for entry in std::fs::read_dir(root().join("crates")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(text.contains(&format!("`crates/{name}`")), "ARCHITECTURE.md does not name the crate {name}");
    }
}

#[test]
fn crates_depend_as_drawn() {
    let allowed = [
        ("crates/domain", vec![]),
        ("crates/envelope", vec!["domain"]),
        ("crates/store", vec!["domain"]),
        ("crates/runtime", vec!["domain"]),
        ("crates/server", vec!["domain", "envelope", "runtime", "store"]),
        (".", vec!["domain", "server"]),
    ];
    let own: Vec<&str> = vec!["domain", "envelope", "runtime", "server", "store"];
    for (path, expected) in allowed {
        let manifest = std::fs::read_to_string(root().join(path).join("Cargo.toml")).unwrap();
        let dependencies = manifest.split("\n[").find(|section| section.starts_with("dependencies]")).unwrap();
        let found: Vec<&str> = own
            .iter()
            .copied()
            .filter(|name| {
                dependencies
                    .lines()
                    .any(|line| line.starts_with(&format!("{name}.")) || line.starts_with(&format!("{name} ")))
            })
            .collect();
        assert_eq!(found, expected, "dependencies of {path}");
    }
}

#[test]
fn unsafe_and_spawn_live_in_runtime_only() {
    for path in tracked(".rs") {
        let name = shown(&path);
        let text = std::fs::read_to_string(&path).unwrap();
        if name.starts_with("crates/") && name.ends_with("src/lib.rs") && !name.starts_with("crates/runtime") {
            assert!(text.contains("#![forbid(unsafe_code)]"), "{name} must forbid unsafe code");
        }
        // `tresor run` starts the command that its user names, on the user's machine: no client could do it otherwise.
        let runs = name == "src/commands/run.rs";
        // Git's formats are git's own: `tresor scan` asks git, in one file that says how it keeps it from running others.
        let asks_git = name == "src/scan/git.rs";
        if name.contains("src/") && !name.starts_with("crates/runtime/") && !runs && !asks_git {
            assert!(!text.contains("process::Command"), "{name} spawns a process: that is the runtime's");
        }
    }
}

#[test]
fn files_say_what_they_are_and_stay_small() {
    let mut long = Vec::new();
    for path in tracked(".rs") {
        let name = shown(&path);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.trim_start().starts_with("//!"), "{name} must begin with //! and what lives there");
        assert!(!text.contains(concat!("#[", "ignore")), "{name} ignores a test");
        let code = text.split("#[cfg(test)]").next().unwrap_or_default().lines().count();
        if name.contains("src/") && code > 500 {
            long.push(format!("{name}: {code} lines"));
        }
    }
    assert!(long.is_empty(), "longer than 500 lines without tests: {long:#?}");
}

#[test]
fn every_promise_of_the_threat_model_names_tests_that_exist() {
    let text = std::fs::read_to_string(root().join("docs/threat-model.md")).unwrap();
    let promises = text.split("## Promises").nth(1).unwrap().split("## Out of scope").next().unwrap();
    let rows: Vec<_> = promises.lines().filter(|line| line.starts_with("| ")).collect();
    let mut missing = Vec::new();
    for row in rows.iter().filter(|row| !row.starts_with("| promise |")) {
        let tests: Vec<_> = row.split("](../").collect();
        if tests.len() < 2 {
            missing.push(format!("no test: {row}"));
        }
        for (before, after) in tests.iter().zip(tests.iter().skip(1)) {
            let (name, path) = (before.rsplit('[').next().unwrap(), after.split(')').next().unwrap());
            let code = std::fs::read_to_string(root().join(path)).unwrap_or_default();
            if !code.contains(&format!("fn {name}(")) {
                missing.push(format!("{path} has no {name}"));
            }
        }
    }
    assert!(rows.len() > 30 && missing.is_empty(), "{} rows, {missing:#?}", rows.len());
}

#[test]
fn values_are_exposed_in_few_places() {
    let mut places: Vec<String> = tracked(".rs")
        .iter()
        .filter(|path| shown(path).contains("src/"))
        .filter(|path| {
            let text = std::fs::read_to_string(path).unwrap();
            text.split("#[cfg(test)]").next().unwrap_or_default().contains(".expose()")
        })
        .map(|path| shown(path))
        .collect();
    places.sort();
    let known = [
        "crates/domain/src/mask.rs",
        "crates/domain/src/placeholder.rs",
        "crates/domain/src/redact/mod.rs",
        "crates/envelope/src/account_key.rs",
        "crates/runtime/src/egress/brokered.rs",
        "crates/runtime/src/egress/probe.rs",
        "crates/runtime/src/worker/boot.rs",
        // The answer to `tresor run`, and the process that it starts: that is what the scope is for.
        "crates/server/src/http/inject.rs",
        // Its fingerprint under a new key.
        "crates/server/src/service/account_key.rs",
        "crates/server/src/service/checks.rs",
        "crates/server/src/service/jwt/mod.rs",
        "crates/server/src/service/providers.rs",
        "crates/server/src/service/put.rs",
        // What a rotator's function is told.
        "crates/server/src/service/rotator/function.rs",
        // Addresses of databases, to log in there.
        "crates/server/src/service/rotator/postgres/mod.rs",
        "crates/server/src/service/scan.rs",
        // A webhook's key, to sign with it.
        "crates/server/src/service/webhook_send.rs",
        "src/commands/run.rs",
        "src/commands/secret.rs",
        "src/input.rs",
    ];
    assert_eq!(places, known, "a new place takes the plaintext out of its type: is it one that must?");
}
