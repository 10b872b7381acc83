//! `.env` files, read as npm `dotenv` 17 reads them. What lives here is the dialect only: any key and any value, empty
//! ones too. The rules for names and values come after it.
//!
//! `dotenv` is one regular expression, applied from line to line, and its corners are kept: a value may stand on a
//! later line than its name, and an unclosed quote is part of the value. The corpora in `tests/dotenv` hold what npm
//! `dotenv` gives; `tests/clients/dotenv.test.mjs` keeps them true. It skips what it does not understand; we report it.

use zeroize::Zeroizing;

use super::{Item, Pem, Stray, Warning};

/// What a `.env` file says.
#[derive(Debug, Default)]
pub struct Parsed {
    /// In the order of the file; of equal keys, the last one counts.
    pub assignments: Vec<Assignment>,
    /// Lines that `dotenv` skips although they are neither empty nor comments.
    pub strays: Vec<Stray>,
}

/// `KEY=value`, with quotes taken off and the escapes of double quotes undone.
pub struct Assignment {
    /// Where the key stands; the first line is 1.
    pub line: usize,
    /// `[A-Za-z0-9_.-]+`. Not always a name: the last line of a broken PEM block reads as one.
    pub key: Zeroizing<String>,
    /// The value, perhaps empty.
    pub value: Zeroizing<String>,
    /// What is odd about it.
    pub warnings: Vec<Warning>,
}

impl std::fmt::Debug for Assignment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Assignment").field("line", &self.line).field("warnings", &self.warnings).finish_non_exhaustive()
    }
}

impl From<Assignment> for Item {
    fn from(found: Assignment) -> Self {
        Self { line: found.line, key: found.key, value: Ok(found.value), warnings: found.warnings }
    }
}

/// Reads `text`. Takes time in proportion to its length, whatever it holds.
pub fn parse(text: &str) -> Parsed {
    let text = one_line_end(text);
    let mut parsed = Parsed::default();
    let mut lines = LineCounter { text: &text, at: 0, line: 1 };
    let (mut start, mut reported) = (0, 0);
    while start < text.len() {
        let key_at = start + space_len(from(&text, start));
        match Match::find(&text, key_at) {
            Some(found) => {
                strays(&text, reported, key_at, &mut lines, &mut parsed.strays);
                parsed.assignments.push(found.assignment(&text, lines.line_at(key_at)));
                reported = found.end;
                start = next_line(&text, found.end);
            }
            // From every empty line before it the same key would be tried again, so they are passed over.
            None => start = next_line(&text, key_at + first_len(from(&text, key_at))),
        }
    }
    strays(&text, reported, text.len(), &mut lines, &mut parsed.strays);
    parsed
}

/// One match of `dotenv`'s expression, as byte positions.
struct Match {
    key: (usize, usize),
    value: (usize, usize),
    /// Where the key's separator ends: the value may stand on a later line.
    separator_end: usize,
    end: usize,
}

impl Match {
    /// `(?:export\s+)?([\w.-]+)(?:\s*=\s*?|:\s+?)(…)?\s*(?:#.*)?$` at `at`.
    fn find(text: &str, at: usize) -> Option<Self> {
        let exported = from(text, at).strip_prefix("export").map_or(0, space_len);
        let (key, separator_end) = Some(exported)
            .filter(|space| *space > 0)
            .and_then(|space| key_and_separator(text, at + "export".len() + space))
            .or_else(|| key_and_separator(text, at))?;
        let (value, end) = quoted(text, separator_end).or_else(|| unquoted(text, separator_end))?;
        Some(Self { key, value, separator_end, end })
    }

    fn assignment(&self, text: &str, line: usize) -> Assignment {
        let slice = |(start, end): (usize, usize)| text.get(start..end).unwrap_or_default();
        let raw = slice(self.value);
        let trimmed = raw.trim_matches(is_space);
        let value = unquote(trimmed);
        let mut warnings = Vec::new();
        if trimmed.starts_with(['"', '\'', '`']) && !is_quoted(trimmed) {
            warnings.push(Warning::QuoteUnclosed);
        }
        let value_end = self.value.1;
        if !is_quoted(trimmed) && from(text, value_end).starts_with('#') && !raw.is_empty() && !raw.ends_with(is_space)
        {
            warnings.push(Warning::CutAtHash);
        }
        if value.contains("${") || value.contains("$(") {
            warnings.push(Warning::NotExpanded);
        }
        let value_start = self.separator_end + space_len(raw);
        if !trimmed.is_empty() && slice((self.key.0, value_start)).contains('\n') {
            warnings.push(Warning::OnLaterLine);
        }
        Assignment { line, key: Zeroizing::new(slice(self.key).to_owned()), value, warnings }
    }
}

