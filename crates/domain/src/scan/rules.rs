//! What looks like a credential whoever it belongs to: keys of the catalogue's providers, private keys, passwords in URLs,
//! and what is assigned to a name such as `client_secret`.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};
use regex_lite::Regex;

use super::assigned::{self, KEYWORDS};
use super::forms::{FORMS, Form};
use super::strength::strength;
use crate::catalogue::{self, Kind, Mode, Secret, is_stand_in};

/// How sure a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Of a provider's test mode, or such.
    Note,
    /// By its name or place only.
    Warning,
    /// By its form.
    Error,
}

/// One kind of finding.
#[derive(Debug)]
pub struct Rule {
    /// Stable: `stripe/STRIPE_SECRET_KEY`, `private-key`, `url-password`, `assigned-secret`.
    pub id: String,
    /// What it finds, for people.
    pub what: String,
}

/// A place in a text.
#[derive(Debug, Clone, Copy)]
pub struct Hit {
    /// Which rule found it.
    pub rule: &'static Rule,
    /// How sure it is.
    pub level: Level,
    /// Where the credential begins, in bytes.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
}

/// Every rule, in the order of their ids' kinds: first those without a provider.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    [&ALL.private_key, &ALL.url_password, &ALL.assigned, &ALL.password_hash]
        .into_iter()
        .chain(ALL.shapes.iter().map(|shape| &shape.rule))
}

/// All that looks like a credential in `text`, in order, none within another. `settings`: see [`super::is_settings`].
pub fn find(text: &str, settings: bool) -> Vec<Hit> {
    let mut hits = Vec::new();
    for found in ALL.anchors.iter().flat_map(|anchors| anchors.find_iter(text)) {
        match ALL.meaning.get(found.pattern().as_usize()) {
            Some(Anchor::Shapes(shapes)) => match shape(text, found.start(), shapes) {
                Some(hit) => hits.push(hit),
                // `secret_` begins tokens of one provider, and many names.
                None => hits.extend(
                    keyword_at(text, found.start()).and_then(|end| assigned(text, found.start(), end, settings)),
                ),
            },
            Some(Anchor::Pem) => hits.extend(private_key(text, found.start())),
            Some(Anchor::Putty) => hits.extend(putty_key(text, found.start())),
            Some(Anchor::Hash) => hits.extend(password_hash(text, found.start(), found.end())),
            Some(Anchor::Url) => hits.extend(url_password(text, found.start(), found.end())),
            Some(Anchor::Keyword) => hits.extend(assigned(text, found.start(), found.end(), settings)),
            None => {}
        }
    }
    whole(text, &mut hits);
    // What is surer of the same place stays.
    hits.sort_by_key(|hit| (std::cmp::Reverse(hit.level), hit.start));
    let mut kept: Vec<Hit> = Vec::with_capacity(hits.len());
    for hit in hits {
        if !kept.iter().rev().take(64).any(|other| hit.start < other.end && other.start < hit.end) {
            kept.push(hit);
        }
    }
    kept.sort_by_key(|hit| hit.start);
    kept
}

/// Longest key of a known form.
const LONGEST: usize = 2048;

