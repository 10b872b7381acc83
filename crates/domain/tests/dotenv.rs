//! Our reader of `.env` files against npm `dotenv`: a folder of files, and 2,000 generated texts. What `dotenv` gives is
//! beside each file; `tests/clients/dotenv.test.mjs` checks that with npm, and `dotenv-corpus.mjs` there writes it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::collections::BTreeMap;

use domain::import::{Format, decode, dotenv, read};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/dotenv");

type Values = BTreeMap<String, String>;

fn ours(text: &str) -> Values {
    let parsed = dotenv::parse(text);
    parsed.assignments.iter().map(|found| (found.key.to_string(), found.value.to_string())).collect()
}

/// What we take as secrets must be among what `dotenv` gives; every other key of it must be reported.
fn import_agrees(bytes: &[u8], npm: &Values, what: &str) {
    let import = read(Format::Dotenv, bytes).unwrap();
    for entry in &import.entries {
        let expected = npm.get(entry.name.as_str()).map(String::as_str);
        assert_eq!(Some(entry.value.expose()), expected, "{what}: {}", entry.name);
    }
    assert!(import.entries.len() + import.rejected.len() >= npm.len(), "{what}: a key is lost without a word");
}

#[test]
fn files() {
    let mut seen = 0;
    for entry in std::fs::read_dir(FOLDER).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "env") {
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        let golden = std::fs::read(path.with_extension("env.json")).unwrap();
        let npm: Values = serde_json::from_slice(&golden).unwrap();
        assert_eq!(ours(&decode(&bytes).unwrap()), npm, "{}", path.display());
        import_agrees(&bytes, &npm, &path.display().to_string());
        seen += 1;
    }
    assert!(seen >= 15, "{seen} files");
}

#[test]
fn generated_texts() {
    let corpus = std::fs::read_to_string(format!("{FOLDER}/generated.jsonl")).unwrap();
    assert!(corpus.len() < 300 * 1024);
    assert_eq!(corpus.lines().count(), 2_000);
    for line in corpus.lines() {
        let (text, npm): (String, Values) = serde_json::from_str(line).unwrap();
        assert_eq!(ours(&text), npm, "{text:?}");
        import_agrees(text.as_bytes(), &npm, &text);
    }
}

proptest::proptest! {
    /// Whatever a file holds, it is read without a panic, and no name is given twice.
    #[test]
    fn anything_can_be_read(text in "[A-C=:'\"`#\\\\ \\n\\r{}\\[\\],\u{2028}&*!-]{0,200}|\\PC{0,200}") {
        for format in [Format::Dotenv, Format::Json, Format::Yaml] {
            if let Ok(import) = read(format, text.as_bytes()) {
                let names: std::collections::BTreeSet<_> = import.entries.iter().map(|entry| entry.name.as_str()).collect();
                proptest::prop_assert_eq!(names.len(), import.entries.len());
            }
        }
    }
}
