//! Redaction: removing values from text that leaves a worker, in every encoding in which code commonly prints them.
//!
//! For each value the automaton holds its raw form, JSON-escaped, percent-encoded (both letter cases, and form encoding
//! with `+`), HTML-escaped, hex (both cases), `\u` escapes, base32, and base64 in the standard and the URL alphabet at
//! all three alignments, so a value inside `base64(user:password)` is found too. Each long line of a value of several
//! lines is looked for by itself, as code prints keys line by line.
//!
//! Finding is one pass over the text, whatever the number of secrets: an automaton finds the first bytes of each form, and
//! what it finds is compared in full. So a value of 64 KiB costs no more states than one of 16 bytes. All of it is built when
//! the first text comes, not when a worker starts.
//!
//! A value shorter than six bytes is not looked for: it would turn logs to confetti while hiding nothing that could not
//! be guessed. Such a value's mask shows nothing, and the docs say so.

mod stream;

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

pub use stream::Stream;

use crate::{SecretName, Value};

/// Shortest value, in bytes, that is looked for.
pub const MIN_BYTES: usize = 6;
/// How many bytes of a form the automaton knows.
const HEAD_BYTES: usize = 16;
/// Shortest line of a value of several lines that is looked for by itself.
const LINE_BYTES: usize = 16;

type Form = Zeroizing<Vec<u8>>;

/// Finds a set of values in text. Holds them in memory, so it lives no longer than their worker.
pub struct Redactor {
    secrets: Vec<(String, Zeroizing<String>)>,
    built: OnceLock<Built>,
}

#[derive(Default)]
struct Built {
    /// Finds heads of forms. `None` if there is nothing to find, or if it could not be built.
    automaton: Option<AhoCorasick>,
    /// By the number of a head: the whole forms that begin with it, and whose they are.
    forms: Vec<Vec<(Form, usize)>>,
    /// The heads in order.
    heads: Vec<Form>,
}

/// A form found, and whose it is.
struct Span {
    start: usize,
    end: usize,
    secret: usize,
}

/// What stands for text that cannot be searched.
const UNSEARCHED: &str = "[redacted: too many secrets to search for]";

impl Redactor {
    /// A redactor of `secrets`.
    pub fn new<'a>(secrets: impl IntoIterator<Item = (&'a SecretName, &'a Value)>) -> Self {
        let keep =
            |(name, value): (&SecretName, &Value)| (format!("[redacted {name}]"), value.expose().to_owned().into());
        Self { secrets: secrets.into_iter().map(keep).collect(), built: OnceLock::new() }
    }

    /// A redactor of nothing.
    pub fn none() -> Self {
        Self { secrets: Vec::new(), built: OnceLock::new() }
    }

    /// No form is longer, in bytes: `\u` escapes make six of one. Who cuts a text must drop so much before the cut, since a
    /// value that is cut itself is not found.
    pub fn longest(&self) -> usize {
        self.secrets.iter().map(|(_, value)| value.len() * 6).max().unwrap_or(0)
    }

    /// `text` with every value in it replaced by `[redacted NAME]`.
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let built = self.built();
        if built.is_unsearchable() {
            return UNSEARCHED.into();
        }
        let spans = built.spans(text.as_bytes());
        if spans.is_empty() {
            return Cow::Borrowed(text);
        }
        self.cut(text, &spans)
    }

    /// Replaces the spans, which are sorted; those that overlap become one, named for the first.
    fn cut<'t>(&self, text: &'t str, spans: &[Span]) -> Cow<'t, str> {
        let mut out = String::new();
        let mut from = 0;
        for &Span { start, end, secret } in spans {
            if start >= from {
                // A form is whole UTF-8 text, so its borders are character borders.
                out.push_str(text.get(from..start).unwrap_or_default());
                out.push_str(self.shown(secret));
            }
            from = from.max(end);
        }
        out.push_str(text.get(from..).unwrap_or_default());
        Cow::Owned(out)
    }

    fn built(&self) -> &Built {
        self.built.get_or_init(|| Built::new(&self.secrets))
    }

    /// What stands in place of a value.
    fn shown(&self, secret: usize) -> &str {
        self.secrets.get(secret).map_or("[redacted]", |(shown, _)| shown)
    }
}