fn goes_on(text: &str, at: usize) -> bool {
    text.as_bytes().get(at).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

/// The key of one of `shapes` that begins at `start`.
fn shape(text: &str, start: usize, shapes: &[usize]) -> Option<Hit> {
    if start > 0 && goes_on(text, start - 1) {
        return None;
    }
    let mut end = text.len().min(start + LONGEST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let rest = text.get(start..end)?;
    shapes.iter().filter_map(|index| ALL.shapes.get(*index)).find_map(|shape| shape.hit(text, start, rest))
}

impl Shape {
    fn hit(&'static self, text: &str, start: usize, rest: &str) -> Option<Hit> {
        let found = self.form.find(rest)?;
        let (value, end) = (found.as_str(), start + found.end());
        let own = value.get(self.beginning_len(value)..)?;
        let short = value.len() - own.len() < 4 && !own.bytes().any(|byte| byte.is_ascii_digit());
        let small = short || !own.bytes().any(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
        let weak = own.len() >= 12 && (small || strength(own) < if own.len() < 20 { WEAK } else { WEAK_LONG });
        if found.start() > 0 || goes_on(text, end) || weak || is_stand_in(value) || is_within(text, start, end) {
            return None;
        }
        let level = match self.secret {
            Some(secret) if secret.mode(value) == Some(Mode::Test) => Level::Note,
            // Most are short-lived, or examples.
            None if self.rule.id == "jwt" => Level::Warning,
            _ => Level::Error,
        };
        Some(Hit { rule: &self.rule, level, start, end })
    }
}

/// Whether a value is a part of something much longer, such as a picture in base64.
fn is_within(text: &str, start: usize, end: usize) -> bool {
    let of_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let bytes = text.as_bytes();
    let before =
        bytes.get(..start).unwrap_or_default().iter().rev().take(100).take_while(|byte| of_base64(byte)).count();
    let after = bytes.get(end..).unwrap_or_default().iter().take(100).take_while(|byte| of_base64(byte)).count();
    before + after > 60
}

/// A key with less in it is an example, or a name that begins like one.
const WEAK: u32 = 25;
/// The same for what is longer than 20 characters.
const WEAK_LONG: u32 = 38;

/// Keys that are told by their whole form.
fn whole(text: &str, hits: &mut Vec<Hit>) {
    let of_key = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'~' | b':' | b'!');
    let mut at = 0;
    for run in text.as_bytes().chunk_by(|one, two| of_key(one) == of_key(two)) {
        let (start, end) = (at, at + run.len());
        at = end;
        if !(30..=300).contains(&run.len()) || !run.first().is_some_and(of_key) || !run.iter().any(u8::is_ascii_digit) {
            continue;
        }
        let piece = text.get(start..end).unwrap_or_default();
        let pieces = [piece, piece.trim_end_matches(['.', ':', '!', '-'])];
        let hit = ALL.shapes.iter().filter(|shape| shape.whole).find_map(|shape| {
            let hit = |piece: &str| shape.hit(text, start, piece).filter(|hit| hit.end == start + piece.len());
            pieces.iter().find_map(|piece| hit(piece))
        });
        hits.extend(hit);
    }
}

/// A PEM private key with something in it.
fn private_key(text: &str, start: usize) -> Option<Hit> {
    let rest = text.get(start..)?;
    let label = rest.get(11..)?.split("-----").next()?;
    if !(label.len() <= 40 && label.contains("PRIVATE KEY")) {
        return None;
    }
    let body = rest.get(11 + label.len() + 5..)?;
    let end = body.find("-----END").unwrap_or(body.len().min(4096));
    let key = body.get(..end).unwrap_or_default();
    let letters = key.bytes().filter(|byte| byte.is_ascii_alphanumeric()).count();
    (letters >= 60 && !key.contains("...")).then(|| {
        let end = start + 11 + label.len() + 5 + end;
        Hit { rule: &ALL.private_key, level: Level::Error, start, end }
    })
}

/// The password of `scheme://user:password@host`.
fn url_password(text: &str, scheme_end: usize, start: usize) -> Option<Hit> {
    let scheme = text.get(..scheme_end)?;
    if !scheme.ends_with(|c: char| c.is_ascii_alphanumeric()) {
        return None;
    }
    let stop = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>' | '/' | '(' | ')' | '\\' | ',');
    let rest = text.get(start..)?;
    let authority = rest.get(..rest.find(stop).unwrap_or(rest.len()).min(512))?;
    let (user, host) = authority.rsplit_once('@')?;
    let (name, password) = user.split_once(':')?;
    let example = is_example(host) && strength(password) < 40;
    let plain = password.len() >= 4
        && password != name
        && !host.is_empty()
        && !is_stand_in(password)
        && !password.contains(['$', '{', '}', '*', '['])
        && !example
        && !["pass", "pwd", "postgres", "root", "admin", "guest", "minio", "test", "user", "hunter2"]
            .contains(&password)
        && password.bytes().any(|byte| byte.is_ascii_alphabetic());
    let level = if strength(password) >= 20 { Level::Error } else { Level::Warning };
    plain.then(|| {
        let from = start + name.len() + 1;
        Hit { rule: &ALL.url_password, level, start: from, end: from + password.len() }
    })
}

/// Hosts of documentation and of the machine itself.
fn is_example(host: &str) -> bool {
    let host = host.split(':').next().unwrap_or_default();
    ["localhost", "127.0.0.1", "host", "hostname", "server", "example.com", "example.org", "foo.com"].contains(&host)
        || host.ends_with(".example.com")
        || host.ends_with(".example")
}

fn assigned(text: &str, start: usize, end: usize, settings: bool) -> Option<Hit> {
    let (start, end) = assigned::value(text, start, end, settings)?;
    Some(Hit { rule: &ALL.assigned, level: Level::Warning, start, end })
}

/// Where the keyword ends that begins at `start`.
fn keyword_at(text: &str, start: usize) -> Option<usize> {
    let rest = text.as_bytes().get(start..)?;
    let begins = |word: &&str| rest.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word.as_bytes()));
    KEYWORDS.iter().filter(|word| begins(word)).map(|word| start + word.len()).max()
}

