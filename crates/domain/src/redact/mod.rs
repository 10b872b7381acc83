//! Redaction: removing values from text that leaves a worker, in every encoding in which code commonly prints them.
//!
//! `forms.rs` lists the encodings: as it is, escaped for JSON (once and twice), URLs, HTML and JavaScript, hex, base32, and base64 in
//! both alphabets at all three alignments, so a value inside `base64(user:password)` is found too. Each long line of a value
//! of several lines is looked for by itself, as code prints keys line by line.
//!
//! Finding is one pass over the text, whatever the number of secrets ([`crate::find`]). What that needs is made when the first
//! text comes, or when somebody asks for it before; what only texts with escapes need, when the first of these comes.
//!
//! Short and common values are handled so that logs do not turn to confetti (`rules.rs`): below six bytes, and ordinary words such
//! as `production`, are not looked for; below twelve bytes only where they stand as words of their own.

mod forms;
mod rules;
mod stream;

use std::borrow::Cow;
use std::sync::OnceLock;

use zeroize::Zeroizing;

pub use stream::Stream;

use forms::Extent;

use crate::find::{Finder, Form, Search};
use crate::{SecretName, Value};

/// Shortest value, in bytes, that is looked for.
pub const MIN_BYTES: usize = 6;
/// A shorter value, in bytes, is looked for as a word of its own.
pub const SHORT_BYTES: usize = 12;
/// Shortest line of a value of several lines that is looked for by itself.
const LINE_BYTES: usize = 16;

/// Finds a set of values in text. Holds them in memory, so it lives no longer than their workers.
#[derive(Default)]
pub struct Redactor {
    secrets: Vec<Secret>,
    /// For texts without escapes, as most are.
    bare: OnceLock<Built>,
    /// For all.
    all: OnceLock<Built>,
}

struct Secret {
    name: SecretName,
    value: Zeroizing<String>,
    /// A response must not hold it.
    guarded: bool,
}

#[derive(Default)]
struct Built {
    finder: Finder,
    /// By the number of a form: whose it is, and whether it counts as a word of its own only.
    of: Vec<(usize, bool)>,
}

impl Redactor {
    /// A redactor of `secrets`. One that is `publishable` is hidden in logs like the others, and may stand in responses.
    pub fn new<'a>(secrets: impl IntoIterator<Item = (&'a SecretName, &'a Value, bool)>) -> Self {
        let keep = |(name, value, publishable): (&SecretName, &Value, bool)| Secret {
            name: name.clone(),
            value: value.expose().to_owned().into(),
            guarded: !publishable && rules::is_telling(value.expose()),
        };
        Self { secrets: secrets.into_iter().map(keep).collect(), ..Self::default() }
    }

    /// A redactor of nothing.
    pub fn none() -> Self {
        Self::new([])
    }

    /// Makes ready what the first text would have to wait for, if it has no escapes.
    pub fn prepare(&self) {
        self.bare();
    }

    fn bare(&self) -> &Built {
        self.bare.get_or_init(|| Built::new(&self.secrets, Extent::Bare))
    }

    fn all(&self) -> &Built {
        self.all.get_or_init(|| Built::new(&self.secrets, Extent::All))
    }

    /// What finds the values in `text`.
    fn built(&self, text: &[u8]) -> &Built {
        if forms::has_escapes(text) { self.all() } else { self.bare() }
    }

    /// No form is longer, in bytes. Who cuts a text must drop so much before the cut, since a value that is cut itself is not
    /// found.
    pub fn longest(&self) -> usize {
        self.all().finder.longest()
    }

    /// `text` with every value in it replaced by `[redacted NAME]`.
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let (mut out, mut shown) = (String::new(), 0);
        let mut spans = Spans::of(self, text.as_bytes(), None, true);
        while let Some(Span { start, end, secret, .. }) = spans.next() {
            if shown == 0 {
                out.reserve(text.len());
            }
            // Values that overlap become one, named for the first.
            if start >= shown {
                out.push_str(between(text, shown, start));
                out.extend(self.shown(secret));
            }
            shown = shown.max(end);
        }
        if shown == 0 {
            return Cow::Borrowed(text);
        }
        out.push_str(between(text, shown, text.len()));
        Cow::Owned(out)
    }

    /// What stands in place of a value.
    fn shown(&self, secret: usize) -> [&str; 3] {
        ["[redacted ", self.secrets.get(secret).map_or("", |secret| secret.name.as_str()), "]"]
    }

    /// Whether any value must not stand in a response.
    pub fn guards(&self) -> bool {
        self.secrets.iter().any(|secret| secret.guarded)
    }

    /// The first value in `text` that must not stand in a response: where it begins, and whose it is.
    pub fn guarded(&self, text: &[u8]) -> Option<(usize, &SecretName)> {
        let built = self.built(text);
        let (mut search, mut from) = (built.finder.search(text), 0);
        while let Some(found) = search.next(from) {
            let secret = built.of.get(found.form).and_then(|(secret, _)| self.secrets.get(*secret));
            if let Some(secret) = secret.filter(|secret| secret.guarded) {
                return Some((found.start, &secret.name));
            }
            from = found.start + 1;
        }
        None
    }

    /// Where a value may begin that `text` breaks off; its length if nowhere.
    pub fn hold(&self, text: &[u8]) -> usize {
        self.all().finder.hold(text, 0)
    }
}