impl Built {
    fn new(secrets: &[(String, Zeroizing<String>)]) -> Self {
        let mut numbers: HashMap<Vec<u8>, usize> = HashMap::new();
        let mut forms: Vec<Vec<(Form, usize)>> = Vec::new();
        for (secret, (_, value)) in secrets.iter().enumerate() {
            for form in pieces(value).flat_map(forms_of) {
                let head = form.iter().copied().take(HEAD_BYTES).collect::<Vec<u8>>();
                let number = *numbers.entry(head).or_insert(forms.len());
                if number == forms.len() {
                    forms.push(Vec::new());
                }
                if let Some(same) = forms.get_mut(number) {
                    same.push((form, secret));
                }
            }
        }
        if forms.is_empty() {
            return Self::default();
        }
        let head = |form: &Form| Zeroizing::new(form.get(..HEAD_BYTES).unwrap_or(form).to_vec());
        let mut heads: Vec<_> = forms.iter().filter_map(|same| same.first()).map(|(form, _)| head(form)).collect();
        let automaton = AhoCorasick::builder().match_kind(MatchKind::Standard).build(&heads).ok();
        heads.sort_unstable_by(|a, b| a.as_slice().cmp(b));
        Self { automaton, forms, heads }
    }

    /// Whether there is something to find, and no way to. Unsearched text is not shown.
    fn is_unsearchable(&self) -> bool {
        self.automaton.is_none() && !self.forms.is_empty()
    }

    /// Every form in `bytes`, by its beginning, the longest first.
    fn spans(&self, bytes: &[u8]) -> Vec<Span> {
        let mut spans = Vec::new();
        let heads = self.automaton.iter().flat_map(|automaton| automaton.find_overlapping_iter(bytes));
        for head in heads {
            let rest = bytes.get(head.start()..).unwrap_or_default();
            for (form, secret) in self.forms.get(head.pattern().as_usize()).into_iter().flatten() {
                if rest.starts_with(form) {
                    spans.push(Span { start: head.start(), end: head.start() + form.len(), secret: *secret });
                }
            }
        }
        spans.sort_unstable_by_key(|span| (span.start, Reverse(span.end)));
        spans
    }
}

/// Every form in which `value`, or a long line of it, is looked for.
pub fn forms(value: &Value) -> impl Iterator<Item = Zeroizing<Vec<u8>>> {
    pieces(value.expose()).flat_map(forms_of)
}

/// The value, and each long line of a value of several.
fn pieces(value: &str) -> impl Iterator<Item = &str> {
    let several = value.trim().contains('\n');
    let lines = value
        .lines()
        .map(str::trim)
        .filter(move |line| several && line.len() >= LINE_BYTES && !line.starts_with("-----"));
    std::iter::once(value).chain(lines)
}

/// Every form in which `value` is looked for; none if it is too short.
fn forms_of(value: &str) -> Vec<Form> {
    let mut forms: Vec<Form> = Vec::new();
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
    fn a_large_value_is_found_whole_and_costs_little() {
        let value: String = (0..65_536_u32).map(|n| char::from(b'a' + u8::try_from(n * n % 26).unwrap())).collect();
        let redactor = redactor(&value);
        assert_eq!(redactor.redact(&format!("<{value}>")), "<[redacted KEY]>");
        assert_eq!(redactor.redact(&STANDARD.encode(&value)).matches("[redacted KEY]").count(), 1);
        let heads: usize = redactor.built.get().unwrap().forms.len();
        assert!(heads < 40, "{heads} heads");
        assert_eq!(redactor.redact(&value[..64_000]), value[..64_000], "only whole values are hidden");
    }

    #[test]
    fn lines_of_a_key_are_found_alone() {
        let key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n-----END PRIVATE KEY-----\n";
        let redactor = redactor(key);
        assert_eq!(redactor.redact("BKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"), "[redacted KEY]");
        assert_eq!(redactor.redact(key), "[redacted KEY]");
        assert_eq!(redactor.redact("-----END PRIVATE KEY-----"), "-----END PRIVATE KEY-----");
    }

    #[test]
    fn values_that_begin_alike_are_told_apart_and_overlaps_leave_nothing() {
        let secrets: Vec<_> = ["postgres://app:one@db/x", "postgres://app:two@db/x", "two@db/xyzzy"]
            .iter()
            .enumerate()
            .map(|(n, value)| (SecretName::parse(&format!("S{n}")).unwrap(), Value::new((*value).to_owned()).unwrap()))
            .collect();
        let redactor = Redactor::new(secrets.iter().map(|(name, value)| (name, value)));
        assert_eq!(redactor.redact("postgres://app:one@db/x postgres://app:two@db/x"), "[redacted S0] [redacted S1]");
        assert_eq!(redactor.redact("postgres://app:two@db/xyzzy!"), "[redacted S1]!");
        assert_eq!(redactor.redact("postgres://app:three@db/x"), "postgres://app:three@db/x");
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