/// A private key of PuTTY's.
fn putty_key(text: &str, start: usize) -> Option<Hit> {
    let rest = text.get(start..)?;
    let private = rest.find("Private-Lines:")?;
    let letters = rest.get(private..)?.bytes().take(400).filter(u8::is_ascii_alphanumeric).count();
    (private < 8192 && letters >= 80).then_some(Hit {
        rule: &ALL.private_key,
        level: Level::Error,
        start,
        end: start + private,
    })
}

/// A password hash of crypt(3), as in shadow and htpasswd files.
fn password_hash(text: &str, start: usize, end: usize) -> Option<Hit> {
    let of_hash = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/' | b'$' | b'=');
    let length = text.as_bytes().get(end..)?.iter().take(200).take_while(|byte| of_hash(byte)).count();
    let value = text.get(end..end + length)?;
    let before = start.checked_sub(1).and_then(|at| text.as_bytes().get(at));
    let placed = before.is_none_or(|byte| matches!(byte, b':' | b'"' | b'\'' | b' ' | b'=' | b'\n' | b'{'));
    (placed && length >= 25 && strength(value) >= 60).then_some(Hit {
        rule: &ALL.password_hash,
        level: Level::Warning,
        start,
        end: end + length,
    })
}

static ALL: LazyLock<All> = LazyLock::new(All::new);

struct All {
    private_key: Rule,
    url_password: Rule,
    assigned: Rule,
    password_hash: Rule,
    shapes: Vec<Shape>,
    /// The patterns are the program's own: without them nothing is found, which tests would see.
    anchors: Option<AhoCorasick>,
    meaning: Vec<Anchor>,
}

/// What an anchor in a text may begin.
enum Anchor {
    /// Indexes of shapes, the one with the longest beginning first.
    Shapes(Vec<usize>),
    Pem,
    Putty,
    Hash,
    Url,
    Keyword,
}

/// A credential that is told by its form.
struct Shape {
    rule: Rule,
    /// How values begin.
    beginnings: Vec<&'static str>,
    /// Its entry of the catalogue.
    secret: Option<&'static Secret>,
    /// The format without its end: what follows decides whether it ends there.
    form: Regex,
    /// It has no beginning to look for: whole pieces of the text are compared.
    whole: bool,
}

impl Shape {
    fn known(provider: &'static catalogue::Provider, secret: &'static Secret) -> Option<Self> {
        let format = secret.format.as_ref().filter(|_| secret.kind == Kind::Secret)?.as_str();
        let beginnings: Vec<&str> = secret.beginnings().collect();
        // `postgres://\S+`, `-----BEGIN`: those have rules of their own, which ask for more.
        let open = format.contains("\\S") && !beginnings.iter().any(|start| start.starts_with("https://"));
        let form = Regex::new(&format.trim_end_matches('$').replace("\\S", "[^\\s\"'`<>()\\[\\]{},;\\\\]")).ok()?;
        let rule = Rule {
            id: format!("{}/{}", provider.id, secret.name()?),
            what: format!("{}: {}", provider.name, secret.what),
        };
        let anchored = beginnings.iter().any(|start| start.len() >= TELLING);
        let whole = !anchored && !format.contains("[\\s") && (secret.distinct || !beginnings.is_empty());
        (!open && (anchored || whole)).then_some(Self { rule, beginnings, secret: Some(secret), form, whole })
    }

