//! What goes wrong when a value is copied from somewhere: quotes, white space, a whole line, a placeholder, a mask.
//! Nothing here knows a provider.

/// Texts that stand for a value still to come. Compared in small letters, as a whole.
const PLACEHOLDERS: &[&str] = &[
    "-",
    "api-key",
    "api_key",
    "apikey",
    "bar",
    "changeit",
    "changeme",
    "dummy",
    "empty",
    "example",
    "foo",
    "foobar",
    "key",
    "my-secret",
    "n/a",
    "nil",
    "none",
    "null",
    "passwd",
    "password",
    "placeholder",
    "redacted",
    "sample",
    "secret",
    "string",
    "tbd",
    "test",
    "todo",
    "token",
    "undefined",
    "value",
    "[object object]",
];

/// The same as parts of a text.
const PLACEHOLDER_PARTS: &[&str] = &[
    "your-",
    "your_",
    "your ",
    "yourkey",
    "yourapi",
    "yoursecret",
    "yourtoken",
    "changeme",
    "change-me",
    "change_me",
    "replaceme",
    "replace-me",
    "replace_me",
    "replace-with",
    "replace_with",
    "insert-",
    "insert_",
    "placeholder",
    "-goes-here",
    "_goes_here",
    "key-here",
    "key_here",
    "token-here",
    "token_here",
    "secret-here",
    "secret_here",
    "xxxxxx",
];

/// What a look at a pasted text found. Flags, so that nothing of the text is kept but its core.
#[derive(Debug, Default)]
pub(super) struct Look<'a> {
    /// The value without what was pasted around it.
    pub(super) core: &'a str,
    pub(super) whitespace: bool,
    pub(super) quotes: bool,
    pub(super) scheme: bool,
    pub(super) assignment: bool,
}

/// Takes off what was pasted around the value.
pub(super) fn look(value: &str) -> Look<'_> {
    let mut core = value.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    // Files end in a line end; a key that is a whole file keeps it.
    let file = core.starts_with("-----BEGIN ") || core.starts_with('{');
    let whitespace = core.len() != value.len() && !(file && value.trim_end_matches(['\r', '\n']) == core);
    let mut look = Look { whitespace, ..Look::default() };
    if let Some(inner) = assigned(core) {
        (core, look.assignment) = (inner.trim(), true);
    }
    if let Some(inner) = unquoted(core) {
        (core, look.quotes) = (inner.trim(), true);
    }
    let header = core
        .get(..14)
        .filter(|start| start.eq_ignore_ascii_case("authorization:"))
        .map_or(core, |_| core.get(14..).unwrap_or_default().trim_start());
    for scheme in ["bearer ", "basic "] {
        if header.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)) {
            (core, look.scheme) = (header.get(scheme.len()..).unwrap_or_default().trim(), true);
        }
    }
    look.core = core;
    look
}

/// What names of secrets end in.
const NAME_ENDINGS: &[&str] = &[
    "KEY",
    "SECRET",
    "TOKEN",
    "URL",
    "URI",
    "ID",
    "SID",
    "PASSWORD",
    "PASS",
    "USER",
    "DSN",
    "PAT",
    "CREDENTIALS",
    "JSON",
];

/// What follows `NAME=` or `export NAME=`, if it looks like a line of a `.env` file. The name must look like one, since
/// values may hold `=` too.
fn assigned(text: &str) -> Option<&str> {
    let exported = text.strip_prefix("export ");
    let (name, value) = exported.unwrap_or(text).split_once('=')?;
    let name = name.trim();
    let capitals = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let is_name = name.starts_with(|c: char| c.is_ascii_uppercase()) && name.chars().all(capitals) && name.len() <= 64;
    let known = exported.is_some() || name.rsplit_once('_').is_some_and(|(_, end)| NAME_ENDINGS.contains(&end));
    (is_name && known && !value.trim().is_empty()).then_some(value)
}

fn unquoted(text: &str) -> Option<&str> {
    [("\"", "\""), ("'", "'"), ("`", "`"), ("“", "”"), ("‘", "’"), ("„", "“"), ("«", "»")]
        .iter()
        .find_map(|(open, close)| text.strip_prefix(open)?.strip_suffix(close))
}

/// Whether a text is no value at all: a mask, a variable, a placeholder.
pub(crate) fn is_stand_in(core: &str) -> bool {
    is_masked(core) || is_reference(core) || is_placeholder(core)
}

/// Whether a text stands for a value still to come.
pub(super) fn is_placeholder(core: &str) -> bool {
    // A long text is no placeholder, and what it holds by chance should not make it one.
    if core.len() > 256 {
        return false;
    }
    let small = zeroize::Zeroizing::new(core.to_ascii_lowercase());
    let wrapped = |open: char, close: char| core.len() > 2 && core.starts_with(open) && core.ends_with(close);
    let same = || core.chars().all(|c| core.starts_with(c));
    PLACEHOLDERS.contains(&small.as_str())
        || PLACEHOLDER_PARTS.iter().any(|part| small.contains(part))
        || (wrapped('<', '>') || wrapped('[', ']')) && !core.contains(['"', ','])
        || (core.chars().count() >= 3 && same())
        || core.ends_with("...")
        || core.ends_with('…')
        || core.ends_with("EXAMPLE")
        || core.ends_with("EXAMPLEKEY")
}

/// Whether a text is a variable that nobody replaced by its value: `$NAME`, `${NAME}`, `{{ name }}`, `%NAME%`,
/// `process.env.NAME`, `op://…`.
pub(super) fn is_reference(core: &str) -> bool {
    let identifier = |text: &str| {
        !text.is_empty()
            && text.len() <= 128
            && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | ' '))
    };
    let between = |open: &str, close: &str| {
        core.strip_prefix(open).and_then(|rest| rest.strip_suffix(close)).is_some_and(identifier)
    };
    between("${", "}")
        || between("$(", ")")
        || between("{{", "}}")
        || between("%", "%")
        || core.strip_prefix('$').is_some_and(|rest| {
            rest.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_') && rest.contains('_')
        })
        || core.starts_with("process.env.")
        || core.starts_with("op://")
}

/// Whether a text is a mask, or holds one, as Tresor and most consoles show it.
pub(super) fn is_masked(core: &str) -> bool {
    ["****", "••••", "●●●●", "…………"].iter().any(|mask| core.contains(mask))
}

/// Whether a character shows as nothing or as another: copied from a document or a chat.
pub(super) fn has_invisible(core: &str) -> bool {
    core.chars().any(|c| {
        matches!(c, '\u{a0}' | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{fffd}' | '‘' | '’' | '“' | '”' | '–' | '—')
            || (c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
    })
}

/// Whether an address points to the machine that it is used on.
pub(super) fn is_local_address(core: &str) -> bool {
    let Some((_, rest)) = core.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let name = if host.starts_with('[') { host } else { host.split(':').next().unwrap_or_default() };
    matches!(name, "localhost" | "127.0.0.1" | "0.0.0.0" | "host.docker.internal") || name.starts_with("[::1]")
}
