//! Redaction: removing values from text that leaves a worker, in every encoding in which code commonly prints them.
//!
//! For each value the automaton holds its raw form, JSON-escaped, percent-encoded (both letter cases, and form encoding
//! with `+`), HTML-escaped, hex (both cases), `\u` escapes, base32, and base64 in the standard and the URL alphabet at
//! all three alignments, so a value inside `base64(user:password)` is found too. Finding is one pass over the text,
//! whatever the number of secrets.
//!
//! A value shorter than six bytes is not looked for: it would turn logs to confetti while hiding nothing that could not
//! be guessed. Such a value's mask shows nothing, and the docs say so.

use std::borrow::Cow;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use crate::{SecretName, Value};

/// Shortest value, in bytes, that is looked for.
pub const MIN_BYTES: usize = 6;

/// Finds a set of values in text. Holds their encoded forms in memory, so it lives no longer than the values' worker.
pub struct Redactor {
    automaton: Option<AhoCorasick>,
    /// What stands in for pattern `i`.
    shown: Vec<String>,
    longest: usize,
}

impl Redactor {
    /// A redactor of `secrets`.
    pub fn new<'a>(secrets: impl IntoIterator<Item = (&'a SecretName, &'a Value)>) -> Self {
        let mut patterns: Vec<Zeroizing<Vec<u8>>> = Vec::new();
        let mut shown = Vec::new();
        for (name, value) in secrets {
            for form in forms(value.expose()) {
                patterns.push(form);
                shown.push(format!("[redacted {name}]"));
            }
        }
        let longest = patterns.iter().map(|pattern| pattern.len()).max().unwrap_or(0);
        let automaton = if patterns.is_empty() {
            None
        } else {
            // Building fails only past 2^31 states; 10,000 secrets of 64 KiB in 20 forms stay below the account's limits
            // in practice, and a worker must not run unredacted: see `Redactor::is_complete`.
            AhoCorasickBuilder::new()
                .match_kind(MatchKind::LeftmostLongest)
                .build(patterns.iter().map(|p| p.as_slice()))
                .ok()
        };
        Self { automaton, shown, longest }
    }

    /// A redactor of nothing.
    pub fn none() -> Self {
        Self { automaton: None, shown: Vec::new(), longest: 0 }
    }

    /// Whether every value is looked for. If not, the caller must drop the text rather than show it.
    pub fn is_complete(&self) -> bool {
        self.automaton.is_some() || self.shown.is_empty()
    }

    /// The longest form in bytes. A reader of a stream keeps this many bytes back to find values across chunk borders.
    pub fn longest(&self) -> usize {
        self.longest
    }

    /// `text` with every value in it replaced by `[redacted NAME]`.
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if !self.is_complete() {
            return Cow::Borrowed("[redacted: too many secrets to search for]");
        }
        let Some(automaton) = &self.automaton else { return Cow::Borrowed(text) };
        let mut out = String::new();
        let mut from = 0;
        for found in automaton.find_iter(text) {
            // A form is ASCII or whole UTF-8 text, so its borders are character borders.
            out.push_str(text.get(from..found.start()).unwrap_or_default());
            out.push_str(self.shown.get(found.pattern().as_usize()).map_or("[redacted]", String::as_str));
            from = found.end();
        }
        if from == 0 {
            return Cow::Borrowed(text);
        }
        out.push_str(text.get(from..).unwrap_or_default());
        Cow::Owned(out)
    }
}

/// Every form in which `value` is looked for; none if it is too short.
fn forms(value: &str) -> Vec<Zeroizing<Vec<u8>>> {
    let mut forms: Vec<Zeroizing<Vec<u8>>> = Vec::new();
    let mut add = |form: String| {
        let form = Zeroizing::new(form.into_bytes());
        if form.len() >= MIN_BYTES && !forms.contains(&form) {
            forms.push(form);
        }
    };
    for value in [value, value.trim()] {
        let bytes = value.as_bytes();
        if bytes.len() < MIN_BYTES {
            continue;
        }
        add(value.to_owned());
        let json = serde_json::to_string(value).unwrap_or_default();
        add(json.trim_matches('"').replace('/', "\\/"));
        add(json.get(1..json.len().saturating_sub(1)).unwrap_or_default().to_owned());
        add(inspected(value));
        for upper in [true, false] {
            add(percent(bytes, upper, "-_.~"));
            add(percent(bytes, upper, "-_.!~*'()"));
            add(percent(bytes, upper, "-_.*").replace("%20", "+"));
            add(percent(bytes, upper, "-_.~!*'();:@&=+$,/?#"));
        }
        add(value
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('"', "&quot;")
            .replace('\'', "&#39;"));
        add(value
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('"', "&#34;")
            .replace('\'', "&#x27;"));
        add(hex::encode(bytes));
        add(hex::encode_upper(bytes));
        let units = || value.encode_utf16();
        add(units().map(|unit| format!("\\u{unit:04x}")).collect());
        add(units().map(|unit| format!("\\u{unit:04X}")).collect());
        add(value
            .chars()
            .map(|c| {
                if c.is_ascii() {
                    c.to_string()
                } else {
                    c.encode_utf16(&mut [0; 2]).iter().map(|u| format!("\\u{u:04x}")).collect()
                }
            })
            .collect());
        add(base32(bytes));
        for alignment in 0..3 {
            add(aligned_base64(bytes, alignment, |padded| STANDARD_NO_PAD.encode(padded)));
            add(aligned_base64(bytes, alignment, |padded| URL_SAFE_NO_PAD.encode(padded)));
        }
    }
    forms
}

