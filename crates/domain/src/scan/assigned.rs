//! What is assigned to a name for secrets: `password = "…"`, `"clientSecret": "…"`, `API_KEY=…`, `<token>…</token>`,
//! `--password …`. A name proves nothing, so the value must look like one.

use super::strength::strength;
use crate::catalogue::is_stand_in;

/// What stands in names for secrets, in small letters.
pub(super) const KEYWORDS: [&str; 27] = [
    "secret",
    "token",
    "passw",
    "passphrase",
    "pwd",
    "api_key",
    "api-key",
    "apikey",
    "access_key",
    "access-key",
    "accesskey",
    "account_key",
    "accountkey",
    "private_key",
    "privatekey",
    "encryption_key",
    "signing_key",
    "master_key",
    "credential",
    "auth",
    "dbpass",
    "_pass",
    "\"pass\"",
    "<pass>",
    "<pass ",
    "_salt",
    "_key",
];

/// What a name ends in that is for no secret.
const HARMLESS: [&str; 24] = [
    "id",
    "name",
    "type",
    "url",
    "uri",
    "path",
    "file",
    "count",
    "length",
    "size",
    "ttl",
    "expiry",
    "algorithm",
    "endpoint",
    "field",
    "header",
    "prefix",
    "label",
    "hint",
    "policy",
    "format",
    "version",
    "scope",
    "class",
];

/// What assigns.
const SIGNS: [&str; 6] = [":=", "=>", "->", "=", ":", ","];
/// Longest value that is looked at.
const LONGEST: usize = 512;
/// Most white space between a name and its value.
const GAP: usize = 24;

/// The value that is assigned to the name in which the keyword at `start..end` stands. In files of `settings` names mean
/// more, and values may be weaker.
pub(super) fn value(text: &str, start: usize, end: usize, settings: bool) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let in_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let tail = bytes.get(end..)?.iter().take(40).take_while(|byte| in_name(byte)).count();
    let name_end = end + tail;
    let name = text.get(start..name_end)?.to_ascii_lowercase();
    let keyword = text.get(start..end)?.to_ascii_lowercase();
    if keyword == "auth" && name.get(4..5).is_some_and(|next| !matches!(next, "_" | "-" | "t" | "k" | "p" | "s")) {
        return None; // author, authority
    }
    if HARMLESS.iter().any(|end| name.strip_suffix(end).is_some_and(|rest| !rest.is_empty() && name != *end)) {
        return None;
    }
    let any_key = matches!(keyword.as_str(), "_key" | "_salt");
    if any_key && (tail > 0 || text.get(..start)?.to_ascii_lowercase().ends_with("public")) {
        return None;
    }
    let place = if keyword.starts_with('<') { Place::inside(text, end)? } else { Place::after(text, start, name_end)? };
    let (from, to) = match place {
        Place::Quoted(at, quote) => {
            let inner = text.get(at..)?;
            let length =
                inner.char_indices().take(LONGEST).find(|(_, c)| *c == quote || *c == '\n').map(|(at, _)| at)?;
            (at, at + length)
        }
        Place::Bare(at) => {
            let stop = |c: char| {
                c.is_whitespace()
                    || matches!(c, '"' | '\'' | '`' | ',' | ';' | ')' | '}' | ']' | '<' | '>' | '&' | '|' | '(')
            };
            let inner = text.get(at..)?;
            (at, at + inner.find(stop).unwrap_or(inner.len()))
        }
    };
    let found = text.get(from..to)?;
    let kind = match keyword.as_str() {
        "pwd" | "dbpass" | "_pass" | "\"pass\"" | "<pass>" | "<pass " => Sort::Password,
        keyword if keyword.starts_with("pass") => Sort::Password,
        _ if any_key => Sort::Any,
        "auth" => Sort::Basic,
        _ => Sort::Secret,
    };
    let bare = matches!(place, Place::Bare(_));
    // A call, or a name of code.
    let code = text.get(to..)?.starts_with('(') || found.contains('_') && strength(found) < 80;
    if bare && !settings && code {
        return None;
    }
    is_secret(found, kind, bare, settings).then_some((from, to))
}