impl Built {
    fn new(secrets: &[Secret], extent: Extent) -> Self {
        let (mut forms, mut of) = (Vec::new(), Vec::new());
        for (number, secret) in secrets.iter().enumerate().filter(|(_, secret)| rules::is_looked_for(&secret.value)) {
            for form in forms::pieces(&secret.value).flat_map(|piece| forms::of(piece, extent)) {
                // Other forms are hardly words of anything.
                of.push((number, form.len() < SHORT_BYTES && form.as_slice() == secret.value.trim().as_bytes()));
                forms.push(form);
            }
        }
        Self { finder: Finder::new(forms), of }
    }
}

/// A value that was found, and whose it is.
struct Span {
    start: usize,
    end: usize,
    secret: usize,
    /// Whether it is one whatever follows the text.
    settled: bool,
}

/// The values in a text, by their beginning, of each the longest form.
struct Spans<'a> {
    redactor: &'a Redactor,
    built: &'a Built,
    search: Search<'a>,
    text: &'a [u8],
    /// The byte before the text.
    before: Option<u8>,
    /// Whether nothing follows the text.
    last: bool,
    from: usize,
}

impl<'a> Spans<'a> {
    fn of(redactor: &'a Redactor, text: &'a [u8], before: Option<u8>, last: bool) -> Self {
        let built = redactor.built(text);
        Self { redactor, built, search: built.finder.search(text), text, before, last, from: 0 }
    }

    fn next(&mut self) -> Option<Span> {
        loop {
            let found = self.search.next(self.from)?;
            self.from = found.start + 1;
            let (secret, word) = self.built.of.get(found.form).copied().unwrap_or_default();
            if !word {
                return Some(Span { start: found.start, end: found.end, secret, settled: true });
            }
            // A shorter one may stand alone where the longest does not.
            let rest = self.text.get(found.start..).unwrap_or_default();
            let words = self.redactor.secrets.iter().enumerate().filter_map(|(secret, own)| {
                let value = own.value.trim().as_bytes();
                let short = (MIN_BYTES..SHORT_BYTES).contains(&value.len()) && rest.starts_with(value);
                let (start, end) = (found.start, found.start + value.len());
                let settled = self.last || end < self.text.len();
                (short && self.stands_alone(start, end)).then_some(Span { start, end, secret, settled })
            });
            if let Some(word) = words.max_by_key(|span| span.end) {
                return Some(word);
            }
        }
    }

    /// Whether no word goes on across the borders of what stands there.
    fn stands_alone(&self, start: usize, end: usize) -> bool {
        let letter = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii());
        let at = |place: usize| self.text.get(place).copied();
        let before = |place: usize| if place == 0 { self.before } else { at(place - 1) };
        !(letter(before(start)) && letter(at(start)) || letter(before(end)) && letter(at(end)))
    }
}

/// A form is whole UTF-8 text, so its borders are character borders; where a search gave up there may be none.
fn between(text: &str, start: usize, end: usize) -> &str {
    text.get(start..text.ceil_char_boundary(end)).unwrap_or_default()
}