/// As JavaScript consoles show a string inside an object: single quotes, backslash escapes.
fn inspected(value: &str) -> String {
    value.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r").replace('\t', "\\t").replace('\'', "\\'")
}

fn percent(bytes: &[u8], upper: bool, unreserved: &str) -> String {
    bytes
        .iter()
        .map(|&byte| {
            let plain = byte.is_ascii_alphanumeric() || (byte.is_ascii() && unreserved.contains(char::from(byte)));
            match (plain, upper) {
                (true, _) => char::from(byte).to_string(),
                (false, true) => format!("%{byte:02X}"),
                (false, false) => format!("%{byte:02x}"),
            }
        })
        .collect()
}

/// The characters of base64 that depend on `bytes` alone when `alignment` unknown bytes stand before and any after.
fn aligned_base64(bytes: &[u8], alignment: usize, encode: impl Fn(&[u8]) -> String) -> String {
    let mut padded = Zeroizing::new(vec![0; alignment]);
    padded.extend_from_slice(bytes);
    let encoded = Zeroizing::new(encode(&padded));
    // 8 bits a byte, 6 a character: characters that also hold bits of a neighbour are left out.
    let first = (alignment * 8).div_ceil(6);
    let last = padded.len() * 8 / 6;
    encoded.get(first..last).unwrap_or_default().to_owned()
}

fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut out = String::new();
    let (mut buffer, mut bits) = (0_u32, 0);
    for &byte in bytes {
        buffer = (buffer << 8) | u32::from(byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            let index = (buffer >> bits) & 31;
            out.push(ALPHABET.get(index as usize).map_or('A', |&c| char::from(c)));
        }
    }
    // The last partial character also depends on padding only, so it is known; but a value inside a longer text would
    // differ there, so it is left out.
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};
    use proptest::prelude::*;

    use super::{Redactor, base32};
    use crate::{SecretName, Value};

    fn redactor(value: &str) -> Redactor {
        Redactor::new([(&SecretName::parse("KEY").unwrap(), &Value::new(value.to_owned()).unwrap())])
    }

    #[test]
    fn every_form() {
        let value = "sk-canary/äö \"quoted\"+plus&amp=1\n2";
        let redactor = redactor(value);
        let json = serde_json::to_string(value).unwrap();
        for form in [
            value.to_owned(),
            json,
            hex::encode(value),
            hex::encode_upper(value),
            STANDARD.encode(value),
            URL_SAFE.encode(value),
            STANDARD.encode(format!("user:{value}")),
            STANDARD.encode(format!("a:{value}:and more")),
            URL_SAFE.encode(format!("ab{value}c")),
            value.replace('&', "&amp;").replace('"', "&quot;"),
            value.encode_utf16().map(|u| format!("\\u{u:04x}")).collect(),
            base32(value.as_bytes()),
            "sk-canary%2F%C3%A4%C3%B6%20%22quoted%22%2Bplus%26amp%3D1%0A2".to_owned(),
            "sk-canary%2F%C3%A4%C3%B6+%22quoted%22%2Bplus%26amp%3D1%0A2".to_owned(),
        ] {
            let out = redactor.redact(&form);
            assert!(out.contains("[redacted KEY]"), "{form} -> {out}");
            assert!(!out.contains("canary") && !out.contains("quoted"), "{form} -> {out}");
        }
    }

    #[test]
    fn short_values_and_other_text_stay() {
        assert_eq!(redactor("12345").redact("a 12345 b"), "a 12345 b");
        assert_eq!(redactor("123456").redact("a 123456 b"), "a [redacted KEY] b");
        assert_eq!(redactor("123456").redact("nothing here"), "nothing here");
        assert_eq!(Redactor::none().redact("anything"), "anything");
    }

    #[test]
    fn the_longer_of_two_overlapping_values_wins() {
        let (a, b) = (SecretName::parse("A").unwrap(), SecretName::parse("B").unwrap());
        let (short, long) = (Value::new("abcdef".to_owned()).unwrap(), Value::new("abcdefghij".to_owned()).unwrap());
        let redactor = Redactor::new([(&a, &short), (&b, &long)]);
        assert_eq!(redactor.redact("abcdefghij abcdef"), "[redacted B] [redacted A]");
    }

    proptest! {
        #[test]
        fn base64_is_found_at_any_offset(value in "[ -~]{8,60}", before in "[ -~]{0,9}", after in "[ -~]{0,9}") {
            let redactor = redactor(&value);
            let encoded = STANDARD.encode(format!("{before}{value}{after}"));
            prop_assert!(redactor.redact(&encoded).contains("[redacted KEY]"));
        }

        #[test]
        fn raw_is_never_left(value in "\\PC{6,40}", before in "\\PC{0,20}", after in "\\PC{0,20}") {
            prop_assume!(value.len() >= super::MIN_BYTES && !"[redacted KEY]".contains(&value));
            let text = format!("{before}{value}{after}");
            prop_assert!(!redactor(&value).redact(&text).contains(&value) || before.contains(&value) || after.contains(&value));
        }
    }
}
