//! Looking for a value in every form in which it could lie about.

use std::fs;
use std::path::{Path, PathBuf};

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

/// Bytes of a value that a mask never shows, in two halves, so that half of it is found too.
const HALF: usize = 16;

/// A value of 40 bytes whose middle is random. `special`: with characters that every encoding writes in its own way.
pub fn canary(prefix: &str, special: bool) -> String {
    let half = || {
        let text = crate::api::random(HALF);
        if special { format!("{}/{}+{}&{}", &text[..4], &text[4..7], &text[7..10], &text[10..13]) } else { text }
    };
    let value = format!("{prefix}{}{}{}", half(), half(), crate::api::random(4));
    assert_eq!((prefix.len(), value.len()), (4, 40));
    value
}

/// Finds canaries.
pub struct Scanner {
    automaton: AhoCorasick,
    forms: Vec<(String, Vec<u8>)>,
}

impl Scanner {
    pub fn new(canaries: &[&str]) -> Self {
        let halves = |canary: &str| [canary[4..4 + HALF].to_owned(), canary[4 + HALF..4 + 2 * HALF].to_owned()];
        let forms: Vec<_> = canaries.iter().flat_map(|canary| halves(canary)).flat_map(|half| forms(&half)).collect();
        let automaton = AhoCorasick::new(forms.iter().map(|(_, form)| form)).unwrap();
        Self { automaton, forms }
    }

    /// Which form is in `bytes`, and what stands before it.
    pub fn find(&self, bytes: &[u8]) -> Option<String> {
        let found = self.automaton.find(bytes)?;
        let before = &bytes[found.start().saturating_sub(300)..found.start()];
        Some(format!("{} after {:?}", self.forms[found.pattern().as_usize()].0, String::from_utf8_lossy(before)))
    }

    #[track_caller]
    pub fn assert_absent(&self, place: &str, bytes: &[u8]) {
        if let Some(found) = self.find(bytes) {
            panic!("the canary is in {place}: {found}");
        }
    }

    /// Every file below `folder` and its name. Returns which were read.
    #[track_caller]
    pub fn assert_absent_below(&self, folder: &Path) -> Vec<PathBuf> {
        let mut read = Vec::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            // Workers come and go, with their folders.
            let Ok(entries) = fs::read_dir(&folder) else { continue };
            for entry in entries.filter_map(Result::ok) {
                let path = entry.path();
                self.assert_absent("a file's name", path.as_os_str().as_encoded_bytes());
                let Ok(kind) = entry.file_type() else { continue };
                if kind.is_dir() {
                    folders.push(path);
                } else if kind.is_file()
                    && let Ok(bytes) = fs::read(&path)
                {
                    self.assert_absent(&path.display().to_string(), &bytes);
                    read.push(path);
                }
            }
        }
        read
    }
}

/// `part` in all forms, each with its name.
pub fn forms(part: &str) -> Vec<(String, Vec<u8>)> {
    let bytes = part.as_bytes();
    let mut forms = vec![
        ("raw".to_owned(), part.to_owned()),
        ("JSON with escaped slashes".to_owned(), part.replace('/', "\\/")),
        ("HTML".to_owned(), part.replace('&', "&amp;")),
        ("hex".to_owned(), hex::encode(bytes)),
        ("HEX".to_owned(), hex::encode_upper(bytes)),
        ("all percent".to_owned(), bytes.iter().map(|byte| format!("%{byte:02X}")).collect()),
        ("all percent, small".to_owned(), bytes.iter().map(|byte| format!("%{byte:02x}")).collect()),
        ("spaced hex".to_owned(), bytes.iter().map(|byte| format!("{byte:02x} ")).collect()),
        ("bytes".to_owned(), bytes.iter().map(|byte| format!("{byte}, ")).collect()),
        ("UTF-16".to_owned(), bytes.iter().map(|byte| format!("{}\0", char::from(*byte))).collect()),
    ];
    for upper in [true, false] {
        let escape = |byte: u8| if upper { format!("%{byte:02X}") } else { format!("%{byte:02x}") };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        forms.push((
            "URL".to_owned(),
            bytes.iter().map(|&byte| if plain(byte) { char::from(byte).to_string() } else { escape(byte) }).collect(),
        ));
    }
    for alignment in 0..3 {
        for (name, engine) in [("base64", STANDARD), ("base64url", URL_SAFE)] {
            forms.push((format!("{name} at {alignment}"), aligned(bytes, alignment, &engine)));
        }
    }
    let mut seen = std::collections::HashSet::new();
    forms
        .into_iter()
        .filter(|(_, form)| seen.insert(form.clone()))
        .map(|(name, form)| (name, form.into_bytes()))
        .collect()
}

/// The characters of base64 that `bytes` alone decide, with `alignment` bytes before them.
fn aligned(bytes: &[u8], alignment: usize, engine: &impl base64::Engine) -> String {
    let padded = [vec![0; alignment], bytes.to_vec()].concat();
    let text = engine.encode(&padded);
    text[(alignment * 8).div_ceil(6)..padded.len() * 8 / 6].to_owned()
}

/// The scanner finds each form, in memory and in a file, or its silence would prove nothing.
#[test]
fn the_scanner_finds_every_form() {
    let (plain, special) = (canary("sk-C", false), canary("sk-D", true));
    let scanner = Scanner::new(&[&plain, &special]);
    for value in [&plain, &special] {
        for end in [20, 36] {
            let planted = [b"left ".as_slice(), &value.as_bytes()[end - HALF..end], b" right"].concat();
            assert!(scanner.find(&planted).is_some_and(|found| found.starts_with("raw after \"left ")));
        }
        for before in 0..3 {
            for after in 0..3 {
                let text = format!("{}{value}{}", "u".repeat(before), "p".repeat(after));
                for encoded in
                    [STANDARD.encode(&text), URL_SAFE.encode(&text), hex::encode(&text), hex::encode_upper(&text)]
                {
                    assert!(scanner.find(encoded.as_bytes()).is_some(), "{encoded}");
                }
            }
        }
        let url = percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC).to_string();
        assert!(scanner.find(url.replace("%2D", "-").replace("%5F", "_").as_bytes()).is_some(), "{url}");
        for (name, form) in forms(&value[4..20]) {
            let folder = tempfile::tempdir().unwrap();
            fs::create_dir(folder.path().join("deep")).unwrap();
            fs::write(folder.path().join("deep/planted"), [vec![0xff; 70_000], form].concat()).unwrap();
            let found = std::panic::catch_unwind(|| scanner.assert_absent_below(folder.path()));
            assert!(found.is_err(), "{name} was not found in a file");
        }
    }
    let other = canary("sk-C", false);
    assert!(scanner.find(other.as_bytes()).is_none() && scanner.find(STANDARD.encode(&other).as_bytes()).is_none());
}