/// Every form in which `value`, or a long line of it, is looked for.
pub fn forms(value: &Value) -> impl Iterator<Item = Form> {
    forms::pieces(value.expose()).flat_map(|piece| forms::of(piece, Extent::All))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};
    use proptest::prelude::*;

    use super::Redactor;
    use super::forms::base32;
    use crate::{SecretName, Value};

    fn redactor(value: &str) -> Redactor {
        Redactor::new([(&SecretName::parse("KEY").unwrap(), &Value::new(value.to_owned()).unwrap(), false)])
    }

    #[test]
    fn every_form() {
        let value = "sk-canary/äö \"quoted\"+plus&amp=1\n2";
        let redactor = redactor(value);
        let json = serde_json::to_string(value).unwrap();
        for form in [
            value.to_owned(),
            json.clone(),
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
            serde_json::to_string(&json).unwrap(),
            json.replace('ä', "\\u00e4").replace('ö', "\\u00f6").replace('/', "\\/"),
            value.bytes().map(|b| format!("%{b:02X}")).collect(),
            value.bytes().map(|b| format!("%{b:02x}")).collect(),
            value.bytes().map(|b| format!("\\x{b:02x}")).collect(),
            value.chars().map(|c| format!("&#{};", u32::from(c))).collect(),
            value.chars().map(|c| format!("&#x{:X};", u32::from(c))).collect(),
            "sk%2dcanary%2f%c3%a4%c3%b6%20%22quoted%22%2bplus%26amp%3d1%0a2".to_owned(),
            "sk-canary/%C3%A4%C3%B6%20%22quoted%22%2Bplus%26amp%3D1%0A2".to_owned(),
            "sk-canary%252F%25C3%25A4%25C3%25B6%2520%2522quoted%2522%252Bplus%2526amp%253D1%250A2".to_owned(),
            STANDARD.encode(serde_json::to_string(&serde_json::json!({ "key": value })).unwrap()),
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
        for text in ["at 1234567", "0123456", "a123456", "123456b", "\u{e4}123456"] {
            assert_eq!(redactor("123456").redact(text), text);
        }
        for text in ["pin=123456", "user:123456@host", "123456-7", "\"123456\""] {
            assert!(redactor("123456").redact(text).contains("[redacted KEY]"), "{text}");
        }
        // A word of its own is asked of what looks like one only.
        assert_eq!(redactor("p4ssw0rd!").redact("xp4ssw0rd!y"), "xp4ssw0rd!y");
        assert_eq!(redactor("p4ssw0rd!").redact(&STANDARD.encode("user:p4ssw0rd!")), "dXNlcjp[redacted KEY]E=");
        assert_eq!(redactor("production").redact("in production"), "in production");
        assert_eq!(Redactor::none().redact("anything"), "anything");
    }

    #[test]
    fn a_large_value_is_found_whole_and_costs_little() {
        let value: String = (0..65_536_u32).map(|n| char::from(b'a' + u8::try_from(n * n % 26).unwrap())).collect();
        let redactor = redactor(&value);
        assert_eq!(redactor.redact(&format!("<{value}>")), "<[redacted KEY]>");
        assert_eq!(redactor.redact(&STANDARD.encode(&value)).matches("[redacted KEY]").count(), 1);
        let forms = redactor.bare.get().unwrap().of.len();
        assert!(forms < 20, "{forms} forms");
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
        let redactor = Redactor::new(secrets.iter().map(|(name, value)| (name, value, false)));
        assert_eq!(redactor.redact("postgres://app:one@db/x postgres://app:two@db/x"), "[redacted S0] [redacted S1]");
        assert_eq!(redactor.redact("postgres://app:two@db/xyzzy!"), "[redacted S1]!");
        assert_eq!(redactor.redact("postgres://app:three@db/x"), "postgres://app:three@db/x");
    }

    #[test]
    fn the_longer_of_two_overlapping_values_wins() {
        let (a, b) = (SecretName::parse("A").unwrap(), SecretName::parse("B").unwrap());
        let (short, long) = (Value::new("abcdef".to_owned()).unwrap(), Value::new("abcdefghij".to_owned()).unwrap());
        let redactor = Redactor::new([(&a, &short, false), (&b, &long, false)]);
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
        fn raw_is_never_left(value in "\\PC{12,40}", before in "\\PC{0,20}", after in "\\PC{0,20}") {
            prop_assume!(!"[redacted KEY]".contains(&value));
            let text = format!("{before}{value}{after}");
            prop_assert!(!redactor(&value).redact(&text).contains(&value));
        }

        /// Against the rule, word for word: at each place the longest form that may count there; overlaps become one.
        #[test]
        fn as_the_rule_says(
            values in prop::collection::vec("[ab1-]{6,14}", 1..4),
            text in prop::collection::vec(prop_oneof!["[ab1-]{0,9}", "[ab1-]{6,14}".prop_map(hex::encode), Just("\u{e4}".to_owned())], 0..5),
            parts in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..4),
        ) {
            let mut text = text.concat();
            for (which, place) in parts {
                let at = text.floor_char_boundary(place.index(text.len() + 1));
                text.insert_str(at, &values[which.index(values.len())]);
            }
            let named: Vec<_> = values.iter().enumerate()
                .map(|(n, value)| (SecretName::parse(&format!("S{n}")).unwrap(), Value::new(value.clone()).unwrap())).collect();
            let redactor = Redactor::new(named.iter().map(|(name, value)| (name, value, false)));
            prop_assert_eq!(redactor.redact(&text), naive(&text, &values));
        }
    }

    fn naive(text: &str, values: &[String]) -> String {
        let letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let alone = |start: usize, end: usize| {
            let part = &text[start..end];
            let (before, after) = (text[..start].chars().next_back(), text[end..].chars().next());
            !(letter(before) && letter(part.chars().next()) || letter(part.chars().next_back()) && letter(after))
        };
        let (mut out, mut shown) = (String::new(), 0);
        for start in (0..text.len()).filter(|at| text.is_char_boundary(*at)) {
            let mut here: Vec<(usize, usize)> = Vec::new();
            for (number, value) in values.iter().enumerate() {
                for form in super::forms::of(value, super::Extent::All) {
                    let end = start + form.len();
                    let word = form.len() < super::SHORT_BYTES && form.as_slice() == value.as_bytes();
                    if text.as_bytes()[start..].starts_with(&form) && (!word || alone(start, end)) {
                        here.push((end, number));
                    }
                }
            }
            let Some(end) = here.iter().map(|(end, _)| *end).max() else { continue };
            let number = here.iter().find(|(own, _)| *own == end).unwrap().1;
            if start >= shown {
                out += &format!("{}[redacted S{number}]", &text[shown..start]);
            }
            shown = shown.max(end);
        }
        out + &text[shown..]
    }
}