fn key_and_separator(text: &str, at: usize) -> Option<((usize, usize), usize)> {
    let in_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let rest = from(text, at);
    let end = at + rest.find(|c| !in_key(c)).unwrap_or(rest.len());
    if end == at {
        return None;
    }
    let rest = from(text, end);
    let space = space_len(rest);
    if from(rest, space).starts_with('=') {
        return Some(((at, end), end + space + 1));
    }
    let after_colon = rest.strip_prefix(':')?;
    let first = after_colon.chars().next().filter(|c| is_space(*c))?;
    Some(((at, end), end + 1 + first.len_utf8()))
}

/// `\s*'(?:\\'|[^'])*'` or the same with another quote, if only white space and a comment follow on the line.
///
/// The expression closes at the first quote without a backslash before it. If what follows does not fit, it goes back
/// to the last escaped one, and so on.
fn quoted(text: &str, at: usize) -> Option<((usize, usize), usize)> {
    let open = at + space_len(from(text, at));
    let quote = from(text, open).chars().next().filter(|c| matches!(c, '"' | '\'' | '`'))?;
    let body = open + 1;
    let mut escaped = Vec::new();
    for (offset, _) in from(text, body).match_indices(quote) {
        let close = body + offset;
        if text.get(body..close).is_some_and(|before| before.ends_with('\\')) {
            escaped.push(close);
            continue;
        }
        if let Some(end) = tail(text, close + 1) {
            return Some(((at, close + 1), end));
        }
        break;
    }
    escaped.iter().rev().find_map(|close| tail(text, close + 1).map(|end| ((at, close + 1), end)))
}

/// `[^#\r\n]+`, or nothing.
fn unquoted(text: &str, at: usize) -> Option<((usize, usize), usize)> {
    let rest = from(text, at);
    let end = at + rest.find(['#', '\n']).unwrap_or(rest.len());
    tail(text, end).map(|match_end| ((at, end), match_end))
}

/// `\s*(?:#.*)?$` at `at`: where it ends.
fn tail(text: &str, at: usize) -> Option<usize> {
    let end = at + space_len(from(text, at));
    let rest = from(text, end);
    if rest.is_empty() {
        return Some(end);
    }
    if rest.starts_with('#') {
        return Some(end + rest.find(is_line_end).unwrap_or(rest.len()));
    }
    text.get(at..end)?.rfind(is_line_end).map(|offset| at + offset)
}

/// `value.replace(/^(['"`])([\s\S]*)\1$/mg, '$2')`, then the escapes.
fn unquote(trimmed: &str) -> Zeroizing<String> {
    // It only shrinks, so it never moves and leaves no copy behind.
    let mut stripped = Zeroizing::new(String::with_capacity(trimmed.len()));
    let mut at = 0;
    let mut copied = 0;
    while at < trimmed.len() {
        let rest = from(trimmed, at);
        let closing = rest.chars().next().filter(|c| matches!(c, '"' | '\'' | '`')).and_then(|quote| {
            rest.rmatch_indices(quote)
                .map(|(offset, _)| offset)
                .find(|offset| *offset > 0 && from(rest, offset + 1).chars().next().is_none_or(is_line_end))
        });
        let next = match closing {
            Some(close) => {
                stripped.push_str(trimmed.get(copied..at).unwrap_or_default());
                stripped.push_str(rest.get(1..close).unwrap_or_default());
                copied = at + close + 1;
                copied
            }
            None => at + first_len(rest),
        };
        at = next_line(trimmed, next);
    }
    stripped.push_str(from(trimmed, copied));
    if trimmed.starts_with('"') { unescape(&stripped) } else { stripped }
}

fn unescape(text: &str) -> Zeroizing<String> {
    let mut out = Zeroizing::new(String::with_capacity(text.len()));
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let (pushed, skipped) = match after.chars().next() {
            Some('n') => ('\n', 1),
            Some('r') => ('\r', 1),
            _ => ('\\', 0),
        };
        out.push(pushed);
        rest = from(after, skipped);
    }
    out.push_str(rest);
    out
}

fn is_quoted(trimmed: &str) -> bool {
    trimmed.len() > 1 && ['"', '\'', '`'].iter().any(|quote| trimmed.starts_with(*quote) && trimmed.ends_with(*quote))
}