    fn further(form: &'static Form) -> Option<Self> {
        let Form(id, what, beginnings, expression) = form;
        let rule = rule(id, what);
        Some(Self {
            rule,
            beginnings: beginnings.to_vec(),
            secret: None,
            form: Regex::new(expression).ok()?,
            whole: false,
        })
    }

    /// Bytes of the longest beginning that the value has.
    fn beginning_len(&self, value: &str) -> usize {
        self.beginnings.iter().filter(|start| value.starts_with(**start)).map(|start| start.len()).max().unwrap_or(0)
    }
}

/// How password hashes begin.
const HASHES: [&str; 7] = ["$1$", "$5$", "$6$", "$apr1$", "$2a$", "$2b$", "$2y$"];
/// Shortest beginning that is looked for.
const TELLING: usize = 3;

fn rule(id: &str, what: &str) -> Rule {
    Rule { id: id.to_owned(), what: what.to_owned() }
}

impl All {
    fn new() -> Self {
        let secrets =
            catalogue::all().iter().flat_map(|provider| provider.secrets.iter().map(move |one| (provider, one)));
        let known = secrets.filter_map(|(provider, secret)| Shape::known(provider, secret));
        let shapes: Vec<Shape> = known.chain(FORMS.iter().filter_map(Shape::further)).collect();
        let mut beginnings: Vec<&str> = shapes
            .iter()
            .flat_map(|shape| shape.beginnings.iter().copied())
            .filter(|start| start.len() >= TELLING)
            .collect();
        beginnings.sort_unstable();
        beginnings.dedup();
        let of = |anchor: &str| {
            let mut known: Vec<(usize, usize)> = shapes
                .iter()
                .enumerate()
                .map(|(index, shape)| (shape.beginning_len(anchor), index))
                .filter(|(length, _)| *length >= TELLING)
                .collect();
            known.sort_by_key(|(length, index)| (std::cmp::Reverse(*length), *index));
            Anchor::Shapes(known.into_iter().map(|(_, index)| index).collect())
        };
        let mut meaning: Vec<Anchor> = beginnings.iter().map(|anchor| of(anchor)).collect();
        let mut patterns = beginnings;
        patterns.extend(["-----BEGIN ", "PuTTY-User-Key-File-", "://"]);
        meaning.extend([Anchor::Pem, Anchor::Putty, Anchor::Url]);
        patterns.extend(HASHES);
        meaning.extend(HASHES.iter().map(|_| Anchor::Hash));
        patterns.extend(KEYWORDS);
        meaning.extend(KEYWORDS.iter().map(|_| Anchor::Keyword));
        let mut builder = AhoCorasick::builder();
        builder.ascii_case_insensitive(true).match_kind(MatchKind::LeftmostLongest);
        let anchors = builder.build(&patterns).ok();
        Self {
            private_key: rule("private-key", "A private key"),
            url_password: rule("url-password", "A password in a URL"),
            password_hash: rule("password-hash", "A password's hash, which can be guessed at leisure"),
            assigned: rule("assigned-secret", "A value assigned to a name for secrets"),
            shapes,
            anchors,
            meaning,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::strategy::{Strategy as _, ValueTree as _};
    use proptest::string::string_regex;
    use proptest::test_runner::TestRunner;

    use super::{ALL, FORMS, Level, find, rules};

    fn ids(text: &str) -> Vec<&str> {
        find(text, false).into_iter().map(|hit| hit.rule.id.as_str()).collect()
    }

    /// Random values of every known form are found, in a line of code and in a file of settings.
    #[test]
    fn every_known_form_is_found() {
        let mut runner = TestRunner::deterministic();
        let (mut seen, mut missed) = (0, Vec::new());
        assert!(ALL.shapes.len() > 100, "{}", ALL.shapes.len());
        for shape in &ALL.shapes {
            let Some(secret) = shape.secret else { continue };
            let format = secret.format.as_ref().unwrap().as_str();
            let form = format.trim_start_matches('^').trim_end_matches('$').replace("\\S+", "[A-Za-z0-9/]{30}");
            let strategy = string_regex(&form).unwrap();
            for _ in 0..8 {
                let value = strategy.new_tree(&mut runner).unwrap().current();
                // Such a format has another alternative, without a beginning: those are found by their names only.
                if shape.beginning_len(&value) < 2 && !shape.whole {
                    continue;
                }
                for line in [format!("client = Client(\"{value}\", 1)"), format!("X_Y={value}\n")] {
                    seen += 1;
                    let whole = find(&line, false).into_iter().any(|hit| line[hit.start..hit.end] == value);
                    if !whole {
                        missed.push(format!("{} {value}", shape.rule.id));
                    }
                }
            }
        }
        assert!(seen > 1_400, "{seen}");
        // Made at random from classes of characters, some look like words, and some have `=` in their middle.
        assert!(missed.len() * 100 <= 4 * seen, "{} of {seen}: {missed:#?}", missed.len());
    }

    #[test]
    fn forms_beyond_the_catalogue_are_found() {
        let mut runner = TestRunner::deterministic();
        for form in FORMS {
            // Signs would be drawn as often as all letters together.
            let plain = form.3.trim_start_matches('^').replace("9_-]", "9]").replace("9_.-]", "9]");
            let strategy = string_regex(&plain).unwrap();
            let found = (0..8).filter(|_| {
                let line = format!("x = \"{}\"", strategy.new_tree(&mut runner).unwrap().current());
                ids(&line).contains(&form.0)
            });
            assert!(found.count() >= 6, "{}", form.0);
            assert!(form.2.iter().all(|start| start.len() >= super::TELLING), "{}", form.0);
        }
    }

    #[test]
    fn urls_and_private_keys() {
        let url = concat!("postgres://app:k3V8y", "T5rM2@db.shop.com:5432/app?x=1");
        let hits = find(url, false);
        assert_eq!((hits.len(), &url[hits[0].start..hits[0].end]), (1, concat!("k3V8y", "T5rM2")));
        for harmless in [
            "postgres://postgres:postgres@localhost/x",
            "https://user:pass@example.com/",
            "postgres://app:${PASSWORD}@db/x",
            "https://example.com/a:b@c",
            "redis://:@localhost",
            "mongodb://<user>:<password>@host/db",
            "https://example.com/@user:name",
        ] {
            assert_eq!(ids(harmless), [""; 0], "{harmless}");
        }
        let key = |body: &str| format!("{}{body}{}", concat!("-----BEGIN RSA PRIV", "ATE KEY-----\n"), "\n-----END");
        assert_eq!(ids(&key(&"k3V8yT5r".repeat(10))), ["private-key"]);
        assert_eq!(ids(&key("...")), [""; 0]);
        assert_eq!(ids(&key("<your key>")), [""; 0]);
    }

    #[test]
    fn examples_and_parts_of_words_are_left_alone() {
        let live = concat!("sk_l", "ive_k3V8yT5rM2Lp6Nd4");
        assert_eq!(find(live, false)[0].level, Level::Error);
        assert_eq!(find(&live.replace("live", "test"), false)[0].level, Level::Note);
        for harmless in [
            format!("x{live}"),
            format!("_{live}"),
            live.replace("k3V8yT5rM2Lp6Nd4", "xxxxxxxxxxxxxxxx"),
            live.replace("k3V8yT5rM2Lp6Nd4", "your_key_here"),
            "re_match_the_beginning_of_a_line".to_owned(),
            concat!("AKIA", "IOSFODNN7", "EXAMPLE").to_owned(),
            "hf_hub_download_file_from_repository_name".to_owned(),
        ] {
            assert_eq!(ids(&harmless), [""; 0], "{harmless}");
        }
    }

    #[test]
    fn rules_have_ids_of_their_own() {
        let mut ids: Vec<_> = rules().map(|rule| &rule.id).collect();
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_looked_at(text in "(\\PC|secret|password|token|=|:|\"|'|sk_live_|-----BEGIN |://|@|\n){0,60}") {
            for hit in find(&text, true) {
                proptest::prop_assert!(text.get(hit.start..hit.end).is_some());
            }
            super::super::candidates(&text, |at, _| assert!(text.is_char_boundary(at)));
        }
    }
}