/// What a name promises.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Password,
    Secret,
    /// Also user and password in base64.
    Basic,
    /// It could be a key of a map as well.
    Any,
}

enum Place {
    Quoted(usize, char),
    Bare(usize),
}

impl Place {
    /// The text of an element whose name ends at `at`.
    fn inside(text: &str, at: usize) -> Option<Self> {
        let rest = text.get(at..)?;
        if text.get(..at)?.ends_with('>') {
            return Some(Self::Bare(at));
        }
        let end = rest.find(['>', '\n'])?;
        rest.get(end..)?.starts_with('>').then_some(Self::Bare(at + end + 1))
    }

    /// Where the value of the name begins, of which the keyword stands at `start` and whose end is `at`.
    fn after(text: &str, start: usize, at: usize) -> Option<Self> {
        let rest = text.get(at..)?;
        let closed = rest.trim_start_matches(['"', '\'', '`', ']', '\\']);
        let spaced = closed.trim_start_matches([' ', '\t']);
        let sign = SIGNS.iter().find(|sign| spaced.starts_with(**sign));
        let begun = match sign {
            Some(sign) => {
                let after = spaced.get(sign.len()..).filter(|after| !after.starts_with(['=', ':', '>']))?;
                if *sign == ":" { Self::typed(after).unwrap_or(after) } else { after }
            }
            None => Self::unsigned(text, start, closed).or_else(|| Self::word(text, start, rest))?,
        };
        let inner = begun.trim_start_matches([' ', '\t', '(', '{', '[']);
        if begun.len() - inner.len() > GAP {
            return None;
        }
        // `b"…"`, `@"…"`, and `\"…\"` in a string.
        let bare = inner.trim_start_matches(['b', 'f', 'r', 'u', '@', '\\']);
        let inner = if bare.starts_with(['"', '\'', '`']) { bare } else { inner };
        let offset = text.len() - inner.len();
        match inner.chars().next()? {
            quote @ ('"' | '\'' | '`') => {
                // `["PASSWORD"], "other"` are two things; `define("PASSWORD", "value")` is one.
                let apart = sign == Some(&",") && rest.get(..rest.len() - closed.len())?.contains(']');
                (!apart).then_some(Self::Quoted(offset + 1, quote))
            }
            // `f(KEY, other)` says nothing of `other`.
            _ => (sign != Some(&",")).then_some(Self::Bare(offset)),
        }
    }

    /// `set_password("…")`, `<password>…</password>`.
    fn unsigned<'t>(text: &str, start: usize, closed: &'t str) -> Option<&'t str> {
        let element = text
            .get(..start)?
            .trim_end_matches(|c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_')
            .ends_with('<');
        match closed.strip_prefix('>').filter(|_| element) {
            Some(inside) => Some(inside),
            None => closed.strip_prefix('(').filter(|rest| rest.starts_with(['"', '\''])),
        }
    }

    /// `--password …`, and `password …` of a .netrc.
    fn word<'t>(text: &str, start: usize, rest: &'t str) -> Option<&'t str> {
        let before = text.get(..start)?;
        let alone = before.is_empty() || before.ends_with([' ', '\n', '\t', '-']);
        rest.strip_prefix(' ').filter(|rest| alone && !rest.starts_with([' ', '"', '-']))
    }

    /// What follows the type of a declaration: `password: String = "…"`.
    fn typed(after: &str) -> Option<&str> {
        let kind = after.trim_start();
        let word =
            kind.len() - kind.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "<>&_?".contains(c)).len();
        let rest = kind.get(word..)?.trim_start();
        (word > 0)
            .then(|| rest.strip_prefix('='))
            .flatten()
            .filter(|rest| rest.trim_start().starts_with(['"', '\'', '`', 'b', 'f', 'r']))
    }
}

/// What stands in code, and never in a value.
const CODE: [&str; 16] =
    ["[A-Z", "[a-z", "${", "{{", "%s", "%(", "$(", "<%", "::", "()", "->", "=>", "\\u", "__", "...", "${{"];