/// Reports the lines of a part that no match covers.
fn strays(text: &str, start: usize, end: usize, lines: &mut LineCounter<'_>, found: &mut Vec<Stray>) {
    let mut at = start;
    for part in text.get(start..end).unwrap_or_default().split_inclusive('\n') {
        let line = part.trim_matches(is_space);
        if !line.is_empty() && !line.starts_with('#') {
            let pem = match line {
                begin if begin.starts_with("-----BEGIN ") => Some(Pem::Begin),
                end if end.starts_with("-----END ") => Some(Pem::End),
                _ => None,
            };
            found.push(Stray { line: lines.line_at(at), pem });
        }
        at += part.len();
    }
}

/// Counts lines up to ever later positions, each byte once.
struct LineCounter<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

impl LineCounter<'_> {
    fn line_at(&mut self, at: usize) -> usize {
        self.line += self.text.get(self.at..at).unwrap_or_default().bytes().filter(|byte| *byte == b'\n').count();
        self.at = at;
        self.line
    }
}

/// `\r\n?` becomes `\n`.
fn one_line_end(text: &str) -> Zeroizing<String> {
    let mut out = Zeroizing::new(String::with_capacity(text.len()));
    for (index, part) in text.split('\r').enumerate() {
        if index > 0 && !part.starts_with('\n') {
            out.push('\n');
        }
        out.push_str(part);
    }
    out
}

fn from(text: &str, at: usize) -> &str {
    text.get(at..).unwrap_or_default()
}

fn first_len(text: &str) -> usize {
    text.chars().next().map_or(1, char::len_utf8)
}

fn space_len(text: &str) -> usize {
    text.find(|c| !is_space(c)).unwrap_or(text.len())
}

/// The first position from `at` on where `^` holds.
fn next_line(text: &str, at: usize) -> usize {
    if text.get(..at).is_some_and(|before| before.ends_with(is_line_end)) {
        return at;
    }
    let rest = from(text, at);
    rest.char_indices().find(|(_, c)| is_line_end(*c)).map_or(text.len(), |(offset, c)| at + offset + c.len_utf8())
}

/// `\s` of JavaScript.
fn is_space(c: char) -> bool {
    matches!(c, '\t'..='\r' | ' ' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{2028}' | '\u{2029}' | '\u{202f}' | '\u{205f}' | '\u{3000}' | '\u{feff}')
}

/// Where `^` and `$` hold besides the ends; `\r` is gone by then.
fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::{Pem, Warning, parse};

    fn warnings(text: &str) -> Vec<Warning> {
        parse(text).assignments.remove(0).warnings
    }

    #[test]
    fn what_dotenv_skips_is_reported_by_line() {
        let parsed =
            parse("\u{feff}A=1\n\nnonsense\n# fine\n  B 2\nC=3\r\nKEY=-----BEGIN X-----\rabc/+\n-----END X-----\n");
        let strays: Vec<_> = parsed.strays.iter().map(|stray| (stray.line, stray.pem)).collect();
        assert_eq!(strays, [(3, None), (5, None), (8, None), (9, Some(Pem::End))]);
        let lines: Vec<_> = parsed.assignments.iter().map(|found| (found.line, found.key.as_str())).collect();
        assert_eq!(lines, [(1, "A"), (6, "C"), (7, "KEY")]);
    }

    #[test]
    fn odd_entries_are_taken_with_a_warning() {
        assert_eq!(warnings("A=b#c"), [Warning::CutAtHash]);
        assert_eq!(warnings("A=b #c"), []);
        assert_eq!(warnings("A='b'#c"), []);
        assert_eq!(warnings("A=#c"), []);
        assert_eq!(warnings("A=\"b"), [Warning::QuoteUnclosed]);
        assert_eq!(warnings("A=\"b\" c"), [Warning::QuoteUnclosed]);
        assert_eq!(warnings("A='${b}'"), [Warning::NotExpanded]);
        assert_eq!(warnings("A=$(id)"), [Warning::NotExpanded]);
        assert_eq!(warnings("A=$2b$10$x"), []);
        assert_eq!(warnings("A=\n'b'"), [Warning::OnLaterLine]);
        assert_eq!(warnings("A=\nB=c"), []);
    }

    /// Each of these makes a matcher that retries from every position take minutes.
    #[test]
    fn hostile_text_takes_linear_time() {
        let began = std::time::Instant::now();
        for unit in
            ["\n", "A='\n", "A=\"\\\"\n", "A\n", "export ", "A= ", "#\n", "\\'", "A=`\\` \\` \n", "'\n\u{2028}", "A:\n"]
        {
            for end in ["", "!", "\n\"", "'", "="] {
                let text = unit.repeat((64 << 10) / unit.len()) + end;
                parse(&text);
            }
        }
        assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
    }
}