/// What values do not begin with: variables, addresses, digests, paths.
const STARTS: [&str; 21] = [
    "$", "process.", "os.", "env.", "ENV[", "secrets.", "arn:", "http:", "https:", "sha256-", "sha512-", "sha1-",
    "self.", "this.", "config.", "args.", "data:", "urn:", "./", "../", "@",
];
const ENDS: [&str; 15] = [
    ".pem", ".key", ".json", ".crt", ".txt", ".yml", ".yaml", ".ts", ".js", ".go", ".py", ".rs", ".md", ".html", ".com",
];

fn is_secret(found: &str, sort: Sort, bare: bool, settings: bool) -> bool {
    let length = found.chars().count();
    let fits = (8..=LONGEST).contains(&length) || (sort == Sort::Password && length >= 6);
    if !fits {
        return false;
    }
    let bits = strength(found);
    let has = |test: fn(&u8) -> bool| found.bytes().any(|byte| test(&byte));
    let (digit, letter) = (has(u8::is_ascii_digit), has(u8::is_ascii_alphabetic));
    let sign = has(|byte| byte.is_ascii_punctuation() && !matches!(byte, b'_' | b'-' | b'.' | b'/' | b':'));
    // Only what a generator made has spaces among many signs.
    let spaced = found.chars().any(char::is_whitespace);
    if !found.is_ascii() || is_stand_in(found) || (spaced && (bare || bits < 120 || !(digit && sign))) {
        return false;
    }
    let path = found.starts_with('/') && found.matches('/').count() > 1 && bits < 90;
    let code = !spaced && CODE.iter().any(|part| found.contains(part)) && bits < 120;
    let known = STARTS.iter().any(|start| found.starts_with(start)) || ENDS.iter().any(|end| found.ends_with(end));
    if path || code || (known && bits < 120) {
        return false;
    }
    match (sort, bare) {
        (Sort::Password, _) if settings => letter && (digit || sign) && bits >= 6,
        (Sort::Password, false) => bits >= 14 && letter && (digit || sign),
        (Sort::Password, true) => bits >= 22 && letter && (digit || sign) && !found.contains('.'),
        (Sort::Basic, _) if is_basic(found) => true,
        (Sort::Secret | Sort::Basic, false) => bits >= 32 && letter && (digit || sign),
        (Sort::Secret | Sort::Basic, true) => bits >= 36 && digit && letter,
        (Sort::Any, _) => bits >= 60 && digit && letter,
    }
}

/// Whether it is `user:password` in base64.
fn is_basic(found: &str) -> bool {
    use base64::Engine as _;
    let decoded = base64::engine::general_purpose::STANDARD.decode(found).ok();
    let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    text.is_some_and(|text| {
        text.bytes().all(|byte| byte.is_ascii_graphic())
            && text.split_once(':').is_some_and(|(user, password)| !user.is_empty() && password.len() >= 4)
    })
}

/// Files of settings whose names have no ending.
const BARE_NAMES: [&str; 8] = ["config", "credentials", "env", "hub", "netrc", "passwd", "secrets", "settings"];

/// Whether a file of this name holds settings, in which a name such as `password` means what it says. In tests and
/// translations it does not.
pub fn is_settings(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    let elsewhere =
        ["test", "spec", "fixture", "locale", "i18n", "lang", "translation", "example", "sample", "mock", "schema"];
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
    if folder.split('/').any(|part| elsewhere.iter().any(|word| part.contains(word))) {
        return false;
    }
    let endings = [
        "env",
        "ini",
        "cfg",
        "cnf",
        "conf",
        "config",
        "properties",
        "yml",
        "yaml",
        "json",
        "xml",
        "toml",
        "tfvars",
        "php",
    ];
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    endings.contains(&ending) || name.starts_with('.') || BARE_NAMES.contains(&name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::scan::find;

    fn found(line: &str) -> Vec<&str> {
        find(line, false)
            .iter()
            .filter(|hit| hit.rule.id == "assigned-secret")
            .map(|hit| &line[hit.start..hit.end])
            .collect()
    }

    #[test]
    fn assignments_of_every_kind() {
        let (key, word) = ("k3V8yT5rM2Lp6Nd4", "Tr0ub4dor&3x");
        for (line, value) in [
            ("const apiKey = \"{}\";", key),
            ("api_key: '{}'", key),
            ("API_KEY={}", key),
            ("export AUTH_TOKEN={}", key),
            ("\"clientSecret\": \"{}\",", key),
            ("  client_secret: {}", key),
            ("password = \"{}\"", word),
            ("DB_PASSWORD={}", "k3V8yT5rM2"),
            ("db.setPassword('{}')", word),
            ("<password>{}</password>", "k3V8yT5rM2"),
            ("password: String = \"{}\"", word),
            ("let token: string = '{}'", key),
            ("token := \"{}\"", key),
            (":secret => '{}'", key),
            ("secrets['api_key'] = \"{}\"", key),
            ("mysql --password {}", "k3V8yT5rM2"),
            ("machine example.com login me password {}", "k3V8yT5rM2"),
            ("//registry.example.com/:_authToken={}", key),
            ("AccountKey={}", "k3V8yT5rM2Lp6Nd4k3V8zQ=="),
            ("PASSWORD = b'{}'", word),
        ] {
            let line = line.replace("{}", value);
            assert_eq!(found(&line), [value], "{line}");
        }
    }

    #[test]
    fn settings_mean_what_they_say() {
        let found = |line: &'static str| {
            let hits = find(line, true);
            hits.iter().map(|hit| &line[hit.start..hit.end]).collect::<Vec<_>>()
        };
        for (line, value) in [
            (concat!("DB_PASS", "WORD=admin123"), "admin123"),
            ("\"pass\": \"hunter22\",", "hunter22"),
            ("machine example.com login me password pass123", "pass123"),
            ("<Pass encoding=\"base64\">ExamplePas123</Pass>", "ExamplePas123"),
            (concat!("_auth", " = YWRtaW46YWRtaW4="), "YWRtaW46YWRtaW4="),
        ] {
            assert_eq!(found(line), [value], "{line}");
        }
        for line in [
            "password=changeme",
            "password: Passwort",
            "\"password\": \"${PASSWORD1}\"",
            "password_min=8",
            "pass: true",
        ] {
            assert_eq!(found(line), [""; 0], "{line}");
        }
        assert!(super::is_settings("a/.env") && super::is_settings("config/app.yml") && super::is_settings("hub"));
        assert!(
            !super::is_settings("src/a.rs")
                && !super::is_settings("tests/.env")
                && !super::is_settings("locales/de.json")
        );
    }

    #[test]
    fn what_only_looks_like_one() {
        for line in [
            "const token = await getToken(request);",
            "password = os.environ[\"DB_PASSWORD_2024\"]",
            "password: \"${DB_PASSWORD_V2}\"",
            "password: \"Enter your password (8 or more)\"",
            "api_key = \"your-api-key-here-1234\"",
            "author = \"k3V8yT5rM2Lp6Nd4\"",
            "token_type: \"k3V8yT5rM2Lp6Nd4\"",
            "secret_name = \"k3V8yT5rM2Lp6Nd4\"",
            "if token == \"k3V8yT5rM2Lp6Nd4\" {",
            "password = \"changeme\"",
            "password=secret",
            "token: TokenKind::Identifier2,",
            "let token = self.tokens[i2];",
            "secret: process.env.SECRET_V2_KEY",
            "private_key: ./keys/server-2024.pem",
            "token = \"xxxxxxxxxxxxxxxxxxxx\"",
            "the password is required to be 8 characters",
            "auth: { user: 'admin1' }",
            "AUTH_URL=https://auth.example.com/oauth2/token",
            "secret: \"****************\"",
        ] {
            assert_eq!(found(line), [""; 0], "{line}");
        }
    }
}
